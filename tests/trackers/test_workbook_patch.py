"""An edit changes what it names and what follows from it, in files saved by anybody, and not a byte besides."""

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.trackers.workbooks import (
    CHART,
    SHEET,
    START,
    as_excel_saves,
    cell_of,
    formula_and_value,
    needs_libreoffice,
    new_workbook,
    original,
    parts,
    recalculated,
    values_of,
    with_parts,
    with_sheet,
)
from trackers.schedule import TermsError
from trackers.workbook.errors import CannotPatch, InputError
from trackers.workbook.layouts import LAYOUTS
from trackers.workbook.patch import patch
from trackers.workbook.read import read

HIDDEN = "xl/worksheets/sheet2.xml"
PAID = {"paid": Decimal(500), "mode": "UPI"}


def changed_parts(before: bytes, after: bytes) -> set[str]:
    old, new = parts(before), parts(after)
    assert list(old) == list(new)
    return {name for name in old if old[name] != new[name]}


def cannot_patch(data: bytes, message: str, **edit) -> None:
    with pytest.raises(CannotPatch, match=message):
        patch(data, **(edit or {"days": {1: PAID}}))


# --- the worked example ----------------------------------------------------------------------------------------------


def test_johns_first_three_payments():
    data = new_workbook(
        investment=Decimal(50000), scheme_period=100, per_day_payment=Decimal(500), start_date=date(2024, 10, 16)
    )
    data = patch(data, days={1: PAID | {"notes": "Daily payment received"}}).data
    data = patch(data, days={2: PAID}).data
    changed = patch(data, days={3: {"paid": Decimal(500), "mode": "Cash"}})
    assert values_of(changed.data)[15][:6] == [3, date(2024, 10, 19), 500, 1500, "Cash", 1500]
    summary = changed.contents.summary()
    assert (summary["days_paid"], summary["total_paid"], summary["balance"], summary["pending"]) == (3, 1500, 1500, 0)
    assert summary["last_paid_on"] == date(2024, 10, 19)
    assert changed.contents.version == 4
    row = changed.contents.rows()[1]
    assert (row["day"], row["date"], row["notes"]) == (1, date(2024, 10, 17), "Daily payment received")


# --- not a byte besides ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("saved_by", [lambda data: data, as_excel_saves], ids=["us", "excel"])
def test_every_other_part_stays_byte_for_byte(kind, saved_by):
    data = saved_by(new_workbook(kind))
    after = patch(data, days={1: PAID | {"notes": "new text"}, 5: {"paid": Decimal("0.05")}}).data
    assert changed_parts(data, after) == {SHEET, HIDDEN, CHART}


def test_a_note_alone_changes_no_figure_and_no_chart():
    data = patch(new_workbook(), days={1: PAID}).data
    after = patch(data, days={1: {"notes": "came late"}}).data
    assert changed_parts(data, after) == {SHEET, HIDDEN}
    assert parts(after)[SHEET].replace(cell_of(after, "H14"), b"") == parts(data)[SHEET].replace(
        cell_of(data, "H14"), b""
    )


def test_an_edit_that_changes_nothing_changes_only_the_version():
    data = patch(new_workbook(), days={1: PAID}).data
    assert changed_parts(data, patch(data, days={1: PAID}).data) == {HIDDEN}


def test_an_edit_and_its_reverse_leave_the_same_sheet():
    data = patch(new_workbook("1L"), days={1: PAID}).data
    there = patch(data, days={2: {"paid": Decimal(7), "reinvest": Decimal(5), "pocket_money": Decimal(2)}}).data
    cleared = {"paid": None, "reinvest": None, "pocket_money": None}
    assert values_of(patch(there, days={2: cleared}).data) == values_of(data)


def test_parts_that_stay_are_carried_over_as_they_were_packed():
    data = with_parts(new_workbook(), {"xl/media/logo.bin": bytes(range(256)) * 40})
    after = patch(data, days={1: PAID}).data
    assert parts(after)["xl/media/logo.bin"] == bytes(range(256)) * 40


# --- files saved by others -------------------------------------------------------------------------------------------


def test_a_file_saved_by_excel_keeps_comments_sheets_strings_and_styles():
    data = as_excel_saves(patch(new_workbook(), days={1: PAID | {"notes": "a"}}).data)
    after = patch(data, days={2: PAID | {"notes": "b & c"}, 1: {"notes": None}}).data
    assert cell_of(after, "H14") == re.sub(rb' t="s"><v>\d+</v></c>', b"/>", cell_of(data, "H14"))
    assert b"<t>b &amp; c</t>" in cell_of(after, "H15")
    assert values_of(after)[14][:6] == [2, date(2024, 10, 18), 500, 1000, "UPI", 1000]
    assert read(after, thorough=True).altered == ()


