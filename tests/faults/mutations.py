"""Damaged, truncated, foreign and hostile workbooks, drawn at random from a sound one, and a list made by hand."""

import io
import re
import zipfile

from tests.trackers.workbooks import SHEET, parts, with_parts

HIDDEN, BOOK = "xl/worksheets/sheet2.xml", "xl/workbook.xml"
_NUMBERS = [
    b"-500",
    b"1e400",
    b"NaN",
    b"0x1F4",
    b"5 00",
    b"",
    b"5,00",
    b"1e3",
    b"500.005",
    b"9" * 40,
    b"\xd9\xa5",
    b"00500",
]
_ATTRIBUTES = [b't="s"', b't="str"', b't="b"', b't="e"', b't="d"', b't="inlineStr"', b't="n"', b""]


# ------------------------------------------------------------------------------------------------ at random


def mutated(data, draw):
    """One mutation of a workbook's bytes: (what was done, the bytes)."""
    how = draw.choice(_WAYS)
    return how.__name__, how(data, draw)


def bytes_flipped(data, draw):
    out = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 16])):
        out[draw.randrange(len(out))] ^= 1 << draw.randrange(8)
    return bytes(out)


def cut_off(data, draw):
    return data[: draw.randrange(len(data))]


def slice_moved(data, draw):
    begin, length = draw.randrange(len(data)), draw.choice([1, 4, 64, 4096])
    piece, at = data[begin : begin + length], draw.randrange(len(data))
    without = data[:begin] + data[begin + length :] if draw.random() < 0.5 else data
    return without[:at] + piece + without[at:]


def part_lost(data, draw):
    return with_parts(data, {draw.choice(sorted(parts(data))): None})


def parts_swapped(data, draw):
    now = parts(data)
    one, other = draw.sample(sorted(now), 2)
    return with_parts(data, {one: now[other], other: now[one]})


def part_twice(data, draw):
    """Two members of one name, the second another sheet: which one counts?"""
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(SHEET, parts(data)[SHEET].replace(b"<v>500</v>", b"<v>50000</v>"))
    return out.getvalue()


def xml_flipped(data, draw):
    name = draw.choice([SHEET, SHEET, HIDDEN, BOOK, "xl/styles.xml", "xl/_rels/workbook.xml.rels"])
    part = bytearray(parts(data)[name])
    for _ in range(draw.choice([1, 1, 3])):
        part[draw.randrange(len(part))] = draw.randrange(256)
    return with_parts(data, {name: bytes(part)})


def element_gone(data, draw):
    return _sheet_changed(data, draw, rb"<(c|row|v|f|is)\b[^>]*>.*?</\1>", lambda match: b"")


def element_doubled(data, draw):
    return _sheet_changed(data, draw, rb"<(c|row|v|f|is)\b[^>]*>.*?</\1>", lambda match: match[0] * 2)


def number_changed(data, draw):
    return _sheet_changed(data, draw, rb"<v>[^<]*</v>", lambda match: b"<v>%b</v>" % draw.choice(_NUMBERS))


def kind_changed(data, draw):
    return _sheet_changed(data, draw, rb't="\w+"', lambda match: draw.choice(_ATTRIBUTES))


def cell_moved(data, draw):
    place = b'r="%b%d"' % (draw.choice([b"B", b"C", b"D", b"G", b"XFD"]), draw.randrange(1, 120))
    return _sheet_changed(data, draw, rb'r="[A-Z]+\d+"', lambda match: place)


def row_moved(data, draw):
    return _sheet_changed(data, draw, rb'<row r="\d+"', lambda match: b'<row r="%d"' % draw.randrange(1, 2000))


def formula_put(data, draw):
    formula = draw.choice([b"1+1", b"C14*100", b"WEBSERVICE(&quot;http://127.0.0.1/&quot;)", b"A1:XFD1048576", b""])
    return _sheet_changed(data, draw, rb"<v>", lambda match: b"<f>%b</f><v>" % formula)


def _sheet_changed(data, draw, pattern, change):
    sheet = parts(data)[SHEET]
    found = list(re.finditer(pattern, sheet, re.DOTALL))
    if not found:
        return data
    match = draw.choice(found)
    return with_parts(data, {SHEET: sheet[: match.start()] + change(match) + sheet[match.end() :]})


_WAYS = [
    bytes_flipped, cut_off, slice_moved, part_lost, parts_swapped, part_twice, xml_flipped, xml_flipped, element_gone,
    element_doubled, number_changed, number_changed, kind_changed, cell_moved, row_moved, formula_put,
]  # fmt: skip


