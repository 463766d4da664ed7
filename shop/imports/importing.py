"""What every importer shares: columns with roles and synonyms, and one loop that checks or posts a table.

An importer says which columns it knows, turns the cells of a row into a value or a reason, and posts values. The loop
streams: rows are checked in batches, posted in the same breath, and all of it is rolled back where an importer takes
all rows or none and one was rejected. Memory does not grow with the file but for its findings.
"""

import itertools
import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field

from django.db import IntegrityError, OperationalError, transaction

from shop.imports import tables
from shop.imports.asides import Asides
from shop.imports.cells import rounded_amount, shown
from shop.imports.tables import Unreadable

BATCH_ROWS = 2000
NEW, DUPLICATE, REJECTED = "new", "duplicate", "rejected"

AS_SHOWN = {"as_shown": "Take amounts as the workbook shows them, rounded to its decimals"}

_IMPORTERS = {}
_BEFORE_CHECKING = []
_PAGES = []


@dataclass(frozen=True)
class Column:
    """A column an importer knows: `role` is its name in files, `synonyms` other names people give it.

    `kind`: "" for text, "date", "amount", "export" for what only an export of ours has, "ignored" for one that is
    left out whatever it holds, "other" for one that says nothing of what the row is. `instead`: what may
    stand in place of a required column.
    """

    role: str
    label: str
    required: bool = False
    synonyms: tuple = ()
    hint: str = ""
    kind: str = ""
    instead: str = ""


@dataclass(frozen=True)
class Ask:
    """Something a file does not say by itself: `name` one of the importer's answers, `choices` (value, words)."""

    name: str
    label: str
    choices: tuple
    hint: str = ""


@dataclass
class Checked:
    """What became of one row: `state` new | duplicate | rejected, `cells` as the file shows them, `value` to post."""

    line: int
    state: str
    cells: list
    reason: str = ""
    warning: str = ""
    value: object = None


@dataclass
class Report:
    """The count of an import. rows_in = imported + duplicate + rejected + held; held: good rows that had to wait.

    `remarks` are warnings about the file as a whole, `notes` what a person may like to know of it.
    """

    rows_in: int = 0
    imported: int = 0
    duplicate: int = 0
    rejected: int = 0
    held: int = 0
    errors: list = field(default_factory=list)
    warnings: list = field(default_factory=list)
    remarks: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def shape(self):
        """As scripts see it (COMMANDS: import_entries)."""
        values = {name: value for name, value in vars(self).items() if name not in ("remarks", "notes")}
        return {**values, "warnings": self.warnings + self.remarks}

    def remark(self, line, sentence):
        """Add a warning about the file; `line` None where it is about no line."""
        self.remarks.append({"line": line, "reason": sentence})


class Refused(Exception):
    """Rows were rejected and nothing was posted; `report` says which and why."""

    def __init__(self, report):
        super().__init__(report)
        self.report = report


