"""Files from outside: lenders' own workbooks are understood, hostile ones are refused by name."""

import contextlib
import io
import random
import zipfile
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trackers.workbooks import (
    SHEET,
    START,
    as_excel_saves,
    cell_of,
    new_workbook,
    original,
    parts,
    with_parts,
    with_sheet,
)
from trackers.schedule import MAX_DAY, TermsError
from trackers.workbook import package
from trackers.workbook.errors import NotATracker, UnsafeFile, WorkbookError
from trackers.workbook.layouts import LAYOUTS
from trackers.workbook.patch import patch
from trackers.workbook.read import read


def refused(data: bytes, message: str) -> None:
    with pytest.raises(WorkbookError, match=message):
        read(data, thorough=True)


# --- our own ---------------------------------------------------------------------------------------------------------


def test_a_workbook_reads_back_as_it_was_written():
    day = {"paid": Decimal("500.50"), "mode": "UPI", "withdrawn": Decimal(10), "notes": " two\nlines ", "details": "x"}
    data = patch(new_workbook("NO_REINVEST", skipped_weekdays=frozenset({6})), days={3: day}).data
    for contents in (read(data), read(data, thorough=True), read(as_excel_saves(data), thorough=True)):
        assert contents.days == {3: day}
        assert contents.parameters["tracker_name"] == "John's Q4 Investment"
        assert (contents.terms.start_date, contents.terms.skipped_weekdays) == (START, frozenset({6}))
        assert (contents.tracker_id, contents.version) == ("7", 2)
        assert contents.altered == contents.unreadable == ()


def test_only_a_thorough_reading_brings_the_baseline():
    data = new_workbook()
    assert read(data).baseline is None
    assert read(data, thorough=True).baseline == read(data).cells


def test_a_long_baseline_survives_in_pieces():
    notes = {day: {"notes": f'"{day}" ' + "க" * 1900} for day in range(60)}
    data = patch(new_workbook(), days=notes).data
    contents = read(as_excel_saves(data), thorough=True)
    assert contents.baseline == contents.cells == read(data).cells
    pieces = parts(data)["xl/worksheets/sheet2.xml"].decode().split("<row")
    assert max(len(piece) for piece in pieces) < 32_767


def test_a_renamed_sheet_is_known_by_its_headers():
    data = new_workbook()
    book = parts(data)["xl/workbook.xml"].replace(b'name="50K Reinvest Tracker"', b'name="Ramesh"')
    assert read(with_parts(data, {"xl/workbook.xml": book})).terms.scheme_period == 100


def test_a_sheet_with_prefixed_elements_reads_the_same():
    data = patch(new_workbook(), days={1: {"paid": Decimal(500), "notes": "a<b"}}).data
    sheet = parts(data)[SHEET].replace(b"<worksheet xmlns=", b"<x:worksheet xmlns:x=")
    for name in (b"sheetData", b"row", b"c", b"f", b"v", b"is", b"t", b"worksheet"):
        for end in (b" ", b">", b"/"):
            sheet = sheet.replace(b"<%b%b" % (name, end), b"<x:%b%b" % (name, end))
        sheet = sheet.replace(b"</%b>" % name, b"</x:%b>" % name)
    for name in (b"sheetPr", b"dimension", b"sheetViews", b"sheetFormatPr", b"cols"):
        start, end = sheet.find(b"<%b" % name), sheet.find(b"</%b>" % name)
        end = end + len(name) + 3 if end > 0 else sheet.find(b">", start) + 1
        sheet = sheet[:start] + sheet[end:]
    start = sheet.find(b"</x:sheetData>") + len(b"</x:sheetData>")
    prefixed = with_parts(data, {SHEET: sheet[:start] + b"</x:worksheet>"})
    assert read(prefixed, thorough=True).cells == read(data).cells
    assert read(prefixed, thorough=True).altered == ()


# --- lenders' own ----------------------------------------------------------------------------------------------------


