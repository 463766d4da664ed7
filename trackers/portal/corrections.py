"""What was corrected after a payment was recorded: was, now and when, out of the history of its ledger entries.

One save of a tracker may touch several parts of a day; what a customer reads is the day's sum before and after it. A
further payment on the same day is no correction. Days before the book began do not post, so they have no such history.
"""

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ledger.models import LedgerEntry
from trackers.posting import PAID, of_tracker

ZERO = Decimal("0.00")


@dataclass(frozen=True)
class Correction:
    """The payment of a day was `was` rupees and is `now` since the moment `at`."""

    was: Decimal
    now: Decimal
    at: datetime


def corrections_of(tracker):
    """{day: [Correction]} of a tracker, oldest first."""
    days = _touched_days(tracker)
    if not days:
        return {}
    moments = sorted(tracker.history.values_list("history_date", flat=True))
    part_of = {pk: place for place, entries in days.items() for pk in entries}
    records = LedgerEntry.history.filter(id__in=part_of).order_by("history_date", "history_id")
    found, parts = defaultdict(list), defaultdict(dict)
    saves = defaultdict(list)
    for pk, amount, deleted, reversed_, moment in records.values_list(
        "id", "amount", "deleted_at", "reversed_at", "history_date"
    ):
        saves[part_of[pk], bisect_right(moments, moment)].append((pk, ZERO if deleted or reversed_ else amount, moment))
    for (day, _), changes in sorted(saves.items()):
        held = parts[day]
        after = {**held, **{pk: amount for pk, amount, _ in changes}}
        was, now = sum(held.values(), ZERO), sum(after.values(), ZERO)
        is_first_or_more = all(after[pk] == amount for pk, amount in held.items()) and (was or not held)
        if was != now and not is_first_or_more:
            found[day].append(Correction(was, now, changes[-1][2]))
        parts[day] = after
    return dict(found)


def _touched_days(tracker):
    """{day: {entry ids}} of the days of which an entry was changed or taken back since it was posted."""
    entries = LedgerEntry.objects.filter(of_tracker(tracker), date__gte=tracker.start_date)
    days, touched = defaultdict(set), set()
    for pk, source_ref, version, deleted, reversed_ in entries.values_list(
        "id", "source_ref", "version", "deleted_at", "reversed_at"
    ):
        _, day, column, *_ = [*source_ref.split(":"), "", ""]
        if column == PAID:
            days[int(day)].add(pk)
            if version > 1 or deleted or reversed_:
                touched.add(int(day))
    return {day: days[day] for day in touched}
