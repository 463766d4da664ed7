"""Rows of bank statements: amounts and dates exact, what is no row rejected with its reason, and each follows the last."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expenses.statements import read_statement
from expenses.statements.amounts import read_amount
from expenses.statements.dates import read_date
from tests.expenses.statement_files import narrations, read, read_lines, reasons

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


def test_value_dates_tell_the_order_where_the_dates_leave_two():
    first, month = "04/01/25,A,04/01/25,5.00,,,", "04/02/25,B,04/13/25,5.00,,,"
    statement = read_lines(first, month)
    assert [row.transaction_date for row in statement.rows()] == [date(2025, 4, 1), date(2025, 4, 2)]
    assert (statement.dates, statement.dates_sure, statement.dates_alone) == ("mdy", True, True)
    mixed = read_lines(first, month, "04/03/25,C,14/04/25,5.00,,,")
    assert (mixed.dates, mixed.dates_sure, mixed.dates_alone) == ("dmy", False, False)
    assert read_lines("13/04/25,A,04/13/25,5.00,,,").dates == "dmy"


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


def sides(*rows):
    """[(debit, credit)] in paise of rows with a debit and a credit column, a total of all below them."""
    statement = read_lines(*(f'01/04/25,A,,"{debit}","{credit}",,' for debit, credit in rows), ",Total,,1.00,1.00,,")
    return list(zip(statement.frame["debit"], statement.frame["credit"], strict=True))


def test_a_withdrawal_taken_back_is_a_credit_and_a_deposit_taken_back_a_debit():
    assert sides(("500.00", ""), ("-500.00", "0.00"), ("(2.00)", "")) == [(50000, 0), (0, 50000), (0, 200)]
    assert sides(("", "7.00"), ("", "-7.00"), ("5.00", "")) == [(0, 700), (700, 0), (500, 0)]


def test_withdrawals_that_are_all_negative_or_say_dr_are_debits():
    assert sides(("-5.00", ""), ("(3.00)", ""), ("", "4.00")) == [(500, 0), (300, 0), (0, 400)]
    assert sides(("5.00", ""), ("3.00 Dr", "")) == [(500, 0), (300, 0)]


def signed(*amounts):
    """[(debit, credit)] in paise of a statement with one signed amount and its balance in each row."""
    rows = [f'{day:02}/04/25,A,"{amount}",{balance}' for day, (amount, balance) in enumerate(amounts, start=1)]
    statement = read_statement("\n".join(["Date,Narration,Amount,Balance", *rows, ',Total,"-9,999.00",']).encode())
    return list(zip(statement.frame["debit"], statement.frame["credit"], strict=True))


@pytest.mark.parametrize("mark", ["{} Cr", "+{}"])
def test_where_only_credits_are_marked_the_other_amounts_are_debits(mark):
    purchase, payment = ("2,999.00", ""), (mark.format("1,000.00"), "")
    assert signed(purchase, payment) == [(299900, 0), (0, 100000)]
    assert signed(purchase, payment, ("-5.00", ""))[0] == (0, 299900)
    assert signed(("450.00 Dr", ""), ("20.00", "")) == [(45000, 0), (0, 2000)]


def test_amounts_without_any_mark_are_debits_where_only_so_the_balances_follow():
    falling = [("5.00", "95.00"), ("5.00", "90.00"), ("5.00", "85.00")]
    assert signed(*falling) == [(500, 0)] * 3
    assert signed(*[(amount, "") for amount, _ in falling]) == [(0, 500)] * 3
    assert signed(("5.00", "95.00"), ("7.00", "102.00")) == [(0, 500), (0, 700)]
    # the first row's balance is the first of the file: nothing tells its side, and it is rejected
    assert signed(("5.00", "95.00"), ("7.00", "88.00"), ("6.00", "94.00")) == [(700, 0), (0, 600)]


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


def test_rejected_rows_keep_their_cells_and_the_days_of_a_month_first_file_are_written_plainly():
    statement = read_lines("01/02/25,A,,5.0x,,,", "31/02/25,B,C,,5.00,,,")
    assert statement.mendable()[0] == ["01/02/25", "A", "", "5.0x", "", "", ""]
    month_first = read_lines("01/02/25,A,,5.0x,,,", "04/26/25,B,,5.00,,,")
    assert month_first.mendable()[0][0] == "2025-01-02"


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
