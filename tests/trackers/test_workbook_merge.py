"""The three-way comparison: what a person's copy changes, what the store changed since, and what cannot be taken."""

from datetime import date
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trackers.workbooks import (
    SHEET,
    as_excel_saves,
    cell_of,
    needs_libreoffice,
    new_workbook,
    original,
    parts,
    recalculated,
    values_of,
    with_parts,
    with_sheet,
)
from trackers.workbook.build import build_workbook
from trackers.workbook.contents import edited
from trackers.workbook.merge import Change, compare, edits_of
from trackers.workbook.patch import patch
from trackers.workbook.read import read

FIVE, SIX = Decimal(500), Decimal(600)


def copy_with(data: bytes, **cells: bytes) -> bytes:
    """A person's copy in which cells hold the given content (`C14=b"<v>5</v>"`)."""
    for cell, content in cells.items():
        old = cell_of(data, cell)
        head = old[: old.index(b">")].rstrip(b"/").replace(b' t="inlineStr"', b"").replace(b' t="n"', b"")
        kind = b' t="inlineStr"' if content.startswith(b"<is>") else b""
        data = with_sheet(data, old, head + kind + b">" + content + b"</c>")
    return data


def text(words: str) -> bytes:
    return f"<is><t>{words}</t></is>".encode()


def stored() -> bytes:
    """Days 1 to 3 paid, as Lendbook keeps it; the copies of these tests are taken from here."""
    return patch(new_workbook(), days={day: {"paid": FIVE, "mode": "UPI"} for day in (1, 2, 3)}).data


def compared(store: bytes, copy: bytes, **options):
    return compare(read(store), read(copy, thorough=True), **options)


def test_an_unedited_round_trip_changes_nothing():
    data = stored()
    assert compared(data, data).changes_nothing
    assert compared(data, as_excel_saves(data)).changes_nothing
    assert read(as_excel_saves(data), thorough=True).is_as_written


@needs_libreoffice
def test_a_round_trip_through_libreoffice_changes_nothing(tmp_path):
    data = patch(stored(), days={4: {"notes": ' "=1+1"\n வணக்கம் <&> ', "withdrawn": Decimal("0.05")}}).data
    resaved = recalculated({"resaved": data}, tmp_path)["resaved"]
    assert compared(data, resaved).changes_nothing
    assert read(resaved, thorough=True).is_as_written


def test_a_cell_changed_only_in_the_copy_is_to_apply():
    copy = copy_with(stored(), C16=b"<v>600</v>", H16=text("=cash"))
    found = compared(stored(), copy)
    assert found.to_apply == (
        Change("C16", 3, "paid", FIVE, SIX),
        Change("H16", 3, "notes", None, "=cash"),
    )
    assert (found.kept, found.conflicts, found.refused) == ((), (), ())
    assert not read(copy, thorough=True).is_as_written


def test_a_cell_cleared_in_the_copy_is_to_apply_as_blank():
    found = compared(stored(), copy_with(stored(), C16=b""))
    assert found.to_apply == (Change("C16", 3, "paid", FIVE, None),)


def test_a_cell_changed_only_in_the_store_is_kept():
    later = patch(stored(), days={3: {"paid": SIX}, 120: {"paid": FIVE}}).data
    found = compared(later, stored())
    assert found.kept == (Change("C16", 3, "paid", FIVE, SIX), Change("C133", 120, "paid", None, FIVE))
    assert found.changes_nothing


def test_a_cell_changed_in_both_to_the_same_is_nothing():
    later = patch(stored(), days={3: {"paid": SIX}}).data
    assert compared(later, copy_with(stored(), C16=b"<v>600</v>")).changes_nothing


def test_a_cell_changed_in_both_differently_is_a_conflict():
    later = patch(stored(), days={3: {"paid": SIX}}).data
    found = compared(later, copy_with(stored(), C16=b"<v>700</v>"))
    (conflict,) = found.conflicts
    assert (conflict.cell, conflict.baseline, conflict.stored, conflict.uploaded) == ("C16", FIVE, SIX, 700)
    assert conflict.taking_upload() == Change("C16", 3, "paid", SIX, Decimal(700))
    assert found.to_apply == ()


