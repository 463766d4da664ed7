"""Bank statements: every row is read or rejected with its reason, and nothing vanishes."""

import io
from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expenses.statements import StatementError, UnknownLayout, propose_mapping, read_statement
from expenses.statements.amounts import read_amount
from expenses.statements.dates import read_date
from expenses.statements.detect import LAYOUTS

DATA = Path(__file__).parent / "data"
HEADER = "Date,Narration,Value Date,Debit Amount,Credit Amount,Chq/Ref Number,Closing Balance\n"


def read(name, **options):
    return read_statement((DATA / name).read_bytes(), **options)


def read_lines(*lines, **options):
    return read_statement((HEADER + "\n".join(lines)).encode(), **options)


def reasons(statement):
    return [(row.line, row.reason) for row in statement.rejected]


def narrations(statement):
    return [row.narration for row in statement.rows()]


def workbook(*rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


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


# --- amounts and dates


@pytest.mark.parametrize(
    ("text", "paise"),
    [
        ("1,23,456.50", 12345650),
        ("1,000.00 Dr", -100000),
        ("1,000.00Cr", 100000),
        ("(500.00)", -50000),
        ("₹ 500", 50000),
        ("Rs. 500.5", 50050),
        ("500.00-", -50000),
        ("-216.07", -21607),
        ("+41,667.00", 4166700),
        ("1,00.00", 10000),
        ("177448.30000000002", 17744830),
        ("0.29999999999999998", 30),
        ("0.00", 0),
        ("", None),
        (" - ", None),
    ],
)
def test_amounts(text, paise):
    assert read_amount(text) == paise


@pytest.mark.parametrize(
    "text", ["12,3x", "12.345", "1234,56", "(5", "--5", "1e5", "NaN", "5 Rs 6", "99999999999999", "१२", "=1+1"]
)
def test_what_is_not_an_amount_is_never_zero(text):
    with pytest.raises(ValueError, match="'"):
        read_amount(text)


@given(st.integers(0, 10**13 - 1))
def test_amount_written_by_a_spreadsheet_is_exact(paise):
    if paise < 10**12:
        assert read_amount(repr(paise / 100)) == paise
    assert read_amount(f"{paise // 100:,}.{paise % 100:02}") == paise


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("01/02/25", date(2025, 2, 1)),
        ("1-2-2025 10:15:30", date(2025, 2, 1)),
        ("05 Aug 2026 08:35 PM", date(2026, 8, 5)),
        ("1-Feb-25", date(2025, 2, 1)),
        ("Feb 1, 2025", date(2025, 2, 1)),
        ("2025-02-01", date(2025, 2, 1)),
        ("2025-02-01T10:00:00", date(2025, 2, 1)),
        ("20250201", date(2025, 2, 1)),
        ("45689", date(2025, 2, 1)),
    ],
)
def test_dates_put_the_day_first(text, day):
    assert read_date(text, "dmy") == day


def test_dates_that_are_none_are_rejected_with_their_reason():
    statement = read_lines(
        "01/04/25,A,,5.00,,,",
        "30/02/2025,B,,5.00,,,",
        "01/01/1900,C,,5.00,,,",
        "01/01/2100,D,,5.00,,,",
        "soon,E,,5.00,,,",
        ",F,,5.00,,,",
        "13/04/25,G,,5.00,,,",
    )
    assert [line for line, _ in reasons(statement)] == [3, 4, 5, 6, 7]
    found = [reason for _, reason in reasons(statement)]
    assert "30/02/2025' is not a day of the calendar" in found[0]
    assert "1990 and 2099" in found[1]
    assert "1990 and 2099" in found[2]
    assert "'soon' cannot be read" in found[3]
    assert found[4] == "the date is blank"
    assert statement.rows_in == 7


def test_last_row_with_an_unreadable_date_is_rejected_and_not_taken_for_a_footer():
    statement = read_lines(
        "01/04/25,A,,5.00,,,95.00", "31/04/25,B,,5.00,,,90.00", "xx,C,,5.00,,,85.00", "Total,,,15.00,,,"
    )
    assert [line for line, _ in reasons(statement)] == [3, 4]


def test_thirteenth_month_turns_the_whole_file_to_month_first():
    statement = read_lines("04/01/25,A,,5.00,,,95.00", "04/25/25,B,,5.00,,,90.00")
    assert [row.transaction_date for row in statement.rows()] == [date(2025, 4, 1), date(2025, 4, 25)]
    assert statement.dates == "mdy"


def test_mixed_date_formats_keep_the_day_first_and_reject_the_others():
    statement = read_lines("25/04/25,A,,5.00,,,", "04/26/25,B,,5.00,,,")
    assert (statement.dates, [line for line, _ in reasons(statement)]) == ("dmy", [3])


def test_ambiguous_dates_follow_the_balance_chain():
    lines = ["01/02/25,A,,5.00,,,95.00", "01/05/25,B,,5.00,,,90.00", "02/01/25,C,,5.00,,,85.00"]
    statement = read_lines(*lines)
    assert (statement.dates, statement.dates_sure) == ("mdy", True)
    assert read_lines(*lines, dates="dmy").dates == "dmy"
    unclear = read_lines("01/02/25,A,,5.00,,,", "02/02/25,B,,5.00,,,")
    assert (unclear.dates, unclear.dates_sure) == ("dmy", False)


# --- rejected rows


@pytest.mark.parametrize(
    ("debit", "credit", "reason"),
    [
        ("5.00", "6.00", "both debit '5.00' and credit '6.00' are filled"),
        ("", "", "neither debit nor credit is filled"),
        ("0.00", "-", "neither debit nor credit is filled"),
        ("12,3x", "", "debit '12,3x' is not an amount"),
        ("", "-5.00", "credit '-5.00' is negative"),
        ("5.00 Cr", "", "debit '5.00 Cr' says Cr"),
    ],
)
def test_row_without_exactly_one_amount_is_rejected(debit, credit, reason):
    statement = read_lines(f'01/02/25,A,,"{debit}","{credit}",,')
    assert reasons(statement) == [(2, reason)]


