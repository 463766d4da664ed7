"""Tables from files: bytes of a CSV or XLSX -> header and rows with the number of their line. Pure: no database.

A file comes from anywhere, so sizes are measured before anything is opened, and what cannot be read names its line
and the way out. Numbers keep the digits that the file shows: no arithmetic on floats, ever.
"""

import codecs
import csv
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from django.core.exceptions import ValidationError

MAX_BYTES = 10 * 1024 * 1024
MAX_ROWS = 50_000
MAX_COLUMNS = 100
HEADER_WITHIN = 30  # rows: titles, addresses and blank lines may stand above the header
_WRAPPED_LINES = 20  # a quoted cell runs over a few lines at most

_CP1252_LETTERS = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿŠšŽžŒœŸ‘’“”–—…•€£§°·º«»©®±²³½¼¾×\x00-\x7f\xa0]*")
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1f]")
_DELIMITERS = ",;\t|"
_SEPARATOR = re.compile(r'\s*"?sep=(?P<sign>[,;\t|])"?[\s,;|]*', re.IGNORECASE)  # Excel's own first line


class Unreadable(ValidationError):
    """The file as a whole is refused; `line` names the place where there is one."""

    def __init__(self, message, line=None):
        super().__init__(message, code="unreadable")
        self.line = line


class Faulty(str):
    """A cell that cannot be used; the text says why."""


class DayNumber1904(Decimal):
    """A number of a workbook whose days count from 1904, as old Excels for Mac count."""


def day_of(number):
    """The date that a workbook's number stands for where no date format says so. Raises ValidationError."""
    days = int(number) + (1462 if isinstance(number, DayNumber1904) else 0)
    if number % 1 or not 61 <= days < 110_000:
        raise ValidationError(f"'{number}' is not a date. Write it like 2024-01-15 or 15-01-2024.", code="not_a_date")
    return date(1899, 12, 30) + timedelta(days=days)


@dataclass
class Row:
    """One row: `cells` str | Decimal | date | Faulty, `fault` where the line cannot be cut into cells."""

    line: int
    cells: list = field(default_factory=list)
    fault: str = ""


@dataclass
class Table:
    """A header and, as often as asked, an iterator over the rows below it.

    `warnings` are (line or None, sentence): what to look at; `notes` are sentences about what was left out; `titles`
    the cells above the header, as text.
    """

    header: list[str]
    rows: Callable[[], Iterator[Row]]
    size: int
    kind: str
    header_line: int = 1
    warnings: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    titles: list = field(default_factory=list)


def open_table(path, is_header: Callable[[list[str]], bool] | None = None) -> Table:
    """The table in the file at `path`, whatever its name says.

    Its header is the first row that `is_header` takes for one (titles may stand above), else the first row as wide as
    the table; without `is_header` the first row. Raises Unreadable; OSError where there is no file.
    """
    path = Path(path)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise Unreadable(
            f"The file has {size:,} bytes; {MAX_BYTES:,} (10 MB) is the limit. Cut it into parts and import each."
        )
    content = path.read_bytes()
    if content.startswith(b"PK\x03\x04"):
        from shop.imports import sheets, workbooks

        table = workbooks.open_xlsx(content)
        table.warnings += sheets.unread(content)
        return _below_titles(table, is_header) if is_header else table
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise Unreadable(
            "This workbook is protected with a password, or it is an old .xls. Open it in Excel or LibreOffice and "
            "save it as .xlsx without a password."
        )
    return _open_csv(content, is_header)


def _header_at(rows, is_header):
    """Which of the first rows, lists of text, is the header."""
    known = next((at for at, cells in enumerate(rows) if is_header(cells)), None)
    if known is not None:
        return known
    filled = [sum(map(bool, cells)) for cells in rows]
    wide = max(2, max(filled) - 1)
    return next((at for at, count in enumerate(filled) if count >= wide), 0)


def _titles(rows):
    """The note of what stands above the header; rows are (line, cells)."""
    words = "; ".join(" ".join(filter(None, cells)) for _, cells in rows)
    if len(rows) == 1:
        return f"Line {rows[0][0]} stands above the header and was not read: {words[:200]}"
    return f"Lines {rows[0][0]} to {rows[-1][0]} stand above the header and were not read: {words[:200]}"


def _below_titles(table, is_header):
    """The table with its header where is_header finds it, for rows that are cut into cells already."""
    first = [(table.header_line, table.header)]
    for row in itertools.islice(table.rows(), HEADER_WITHIN - 1):
        first.append((row.line, [_as_title(cell) for cell in row.cells]))
    at = _header_at([cells for _, cells in first], is_header)
    if at == 0:
        return table
    line, header = first[at]
    rows = table.rows
    return replace(
        table,
        header=header,
        rows=lambda: (row for row in rows() if row.line > line),
        size=table.size - (line - table.header_line),
        header_line=line,
        notes=[*table.notes, _titles(first[:at])],
        titles=[cell for _, cells in first[:at] for cell in cells],
    )


def _as_title(cell):
    return cell.strip() if isinstance(cell, str) else str(cell)


# ------------------------------------------------------------------------------------------------ CSV


