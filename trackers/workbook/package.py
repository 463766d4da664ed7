"""The zip around a workbook: opened within caps, its parts found by relation, and rewritten without touching the rest.

A part that is not replaced is carried over as it lies in the old file, compressed bytes and all.
"""

import io
import lzma
import posixpath
import re
import struct
import time
import zipfile
import zlib
from collections.abc import Container, Mapping
from functools import cached_property

from lxml import etree

from trackers.workbook.errors import UnsafeFile

MAX_FILE_BYTES = 5 * 1024 * 1024
MAX_UNPACKED_BYTES = 50 * 1024 * 1024
MAX_MEMBERS = 200
MAX_RATIO = 100
MAX_PART_BYTES = 16 * 1024 * 1024
"""The largest part that is read as XML: a sheet of the most cells, every one with a long note, stays below it."""
MAX_SECONDS = 5.0

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_COMPOUND_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LOCAL_HEADER, _CENTRAL_HEADER, _END = (
    struct.Struct("<4s5H3L2H"),
    struct.Struct("<4s6H3L5H2L"),
    struct.Struct("<4s4H2LH"),
)
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
_DATE_FORMAT_IDS = frozenset((*range(14, 23), *range(45, 48)))
_UNPACKING_FAILS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, struct.error, OSError,
    ValueError,
)  # fmt: skip
# No spreadsheet writes a tag so long; the time for one grows with the square of its attributes.
_LONG_TAG = re.compile(rb"<[^>]{20000}")
# Everything in this order of speed and size: level 1 packs a sheet in a quarter of the time of level 6, 20 % larger.
_LEVEL = 1

SAVE_AS_XLSX = "Open it in Excel or LibreOffice, save it as 'Excel Workbook (.xlsx)' and try again."


def parse_xml(part: bytes, name: str) -> etree._Element:
    """The root of an XML part. Raises UnsafeFile for broken XML and for anything that declares entities."""
    _refuse_entities(part, name)
    if len(part) > MAX_PART_BYTES:
        raise UnsafeFile(
            f"The workbook's part {name} unpacks to {len(part) / 1024**2:.1f} MB, {MAX_PART_BYTES // 1024**2} MB is the "
            "most: it is not a tracker."
        )
    if _LONG_TAG.search(part):
        raise UnsafeFile(f"The workbook's part {name} holds a tag that no spreadsheet writes. {SAVE_AS_XLSX}")
    try:
        root = etree.fromstring(part, _PARSER)
    except etree.XMLSyntaxError as error:
        raise UnsafeFile(f"The workbook is damaged: its part {name} is not XML ({error.msg}). {SAVE_AS_XLSX}") from None
    if root.getroottree().docinfo.doctype:
        _refuse_entities(b"<!DOCTYPE", name)
    return root


def _refuse_entities(part: bytes, name: str) -> None:
    if b"<!DOCTYPE" in part or b"<!ENTITY" in part:
        raise UnsafeFile(f"The workbook's part {name} declares entities, which no spreadsheet writes. {SAVE_AS_XLSX}")


