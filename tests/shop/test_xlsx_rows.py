"""Lists in workbooks read the same whoever wrote the file, and a cell that shows something else is no amount."""

import contextlib
import io
import re
from datetime import date, datetime
from decimal import Decimal

import openpyxl
import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.resources import DateWidget, MoneyWidget
from shop.imports.cells import text_of
from shop.imports.tables import Faulty, Unreadable, open_table
from shop.xlsx.rows import DAMAGED, NO_WORKBOOK, Limits, Seen, TooFar, Unopened, Unusable, Workbook
from tests.resaved import WRITERS, packed, parts_of

LIMITS = Limits(unpacked=10**8, parts=500, text=10**6, rows=1000, columns=50)
ROWS = [
    ["date", "amount", "narration", "flag", "reference"],
    [date(2024, 1, 15), 500, "a<b & 'c' \"d\" 18", True, "007"],
    [datetime.fromisoformat("2024-01-16T14:30"), 33.35, "two\nlines", None, 123456789012],
    [None, None, None, None, "=1+1"],
    ["16-01-2024", 0.1 + 0.2, "  18 ", False, "_x000B_"],
]


def book_of(rows, formats=None):
    """The bytes of a workbook of these rows; `formats` are number formats of cells."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell, code in (formats or {}).items():
        book.active[cell].number_format = code
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def with_cell(data, reference, cell):
    """The workbook with one cell's XML replaced."""
    parts = parts_of(data)
    sheet = parts["xl/worksheets/sheet1.xml"]
    found = re.search(rb'<c r="%b"[^>]*?(?:/>|>.*?</c>)' % reference.encode(), sheet, re.DOTALL)[0]
    return packed(parts | {"xl/worksheets/sheet1.xml": sheet.replace(found, cell)})


def table_of(data, tmp_path):
    path = tmp_path / "list.xlsx"
    path.write_bytes(data)
    table = open_table(path)
    return table.header, [(row.line, row.cells, row.fault) for row in table.rows()]


PLAIN = book_of(ROWS)


@pytest.mark.parametrize("writer", WRITERS)
def test_a_list_in_another_hand_reads_the_same(writer, tmp_path):
    (tmp_path / "plain").mkdir()
    assert table_of(WRITERS[writer](PLAIN), tmp_path) == table_of(PLAIN, tmp_path / "plain")


def test_cells_are_what_they_are(tmp_path):
    _, rows = table_of(PLAIN, tmp_path)
    assert rows[0][1] == [date(2024, 1, 15), Decimal(500), "a<b & 'c' \"d\" 18", "TRUE", "007"]
    assert rows[1][1] == [date(2024, 1, 16), Decimal("33.35"), "two\nlines", "", Decimal(123456789012)]
    assert "E4 holds a formula that was never calculated" in rows[2][1][4]
    assert rows[3][1][:3] == ["16-01-2024", Decimal("0.3"), "  18 "]


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [
        (46178, "yyyy-mm-dd", "is a date, not an amount"),
        (0.5, "h:mm", "B2 shows 12:00, a time, not an amount"),
        (5, "0%", "B2 shows 500%, a percentage, not an amount"),
        (500, ";;;", "B2 shows nothing, but holds 500"),
        (500, "0.0,", "B2 shows '0.5', but holds 500"),
        (33.5, "0", "'33.5' has more decimals than its cell B2 shows; Excel shows 34.00"),
        (500, "0.00E+00", "B2 shows 5E+2, a number in powers of ten"),
    ],
)
def test_an_amount_that_shows_as_something_else_is_refused_with_its_cell(number, code, reason, tmp_path):
    _, rows = table_of(book_of([["date", "amount"], ["15-01-2024", number]], {"B2": code}), tmp_path)
    with pytest.raises(ValidationError, match=re.escape(reason)):
        MoneyWidget().clean(rows[0][1][1])


@pytest.mark.parametrize("code", ["General", "0.00", '"₹"#,##0.00', "#,##0.00;[Red]-#,##0.00", "0/-"])
def test_an_amount_that_shows_itself_is_taken(code, tmp_path):
    _, rows = table_of(book_of([["date", "amount"], ["15-01-2024", 500]], {"B2": code}), tmp_path)
    assert MoneyWidget().clean(rows[0][1][1]) == 500


def test_a_text_reads_as_it_shows_and_a_date_is_no_percentage(tmp_path):
    formats = {"A2": "0%", "B2": "0%", "C2": "h:mm"}
    _, rows = table_of(book_of([["date", "note", "time"], [45306, 0.05, 0.75]], formats), tmp_path)
    day, note, time = rows[0][1]
    assert (text_of(note), text_of(time)) == ("5%", "18:00")
    with pytest.raises(ValidationError, match="a percentage, not a date"):
        DateWidget().clean(day)


def test_iso_dates_are_dates(tmp_path):
    data = with_cell(PLAIN, "A2", b'<c r="A2" t="d"><v>2024-01-15T00:00:00</v></c>')
    assert table_of(data, tmp_path)[1][0][1][0] == date(2024, 1, 15)


def test_a_workbook_that_counts_from_1904_gives_the_same_days(tmp_path):
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.active.append(["date"])
    book.active.append([date(2024, 1, 15)])
    stream = io.BytesIO()
    book.save(stream)
    assert table_of(stream.getvalue(), tmp_path)[1][0][1] == [date(2024, 1, 15)]