class Importer:
    """One kind of rows that can be imported into a book. Subclass, fill in, and register.

    kind: its short name in addresses; title: "Entries"; noun: ("entry", "entries"); columns: what it knows, and its
    template holds; beside: further columns that it reads or leaves out; heads: roles that say what a row is, best first;
    options: {name: sentence} of ticks that a person may set, given to __init__ by name; answers: names of texts that
    answer what a file does not say (`asks`), given likewise;
    all_or_none: whether one rejected row holds all others; example: rows of the template, one value per column.
    """

    kind = ""
    title = ""
    noun = ("row", "rows")
    columns = ()
    beside = ()
    heads = ()
    options = {}
    answers = ()
    all_or_none = True
    example = ()
    as_shown = False  # an importer that offers this tick takes amounts as a workbook's cells show them
    do_not_call_in_templates = True  # pages show the class, and Django would make an instance of it

    def __init__(self, book, *, user=None, **options):
        self.book, self.user = book, user
        for name in self.options:
            setattr(self, name, bool(options.pop(name, False)))
        for name in self.answers:
            setattr(self, name, options.pop(name, "") or "")
        if options:
            raise TypeError(f"{self.title} know no option {', '.join(options)}.")

    def open(self, path):
        """The Table in a file; override for layouts of one's own. Raises Unreadable."""
        return tables.open_table(path, self.is_header)

    @classmethod
    def known_columns(cls):
        """All columns that it knows by name."""
        return (*cls.columns, *cls.beside)

    def is_header(self, cells):
        """Whether a line names columns: two that are known, or more."""
        names = _names_of(self.known_columns())
        return len({names.get(_plain_name(cell), "") for cell in cells} - {""}) > 1

    def match(self, header, roles=None):
        """The Match of a header, by names or by the `roles` that a person chose."""
        if roles is None:
            return match_columns(self.known_columns(), header, self.needs)
        return check_roles(self.known_columns(), roles, self.needs)

    def needs(self, column, roles):
        """Whether a file whose columns play `roles` lacks something without this column."""
        return column.required

    def asks(self):
        """The Asks that a person may answer about a file."""
        return ()

    def look_over(self, table, roles):
        """Read through the whole table once before its rows are judged, where that is needed."""

    def asides(self, roles):
        """The Asides that tell totals and other lines from rows."""
        return Asides(self.known_columns(), heads=self.heads)

    def remark_on(self, report):
        """Add to the report what is to be said about the file when all its rows were judged."""

    def around(self):
        """What is held around the transaction that posts or undoes, e.g. a lock that is taken before it begins."""
        return nullcontext()

    def begin(self):
        """Read from the book what check needs; called once before the first batch, again at each new try."""

    def check(self, batch):
        """Judge a batch of (line, {role: cell}, cells): yields one Checked per row, in order; a bad row is REJECTED.

        When it is called, `post` has been given the good rows of the batches before.
        """
        raise NotImplementedError

    def afterthoughts(self):
        """[(line, sentence)] about the rows judged new as a whole, once all were judged; nothing is held up by them."""
        return []

    def post(self, batch, job):
        """Post a list of new Checked rows inside the caller's transaction; returns how many were posted.

        The others were posted by somebody else a moment earlier: they count as duplicates.
        """
        raise NotImplementedError

    def said(self):
        """A sentence for the page of a finished import, beside its counts; "" for none."""
        return ""

    def undo(self, job):
        """Take back what `job` posted; returns a sentence that says what was done. A second call finds nothing."""
        raise NotImplementedError

    def result_url(self, job):
        """Where the rows of a finished import can be seen; "" for nowhere."""
        return ""


def before_checking(act: Callable[[int], object]) -> None:
    """Have `act(book id)` called before rows are judged: what they are judged by must be up to date."""
    _BEFORE_CHECKING.append(act)


def prepare(book_id: int) -> None:
    """Bring up to date what rows of the book are judged by, e.g. whether money can be there. Twice is once."""
    for act in _BEFORE_CHECKING:
        act(book_id)


def register(importer):
    """Make an Importer class known to the wizard; apps call it from their ready()."""
    _IMPORTERS[importer.kind] = importer
    return importer


def register_page(words, view):
    """Show a page of an app's own among the ways to import; `view` is a URL name that takes the book's slug."""
    _PAGES.append((words, view))


def pages():
    """[(words, URL name)] of what register_page was told."""
    return list(_PAGES)


def importers():
    """All registered Importer classes, in the order of registration."""
    return list(_IMPORTERS.values())


def importer_of(kind):
    """The Importer class of a kind. Raises KeyError."""
    return _IMPORTERS[kind]


# ------------------------------------------------------------------------------------------------ columns


@dataclass
class Match:
    """Which column of a file plays which role: `roles` one per header cell, "" = left out; `faults` sentences."""

    roles: list
    faults: list

    @property
    def is_known(self):
        return not self.faults


def _is_required(column, roles):
    return column.required


def match_columns(columns, header, needs=_is_required):
    """The Match of a header by names and synonyms; faults name what is unknown, doubled or missing."""
    names = _names_of(columns)
    roles = [names.get(_plain_name(name), "") for name in header]
    if not any(roles):
        return Match(roles, [_no_header(columns, header)])
    ignored = {column.role for column in columns if column.kind == "ignored"}
    faults = []
    for column in columns:
        at = [index for index, role in enumerate(roles) if role == column.role]
        if len(at) > 1 and column.role not in ignored:
            places = " and ".join(f"'{header[index]}' (column {index + 1})" for index in at)
            faults.append(f"Two columns are the {column.label.lower()}: {places}. Keep one.")
        elif not at and needs(column, roles):
            faults.append(f"The column '{column.role}' is missing{column.instead}.")
    known = ", ".join(column.role for column in columns if column.kind not in ("ignored", "export"))
    for index, (name, role) in enumerate(zip(header, roles, strict=True)):
        if name and not role:
            faults.append(f"The column '{name[:60]}' (column {index + 1}) is unknown. Known are {known}.")
    return Match(["" if role in ignored else role for role in roles], faults)


