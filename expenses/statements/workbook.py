"""Excel files, and what banks save under an Excel name: real .xlsx and .xls, or HTML tables.

An .xlsx is read as a stream, within limits: 200 kB can unpack to 200 MB, and one far cell to millions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

import lxml.html

from expenses.statements import xls
from expenses.statements.errors import StatementError
from expenses.statements.table import MAX_COLUMNS, MAX_ROWS, Table, too_many_columns, too_many_rows
from expenses.statements.xls import cell_text
from shop.xlsx import rows as xlsx
from shop.xlsx.formats import PERCENTAGE, POWER, ROUNDED, TIME

MAX_UNPACKED_BYTES = 150 * 1024 * 1024
MAX_PARTS = 1_000
MAX_CELLS = 4_000_000
MAX_TEXT = 100_000_000
MAX_SHEETS = 20


def _far(column: int = 0) -> StatementError:
    if MAX_COLUMNS < column <= 4 * MAX_COLUMNS:
        return too_many_columns(1, column)
    return StatementError(
        "The workbook's cells reach too far. Copy the statement into a new workbook, or export it as CSV."
    )


def _large() -> StatementError:
    return StatementError("The workbook unpacks to more than a statement can hold. Choose the bank's CSV export.")


def open_xlsx(content: bytes) -> list[Table]:
    """Every sheet of an .xlsx as text cells; formulas count with the value that the file holds for them."""
    limits = xlsx.Limits(MAX_UNPACKED_BYTES, MAX_PARTS, MAX_TEXT, 5 * MAX_ROWS, MAX_COLUMNS)
    try:
        book = xlsx.Workbook(content, limits)
        return [_sheet(name, book.rows(name)) for name in list(book.sheets)[:MAX_SHEETS]]
    except xlsx.TooFar as error:
        raise _far(error.column) from None
    except xlsx.Unopened as error:
        raise _unopened(error) from None


def _sheet(name: str, found: Iterator[tuple[int, list[xlsx.Cell]]]) -> Table:
    """The rows of a sheet as a rectangle, blank rows included, so that a row's place is its line."""
    rows: list[list[str]] = []
    width = 0
    for line, cells in found:
        if line > MAX_ROWS:
            raise too_many_rows()
        rows += [[] for _ in range(line - 1 - len(rows))]
        rows.append([_text(cell) for cell in cells])
        width = max(width, len(cells))
        if width * line > MAX_CELLS:
            raise _far()
    for row in rows:
        row += [""] * (width - len(row))
    return _table(name, len(rows), width, rows, "xlsx")


def _text(cell: xlsx.Cell) -> str:
    """A cell as the text a delimited export would hold.

    A number of a bank's own file counts whatever its format rounds or how it writes it; one that shows as something
    else altogether becomes a text that is no amount, so that its row is rejected and says why.
    """
    if isinstance(cell, xlsx.Unusable):
        return "" if isinstance(cell, xlsx.Uncalculated) else cell
    if isinstance(cell, xlsx.Seen):
        number, sight = f"{cell.normalize():f}", cell.sight
        if sight.kind in (ROUNDED, POWER):
            return number
        if sight.kind in (PERCENTAGE, TIME):
            return sight.text
        return f"'{sight.text}' shown for {number}"
    if isinstance(cell, Decimal):
        return f"{cell.normalize():f}" if cell else "0"
    return cell_text(cell)


def _unopened(error: xlsx.Unopened) -> StatementError:
    if error.kind in (xlsx.LARGE, xlsx.TEXTS):
        return _large()
    if error.kind == xlsx.LOCKED:
        return _locked()
    if error.kind == xlsx.NO_WORKBOOK:
        return StatementError("This is a zip file, not an Excel workbook. Unpack it and upload the statement inside.")
    return StatementError(
        f"The workbook is damaged ({error.detail or 'it holds a document type'}). Download it again, or choose the bank's "
        "CSV export."
    )


# A workbook's first record (BOF of BIFF8 or BIFF5), perhaps WRITEPROT, then FILEPASS: all after it is encrypted.
_FILEPASS = re.compile(
    rb"\x09\x08(?:\x10\x00\x00\x06\x05\x00.{12}|\x08\x00\x00\x05\x05\x00.{4})(?:\x86\x00\x00\x00)?\x2f\x00", re.DOTALL
)


def open_xls(content: bytes) -> list[Table]:
    """Every sheet of a binary .xls; an .xlsx with a password comes in the same container and is told apart."""
    if "EncryptedPackage".encode("utf-16-le") in content or _FILEPASS.search(content):
        raise _locked()
    try:
        found = xls.sheets(content, most=MAX_SHEETS, max_rows=MAX_ROWS, max_text=MAX_TEXT)
    except xls.Unreadable as error:
        if str(error) == xls.TOO_LARGE:
            raise _large() from None
        raise (_locked() if "password" in str(error).lower() else _damaged(error)) from None
    return [_table(name, height, width, rows, "xls") for name, height, width, rows in found]


def _locked() -> StatementError:
    return StatementError(
        "The workbook is protected with a password. Open it with its password, save it without one "
        "(File, Info, Protect Workbook), and upload that copy."
    )


def _damaged(error: BaseException) -> StatementError:
    return StatementError(
        f"The workbook cannot be opened ({str(error)[:100]}). Download it again, or choose the bank's CSV export."
    )


def _table(name: str, height: int, width: int, rows: list[list[str]], kind: str) -> Table:
    if height > MAX_ROWS:
        raise too_many_rows()
    if width > MAX_COLUMNS:
        raise too_many_columns(1, width)
    return Table(name, rows, list(range(1, len(rows) + 1)), kind)


def open_html(text: str) -> list[Table]:
    """The rows of every table in an HTML page, one table below the other; a cell over n columns fills n."""
    try:
        page = lxml.html.document_fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))
    except (lxml.etree.ParserError, ValueError, lxml.etree.XMLSyntaxError) as error:
        raise StatementError(
            f"The HTML in the file cannot be read ({str(error)[:80]}). Choose the CSV export."
        ) from None
    rows = []
    for row in page.iter("tr"):
        if next(row.iterdescendants("table"), None) is not None:
            continue  # a row that only holds another table
        cells: list[str] = []
        for cell in row.iterchildren("td", "th"):
            span = cell.get("colspan", "1")
            cells.append(" ".join(cell.text_content().split()))
            cells.extend([""] * (min(int(span), MAX_COLUMNS) - 1 if span.isdigit() else 0))
        if len(cells) > MAX_COLUMNS:
            raise too_many_columns(len(rows) + 1, len(cells))
        rows.append(cells)
    if len(rows) > MAX_ROWS:
        raise too_many_rows()
    return [Table("", rows, list(range(1, len(rows) + 1)), "html")]