@pytest.mark.parametrize(
    ("reference", "cell", "reason"),
    [
        ("B2", b'<c r="B2" t="s"><v>7</v></c>', "cell B2 names a text that does not exist"),
        ("B2", b'<c r="B2"><v>5</v></c><c r="B2"><v>7</v></c>', "cell B2 stands twice"),
        ("B2", b'<c r="B2"><v>5</v>', "mismatched tag"),
    ],
)
def test_a_damaged_sheet_is_refused_and_says_where(reference, cell, reason, tmp_path):
    with pytest.raises(Unreadable, match=reason):
        table_of(with_cell(PLAIN, reference, cell), tmp_path)


@pytest.mark.parametrize(("stored", "kind"), [(b"x1", "n"), (b"1e999", "n"), (b"#REF!", "e"), (b"1", "?")])
def test_a_cell_without_a_value_that_counts_is_a_fault_of_its_row(stored, kind, tmp_path):
    cell = b'<c r="B2" t="%b"><v>%b</v></c>' % (kind.encode(), stored)
    _, rows = table_of(with_cell(PLAIN, "B2", cell), tmp_path)
    assert isinstance(rows[0][1][1], Faulty)


def test_rows_out_of_order_and_far_cells_are_refused():
    def read(data):
        book = Workbook(data, LIMITS)
        return list(book.rows(next(iter(book.sheets))))

    parts = parts_of(PLAIN)
    sheet = parts["xl/worksheets/sheet1.xml"]
    twice = packed(parts | {"xl/worksheets/sheet1.xml": sheet.replace(b'<row r="3"', b'<row r="2"')})
    with pytest.raises(Unopened) as refused:
        read(twice)
    assert refused.value.kind == DAMAGED
    far = sheet.replace(b"</sheetData>", b'<row r="1001"><c r="A1001"><v>1</v></c></row></sheetData>')
    with pytest.raises(TooFar) as refused:
        read(packed(parts | {"xl/worksheets/sheet1.xml": far}))
    assert (refused.value.row, refused.value.column) == (1001, 1)
    blank = sheet.replace(b"</sheetData>", b'<row r="1001"><c r="ZZ1001" s="0"/></row></sheetData>')
    assert len(read(packed(parts | {"xl/worksheets/sheet1.xml": blank}))) == 5


def test_a_zip_without_a_workbook_is_none():
    with pytest.raises(Unopened) as refused:
        Workbook(packed({"a.txt": b"x"}), LIMITS)
    assert refused.value.kind == NO_WORKBOOK


def test_cells_know_their_places():
    book = Workbook(book_of([["a", 5]], {"B1": "0%"}), LIMITS)
    ((line, (text, number)),) = book.rows("Sheet")
    assert (line, text, number) == (1, "a", Decimal(5))
    assert isinstance(number, Seen)
    assert (number.cell, number.sight.text) == ("B1", "500%")
    assert not isinstance(text, Unusable)


@pytest.mark.parametrize(
    ("declared", "part", "is_macro"),
    [
        ("application/vnd.ms-excel.sheet.binary.macroEnabled.main", None, False),
        ("application/vnd.ms-office.vbaProject", None, False),
        ("application/vnd.ms-office.vbaProject", "xl/vbaProject.bin", True),
        ("application/vnd.ms-office.vbaProject", "xl/printerSettings1.bin", False),
    ],
)
def test_macros_are_told_by_what_is_there_not_by_what_an_ending_could_be(declared, part, is_macro):
    parts = parts_of(PLAIN)
    kind = f'<Default Extension="bin" ContentType="{declared}"/>'.encode()
    types = parts["[Content_Types].xml"].replace(b"<Default ", kind + b"<Default ", 1)
    data = packed(parts | {"[Content_Types].xml": types} | ({part: b"x"} if part else {}))
    assert bool(Workbook(data, LIMITS).macros) == is_macro


def test_a_workbook_whose_own_type_allows_macros_is_one():
    parts = parts_of(PLAIN)
    types = parts["[Content_Types].xml"].replace(
        b"openxmlformats-officedocument.spreadsheetml.sheet.main", b"ms-excel.sheet.macroEnabled.main"
    )
    assert types != parts["[Content_Types].xml"]
    assert Workbook(packed(parts | {"[Content_Types].xml": types}), LIMITS).macros


def test_macros_by_another_name_are_found_by_their_type():
    parts = parts_of(PLAIN)
    kind = b'<Override PartName="/xl/code.bin" ContentType="application/vnd.ms-office.vbaProject"/></Types>'
    types = parts["[Content_Types].xml"].replace(b"</Types>", kind)
    data = packed(parts | {"[Content_Types].xml": types, "xl/code.bin": b"x"})
    assert Workbook(data, LIMITS).macros == "xl/code.bin"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damaged_workbook_ends_in_anything_but_a_refusal(data):
    name = data.draw(st.sampled_from([None, *sorted(parts_of(PLAIN))]))
    damaged = bytearray(PLAIN if name is None else parts_of(PLAIN)[name])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place : place + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=8))
        damaged = damaged or bytearray(b" ")
    content = bytes(damaged) if name is None else packed(parts_of(PLAIN) | {name: bytes(damaged)})
    with contextlib.suppress(Unopened, TooFar):
        book = Workbook(content, LIMITS)
        for sheet in book.sheets:
            list(book.rows(sheet))
        _ = book.macros
