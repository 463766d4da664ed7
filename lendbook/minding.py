"""What a clock that was ahead left behind, taken back to now; and the sentences that tell that it went back.

The worker calls `mind` every half minute, before it looks what is due: so a schedule, a queued task or a login that
was written with tomorrow's date waits for no tomorrow.
"""

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from ledger import daybook
from ledger.models import DaySeen, LedgerEntry
from lendbook import schedules
from shop import clock
from shop.models import Book

logger = logging.getLogger(__name__)

EVERY_SECONDS = 3600
_last = None  # when this process last put right what lay ahead, by the clock that nobody sets


def mind() -> None:
    """Look at the clock; put right what lies ahead at the start, once an hour, and when it went back."""
    global _last
    went_back = clock.look()
    if went_back or _last is None or time.monotonic() - _last >= EVERY_SECONDS:
        put_right()
        _last = time.monotonic()
    schedules.put_right()


def put_right() -> None:
    """Take back to now what was stored for a moment that no right clock could have written. A second run finds nothing."""
    now = timezone.now()
    ahead = now + clock.TOLERANCE
    _free_queued_tasks(now, ahead)
    longest = timedelta(seconds=settings.SESSION_COOKIE_AGE)
    Session.objects.filter(expire_date__gt=ahead + longest).update(expire_date=now + longest)
    DaySeen.objects.filter(seen_at__gt=ahead).update(seen_at=now)


def _free_queued_tasks(now, ahead):
    """A task queued or begun under a clock that was ahead may be taken now: each may run twice."""
    from django_q.conf import Conf
    from django_q.models import OrmQ

    may_be_taken = now - timedelta(seconds=Conf.RETRY + 1)
    if OrmQ.objects.filter(lock__gt=ahead).update(lock=may_be_taken):
        daybook.forget_wake_marks(Book.objects.values_list("pk", flat=True))


# ------------------------------------------------------------------------------------------------ told


def sentence() -> str:
    """That the clock went back, for a week; else ""."""
    found = clock.went_back()
    if found is None:
        return ""
    since, until = (timezone.localtime(moment) for moment in found)
    return f"The clock went back: from {since:%d-%m-%Y %H:%M} to {until:%d-%m-%Y %H:%M}"


def notes(books) -> list[str]:
    """What `verify` tells of the clock: that it went back, and entries of days that have not come yet."""
    told = []
    if words := sentence():
        told.append(
            f"{words}. What was saved before that bears the later time; let the machine set its clock by the net."
        )
    for book in books:
        count = LedgerEntry.objects.filter(book=book, deleted_at=None, date__gt=book.today()).count()
        if count:
            what = "entry bears a day" if count == 1 else "entries bear days"
            told.append(
                f"{book}: {count:,} {what} that has not come yet; look whether the clock was ahead, and correct."
            )
    return told
