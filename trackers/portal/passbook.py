"""What a customer reads of one tracker: its days, its chart, its corrections, from the workbook opened once at most.

All of it belongs to one version of the workbook, so it is kept in the process under the workbook's sha256; the file
itself is read and its sha256 compared for every page, so that a workbook that is gone is noticed at once.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from threading import Lock

from django.utils import timezone

from trackers import charts, receipts, schedule, services, store
from trackers.collect.collection import REFUSALS
from trackers.models import Tracker
from trackers.portal.corrections import corrections_of
from trackers.workbook.read import read

CHART_POINTS = 100
_KEPT = 200


@dataclass(frozen=True)
class Day:
    """One day of a passbook. `paid` None: nothing recorded; `total` what was paid in all through the day, rupees."""

    number: int
    date: date
    paid: Decimal | None
    total: Decimal
    mode: str = ""
    note: str = ""
    is_filled: bool = False
    is_missed: bool = False
    corrections: tuple = ()
    receipts: tuple = ()


@dataclass(frozen=True)
class Passbook:
    """One version of a workbook as its customer reads it; `days` run to the last recorded one or today, whichever is
    later. `months` are (last day shown of the month, paid in all, expected in all): the chart as a table."""

    days: tuple[Day, ...]
    summary: dict
    chart: dict | None
    months: tuple
    rendered: dict = field(default_factory=dict)


def opened(tracker):
    """(Passbook or None, whether the workbook is sound). Where it is not, the last kept copy is read, if there is one,

    and the staff finds it on its home page. `tracker` comes up to date with a payment that is being saved meanwhile.
    """
    contents, is_sound = _contents(tracker)
    if is_sound is (tracker.unreadable_at is not None):
        tracker.unreadable_at = None if is_sound else timezone.now()
        Tracker.objects.filter(pk=tracker.pk).update(unreadable_at=tracker.unreadable_at)
    if contents is None:
        return None, is_sound
    today = tracker.book.today()
    return _kept((tracker.pk, tracker.sha256, today), lambda: _read(tracker, contents(), today)), is_sound


def _contents(tracker):
    """(a function that gives the Contents, or None; whether they are those of a sound workbook)."""
    try:
        content = store.read_outside(tracker)
        if content is not None and store.sha256_of(content) == tracker.sha256:
            return lambda: read(content), True
        tracker.refresh_from_db()
        found = services.contents_of(tracker)  # waits for a save in progress, ends one that a crash interrupted
        return lambda: found, True
    except REFUSALS:
        pass
    found = services.kept_contents(tracker)
    return found and (lambda: found), False


_passbooks, _lock = OrderedDict(), Lock()


def _kept(key, make):
    """The Passbook kept under `key`, or made now; the one not asked for longest makes room."""
    with _lock:
        if key in _passbooks:
            _passbooks.move_to_end(key)
            return _passbooks[key]
    made = make()
    with _lock:
        _passbooks[key] = made
        while len(_passbooks) > _KEPT:
            _passbooks.popitem(last=False)
    return made


def _read(tracker, contents, today):
    terms, rows = contents.terms, contents.rows()
    corrected, receipted = corrections_of(tracker), receipts.by_day(tracker)
    last_filled = max(contents.days, default=0)
    through = min(max(terms.day_of(today), last_filled, 0), len(rows) - 1)
    days, total = [], Decimal("0.00")
    for row in rows[: through + 1]:
        number = row["day"]
        total += row["paid"] or 0
        row["fallen"] = schedule.expected(terms, number)
        days.append(
            Day(
                number=number,
                date=row["date"],
                paid=row["paid"],
                total=total,
                mode=row["mode"] or "",
                note=row["notes"] or row["details"] or "",
                is_filled=number in contents.days or number in corrected,
                is_missed=row["paid"] is None and row["date"] < today and not terms.is_skipped(number)
                and number <= terms.last_day,
                corrections=tuple(corrected.get(number, ())),
                receipts=tuple(one.number for one in receipted.get(number, ())),
            )
        )  # fmt: skip
    shown = min(through, max(terms.last_day, last_filled))
    return Passbook(
        days=tuple(days),
        summary=contents.summary(),
        chart=charts.paid_against_expected(rows, shown, CHART_POINTS),
        months=_months(days[: shown + 1], rows),
    )


def _months(days, rows):
    ends = {}
    for day in days:
        ends[day.date.year, day.date.month] = (day.date, day.total, rows[day.number]["fallen"])
    return tuple(ends.values())
