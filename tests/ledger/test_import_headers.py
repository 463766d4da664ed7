"""Where the header of a list is found: below titles, behind a line that names the separator. No database."""

import io

import openpyxl
import pytest

from ledger.entry_import.importer import EntryImporter
from shop.imports.tables import open_table

HEADER = "date,category,amount,direction,narration"
ROW = "10-10-2026,Expense,120.50,spent,tea"
TITLES = [
    "Field Finance\n", "Field Finance\n\n", "\n\nField Finance\n\n\n", "Field Finance\nCash book October 2026\n\n",
    "Field Finance,,,,\n", '"Field Finance, Main Street",,,,\n', "Cash book, October 2026\n", "Printed on,15-10-2026\n",
    "Printed on,15-10-2026,by,asha,\n", "From,01-10-2026\nTo,31-10-2026\n", ",,,,\n", ",,Field Finance,,\n",
    "Name: Field Finance\nAddress: 12 Main Street\nPhone: 98400 12345\n", "GSTIN 33ABCDE1234F1Z5;\n", "Ledger|Cash\n",
    "Field\tFinance\n", "=====\n", "-\n", "Cash\n", "Date: 15-10-2026\n", "Amount in rupees\n", "வாராந்திர கணக்கு\n",
    "रोकड़ बही, अक्टूबर\n", "1\n", "Page 1 of 3\n\n", "Opening Balance,,50000,,\n", "\ufeffField Finance\n",
    "Field Finance\r\n\r\n", "A,B,C\nD,E,F\n", "x\n" * 20,
]  # fmt: skip


@pytest.fixture
def opened(tmp_path):
    """opened(text or bytes) -> the Table as the import of entries opens it."""

    def open_it(content):
        path = tmp_path / "list"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return EntryImporter(None).open(path)

    return open_it


@pytest.mark.parametrize("title", TITLES, ids=ascii)
def test_titles_above_the_header_are_passed_over_and_noted(opened, title):
    table = opened(f"{title}{HEADER}\n{ROW}\n")
    assert table.header == HEADER.split(",")
    assert [row.cells for row in table.rows()] == [ROW.split(",")]
    assert [row.line for row in table.rows()] == [table.header_line + 1]
    if title.strip("\ufeff\r\n,"):
        assert "above the header" in table.notes[0]


@pytest.mark.parametrize("title", TITLES[:10], ids=ascii)
def test_titles_above_the_header_of_a_workbook_are_passed_over(opened, title):
    workbook = openpyxl.Workbook()
    for line in (*title.splitlines(), HEADER, ROW):
        workbook.active.append(line.split(","))
    stream = io.BytesIO()
    workbook.save(stream)
    table = opened(stream.getvalue())
    assert table.header == HEADER.split(",")
    assert [row.cells for row in table.rows()] == [ROW.split(",")]


@pytest.mark.parametrize("line", ["sep=;", "sep=;\r", '"sep=;"', "SEP=;", "\ufeffsep=;", "sep=;\n", "\nsep=;"])
def test_a_line_that_names_the_separator_is_obeyed(opened, line):
    table = opened(f"{line}\ndate;category;amount\n10-10-2026;Tea, milk;1,250.50\n")
    assert table.header == ["date", "category", "amount"]
    assert [row.cells for row in table.rows()] == [["10-10-2026", "Tea, milk", "1,250.50"]]


def test_the_separator_goes_before_what_the_header_looks_like(opened):
    table = opened("sep=;\ndate,x,y;category;amount\n1;2;3\n")
    assert table.header == ["date,x,y", "category", "amount"]


def test_a_header_that_nobody_knows_is_the_first_line_as_wide_as_the_table(opened):
    table = opened("Umsatz\n\nTag,Summe,Topf,Extra\n16/1/2024,5,Collection,x\n")
    assert (table.header, table.header_line) == (["Tag", "Summe", "Topf", "Extra"], 3)


@pytest.mark.parametrize("name", ["Amount (Rs.)", "Amount(₹)", "AMOUNT INR", "amount_rs", "Amount in Rs", "Rupees"])
def test_the_currency_behind_a_columns_name_is_no_part_of_it(opened, name):
    importer = EntryImporter(None)
    assert importer.match(["Date", "Head", name]).roles == ["date", "category", "amount"]


def test_without_an_importer_the_first_line_is_the_header(tmp_path):
    path = tmp_path / "list"
    path.write_text(f"Field Finance\n{HEADER}\n")
    assert open_table(path).header == ["Field Finance"]
