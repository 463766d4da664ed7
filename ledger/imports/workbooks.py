"""Excel workbooks as tables. Pure: no database.

A reader lays a sheet out as a full rectangle, so one far cell or a small zip of zeros can end the process: every part
is measured by a streaming parser before calamine opens the file. Formulas count with the value Excel stored; one that
has none is a fault of its row, never an empty cell.
"""

import io
import posixpath
import zipfile
import zlib
from datetime import date, datetime
from decimal import Decimal
from xml.parsers import expat

from python_calamine import CalamineError, CalamineWorkbook

from ledger.imports.tables import (
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

MAX_UNPACKED_BYTES = 100 * 1024 * 1024
MAX_PARTS = 500
MAX_TEXT = 50_000_000
_CHUNK = 1 << 18
_MACROS = Unreadable("This workbook carries macros. Save it as an .xlsx workbook without macros.")
_DAMAGED = "The workbook cannot be read: it is damaged or no workbook ({}). Save it again as .xlsx, or as CSV UTF-8."


def open_xlsx(content):
    """The first sheet of an .xlsx as a Table. Raises Unreadable."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            faults, since_1904 = _measure(archive)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, KeyError) as error:
        raise Unreadable(_DAMAGED.format(str(error)[:60])) from None
    except expat.ExpatError as error:
        raise Unreadable(_DAMAGED.format(str(error)[:60])) from None
    try:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
    except CalamineError as error:
        raise Unreadable(_DAMAGED.format(str(error)[:60])) from None
    rows = enumerate(sheet.iter_rows(), 1)
    header_line, cells = next(((line, row) for line, row in rows if any(cell != "" for cell in row)), (0, None))
    if cells is None:
        raise Unreadable("The sheet is empty. Its first row names the columns, each further row is one row.")
    header = [str(_cell(cell)).strip() for cell in cells]
    while not header[-1]:
        header.pop()
    return Table(
        header=header,
        rows=lambda: counted(_rows(sheet, header_line, faults, DayNumber1904 if since_1904 else Decimal)),
        size=sheet.end[0] + 1 - header_line,
        kind="xlsx",
        header_line=header_line,
    )


def _rows(sheet, header_line, faults, number):
    for line, cells in enumerate(sheet.iter_rows(), 1):
        if line <= header_line or not (any(cell != "" for cell in cells) or line in faults):
            continue
        row = Row(line, [_cell(cell, number) for cell in cells])
        for column, reason in faults.get(line, ()):
            row.cells.extend([""] * (column + 1 - len(row.cells)))
            row.cells[column] = Faulty(reason)
        while row.cells and row.cells[-1] == "":
            row.cells.pop()
        yield row


def _cell(cell, number=Decimal):
    """A cell as str, Decimal or date. A number keeps the 15 digits that Excel shows of it."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float | int):
        if abs(cell) >= 10**15:
            return Faulty(
                f"{cell:.0f} has more than the 15 digits Excel keeps; format the column as text and type again."
            )
        return number(f"{cell:.15g}")
    if isinstance(cell, datetime):
        return cell.date()
    return cell if isinstance(cell, date) else str(cell)


# ------------------------------------------------------------------------------------------------ measured first


def _measure(archive):
    """Walk every part before it is opened; ({row: [(column, reason)]} of the first sheet's unusable
    cells, whether its days count from 1904)."""
    parts = {part.filename: part for part in archive.infolist()}
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts.values()) > MAX_UNPACKED_BYTES:
        raise Unreadable("The workbook unpacks to more than 100 MB. Copy the rows into a new workbook, or save as CSV.")
    if any(part.flag_bits & 1 for part in parts.values()):
        raise Unreadable("The workbook is protected with a password. Save it without one.")
    if "xl/workbook.xml" not in parts:
        raise Unreadable("This is a zip file, no Excel workbook. Unpack it and import what is inside.")
    if any(name.lower().endswith("vbaproject.bin") for name in parts) or b"macroEnabled" in archive.read(
        "[Content_Types].xml"
    ):
        raise _MACROS
    texts = _Texts()
    for name in parts:
        if name.lower().endswith("sharedstrings.xml"):
            _walk(archive, name, texts)
    first, since_1904 = _first_sheet(archive)
    faults = {}
    for name in parts:
        if name == first or (name.startswith("xl/worksheets/") and name.endswith(".xml")):
            sheet = _Sheet(texts.lengths)
            _walk(archive, name, sheet)
            if name == first:
                faults = sheet.faults
    return faults, since_1904