def _names_of(columns):
    """{a name people give a column: its role}."""
    names = {}
    for column in columns:
        for name in (column.role, column.label, *column.synonyms):
            names.setdefault(_plain_name(name), column.role)
    return names


def check_roles(columns, roles, needs=_is_required):
    """A Match of roles that a person chose; faults where one is doubled or a required one is missing."""
    faults = []
    for column in columns:
        count = roles.count(column.role)
        if count > 1:
            faults.append(f"{column.label} was chosen for {count} columns; choose it for one.")
        elif not count and needs(column, roles):
            faults.append(f"Choose the column that holds the {column.label.lower()}{column.instead}.")
    return Match(list(roles), faults)


def _plain_name(name):
    """A column's name without its signs, nor the currency behind it: "Amount (Rs.)" is amount."""
    plain = re.sub(r"[\W_]+", " ", str(name)).strip().casefold()
    return re.sub(r"(?<=\S) (?:rs|inr|in rs|in rupees|rupees)$", "", plain)


def _no_header(columns, header):
    known = ", ".join(column.role for column in columns if column.kind not in ("ignored", "export"))
    shown = ", ".join(f"'{name[:40]}'" for name in header[:12])
    return f"The first line must name the columns ({known}); it holds {shown}."


# ------------------------------------------------------------------------------------------------ the loop


def check(importer, table, roles, *, on_checked=None, progress=None):
    """Judge every row of a table without writing anything; returns a Report where `imported` is 0, held = good rows."""
    report = Report()
    importer.begin()
    importer.look_over(table, roles)
    for checked in _judge(importer, table, roles, report, progress):
        if on_checked:
            on_checked(checked)
    report.held = report.rows_in - report.duplicate - report.rejected
    _add_afterthoughts(importer, report)
    return report


def place(importer, table, roles, *, job=None, finish=None, progress=None):
    """Post a table in one transaction and return the Report. Raises Refused, with nothing posted.

    `finish(report)` is called inside that transaction. Two imports that make the same category at once, or that wait
    for each other's rows: the database stops one of them, which then looks again.
    """
    for tries_left in (2, 1, 0):
        try:
            with importer.around(), transaction.atomic():
                report = _place(importer, table, roles, job, progress)
                if finish:
                    finish(report)
        except (IntegrityError, OperationalError):
            if not tries_left:
                raise
        else:
            break
    return report


def _place(importer, table, roles, job, progress):
    report, good = Report(), 0
    importer.begin()
    importer.look_over(table, roles)
    judged = _judge(importer, table, roles, report, progress)
    while batch := list(itertools.islice(judged, BATCH_ROWS)):
        new = [checked for checked in batch if checked.state == NEW]
        good += len(new)
        if new and not (importer.all_or_none and report.rejected):
            report.imported += importer.post(new, job)
    if report.rejected and importer.all_or_none:
        report.imported, report.held = 0, good
        raise Refused(report)
    report.duplicate += good - report.imported
    _add_afterthoughts(importer, report)
    return report


def _add_afterthoughts(importer, report):
    for line, sentence in importer.afterthoughts():
        report.remark(line, sentence)