def _open_csv(content, is_header=None):
    text, warnings = _decode(content)
    if _CONTROL.search(text):
        line = text.count("\n", 0, _CONTROL.search(text).start()) + 1
        raise Unreadable(
            f"Line {line} holds control characters: this is no CSV file. Save the sheet as CSV UTF-8 or .xlsx.", line
        )
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    filled = [at for at, line in enumerate(lines) if line.strip(_DELIMITERS + " ")]
    named = _SEPARATOR.fullmatch(lines[filled[0]]) if filled else None
    filled = filled[1:] if named else filled
    if not filled:
        raise Unreadable("The file is empty. Its first line names the columns, each further line is one row.")
    heads = [_head(lines, at, named and named["sign"]) for at in filled[: HEADER_WITHIN if is_header else 1]]
    titles = _header_at([head.cells for head in heads], is_header) if is_header else 0
    head = heads[titles]
    if head.width >= MAX_COLUMNS:
        raise too_wide(head.width + 1)
    if "\0" in lines[head.line - 1]:
        raise Unreadable("The header holds NUL bytes: the file is damaged. Save it again as CSV UTF-8.", head.line)
    if head.fault:
        raise Unreadable(f"The header: {head.fault}", head.line)
    return Table(
        header=head.cells,
        rows=lambda: counted(_records(lines, head.end, head.delimiter, head.width)),
        size=len(lines) - head.line - (not lines[-1]),
        kind="csv",
        header_line=head.line,
        warnings=warnings,
        notes=[_titles([(one.line, one.cells) for one in heads[:titles]])] if titles else [],
        titles=[cell for one in heads[:titles] for cell in one.cells],
    )


@dataclass
class _Head:
    """A line that may be the header: its cells as text, and how the lines below would be cut; `end` the index behind."""

    line: int
    cells: list
    fault: str
    delimiter: str
    width: int
    end: int


def _head(lines, at, delimiter=None):
    delimiter = delimiter or max(_DELIMITERS, key=lines[at].count)
    width = lines[at].count(delimiter)
    if width >= MAX_COLUMNS:
        return _Head(at + 1, [], "", delimiter, width, at + 1)
    records = _records(lines, at, delimiter, width)
    first = next(records)
    end = next((row.line - 1 for row in records), len(lines))
    return _Head(at + 1, [cell.strip() for cell in first.cells], first.fault, delimiter, width, end)


def counted(rows):
    """The rows, refused beyond MAX_ROWS."""
    for count, row in enumerate(rows, 1):
        if count > MAX_ROWS:
            raise too_long(row.line)
        yield row


def too_long(line):
    """The refusal of a table with more than MAX_ROWS rows."""
    return Unreadable(f"The file has more than {MAX_ROWS:,} rows. Cut it into parts and import each.", line)


def too_wide(columns):
    """The refusal of a table with more than MAX_COLUMNS columns."""
    return Unreadable(
        f"The file has {columns:,} columns; {MAX_COLUMNS} is the limit. Keep only the columns that are imported.", 1
    )


def _decode(content):
    """(text, warnings): by byte order mark, then UTF-8, then Windows-1252 where it reads like a language."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if content.startswith(mark):
            try:
                return content[len(mark) :].decode(encoding), []
            except UnicodeDecodeError as error:
                raise Unreadable(
                    f"The file begins like {encoding.upper()} but byte {error.start + 1} does not fit: it is damaged "
                    "or cut off. Save it again as CSV UTF-8.",
                ) from None
    try:
        return content.decode(), []
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError:
            text = None
        # Text in two encodings at once would be read wrong in one of them, in silence.
        several = re.search(rb"[\xc2-\xf4][\x80-\xbf]", content)
        if several or text is None or not _CP1252_LETTERS.fullmatch(text):
            raise Unreadable(
                f"Line {line} is not UTF-8. Save the file as 'CSV UTF-8' (Excel: Save as, CSV UTF-8) or as .xlsx.", line
            ) from None
        shown = text.splitlines()[line - 1].strip()[:80]
        return text, [(line, f"The file is not UTF-8; it was read as Windows-1252. Check this line: {shown}")]


def _records(lines, at, delimiter, width):
    """One Row per record from lines[at] on; blank lines are no rows. A lone quote costs its own line only."""
    end = len(lines)
    while at < end:
        line, number = lines[at], at + 1
        at += 1
        if not line.strip(delimiter + " \t\0") and "\0" not in line:
            continue
        if len(line) > MAX_COLUMNS and line.count(delimiter) > 10 * MAX_COLUMNS:
            raise too_wide(line.count(delimiter) + 1)
        if '"' not in line:
            row = Row(number, line.split(delimiter))
        else:
            if line.count('"') % 2:
                wrapped = _wrapped(lines, at, delimiter, width)
                line = "\n".join([line, *wrapped])
                at += len(wrapped)
            row = _quoted(number, line, delimiter)
        if "\0" in line:
            row = Row(number, fault="The line holds NUL bytes: the file is damaged. Save it again as CSV UTF-8.")
        yield row


def _wrapped(lines, at, delimiter, width):
    """The lines that an open quote takes in; none where a line that looks like a row of its own comes first."""
    taken = []
    for line in lines[at : at + _WRAPPED_LINES]:
        if line.count('"') % 2 == 0 and width and line.count(delimiter) >= width:
            return []
        taken.append(line)
        if line.count('"') % 2:
            return taken
    return []


def _quoted(number, record, delimiter):
    try:
        return Row(number, next(csv.reader([record], delimiter=delimiter, strict=True)))
    except csv.Error:
        return Row(
            number,
            fault='A quote (") opens or closes in the wrong place. Write a quote within a cell twice ("") and put the '
            "cell in quotes.",
        )
