"""What every importer shares: columns with roles and synonyms, and one loop that checks or posts a table.

An importer says which columns it knows, turns the cells of a row into a value or a reason, and posts values. The loop
streams: rows are checked in batches, posted in the same breath, and all of it is rolled back where an importer takes
all rows or none and one was rejected. Memory does not grow with the file but for its findings.
"""

import itertools
import re
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, transaction

from ledger.imports import tables
from ledger.imports.tables import Faulty, Unreadable
from ledger.xlsx.formats import PERCENTAGE, TIME
from ledger.xlsx.rows import Seen

BATCH_ROWS = 2000
NEW, DUPLICATE, REJECTED = "new", "duplicate", "rejected"

_IMPORTERS = {}
_PAGES = []


@dataclass(frozen=True)
class Column:
    """A column an importer knows: `role` is its name in files, `synonyms` other names people give it."""

    role: str
    label: str
    required: bool = False
    synonyms: tuple = ()
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
    """The count of an import. rows_in = imported + duplicate + rejected + held; held: good rows that had to wait."""

    rows_in: int = 0
    imported: int = 0
    duplicate: int = 0
    rejected: int = 0
    held: int = 0
    errors: list = field(default_factory=list)
    warnings: list = field(default_factory=list)
    afterthoughts: list = field(default_factory=list)  # [(line, sentence)], among the warnings too

    def shape(self):
        """As scripts see it (COMMANDS: import_entries)."""
        return {name: value for name, value in vars(self).items() if name != "afterthoughts"}


class Refused(Exception):
    """Rows were rejected and nothing was posted; `report` says which and why."""

    def __init__(self, report):
        super().__init__(report)
        self.report = report


class Importer:
    """One kind of rows that can be imported into a book. Subclass, fill in, and register.

    kind: its short name in addresses; title: "Entries"; noun: ("entry", "entries"); columns: what it knows;
    options: {name: sentence} of ticks that a person may set, given to __init__ by name;
    all_or_none: whether one rejected row holds all others; example: rows of the template, one value per column.
    """

    kind = ""
    title = ""
    noun = ("row", "rows")
    columns = ()
    options = {}
    all_or_none = True
    example = ()
    do_not_call_in_templates = True  # pages show the class, and Django would make an instance of it

    def __init__(self, book, *, user=None, **options):
        self.book, self.user = book, user
        for name in self.options:
            setattr(self, name, bool(options.pop(name, False)))
        if options:
            raise TypeError(f"{self.title} know no option {', '.join(options)}.")

    def open(self, path):
        """The Table in a file; override for layouts of one's own. Raises Unreadable."""
        return tables.open_table(path)

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


def match_columns(columns, header):
    """The Match of a header by names and synonyms; faults name what is unknown, doubled or missing."""
    names = {}
    for column in columns:
        for name in (column.role, column.label, *column.synonyms):
            names[_plain_name(name)] = column.role
    roles = [names.get(_plain_name(name), "") for name in header]
    if not any(roles):
        return Match(roles, [_no_header(columns, header)])
    faults = []
    for column in columns:
        at = [index for index, role in enumerate(roles) if role == column.role]
        if len(at) > 1:
            places = " and ".join(f"'{header[index]}' (column {index + 1})" for index in at)
            faults.append(f"Two columns are the {column.label.lower()}: {places}. Keep one.")
        elif not at and column.required:
            faults.append(f"The column '{column.role}' is missing.")
    known = ", ".join(column.role for column in columns)
    for index, (name, role) in enumerate(zip(header, roles, strict=True)):
        if name and not role:
            faults.append(f"The column '{name[:60]}' (column {index + 1}) is unknown. Known are {known}.")
    return Match(roles, faults)


def check_roles(columns, header, roles):
    """A Match of roles that a person chose; faults where one is doubled or a required one is missing."""
    faults = []
    for column in columns:
        count = roles.count(column.role)
        if count > 1:
            faults.append(f"{column.label} was chosen for {count} columns; choose it for one.")
        elif not count and column.required:
            faults.append(f"Choose the column that holds the {column.label.lower()}.")
    return Match(list(roles), faults)


def _plain_name(name):
    return re.sub(r"[\W_]+", " ", str(name)).strip().casefold()


def _no_header(columns, header):
    known = ", ".join(column.role for column in columns)
    shown = ", ".join(f"'{name[:40]}'" for name in header[:12])
    return f"The first line must name the columns ({known}); it holds {shown}."


# ------------------------------------------------------------------------------------------------ cells


def text_of(cell):
    """A cell as one line of text. A Decimal from a workbook loses its empty places ("123", not "123.0")."""
    if isinstance(cell, Faulty):
        raise ValidationError(str(cell))
    if isinstance(cell, Seen) and cell.sight.kind in (PERCENTAGE, TIME):
        return cell.sight.text
    if isinstance(cell, Decimal):
        return format(cell.normalize(), "f") if cell else "0"
    if isinstance(cell, date):
        return cell.isoformat()
    return cell.strip()


def refuse_seen(cell: object, wanted: str) -> None:
    """Raise ValidationError for a workbook's number that shows as something else than `wanted` ("an amount")."""
    if isinstance(cell, Seen):
        raise ValidationError(cell.why_not(wanted), code="seen")


def shown(cell):
    """A cell as the preview and the file of rejected rows show it."""
    try:
        return text_of(cell)[:500]
    except ValidationError as error:
        return error.message


# ------------------------------------------------------------------------------------------------ the loop


def check(importer, table, roles, *, on_checked=None, progress=None):
    """Judge every row of a table without writing anything; returns a Report where `imported` is 0, held = good rows."""
    report = Report()
    importer.begin()
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
    report.afterthoughts = importer.afterthoughts()
    report.warnings += [{"line": line, "reason": reason} for line, reason in report.afterthoughts]


def _judge(importer, table, roles, report, progress):
    """Yield a Checked for each row, counting into the report."""
    rows = table.rows()
    while batch := list(itertools.islice(rows, BATCH_ROWS)):
        readable, rejected = [], {}
        for row in batch:
            cells = [shown(cell) for cell in row.cells]
            fault = row.fault or _shape_fault(cells, table.header, roles)
            if fault:
                rejected[row.line] = Checked(row.line, REJECTED, cells, fault)
            else:
                named = {role: cell for role, cell in zip(roles, row.cells, strict=False) if role}
                readable.append((row.line, named, cells))
        judged = importer.check(readable)
        for row in batch:
            checked = rejected.get(row.line) or next(judged)
            _count(report, checked)
            yield checked
        if progress:
            progress(report.rows_in, table.size)


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


def import_file(importer, path, *, job=None, finish=None, progress=None):
    """Open a file, match its columns and place it; the foreground way, for commands.

    Raises Unreadable for a file or header that cannot be used, Refused where rows were rejected.
    """
    table = importer.open(path)
    match = match_columns(importer.columns, table.header)
    if not match.is_known:
        raise Unreadable(" ".join(match.faults), table.header_line)
    report = place(importer, table, match.roles, job=job, finish=finish, progress=progress)
    report.warnings[:0] = [{"line": line, "reason": reason} for line, reason in table.warnings]
    if not report.rows_in:
        raise Unreadable("The file names columns but holds no rows below them.", table.header_line)
    return report