@needs_libreoffice
def test_files_saved_by_excel_and_libreoffice_are_patched_right(tmp_path):
    days = {1: PAID, 4: {"paid": Decimal("33.35"), "withdrawn": Decimal(10), "notes": "x"}, 130: PAID}
    ours = {
        kind: patch(new_workbook(kind, scheme_period=60, skipped_weekdays=frozenset({6})), days={2: PAID}).data
        for kind in LAYOUTS
    }
    resaved = recalculated(ours, tmp_path / "first")
    patched = {f"{kind} office": patch(resaved[kind], days=days).data for kind in LAYOUTS}
    patched |= {f"{kind} excel": patch(as_excel_saves(ours[kind]), days=days).data for kind in LAYOUTS}
    judged = recalculated(patched, tmp_path / "second")
    for name, data in patched.items():
        meant = values_of(patch(ours[name.split()[0]], days=days).data)
        assert values_of(data) == meant, name
        assert values_of(judged[name]) == meant, name
        assert read(data, thorough=True).altered == ()
    for kind in LAYOUTS:
        again = patch(patched[f"{kind} office"], days={7: PAID})
        assert again.contents.summary()["total_paid"] == Decimal("2033.35")
        changed = {re.sub(r"chart\d", "chart1", name) for name in changed_parts(patched[f"{kind} office"], again.data)}
        assert changed == {SHEET, HIDDEN, CHART}


def test_missing_cells_are_put_in_where_they_belong():
    data = new_workbook()
    for cell in ("C16", "G16", "H16"):
        data = with_sheet(data, cell_of(data, cell), b"")
    after = patch(data, days={3: PAID | {"notes": "x", "withdrawn": Decimal(1)}}).data
    row = re.search(rb'<row r="16".*?</row>', parts(after)[SHEET])[0]
    assert re.findall(rb'<c r="([A-Z]+)16"', row) == [bytes([letter]) for letter in b"ABCDEFGHI"]
    style = re.search(rb's="\d+"', cell_of(after, "C15"))[0]
    assert style in cell_of(after, "C16")


def test_cached_values_that_another_program_dropped_come_back():
    data = patch(new_workbook(), days={1: PAID}).data
    bare = with_parts(data, {SHEET: re.sub(rb"(</f>)<v>[^<]*</v>", rb"\1", parts(data)[SHEET])})
    assert values_of(bare) != values_of(data)
    assert values_of(patch(bare, days={1: {"notes": "x"}}).data)[15] == values_of(data)[15]


def test_formulas_of_somebodys_own_survive():
    data = with_sheet(new_workbook(), b'<row r="16"', b'<row r="16" spans="1:12"')
    own = b'<c r="K16"><f>F8*2</f><v>0</v></c>'
    data = with_sheet(data, cell_of(data, "I16"), cell_of(data, "I16") + own)
    beside = b'<c r="F11"><f>F9/2</f><v>-25000</v></c>'
    data = with_sheet(data, b'<row r="12"', b'<row r="11">%b</row><row r="12"' % beside)
    after = patch(data, days={1: PAID}).data
    assert own in parts(after)[SHEET]
    assert beside in parts(after)[SHEET]
    assert formula_and_value(after, "F9") == ("D113-F6", "-49500")


def test_a_chart_of_somebodys_own_stays_and_ours_is_known_by_its_columns():
    data = new_workbook()
    drawing, relations = "xl/drawings/drawing1.xml", "xl/drawings/_rels/drawing1.xml.rels"
    theirs = parts(data)[CHART].replace(b"$D$", b"$G$")
    kind = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/chart"
    relation = b'<Relationship Id="rId9" Type="%b" Target="/xl/charts/chart9.xml"/></Relationships>' % kind
    linked = parts(data)[relations].replace(b"</Relationships>", relation)
    data = with_parts(data, {"xl/charts/chart9.xml": theirs, relations: linked, drawing: parts(data)[drawing]})
    assert changed_parts(data, patch(data, days={1: PAID}).data) == {SHEET, HIDDEN, CHART}


def test_a_file_without_its_chart_is_patched_all_the_same():
    data = new_workbook()
    bare = with_parts(data, {"xl/drawings/_rels/drawing1.xml.rels": None})
    assert changed_parts(bare, patch(bare, days={1: PAID}).data) == {SHEET, HIDDEN}


# --- a table that grows ----------------------------------------------------------------------------------------------


