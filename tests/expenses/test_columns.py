"""A statement read by columns says of every line what reading it line by line says, whatever stands in it."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from expenses.statements.columns import read_column
from expenses.statements.detect import find
from expenses.statements.errors import StatementError
from expenses.statements.rows import Cells, read_rows
from tests.expenses import row_by_row

DATA = Path(__file__).parent / "data"
LOCKED = DATA / "binary_with_a_password.xls"  # refused before it has lines: tests/expenses/test_uploads.py
HEADERS = {
    "two sides": ["Date", "Narration", "Debit", "Credit", "Ref No", "Balance", "Value Date"],
    "no balance": ["Narration", "Date", "Withdrawals", "Deposits"],
    "signed": ["Date", "Value Date", "Description", "Amount", "Balance"],
    "typed": ["Date", "Description", "Amount", "Dr / Cr", "Balance", "Dr / Cr"],
}
CELLS = st.sampled_from(
    [
        *("01/02/25", "30/02/25", "05-Mar-2025", "13/13/25", "45689", "2025-04-01", "01/01/1900", "01/01/2100"),
        *("", "-", "--", "0.00", "5.00", "1,23,456.50", "1,00.00", ".50", "12345678901234.00", "9999999999999.99"),
        *("5.00 Dr", "7.00 Cr", "-5.00", "(500.00)", "₹ 500", "500.00-", "+3.00", "5.0x", "1,5", "0.005", "5,.00"),
        *("Dr", "CR", "W", "neither", "****", "-----", "A B", "A   B", "தமிழ் கடை", "x\x00y", "nul␀", "5.00\n6.00"),
        *("Closing balance", "Total", "B/F", "narration " * 30, "\u200b", "१२.००"),
    ]
)


def both(content):
    """(by columns, line by line) of what is below the header."""
    cells = Cells(find(content))
    columns, rejected, links, _ = read_rows(cells, "dmy")
    slow, slow_rejected, slow_links = row_by_row.read_rows(cells, "dmy")
    return (vars(columns), rejected, links.one_by_one()), (vars(slow), slow_rejected, slow_links)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(sorted(HEADERS)),
    st.lists(st.lists(CELLS, min_size=0, max_size=9), max_size=12),
    st.sampled_from([",", "\t", "~|~"]),
)
@example("two sides", [["", "", "", "", "", "oops", ""], ["01/02/25", "A", "5.00", "", "", "95.00", ""]], "\t")
@example("typed", [["01/02/25", "A", "5.00", "x", "95.00", "DR"], ["x", "A", "5.0x", "DR", "95.00", "DR"]], "\t")
@example("no balance", [["A", "01/02/25", "5.00", ""], ["B", "01/02/25", "-3.00", ""], ["C", "x", "", "-1.00"]], "\t")
@example("signed", [["01/02/25", "", "A", "5.00", "95.00"], ["02/02/25", "", "B", "7.00", "88.00"]], "\t")
@example(
    "signed", [["01/02/25", "", "A", "5.00", ""], ["02/02/25", "", "B", "7.00 Cr", ""], ["", "Sum", "-2.00"]], "\t"
)
def test_columns_say_what_line_by_line_says(kind, lines, delimiter):
    lines = [[cell.replace(",", "") if delimiter == "," else cell for cell in line] for line in lines]
    content = "\n".join(delimiter.join(cells) for cells in [HEADERS[kind], *lines]).encode()
    try:
        by_columns, line_by_line = both(content)
    except StatementError:  # the text as a whole is none, e.g. too many control characters
        return
    assert by_columns == line_by_line


@pytest.mark.parametrize("path", sorted({*DATA.iterdir()} - {LOCKED}), ids=lambda path: path.name)
def test_columns_say_what_line_by_line_says_of_each_bank(path):
    by_columns, line_by_line = both(path.read_bytes())
    assert by_columns == line_by_line


@pytest.mark.parametrize(
    "cell", [*row_by_row.TOTALS, "** Grand Total:", "B/F 3", "Totals", "Statements", "B & F Stores"]
)
def test_columns_and_lines_tell_the_same_totals_from_rows(cell):
    row, *below = "01/02/25,A,5.00,,,95.00,", f"x,{cell},5.00,,,90.00,", f"{cell},B,5.00,,,90.00,"
    for line in below:
        by_columns, line_by_line = both("\n".join([",".join(HEADERS["two sides"]), row, line]).encode())
        assert by_columns == line_by_line
        assert len(line_by_line[1]) == (cell in ("Totals", "Statements", "B & F Stores"))


@settings(max_examples=300, deadline=None)
@given(st.lists(CELLS, max_size=20))
def test_a_column_of_amounts_is_what_its_cells_are(texts):
    read = read_column(texts, "debit")
    slow = row_by_row._read(texts, "debit")
    seen = [
        read.faults.get(at, None if blank else paise)
        for at, (paise, blank) in enumerate(zip(read.paise.tolist(), read.blank.tolist(), strict=True))
    ]
    assert seen == slow


def test_amounts_that_the_short_way_would_misread_are_read_the_long_way():
    for text in ("99999999999999.99", "5.00\n6.00", "१२.००", "1.5", "5.00 Dr", ",.50"):
        assert row_by_row._read([text, "1.00"], "x") == [
            read_column([text, "1.00"], "x").faults.get(0)
            or (None if read_column([text, "1.00"], "x").blank[0] else int(read_column([text, "1.00"], "x").paise[0])),
            100,
        ]
