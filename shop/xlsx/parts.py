"""The parts of a workbook, found as the format has it: whatever the letters' case, the slashes and the percent signs.

Which part is the workbook, its sheets, its texts and its styles is told by relations, never by a name. A workbook in
the Strict form of the format is read like any other.
"""

import posixpath
import re
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from urllib.parse import unquote

from lxml import etree

from shop.xlsx.formats import GENERAL, code_of

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
CONTENT_TYPES = "[Content_Types].xml"
_STRICT = b"http://purl.oclc.org/ooxml/"
_STRICT_NAMES = (
    (b"http://purl.oclc.org/ooxml/spreadsheetml/main", MAIN.encode()),
    (b"http://purl.oclc.org/ooxml/officeDocument/relationships", RELATION.encode()),
)
_MACRO_RELATIONS = frozenset(("vbaProject", "xlMacrosheet", "xlIntlMacrosheet"))
_MACRO_TYPES = ("vbaproject", "macrosheet", "activex")
_MACRO_NAMES = re.compile(r"vbaproject\.bin$|(?:^|/)macrosheets/|(?:^|/)activex/")
_STYLES = re.compile(r"(?:^|/)styles\d*\.xml$")


@lru_cache(maxsize=4096)
def key_of(name: str) -> str:
    """A part's name as the format compares it: slashes, letters of either case and %20 are no difference."""
    return unquote(name.replace("\\", "/")).lstrip("/").casefold()


def has_twins(names: Iterable[str]) -> bool:
    """Whether two parts have the same name."""
    names = list(names)
    return len({key_of(name) for name in names}) < len(names)


def is_styles(name: str) -> bool:
    """Whether a part is the styles, by its usual name: tens of thousands that nobody uses pack into next to nothing."""
    return _STYLES.search(key_of(name)) is not None


def in_usual_form(part: bytes) -> bytes:
    """A part of the Strict form with the names of the usual one."""
    if _STRICT not in part:
        return part
    for strict, usual in _STRICT_NAMES:
        part = part.replace(strict, usual)
    return part


@lru_cache(maxsize=4096)
def _joined(part: str, target: str) -> str:
    """The path that a relation's target means, seen from the part that has the relation."""
    folder = posixpath.dirname(part.replace("\\", "/"))
    return posixpath.normpath(posixpath.join("/", folder, target.strip().replace("\\", "/"))).lstrip("/")


