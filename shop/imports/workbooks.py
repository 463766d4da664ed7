"""Excel workbooks as tables. Pure: no database.

shop.xlsx reads the file as a stream and within limits. Formulas count with the value Excel stored; one that has none
is a fault of its row, never an empty cell.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from shop.imports.tables import (
    MAX_COLUMNS,
    MAX_ROWS,
    DayNumber1904,
    Faulty,
    Row,
    Table,
    Unreadable,
    counted,
    too_long,
    too_wide,
)
from shop.xlsx import rows as xlsx

MAX_UNPACKED_BYTES = 100 * 1024 * 1024
MAX_PARTS = 500
MAX_TEXT = 50_000_000
_DAMAGED = "The workbook cannot be read: it is damaged or no workbook ({}). Save it again as .xlsx, or as CSV UTF-8."
_UNOPENED = {
    xlsx.LARGE: "The workbook unpacks to more than 100 MB. Copy the rows into a new workbook, or save as CSV.",
    xlsx.LOCKED: "The workbook is protected with a password. Save it without one.",
    xlsx.NO_WORKBOOK: "This is a zip file, no Excel workbook. Unpack it and import what is inside.",
    xlsx.DOCTYPE: "The workbook holds a document type, which no spreadsheet writes. Save it again as .xlsx.",
    xlsx.TEXTS: "The workbook's texts are too long to hold. Keep only the columns that are imported.",
}
Cell = xlsx.Cell


def open_xlsx(content: bytes) -> Table:
    """The first sheet of an .xlsx as a Table. Raises Unreadable."""
    limits = xlsx.Limits(MAX_UNPACKED_BYTES, MAX_PARTS, MAX_TEXT, 2 * MAX_ROWS, MAX_COLUMNS)
    try:
        book = xlsx.Workbook(content, limits)
        if book.macros:
            raise Unreadable("This workbook carries macros. Save it as an .xlsx workbook without macros.")
        sheet = next(iter(book.sheets), None)
        if sheet is None:
            raise Unreadable(_DAMAGED.format("it has no sheet"))
        # Read through once, so that what is wrong with the file as a whole is told before any row is judged.
        header_line, cells, last_line = 0, [], 0
        for last_line, row in book.rows(sheet):
            header_line, cells = (header_line, cells) if cells else (last_line, row)
    except (xlsx.Unopened, xlsx.TooFar) as error:
        raise _unreadable(error) from None
    if not cells:
        raise Unreadable("The sheet is empty. Its first row names the columns, each further row is one row.")
    return Table(
        header=[str(_cell(cell)).strip() for cell in cells],
        rows=lambda: counted(_rows(book, sheet, header_line)),
        size=last_line - header_line,
        kind="xlsx",
        header_line=header_line,
    )


def _unreadable(error: xlsx.Unopened | xlsx.TooFar) -> Unreadable:
    if isinstance(error, xlsx.TooFar):
        return too_wide(error.column) if error.column > MAX_COLUMNS else too_long(error.row)
    return Unreadable(_UNOPENED.get(error.kind) or _DAMAGED.format(error.detail))


def _rows(book: xlsx.Workbook, sheet: str, header_line: int) -> Iterator[Row]:
    number = DayNumber1904 if book.counts_from_1904 else Decimal
    for line, cells in book.rows(sheet):
        if line > header_line:
            yield Row(line, [_cell(cell, number) for cell in cells])


def _cell(cell: Cell, number: type[Decimal] = Decimal) -> object:
    """A cell as str, Decimal, date or Faulty."""
    if isinstance(cell, xlsx.Unusable):
        return Faulty(cell)
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, Decimal) and not isinstance(cell, xlsx.Seen):
        return number(cell)
    return cell
