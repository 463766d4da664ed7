"""The import of ledger entries: nine columns, categories made by their direction, nothing posted twice.

A row is a duplicate if the book already holds as many live imported rows with the same values as stand up to it in
the file: two equal rows in one file are two entries, the same file again adds nothing, and what was binned, reversed
or undone can come again. An entry's source_ref says which values it came with and which of the equal rows it is
("<digest>:<n>"), so it still counts as that row after staff corrected it, and the unique key of the table stops two
imports that post the same row at once.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.db.models.functions import Left
from django.urls import reverse

from ledger import faults, natures, services, shortfall
from ledger.daybook import ClosedDay
from ledger.imports.importing import DUPLICATE, NEW, REJECTED, Checked, Column, Importer
from ledger.models import Account, Category, Direction, LedgerEntry
from ledger.resources import EntryResource

SOURCE = "import"
_DIGEST_LETTERS = 32


@dataclass(slots=True)
class _Same:
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

    def take(self):
        """The lowest number that is free, for the row seen last."""
        if self.taken is None:
            return self.seen
        number = next(n for n in range(1, len(self.taken) + 2) if n not in self.taken)
        self.taken.add(number)
        return number


class EntryImporter(Importer):
    """Entries from a CSV or XLSX into one book; all rows or none."""

    kind = "entries"
    title = "Entries"
    noun = ("entry", "entries")
    columns = (
        Column("date", "Date", True, ("business date", "transaction date", "txn date", "day"), "15-01-2024"),
        Column("account", "Account", False, ("account name", "cash box"), "empty: by payment mode"),
        Column("category", "Category", True, ("head", "ledger head", "account head"), "Collection"),
        Column("subcategory", "Subcategory", False, ("sub category", "sub head"), "Loan Payments"),
        Column("direction", "Direction", False, ("received spent", "type", "transaction type"), "received or spent"),
        Column("amount", "Amount", True, ("amount rs", "amount inr", "rupees", "rs", "value"), "1,23,456.50"),
        Column("payment_mode", "Payment mode", False, ("mode", "paid by", "payment method"), "Cash, UPI, Cheque"),
        Column("narration", "Narration", False, ("note", "notes", "details", "description", "remarks", "particulars")),
        Column("reference", "Reference", False, ("ref", "reference no", "ref no", "voucher", "voucher no", "utr")),
    )
    options = {
        "adjust": "Post rows of closed days on the first open day, as adjustments",
        "allow_future": "Take dates in the future",
    }
    example = (
        ("15-01-2024", "Cash", "Collection", "Loan Payments", "received", "500.00", "Cash", "Murugan, day 12", "R-101"),
        ("15-01-2024", "", "Expense", "Office Supplies", "spent", "1,250.50", "UPI", "Paper and ink", ""),
    )

    def begin(self):
        self.book.refresh_from_db()
        fields = EntryResource.fields
        self.clean = {column.role: fields[column.role].widget.clean for column in self.columns}
        self.accounts = {account.name.casefold(): account for account in Account.objects.filter(book=self.book)}
        self.categories = {row.name.casefold(): row for row in Category.objects.filter(book=self.book)}
        self.frozen = list(faults.freezing(self.book.pk, faults.DAYS))
        self.made = set()
        self.by_mode = {}
        self.same = {}
        self.references = {}
        self.moves, self.lines = defaultdict(Decimal), {}

    # -------------------------------------------------------------------------------------------- check

    def check(self, batch):
        parsed = []
        for line, named, cells in batch:
            self.note = ""
            try:
                parsed.append((line, cells, self._entry(named), self.note))
            except ValidationError as error:
                parsed.append((line, cells, None, " ".join(error.messages)))
        self._look_up([entry for _, _, entry, _ in parsed if entry is not None])
        for line, cells, entry, sentence in parsed:
            if entry is None:
                yield Checked(line, REJECTED, cells, sentence)
                continue
            same = self.same[_key(entry)]
            same.seen += 1
            if same.seen <= same.held:
                yield Checked(line, DUPLICATE, cells)
                continue
            warning = " ".join(filter(None, (sentence, self._warning(line, entry))))
            self._note_move(line, entry)
            yield Checked(line, NEW, cells, warning=warning, value=(entry, same.take()))

    def _entry(self, named):
        """The unsaved LedgerEntry of a row. Raises ValidationError with every reason why there is none."""
        values, reasons = {}, []
        for column in self.columns:
            cell = named.get(column.role, "")
            if column.required and cell == "":
                values[column.role] = None
                reasons.append(f"the {column.role} is missing.")
                continue
            try:
                values[column.role] = self.clean[column.role](cell)
            except ValidationError as error:
                values[column.role] = None
                reasons += [_naming(column.role, message) for message in error.messages]
        for role, find in (("category", self._category), ("account", self._account)):
            if values[role] is not None:
                try:
                    values[role] = find(values)
                except ValidationError as error:
                    values[role] = None
                    reasons += error.messages
        if not reasons:
            values.pop("direction")
            entry = LedgerEntry(book=self.book, **values)
            try:
                services.check(entry, allow_future=self.allow_future)
            except ValidationError as error:
                reasons += error.messages
            too_early = self.book.begins_on and entry.date < self.book.begins_on
            if self.book.is_closed_on(entry.date) and not (self.adjust or too_early):
                reasons += ClosedDay(entry.date, self.book.closed_through).messages
            try:
                faults.refuse_days(self.book.pk, [entry.date], among=self.frozen)
            except ValidationError as error:
                reasons += error.messages
        if reasons:
            raise ValidationError(reasons)
        return entry

    def _category(self, values):
        name, direction = services.clean_text(values["category"]), values["direction"]
        known = self.categories.get(name.casefold())
        if known is None:
            if direction is None:
                raise ValidationError([])  # the direction itself was refused
            if not direction:
                raise ValidationError(
                    f"category '{name[:80]}' is unknown. Write its direction (received or spent) to make it, or one "
                    f"of: {', '.join(category.name for category in self.categories.values())[:300]}."
                )
            return self._make(name, direction)
        if not direction or direction == known.direction:
            return known
        # A category has one direction; a file that uses a name both ways gets a second one beside it.
        beside = f"{known.name} ({direction})"
        if beside.casefold() in self.categories:
            return self.categories[beside.casefold()]
        if known.name not in self.made:
            raise ValidationError(
                f"category '{known.name}' is {known.direction} in this book, the row says {direction}. Mend the "
                f"direction, or name another category, e.g. '{beside}'."
            )
        self.note = f"'{known.name}' is used both ways; what is {direction} goes to a category '{beside}'."
        return self._make(beside, direction)

    def _make(self, name, direction):
        """A category that is saved when its first entry is posted."""
        nature, is_known = natures.guess(name, direction)
        made = Category(book=self.book, name=name, direction=direction, nature=nature, nature_is_guessed=not is_known)
        if not is_known:
            taken = f"The new category '{name}' is taken for {nature.label.lower()} by its direction; look at its page."
            self.note = " ".join(filter(None, (self.note, taken)))
        made.full_clean(validate_constraints=False)
        self.categories[name.casefold()] = made
        self.made.add(name)
        return made

    def _account(self, values):
        name, mode = services.clean_text(values["account"]), values["payment_mode"]
        if not name:
            if mode is None:
                raise ValidationError([])  # the payment mode itself was refused
            if mode not in self.by_mode:
                self.by_mode[mode] = services.account_for_mode(self.book, mode)
            return self.by_mode[mode]
        if name.casefold() not in self.accounts:
            raise ValidationError(
                f"account '{name[:80]}' is unknown in {self.book}. Its accounts: "
                f"{', '.join(str(account) for account in self.accounts.values())[:300]}."
            )
        return self.accounts[name.casefold()]

    # -------------------------------------------------------------------------------------------- duplicates

    def _look_up(self, entries):
        """Note for every set of values not met before which slots the book holds, and whose references it knows."""
        live = LedgerEntry.objects.filter(book=self.book, deleted_at=None, reversed_at=None)
        unmet = {}
        for entry in entries:
            key = _key(entry)
            if key not in self.same:
                self.same[key] = _Same()
                if entry.category.pk:
                    unmet[_digest(entry)] = self.same[key]
        if unmet:
            imported = live.filter(source=SOURCE).annotate(digest=Left("source_ref", _DIGEST_LETTERS))
            found = imported.filter(digest__in=list(unmet)).order_by()
            for source_ref in found.values_list("source_ref", flat=True):
                digest, _, number = source_ref.partition(":")
                unmet[digest].hold(int(number))
        unmet = {entry.reference for entry in entries} - {""} - self.references.keys()
        if unmet:
            known = live.filter(reference__in=list(unmet), reversal_of=None).select_related("category").order_by("id")
            for entry in known:
                where = f"in the book ({entry.date:%d-%m-%Y}, {entry.category}, {entry.amount})"
                self.references[entry.reference] = (*self.references.get(entry.reference, ()), (_key(entry), where))

    def _warning(self, line, entry):
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

    # -------------------------------------------------------------------------------------------- below zero

    def _note_move(self, line, entry):
        """What a new row will do to its account, on the day it will be posted."""
        on = services.first_open(self.book, entry.date)
        came = entry.category.direction == Direction.RECEIVED
        self.moves[entry.account_id, on] += entry.amount if came else -entry.amount
        self.lines[entry.account_id, on] = line

    def afterthoughts(self):
        """Cash boxes and bags that the rows leave below zero, each at the last row of its first such day."""
        found = shortfall.shorts(self.book, self.moves)
        return [(self._last_line(short), f"with the rows through {short.date:%d-%m-%Y}, {short}") for short in found]

    def _last_line(self, short):
        """The row that counts last when the account goes short: of that day, or of the latest one before it."""
        days = [on for account_id, on in self.lines if account_id == short.account.pk and on <= short.date]
        return self.lines[short.account.pk, max(days)]

    # -------------------------------------------------------------------------------------------- post, undo

    def post(self, batch, job):
        rows = []
        for checked in batch:
            entry, slot = checked.value
            if entry.category.pk is None:
                services.save(entry.category, self.user, "Made by an import")
            rows.append(
                services.NewEntry(
                    date=entry.date,
                    category=entry.category,
                    amount=entry.amount,
                    account=entry.account,
                    source_ref=f"{_digest(entry)}:{slot}",
                    subcategory=entry.subcategory,
                    payment_mode=entry.payment_mode,
                    narration=entry.narration,
                    reference=entry.reference,
                )
            )
        created, _, _ = services.post_entries(
            book=self.book,
            rows=rows,
            source=SOURCE,
            user=self.user,
            adjust=self.adjust,
            allow_future=self.allow_future,
            job=job,
        )
        return created

    def undo(self, job):
        binned, reversed_ = services.undo_entries(book=job.book, job=job, user=self.user)
        parts = []
        if binned:
            parts.append(f"{binned:,} {'entry' if binned == 1 else 'entries'} put into the bin")
        if reversed_:
            parts.append(f"{reversed_:,} of closed days reversed on the first open day")
        return (", ".join(parts) or "Nothing was left to undo") + "."

    def result_url(self, job):
        return f"{reverse('admin:ledger_ledgerentry_changelist')}?{urlencode({'job': job.pk})}"


def _naming(role, message):
    """A reason that names its column, e.g. "amount: '12,3x' is not an amount."."""
    word = role.replace("_", " ")
    return message if message.startswith(word) else f"{word}: {message}"


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
    return _hash(entry.category.name.casefold(), entry).digest()


def _digest(entry):
    """The same across runs: accounts and categories by their number."""
    return _hash(str(entry.category.pk), entry).hexdigest()


def _hash(category, entry):
    text = "\x1f".join((category, *_values(entry)))
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_LETTERS // 2)
