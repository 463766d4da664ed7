"""The workbook as its customer takes it away: without the hidden sheet and without what the lender earns.

The days, the terms, what is paid and what is pending are his own affair; the summary's Profit and ROI are the lender's.
"""

import re

from lxml import etree

from shop.xlsx.parts import CONTENT_TYPES, key_of
from trackers.workbook.build import build_workbook
from trackers.workbook.figures import FIRST_SUMMARY_ROW
from trackers.workbook.layouts import HIDDEN_SHEET, Layout
from trackers.workbook.package import MAIN, Package, parse_xml
from trackers.workbook.read import Opened, open_workbook, read
from trackers.workbook.sheetxml import CELL, style_of

_PROPERTIES = "docProps/app.xml"
_LENDERS_OWN = ("profit", "roi")


def without_internals(data: bytes) -> bytes:
    """The bytes of a workbook without Lendbook's hidden sheet and the lender's own figures; other parts stay as they were.

    Excel moves texts into the shared strings when it saves, those of the hidden sheet too: such a file is built anew
    from what it says.
    """
    package = Package(data)
    path = package.sheets.get(HIDDEN_SHEET)
    if path is None:
        return data
    if _shares_texts(package, path):
        data = build_workbook(read(data)).data
        package = Package(data)
        path = package.sheets[HIDDEN_SHEET]
    opened = open_workbook(data)
    types, book = package.find(CONTENT_TYPES), package.workbook_path
    relations, properties = package.relations_path(book), package.find(_PROPERTIES)
    # Excel's list of formula cells names those of the lender; a program that misses it makes it anew.
    gone = {path, *package.related(book, "calcChain")}
    keys = {key_of(part) for part in gone}
    parts = {
        opened.sheet_path: _without_the_lenders_own(opened),
        book: _without_sheet(package),
        types: _filtered(package, types, lambda row: key_of(row.get("PartName") or "") in keys),
        relations: _filtered(package, relations, lambda row: package.target_of(book, row.get("Target") or "") in gone),
    }
    if properties and HIDDEN_SHEET.encode() in package.read(properties):
        listed = ("HeadingPairs", "TitlesOfParts")
        parts[properties] = _filtered(package, properties, lambda row: etree.QName(row).localname in listed)
    return package.replaced(parts, dropped={*gone, package.relations_path(path)})


def _without_the_lenders_own(opened: Opened) -> bytes:
    """The tracker's sheet with the label and the value of each figure that is the lender's own left blank."""
    cells, sheet = _cells_of_the_lender(opened.contents.layout), opened.sheet

    def blank(match: re.Match[bytes]) -> bytes:
        reference = match[2] + match[3]
        return b'<c r="%b" s="%d"/>' % (reference, style_of(match[4])) if reference in cells else match[0]

    return sheet.head + CELL.sub(blank, sheet.body) + sheet.tail


def _cells_of_the_lender(layout: Layout) -> set[bytes]:
    rows = (FIRST_SUMMARY_ROW + place for place, (field, _) in enumerate(layout.summary) if field in _LENDERS_OWN)
    return {b"%b%d" % (letter, row) for row in rows for letter in (b"E", b"F")}


def _shares_texts(package: Package, path: str) -> bool:
    """Whether a sheet keeps its texts in the list that all sheets share."""
    return any(cell.get("t") == "s" for cell in package.parse(path).iter(f"{{{MAIN}}}c"))


def _filtered(package: Package, name: str, is_gone) -> bytes:
    """A part without the children of its root that `is_gone` says are."""
    root = parse_xml(package.read(name), name)
    for child in [child for child in root.iterchildren("*") if is_gone(child)]:
        root.remove(child)
    return _bytes_of(root)


def _without_sheet(package: Package) -> bytes:
    """The workbook part without the hidden sheet; what names sheets by their place counts one less after it."""
    root = parse_xml(package.read(package.workbook_path), package.workbook_path)
    sheets = root.find(f"{{{MAIN}}}sheets")
    place = next(at for at, sheet in enumerate(sheets) if sheet.get("name") == HIDDEN_SHEET)
    sheets.remove(sheets[place])
    for view in root.iter(f"{{{MAIN}}}workbookView"):
        for name in ("activeTab", "firstSheet"):
            if int(view.get(name, "0")) >= max(place, 1):
                view.set(name, str(int(view.get(name)) - 1))
    for name in list(root.iter(f"{{{MAIN}}}definedName")):
        at = int(name.get("localSheetId", "-1"))
        if at == place or HIDDEN_SHEET in (name.text or ""):
            name.getparent().remove(name)
        elif at > place:
            name.set("localSheetId", str(at - 1))
    names = root.find(f"{{{MAIN}}}definedNames")
    if names is not None and not len(names):
        root.remove(names)
    return _bytes_of(root)


def _bytes_of(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