class Package:
    """An .xlsx file in memory. Opening it raises UnsafeFile when it is no workbook or beyond the caps.

    Work on one package may take MAX_SECONDS of its thread's processor time, so that a machine that stands still refuses
    no sound file; `tick` is called between steps and raises UnsafeFile beyond that.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.deadline = time.thread_time() + MAX_SECONDS
        _refuse_other_kinds(data)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            members = self._zip.infolist()
        except (zipfile.BadZipFile, NotImplementedError, struct.error, ValueError, OSError):
            raise UnsafeFile(
                "The file is damaged or was cut off while it was copied: get a whole copy and try again."
            ) from None
        self.members = {member.filename: member for member in members}
        self._refuse_beyond_caps(members)

    def _refuse_beyond_caps(self, members: list[zipfile.ZipInfo]) -> None:
        if len(members) > MAX_MEMBERS:
            raise UnsafeFile(f"The file holds {len(members)} parts, {MAX_MEMBERS} is the most. {SAVE_AS_XLSX}")
        unpacked = sum(member.file_size for member in members)
        if unpacked > MAX_UNPACKED_BYTES or unpacked > MAX_RATIO * len(self.data):
            raise UnsafeFile(
                f"The file would unpack to {unpacked / 1024**2:,.1f} MB from {len(self.data) / 1024**2:,.1f} MB, more "
                f"than {MAX_UNPACKED_BYTES // 1024**2} MB or {MAX_RATIO} times its size: it is not a tracker."
            )
        if len(self.members) != len(members):
            raise UnsafeFile(f"The file holds two parts of the same name. {SAVE_AS_XLSX}")
        if any(member.flag_bits & 1 for member in members):
            raise UnsafeFile("The file is encrypted: open it, remove its password, save it and try again.")
        for name in self.members:
            low = name.lower()
            if low.endswith("vbaproject.bin") or "macrosheets/" in low or "activex/" in low:
                raise UnsafeFile(f"The workbook holds macros ({name}). {SAVE_AS_XLSX}")
            if low.startswith(("xl/externallinks/", "xl/connections.xml", "xl/querytables/")):
                raise UnsafeFile(
                    f"The workbook draws on other files ({name}): break its links (Data > Edit Links), save, try again."
                )
        if "[Content_Types].xml" not in self.members:
            raise UnsafeFile(f"The file is a zip archive, but no workbook. {SAVE_AS_XLSX}")

    def tick(self) -> None:
        """Raise UnsafeFile once the work on this file has taken too long."""
        if time.thread_time() > self.deadline:
            raise UnsafeFile(f"Reading the workbook took more than {MAX_SECONDS:g} seconds: it is not a tracker.")

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def read(self, name: str) -> bytes:
        """One part's bytes. Raises UnsafeFile when it is missing, damaged, or declares entities."""
        self.tick()
        if name not in self.members:
            raise UnsafeFile(f"The workbook is damaged: its part {name} is missing. {SAVE_AS_XLSX}")
        try:
            part = self._zip.read(name)
        except _UNPACKING_FAILS:
            raise UnsafeFile(f"The workbook is damaged: its part {name} cannot be unpacked. {SAVE_AS_XLSX}") from None
        _refuse_entities(part, name)
        return part

    def inspect(self) -> None:
        """Read every XML part once, as is due to a file from outside: all of them whole, none with entities."""
        for name in self.members:
            if name.endswith((".xml", ".rels", ".vml")):
                part = self.read(name)
                if b"\0" in part:
                    parse_xml(part, name)
            if name == "[Content_Types].xml" and b"macroEnabled" in part:
                raise UnsafeFile(f"The workbook is of a kind that can hold macros (.xlsm). {SAVE_AS_XLSX}")

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """What a part points to inside the package: relation id -> (kind, part name). "" is the package itself."""
        folder, name = posixpath.split(part)
        path = posixpath.join(folder, "_rels", f"{name}.rels")
        if path not in self.members:
            return {}
        found = {}
        for relation in parse_xml(self.read(path), path):
            if relation.get("TargetMode") != "External" and relation.get("Target"):
                target = posixpath.normpath(posixpath.join("/", folder, relation.get("Target"))).lstrip("/")
                found[relation.get("Id")] = (relation.get("Type", "").rpartition("/")[2], target)
        return found

    def related(self, part: str, kind: str) -> list[str]:
        """The parts that one part points to by relations of a kind."""
        return [target for found, target in self.relations(part).values() if found == kind and target in self.members]

    @cached_property
    def workbook_path(self) -> str:
        main = self.related("", "officeDocument")
        if not main or not main[0].endswith(".xml"):
            raise UnsafeFile(f"The file holds no workbook that can be read. {SAVE_AS_XLSX}")
        return main[0]

    @cached_property
    def _workbook(self) -> etree._Element:
        return parse_xml(self.read(self.workbook_path), self.workbook_path)

    @cached_property
    def sheets(self) -> dict[str, str]:
        """Sheet name -> part name, in the workbook's order."""
        parts = self.relations(self.workbook_path)
        return {
            sheet.get("name", ""): parts[sheet.get(f"{{{RELATION}}}id")][1]
            for sheet in self._workbook.iter(f"{{{MAIN}}}sheet")
            if parts.get(sheet.get(f"{{{RELATION}}}id"), ("", ""))[0] == "worksheet"
        }

    def sheet_number(self, name: str) -> str:
        """The sheetId of a sheet, by which the calculation chain names it."""
        for sheet in self._workbook.iter(f"{{{MAIN}}}sheet"):
            if sheet.get("name") == name:
                return sheet.get("sheetId", "1")
        raise KeyError(name)

    @cached_property
    def counts_from_1904(self) -> bool:
        """Whether dates are counted from 1904, as old Macintosh workbooks do."""
        properties = self._workbook.find(f"{{{MAIN}}}workbookPr")
        return properties is not None and properties.get("date1904", "").strip() in ("1", "true")

    @cached_property
    def strings(self) -> list[str]:
        """The shared strings, text runs joined, phonetic hints left out."""
        parts = self.related(self.workbook_path, "sharedStrings")
        if not parts:
            return []
        item, text, hint = f"{{{MAIN}}}si", f"{{{MAIN}}}t", f"{{{MAIN}}}rPh"
        return [
            "".join(run.text or "" for run in entry.iter(text) if run.getparent().tag != hint)
            for entry in parse_xml(self.read(parts[0]), parts[0]).iter(item)
        ]

    @cached_property
    def date_styles(self) -> frozenset[int]:
        """The numbers of the cell styles that show a number as a date."""
        parts = self.related(self.workbook_path, "styles")
        if not parts:
            return frozenset()
        root = parse_xml(self.read(parts[0]), parts[0])
        dated = set(_DATE_FORMAT_IDS)
        for form in root.iter(f"{{{MAIN}}}numFmt"):
            code = re.sub(r'"[^"]*"|\[[^\]]*\]|\\.', "", form.get("formatCode", ""))
            if re.search("[dmy]", code, re.IGNORECASE):
                dated.add(_style_id(form))
        styles = root.find(f"{{{MAIN}}}cellXfs")
        return frozenset(
            place for place, style in enumerate(styles if styles is not None else ()) if _style_id(style) in dated
        )

    def replaced(self, parts: Mapping[str, bytes], dropped: Container[str] = ()) -> bytes:
        """The file with some existing parts replaced or dropped, in the old order, every other part as it was."""
        out, central, count = bytearray(), bytearray(), 0
        for name, member in self.members.items():
            if name in dropped:
                continue
            count += 1
            if name in parts:
                packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15)
                body = packer.compress(parts[name]) + packer.flush()
                method, crc, size = zipfile.ZIP_DEFLATED, zlib.crc32(parts[name]), len(parts[name])
            else:
                name_length, extra_length = struct.unpack_from("<2H", self.data, member.header_offset + 26)
                start = member.header_offset + 30 + name_length + extra_length
                body = self.data[start : start + member.compress_size]
                method, crc, size = member.compress_type, member.CRC, member.file_size
            _append_member(out, central, member, body, (method, crc, size))
        offset = len(out)
        return bytes(out + central + _END.pack(b"PK\5\6", 0, 0, count, count, len(central), offset, 0))


