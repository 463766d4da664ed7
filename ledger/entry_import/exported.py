"""Lendbook's own export as a list to import: what stands beside an import's nine columns, and what it makes of a row.

Into the book it came from, every row is there already. Into another one the rows come in as they stood; an entry that
was reversed comes with its reversal, each on its day, so that both books say the same of every day. What lay in the
bin stays out.
"""

import re
from dataclasses import dataclass
from datetime import date as Date
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from ledger import services
from ledger.models import LedgerEntry
from shop.dates import read_date
from shop.imports.cells import shown
from shop.imports.importing import Column

COLUMNS = (
    Column("number", "Number", False, ("entry number",), "of an export", "export"),
    Column("state", "State", False, (), "of an export", "export"),
    Column("source", "Source", False, (), "not read", "export"),
    Column("typed_by", "Typed by", False, (), "of an export", "export"),
    Column("typed_at", "Typed at", False, (), "of an export", "export"),
)
_REVERSES = re.compile(r"reversal of (\d{1,15})")


@dataclass
class Back:
    """A reversal as an export has it: it takes back entry `number`, on `date`."""

    number: str
    date: Date
    narration: str


class Export:
    """What one look through an exported file says: which entries leave it with their reversals."""

    def __init__(self, book, table, roles):
        self.book = book
        self.originals, self.backs, self.there = {}, set(), {}
        for row in table.rows():
            named = {role: cell for role, cell in zip(roles, row.cells, strict=False) if role}
            state = shown(named.get("state", ""))
            if row.fault or "in the bin" in state:
                continue
            taken_back = reversed_number(named)
            if taken_back:
                self.backs.add(taken_back)
            elif "reversed" in state:
                self.originals[shown(named.get("number", ""))] = named

    @staticmethod
    def is_in(roles):
        """Whether these columns are an export's."""
        return "number" in roles and "state" in roles

    def is_pair(self, number):
        """Whether the entry of that number and its reversal both stand in the file."""
        return number in self.originals and number in self.backs

    def look_up(self, batch):
        """Read from the book the entries that rows of the batch, lists of {role: cell}, name by their numbers."""
        numbers = {shown(named.get("number", "")) for named in batch}
        numbers = {int(number) for number in numbers if number.isascii() and number.isdecimal() and len(number) < 16}
        rows = LedgerEntry.objects.filter(book=self.book, pk__in=numbers, deleted_at=None).select_related("created_by")
        self.there = {str(row.pk): row for row in rows}

    def entry_of(self, named):
        """The entry of this book that the row was exported from, or None: by number, and who typed it on what day."""
        entry = self.there.get(shown(named.get("number", "")))
        if entry is None or not shown(named.get("typed_at", "")):
            return None
        who = entry.created_by.get_username() if entry.created_by else ""
        zone = ZoneInfo(settings.TIME_ZONE)
        try:
            typed_on = read_date(shown(named["typed_at"]))
        except ValidationError:
            return None
        is_his = shown(named.get("typed_by", "")).lstrip("'") == who.lstrip("'")
        return entry if is_his and typed_on == timezone.localtime(entry.created_at, zone).date() else None


def is_binned(named):
    """Whether a row lay in the bin when it was exported."""
    return "in the bin" in shown(named.get("state", ""))


def reversed_number(named):
    """The number of the entry that a row takes back, or ""."""
    found = _REVERSES.search(shown(named.get("state", "")))
    return found[1] if found else ""


def reason_of(narration, original):
    """Why an entry was reversed: what its reversal's narration says beside the entry's own."""
    text = narration.removeprefix(f"Reversal of {original.date:%d-%m-%Y}.").strip()
    return text.removesuffix(original.narration).strip()


# ------------------------------------------------------------------------------------------------ posted, undone


def take_back(waiting, posted, *, job, user):
    """Post the reversals in `waiting` {number: Back} whose entries are in `posted` {number: (book, source, source_ref)},
    and take them out of it; returns how many."""
    count = 0
    for number in [number for number in waiting if number in posted]:
        back = waiting.pop(number)
        book, source, reference = posted[number]
        live = LedgerEntry.objects.filter(book=book, deleted_at=None, reversed_at=None)
        entry = live.filter(source=source, source_ref=reference).first()
        if entry is None:
            continue  # posted, and reversed, by somebody else a moment earlier
        reversal = services.reverse(entry, user=user, date=back.date, reason=reason_of(back.narration, entry))
        reversal.job = job
        services.save(reversal, user, "Imported", fields=["job"])
        count += 1
    return count


def undo_reversals(job, *, user):
    """Bin the reversals that came with an import, so that what they took back is undone with the rest; returns how many.

    Where one of the two lies on a closed day both stay: they take each other back.
    """
    backs = LedgerEntry.objects.filter(book=job.book, job=job, deleted_at=None, reversal_of__isnull=False)
    count = 0
    for back in backs.select_related("reversal_of").order_by("pk"):
        if not (job.book.is_closed_on(back.date) or job.book.is_closed_on(back.reversal_of.date)):
            services.delete(back, user=user)
            count += 1
    return count
