"""Files as tables: what is read, and what is refused with its line and the way out. No database."""

import io
import zipfile
from datetime import date
from decimal import Decimal

import openpyxl
import pytest

from shop.imports import tables
from shop.imports.cells import text_of
from shop.imports.tables import Faulty, Unreadable, open_table


@pytest.fixture
def file(tmp_path):
    """file(content) -> path of a file that holds it."""

    def write(content):
        path = tmp_path / "upload"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def sheet(file):
    """sheet(rows) -> path of an .xlsx with these rows."""

    def write(rows, change=None):
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        if change:
            change(book)
        stream = io.BytesIO()
        book.save(stream)
        return file(stream.getvalue())

    return write


def rows(path):
    return [(row.line, row.cells, row.fault) for row in open_table(path).rows()]


def refusal(path):
    with pytest.raises(Unreadable) as refused:
        list(open_table(path).rows())
    return refused.value.messages[0], refused.value.line


def test_lines_are_counted_as_in_the_file(file):
    path = file('\n\ndate,amount\n1,2\n\n"a\nb",3\n,,\n4,5\n')
    table = open_table(path)
    assert (table.header, table.header_line, table.size) == (["date", "amount"], 3, 6)
    assert rows(path) == [(4, ["1", "2"], ""), (6, ["a\nb", "3"], ""), (9, ["4", "5"], "")]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_ending_and_separator_is_understood(file, delimiter, ending):
    assert rows(file(ending.join([f"date{delimiter}amount", f"x{delimiter}y", ""]))) == [(2, ["x", "y"], "")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_read_by_its_mark(file, encoding):
    assert rows(file("narration,amount\nமுருகன்,₹500".encode(encoding)))[0][1] == ["முருகன்", "₹500"]


def test_windows_1252_is_taken_with_a_warning(file):
    table = open_table(file("narration,amount\nplain,1\nCafé – snack,500".encode("cp1252")))
    assert [row.cells[0] for row in table.rows()] == ["plain", "Café – snack"]
    assert table.warnings[0][0] == 3
    assert "Café" in table.warnings[0][1]


@pytest.mark.parametrize(
    "content",
    [
        "narration,amount\nமுரு,1\n".encode() + "Café,5".encode("cp1252"),  # two encodings in one file
        b"narration,amount\n\x81\x8d,1",  # no letters of any encoding
        b"narration,amount\n\xb3\xa4\xa6\xac,1",  # letters of another code page
    ],
)
def test_what_is_in_no_encoding_names_its_line(file, content):
    message, line = refusal(file(content))
    assert "not UTF-8" in message
    assert "CSV UTF-8" in message
    assert line in (2, 3)


def test_cut_off_utf_16_is_refused(file):
    assert "damaged" in refusal(file("\ufeffa,b\n1,2".encode("utf-16-le")[:-1]))[0]


@pytest.mark.parametrize("content", ["", "\n\n", "  \r\n", ",,\n,,\n", "\ufeff"])
def test_empty_file_is_refused(file, content):
    assert "empty" in refusal(file(content))[0]


def test_file_of_ten_megabytes_is_read_and_one_byte_more_refused(file):
    content = "date,amount\n" + "x" * (tables.MAX_BYTES - 12)
    assert len(open_table(file(content)).header) == 2
    assert "10 MB" in refusal(file(content + "x"))[0]


def test_nul_bytes_cost_their_line(file):
    found = rows(file("date,amount\n1,2\n3,\0\0\n5,6\n"))
    assert [line for line, _, fault in found if fault] == [3]
    assert "NUL" in found[1][2]


def test_binary_file_is_refused(file):
    assert "no CSV" in refusal(file(b"%PDF-1.4\x01\x02\x03\n"))[0]


def test_lone_quote_costs_its_own_line_only(file):
    found = rows(file('date,narration,amount\n1,"open,5\n2,"fine, ""quoted""",6\n3,x"y"z,7\n4,"a"b,8\n5,c,9'))
    assert [(line, bool(fault)) for line, _, fault in found] == [
        (2, True),
        (3, False),
        (4, False),
        (5, True),
        (6, False),
    ]
    assert found[1][1] == ["2", 'fine, "quoted"', "6"]


def test_too_many_rows_are_refused(file, monkeypatch):
    monkeypatch.setattr(tables, "MAX_ROWS", 3)
    assert len(rows(file("a,b\n" + "1,2\n" * 3))) == 3
    message, line = refusal(file("a,b\n" + "1,2\n" * 4))
    assert "more than 3 rows" in message
    assert line == 5


def test_a_million_columns_are_refused(file):
    assert "columns" in refusal(file("," * 1_000_000 + "x"))[0]
    assert "columns" in refusal(file("a,b\n1" + "," * 1_000_000 + "x"))[0]


def test_workbook_cells_keep_the_digits_that_excel_shows(sheet):
    path = sheet(
        [
            ["date", "amount", "reference", "flag"],
            [date(2024, 1, 15), 500.1, 123456789012, True],
            [None, 0.1 + 0.2, "007", None],
            [None],
            ["15-01-2024", 1234567.89, 12.0],
        ]
    )
    first, second, third = (row.cells for row in open_table(path).rows())
    assert first == [date(2024, 1, 15), Decimal("500.1"), Decimal("123456789012"), "TRUE"]
    assert text_of(first[2]) == "123456789012"
    assert second == ["", Decimal("0.3"), "007"]
    assert third[1:] == [Decimal("1234567.89"), Decimal("12")]
    assert text_of(third[2]) == "12"
    assert [row.line for row in open_table(path).rows()] == [2, 3, 5]


def test_number_beyond_excels_digits_is_a_fault(sheet):
    (row,) = open_table(sheet([["reference"], [1234567890123456789]])).rows()
    assert isinstance(row.cells[0], Faulty)


def test_formula_without_a_value_is_a_fault_of_its_cell(sheet):
    (row,) = open_table(sheet([["date", "amount"], ["2024-01-15", "=1+1"]])).rows()
    assert isinstance(row.cells[1], Faulty)
    assert "B2" in row.cells[1]
    assert "never calculated" in row.cells[1]


def test_excel_dates_of_1904_are_the_same_day(sheet):
    def since_1904(book):
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904

    (row,) = open_table(sheet([["date"], [date(2024, 1, 15)]], since_1904)).rows()
    assert row.cells == [date(2024, 1, 15)]
    (row,) = open_table(sheet([["date"], [45306 - 1462]], since_1904)).rows()
    assert tables.day_of(row.cells[0]) == tables.day_of(Decimal(45306)) == date(2024, 1, 15)


def test_far_cell_is_refused_before_it_is_laid_out(sheet):
    assert "columns" in refusal(sheet([["a"]], lambda book: book.active.cell(2, 16384, 1)))[0]
    assert "rows" in refusal(sheet([["a"]], lambda book: book.active.cell(1_048_576, 1, 1)))[0]


def with_part(path, name, content):
    """Add or replace one part of a workbook."""
    with zipfile.ZipFile(path) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    parts[name] = content
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, text in parts.items():
            archive.writestr(part, text)
    return path


def test_zip_bomb_is_refused_by_its_sizes(sheet):
    path = with_part(sheet([["a"], ["b"]]), "xl/media/image1.png", b"\0" * (101 * 1024 * 1024))
    assert path.stat().st_size < 1_000_000
    assert "unpacks to more than" in refusal(path)[0]


def test_one_long_text_used_often_is_refused(sheet):
    path = sheet([["a"]])
    cells = b"".join(b'<row><c t="s"><v>0</v></c></row>' for _ in range(3000))
    with_part(path, "xl/worksheets/sheet1.xml", b"<worksheet><sheetData>" + cells + b"</sheetData></worksheet>")
    with_part(path, "xl/sharedStrings.xml", b"<sst><si><t>" + b"x" * 32000 + b"</t></si></sst>")
    with zipfile.ZipFile(path) as archive:
        relations = archive.read("xl/_rels/workbook.xml.rels")
    shared = b'<Relationship Type="x/sharedStrings" Target="sharedStrings.xml" Id="rId9"/></Relationships>'
    with_part(path, "xl/_rels/workbook.xml.rels", relations.replace(b"</Relationships>", shared))
    assert "too long" in refusal(path)[0]


def test_entities_that_unfold_are_refused(sheet):
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><worksheet>&b;</worksheet>'
    assert "document type" in refusal(with_part(sheet([["a"]]), "xl/worksheets/sheet1.xml", bomb))[0]


def test_macros_are_refused(sheet):
    assert "macros" in refusal(with_part(sheet([["a"]]), "xl/vbaProject.bin", b"x"))[0]


def test_password_and_old_workbooks_are_refused(file):
    assert "password" in refusal(file(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600))[0]


@pytest.mark.parametrize("cut", [10, 500, 3000])
def test_damaged_workbook_is_refused(sheet, file, cut):
    content = sheet([["a"], ["b"]]).read_bytes()
    assert "cannot be read" in refusal(file(content[:cut]))[0]


def test_other_zip_is_refused(file):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("statement.csv", "a,b")
    assert "Unpack" in refusal(file(stream.getvalue()))[0]


def test_empty_sheet_is_refused(sheet):
    assert "empty" in refusal(sheet([]))[0]
