"""The master template and new workbooks."""

import io
import re
from datetime import date
from decimal import Decimal

import pytest
from openpyxl import load_workbook

from tests.trackers.workbooks import (
    CHART,
    SHEET,
    START,
    as_excel_saves,
    formula_and_value,
    needs_libreoffice,
    new_workbook,
    original,
    parts,
    recalculated,
    values_of,
)
from trackers.schedule import TermsError
from trackers.workbook.build import TEMPLATE_PATH, build_template, build_workbook, template_faults
from trackers.workbook.contents import new_contents
from trackers.workbook.errors import InputError, NotATracker
from trackers.workbook.layouts import LAYOUTS, MODES
from trackers.workbook.patch import patch
from trackers.workbook.read import read


def opened(data: bytes):
    return load_workbook(io.BytesIO(data))


def test_the_shipped_template_is_what_its_builder_makes():
    assert parts(TEMPLATE_PATH.read_bytes()) == parts(build_template())


def test_the_shipped_template_has_no_fault():
    assert template_faults(TEMPLATE_PATH.read_bytes()) == []


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_new_workbook_has_the_looks_and_cells_of_its_kind(layout):
    book = opened(new_workbook(layout.kind))
    sheet = book[layout.sheet_name]
    assert book.sheetnames == [layout.sheet_name, "_lendbook"]
    assert book["_lendbook"].sheet_state == "hidden"
    assert sheet["A1"].value == layout.title
    assert sheet["A1"].fill.fgColor.rgb.endswith(layout.colour)
    assert sheet["E5"].fill.fgColor.rgb.endswith("70AD47")
    assert sheet.freeze_panes == f"C{layout.first_row}"
    for column in layout.columns:
        assert sheet[f"{column.letter}{layout.header_row}"].value == column.header
        assert sheet.column_dimensions[column.letter].width == column.width
    for day in (0, 1, 2, layout.scheme_period):
        for column in layout.columns:
            cell = sheet[layout.cell(day, column.field)]
            assert cell.protection.locked != column.is_input
            assert cell.fill.fgColor.rgb.endswith("FFF2CC") == column.is_input
            assert str(cell.value).startswith("=") == (not column.is_input and column.field != "day")
    assert sheet.max_row == layout.row(layout.scheme_period)
    assert sheet.protection.sheet
    assert not sheet.protection.password
    for parameter in layout.parameters:
        assert sheet[f"A{parameter.cell[1:]}"].value == parameter.label
        assert not sheet[parameter.cell].protection.locked
    assert [sheet[f"E{6 + place}"].value for place in range(len(layout.summary))] == [
        label for _, label in layout.summary
    ]
    assert sheet["B7"].number_format == '0 "(Days)"'
    assert sheet["B6"].number_format == sheet["F6"].number_format == "₹#,##0.00;[Red]-₹#,##0.00"


def test_the_defaults_of_each_kind_are_the_lenders_own():
    for kind, (investment, per_day, period) in {
        "50K": (50000, 500, 100),
        "1L": (300000, 1000, 200),
        "NO_REINVEST": (300000, 3000, 100),
    }.items():
        terms = read(new_workbook(kind)).terms
        assert (terms.investment, terms.per_day_payment, terms.scheme_period) == (investment, per_day, period)
    assert read(new_workbook("1L")).parameters["enhanced_count"] == 6


def test_the_formulas_of_the_50k_sheet_are_as_agreed():
    data = new_workbook()
    assert formula_and_value(data, "B16") == ("$B$10+A16", "45584")
    assert formula_and_value(data, "D13") == ("C13", "0")
    assert formula_and_value(data, "D14") == ("D13+C14", "0")
    assert formula_and_value(data, "F13") == ("C13-G13", "0")
    assert formula_and_value(data, "F14") == ("F13+C14-G14", "0")
    assert formula_and_value(data, "I13") == ("0", "0")
    assert formula_and_value(data, "I14") == ("MIN($B$7*$B$8,I13+$B$8)", "500")
    assert formula_and_value(data, "F8") == ('SUMPRODUCT(MAX((C13:C113<>"")*I13:I113))-SUM(C13:C113)', "0")
    assert formula_and_value(data, "F7") == ("F113", "0")
    assert formula_and_value(data, "F9") == ("D113-F6", "-50000")
    assert formula_and_value(data, "F10") == ("IF(F6=0,0,F9/F6)", "-1")
    assert formula_and_value(data, "E5") == ('"SUMMARY (Day "&B7&")"', "SUMMARY (Day 100)")


def test_the_formulas_of_the_1l_sheet_are_as_agreed():
    data = new_workbook("1L")
    assert formula_and_value(data, "B17") == ("$B$11+A17", "45584")
    assert formula_and_value(data, "F14") == ("C14-G14-(H14-J14)", "0")
    assert formula_and_value(data, "F15") == ("F14+C15-G15-(H15-J15)", "0")
    assert formula_and_value(data, "K14") == ("$B$6+J14", "300000")
    assert formula_and_value(data, "K15") == ("K14+J15", "300000")
    assert formula_and_value(data, "F7") == ("K214", "300000")
    assert formula_and_value(data, "F8") == ("F214", "0")
    assert formula_and_value(data, "F10") == ("D214-F7", "-300000")
    assert formula_and_value(data, "F11") == ("IF(F7=0,0,F10/F7)", "-1")


