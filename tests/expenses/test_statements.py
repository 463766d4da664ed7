"""Bank statements as files: each bank's layout is read whole, and a file that cannot be is refused with the way out."""

import io
import json
from datetime import date
from decimal import Decimal

import openpyxl
import pytest

from expenses.statements import StatementError, UnknownLayout, propose_mapping, read_statement, xls
from expenses.statements.detect import LAYOUTS
from tests.expenses.statement_files import DATA, HEADER, narrations, read, read_lines, reasons, workbook

# --- layouts


def test_original_layout_with_both_sides_filled():
    statement = read_lines(
        '15/01/24,UPI-SWIGGY-PAY,15/01/24,450.00,0.00,R1,"9,550.00"',
        '16/01/24,SALARY,16/01/24,0.00,50000.00,R2,"59,550.00"',
    )
    first, second = statement.rows()
    assert first.transaction_date == date(2024, 1, 15)
    assert (first.debit_amount, first.credit_amount, first.closing_balance) == (
        Decimal("450.00"),
        None,
        Decimal("9550.00"),
    )
    assert (second.debit_amount, second.credit_amount) == (None, Decimal("50000.00"))
    assert (statement.opening_balance, statement.closing_balance) == (Decimal("10000.00"), Decimal("59550.00"))
    assert (statement.debits, statement.credits) == (Decimal("450.00"), Decimal("50000.00"))
    assert statement.period == (date(2024, 1, 15), date(2024, 1, 16))
    assert statement.gaps == ()


@pytest.mark.parametrize(
    ("name", "layout", "rows", "debits", "credits"),
    [
        ("hdfc_blank_first_line_and_padded.txt", "hdfc", 3, "500.00", "1500.50"),
        ("hdfc_asterisks_and_summary.csv", "hdfc", 3, "10034.55", "16200.00"),
        ("hdfc_two_identical_rows.csv", "hdfc", 3, "1500.00", "0.00"),
        ("sbi_preamble_footer_odd_grouping.xls", "sbi", 2, "100.00", "5000.00"),
        ("icici_html_saved_as.xls", "icici", 2, "410.00", "12.50"),
        ("axis_padded_amounts_constant_branch.csv", "axis", 2, "350.00", "100.00"),
        ("kotak_one_field_too_many.csv", "kotak", 4, "3000.00", "18000.00"),
        ("kotak_newest_first_signed.csv", "kotak", 3, "716.10", "20.00"),
        ("kotak_amount_and_two_type_columns.csv", "kotak", 2, "600.00", "400.00"),
        ("federal_reference_last.csv", "federal", 2, "9875.00", "0.00"),
        ("narration_over_several_lines.csv", "original", 3, "160.00", "0.00"),
        ("out_of_order_within_a_day.csv", "original", 5, "210.00", "0.00"),
    ],
)
def test_each_bank_is_read_whole_without_a_gap(name, layout, rows, debits, credits):
    statement = read(name)
    assert (statement.layout, statement.rows_in, len(statement.frame)) == (layout, rows, rows)
    assert (statement.debits, statement.credits) == (Decimal(debits), Decimal(credits))
    assert statement.gaps == ()


def test_every_layout_reads_a_file_under_its_own_headers():
    cells = {
        "date": "13/04/2025",
        "narration": "UPI-X",
        "debit": "5.00",
        "amount": "5.00",
        "type": "DR",
        "balance": "95.00",
    }
    for layout in LAYOUTS.values():
        roles = [
            role
            for role in layout.roles
            if role in cells and not (role in ("amount", "type") and "debit" in layout.roles)
        ]
        content = ",".join(layout.roles[role][0] for role in roles) + "\n" + ",".join(cells[role] for role in roles)
        (row,) = read_statement(content.encode(), layout=layout.name).rows()
        assert (row.transaction_date, row.debit_amount) == (date(2025, 4, 13), Decimal("5.00")), layout.name


def test_value_date_is_never_taken_for_the_date():
    row = next(read("icici_html_saved_as.xls").rows())
    assert (row.transaction_date, row.value_date) == (date(2025, 4, 1), date(2025, 4, 2))
    with pytest.raises(UnknownLayout, match="no column is known for date"):
        read_statement(b"Value Date,Narration,Debit,Credit\n01/02/25,X,5.00,\n")


def test_spreadsheet_day_number_is_a_date():
    assert [row.transaction_date for row in read("sbi_preamble_footer_odd_grouping.xls").rows()][1] == date(2025, 4, 3)