# ------------------------------------------------------------------------------------------------ by hand


def _put(part, old, new, times=1):
    """A hand-made change: `old` replaced by `new` in a part of the workbook."""

    def change(data):
        before = parts(data)[part]
        assert old in before, f"{old!r} does not stand in {part}"
        return with_parts(data, {part: before.replace(old, new, times)})

    return change


def _paid(cell):
    """Day 1's payment written as `cell` (everything between <c r="C14" … and </c>)."""

    def change(data):
        sheet = re.sub(rb'<c r="C14".*?</c>', lambda match: b'<c r="C14"' + cell + b"</c>", parts(data)[SHEET], count=1)
        return with_parts(data, {SHEET: sheet})

    return change


def _end(more):
    return _put(SHEET, b"</sheetData>", more + b"</sheetData>")


def _packed(method=zipfile.ZIP_DEFLATED, **extra):
    """The same parts in another zip, with more members."""

    def change(data):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            for name, part in parts(data).items():
                archive.writestr(name, part)
            for name, part in extra.get("more", {}).items():
                archive.writestr(name, part)
        return out.getvalue()

    return change


def _head(at, new):
    return lambda data: data[:at] + new + data[at + len(new) :]


def _central(offset, new):
    """Bytes of the first entry of the zip's central directory replaced."""

    def change(data):
        at = data.index(b"PK\x01\x02") + offset
        return data[:at] + new + data[at + len(new) :]

    return change


