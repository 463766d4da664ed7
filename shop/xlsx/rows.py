"""A workbook's sheets as rows of values, for lists and statements: read as a stream, within limits, never laid out.

A parser reads the XML, so attributes may stand in any order, with any quotes and any prefix. A cell is a str ("" where
blank), a Decimal, a bool, a datetime where its style shows a date, a Seen where it shows something else than its
number, or an Unusable that says why it holds nothing that can be taken. Formulas count with the value that the file
holds for them.
"""

import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from xml.parsers import expat

from lxml import etree

from shop.xlsx.formats import DATE, DAYS_FROM_1900_TO_1904, NUMBER, Shown, moment, shown, why_not
from shop.xlsx.parts import MAIN, Parts, has_twins, in_usual_form

LOCKED, LARGE, TEXTS, NO_WORKBOOK, DOCTYPE, DAMAGED = "locked", "large", "texts", "no workbook", "doctype", "damaged"
_CHUNK = 1 << 18
_MAX_PARSED = 20 * 1024 * 1024
_NAMESPACES = frozenset((MAIN, "http://purl.oclc.org/ooxml/spreadsheetml/main", ""))
_ESCAPED = re.compile(r"_x((?![dD][89a-fA-F])[0-9A-Fa-f]{4})_")
_REFERENCE = re.compile(r"([A-Za-z]{1,3})(\d{1,7})")
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
_UNPACKING_FAILS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, struct.error, OSError,
    ValueError, LookupError,
)  # fmt: skip


class Unopened(Exception):
    """A workbook that is not read: `kind` is one of the constants here, `detail` what is wrong, in a few words."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(detail or kind)
        self.kind, self.detail = kind, detail


class TooFar(Exception):
    """A filled cell beyond the limits; `row` and `column` count from 1."""

    def __init__(self, row: int, column: int) -> None:
        super().__init__(f"{letters_of(column - 1)}{row}")
        self.row, self.column = row, column


class Unusable(str):
    """A cell without a value that can be taken; the text names it and says why."""


class Uncalculated(Unusable):
    """A formula without a value."""


class Seen(Decimal):
    """A number in a cell that shows something else: `sight` what a person sees, `cell` where."""

    sight: Shown
    cell: str

    @classmethod
    def at(cls, cell: str, number: Decimal, sight: Shown) -> "Seen":
        """The number of a cell with the sight of it."""
        seen = cls(number)
        seen.cell, seen.sight = cell, sight
        return seen

    def why_not(self, wanted: str) -> str:
        """Why it may not be taken for `wanted` ("an amount")."""
        return why_not(self.cell, self, self.sight, wanted)


Cell = str | Decimal | bool | datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may hold: bytes unpacked, parts, characters of texts in a sheet's cells, its rows and columns."""

    unpacked: int
    parts: int
    text: int
    rows: int
    columns: int