def _judge(importer, table, roles, report, progress):
    """Yield a Checked for each row, counting into the report."""
    rows, asides = table.rows(), importer.asides(roles)
    report.notes += [*table.notes, *_left_out(table.header, roles)]
    for line, sentence in table.warnings:
        report.remark(line, sentence)
    while batch := list(itertools.islice(rows, BATCH_ROWS)):
        readable, rejected, rows_of_batch = [], {}, []
        for row in batch:
            cells = [shown(cell) for cell in row.cells]
            fault = row.fault or _shape_fault(cells, table.header, roles)
            named = {role: cell for role, cell in zip(roles, row.cells, strict=False) if role}
            if importer.as_shown:
                named = {role: _as_shown(cell) for role, cell in named.items()}
            if not fault and (aside := asides.look(named)):
                report.remark(row.line, aside)
                continue
            rows_of_batch.append(row)
            if fault:
                rejected[row.line] = Checked(row.line, REJECTED, cells, fault)
            else:
                readable.append((row.line, named, cells))
        judged = importer.check(readable)
        for row in rows_of_batch:
            checked = rejected.get(row.line) or next(judged)
            _count(report, checked)
            yield checked
        if progress:
            progress(report.rows_in, table.size)
    importer.remark_on(report)


def _as_shown(cell):
    """What a workbook's cell shows of an amount, where that is less than it holds."""
    sight = rounded_amount(cell)
    return cell if sight is None else sight


def _left_out(header, roles):
    """The note of the columns that are not read, if any."""
    names = [name for name, role in zip(header, roles, strict=False) if name and not role]
    return [f"Not read: the column{'s' if names[1:] else ''} {', '.join(names)[:300]}."] if names else []


def _shape_fault(cells, header, roles):
    """Why a line cannot be a row of this table, or ""."""
    if len(cells) > len(header):
        return (
            f"The line has {len(cells)} columns, the header has {len(header)}. Put text that holds the separator in "
            "quotes, or take out what is too much."
        )
    if "" in header:
        for index, cell in enumerate(cells):
            if cell and not header[index] and not roles[index]:
                return f"Column {index + 1} holds '{cell[:40]}' but has no name in the header."
    if cells[:1] == header[:1] and cells == header:
        return "This is the header once more; take the line out."
    return ""


def _count(report, checked):
    report.rows_in += 1
    if checked.state == REJECTED:
        report.rejected += 1
        report.errors.append({"line": checked.line, "reason": checked.reason})
    elif checked.state == DUPLICATE:
        report.duplicate += 1
    if checked.warning:
        report.warnings.append({"line": checked.line, "reason": checked.warning})


def import_file(importer, path, *, mapping=None, job=None, finish=None, progress=None):
    """Open a file, match its columns and place it; the foreground way, for commands. `mapping` as map_columns has it.

    Raises Unreadable for a file or header that cannot be used, Refused where rows were rejected.
    """
    table = importer.open(path)
    match = map_columns(importer, table, mapping) if mapping else importer.match(table.header)
    if not match.is_known:
        raise Unreadable(" ".join(match.faults), table.header_line)
    report = place(importer, table, match.roles, job=job, finish=finish, progress=progress)
    if not report.rows_in:
        raise Unreadable("The file names columns but holds no rows below them.", table.header_line)
    return report


def map_columns(importer, table, mapping):
    """The Match of a table where `mapping` {role: the column's name, or its number from 1} says what columns are.

    The others are matched by their names, and those that nobody knows are left out. Raises Unreadable for a role or
    column that does not exist.
    """
    known = {column.role: column for column in importer.known_columns() if column.kind != "ignored"}
    chosen = {}
    for role, name in mapping.items():
        if role not in known:
            raise Unreadable(f"'{role}' is no column of {importer.title.lower()}; take one of {', '.join(known)}.")
        chosen[_place_of(name, table)] = role
    taken = set(chosen.values())
    by_name = match_columns(importer.known_columns(), table.header).roles
    roles = [chosen.get(at, "" if role in taken else role) for at, role in enumerate(by_name)]
    return importer.match(table.header, roles)


def _place_of(name, table):
    """The index of the column that is called `name`, else the one of that number."""
    at = [index for index, header in enumerate(table.header) if _plain_name(header) == _plain_name(name)]
    if len(at) == 1:
        return at[0]
    if not at and name.isascii() and name.isdecimal() and 0 < int(name[:4]) <= len(table.header):
        return int(name) - 1
    headers = ", ".join(header for header in table.header if header)[:400]
    if at:
        raise Unreadable(
            f"Several columns are called '{name}'; name it by its number, e.g. {at[0] + 1}.", table.header_line
        )
    raise Unreadable(f"There is no column '{name}'. The file has {headers}.", table.header_line)