def test_an_original_filled_by_hand_is_understood():
    contents = read(
        original(
            filled={
                "B3": "Ramesh",
                "C14": 500,
                "E14": " upi ",
                "C15": "₹1,500.50",
                "G15": "Rs. 200/-",
                "C16": 0,
                "H16": date(2024, 10, 20),
                "D14": 99999,
                "B16": "2024-10-18",
            }
        )
    )
    assert (contents.tracker_id, contents.version, contents.baseline) == ("", 0, None)
    assert contents.parameters["tracker_name"] == "Ramesh"
    assert (contents.terms.scheme_period, contents.terms.start_date) == (100, START)
    assert contents.days == {
        1: {"paid": Decimal(500), "mode": "UPI"},
        2: {"paid": Decimal("1500.50"), "withdrawn": Decimal(200)},
        3: {"paid": Decimal(0), "notes": "2024-10-20"},
    }
    assert contents.last_day == 100
    assert contents.unreadable == ()
    assert contents.summary()["balance"] == Decimal("1800.50")


def test_what_an_original_holds_that_cannot_be_read_is_listed_by_cell():
    contents = read(
        original(
            filled={"C14": "five hundred", "C15": -20, "E16": "Barter", "G17": "=C14*2", "C18": 500, "B10": "soon"}
        )
    )
    reasons = {refusal.cell: refusal.reason for refusal in contents.unreadable}
    assert set(reasons) == {"C14", "C15", "E16", "G17", "B10"}
    assert "'five hundred' is not an amount" in reasons["C14"]
    assert "negative" in reasons["C15"]
    assert "'Barter' is no payment mode" in reasons["E16"]
    assert "Nothing of its row is taken" in reasons["E16"]
    assert "formula without a value" in reasons["G17"]
    assert "not a date" in reasons["B10"]
    assert contents.days == {5: {"paid": Decimal(500)}}
    with pytest.raises(NotATracker, match=r"B10 \(Start Date\) holds nothing that can be read"):
        _ = contents.terms


def test_a_placeholder_is_no_name_and_empty_rows_are_no_days():
    contents = read(original())
    assert "tracker_name" not in contents.parameters
    assert (contents.days, contents.last_day) == ({}, 100)


def test_days_are_counted_by_their_number_not_their_row():
    contents = read(original(filled={"A20": 50, "C20": 100, "A63": 7, "C63": 200}))
    assert contents.days == {50: {"paid": Decimal(100)}, 7: {"paid": Decimal(200)}}


def test_a_total_below_an_originals_table_is_no_payment():
    contents = read(original(filled={"A380": "Total", "C380": 9999, "C381": 5}))
    assert contents.days == {}
    assert [refusal.cell for refusal in contents.unreadable] == ["A380", "A381"]


def test_a_payment_after_an_originals_term_makes_the_table_longer():
    assert read(original(filled={"C213": 500})).last_day == 200


def test_text_days_and_dates_of_an_original_are_read():
    contents = read(original(filled={"B7": "120 (Days)", "B10": "16/10/2024", "B8": "1,000"}))
    assert (contents.terms.scheme_period, contents.terms.start_date) == (120, START)
    assert contents.terms.per_day_payment == 1000


def test_an_original_1l_workbook_with_pocket_money_above_reinvest_lists_it():
    contents = read(original("1L", filled={"C15": 1000, "H15": 100, "J15": 300, "I15": 50000}))
    assert [refusal.cell for refusal in contents.unreadable] == ["J15"]
    assert contents.days[1] == {"paid": Decimal(1000), "reinvest": Decimal(100), "reinvest_from": "50000"}


def test_of_the_three_sheets_of_a_copied_template_the_filled_one_counts():
    data = original("1L", sheets=tuple(LAYOUTS), filled={"C15": 1000})
    assert read(data).layout.kind == "1L"


def test_dates_counted_from_1904_are_read_right():
    data = original(filled={"C14": 1})
    serial = cell_of(data, "B10")
    book = parts(data)["xl/workbook.xml"].replace(b"<workbookPr/>", b'<workbookPr date1904="1"/>')
    moved = with_parts(with_sheet(data, serial, serial.replace(b"45581", b"44119")), {"xl/workbook.xml": book})
    assert read(moved).terms.start_date == START
    assert read(moved).uses_1904_dates
    assert not read(data).uses_1904_dates


