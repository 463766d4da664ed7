"""The workbook as its customer takes it away: the same file without the hidden sheet and whatever speaks of it."""

import posixpath

from lxml import etree

from trackers.workbook.build import build_workbook
from trackers.workbook.layouts import HIDDEN_SHEET
from trackers.workbook.package import MAIN, Package, parse_xml
from trackers.workbook.read import read

_CONTENT_TYPES, _PROPERTIES = "[Content_Types].xml", "docProps/app.xml"


def without_internals(data: bytes) -> bytes:
    """The bytes of a workbook without Lendbook's hidden sheet; every part that does not speak of it stays as it was.

    Excel moves texts into the shared strings when it saves, those of the hidden sheet too: such a file is built anew
    from what it says.
    """
    package = Package(data)
    path = package.sheets.get(HIDDEN_SHEET)
    if path is None:
        return data
    if b't="s"' in package.read(path):
        data = build_workbook(read(data)).data
        package = Package(data)
        path = package.sheets[HIDDEN_SHEET]
    parts = {
        package.workbook_path: _without_sheet(package),
        _CONTENT_TYPES: _filtered(package, _CONTENT_TYPES, lambda row: row.get("PartName") == f"/{path}"),
    }
    relations = _relations_path(package.workbook_path)
    target = {f"/{path}", posixpath.relpath(path, posixpath.dirname(package.workbook_path))}
    parts[relations] = _filtered(package, relations, lambda row: row.get("Target") in target)
    if _PROPERTIES in package and HIDDEN_SHEET.encode() in package.read(_PROPERTIES):
        listed = ("HeadingPairs", "TitlesOfParts")
        parts[_PROPERTIES] = _filtered(package, _PROPERTIES, lambda row: row.tag.endswith(listed))
    return package.replaced(parts, dropped={path, _relations_path(path)})


def _relations_path(part: str) -> str:
    folder, name = posixpath.split(part)
    return posixpath.join(folder, "_rels", f"{name}.rels")


def _filtered(package: Package, name: str, is_gone) -> bytes:
    """A part without the children of its root that `is_gone` says are."""
    root = parse_xml(package.read(name), name)
    for child in [child for child in root if is_gone(child)]:
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