def test_all_reasons_of_a_row_stand_together():
    assert reasons(read_lines("31/02/25,A,,x,,,y", "01/02/25,B,,5.00,,,")) == [
        (
            2,
            "date '31/02/25' is not a day of the calendar (read as day, month, year); "
            "debit 'x' is not an amount; balance 'y' is not an amount",
        )
    ]


def test_lone_quote_costs_no_other_row():
    statement = read_lines(
        '01/02/25,"HALF OPEN,,5.00,,,', "02/02/25,B,,5.00,,,", '03/02/25,12" PIPE,,5.00,,,', "04/02/25,D,,5.00,,,"
    )
    assert (narrations(statement)[0], narrations(statement)[1], narrations(statement)[3]) == ("HALF OPEN", "B", "D")
    assert statement.rows_in == 4


def test_nul_byte_rejects_its_row():
    statement = read_lines("01/02/25,A\x00B,,5.00,,,", "02/02/25,C,,5.00,,,")
    assert reasons(statement)[0][0] == 2
    assert "NUL" in reasons(statement)[0][1]


def test_field_too_many_without_a_balance_to_decide_is_rejected():
    header = b"Date,Narration,Debit,Credit\n"
    statement = read_statement(header + b"01/02/25,A,,5.00,\n02/02/25,B,5.00,\n")
    assert reasons(statement)[0][1].startswith("5 fields where the header has 4")


def test_rejected_rows_can_be_mended_and_sent_again():
    statement = read_lines("01/02/25,A,,5.0x,,,", '02/02/25,"B, C",,5.00,,,', "03/02/25,D,,,,,")
    text = statement.rejected_csv()
    assert "Line 2: debit '5.0x' is not an amount" in text
    mended = read_statement(text.replace("5.0x", "5.00").replace("D,,,", "D,,7.00,").encode())
    assert [row.debit_amount for row in mended.rows()] == [Decimal("5.00"), Decimal("7.00")]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.lists(
            st.sampled_from(["01/02/25", "30/02/25", "", "-", "5.00", "1,00.00", "x", "****", "A B", "0.00", "45689"]),
            min_size=1,
            max_size=9,
        ),
        max_size=8,
    )
)
def test_every_filled_line_above_the_last_dated_one_is_a_row_or_a_continuation(lines):
    text = "\n".join(",".join(cells) for cells in [*lines, ["02/02/25", "END", "", "5.00", "", "", ""]])
    statement = read_lines(*text.split("\n"))
    accounted = {row.line for row in statement.rejected} | set(statement.frame["line"])
    assert statement.rows_in == len(accounted)
    for number, cells in enumerate(lines, start=2):
        if cells[0] in ("01/02/25", "30/02/25", "x", "A B", "45689"):
            assert number in accounted


# --- balance chain and identity


def test_missing_row_is_a_gap_with_its_line():
    statement = read_lines(
        "01/04/25,A,,5.00,,,95.00", "02/04/25,B,,5.00,,,90.00", "04/04/25,D,,5.00,,,70.00", "05/04/25,E,,5.00,,,65.00"
    )
    (gap,) = statement.gaps
    assert gap.line == 4
    assert gap.reason.startswith("closing balance does not follow from line 3: 1 or more rows may be missing")
    assert "15.00 less" in gap.reason


def test_missing_row_in_a_newest_first_file_is_one_gap():
    statement = read_lines(
        "05/04/25,E,,5.00,,,65.00", "04/04/25,D,,5.00,,,70.00", "02/04/25,B,,5.00,,,90.00", "01/04/25,A,,5.00,,,95.00"
    )
    assert [(gap.line, "line 4" in gap.reason) for gap in statement.gaps] == [(3, True)]


def test_blank_balances_are_bridged_by_the_amounts():
    assert read_lines("01/04/25,A,,5.00,,,95.00", "02/04/25,B,,5.00,,,", "03/04/25,C,,5.00,,,85.00").gaps == ()
    assert len(read_lines("01/04/25,A,,5.00,,,95.00", "02/04/25,B,,5.00,,,", "03/04/25,C,,5.00,,,80.00").gaps) == 1


def test_rejected_row_with_a_readable_balance_carries_the_chain():
    statement = read_lines("01/04/25,A,,5.00,,,95.00", "02/04/25,B,,oops,,,80.00", "03/04/25,C,,5.00,,,75.00")
    assert (len(statement.rejected), statement.gaps) == (1, ())


def test_two_identical_rows_both_stay_and_the_same_file_gives_the_same_fingerprints():
    first, again = read("hdfc_two_identical_rows.csv"), read("hdfc_two_identical_rows.csv")
    assert first.frame["fingerprint"].is_unique
    assert list(first.frame["fingerprint"]) == list(again.frame["fingerprint"])


def test_overlapping_statement_repeats_the_fingerprints_of_the_overlap_alone():
    rows = [f"0{n}/04/25,A{n},,5.00,,,{100 - 5 * n}.00" for n in range(1, 6)]
    early, late = read_lines(*rows[:4]), read_lines(*rows[2:])
    assert len(set(early.frame["fingerprint"]) & set(late.frame["fingerprint"])) == 2


def test_closing_balance_and_reference_are_part_of_the_fingerprint():
    statement = read_lines("01/04/25,A,,5.00,,R1,95.00", "01/04/25,A,,5.00,,R1,90.00", "01/04/25,A,,5.00,,R2,85.00")
    assert statement.frame["fingerprint"].is_unique


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
