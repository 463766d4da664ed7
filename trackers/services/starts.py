"""The day a tracker really begins, where its workbook says one that is four years and a day off.

A workbook may count its dates from 1900 or from 1904, and a date that was written the one way and is read the other
lies 1,462 days away. Nobody moves a loan by just that: what the row or the ledger say is right then.
"""

from collections import Counter
from datetime import date, timedelta

from ledger.models import LedgerEntry
from trackers import posting
from trackers.models import Tracker
from trackers.workbook.contents import Contents
from trackers.workbook.merge import is_moved_to_1904


def right_start(tracker: Tracker, contents: Contents) -> date:
    """The start date that a workbook should say: its own, unless row, ledger or hidden sheet show it miscounted."""
    said = contents.terms.start_date
    written = (contents.baseline or {}).get(contents.layout.parameter["start_date"].cell)
    for known in (start_by_entries(tracker), tracker.start_date, written):
        if known == said:
            return said
        if is_moved_to_1904(known, said):
            return known
    return said


def start_by_entries(tracker: Tracker) -> date | None:
    """The start date that most of the tracker's live entries were posted for; None without any."""
    live = LedgerEntry.objects.filter(posting.of_tracker(tracker), deleted_at=None, reversed_at=None)
    starts = Counter()
    for ref, on, adjusts in live.values_list("source_ref", "date", "adjusts_date"):
        named = ref.split(":")
        if len(named) == 4:
            starts[(adjusts or on) - timedelta(days=int(named[1]))] += 1
    return starts.most_common(1)[0][0] if starts else None