class Workbook(Parts):
    """An .xlsx in memory. Opening or reading it raises Unopened, TooFar for a filled cell beyond the limits."""

    def __init__(self, content: bytes, limits: Limits) -> None:
        self._limits = limits
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except _UNPACKING_FAILS as error:
            raise Unopened(DAMAGED, str(error)[:60]) from None
        members = self._zip.infolist()
        self.members = {member.filename: member for member in members}
        if len(members) > limits.parts or sum(member.file_size for member in members) > limits.unpacked:
            raise Unopened(LARGE)
        if any(member.flag_bits & 1 for member in members):
            raise Unopened(LOCKED)
        if has_twins(member.filename for member in members):
            raise Unopened(DAMAGED, "two parts have one name")
        if self.main is None or not self.main.lower().endswith(".xml"):
            raise Unopened(NO_WORKBOOK)

    def read(self, name: str) -> bytes:
        """The bytes of a part that is taken whole: none of those that grow with the rows."""
        found = self.find(name)
        if found is None:
            raise Unopened(DAMAGED, f"its part {name[:40]} is missing")
        if self.members[found].file_size > _MAX_PARSED:
            raise Unopened(LARGE)
        try:
            part = self._zip.read(found)
        except _UNPACKING_FAILS as error:
            raise Unopened(DAMAGED, str(error)[:60]) from None
        return in_usual_form(part)

    def parse(self, name: str) -> etree._Element:
        part = self.read(name)
        try:
            root = etree.fromstring(part, _PARSER)
        except etree.XMLSyntaxError as error:
            raise Unopened(DAMAGED, f"{name[:40]}: {error.msg}"[:80]) from None
        if root.getroottree().docinfo.doctype:
            raise Unopened(DOCTYPE)
        return root

    @cached_property
    def texts(self) -> list[str]:
        """The texts that the sheets share."""
        found = _Texts(self._limits.text)
        for name in self.related(self.workbook_path, "sharedStrings")[:1]:
            for _ in self._walk(name, found):
                pass
        return found.texts

    def rows(self, sheet: str) -> Iterator[tuple[int, list[Cell]]]:
        """(row number from 1, cells from column A on) of a sheet's rows that hold something, downwards."""
        reader = _Rows(self)
        for _ in self._walk(self.sheets[sheet], reader):
            yield from reader.take()

    def sight(self, style: int, number: Decimal) -> Shown:
        """What a cell of a style shows of a number."""
        return shown(number, self.number_format(style), self.counts_from_1904)

    def _walk(self, name: str, listener: "_Texts | _Rows") -> Iterator[None]:
        """Stream a part through a listener, giving way after each piece."""
        found = self.find(name)
        if found is None:
            raise Unopened(DAMAGED, f"its part {name[:40]} is missing")
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = _of_the_format(listener.start)
        parser.EndElementHandler = _of_the_format(listener.end)
        parser.CharacterDataHandler = listener.text
        parser.StartDoctypeDeclHandler = _refuse_doctype
        try:
            with self._zip.open(found) as part:
                while chunk := part.read(_CHUNK):
                    parser.Parse(chunk)
                    yield
                parser.Parse(b"", True)
                yield
        except expat.ExpatError as error:
            raise Unopened(DAMAGED, f"{name[:40]}: {error}"[:80]) from None
        except _UNPACKING_FAILS as error:
            raise Unopened(DAMAGED, str(error)[:60]) from None


def _refuse_doctype(*_: object) -> None:
    raise Unopened(DOCTYPE)


def _of_the_format(handle: Callable[..., None]) -> Callable[..., None]:
    """A handler that hears of the format's own elements alone, by their bare names."""
    bare: dict[str, str | None] = {}

    def heard(tag: str, *attributes: dict[str, str]) -> None:
        if tag not in bare:
            space, _, name = tag.rpartition(" ")
            bare[tag] = name if space in _NAMESPACES else None
        if bare[tag]:
            handle(bare[tag], *attributes)

    return heard


class _Texts:
    """The shared texts: the runs of each joined, hints of how they are pronounced left out."""

    def __init__(self, most: int) -> None:
        self.texts: list[str] = []
        self._pieces: list[str] = []
        self._in_text, self._in_hint, self._left = False, False, most

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "si":
            self._pieces = []
        elif tag == "rPh":
            self._in_hint = True
        elif tag == "t":
            self._in_text = not self._in_hint

    def text(self, text: str) -> None:
        if self._in_text:
            self._pieces.append(text)

    def end(self, tag: str) -> None:
        if tag == "t":
            self._in_text = False
        elif tag == "rPh":
            self._in_hint = False
        elif tag == "si":
            self.texts.append(unescaped("".join(self._pieces)))
            self._left -= len(self.texts[-1])
            if self._left < 0:
                raise Unopened(TEXTS)


