"""The import of ledger entries: nine columns, categories made by their direction, nothing posted twice.

A list may say which way money went by two columns in place of direction and amount (sides), one category may stand for
a whole file, and Lendbook's own export comes in with its reversals (exported). What makes a row a duplicate: duplicates.
"""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.urls import reverse

from ledger import natures, services, shortfall
from ledger.daybook import ClosedDay
from ledger.entry_import import exported, sides
from ledger.entry_import.alike import Alike
from ledger.entry_import.columns import COLUMNS, LEFT_OUT
from ledger.entry_import.duplicates import SOURCE, Duplicates, source_ref
from ledger.models import Account, Category, Direction, LedgerEntry
from ledger.resources import EntryResource
from shop import faults
from shop.imports.asides import Asides
from shop.imports.cells import shown
from shop.imports.importing import AS_SHOWN, DUPLICATE, NEW, REJECTED, Ask, Checked, Importer
from shop.money import rupees
from shop.names import Names, clean_name

_NAMED = 20  # new categories or subcategories in one sentence


@dataclass
class _Row:
    """What is posted of a row: an unsaved entry under its number among equal ones; `pair` the number by which an export
    knows it, where it leaves with its reversal; `back` where the row is that reversal."""

    entry: LedgerEntry
    slot: int = 0
    pair: str = ""
    back: exported.Back | None = None


@dataclass
class _Pair:
    """An entry of an export that comes with its reversal, judged once for both rows; `slot` None: the book has it."""

    entry: LedgerEntry | None = None
    slot: int | None = None
    reasons: tuple = ()


