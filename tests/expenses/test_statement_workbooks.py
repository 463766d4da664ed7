"""A bank's workbook reads the same in any hand; a cell that shows something else is no amount."""

from datetime import date

import pytest

from expenses.statements.read import read_statement
from tests.expenses.statement_files import HEADER, reasons, workbook
from tests.resaved import WRITERS
from tests.shop.test_xlsx_rows import book_of

HEAD = HEADER.strip().split(",")
CONTENT = workbook(
    ["Statement of account"],
    [],
    HEAD,
    [date(2025, 2, 1), "UPI-A & 'B' 18", date(2025, 2, 1), 0.3, 0, 978262202476, 100000.1],
    [date(2025, 2, 2), "UPI-B", date(2025, 2, 2), 1234.5, None, "R2", 98865.6],
)


def said(statement):
    return list(statement.rows()), reasons(statement), statement.header_line


@pytest.mark.parametrize("writer", WRITERS)
def test_a_statement_in_another_hand_reads_the_same(writer):
    assert said(read_statement(WRITERS[writer](CONTENT))) == said(read_statement(CONTENT))
    assert len(said(read_statement(CONTENT))[0]) == 2


@pytest.mark.parametrize("code", ["0%", "h:mm", ";;;", "0.0,", "yyyy-mm-dd", '"7"0', '0" lakh"'])
def test_an_amount_that_shows_as_something_else_is_rejected(code):
    rows = [HEAD, ["01/02/25", "A", "", 500, "", "1", 95]]
    statement = read_statement(book_of(rows, {"D2": code}))
    ((line, reason),) = reasons(statement)
    assert line == 2
    assert "is not an amount" in reason


@pytest.mark.parametrize("code", ["0", "#,##0", "0.00E+00", "#,##0.00", "General"])
def test_a_format_that_only_rounds_a_banks_number_changes_nothing(code):
    rows = [HEAD, ["01/02/25", "A", "", 500.5, "", "1", 95]]
    (row,) = read_statement(book_of(rows, {"D2": code})).rows()
    assert str(row.debit_amount) == "500.50"