@pytest.mark.parametrize("thorough", [True, False])
def test_a_workbook_of_ours_that_counts_from_1904_says_so(thorough):
    data = new_workbook()
    book = parts(data)["xl/workbook.xml"].replace(b"<workbookPr/>", b'<workbookPr date1904="true"/>')
    serial = cell_of(data, "B10")
    moved = with_parts(with_sheet(data, serial, serial.replace(b"45581", b"44119")), {"xl/workbook.xml": book})
    contents = read(moved, thorough=thorough)
    assert contents.uses_1904_dates
    assert contents.terms.start_date == START


def test_a_workbook_of_something_else_is_no_tracker():
    data = original(filled={"C12": "Rent"})
    refused(data, "None of the workbook's sheets .* is a tracker's")


# --- hostile ---------------------------------------------------------------------------------------------------------


def test_an_empty_file_is_refused():
    refused(b"", r"empty \(0 bytes\)")


def test_a_csv_by_another_name_is_refused():
    refused(b"day,amount\n1,500\n", "text file such as CSV")


def test_an_old_xls_is_refused():
    refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"W\0o\0r\0k\0b\0o\0o\0k\0", r"old \.xls")


def test_an_encrypted_workbook_is_refused_with_the_way_out():
    name = "EncryptedPackage".encode("utf-16-le")
    refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512) + name, "remove the password")


def test_an_encrypted_zip_is_refused():
    data = bytearray(new_workbook())
    place = data.find(b"PK\1\2")
    data[place + 8] |= 1
    refused(bytes(data), "encrypted")


@pytest.mark.parametrize("length", [10, 400, 9000])
def test_a_truncated_workbook_is_refused(length):
    refused(new_workbook()[:length], "damaged or was cut off")


def test_a_workbook_with_a_corrupted_part_is_refused():
    data = bytearray(new_workbook())
    place = data.find(SHEET.encode()) + len(SHEET) + 200
    data[place : place + 40] = bytes(40)
    refused(bytes(data), "cannot be unpacked")


def test_a_file_over_five_megabytes_is_refused():
    refused(b"PK\3\4" + bytes(package.MAX_FILE_BYTES), "5 MB is the most")


def test_a_zip_bomb_is_refused_before_it_unpacks():
    refused(with_parts(new_workbook(), {"xl/media/bomb.bin": bytes(60 * 1024**2)}), "would unpack to 60")


def test_a_small_bomb_is_refused_by_its_ratio():
    refused(with_parts(new_workbook(), {"xl/media/bomb.bin": bytes(8 * 1024**2)}), "100 times its size")


def test_too_many_parts_are_refused():
    refused(with_parts(new_workbook(), {f"xl/media/{n}.bin": b"x" for n in range(200)}), "200 is the most")


def test_two_parts_of_one_name_are_refused():
    file = io.BytesIO(new_workbook())
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(SHEET, b"<worksheet/>")
    refused(file.getvalue(), "two parts of the same name")


@pytest.mark.parametrize("name", ["xl/vbaProject.bin", "xl/macrosheets/sheet1.xml", "xl/activeX/activeX1.bin"])
def test_macros_are_refused(name):
    refused(with_parts(new_workbook(), {name: b"x"}), "holds macros")


def test_a_workbook_of_the_macro_kind_is_refused():
    types = parts(new_workbook())["[Content_Types].xml"].replace(
        b"spreadsheetml.sheet.main+xml", b"sheet.macroEnabled.main+xml"
    )
    refused(with_parts(new_workbook(), {"[Content_Types].xml": types}), r"\.xlsm")


@pytest.mark.parametrize("name", ["xl/externalLinks/externalLink1.xml", "xl/connections.xml"])
def test_links_to_other_files_are_refused(name):
    refused(with_parts(new_workbook(), {name: b"<x/>"}), "draws on other files")


@pytest.mark.parametrize("name", [SHEET, "xl/workbook.xml", "xl/styles.xml", "docProps/core.xml"])
def test_entities_are_refused_in_any_part(name):
    laughs = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    refused(with_parts(new_workbook(), {name: laughs + parts(new_workbook())[name]}), "declares entities")


def test_entities_in_another_encoding_are_refused():
    laughs = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x [<!ENTITY a "ha">]><x>&a;</x>'.encode("utf-16")
    refused(with_parts(new_workbook(), {"docProps/core.xml": laughs}), "declares entities")