def test_a_changed_cell_of_a_closed_day_is_an_adjustment():
    copy = copy_with(stored(), C16=b"<v>600</v>", C17=b"<v>500</v>")
    found = compared(stored(), copy, is_closed=lambda day: day <= 3)
    assert found.adjustments == (Change("C16", 3, "paid", FIVE, SIX),)
    assert found.to_apply == (Change("C17", 4, "paid", None, FIVE),)


def test_an_altered_formula_is_refused_and_the_rest_still_counts():
    copy = copy_with(stored(), D16=b"<v>99999</v>", C17=b"<v>500</v>")
    found = compared(stored(), copy)
    assert [refusal.cell for refusal in found.refused] == ["D16"]
    assert "it should be =D15+C16" in found.refused[0].reason
    assert [change.cell for change in found.to_apply] == ["C17"]


def test_a_formula_that_computes_something_else_is_refused():
    found = compared(stored(), copy_with(stored(), F16=b"<f>F15+C16</f><v>1500</v>", F9=b"<f>D113</f><v>1500</v>"))
    assert [refusal.cell for refusal in found.refused] == ["F16", "F9"]


def test_text_where_a_number_belongs_is_refused():
    found = compared(stored(), copy_with(stored(), C16=text("600")))
    assert [(refusal.cell, refusal.reason) for refusal in found.refused] == [
        ("C16", "'600' is not an amount: type a number such as 500.")
    ]
    assert found.to_apply == ()


def test_a_negative_amount_an_error_and_an_unknown_mode_are_refused():
    copy = copy_with(stored(), C16=b"<v>-5</v>", G16=b"<f>1/0</f>", E16=text("Barter"))
    assert {refusal.cell for refusal in compared(stored(), copy).refused} == {"C16", "G16", "E16"}


def test_an_amount_typed_as_a_sum_counts_with_its_value_once_staff_takes_it():
    found = compared(stored(), copy_with(stored(), C17=b"<f>250+250</f><v>500</v>"))
    sum_typed = (Change("C17", 4, "paid", None, FIVE),)
    assert (found.to_apply, found.formulas) == ((), sum_typed)
    assert not found.changes_nothing
    taken = found.taking({"C17"})
    assert (taken.to_apply, taken.formulas) == (sum_typed, ())
    assert found.taking({"C18"}) == found


def test_a_sum_in_place_of_the_same_amount_changes_nothing_but_is_no_mere_resaving():
    copy = copy_with(stored(), C16=b"<f>250+250</f><v>500</v>")
    assert compared(stored(), copy).changes_nothing
    assert not read(copy, thorough=True).is_as_written


def test_a_payment_typed_below_the_table_is_refused():
    row = b'<row r="120"><c r="C120"><v>500</v></c></row></sheetData>'
    found = compared(stored(), with_sheet(stored(), b"</sheetData>", row))
    assert [refusal.cell for refusal in found.refused] == ["C120"]
    assert "below the table" in found.refused[0].reason
    assert found.to_apply == ()


def test_an_inserted_row_is_refused_and_nothing_from_it_on_is_compared():
    data = stored()
    sheet = parts(data)[SHEET]
    start = sheet.find(b'<row r="15"')
    moved = sheet[start:]
    for row in range(113, 14, -1):
        moved = moved.replace(b'r="%d"' % row, b'r="%d"' % (row + 1))
        for letter in b"ABCDEFGHI":
            moved = moved.replace(b'r="%c%d"' % (letter, row), b'r="%c%d"' % (letter, row + 1))
    inserted = b'<row r="15"><c r="C15"><v>777</v></c></row>'
    copy = copy_with(with_parts(data, {SHEET: sheet[:start] + inserted + moved}), C14=b"<v>600</v>")
    found = compared(data, copy)
    assert [refusal.cell for refusal in found.refused] == ["A15"]
    assert "a row was inserted" in found.refused[0].reason
    assert [change.cell for change in found.to_apply] == ["C14"]


def test_a_day_number_changed_in_the_first_row_stops_the_comparison_there():
    found = compared(stored(), copy_with(stored(), A13=b"<v>5</v>", B8=b"<v>400</v>"))
    assert [refusal.cell for refusal in found.refused] == ["A13"]
    assert [change.cell for change in found.to_apply] == ["B8"]