def test_the_formulas_of_the_no_reinvest_sheet_are_as_agreed():
    data = new_workbook("NO_REINVEST")
    assert formula_and_value(data, "F14") == ("F13+C14", "0")
    assert formula_and_value(data, "G14") == ("G13+C14-H14", "0")
    assert formula_and_value(data, "F7") == ("F113", "0")
    assert formula_and_value(data, "F8") == ("G113", "0")
    assert formula_and_value(data, "F10") == ("F7-F6", "-300000")


def test_a_skipped_day_carries_the_expected_amount_on():
    data = new_workbook(skipped_weekdays=frozenset({6}))  # 20 October 2024, day 4, was a Sunday
    assert formula_and_value(data, "I17") == ("I16", "1500")
    assert formula_and_value(data, "I18") == ("MIN($B$7*$B$8,I17+$B$8)", "2000")
    assert read(data).last_day == 117


def test_the_drop_down_offers_the_modes_and_amounts_are_validated():
    sheet = opened(new_workbook()).worksheets[0]
    rules = {rule.type: rule for rule in sheet.data_validations.dataValidation}
    assert rules["list"].formula1 == f'"{",".join(MODES)}"'
    assert "E13" in rules["list"].sqref
    assert (rules["decimal"].operator, rules["decimal"].formula1) == ("greaterThanOrEqual", "0")
    assert all(cell in rules["decimal"].sqref for cell in ("C13", "G13", "C1113", "B6", "B8"))


def test_missed_days_are_shaded():
    rules = opened(new_workbook()).worksheets[0].conditional_formatting
    (cells,) = rules
    assert str(cells.sqref) == "C13:C1113"
    assert cells.rules[0].formula == ['AND($C13="",$I13>$I12,COUNTA($C13:$C$1113)>0)']


def test_the_chart_draws_paid_against_expected_from_cached_points():
    chart = parts(patch(new_workbook(), days={1: {"paid": Decimal(500)}}).data)[CHART].decode()
    assert "'50K Reinvest Tracker'!$D$13:$D$113" in chart
    assert "'50K Reinvest Tracker'!$I$13:$I$113" in chart
    caches = re.findall(r'<ptCount val="101"/?>.*?</numCache>', chart, re.DOTALL)
    points = [re.findall(r"<v>(.*?)</v>", cache)[:3] for cache in caches]
    assert points == [["0", "1", "2"], ["0", "500", "500"], ["0", "1", "2"], ["0", "500", "1000"]]


def test_names_from_people_are_text_whatever_they_look_like():
    data = new_workbook(tracker_name='=HYPERLINK("http://evil","Click")')
    cell = opened(data).worksheets[0]["B3"]
    assert (cell.data_type, cell.value) == ("s", '=HYPERLINK("http://evil","Click")')
    assert b"<f>" not in re.search(rb'<c r="B3".*?</c>', parts(data)[SHEET])[0]


def test_terms_that_would_end_too_late_are_refused():
    with pytest.raises(TermsError, match="after day 1100"):
        new_contents("50K", tracker_name="x", start_date=START, scheme_period=1000, skipped_weekdays=frozenset({6}))


def test_an_amount_in_fractions_of_a_paisa_is_refused_with_its_cell():
    with pytest.raises(InputError, match=r"B8: 0\.005 has more than two decimal places"):
        new_contents("50K", tracker_name="x", start_date=START, per_day_payment=Decimal("0.005"))


def test_an_owners_old_template_serves_and_gets_the_expected_column():
    template = original(sheets=tuple(LAYOUTS))
    assert template_faults(template) == []
    contents = new_contents("1L", tracker_name="Asha", start_date=date(2025, 3, 1), tracker_id="12")
    data = build_workbook(contents, template).data
    assert opened(data).worksheets[0]["M13"].value == "Expected"
    reread = read(data, thorough=True)
    assert reread.altered == ()
    assert reread.terms.scheme_period == 200


def test_a_template_with_another_header_is_refused_by_cell():
    template = original(sheets=tuple(LAYOUTS), filled={"C12": "Amount"})
    assert template_faults(template) == ["50K Reinvest Tracker: C12 should read 'Daily Payments'."]
    with pytest.raises(NotATracker, match="C12 should read 'Daily Payments'"):
        build_workbook(new_contents("50K", tracker_name="x", start_date=START), template)
    build_workbook(new_contents("1L", tracker_name="x", start_date=START), template)


def test_a_template_without_a_sheet_is_refused():
    assert "The sheet '1L Enhanced Tracker' is missing." in template_faults(original("50K"))


def test_building_from_what_a_workbook_says_makes_the_same_workbook():
    data = patch(new_workbook("1L"), days={3: {"paid": Decimal(10), "notes": "x"}, 230: {"paid": Decimal(20)}}).data
    again = build_workbook(read(as_excel_saves(data))).data
    assert values_of(again) == values_of(data)
    assert read(again).cells == read(data).cells


@needs_libreoffice
def test_the_template_says_what_libreoffice_computes(tmp_path):
    template = TEMPLATE_PATH.read_bytes()
    assert values_of(recalculated({"template": template}, tmp_path)["template"]) == values_of(template)
