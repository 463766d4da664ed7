"""Workbooks for the tests: one of ours, lenders' own, and ours as other programs save them."""

import html
import io
import re
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import Workbook
from python_calamine import CalamineWorkbook

from trackers.workbook.build import build_workbook
from trackers.workbook.contents import new_contents
from trackers.workbook.layouts import LAYOUTS

SOFFICE = shutil.which("soffice")
needs_libreoffice = pytest.mark.skipif(
    SOFFICE is None, reason="LibreOffice is not installed (Debian: apt-get install libreoffice-calc)"
)
START = date(2024, 10, 16)
SHEET, CHART = "xl/worksheets/sheet1.xml", "xl/charts/chart1.xml"
_RELATION_KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
_ALWAYS_RECALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse">
<value>0</value></prop></item></oor:items>"""


def new_workbook(kind: str = "50K", disbursed: Decimal | None = None, **terms) -> bytes:
    """A workbook of ours, "John's Q4 Investment" unless told otherwise; `disbursed` None: the whole investment."""
    terms = {"tracker_name": "John's Q4 Investment", "start_date": START, "tracker_id": "7", "version": 1} | terms
    return build_workbook(replace(new_contents(kind, **terms), disbursed=disbursed)).data


def parts(data: bytes) -> dict[str, bytes]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    return {name: archive.read(name) for name in archive.namelist()}


def with_parts(data: bytes, changed: Mapping[str, bytes | None]) -> bytes:
    """The same package with parts replaced, added, or (None) left out."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in (parts(data) | dict(changed)).items():
            if part is not None:
                archive.writestr(name, part)
    return out.getvalue()


def with_sheet(data: bytes, old: bytes, new: bytes) -> bytes:
    """The same workbook with one place of the tracker's sheet changed, as by a person's hand."""
    sheet = parts(data)[SHEET]
    assert old in sheet
    return with_parts(data, {SHEET: sheet.replace(old, new, 1)})


def cell_of(data: bytes, reference: str) -> bytes:
    """A cell of the tracker's sheet as it stands in the file."""
    match = re.search(rb'<c r="%b"[^>]*?(?:/>|>.*?</c>)' % reference.encode(), parts(data)[SHEET], re.DOTALL)
    assert match, reference
    return match[0]


def formula_and_value(data: bytes, reference: str) -> tuple[str, str]:
    """A formula cell's formula and cached value."""
    match = re.search(rb"<f[^>]*>(.*?)</f><v>(.*?)</v>", cell_of(data, reference))
    assert match, cell_of(data, reference)
    return html.unescape(match[1].decode()), html.unescape(match[2].decode())


def as_excel_saves(data: bytes) -> bytes:
    """Our workbook as Excel saves it: texts shared, formulas of a column shared, empty unstyled cells gone, row spans,
    a calculation chain, a comment, a second sheet with a formula of its own and a chart of somebody's."""
    now, strings = parts(data), []

    def share(match: re.Match) -> str:
        strings.append(match[2])
        return f'{match[1]} t="s"><v>{len(strings) - 1}</v></c>'

    inline = re.compile(r'(<c r="\w+"[^>]*?) t="inlineStr"><is><t[^>]*>(.*?)</t></is></c>', re.DOTALL)
    sheet, hidden = (inline.sub(share, now[name].decode()) for name in (SHEET, "xl/worksheets/sheet2.xml"))
    chain = "".join(f'<c r="{cell}" i="1"/>' for cell in re.findall(r'<c r="(\w+)"[^>]*><f>', sheet))
    sheet = _with_shared_formulas(sheet, first_row=14 if b"1L Enhanced" in now["xl/workbook.xml"] else 13)
    sheet = re.sub(r'<row r="(\d+)"', r'<row r="\1" spans="1:9" x14ac:dyDescent="0.25"', sheet)
    sheet = sheet.replace(
        "<worksheet ",
        '<worksheet xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" mc:Ignorable="x14ac" '
        'xmlns:x14ac="http://schemas.microsoft.com/office/spreadsheetml/2009/9/ac" ',
        1,
    )
    made = {
        SHEET: sheet,
        "xl/worksheets/sheet2.xml": hidden,
        "xl/worksheets/sheet3.xml": _OWN_SHEET,
        "xl/sharedStrings.xml": f'<?xml version="1.0"?><sst {_MAIN}>{"".join(map(_shared_string, strings))}</sst>',
        "xl/calcChain.xml": f'<?xml version="1.0"?><calcChain {_MAIN}>{chain}</calcChain>',
        "xl/comments1.xml": _COMMENTS,
    }
    for name, (added, end) in _ADDED.items():
        made[name] = now[name].decode().replace(end, added + end)
    return with_parts(data, {name: text.encode() for name, text in made.items()})


_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OWN_SHEET = (
    f'<?xml version="1.0"?><worksheet {_MAIN}><sheetData><row r="1"><c r="A1"><f>1+1</f><v>2</v></c></row>'
    "</sheetData></worksheet>"
)
_COMMENTS = (
    f'<?xml version="1.0"?><comments {_MAIN}><authors><author>Asha</author></authors><commentList>'
    '<comment ref="C15" authorId="0"><text><t>Paid by his brother</t></text></comment></commentList></comments>'
)