@pytest.mark.parametrize("cell", ["XFD1048576", "AE5", "A1201", "AAA1"])
def test_a_far_cell_is_refused_by_name(cell):
    row = cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ").encode()
    far = b'<row r="%b"><c r="%b"><v>1</v></c></row></sheetData>' % (row, cell.encode())
    refused(with_sheet(original(), b"</sheetData>", far), f"Cell {cell} is filled")
    refused(with_sheet(new_workbook(), b"</sheetData>", far), f"Cell {cell} is filled")


def test_too_many_cells_are_refused():
    row = b"".join(b'<c r="A1"/>' for _ in range(40_000))
    refused(with_sheet(original(), b"</sheetData>", b'<row r="1">%b</row></sheetData>' % row), "more than 36,000 cells")


@pytest.mark.parametrize("open_tag", [b'<c r="A1">', b'<c r="A1"><is><t>', b'<row r="1">'])
def test_tags_that_never_close_are_refused_without_searching_for_ever(open_tag):
    for data in (original(), new_workbook()):
        refused(with_sheet(data, b"<sheetData>", b"<sheetData>" + open_tag * 30_000), "is not XML")


def test_a_part_too_large_for_a_tracker_is_refused():
    large = parts(new_workbook())[SHEET] + b" " * package.MAX_PART_BYTES
    noise = {f"xl/media/{n}.bin": random.Random(n).randbytes(100_000) for n in range(4)}
    refused(with_parts(new_workbook(), {SHEET: large, **noise}), "16 MB is the most")


def test_reading_that_takes_too_long_is_refused(monkeypatch):
    data = new_workbook()
    monkeypatch.setattr(package, "MAX_SECONDS", -1)
    refused(data, "took more than")


def test_a_missing_part_is_refused():
    refused(with_parts(new_workbook(), {SHEET: None}), "is missing|is a tracker's|has no sheet")


def test_a_zip_that_is_no_workbook_is_refused():
    refused(with_parts(new_workbook(), {"[Content_Types].xml": None}), "zip archive, but no workbook")


def test_a_tampered_hidden_sheet_is_refused():
    hidden = parts(new_workbook())["xl/worksheets/sheet2.xml"]
    for old, new in ((b">50K<", b">60K<"), (b"{", b"["), (b">version<", b">x<"), (b"50000.00", b"NaN.00")):
        refused(
            with_parts(new_workbook(), {"xl/worksheets/sheet2.xml": hidden.replace(old, new)}), "_lendbook was changed"
        )


def test_a_shared_string_that_does_not_exist_is_refused():
    data = as_excel_saves(patch(new_workbook(), days={1: {"notes": "x"}}).data)
    sheet = parts(data)[SHEET]
    place = cell_of(data, "H14")
    wrong = sheet.replace(place, b'<c r="H14" t="s"><v>999999</v></c>')
    refused(with_parts(data, {SHEET: wrong}), "names a text that does not exist")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damaged_file_ends_in_anything_but_a_clear_error(data):
    damaged = bytearray(SOUND)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(WorkbookError, TermsError):
        read(bytes(damaged), thorough=True).summary()


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_no_damaged_sheet_ends_in_anything_but_a_clear_error(data):
    name = data.draw(
        st.sampled_from([SHEET, "xl/worksheets/sheet2.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"])
    )
    part = bytearray(parts(SOUND)[name])
    place = data.draw(st.integers(0, len(part) - 1))
    part[place : place + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=8))
    with contextlib.suppress(WorkbookError, TermsError):
        read(with_parts(SOUND, {name: bytes(part)}), thorough=True).summary()


SOUND = patch(new_workbook(scheme_period=7), days={1: {"paid": Decimal(500), "notes": "x"}}).data


def test_the_caps_leave_room_for_the_longest_tracker():
    days = {day: {"paid": Decimal("499.99"), "mode": "UPI", "notes": f"paid {day}"} for day in range(MAX_DAY + 1)}
    data = patch(new_workbook("1L", scheme_period=1000), days=days).data
    assert read(as_excel_saves(data), thorough=True).days.keys() == days.keys()


def test_an_unsafe_file_is_a_value_error_that_pages_can_show():
    assert issubclass(UnsafeFile, ValueError)
