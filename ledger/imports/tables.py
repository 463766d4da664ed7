"""Tables from files: bytes of a CSV or XLSX -> header and rows with the number of their line. Pure: no database.

A file comes from anywhere, so sizes are measured before anything is opened, and what cannot be read names its line
and the way out. Numbers keep the digits that the file shows: no arithmetic on floats, ever.
"""

import codecs
import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from django.core.exceptions import ValidationError

MAX_BYTES = 10 * 1024 * 1024
MAX_ROWS = 50_000
MAX_COLUMNS = 100
_WRAPPED_LINES = 20  # a quoted cell runs over a few lines at most

_CP1252_LETTERS = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿŠšŽžŒœŸ‘’“”–—…•€£§°·º«»©®±²³½¼¾×\x00-\x7f\xa0]*")
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1f]")
_DELIMITERS = ",;\t|"


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
    """A header and, as often as asked, an iterator over the rows below it. `warnings` are (line, sentence)."""

    header: list[str]
    rows: Callable[[], Iterator[Row]]
    size: int
    kind: str
    header_line: int = 1
    warnings: list = field(default_factory=list)


def open_table(path) -> Table:
    """The table in the file at `path`, whatever its name says. Raises Unreadable; OSError where there is no file."""
    path = Path(path)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise Unreadable(
            f"The file has {size:,} bytes; {MAX_BYTES:,} (10 MB) is the limit. Cut it into parts and import each."
        )
    content = path.read_bytes()
    if content.startswith(b"PK\x03\x04"):
        from ledger.imports import workbooks

        return workbooks.open_xlsx(content)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise Unreadable(
            "This workbook is protected with a password, or it is an old .xls. Open it in Excel or LibreOffice and "
            "save it as .xlsx without a password."
        )
    return _open_csv(content)


# ------------------------------------------------------------------------------------------------ CSV


def _open_csv(content):
    text, warnings = _decode(content)
    if _CONTROL.search(text):
        line = text.count("\n", 0, _CONTROL.search(text).start()) + 1
        raise Unreadable(
            f"Line {line} holds control characters: this is no CSV file. Save the sheet as CSV UTF-8 or .xlsx.", line
        )
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    at = next((at for at, line in enumerate(lines) if line.strip(_DELIMITERS + " ")), None)
    if at is None:
        raise Unreadable("The file is empty. Its first line names the columns, each further line is one row.")
    delimiter = max(_DELIMITERS, key=lines[at].count)
    width = lines[at].count(delimiter)
    if width >= MAX_COLUMNS:
        raise too_wide(width + 1)
    if "\0" in lines[at]:
        raise Unreadable("The header holds NUL bytes: the file is damaged. Save it again as CSV UTF-8.", at + 1)
    first = next(_records(lines, at, delimiter, width))
    if first.fault:
        raise Unreadable(f"The header: {first.fault}", first.line)
    header = [cell.strip() for cell in first.cells]
    start = next((row.line for row in _records(lines, at, delimiter, width) if row.line > first.line), len(lines) + 1)
    return Table(
        header=header,
        rows=lambda: counted(_records(lines, start - 1, delimiter, width)),
        size=len(lines) - at - 1 - (not lines[-1]),
        kind="csv",
        header_line=at + 1,
        warnings=warnings,
    )


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