_ENTITIES = b'<!DOCTYPE w [<!ENTITY a "%b"><!ENTITY b "%b"><!ENTITY c "%b">]>' % (b"a" * 99, b"&a;" * 99, b"&b;" * 99)
_VERSION = b'<t>version</t></is></c><c r="B2" t="inlineStr"><is><t>'
_SPACE = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
BY_HAND = {
    # the amount itself
    "amount below zero": _paid(b"><v>-500</v>"),
    "amount beyond any money": _paid(b"><v>1e400</v>"),
    "amount not a number": _paid(b"><v>NaN</v>"),
    "amount infinite": _paid(b"><v>INF</v>"),
    "amount in hexadecimal": _paid(b"><v>0x1F4</v>"),
    "amount with a thin space": _paid(b"><v>5\xe2\x80\xaf00</v>"),
    "amount in Tamil figures": _paid("><v>௫௦௦</v>".encode()),
    "amount with half a paisa": _paid(b"><v>500.005</v>"),
    "amount with forty digits": _paid(b"><v>" + b"9" * 40 + b"</v>"),
    "amount with an exponent": _paid(b"><v>5E2</v>"),
    "amount with a plus": _paid(b"><v>+500</v>"),
    "amount with blanks around": _paid(b"><v> 500 </v>"),
    "amount empty": _paid(b"><v></v>"),
    "amount twice in one cell": _paid(b"><v>500</v><v>600</v>"),
    "amount in a comment": _paid(b"><!-- <v>900</v> --><v>500</v>"),
    "amount in CDATA": _paid(b"><v><![CDATA[700]]></v>"),
    "amount by character references": _paid(b"><v>&#53;&#48;&#48;</v>"),
    "amount under a prefix": _paid(
        b'><x:v xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main">7</x:v>'
    ),
    "amount of a foreign name space": _paid(b'><x:v xmlns:x="urn:x">900</x:v><v>500</v>'),
    "amount split by a processing instruction": _paid(b"><v>5<?x y?>00</v>"),
    "amount as text": _paid(b' t="inlineStr"><is><t>500</t></is>'),
    "amount as text with a comma": _paid(b' t="inlineStr"><is><t>1,500</t></is>'),
    "amount as rich text": _paid(b' t="inlineStr"><is><r><t>5</t></r><r><t>00</t></r></is>'),
    "amount as text and number": _paid(b' t="inlineStr"><is><t>900</t></is><v>500</v>'),
    "amount as a word": _paid(b' t="inlineStr"><is><t>five hundred</t></is>'),
    "amount as a shared string that is not there": _paid(b' t="s"><v>500</v>'),
    "amount as a shared string below zero": _paid(b' t="s"><v>-1</v>'),
    "amount as true": _paid(b' t="b"><v>1</v>'),
    "amount as an error": _paid(b' t="e"><v>#REF!</v>'),
    "amount as a date": _paid(b' t="d"><v>2024-10-17</v>'),
    "amount of an unknown kind": _paid(b' t="zz"><v>500</v>'),
    "amount by a formula": _paid(b"><f>250*2</f><v>500</v>"),
    "amount by a formula with a stale value": _paid(b"><f>250*2</f><v>5</v>"),
    "amount by a formula from the net": _paid(b"><f>WEBSERVICE(&quot;http://127.0.0.1/&quot;)</f><v>500</v>"),
    "amount by DDE": _paid(b"><f>cmd|'/c calc'!A1</f><v>500</v>"),
    "amount formatted as a date": _paid(b' s="32"><v>500</v>'),
    "amount with a style that is not there": _paid(b' s="99999"><v>500</v>'),
    # cells and rows that are not where they say
    "the same cell twice": _put(SHEET, b'<c r="C14"', b'<c r="C14"><v>9</v></c><c r="C14"'),
    "the same row twice": _end(b'<row r="14"><c r="C14"><v>9</v></c></row>'),
    "a cell in another row's element": _put(SHEET, b'<row r="15">', b'<row r="15"><c r="C14"><v>9</v></c>'),
    "a cell without a place": _put(SHEET, b'<c r="C14"', b"<c"),
    "a row without a number": _put(SHEET, b'<row r="14">', b"<row>"),
    "a row number below zero": _put(SHEET, b'<row r="14">', b'<row r="-14">'),
    "a place in small letters": _put(SHEET, b'r="C14"', b'r="c14"'),
    "a far cell": _end(b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
    "a column that Excel has not": _end(b'<row r="999"><c r="ZZZZ999"><v>1</v></c></row>'),
    "a million empty rows": _end(b"".join(b'<row r="%d"/>' % n for n in range(200, 200_000))),
    "quotes of the other kind": _put(SHEET, b'r="C14"', b"r='C14'"),
    # the sheet's XML
    "entities within entities": _put(SHEET, b"<worksheet ", _ENTITIES + b"<worksheet "),
    "an outside entity": _put(
        SHEET, b"<worksheet ", b'<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/hostname">]><worksheet '
    ),
    "elements a hundred thousand deep": _end(b"<x>" * 100_000 + b"</x>" * 100_000),
    "a hundred thousand attributes": _put(
        SHEET, b"<sheetData>", b"<sheetData " + b" ".join(b'a%d=""' % n for n in range(100_000)) + b">"
    ),
    "another encoding": lambda data: with_parts(
        data,
        {
            SHEET: '<?xml version="1.0" encoding="UTF-16"?>'.encode("utf-16")
            + parts(data)[SHEET].decode().encode("utf-16-le")
        },
    ),
    "NUL in the sheet": _put(SHEET, b"<v>500</v>", b"<v>5\x0000</v>"),
    "the sheet is empty": lambda data: with_parts(data, {SHEET: b""}),
    "the sheet is another's": lambda data: with_parts(
        data, {SHEET: b"<worksheet %b><sheetData/></worksheet>" % _SPACE}
    ),
    # what says whose workbook this is
    "the hidden sheet of version -1": _put(HIDDEN, _VERSION, _VERSION + b"-"),
    "the hidden sheet with a table of 10^9 days": _put(HIDDEN, b"<t>100</t>", b"<t>1000000000</t>"),
    "the hidden sheet with broken inputs": _put(HIDDEN, b"{", b"{{"),
    "the hidden sheet of another kind": _put(HIDDEN, b"<t>50K</t>", b"<t>1L</t>"),
    "a sheet's name with a path": _put(BOOK, b'name="_lendbook"', b'name="../../_lendbook"'),
    "two sheets of one relation": _put(BOOK, b'r:id="rId2"', b'r:id="rId1"'),
    # the zip
    "a member above the folder": _packed(more={"../../outside.xml": b"x"}),
    "three hundred members": _packed(more={f"xl/{n}.xml": b"x" for n in range(300)}),
    "a bomb": _packed(more={"xl/bomb.xml": bytes(60 * 1024**2)}),
    "a bomb in an odd packing": _packed(zipfile.ZIP_LZMA, more={"xl/bomb.xml": bytes(60 * 1024**2)}),
    "a member that says it is encrypted": _central(8, b"\x01\x00"),
    "a member of a packing nobody knows": _central(10, b"\x63\x00"),
    "a member whose size is a lie": _central(24, b"\xff\xff\xff\x7f"),
    "a member whose place is a lie": _central(42, b"\xff\xff\xff\x7f"),
    "not a zip": _head(0, b"\x89PNG"),
}
