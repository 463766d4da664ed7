"""Which rows of a file the book holds already, by the values that imported rows came with.

A row is a duplicate if the book already holds as many live imported rows with the same values as stand up to it in
the file: two equal rows in one file are two entries, the same file again adds nothing, and what was binned, reversed
or undone can come again. An entry's source_ref says which values it came with and which of the equal rows it is
("<digest>:<n>"), so it still counts as that row after staff corrected it, and the unique key of the table stops two
imports that post the same row at once.
"""

import hashlib
from dataclasses import dataclass

from django.db.models.functions import Left

from ledger.models import LedgerEntry

SOURCE = "import"
_DIGEST_LETTERS = 32
_TAKEN_BACK = "taken back"  # tells rows that leave an export with their reversal from rows that stand


@dataclass(slots=True)
class Same:
    """Rows with the same values: how many the book `held` when the import began, how many were `seen` in the file.

    `taken` are the numbers in use among them in the book, and those this import took where the book has gaps; None
    while the book holds none. Few and small, for there is one of these for every row.
    """

    held: int = 0
    seen: int = 0
    taken: set | None = None

    def hold(self, number):
        """Note one that the book holds under this number."""
        self.held += 1
        self.taken = (self.taken or set()) | {number}

    def is_held(self):
        """Count one more row of the file; whether the book holds it."""
        self.seen += 1
        return self.seen <= self.held

    def take(self):
        """The lowest number that is free, for the row seen last."""
        if self.taken is None:
            return self.seen
        number = next(n for n in range(1, len(self.taken) + 2) if n not in self.taken)
        self.taken.add(number)
        return number


class Duplicates:
    """What a run has met: rows with the same values, and references with other content."""

    def __init__(self, book):
        self.book = book
        self.same, self.pairs, self.references = {}, {}, {}

    def look_up(self, entries):
        """Note for every set of values not met before which slots the book holds, and whose references it knows."""
        live = LedgerEntry.objects.filter(book=self.book, deleted_at=None, reversed_at=None)
        unmet = {}
        for entry in entries:
            key = _key(entry)
            if key not in self.same:
                self.same[key] = Same()
                if entry.category.pk:
                    unmet[_digest(entry)] = self.same[key]
        _hold(live, unmet)
        unmet = {entry.reference for entry in entries} - {""} - self.references.keys()
        if unmet:
            known = live.filter(reference__in=list(unmet), reversal_of=None).select_related("category").order_by("id")
            for entry in known:
                where = f"in the book ({entry.date:%d-%m-%Y}, {entry.category}, {entry.amount})"
                self.references[entry.reference] = (*self.references.get(entry.reference, ()), (_key(entry), where))

    def same_as(self, entry):
        """The Same of an entry that was looked up."""
        return self.same[_key(entry)]

    def same_pair_as(self, entry):
        """The Same of an entry that comes with its reversal: both lie in the book, and neither is live."""
        key = _key(entry)
        if key not in self.pairs:
            self.pairs[key] = Same()
            if entry.category.pk:
                there = LedgerEntry.objects.filter(book=self.book, deleted_at=None)
                _hold(there, {_digest(entry, _TAKEN_BACK): self.pairs[key]})
        return self.pairs[key]

    def warning(self, line, entry):
        """A sentence where the row's reference is known with other content; the row is imported all the same."""
        if not entry.reference:
            return ""
        known, key = self.references.get(entry.reference, ()), _key(entry)
        others = [where for other, where in known if other != key]
        if len(others) == len(known):
            self.references[entry.reference] = (*known, (key, line))
        if not others:
            return ""
        where = others[0] if isinstance(others[0], str) else f"on line {others[0]}"
        return (
            f"reference '{entry.reference}' stands {where} with other content already; this row was taken as another "
            "one."
        )


def source_ref(entry, number, *, taken_back=False):
    """Under what an imported entry is known again; its category must have been saved."""
    return f"{_digest(entry, _TAKEN_BACK) if taken_back else _digest(entry)}:{number}"


def _hold(rows, by_digest):
    """Note in {digest: Same} what of them stands among `rows`."""
    if not by_digest:
        return
    imported = rows.filter(source=SOURCE).annotate(digest=Left("source_ref", _DIGEST_LETTERS))
    found = imported.filter(digest__in=list(by_digest)).order_by()
    for reference in found.values_list("source_ref", flat=True):
        digest, _, number = reference.partition(":")
        by_digest[digest].hold(int(number))


def _values(entry):
    return (
        entry.date.isoformat(),
        str(entry.account_id),
        entry.subcategory,
        str(entry.amount),
        entry.payment_mode,
        entry.narration,
        entry.reference,
    )


def _key(entry):
    """What makes two rows of this run the same; by name for the category, which may not be saved yet."""
    return _hash(entry.category.name.casefold(), *_values(entry)).digest()


def _digest(entry, *marks):
    """The same across runs: accounts and categories by their number."""
    return _hash(str(entry.category.pk), *_values(entry), *marks).hexdigest()


def _hash(*values):
    text = "\x1f".join(values)
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_LETTERS // 2)