class _Rows:
    """The rows of a sheet as they come."""

    def __init__(self, book: Workbook) -> None:
        self._book, self._limits, self._left = book, book._limits, book._limits.text
        self._ready: list[tuple[int, list[Cell]]] = []
        self._row, self._column, self._cells = 0, -1, []
        self._kind, self._style, self._has_formula = "n", 0, False
        self._value: list[str] | None = None
        self._texts: list[str] = []
        self._in, self._in_hint = "", False
        self._known: dict[tuple[int, str], Cell] = {}

    def take(self) -> list[tuple[int, list[Cell]]]:
        """The rows that are whole by now."""
        ready, self._ready = self._ready, []
        return ready

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "c":
            self._begin_cell(attributes)
        elif tag in ("v", "t"):
            self._in = tag if not self._in_hint else ""
            if tag == "v":
                self._value = []
        elif tag == "f":
            self._has_formula = True
        elif tag == "rPh":
            self._in_hint = True
        elif tag == "row":
            stated = attributes.get("r", "").strip()
            number = int(stated) if stated.isdecimal() and len(stated) < 9 else self._row + 1
            if number <= self._row:
                raise Unopened(DAMAGED, f"row {number} stands below row {self._row}")
            self._row, self._column, self._cells = number, -1, []

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        match = _REFERENCE.fullmatch(attributes.get("r", "").strip())
        column = column_of(match[1]) if match else self._column + 1
        if column <= self._column:
            raise Unopened(DAMAGED, f"cell {letters_of(column)}{self._row} stands twice or out of order")
        self._column = column
        self._kind = attributes.get("t", "n").strip()
        style = attributes.get("s", "0").strip()
        self._style = int(style) if style.isdecimal() and len(style) < 9 else 0
        self._has_formula, self._value, self._texts = False, None, []

    def text(self, text: str) -> None:
        if self._in == "v":
            self._value.append(text)
        elif self._in == "t":
            self._texts.append(text)

    def end(self, tag: str) -> None:
        if tag == "c":
            cell = self._cell()
            if cell != "" or isinstance(cell, Unusable):
                self._put(cell)
        elif tag in ("v", "t"):
            self._in = ""
        elif tag == "rPh":
            self._in_hint = False
        elif tag == "row" and self._cells:
            self._ready.append((self._row, self._cells))

    def _put(self, cell: Cell) -> None:
        if self._column >= self._limits.columns or self._row > self._limits.rows:
            raise TooFar(self._row, self._column + 1)
        if isinstance(cell, str):
            self._left -= len(cell)
            if self._left < 0:
                raise Unopened(TEXTS)
        self._cells += [""] * (self._column - len(self._cells))
        self._cells.append(cell)

    @property
    def _place(self) -> str:
        return f"{letters_of(self._column)}{self._row}"

    def _cell(self) -> Cell:
        """The value of the cell that ends here."""
        if self._kind == "inlineStr":
            return unescaped("".join(self._texts))
        stored = "".join(self._value or ())
        if self._kind != "str":
            stored = stored.strip()
        if not stored:
            return self._without_value() if self._has_formula and self._kind != "str" else ""
        if self._kind == "s":
            place = int(stored) if stored.isdecimal() and len(stored) < 9 else -1
            if not 0 <= place < len(self._book.texts):
                raise Unopened(DAMAGED, f"cell {self._place} names a text that does not exist")
            return self._book.texts[place]
        if self._kind == "n":
            return self._number(stored)
        if self._kind == "str":
            return unescaped(stored)
        if self._kind == "b":
            return stored in ("1", "true")
        if self._kind == "d":
            return _moment_in(stored) or stored
        return Unusable(f"cell {self._place} holds an error such as #REF!; mend it in Excel and save again")

    def _without_value(self) -> Uncalculated:
        return Uncalculated(
            f"cell {self._place} holds a formula that was never calculated; open the file in Excel and save it, or "
            "paste values"
        )

    def _number(self, stored: str) -> Cell:
        """A number, to the 15 digits that Excel keeps, as what its style makes of it."""
        key = self._style, stored
        if key not in self._known:
            if len(self._known) > 50_000:
                self._known.clear()
            cell = self._read_number(stored)
            if isinstance(cell, Seen | Unusable):
                return cell  # these know their place
            self._known[key] = cell
        return self._known[key]

    def _read_number(self, stored: str) -> Cell:
        try:
            number = Decimal(stored)
        except InvalidOperation:
            number = None
        if number is None or not number.is_finite() or abs(number.adjusted()) > 300:
            return Unusable(f"cell {self._place} holds '{stored[:40]}', which is no number; type it again in Excel")
        if abs(number) >= 10**15:
            return Unusable(
                f"{number:.0f} has more than the 15 digits Excel keeps; format the column as text and type again."
            )
        if len(number.as_tuple().digits) > 15:
            number = Decimal(f"{number:.14e}")
        sight = self._book.sight(self._style, number)
        if sight.kind == NUMBER:
            return number
        if sight.kind == DATE:
            at = moment(number + (DAYS_FROM_1900_TO_1904 if self._book.counts_from_1904 else 0))
            if at is not None:
                return at
        return Seen.at(self._place, number, sight)


def _moment_in(stored: str) -> datetime | None:
    try:
        return datetime.fromisoformat(stored.removesuffix("Z"))
    except ValueError:
        return None


def unescaped(text: str) -> str:
    """Undo the format's own escape of characters that XML cannot hold (`_x000B_`)."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


def column_of(letters: str) -> int:
    """The column from 0: "A" is 0, "AA" 26."""
    column = 0
    for sign in letters.upper():
        column = column * 26 + ord(sign) - 64
    return column - 1


def letters_of(column: int) -> str:
    """The letters of a column from 0."""
    letters, column = "", column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