class Parts:
    """The parts of one workbook. A subclass knows their `members` and gives their bytes, within its own limits."""

    members: Mapping[str, object]

    def read(self, name: str) -> bytes:
        """The bytes of a part, in the usual form of the format."""
        raise NotImplementedError

    def parse(self, name: str) -> etree._Element:
        """The root of a part."""
        raise NotImplementedError

    @cached_property
    def _by_key(self) -> dict[str, str]:
        return {key_of(name): name for name in self.members}

    def find(self, name: str) -> str | None:
        """The name under which a part lies in the file, None where there is none."""
        return name if name in self.members else self._by_key.get(key_of(name))

    def __contains__(self, name: str) -> bool:
        return self.find(name) is not None

    # --- relations -----------------------------------------------------------------------------------------------

    def relations_path(self, part: str) -> str:
        """Where a part's relations lie, whether they do or not."""
        folder, name = posixpath.split(part.replace("\\", "/"))
        path = posixpath.join(folder, "_rels", f"{name}.rels")
        return self.find(path) or path

    def target_of(self, part: str, target: str) -> str:
        """The part that `target` in the relations of `part` means: its name in the file, or what it would be."""
        path = _joined(part, target)
        return self.find(path) or path

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """What a part points to inside the package: relation id -> (kind, part name). "" is the package itself."""
        if part not in self._relations_of:
            self._relations_of[part] = self._told_relations(part)
        return self._relations_of[part]

    @cached_property
    def _relations_of(self) -> dict[str, dict[str, tuple[str, str]]]:
        return {}

    def _told_relations(self, part: str) -> dict[str, tuple[str, str]]:
        path = self.relations_path(part)
        if path not in self.members:
            return {}
        found = {}
        for relation in self.parse(path):
            if relation.get("TargetMode") != "External" and relation.get("Target"):
                kind = relation.get("Type", "").rpartition("/")[2]
                found[relation.get("Id")] = kind, self.target_of(part, relation.get("Target"))
        return found

    def related(self, part: str, kind: str) -> list[str]:
        """The parts that one part points to by relations of a kind."""
        return [target for found, target in self.relations(part).values() if found == kind and target in self.members]

    # --- what the workbook is --------------------------------------------------------------------------------------

    @cached_property
    def main(self) -> str | None:
        """The part that is the workbook, None in a package that has none."""
        return next(iter(self.related("", "officeDocument")), None)

    @cached_property
    def workbook_path(self) -> str:
        """The part that is the workbook. Raises KeyError where there is none; a subclass says it in its words."""
        if self.main is None:
            raise KeyError("officeDocument")
        return self.main

    @cached_property
    def _content_types(self) -> tuple[dict[str, str], dict[str, str]]:
        """(part -> its own type, ending -> type of the others)."""
        own, others = {}, {}
        path = self.find(CONTENT_TYPES)
        for row in self.parse(path) if path else ():
            if row.get("PartName"):
                own[key_of(row.get("PartName"))] = row.get("ContentType", "").lower()
            elif row.get("Extension"):
                others[row.get("Extension").lower()] = row.get("ContentType", "").lower()
        return own, others

    def content_type(self, name: str) -> str:
        """What a part is said to be, in small letters; "" where nothing is said."""
        own, others = self._content_types
        return own.get(key_of(name)) or others.get(name.rpartition(".")[2].lower(), "")

    @property
    def named_macros(self) -> str:
        """A part whose very name says macros, "" for none: told before any part is opened."""
        return next((name for name in self.members if _MACRO_NAMES.search(key_of(name))), "")

    @cached_property
    def macros(self) -> str:
        """A part that is or may hold macros, "" for none.

        The workbook's own type counts, and that of parts that are there: a type declared for an ending alone
        (`bin`, as SheetJS does) says nothing.
        """
        if self.named_macros:
            return self.named_macros
        own, _ = self._content_types
        for name in self.members:
            if any(word in own.get(key_of(name), "") for word in _MACRO_TYPES):
                return name
        if self.main is None:
            return ""
        for kind, target in self.relations(self.main).values():
            if kind in _MACRO_RELATIONS and target in self.members:
                return target
        return self.main if "macroenabled" in self.content_type(self.main) else ""

    @cached_property
    def _workbook_root(self) -> etree._Element:
        return self.parse(self.workbook_path)

    @cached_property
    def sheets(self) -> dict[str, str]:
        """Sheet name -> part name, in the workbook's order."""
        parts = self.relations(self.workbook_path)
        return {
            sheet.get("name", ""): parts[sheet.get(f"{{{RELATION}}}id")][1]
            for sheet in self._workbook_root.iter(f"{{{MAIN}}}sheet")
            if parts.get(sheet.get(f"{{{RELATION}}}id"), ("", ""))[0] == "worksheet"
        }

    def sheet_number(self, name: str) -> str:
        """The sheetId of a sheet, by which the calculation chain names it. Raises KeyError."""
        for sheet in self._workbook_root.iter(f"{{{MAIN}}}sheet"):
            if sheet.get("name") == name:
                return sheet.get("sheetId", "1")
        raise KeyError(name)

    @cached_property
    def counts_from_1904(self) -> bool:
        """Whether dates are counted from 1904, as old Macintosh workbooks do."""
        properties = self._workbook_root.find(f"{{{MAIN}}}workbookPr")
        return properties is not None and properties.get("date1904", "").strip() in ("1", "true")

    # --- styles ------------------------------------------------------------------------------------------------------

    @cached_property
    def number_formats(self) -> tuple[str, ...]:
        """The number format code of every cell style, by the style's number."""
        paths = self.related(self.workbook_path, "styles")
        if not paths:
            return ()
        part = self.read(paths[0])
        if len(part) > _LONG_STYLES:
            return codes_of(self.parse(paths[0]))
        # Workbooks made from one template have one styles part: a book's trackers read it once.
        if part not in _codes_of_part:
            if len(_codes_of_part) >= _MOST_STYLES:
                _codes_of_part.clear()
            _codes_of_part[part] = codes_of(self.parse(paths[0]))
        return _codes_of_part[part]

    def number_format(self, style: int) -> str:
        """The format code of one cell style."""
        return self.number_formats[style] if style < len(self.number_formats) else GENERAL


_LONG_STYLES, _MOST_STYLES = 50_000, 64
_codes_of_part: dict[bytes, tuple[str, ...]] = {}


def codes_of(styles: etree._Element) -> tuple[str, ...]:
    """The number format code of every cell style that a styles part tells."""
    own = {_number_in(form): form.get("formatCode", "") for form in styles.iter(f"{{{MAIN}}}numFmt")}
    cells = styles.find(f"{{{MAIN}}}cellXfs")
    if cells is None:
        return ()
    return tuple(code_of(_number_in(style), own) for style in cells.iterchildren(f"{{{MAIN}}}xf"))


def _number_in(element: etree._Element) -> int:
    """The number format that a style names, 0 (none) where it names nothing that is a number."""
    text = element.get("numFmtId", "0").strip()
    return int(text) if text.isdecimal() and len(text) < 10 else 0
