"""The workbook that a customer takes away: the same file, but for Lendbook's hidden sheet and what the lender earns."""

import io
import re
import zipfile
from datetime import date
from decimal import Decimal

import openpyxl
import pytest
from python_calamine import CalamineWorkbook

from tests.trackers.workbooks import SHEET, as_excel_saves, needs_libreoffice, recalculated, values_of
from trackers.workbook.build import build_workbook
from trackers.workbook.contents import edited, new_contents
from trackers.workbook.layouts import HIDDEN_SHEET, LAYOUTS
from trackers.workbook.public import without_internals
from trackers.workbook.read import read

EARNED = {"50K": (9, 10), "1L": (10, 11), "NO_REINVEST": (10, 11)}
"""The rows of Profit and ROI."""
UID = "bcea086d-da8a-414d-a43a-eafa49489a69"


def workbook(kind="50K", disbursed=None):
    contents = new_contents(kind, tracker_name="Idli shop", start_date=date(2024, 10, 16), tracker_id=UID)
    days = {day: {"paid": Decimal(500), "mode": "Cash"} for day in (1, 2, 5)}
    return build_workbook(edited(contents, days=days, disbursed=disbursed)).data


def parts(data):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        return {name: file.read(name) for name in file.namelist()}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_nothing_of_the_hidden_sheet_is_left_and_the_rest_is_as_it_was(kind):
    data = workbook(kind)
    taken, kept = parts(without_internals(data)), parts(data)
    for name, part in taken.items():
        assert HIDDEN_SHEET.encode() not in part, name
        assert UID.encode() not in part, name
    changed = {name for name in taken if taken[name] != kept[name]}
    assert changed == {SHEET, "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "[Content_Types].xml"}
    assert kept.keys() - taken.keys() == {"xl/worksheets/sheet2.xml"}
    book = openpyxl.load_workbook(io.BytesIO(without_internals(data)))
    assert [sheet.title for sheet in book] == [LAYOUTS[kind].sheet_name]
    assert book.active.print_title_rows
    assert read(without_internals(data)).days == read(data).days


def test_texts_that_excel_has_moved_among_the_shared_ones_go_too():
    saved = as_excel_saves(workbook())
    hidden = {name: part for name, part in parts(saved).items() if UID.encode() in part}
    assert hidden
    taken = without_internals(saved)
    assert not any(UID.encode() in part or HIDDEN_SHEET.encode() in part for part in parts(taken).values())
    assert read(taken).days == read(workbook()).days


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("disbursed", [None, Decimal(44000)])
@pytest.mark.parametrize("saved", [lambda data: data, as_excel_saves])
def test_what_the_lender_earns_is_left_out_and_every_other_cell_stays(kind, disbursed, saved):
    data = saved(workbook(kind, disbursed))
    there, kept = values_of(without_internals(data)), values_of(data)
    for row in EARNED[kind]:
        label, value = kept[row - 1][4:6]
        assert label in ("Profit:", "ROI:")
        assert value
        kept[row - 1][4:6] = ["", ""]
    assert there == kept
    assert not any(b"_lendbook" in part or b"calcChain" in part for part in parts(without_internals(data)).values())


@pytest.mark.parametrize("kind", LAYOUTS)
@needs_libreoffice
def test_another_program_opens_it_and_calculates_the_same(kind, tmp_path):
    data = workbook(kind)
    there = recalculated({"taken.xlsx": without_internals(data)}, tmp_path)["taken.xlsx"]
    assert CalamineWorkbook.from_filelike(io.BytesIO(there)).sheet_names == [LAYOUTS[kind].sheet_name]
    assert values_of(there) == values_of(without_internals(data))


def test_sheets_after_the_hidden_one_keep_their_names_and_print_titles():
    data = parts(workbook())
    text = data["xl/workbook.xml"].decode()
    moved = text.replace('activeTab="0"', 'activeTab="1"').replace('localSheetId="0"', 'localSheetId="1"')
    sheets = re.findall(r"<sheet .*?/>", moved)
    moved = moved.replace("".join(sheets), "".join(reversed(sheets)))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, part in data.items():
            file.writestr(name, moved.encode() if name == "xl/workbook.xml" else part)
    book = openpyxl.load_workbook(io.BytesIO(without_internals(out.getvalue())))
    assert [sheet.title for sheet in book] == [LAYOUTS["50K"].sheet_name]
    assert book.active.print_title_rows


def test_a_workbook_without_a_hidden_sheet_stays_as_it_is():
    data = without_internals(workbook())
    assert without_internals(data) == data