def _relation(name: str, kind: str, target: str) -> str:
    return f'<Relationship Id="{name}" Type="{_RELATION_KIND}{kind}" Target="{target}"/>'


def _content_type(name: str, kind: str) -> str:
    office = "application/vnd.openxmlformats-officedocument.spreadsheetml."
    return f'<Override PartName="/xl/{name}" ContentType="{office}{kind}+xml"/>'


# What such a workbook's own parts are named by: {part: (what is added, before which end of it)}.
_ADDED = {
    "xl/worksheets/_rels/sheet1.xml.rels": (_relation("rId77", "comments", "../comments1.xml"), "</Relationships>"),
    "xl/workbook.xml": (
        f'<sheet xmlns:r="{_RELATION_KIND[:-1]}" name="Mine" sheetId="9" r:id="rId92"/>',
        "</sheets>",
    ),
    "[Content_Types].xml": (
        _content_type("calcChain.xml", "calcChain")
        + _content_type("sharedStrings.xml", "sharedStrings")
        + _content_type("comments1.xml", "comments")
        + _content_type("worksheets/sheet3.xml", "worksheet"),
        "</Types>",
    ),
    "xl/_rels/workbook.xml.rels": (
        _relation("rId90", "sharedStrings", "sharedStrings.xml")
        + _relation("rId91", "calcChain", "calcChain.xml")
        + _relation("rId92", "worksheet", "worksheets/sheet3.xml"),
        "</Relationships>",
    ),
}


def _shared_string(text: str) -> str:
    """A shared string, its first word in a run of its own as if it were bold."""
    word, space, rest = text.partition(" ")
    return f'<si><r><t>{word}</t></r><r><t xml:space="preserve">{space}{rest}</t></r></si>'


def _with_shared_formulas(sheet: str, first_row: int) -> str:
    """Every column's formulas below day 0 as one text that its cells share, Expected's skipped days as another."""
    numbers: dict[tuple[str, bool], int] = {}

    def share(match: re.Match) -> str:
        opening, letters, row, formula = match.groups()
        if int(row) <= first_row:
            return match[0]
        group = letters, "MIN" in formula
        if group in numbers:
            return f'{opening}<f t="shared" si="{numbers[group]}"/>'
        numbers[group] = len(numbers)
        return f'{opening}<f t="shared" ref="{letters}{row}:{letters}9999" si="{numbers[group]}">{formula}</f>'

    return re.sub(r'(<c r="([A-Z]+)(\d+)"[^>]*>)<f>([^<]*)</f>', share, sheet)


def original(kind: str = "50K", *, filled: Mapping[str, object] | None = None, sheets: tuple[str, ...] = ()) -> bytes:
    """A lender's own workbook as it came from the old template: text for numbers, stale or missing formulas, rows to
    day 365, no cached values; `filled` puts values into cells."""
    book = Workbook()
    book.remove(book.active)
    for each in sheets or (kind,):
        layout = LAYOUTS[each]
        sheet = book.create_sheet(layout.sheet_name)
        sheet["A1"] = layout.title
        start = layout.parameter["start_date"].cell
        for parameter in layout.parameters:
            sheet[f"A{parameter.cell[1:]}"] = parameter.label
        sheet["B3"], sheet["B6"], sheet["B7"], sheet["B8"] = "[Enter Name Here]", 50000, "100 (Days)", 500
        sheet["B9"], sheet[start] = layout.strategy, START
        for column in layout.columns[:-1]:
            sheet[f"{column.letter}{layout.header_row}"] = column.header
        for day in range(366):
            row = layout.row(day)
            sheet[f"A{row}"], sheet[f"B{row}"] = day, f"=$B${start[1:]}+A{row}"
            if kind != "1L":
                sheet[f"{layout.letter['balance']}{row}"] = f"=C{row}"
        sheet["F7"] = "=IFERROR(LOOKUP(9.99E+307,F13:F377),0)"
    sheet = book[LAYOUTS[kind].sheet_name]
    for cell, value in (filled or {}).items():
        sheet[cell] = value
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def recalculated(files: Mapping[str, bytes], folder: Path) -> dict[str, bytes]:
    """The files as LibreOffice saves them after computing every formula anew, all in one run."""
    profile, given, taken = folder / "profile", folder / "given", folder / "taken"
    for each in (profile / "user", given, taken):
        each.mkdir(parents=True, exist_ok=True)
    (profile / "user" / "registrymodifications.xcu").write_text(_ALWAYS_RECALCULATE)
    for name, data in files.items():
        (given / f"{name}.xlsx").write_bytes(data)
    subprocess.run(
        [SOFFICE, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--convert-to", "xlsx", "--outdir", taken]
        + [given / f"{name}.xlsx" for name in files],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return {name: (taken / f"{name}.xlsx").read_bytes() for name in files}


def values_of(data: bytes) -> list[list[object]]:
    """Every stored value of the tracker's sheet, read by a reader that is not ours; blanks are "", numbers rounded
    beyond what binary fractions can tell."""
    rows = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).to_python(skip_empty_area=False)
    return [[round(value, 9) if isinstance(value, float) else value for value in row] for row in rows]