def test_a_real_binary_workbook_is_read_with_its_date_cells_and_the_values_of_its_formulas():
    # Made of seven columns of text by soffice --headless --convert-to xls:"MS Excel 97"
    # --infilter=CSV:44,34,76,1,,2057,false,true,false,false,false,0,true (dates become cells; "=G4+183.45" a formula).
    statement = read("hdfc_real_binary_with_date_cells_and_formulas.xls")
    assert (statement.layout, statement.dates_sure, statement.gaps, statement.rejected) == ("hdfc", True, (), ())
    assert [(str(row.transaction_date), row.debit_amount or row.credit_amount) for row in statement.rows()] == [
        ("2026-09-01", Decimal("1250.50")),
        ("2026-09-02", Decimal("183.45")),
        ("2026-09-28", Decimal("432.95")),
    ]
    assert narrations(statement)[2] == "மளிகை கடை"
    assert statement.closing_balance == Decimal("98500.00")


def test_overdrawn_balance_is_negative():
    assert [row.closing_balance for row in read("kotak_amount_and_two_type_columns.csv").rows()] == [
        Decimal("-100.00"),
        Decimal("300.00"),
    ]


def test_row_with_a_field_too_many_is_aligned_by_its_balance():
    rows = list(read("kotak_one_field_too_many.csv").rows())
    assert [row.debit_amount for row in rows] == [Decimal(100), Decimal(2890), None, Decimal(10)]
    assert rows[3].narration == "UPI/KANNAN, SONS & CO"


def test_newest_first_is_found_by_the_balances():
    statement = read("kotak_newest_first_signed.csv")
    assert statement.chain.newest_first
    assert (statement.opening_balance, statement.closing_balance) == (Decimal("54065.20"), Decimal("53369.10"))


def test_narration_wraps_in_quotes_and_over_continuation_rows():
    assert narrations(read("narration_over_several_lines.csv")) == [
        "UPI-SARAVANA STORES-TNAGAR",
        "IMPS-500000000001-KAVITHA RAGHAVAN-HDFC-RENT",
        "UPI-TEA STALL",
    ]


# --- encodings, delimiters, containers


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encodings(encoding):
    content = HEADER + "01/02/25,Café £5,01/02/25,5.00,0.00,1,95.00\n02/02/25,Tea,02/02/25,5.00,0.00,2,90.00\n"
    assert narrations(read_statement(content.encode(encoding))) == ["Café £5", "Tea"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "~|~"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(delimiter, end):
    rows = [HEADER.strip().split(","), ["01/02/25", "UPI-A", "01/02/25", "5.00", "0.00", "1", "95.00"]]
    content = end.join(delimiter.join(row) for row in rows)
    assert narrations(read_statement(content.encode())) == ["UPI-A"]


def test_workbook_numbers_and_dates_are_read_without_a_float():
    header = HEADER.strip().split(",")
    content = workbook(
        ["Statement of account"],
        header,
        [date(2025, 2, 1), "UPI-A", date(2025, 2, 1), 0.1 + 0.2, 0, 978262202476, 100000.1],
        [date(2025, 2, 2), "UPI-B", date(2025, 2, 2), 1234.5, None, "R2", 98865.6],
    )
    first, second = read_statement(content).rows()
    assert (first.debit_amount, first.reference, first.closing_balance) == (
        Decimal("0.30"),
        "978262202476",
        Decimal("100000.10"),
    )
    assert (second.line, second.debit_amount) == (4, Decimal("1234.50"))


def test_formula_without_a_value_is_a_rejected_row():
    header = HEADER.strip().split(",")
    statement = read_statement(
        workbook(header, ["01/02/25", "A", "", "=100+1", "", "", ""], ["02/02/25", "B", "", 5, "", "", ""])
    )
    assert reasons(statement) == [(2, "neither debit nor credit is filled")]
    assert reasons(read_lines("01/02/25,A,,=1+1,,,")) == [(2, "debit '=1+1' is not an amount")]


def test_reference_guarded_from_a_spreadsheet_is_unwrapped():
    assert next(read_lines('01/02/25,A,,5.00,,="000123",').rows()).reference == "000123"


def test_narration_of_ten_thousand_characters_and_in_tamil():
    long = "அண்ணபூர்ணா " * 1000
    assert narrations(read_lines(f"01/02/25,{long},,5.00,,,", "02/02/25,அரிசி கடை,,5.00,,,")) == [
        long.strip(),
        "அரிசி கடை",
    ]


# --- whole files that are refused


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\r\n  \n", "empty"),
        (b"x" * (10 * 1024 * 1024 + 1), "10 MB"),
        (b"%PDF-1.7 ...", "This is a PDF"),
        (HEADER.encode(), "no rows below"),
        (b"Date," * 1_000_000, "1,000,001 columns"),
        (b"PK\x03\x04not a zip", "damaged"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "cannot be opened"),
        (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "password"),
        (b"\x89PNG\r\n" + bytes(range(256)) * 50, "binary"),
        (b"Date,Narration,Debit,Debit,Credit\n01/02/25,A,1,2,3\n", "Columns 'Debit'"),
        (b"<?xml version='1.0'?><Workbook xmlns='urn:schemas-microsoft-com:office:spreadsheet'/>", "XML spreadsheet"),
        (b"\xff\xfe" + "Date".encode("utf-16-le") + b"\x00\xd8\x41", "does not fit"),
    ],
)
def test_bad_file_is_refused_with_the_way_out(content, message):
    with pytest.raises(StatementError, match=message):
        read_statement(content)