def _style_id(element: etree._Element) -> int:
    """The number format that a style names, 0 (none) where it names nothing that is a number."""
    text = element.get("numFmtId", "0")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _append_member(
    out: bytearray, central: bytearray, member: zipfile.ZipInfo, body: bytes, packed: tuple[int, int, int]
) -> None:
    """Append one member to the archive and its entry to the central directory (no streaming flags, no extra fields)."""
    method, crc, size = packed
    is_utf8 = member.flag_bits & 0x800 or not member.filename.isascii()
    file_name, flags = member.filename.encode(), 0x800 if is_utf8 else 0
    year, month, day, hour, minute, second = member.date_time
    clock, calendar = hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day
    shared = (flags, method, clock, calendar, crc, len(body), size, len(file_name), 0)
    offset = len(out)
    out += _LOCAL_HEADER.pack(b"PK\3\4", 20, *shared) + file_name + body
    made_by = member.create_system << 8 | 20
    entry = _CENTRAL_HEADER.pack(b"PK\1\2", made_by, 20, *shared, 0, 0, 0, member.external_attr, offset)
    central += entry + file_name


def _refuse_other_kinds(data: bytes) -> None:
    """Raise UnsafeFile, saying what the file is, unless it starts like a zip archive of a fair size."""
    if not data:
        raise UnsafeFile("The file is empty (0 bytes): the copy failed. Get a whole copy and try again.")
    if len(data) > MAX_FILE_BYTES:
        raise UnsafeFile(
            f"The file has {len(data) / 1024**2:.1f} MB, {MAX_FILE_BYTES // 1024**2} MB is the most: remove pictures "
            "and other sheets from it, save it and try again."
        )
    if data.startswith(_COMPOUND_FILE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise UnsafeFile(
                "The workbook is protected by a password for opening it: open it, remove the password "
                "(File > Info > Protect Workbook), save it and try again."
            )
        raise UnsafeFile(f"The file is an old .xls workbook or another Office document. {SAVE_AS_XLSX}")
    if not data.startswith(b"PK\3\4"):
        kind = "a text file such as CSV" if b"\0" not in data[:4096] else "not a workbook"
        raise UnsafeFile(f"The file is {kind}, whatever its name says. {SAVE_AS_XLSX}")