def test_a_payment_past_the_last_day_makes_table_summary_and_chart_longer():
    after = patch(new_workbook(), days={103: PAID}).data
    assert values_of(after)[115][:6] == [103, date(2025, 1, 27), 500, 500, "UPI", 500]
    assert formula_and_value(after, "I116") == ("MIN($B$7*$B$8,I115+$B$8)", "50000")
    assert formula_and_value(after, "F7") == ("F116", "500")
    assert formula_and_value(after, "F8") == ('SUMPRODUCT(MAX((C13:C116<>"")*I13:I116))-SUM(C13:C116)', "49500")
    assert b'<dimension ref="A1:I116"' in parts(after)[SHEET]
    chart = parts(after)[CHART]
    assert chart.count(b"$116</f>") == 4
    assert chart.count(b'<ptCount val="104"/>') == 4
    assert chart.count(b"D12</f>") == chart.count(b"I12</f>") == 1  # the lines' names stay where they are
    style = re.search(rb's="\d+"', cell_of(after, "C113"))[0]
    assert style in cell_of(after, "C116")


def test_excels_list_of_formulas_learns_of_new_rows_only():
    data = as_excel_saves(new_workbook())
    after = patch(data, days={101: PAID}).data
    assert changed_parts(data, after) == {SHEET, HIDDEN, CHART, "xl/calcChain.xml"}
    added = (
        parts(after)["xl/calcChain.xml"]
        .replace(b"</calcChain>", b"")
        .removeprefix(parts(data)["xl/calcChain.xml"].replace(b"</calcChain>", b""))
    )
    assert re.findall(rb'r="(\w+)" i="1"', added) == [b"B114", b"D114", b"F114", b"I114"]


def test_what_stands_beside_the_rows_that_are_taken_up_stays():
    beside = b'<c r="P114" t="inlineStr"><is><t>my remark</t></is></c>'
    data = with_sheet(new_workbook(), b"</sheetData>", b'<row r="114" ht="40">%b</row></sheetData>' % beside)
    after = patch(data, days={102: PAID}).data
    assert beside in re.search(rb'<row r="114".*?</row>', parts(after)[SHEET])[0]
    assert values_of(after)[114][:3] == [102, date(2025, 1, 26), 500]


def test_a_table_does_not_grow_over_what_somebody_wrote_below_it():
    data = with_sheet(new_workbook(), b"</sheetData>", b'<row r="115"><c r="C115"><v>1</v></c></row></sheetData>')
    cannot_patch(data, "C115, below the table, is filled in", days={102: PAID})
    assert patch(data, days={100: PAID}).contents.last_day == 100


def test_clearing_a_late_day_leaves_the_table_long():
    after = patch(patch(new_workbook(), days={103: PAID}).data, days={103: {"paid": None, "mode": None}})
    assert (after.contents.last_day, after.contents.days) == (103, {})


# --- terms -----------------------------------------------------------------------------------------------------------


def test_changed_terms_change_every_figure_that_follows():
    data = patch(new_workbook(), days={1: PAID}).data
    after = patch(data, parameters={"per_day_payment": Decimal(600), "scheme_period": 120, "tracker_name": "Asha"}).data
    contents = read(after, thorough=True)
    assert contents.altered == ()
    assert (contents.last_day, contents.terms.total) == (120, 72000)
    assert formula_and_value(after, "E5")[1] == "SUMMARY (Day 120)"
    assert formula_and_value(after, "I133")[1] == "72000"
    assert contents.summary()["pending"] == 100


@pytest.mark.parametrize("saved_by", [lambda data: data, as_excel_saves], ids=["us", "excel"])
def test_a_new_start_date_moves_the_skipped_days(saved_by):
    data = saved_by(patch(new_workbook(skipped_weekdays=frozenset({6})), days={1: PAID}).data)
    after = patch(data, parameters={"start_date": START + timedelta(days=1)}).data
    assert formula_and_value(after, "I16") == ("I15", "1000")
    assert formula_and_value(after, "I17") == ("MIN($B$7*$B$8,I16+$B$8)", "1500")
    assert read(after, thorough=True).altered == ()


def test_a_new_holiday_moves_the_end():
    after = patch(new_workbook(), holidays=frozenset({START + timedelta(days=2)}))
    assert (after.contents.last_day, formula_and_value(after.data, "I15")) == (101, ("I14", "500"))


def test_a_shorter_term_keeps_the_rows():
    after = patch(new_workbook(), parameters={"scheme_period": 50}).data
    assert read(after).last_day == 100
    assert formula_and_value(after, "I113")[1] == "25000"