def test_a_workbook_of_another_tracker_is_refused():
    found = compared(stored(), new_workbook(tracker_id="8"))
    assert [refusal.cell for refusal in found.refused] == ["_lendbook!B1"]
    assert "belongs to tracker 8" in found.refused[0].reason
    assert found.to_apply == ()


def test_a_workbook_of_another_kind_is_refused():
    found = compared(stored(), original("1L", filled={"C15": 500}))
    assert [refusal.cell for refusal in found.refused] == ["A1"]


def test_changed_terms_are_to_apply_and_terms_may_not_be_blank():
    found = compared(stored(), copy_with(stored(), B7=b"<v>120</v>", B6=b""))
    assert found.to_apply == (Change("B7", None, "scheme_period", 100, 120),)
    assert [refusal.cell for refusal in found.refused] == ["B6"]
    assert "Investment may not be blank" in found.refused[0].reason


def test_terms_that_make_no_scheme_are_refused():
    data = new_workbook(skipped_weekdays=frozenset({6}))
    found = compared(data, copy_with(data, B7=b"<v>1000</v>"))
    assert [refusal.cell for refusal in found.refused] == ["B7"]
    assert "after day 1100" in found.refused[0].reason


def test_pocket_money_above_reinvest_is_refused_even_when_both_sides_made_it():
    data = patch(new_workbook("1L"), days={1: {"reinvest": FIVE, "pocket_money": FIVE}}).data
    later = patch(data, days={1: {"pocket_money": None}}).data
    later = patch(later, days={1: {"reinvest": Decimal(100)}}).data
    found = compared(later, copy_with(data, J15=b"<v>450</v>"))
    assert [conflict.cell for conflict in found.conflicts] == ["J15"]
    found = compared(data, copy_with(data, H15=b"<v>100</v>"))
    assert [refusal.cell for refusal in found.refused] == ["H15"]
    assert "would be more than Reinvest 100" in found.refused[0].reason


def test_an_original_is_adopted_cell_by_cell_against_an_empty_baseline():
    mine = original(filled={"C14": 500, "C15": 600, "C16": "x", "E14": "Cash", "D14": 12345})
    found = compared(patch(new_workbook(), days={1: {"paid": FIVE}, 2: {"paid": FIVE}}).data, mine)
    assert [change.cell for change in found.to_apply] == ["E14"]
    assert [conflict.cell for conflict in found.conflicts] == ["C15"]
    assert [refusal.cell for refusal in found.refused] == ["C16"]


def test_an_original_opens_a_new_tracker_with_everything_it_says():
    uploaded = read(original(filled={"B3": "Ramesh", "C14": 500, "C15": "₹500", "G15": "100"}), thorough=True)
    found = compare(None, uploaded)
    days, parameters = edits_of(found.to_apply)
    assert days == {1: {"paid": FIVE}, 2: {"paid": FIVE, "withdrawn": Decimal(100)}}
    assert parameters["start_date"] == date(2024, 10, 16)
    adopted = build_workbook(edited(uploaded, tracker_id="9", version=1)).data
    contents = read(adopted, thorough=True)
    assert contents.altered == ()
    assert contents.summary()["balance"] == 900
    assert values_of(adopted)[14][3] == 1000


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.integers(0, 9), st.sampled_from([None, FIVE, SIX, Decimal(0)]), max_size=5),
    st.dictionaries(st.integers(0, 9), st.sampled_from([None, FIVE, SIX, Decimal(0)]), max_size=5),
)
def test_applying_what_is_to_apply_brings_both_sides_together(in_store, in_copy):
    base = new_workbook(scheme_period=9)
    store = patch(base, days={day: {"paid": paid} for day, paid in in_store.items()}).data
    copy = base
    for day, paid in in_copy.items():
        copy = copy_with(copy, **{f"C{13 + day}": b"" if paid is None else f"<v>{paid}</v>".encode()})
    found = compared(store, copy)
    choices = [conflict.taking_upload() for conflict in found.conflicts]
    days, parameters = edits_of([*found.to_apply, *choices])
    merged = read(patch(store, days=days, parameters=parameters).data)
    for day in range(10):
        base_paid, mine, theirs = None, in_store.get(day), in_copy.get(day)
        meant = theirs if theirs != base_paid else mine
        assert merged.days.get(day, {}).get("paid") == meant
    assert compared(patch(store, days=days, parameters=parameters).data, copy).to_apply == ()
