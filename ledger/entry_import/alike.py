"""Rows that look like entries the book has from elsewhere: typed by hand, or lying in the bin. Told, never refused.

Each such entry is told once: three equal rows beside one that was typed are one question and two new entries.
"""

from collections import defaultdict

from ledger import origins
from ledger.models import LedgerEntry
from shop.models import Job
from shop.names import name_key

_FIELDS = (
    "pk",
    "date",
    "account",
    "category",
    "amount",
    "subcategory",
    "narration",
    "reference",
    "source",
    "deleted_at",
)
_TEXTS = ("subcategory", "narration", "reference")


class Alike:
    """The entries of a book that did not come by an import that stands, looked up by what a row says."""

    def __init__(self, book, source):
        self.book, self.source = book, source
        self.told, self.found = set(), defaultdict(list)

    def look_up(self, entries):
        """Read what the book has of the days and amounts of these unsaved entries."""
        known = [entry for entry in entries if entry.category.pk is not None]
        self.found = defaultdict(list)
        if not known:
            return
        rows = LedgerEntry.objects.filter(
            book=self.book,
            date__in={entry.date for entry in known},
            amount__in={entry.amount for entry in known},
            reversed_at=None,
            reversal_of=None,
        )
        elsewhere = rows.filter(deleted_at=None).exclude(source=self.source)
        binned = rows.filter(deleted_at__isnull=False).exclude(job__state=Job.State.UNDONE)
        for these in (elsewhere, binned):
            for row in these.order_by("pk").values("created_by__username", *_FIELDS):
                self.found[row["date"], row["account"], row["category"], row["amount"]].append(row)

    def sentence(self, entry):
        """What the book has that says the same as this entry, or ""; a text that one of them lacks tells nothing."""
        for row in self.found.get((entry.date, entry.account_id, entry.category.pk, entry.amount), ()):
            if row["pk"] not in self.told and all(_agree(row[name], getattr(entry, name)) for name in _TEXTS):
                self.told.add(row["pk"])
                return _sentence(row)
        return ""


def _agree(one, other):
    return not one or not other or name_key(one) == name_key(other)


def _sentence(row):
    who = row["created_by__username"]
    by = f" by {who}" if who else ""
    words = f", '{row['narration'][:60]}'" if row["narration"] else ""
    if row["deleted_at"]:
        return f"An equal entry lies in the bin (number {row['pk']}{words}); this row was taken as a new one."
    how = origins.origin_of(LedgerEntry(source=row["source"])).name.lower()
    return f"The book has an equal entry already, {how}{by} (number {row['pk']}{words}); this row was taken as another one."