def test_terms_that_make_no_scheme_are_refused():
    with pytest.raises(TermsError, match="after day 1100"):
        patch(new_workbook(skipped_weekdays=frozenset({6})), parameters={"scheme_period": 1000})


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "message"),
    [
        ({1101: PAID}, "Day 1101 is outside the table: give a day from 0 to 1100"),
        ({-1: PAID}, "Day -1 is outside"),
        ({1: {"paid": Decimal(-1)}}, "C14: -1 is negative"),
        ({1: {"paid": Decimal("1.005")}}, "C14: 1.005 has more than two decimal places"),
        ({1: {"paid": Decimal("Infinity")}}, "more than an amount may be"),
        ({1: {"paid": Decimal("NaN")}}, "more than an amount may be"),
        ({1: {"paid": "500"}}, "C14: '500' is not an amount"),
        ({1: {"paid": True}}, "is not an amount"),
        ({1: {"mode": "Barter"}}, "E14: 'Barter' is no payment mode that is known: write one of Cash, UPI"),
        ({1: {"notes": "x" * 2001}}, "2,001 characters; 2,000 is the most"),
        ({1: {"notes": "\ud800"}}, "half a character"),
        ({1: {"pocket_money": Decimal(5)}}, "has no input column 'pocket_money'"),
        ({1: {"balance": Decimal(5)}}, "has no input column 'balance'"),
    ],
)
def test_a_value_that_may_not_stand_in_its_cell_is_refused_by_name(days, message):
    with pytest.raises(InputError, match=message):
        patch(new_workbook(), days=days)


def test_pocket_money_above_reinvest_is_refused():
    data = patch(new_workbook("1L"), days={1: {"reinvest": Decimal(100), "pocket_money": Decimal(100)}}).data
    with pytest.raises(InputError, match=r"J15: Pocket Money 100\.00 is more than Reinvest 99\.00 of day 1"):
        patch(data, days={1: {"reinvest": Decimal(99)}})


def test_text_from_people_shows_as_typed():
    wild = [
        '=HYPERLINK("http://x")',
        "+1",
        "@SUM(A1)",
        " a  b ",
        "x\ny",
        "<b>&amp;</b>",
        "_x000D_",
        "a\x0bb",
        "தமிழ் 🙏",
    ]
    data = patch(new_workbook(), days={day: {"notes": words} for day, words in enumerate(wild)}).data
    assert [row[7] for row in values_of(data)[12 : 12 + len(wild)]] == wild
    assert [row["notes"] for row in read(data).rows()[: len(wild)]] == wild
    assert parts(data)[SHEET].count(b"<f>") == parts(new_workbook())[SHEET].count(b"<f>")


def test_blank_text_is_no_text():
    assert patch(new_workbook(), days={1: {"notes": "  "}}).contents.days == {}


def test_a_file_with_an_altered_formula_is_not_patched():
    data = new_workbook()
    wrong = cell_of(data, "D50").replace(b"D49+C50", b"D49+C50+1")
    cannot_patch(with_sheet(data, cell_of(data, "D50"), wrong), "formula of D50 was altered")
    cannot_patch(with_sheet(data, cell_of(data, "D50"), b'<c r="D50"><v>7</v></c>'), "formula of D50 was altered")
    cannot_patch(with_sheet(data, cell_of(data, "D50"), b""), "formula of D50 is missing")
    summary = cell_of(data, "F9").replace(b"D113", b"D112")
    cannot_patch(with_sheet(data, cell_of(data, "F9"), summary), "formula of F9 was altered")


def test_a_shared_formula_in_the_wrong_column_is_not_patched():
    data = as_excel_saves(new_workbook())
    other = re.search(rb'si="(\d+)"', cell_of(data, "F50"))[1]
    wrong = re.sub(rb'si="\d+"', b'si="%b"' % other, cell_of(data, "D50"))
    cannot_patch(with_sheet(data, cell_of(data, "D50"), wrong), "formula of D50 was altered")


def test_a_file_in_which_other_cells_share_our_formulas_is_not_patched():
    data = as_excel_saves(new_workbook())
    shared = re.search(rb'si="(\d+)"', cell_of(data, "D50"))[1]
    own = b'<c r="K50"><f t="shared" si="%b"/><v>0</v></c>' % shared
    cannot_patch(with_sheet(data, cell_of(data, "I50"), cell_of(data, "I50") + own), "share its formulas")


def test_a_file_with_a_row_missing_or_out_of_order_is_not_patched():
    data = new_workbook()
    row = re.search(rb'<row r="50".*?</row>', parts(data)[SHEET])[0]
    cannot_patch(with_sheet(data, row, b""), "formula of .*50 is missing")
    last = re.search(rb'<row r="113".*?</row>', parts(data)[SHEET])[0]
    cannot_patch(with_sheet(data, last, b""), "Row 113, the table's last, is missing")
    cannot_patch(with_sheet(with_sheet(data, row, b""), last, row + last), "out of order")


def test_a_file_with_an_unreadable_input_is_not_patched():
    data = new_workbook()
    typed = b'<c r="C20" t="inlineStr"><is><t>five</t></is></c>'
    cannot_patch(with_sheet(data, cell_of(data, "C20"), typed), "C20 cannot be read .* would be lost")


def test_an_original_is_not_patched():
    cannot_patch(original(), "not written by Lendbook: adopt it first")
