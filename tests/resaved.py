"""One workbook as other programs write it: the same said in other XML, with its texts and parts kept elsewhere.

Each of WRITERS takes a workbook's bytes and gives bytes that mean the same. What reads them reads the same, or refuses.
"""

import io
import posixpath
import re
import zipfile
from collections.abc import Callable
from html import escape
from itertools import count

from lxml import etree

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
XML = "http://www.w3.org/XML/1998/namespace"
_BOOK_RELATIONS = "xl/_rels/workbook.xml.rels"

Writer = Callable[[bytes], bytes]


def parts_of(data: bytes) -> dict[str, bytes]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(zipfile.ZipInfo(name), part, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def is_xml(name: str) -> bool:
    return name.lower().endswith((".xml", ".rels"))


def each_part(change: Callable[[etree._Element], bytes]) -> Writer:
    """A writer that writes every XML part anew."""

    def write(data: bytes) -> bytes:
        return packed(
            {name: change(etree.fromstring(part)) if is_xml(name) else part for name, part in parts_of(data).items()}
        )

    return write


def each_sheet(change: Callable[[etree._Element], None]) -> Writer:
    """A writer that changes the tree of every sheet."""

    def write(data: bytes) -> bytes:
        parts = parts_of(data)
        for name in parts:
            if name.startswith("xl/worksheets/") and is_xml(name):
                root = etree.fromstring(parts[name])
                change(root)
                parts[name] = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
        return packed(parts)

    return write


# ------------------------------------------------------------------------------------------------ other XML


def serialised(
    root: etree._Element,
    *,
    quote: str = '"',
    equals: str = "=",
    between: str = " ",
    backwards: bool = False,
    prefix: str = "",
    end: str = "",
    empty: bool = True,
    text: Callable[[str], str] = lambda text: escape(text, quote=False),
) -> bytes:
    """A tree in XML of a chosen hand: its quotes, spaces, order of attributes, prefix, ends of tags, and its texts."""
    numbers = count(1)
    names = {XML: "xml", root.nsmap.get(root.prefix): prefix}
    for element in root.iter("*"):
        for name in (element.tag, *element.attrib):
            space = etree.QName(name).namespace
            if space not in names and space:
                names[space] = next((key for key, uri in element.nsmap.items() if uri == space and key), None) or (
                    f"n{next(numbers)}"
                )

    def named(name: str, is_attribute: bool = False) -> str:
        space = etree.QName(name).namespace
        known = "" if space is None or (is_attribute and space == root.nsmap.get(None)) else names[space]
        return f"{known}:{etree.QName(name).localname}" if known else etree.QName(name).localname

    def attribute(name: str, value: str) -> str:
        value = escape(value, quote=True).replace("\n", "&#10;")
        return f"{between}{name}{equals}{quote}{value}{quote}"

    def element(one: etree._Element, declared: str = "") -> str:
        attributes = [attribute(named(name, True), value) for name, value in one.attrib.items()]
        inside = text(one.text or "") + "".join(element(child) + escape(child.tail or "", quote=False) for child in one)
        head = f"<{named(one.tag)}{declared}{''.join(reversed(attributes) if backwards else attributes)}{end}"
        return f"{head}/>" if empty and not inside else f"{head}>{inside}</{named(one.tag)}{end}>"

    declared = "".join(
        attribute(f"xmlns:{known}" if known else "xmlns", uri) for uri, known in names.items() if uri and known != "xml"
    )
    return ('<?xml version="1.0" encoding="UTF-8"?>\n' + element(root, declared)).encode()


def by_hand(**hand) -> Writer:
    return each_part(lambda root: serialised(root, **hand))


def canonical(root: etree._Element) -> bytes:
    return etree.tostring(root, method="c14n")


def in_utf16(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-16")


def as_numbers(text: str) -> str:
    """Every letter as a character reference."""
    return "".join(f"&#{ord(letter)};" for letter in text)


def as_cdata(text: str) -> str:
    return f"<![CDATA[{text}]]>" if text.strip() else text


def with_comments(root: etree._Element) -> bytes:
    """Comments that hold what patterns look for."""
    for element in list(root.iter(f"{{{MAIN}}}sheetData", f"{{{MAIN}}}row", f"{{{MAIN}}}c")):
        element.insert(0, etree.Comment(' <sheetData><row r="17"><c r="C17"><v>77777</v></c></row></sheetData> '))
    root.insert(0, etree.Comment(' <sheetData><row r="17"><c r="C17"><v>88888</v></c></row></sheetData> '))
    root.append(etree.Comment(" </sheetData> "))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def strict(data: bytes) -> bytes:
    """Excel's 'Strict Open XML Spreadsheet'."""
    return packed(
        {
            name: part.replace(MAIN.encode(), b"http://purl.oclc.org/ooxml/spreadsheetml/main").replace(
                RELATIONS.encode(), b"http://purl.oclc.org/ooxml/officeDocument/relationships"
            )
            if is_xml(name)
            else part
            for name, part in parts_of(data).items()
        }
    )


# ------------------------------------------------------------------------------------------------ cells said otherwise


def _without_references(root: etree._Element) -> None:
    """No cell and no row says its place, where it follows from the one before."""
    for row in root.iter(f"{{{MAIN}}}row"):
        cells = list(row)
        letters = [cell.get("r").rstrip("0123456789") for cell in cells]
        if letters == [chr(65 + place) for place in range(len(letters))]:
            for cell in cells:
                del cell.attrib["r"]


def _small_letters(root: etree._Element) -> None:
    for cell in root.iter(f"{{{MAIN}}}c"):
        cell.set("r", cell.get("r").lower())


def _foreign_attributes(root: etree._Element) -> None:
    """Attributes of another namespace that are named like the format's own."""
    for cell in root.iter(f"{{{MAIN}}}c"):
        for name in ("t", "s", "r"):
            cell.set(f"{{urn:other}}{name}", "e" if name == "t" else "1")


def _numbers_typed(root: etree._Element) -> None:
    for cell in root.iter(f"{{{MAIN}}}c"):
        if cell.get("t") is None and cell.find(f"{{{MAIN}}}v") is not None:
            cell.set("t", "n")


def _spaces_around_values(root: etree._Element) -> None:
    for value in root.iter(f"{{{MAIN}}}v"):
        if value.getparent().get("t", "n") in ("n", "s", "b") and value.text:
            value.text = f"\n {value.text}\t"


def _empty_shared_texts(root: etree._Element) -> None:
    """Blank cells said to hold a shared text, without saying which."""
    for cell in root.iter(f"{{{MAIN}}}c"):
        if not len(cell):
            cell.set("t", "s")
            etree.SubElement(cell, f"{{{MAIN}}}v")


def shared_texts(data: bytes) -> bytes:
    """Every text in the list that all sheets share, some cut in runs, with hints of how they are pronounced."""
    parts, texts = parts_of(data), []
    for name in [name for name in parts if name.startswith("xl/worksheets/") and is_xml(name)]:
        root = etree.fromstring(parts[name])
        for cell in root.iter(f"{{{MAIN}}}c"):
            if cell.get("t") == "inlineStr":
                text = "".join(run.text or "" for run in cell.iter(f"{{{MAIN}}}t"))
                for child in list(cell):
                    cell.remove(child)
                cell.set("t", "s")
                etree.SubElement(cell, f"{{{MAIN}}}v").text = str(len(texts))
                texts.append(text)
        parts[name] = etree.tostring(root)
    if "xl/sharedStrings.xml" in parts:
        return data
    items = "".join(
        f'<si><r><t xml:space="preserve">{escape(text[:1])}</t></r><r><t xml:space="preserve">{escape(text[1:])}</t></r>'
        "<rPh><t>9</t></rPh></si>"
        for text in texts
    )
    parts["xl/sharedStrings.xml"] = f'<sst xmlns="{MAIN}">{items}</sst>'.encode()
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(
        b"</Types>", f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'.encode()
    )
    parts[_BOOK_RELATIONS] = parts[_BOOK_RELATIONS].replace(
        b"</Relationships>",
        f'<Relationship Id="rId99" Type="{RELATIONS}/sharedStrings" Target="sharedStrings.xml"/></Relationships>'.encode(),
    )
    return packed(parts)


# ------------------------------------------------------------------------------------------------ parts elsewhere


def renamed(name_of: Callable[[str], str], target_of: Callable[[str], str] = lambda target: target) -> Writer:
    """A writer that stores parts under other names, and points to them with other targets."""

    def write(data: bytes) -> bytes:
        parts = {name_of(name): part for name, part in parts_of(data).items()}
        for name, part in parts.items():
            if name.lower().endswith(".rels"):
                root = etree.fromstring(part)
                for relation in root:
                    relation.set("Target", target_of(relation.get("Target")))
                parts[name] = etree.tostring(root)
        return packed(parts)

    return write


def _moved(name: str) -> str:
    """A part in a folder with a space in its name, beside the old ones."""
    return re.sub(r"^xl/worksheets/(\w+\.xml)$", r"xl/worksheets/my sheet \1", name)


def _moved_rels(name: str) -> str:
    return re.sub(r"^xl/worksheets/_rels/(\w+\.xml\.rels)$", r"xl/worksheets/_rels/my sheet \1", _moved(name))


def _pointed(target: str) -> str:
    folder, name = posixpath.split(target)
    return f"{folder}/my%20sheet%20{name}" if folder.endswith("worksheets") else target


def _of_sheetjs(data: bytes) -> bytes:
    """The content types as SheetJS writes them: macroEnabled for the ending `bin`, of which there is no part."""
    parts = parts_of(data)
    kind = "application/vnd.ms-excel.sheet.binary.macroEnabled.main"
    parts["[Content_Types].xml"] = re.sub(
        rb"(<Types[^>]*>)",
        rb'\1<Default Extension="bin" ContentType="%b"/>' % kind.encode(),
        parts["[Content_Types].xml"],
    )
    return packed(parts)


def _many_styles(data: bytes) -> bytes:
    """Tens of thousands of styles that no cell uses, as workbooks copied together for years have."""
    parts = parts_of(data)
    unused = b'<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>' * 65_000
    parts["xl/styles.xml"] = parts["xl/styles.xml"].replace(b"</cellXfs>", unused + b"</cellXfs>")
    return packed(parts)


WRITERS: dict[str, Writer] = {
    "canonical": each_part(canonical),
    "single quotes": by_hand(quote="'"),
    "spaces round the equals sign": by_hand(equals=" = "),
    "lines between attributes": by_hand(between="\n\t"),
    "attributes backwards": by_hand(backwards=True),
    "all of these": by_hand(quote="'", equals=" = ", between="\r\n  ", backwards=True, end=" "),
    "another prefix": by_hand(prefix="x"),
    "a prefix, single quotes, backwards": by_hand(prefix="spread", quote="'", backwards=True),
    "a space before the end of a tag": by_hand(end=" "),
    "no empty tags": by_hand(empty=False),
    "letters as numbers": by_hand(text=as_numbers),
    "texts as CDATA": by_hand(text=as_cdata),
    "comments": each_part(with_comments),
    "sixteen bits": each_part(in_utf16),
    "strict": strict,
    "no references": each_sheet(_without_references),
    "references in small letters": each_sheet(_small_letters),
    "foreign attributes": each_sheet(_foreign_attributes),
    "numbers said to be numbers": each_sheet(_numbers_typed),
    "spaces around values": each_sheet(_spaces_around_values),
    "empty shared texts": each_sheet(_empty_shared_texts),
    "shared texts": shared_texts,
    "shared texts in single quotes": lambda data: by_hand(quote="'")(shared_texts(data)),
    "upper case parts": renamed(lambda name: name.upper() if name.startswith("xl/") else name),
    "a camel's shared texts": lambda data: renamed(lambda name: name.replace("sharedS", "SharedS"))(shared_texts(data)),
    "small content types": renamed(lambda name: name.lower()),
    "backslashes in names": renamed(lambda name: name.replace("/", "\\")),
    "backslashes in targets": renamed(lambda name: name, lambda target: target.replace("/", "\\")),
    "upper case targets": renamed(lambda name: name, lambda target: target.upper()),
    "percent signs in targets": renamed(_moved_rels, _pointed),
    "percent signs in names": renamed(lambda name: _moved_rels(name).replace(" ", "%20"), _pointed),
    "letters as percents": renamed(lambda name: name, lambda target: target.replace("s", "%73")),
    "dots in targets": renamed(lambda name: name, lambda target: re.sub(r"^(?=\w)", "./", target)),
    "content types of SheetJS": _of_sheetjs,
    "65,000 styles": _many_styles,
}
