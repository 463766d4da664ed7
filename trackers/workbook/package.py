"""The zip around a tracker's workbook: opened within caps, and rewritten without touching what is not changed.

A part that is not replaced is carried over as it lies in the old file, compressed bytes and all.
"""

import io
import lzma
import re
import struct
import time
import zipfile
import zlib
from collections.abc import Container, Mapping
from functools import cached_property

from lxml import etree

from shop.xlsx.parts import CONTENT_TYPES, MAIN, RELATION, Parts, has_twins, in_usual_form, is_styles, key_of
from trackers.workbook.errors import UnsafeFile

__all__ = ["MAIN", "RELATION", "SAVE_AS_XLSX", "Package", "parse_xml"]

MAX_FILE_BYTES = 5 * 1024 * 1024
MAX_UNPACKED_BYTES = 50 * 1024 * 1024
MAX_MEMBERS = 200
MAX_RATIO = 100
MAX_PART_BYTES = 16 * 1024 * 1024
"""The largest part that is read as XML: a sheet of the most cells, every one with a long note, stays below it."""
MAX_SECONDS = 5.0

_COMPOUND_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LOCAL_HEADER, _CENTRAL_HEADER, _END = (
    struct.Struct("<4s5H3L2H"),
    struct.Struct("<4s6H3L5H2L"),
    struct.Struct("<4s4H2LH"),
)
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
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


class Package(Parts):
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
        styles = sum(member.file_size for member in members if is_styles(member.filename))
        if unpacked > MAX_UNPACKED_BYTES or unpacked - styles > MAX_RATIO * len(self.data):
            raise UnsafeFile(
                f"The file would unpack to {unpacked / 1024**2:,.1f} MB from {len(self.data) / 1024**2:,.1f} MB, more "
                f"than {MAX_UNPACKED_BYTES // 1024**2} MB or {MAX_RATIO} times its size: it is not a tracker."
            )
        if has_twins(member.filename for member in members):
            raise UnsafeFile(f"The file holds two parts of the same name. {SAVE_AS_XLSX}")
        if any(member.flag_bits & 1 for member in members):
            raise UnsafeFile("The file is encrypted: open it, remove its password, save it and try again.")
        if self.named_macros:
            raise UnsafeFile(f"The workbook holds macros ({self.named_macros}). {SAVE_AS_XLSX}")
        for name in self.members:
            if key_of(name).startswith(("xl/externallinks/", "xl/connections.xml", "xl/querytables/")):
                raise UnsafeFile(
                    f"The workbook draws on other files ({name}): break its links (Data > Edit Links), save, try again."
                )
        if CONTENT_TYPES not in self:
            raise UnsafeFile(f"The file is a zip archive, but no workbook. {SAVE_AS_XLSX}")

    def tick(self) -> None:
        """Raise UnsafeFile once the work on this file has taken too long."""
        if time.thread_time() > self.deadline:
            raise UnsafeFile(f"Reading the workbook took more than {MAX_SECONDS:g} seconds: it is not a tracker.")

    def read(self, name: str) -> bytes:
        """One part's bytes. Raises UnsafeFile when it is missing, damaged, or declares entities."""
        self.tick()
        found = self.find(name)
        if found is None:
            raise UnsafeFile(f"The workbook is damaged: its part {name} is missing. {SAVE_AS_XLSX}")
        try:
            part = self._zip.read(found)
        except _UNPACKING_FAILS:
            raise UnsafeFile(f"The workbook is damaged: its part {name} cannot be unpacked. {SAVE_AS_XLSX}") from None
        _refuse_entities(part, name)
        return in_usual_form(part)

    def parse(self, name: str) -> etree._Element:
        return parse_xml(self.read(name), name)

    def inspect(self) -> None:
        """Read every XML part once, as is due to a file from outside: all of them whole, none with entities."""
        for name in self.members:
            if name.lower().endswith((".xml", ".rels", ".vml")):
                part = self.read(name)
                if b"\0" in part:
                    parse_xml(part, name)
        if self.macros:
            raise UnsafeFile(f"The workbook is of a kind that can hold macros (.xlsm: {self.macros}). {SAVE_AS_XLSX}")

    @cached_property
    def workbook_path(self) -> str:
        """The part that is the workbook. Raises UnsafeFile where there is none that can be read."""
        if self.main is None or not self.main.lower().endswith(".xml"):
            raise UnsafeFile(f"The file holds no workbook that can be read. {SAVE_AS_XLSX}")
        return self.main

    @cached_property
    def is_strict(self) -> bool:
        """Whether the file is in the Strict form of the format, which is read and not written."""
        return b"purl.oclc.org/ooxml" in self._zip.read(self.workbook_path)

    @cached_property
    def strings(self) -> list[str]:
        """The shared strings, text runs joined, phonetic hints left out."""
        parts = self.related(self.workbook_path, "sharedStrings")
        if not parts:
            return []
        item, text, hint = f"{{{MAIN}}}si", f"{{{MAIN}}}t", f"{{{MAIN}}}rPh"
        return [
            "".join(run.text or "" for run in entry.iter(text) if run.getparent().tag != hint)
            for entry in self.parse(parts[0]).iter(item)
        ]

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
