"""A clock that was wrong: no moment it left behind keeps anything waiting, and that it went back is told.

A machine whose battery is empty starts in another year, and clocks are set by hand. What was stored meanwhile lies in
the future once the clock is right again: whoever compares a stored moment with now asks here, and takes what lies ahead
for worth nothing. The worker looks every half minute, and keeps the newest moment it saw.
"""

import logging
from datetime import datetime, timedelta

from django.utils import timezone

from shop.models import Heartbeat

logger = logging.getLogger(__name__)

TOLERANCE = timedelta(minutes=2)  # clocks of processes and of a database server differ by so much at most
JUMP = timedelta(days=3)  # longer than a weekend with the machine off
TOLD_FOR = timedelta(days=7)
SETTLES_AFTER = timedelta(days=1)

# Heartbeats of the clock itself: the newest moment it showed; when and from where it went back; when it jumped.
_NEWEST, _BACK_AT, _BACK_FROM, _JUMPED = "clock", "clock went back", "clock was at", "clock jumped"
_NOTES = (_BACK_AT, _BACK_FROM, _JUMPED)


def is_ahead(moment: datetime, now: datetime | None = None) -> bool:
    """Whether a stored moment lies in the future, so that a wrong clock must have written it."""
    return moment > (now or timezone.now()) + TOLERANCE


def is_within(moment: datetime, span: timedelta, now: datetime | None = None) -> bool:
    """Whether a stored moment lies in the last `span`; one in the future lies in no span."""
    now = now or timezone.now()
    return now - span < moment and not is_ahead(moment, now)


def look() -> bool:
    """Compare the clock with the newest moment it showed before, and keep what it shows; whether it went back.

    A second look finds the same moment and changes nothing.
    """
    now = timezone.now()
    beats = dict(Heartbeat.objects.values_list("name", "beat_at"))
    newest = max((at for name, at in beats.items() if name not in _NOTES), default=now)
    went_back = is_ahead(newest, now)
    if went_back:
        _keep(_BACK_FROM, newest)
        _keep(_BACK_AT, now)
        Heartbeat.objects.exclude(name__in=_NOTES).filter(beat_at__gt=now).update(beat_at=now)
        logger.error("The clock went back from %s to %s.", newest.isoformat(), now.isoformat())
    elif now - newest > JUMP:
        _keep(_JUMPED, now)
    _keep(_NEWEST, now)
    return went_back


def _keep(name, moment):
    Heartbeat.objects.update_or_create(name=name, defaults={"beat_at": moment})


def went_back() -> tuple[datetime, datetime] | None:
    """(from, to) where the clock went back within the last week, else None."""
    beats = dict(Heartbeat.objects.filter(name__in=(_BACK_AT, _BACK_FROM)).values_list("name", "beat_at"))
    at = beats.get(_BACK_AT)
    return (beats[_BACK_FROM], at) if at and _BACK_FROM in beats and is_within(at, TOLD_FOR) else None


def is_settled() -> bool:
    """Whether what is old may be deleted by this clock: it has not jumped ahead by days within the last day.

    After a jump either the clock is wrong, or the machine was off for long; then what is old waits a day longer.
    """
    jumped = Heartbeat.objects.filter(name=_JUMPED).values_list("beat_at", flat=True).first()
    return jumped is None or not is_within(jumped, SETTLES_AFTER)