def _first_sheet(archive):
    """(the part that holds the workbook's first sheet, whether its days count from 1904)."""
    book, links = _Attributes("sheet", "workbookPr"), _Attributes("Relationship")
    _walk(archive, "xl/workbook.xml", book)
    since_1904 = any(found.get("date1904") in ("1", "true") for found in book.found)
    _walk(archive, "xl/_rels/workbook.xml.rels", links)
    ids = [value for sheet in book.found for name, value in sheet.items() if name.endswith(":id")]
    for link in links.found:
        if ids and link.get("Id") == ids[0]:
            return posixpath.normpath(posixpath.join("/xl", link["Target"])).lstrip("/"), since_1904
    raise KeyError("it has no sheet")


def _walk(archive, name, listener):
    """Stream one XML part through a listener; document types (entities that unfold) are refused."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda tag, attributes: listener.start(tag.rpartition(":")[2], attributes)
    parser.EndElementHandler = lambda tag: listener.end(tag.rpartition(":")[2])
    if hasattr(listener, "text"):
        parser.CharacterDataHandler = listener.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    with archive.open(name) as part:
        while chunk := part.read(_CHUNK):
            parser.Parse(chunk)
        parser.Parse(b"", True)


def _refuse_doctype(*_):
    raise Unreadable("The workbook holds a document type, which no spreadsheet writes. Save it again as .xlsx.")


class _Attributes:
    """Collects the attributes of some kinds of element."""

    def __init__(self, *tags):
        self.tags, self.found = tags, []

    def start(self, tag, attributes):
        if tag in self.tags:
            self.found.append(attributes)

    def end(self, tag):
        pass


class _Texts:
    """The lengths of the shared texts; one short text used a million times is a million copies in memory."""

    def __init__(self):
        self.lengths, self.length = [], 0

    def start(self, tag, attributes):
        if tag == "si":
            self.length = 0

    def text(self, text):
        self.length += len(text)

    def end(self, tag):
        if tag == "si":
            self.lengths.append(self.length)


class _Sheet:
    """The extent of a sheet, and its cells that hold no usable value: {row: [(column from 0, reason)]}."""

    def __init__(self, lengths):
        self.lengths, self.faults = lengths, {}
        self.row = self.column = self.rows = self.used = 0
        self.kind, self.has_formula, self.has_value, self.in_value, self.value = "", False, False, False, ""

    def start(self, tag, attributes):
        if tag == "c":
            place = attributes.get("r")
            self.column = _column_of(place) if place else self.column + 1
            self.kind = attributes.get("t", "")
            self.has_formula, self.has_value, self.value = False, False, ""
        elif tag == "f":
            self.has_formula = True
        elif tag in ("v", "is"):
            self.in_value = True
        elif tag == "row":
            self.row = int(attributes.get("r", self.row + 1))
            self.column = -1

    def text(self, text):
        if self.in_value and text.strip():
            self.has_value = True
            if self.kind == "s":
                self.value += text

    def end(self, tag):
        if tag in ("v", "is"):
            self.in_value = False
        if tag != "c" or not (self.has_value or self.has_formula):
            return
        if self.column >= MAX_COLUMNS:
            raise too_wide(self.column + 1)
        if self.row > 2 * MAX_ROWS:
            raise too_long(self.row)
        if self.kind == "s" and self.value.strip().isdigit() and int(self.value) < len(self.lengths):
            self.used += self.lengths[int(self.value)]
            if self.used > MAX_TEXT:
                raise Unreadable("The workbook's texts are too long to hold. Keep only the columns that are imported.")
        if self.kind == "e":
            self._fault("holds an error such as #REF!; mend it in Excel and save again")
        elif self.has_formula and not self.has_value:
            self._fault(
                "holds a formula that was never calculated; open the file in Excel and save it, or paste values"
            )

    def _fault(self, reason):
        self.faults.setdefault(self.row, []).append((self.column, f"cell {_letters(self.column)}{self.row} {reason}"))


def _column_of(place):
    """Column from 0 of "B7"; far beyond the limit for what is no place."""
    column = 0
    for sign in place.upper()[:4]:
        if not sign.isalpha():
            break
        column = column * 26 + ord(sign) - 64
    return column - 1 if column else MAX_COLUMNS


def _letters(column):
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