# One byte changed: calamine asks for more memory than there is (which ends its process), or panics.
@pytest.mark.parametrize(("at", "byte"), [(3997, 127), (3994, 128), (4364, 0), (4441, 127), (1536, 94)])
def test_a_damaged_binary_workbook_ends_no_process_of_ours(at, byte):
    content = bytearray((DATA / "hdfc_real_binary_with_date_cells_and_formulas.xls").read_bytes())
    content[at] = byte
    with pytest.raises(StatementError, match="cannot be opened"):
        read_statement(bytes(content))


def test_a_binary_workbook_of_too_much_text_is_refused_as_too_large(monkeypatch):
    content = (DATA / "hdfc_real_binary_with_date_cells_and_formulas.xls").read_bytes()
    rows = [json.dumps(row, ensure_ascii=False) for *_, rows in sheets(content, 10**6) for row in rows]
    size = sum(len(row.encode()) for row in rows)
    assert sheets(content, size)
    monkeypatch.setattr("expenses.statements.workbook.MAX_TEXT", size - 1)
    with pytest.raises(StatementError, match="unpacks to more"):
        read_statement(content)


def sheets(content, max_text):
    return xls.sheets(content, most=20, max_rows=1000, max_text=max_text)


def test_one_far_cell_in_a_workbook_is_refused_before_it_is_opened():
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "Date", "far"
    content = io.BytesIO()
    book.save(content)
    with pytest.raises(StatementError, match="too far"):
        read_statement(content.getvalue())


def test_workbook_that_unpacks_too_large_is_refused(monkeypatch):
    monkeypatch.setattr("expenses.statements.workbook.MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(StatementError, match="unpacks to more"):
        read_statement(workbook(["Date"]))


def test_too_many_rows_are_refused(monkeypatch):
    monkeypatch.setattr("expenses.statements.rows.MAX_ROWS", 2)
    with pytest.raises(StatementError, match="shorter period"):
        read_lines(*["01/02/25,A,,5.00,,,"] * 3)


# --- mapping

STRANGE = (
    b"Posted,Effective,What happened,Out,In,Left\n"
    b"01/02/25,02/02/25,Tea,5.00,,95.00\n03/02/25,03/02/25,Refund,,5.00,100.00\n"
)


def test_unknown_layout_names_the_headers_and_proposes_columns():
    with pytest.raises(UnknownLayout, match="'What happened'") as caught:
        read_statement(STRANGE)
    proposal = caught.value.proposal
    assert proposal.header_line == 1
    assert proposal.headers == ("Posted", "Effective", "What happened", "Out", "In", "Left")
    assert proposal.columns["narration"] == "What happened"
    assert proposal.sample[0][2] == "Tea"
    dated = propose_mapping(b"Some day,Thing,Sum\n01/02/25,Tea,5.00\n")
    assert dated.dates == (("01/02/25", {"dmy": "2025-02-01", "mdy": "2025-01-02", "ymd": "2001-02-25"}),)
    assert dated.columns == {"date": "Some day", "narration": "Thing", "amount": "Sum"}


def test_mapping_by_header_reads_what_no_layout_fits():
    mapping = {
        "date": "posted",
        "narration": "What happened",
        "debit": "Out",
        "credit_amount": "In",
        "closing_balance": "Left",
    }
    statement = read_statement(STRANGE, mapping=mapping)
    assert (statement.layout, narrations(statement), statement.gaps) == ("mapping", ["Tea", "Refund"], ())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mapping": {"date": "Nope", "narration": "What happened", "debit": "Out"}}, "not found: 'Nope'"),
        ({"mapping": {"date": "Posted"}}, "lacks narration and debit"),
        ({"mapping": {"colour": "Posted"}}, "'colour' is no column"),
        ({"layout": "hdfc"}, "Layout 'hdfc' does not fit"),
        ({"layout": "lunar"}, "no layout 'lunar'"),
        ({"dates": "dym"}, "no order of dates"),
    ],
)
def test_wrong_mapping_layout_or_order_is_told(options, message):
    with pytest.raises(StatementError, match=message):
        read_statement(STRANGE, **options)
