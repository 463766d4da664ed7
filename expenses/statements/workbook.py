"""Excel files, and what banks save under an Excel name: real .xlsx and .xls, or HTML tables.

Sizes are measured before a workbook is opened: 200 kB can unpack to 200 MB, and one far cell to millions.
"""

from __future__ import annotations

import io
import re
import zipfile

import lxml.html
from python_calamine import CalamineError, CalamineWorkbook

from expenses.statements import xls
from expenses.statements.errors import StatementError
from expenses.statements.table import MAX_COLUMNS, MAX_ROWS, Table, too_many_columns, too_many_rows
from expenses.statements.xls import cell_text

MAX_UNPACKED_BYTES = 150 * 1024 * 1024
MAX_PARTS = 1_000
MAX_CELLS = 4_000_000
MAX_TEXT = 100_000_000
MAX_SHEETS = 20


def _far() -> StatementError:
    return StatementError(
        "The workbook's cells reach too far. Copy the statement into a new workbook, or export it as CSV."
    )


def _large() -> StatementError:
    return StatementError("The workbook unpacks to more than a statement can hold. Choose the bank's CSV export.")


def open_xlsx(content: bytes) -> list[Table]:
    """Every sheet of an .xlsx as text cells; formulas count with the value that the file holds for them."""
    _measure(content)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheets = [workbook.get_sheet_by_name(name) for name in workbook.sheet_names[:MAX_SHEETS]]
        return [_table(one.name, one.height, one.width, _rows(one), "xlsx") for one in sheets]
    except CalamineError as error:
        raise _damaged(error) from None
    except BaseException as error:  # calamine's panic is no Exception, and cannot be imported
        if type(error).__name__ != "PanicException":
            raise
        raise _damaged(error) from None


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


def _rows(sheet) -> list[list[str]]:
    return [[cell_text(cell) for cell in row] for row in sheet.iter_rows()] if sheet.height <= MAX_ROWS else []


def _table(name: str, height: int, width: int, rows: list[list[str]], kind: str) -> Table:
    if height > MAX_ROWS:
        raise too_many_rows()
    if width > MAX_COLUMNS:
        raise too_many_columns(1, width)
    return Table(name, rows, list(range(1, len(rows) + 1)), kind)


def _measure(content: bytes) -> None:
    """Refuse what would not fit in memory, by the parts' sizes, the farthest cell, and the shared texts' use."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
                raise _large()
            if any(part.flag_bits & 1 for part in parts):
                raise _locked()
            names = [part.filename for part in parts]
            if not any(name.lower() == "xl/workbook.xml" for name in names):
                raise StatementError(
                    "This is a zip file, not an Excel workbook. Unpack it and upload the statement inside."
                )
            shared = [name for name in names if name.lower().endswith("sharedstrings.xml")]
            texts = [len(text) for name in shared for text in re.split(rb"<(?:\w+:)?si\b", archive.read(name))[1:]]
            for name in names:
                if name not in shared:
                    _measure_part(archive, name, texts)
    except StatementError:
        raise
    except Exception as error:  # a damaged archive raises nearly anything in zipfile and zlib
        raise StatementError(
            f"The workbook is damaged ({str(error)[:80]}). Download it again, or choose the bank's CSV export."
        ) from None


_PLACE = re.compile(rb"""<(?:\w+:)?(?:c|row)\s[^>]*?\br\s*=\s*["']([A-Za-z]*)(\d+)["']""")
_SHARED = re.compile(rb"""\bt\s*=\s*["']s["'][^>]*>\s*<(?:\w+:)?v>(\d+)""")
_CHUNK = 1 << 20


def _measure_part(archive: zipfile.ZipFile, name: str, texts: list[int]) -> None:
    """A reader lays a sheet out as a full rectangle (and aborts the process where memory ends), so its farthest row
    times its farthest column is its cost. Any part may be a sheet: the workbook names it, not its folder."""
    columns: set[bytes] = set()
    bottom = text = 0
    rest = b""
    with archive.open(name) as part:
        while True:
            chunk = part.read(_CHUNK)
            piece = rest + chunk
            # the last cell may be cut off here: it waits for the next chunk
            whole = (
                max(piece.rfind(b"<", 0, max(len(piece) - 200, 0)), 0) if chunk and len(rest) < _CHUNK else len(piece)
            )
            places = _PLACE.findall(piece, 0, whole)
            columns.update(column for column, _ in places)
            bottom = max(bottom, max((int(row[:9]) for _, row in places), default=0))
            text += sum(texts[int(at[:9])] for at in _SHARED.findall(piece, 0, whole) if int(at[:9]) < len(texts))
            rest = piece[whole:]
            if bottom * max(map(_column_number, columns), default=0) > MAX_CELLS or bottom > 5 * MAX_ROWS:
                raise _far()
            if text > MAX_TEXT:
                raise _large()
            if not chunk:
                return


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters[:4].upper():
        number = number * 26 + letter - 64
    return number


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