class EntryImporter(Importer):
    """Entries from a CSV or XLSX into one book; all rows or none."""

    kind = "entries"
    title = "Entries"
    noun = ("entry", "entries")
    columns = COLUMNS
    beside = (*sides.COLUMNS, *exported.COLUMNS, LEFT_OUT)
    heads = ("category", "subcategory", "narration")
    options = {
        "adjust": "Post rows of closed days on the first open day, as adjustments",
        "allow_future": "Take dates in the future",
        **AS_SHOWN,
    }
    answers = ("debit_is", "category_received", "category_spent")
    example = (
        ("15-01-2024", "Cash", "Collection", "Loan Payments", "received", "500.00", "Cash", "Murugan, day 12", "R-101"),
        ("15-01-2024", "", "Expense", "Office Supplies", "spent", "1,250.50", "UPI", "Paper and ink", ""),
    )

    # -------------------------------------------------------------------------------------------- columns

    def needs(self, column, roles):
        if column.role == "amount":
            return not set(sides.ROLES) & set(roles)
        if column.role == "category":
            return not (self.category_received or self.category_spent)
        return column.required

    def match(self, header, roles=None):
        match = super().match(header, roles)
        match.faults += sides.faults(match.roles, self.debit_is)
        if not exported.Export.is_in(match.roles):
            beside = {column.role for column in exported.COLUMNS}
            match.roles = ["" if role in beside else role for role in match.roles]
        return match

    def asks(self):
        named = {
            direction: tuple((name, name) for name in self._active_names(direction)) for direction in Direction.values
        }
        return (
            Ask(
                "debit_is",
                "Debit and credit",
                sides.DEBIT_IS,
                "Where the amounts stand in a debit and a credit column.",
            ),
            Ask("category_received", "Category of what was received", named["received"], "For rows that name none."),
            Ask("category_spent", "Category of what was spent", named["spent"], "For rows that name none."),
        )

    def _active_names(self, direction):
        rows = Category.objects.filter(book=self.book, direction=direction, is_active=True)
        return rows.values_list("name", flat=True)

    def asides(self, roles):
        return _Asides(
            self.known_columns(),
            heads=self.heads,
            is_known=lambda words: self.categories.find(words) is not None,
            has_balances=True,
        )

    def begin(self):
        self.book.refresh_from_db()
        fields = EntryResource.fields
        self.clean = {column.role: fields[column.role].widget.clean for column in self.columns}
        self.accounts = Names((account.name, account) for account in Account.objects.filter(book=self.book))
        categories = list(Category.objects.filter(book=self.book))
        self.categories = Names((category.name, category) for category in categories)
        used = services.subcategories_of(self.book)
        self.used = {category.name.casefold(): used.get(category.pk, Names()) for category in categories}
        self.frozen = list(faults.freezing(self.book.pk, faults.DAYS))
        self.made, self.new_subcategories = {}, {}
        self.by_mode = {}
        self.duplicates = Duplicates(self.book)
        self.alike = Alike(self.book, SOURCE)
        self.export, self.pairs = None, {}
        self.moves, self.lines = defaultdict(Decimal), {}
        self.posted, self.waiting = {}, {}  # entries whose reversals come with them, reversals whose entries do not yet

    def look_over(self, table, roles):
        if exported.Export.is_in(roles):
            self.export = exported.Export(self.book, table, roles)

    # -------------------------------------------------------------------------------------------- check

    def check(self, batch):
        if self.export:
            self.export.look_up([named for _, named, _ in batch])
        parsed = []
        for line, named, cells in batch:
            self.line, self.note = line, ""
            try:
                parsed.append((line, cells, self._row(named), self.note))
            except ValidationError as error:
                parsed.append((line, cells, None, " ".join(error.messages)))
        entries = [row.entry for _, _, row, _ in parsed if isinstance(row, _Row) and not row.pair]
        self.duplicates.look_up(entries)
        self.alike.look_up(entries)
        for line, cells, row, sentence in parsed:
            if row is None:
                yield Checked(line, REJECTED, cells, sentence)
            elif row == DUPLICATE:
                yield Checked(line, DUPLICATE, cells, warning=sentence)
            elif row.pair:
                self._note_move(line, row.entry, row.back)
                yield Checked(line, NEW, cells, warning=sentence, value=row)
            else:
                yield self._checked(line, cells, row, sentence)

    def _checked(self, line, cells, row, sentence):
        same = self.duplicates.same_as(row.entry)
        if same.is_held():
            return Checked(line, DUPLICATE, cells)
        row.slot = same.take()
        self._note_move(line, row.entry)
        said = (sentence, self.duplicates.warning(line, row.entry), self.alike.sentence(row.entry))
        return Checked(line, NEW, cells, warning=" ".join(filter(None, said)), value=row)

    def _row(self, named):
        """The _Row of a row, or DUPLICATE where its number says so. Raises ValidationError with every reason."""
        if self.export is None:
            return _Row(self._entry(named))
        there = self.export.entry_of(named)
        number = shown(named.get("number", ""))
        taken_back = exported.reversed_number(named)
        if there is not None:
            self._note_change(there, named)
            return DUPLICATE
        if taken_back:
            return self._back(named, taken_back)
        if self.export.is_pair(number):
            pair = self._pair(number)
            return DUPLICATE if pair.slot is None else _Row(pair.entry, pair.slot, pair=number)
        return _Row(self._entry(named))

    def _note_change(self, there, named):
        """Say so where an entry of this book was changed since it was exported."""
        amount = self.clean["amount"](named.get("amount", ""))
        standing = -there.amount if there.reversal_of_id else there.amount
        if (standing, there.date) != (amount, self.clean["date"](named.get("date", ""))):
            self.note = (
                f"Entry {there.pk} was changed since this file was exported; the book's {rupees(standing)} of "
                f"{there.date:%d-%m-%Y} stays."
            )

    def _pair(self, number):
        """The _Pair of an entry that stands in the file with its reversal; both rows ask for it. Raises ValidationError."""
        if number not in self.pairs:
            try:
                entry = self._entry(self.export.originals[number])
                same = self.duplicates.same_pair_as(entry)
                self.pairs[number] = _Pair(entry, None if same.is_held() else same.take())
            except ValidationError as error:
                self.pairs[number] = _Pair(reasons=tuple(error.messages))
        if self.pairs[number].reasons:
            raise ValidationError(list(self.pairs[number].reasons))
        return self.pairs[number]

    def _back(self, named, number):
        """The _Row of a reversal."""
        if not self.export.is_pair(number):
            raise ValidationError(
                f"it takes back entry {number}, which does not stand in this file as reversed. Export the day of that "
                "entry along with this one, or take the line out."
            )
        pair = self._pair(number)
        amount = self.clean["amount"](named.get("amount", ""))
        if amount != -pair.entry.amount:
            raise ValidationError(f"it takes back entry {number}, whose amount is {rupees(pair.entry.amount)}.")
        back = self._entry({**named, "amount": str(-amount)})
        if pair.slot is None:
            return DUPLICATE
        return _Row(pair.entry, pair=number, back=exported.Back(number, back.date, back.narration))

    def _entry(self, named):
        """The unsaved LedgerEntry of a row. Raises ValidationError with every reason why there is none."""
        values, reasons = self._values(named)
        for role, find in (("category", self._category), ("account", self._account)):
            if values[role] is not None:
                try:
                    values[role] = find(values)
                except ValidationError as error:
                    values[role] = None
                    reasons += error.messages
        if not reasons:
            values.pop("direction")
            values["subcategory"] = self._subcategory(values["category"], values["subcategory"])
            entry = LedgerEntry(book=self.book, **values)
            reasons = self._faults(entry)
        if reasons:
            raise ValidationError(reasons)
        return entry

    def _values(self, named):
        """({role: value or None where there is none}, reasons) of a row's cells."""
        side, reasons = "", []
        if set(sides.ROLES) & named.keys():
            try:
                cell, side = sides.amount_in(named, self.debit_is)
            except ValidationError as error:
                cell, reasons = "", error.messages
            named = {**named, "amount": cell}
        values = {}
        for column in self.columns:
            cell = named.get(column.role, "")
            if column.role in ("date", "amount") and cell == "":
                values[column.role] = None
                if column.role == "date" or not reasons:
                    reasons.append(f"the {column.role} is missing.")
                continue
            try:
                values[column.role] = self.clean[column.role](cell)
            except ValidationError as error:
                values[column.role] = None
                reasons += [_naming(column.role, message) for message in error.messages]
        if side and values["direction"] and values["direction"] != side:
            reasons.append(f"the direction says {values['direction']}, but the amount stands where money is {side}.")
        values["direction"] = side or values["direction"]
        return values, reasons

    def _faults(self, entry):
        """Why the book does not take an entry, as sentences."""
        found = []
        try:
            services.check(entry, allow_future=self.allow_future)
        except ValidationError as error:
            found += error.messages
        too_early = self.book.begins_on and entry.date < self.book.begins_on
        if self.book.is_closed_on(entry.date) and not (self.adjust or too_early):
            found += ClosedDay(entry.date, self.book.closed_through).messages
        try:
            faults.refuse_days(self.book.pk, [entry.date], among=self.frozen)
        except ValidationError as error:
            found += error.messages
        return found

    def _category(self, values):
        name, direction = values["category"], values["direction"]
        if not clean_name(name):
            name, direction = self._category_of_file(direction)
        known = self.categories.find(name)
        if known is None:
            if direction is None:
                raise ValidationError([])  # the direction itself was refused
            if not direction:
                names = [category.name for category in self.categories.things()]
                raise ValidationError(
                    f"category '{name[:80]}' is unknown. Write its direction (received or spent) to make it, or one "
                    f"of: {', '.join(names)[:300]}."
                )
            return self._make(name, direction)
        if not direction or direction == known.direction:
            return known
        # A category has one direction; a file that uses a name both ways gets a second one beside it.
        beside = f"{known.name} ({direction})"
        if self.categories.find(beside) is not None:
            return self.categories.find(beside)
        if known.name not in self.made:
            raise ValidationError(
                f"category '{known.name}' is {known.direction} in this book, the row says {direction}. Mend the "
                f"direction, or name another category, e.g. '{beside}'."
            )
        self.note = f"'{known.name}' is used both ways; what is {direction} goes to a category '{beside}'."
        return self._make(beside, direction)

    def _category_of_file(self, direction):
        """(name, direction) of the category that stands for all rows of the file that name none."""
        answers = {Direction.RECEIVED: self.category_received, Direction.SPENT: self.category_spent}
        answers = {way: name for way, name in answers.items() if name}
        if not answers:
            raise ValidationError("the category is missing.")
        if not direction and len(answers) == 1:
            ((direction, name),) = answers.items()
            return name, direction
        if not direction:
            raise ValidationError("the row names no category and does not say whether money came or went.")
        if direction not in answers:
            raise ValidationError(
                f"the category is missing: name one for what is {direction} as well "
                f"(a command: --category NAME:{direction})."
            )
        return answers[direction], direction

    def _make(self, name, direction):
        """A category that is saved when its first entry is posted."""
        name = clean_name(name)
        nature, is_known = natures.guess(name, direction)
        made = Category(book=self.book, name=name, direction=direction, nature=nature, nature_is_guessed=not is_known)
        if not is_known:
            taken = f"The new category '{name}' is taken for {nature.label.lower()} by its direction; look at its page."
            self.note = " ".join(filter(None, (self.note, taken)))
        made.full_clean(validate_constraints=False)
        near = self.categories.near(made.name)
        self.made[made.name] = (self.line, f"{made.name} ({direction}{f'; near {near}' if near else ''})")
        self.categories.add(made.name, made)
        return made

    def _subcategory(self, category, text):
        """The subcategory as the category's entries spell it; a new one is noted."""
        name = clean_name(text)
        if not name:
            return ""
        used = self.used.setdefault(category.name.casefold(), Names())
        known = used.find(text)
        if known is not None:
            return known
        near = used.near(name)
        words = f"{name} ({category}{f'; near {near}' if near else ''})"
        self.new_subcategories[category.name, name] = (self.line, words, bool(near))
        used.add(name, name)
        return name

    def _account(self, values):
        name, mode = clean_name(values["account"]), values["payment_mode"]
        if not name:
            if mode is None:
                raise ValidationError([])  # the payment mode itself was refused
            if mode not in self.by_mode:
                self.by_mode[mode] = services.account_for_mode(self.book, mode)
            return self.by_mode[mode]
        account = self.accounts.find(values["account"])
        if account is None:
            raise ValidationError(
                f"account '{name[:80]}' is unknown in {self.book}. Its accounts: "
                f"{', '.join(str(account) for account in self.accounts.things())[:300]}."
            )
        return account

    def remark_on(self, report):
        """Name the categories and subcategories that the file makes, and the known names they are near."""
        if self.made:
            line, made = next(iter(self.made.values()))[0], [words for _, words in self.made.values()]
            thing = "new category" if len(made) == 1 else "new categories"
            report.remark(line, f"This file makes {len(made)} {thing}: {_some(made)}.")
        near = [(line, words) for line, words, is_near in self.new_subcategories.values() if is_near]
        if near:
            thing = "new subcategory" if len(near) == 1 else "new subcategories"
            report.remark(near[0][0], f"This file makes {len(near)} {thing}: {_some([words for _, words in near])}.")
        others = [words for _, words, is_near in self.new_subcategories.values() if not is_near]
        if others:
            report.notes.append(f"New subcategories: {_some(others)}.")

    # -------------------------------------------------------------------------------------------- below zero

    def _note_move(self, line, entry, back=None):
        """What a new row, or the reversal `back` of one, will do to its account, on the day it will be posted."""
        on = services.first_open(self.book, back.date if back else entry.date)
        came = (entry.category.direction == Direction.RECEIVED) != bool(back)
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
        rows, backs = [], []
        for checked in batch:
            row, entry = checked.value, checked.value.entry
            if row.back:
                backs.append(row.back)
                continue
            if entry.category.pk is None:
                services.save(entry.category, self.user, "Made by an import")
            reference = source_ref(entry, row.slot, taken_back=bool(row.pair))
            if row.pair:
                self.posted[row.pair] = (self.book, SOURCE, reference)
            rows.append(
                services.NewEntry(
                    date=entry.date,
                    category=entry.category,
                    amount=entry.amount,
                    account=entry.account,
                    source_ref=reference,
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
        self.waiting |= {back.number: back for back in backs}
        return created + exported.take_back(self.waiting, self.posted, job=job, user=self.user)

    def undo(self, job):
        pairs = exported.undo_reversals(job, user=self.user)
        binned, reversed_ = services.undo_entries(book=job.book, job=job, user=self.user)
        binned += pairs
        parts = []
        if binned:
            parts.append(f"{binned:,} {'entry' if binned == 1 else 'entries'} put into the bin")
        if reversed_:
            parts.append(f"{reversed_:,} of closed days reversed on the first open day")
        return (", ".join(parts) or "Nothing was left to undo") + "."

    def result_url(self, job):
        return f"{reverse('admin:ledger_ledgerentry_changelist')}?{urlencode({'job': job.pk})}"


class _Asides(Asides):
    """As everywhere; of an export every line is a row, but for what lay in the bin."""

    def look(self, named):
        if "state" not in named:
            return super().look(named)
        return "It lay in the bin when it was exported; the line was left out." if exported.is_binned(named) else ""


def _naming(role, message):
    """A reason that names its column, e.g. "amount: '12,3x' is not an amount."."""
    word = role.replace("_", " ")
    return message if message.startswith(word) else f"{word}: {message}"


def _some(words):
    """The first of many, e.g. "Tea (spent), Rent (spent) and 7 more"."""
    more = f" and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return ", ".join(words[:_NAMED]) + more
