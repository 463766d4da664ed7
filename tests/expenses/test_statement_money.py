"""Money that a statement could get wrong: sides, failed payments, other accounts, balances that are no payments."""

import json
from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from expenses import services
from expenses.models import Statement, Transaction
from expenses.statements import StatementError, read_statement
from ledger.models import Account
from shop.models import Job
from tests import world
from tests.expenses.statement_files import reasons


def lines(*rows):
    return ("\n".join(rows) + "\n").encode()


def moves(content, **options):
    """What each good row moved, in rupees: below 0 money out (on a card a purchase)."""
    return [
        float((row.credit_amount or 0) - (row.debit_amount or 0)) for row in read_statement(content, **options).rows()
    ]


# ------------------------------------------------------------------------------------------------ cards

CARDS = {
    "minus": ("1250.00", "-15000.00", "2000.00"),
    "minus behind": ("1250.00", "15000.00-", "2000.00"),
    "brackets": ("1250.00", "(15000.00)", "2000.00"),
    "long minus": ("1250.00", "−15000.00", "2000.00"),
    "Cr": ("1250.00", "15000.00 Cr", "2000.00"),
    "CR": ("1250.00", "15000.00CR", "2000.00"),
    "Cr.": ("1250.00", "15000.00 Cr.", "2000.00"),
    "C": ("1250.00", "15000.00 C", "2000.00"),
    "(Cr)": ("1250.00", "15000.00 (Cr)", "2000.00"),
    "[CR]": ("1250.00", "15000.00 [CR]", "2000.00"),
    "Credit": ("1250.00", "15000.00 Credit", "2000.00"),
    "plus": ("1250.00", "+15000.00", "2000.00"),
    "both marked": ("1250.00 Dr", "15000.00 Cr", "2000.00 Dr"),
    "both in brackets": ("1250.00 (Dr)", "15000.00 (Cr)", "2000.00 (Dr)"),
    "one purchase marked": ("1250.00 Dr", "15000.00 Cr", "2000.00"),
    "rupee sign": ("₹1250.00", "-₹15000.00", "₹ 2000.00"),
    "Rs": ("Rs 1250.00", "Rs -15000.00", "Rs. 2000.00"),
    "grouped": ('"1,250.00"', '"-15,000.00"', '"2,000.00"'),
    "grouped Cr": ('"1,250.00"', '"15,000.00 Cr"', '"2,000.00"'),
    "formula text": ('="1,250.00"', '="-15,000.00"', '="2,000.00"'),
    "formula text in quotes": ('"=""1,250.00"""', '"=""15,000.00 Cr"""', '"=""2,000.00"""'),
    "minus and Dr words": ("1250.00 Debit", "-15000.00", "2000.00 Debit"),
    "no decimals": ("1250", "-15000", "2000"),
}


@pytest.mark.parametrize("amounts", CARDS.values(), ids=CARDS)
def test_on_a_card_a_plain_amount_is_a_purchase_and_a_marked_one_a_payment(amounts):
    first, paid, second = amounts
    content = lines(
        "Date,Description,Amount",
        f"02/04/2025,SRI MURUGAN STORES,{first}",
        f"05/04/2025,PAYMENT RECEIVED. THANK YOU,{paid}",
        f"13/04/2025,INDIAN OIL,{second}",
    )
    assert moves(content, is_card=True) == [-1250, 15000, -2000]
    assert read_statement(content, is_card=True).question == ""


TYPES = {
    "blank or CR": ("", "CR", ""),
    "blank or Cr": ("", "Cr", ""),
    "blank or credit": ("", "Credit", ""),
    "blank or C": ("", "C", ""),
    "D and C": ("D", "C", "D"),
    "DR and CR": ("DR", "CR", "DR"),
    "Dr and blank": ("Dr", "CR", ""),
    "words": ("Debit", "Credit", "Debit"),
}
TYPE_HEADERS = ("Dr/Cr", "Debit / Credit", "BillingAmountSign", "Type")


@pytest.mark.parametrize("header", TYPE_HEADERS)
@pytest.mark.parametrize("types", TYPES.values(), ids=TYPES)
def test_on_a_card_a_blank_type_is_a_purchase(header, types):
    rows = [
        f'0{day}/04/2025,{text},"{amount}",{kind}'
        for day, text, amount, kind in zip(
            (2, 5, 8), ("STORES", "PAYMENT RECEIVED", "OIL"), ("1,250.00", "15,000.00", "2,000.00"), types, strict=True
        )
    ]
    assert moves(lines(f"Date,Description,Amount (in Rs),{header}", *rows), is_card=True) == [-1250, 15000, -2000]


def test_on_a_bank_account_a_blank_type_stays_rejected():
    content = lines("Date,Description,Amount,Dr/Cr", "02/04/2025,A,5.00,", "03/04/2025,B,6.00,CR")
    assert reasons(read_statement(content)) == [(2, "the type, Dr or Cr, is blank")]


def test_a_column_of_kinds_is_no_type_where_another_says_debit_and_credit():
    content = lines(
        "Transaction type~|~Customer Name~|~DATE~|~Description~|~AMT~|~Debit / Credit~|~Coins",
        "Domestic~|~R~|~02/04/2025 10:12:33~|~STORES~|~1,250.00~|~~|~12",
        "Domestic~|~R~|~13/04/2025 00:00:00~|~BPPY CC PAYMENT~|~5,000.00~|~Cr~|~0",
        "",
        "Opening Bal~|~Payment/Credit~|~Purchase/Debits~|~Finance Charges~|~Total Dues",
        "10,000.00~|~5,000.00~|~3,250.00~|~0.00~|~8,250.00",
    )
    statement = read_statement(content, is_card=True)
    assert (moves(content, is_card=True), statement.rejected) == ([-1250, 5000], ())


@pytest.mark.parametrize(
    "number", ["4315XXXXXXXX1234", "XXXX-XXXX-XXXX-1234", "4315 **** **** 1234", "************1234"]
)
def test_a_cards_number_alone_on_its_line_is_no_row(number):
    content = lines("Date,Details,Amount,Type", number, "01/03/2025,AMAZON,165.72,", "15/03/2025,PAID,5000.00,CR")
    statement = read_statement(content, is_card=True)
    assert (moves(content, is_card=True), statement.rejected, statement.sections) == ([-165.72, 5000], (), ())


@pytest.mark.parametrize("text", ["PAYMENT RECEIVED. THANK YOU", "Payment - Thank You", "AMAZON REFUND", "CASHBACK"])
def test_a_payment_without_any_mark_is_no_purchase(text):
    content = lines("Date,Description,Amount", "02/04/2025,STORES,1250.00", f"05/04/2025,{text},500.00")
    statement = read_statement(content, is_card=True)
    assert moves(content, is_card=True) == [-1250]
    assert "write Cr behind the amount" in statement.rejected[0].reason


def test_a_card_that_marks_purchases_is_asked_about():
    content = lines(
        "Date,Description,Amount", "02/04/2025,STORES,-1250.00", "05/04/2025,PAYMENT RECEIVED. THANK YOU,15000.00"
    )
    assert "reads as a payment" in read_statement(content, is_card=True).question
    assert moves(content, is_card=True, sides="exchanged") == [-1250, 15000]
    assert moves(content, is_card=True, sides="as-written") == [1250, -15000]


# ------------------------------------------------------------------------------------------------ amounts as written

WRITTEN = {
    '="1,001.00"': 1001.0,
    '"=""1,001.00"""': 1001.0,
    '="10,01,001.00"': 1001001.0,
    '="500.00"': 500.0,
    "500.00 (Cr)": 500.0,
    "500.00 ( Cr )": 500.0,
    "500.00(CR)": 500.0,
    "500.00 [Cr]": 500.0,
    "500.00 Credit": 500.0,
    "500.00 (credit)": 500.0,
    "500.00 (C)": 500.0,
    '"1,500.00 (Cr)"': 1500.0,
    '="1,500.00 (Cr)"': 1500.0,
    "500.00 (Dr)": -500.0,
    "500.00(DR)": -500.0,
    "500.00 [Dr.]": -500.0,
    "500.00 Debit": -500.0,
    "500.00 (debit)": -500.0,
    "500.00 (D)": -500.0,
    '"1,500.00 (Dr)"': -1500.0,
    '="1,500.00 (Dr)"': -1500.0,
    "₹ 500.00 (Dr)": -500.0,
    "Rs. 500.00 (Cr)": 500.0,
}


@pytest.mark.parametrize(("text", "move"), WRITTEN.items())
def test_an_amount_is_read_however_the_bank_dresses_it(text, move):
    content = lines("Date,Narration,Amount,Branch", f"01/04/2025,A,{text},33", "02/04/2025,B,1.00 (Dr),33")
    assert moves(content) == [move, -1]


def test_formula_texts_keep_their_commas_in_every_column():
    row = '="02-01-2025 08:46:47",="02 Jan 2025",="740187",="UPI, SELVI","33",="1,001.00",,"3,30,894.90",'
    statement = read_statement(
        lines("Txn Date,Value Date,Cheque No.,Description,Branch Code,Debit,Credit,Balance,", row)
    )
    (one,) = statement.rows()
    assert (one.transaction_date, one.narration, one.debit_amount) == (
        date(2025, 1, 2), "UPI, SELVI", Decimal("1001.00"),
    )  # fmt: skip
    assert one.closing_balance == Decimal("330894.90")


@pytest.mark.parametrize(
    "text", ["500.00 (Dr", "500.00 Dr)", "500.00 (Xr)", "500.00 ((Dr))", '="1,001.00', "500 () Dr"]
)
def test_what_is_no_amount_stays_rejected(text):
    statement = read_statement(lines("Date,Narration,Amount", f"01/04/2025,A,{text}", "02/04/2025,B,1.00 Dr"))
    assert [row.line for row in statement.rejected] == [2]


# ------------------------------------------------------------------------------------------------ failed payments

NOT_MONEY = (
    "FAILED", "Failed", "failure", "FAIL", "PENDING", "Pending", "DECLINED", "Declined", "REVERSED", "reversed",
    "CANCELLED", "Canceled", "EXPIRED", "Rejected", "INITIATED", "In Progress", "IN_PROGRESS", "Processing", "Timed Out",
    "UNSUCCESSFUL", "Payment Failed", "Bounced", "Aborted",
)  # fmt: skip
MONEY = ("SUCCESS", "Successful", "COMPLETED", "Complete", "Settled", "PAID", "Done", "")


def wallet(*statuses, header="Status"):
    rows = [f"{day:02}/01/2025,Paid for order {day},{day}0.00,,{status}" for day, status in enumerate(statuses, 1)]
    return lines(f"Date,Activity,Debit,Credit,{header}", *rows)


@pytest.mark.parametrize("status", NOT_MONEY)
def test_a_payment_that_did_not_happen_is_told_and_not_imported(status):
    statement = read_statement(wallet("SUCCESS", status, "SUCCESS"))
    assert moves(wallet("SUCCESS", status, "SUCCESS")) == [-10, -30]
    assert [(one.line, one.reason.partition(":")[0]) for one in statement.left_out] == [(3, f"status '{status}'")]
    assert (statement.rows_in, statement.rejected) == (2, ())


@pytest.mark.parametrize("header", ["Status", "Transaction Status", "Txn Status", "PAYMENT STATUS", "status "])
def test_the_statuss_column_is_known_by_its_names(header):
    assert moves(wallet("SUCCESS", "FAILED", header=header)) == [-10]


@pytest.mark.parametrize("status", MONEY)
def test_a_payment_that_happened_is_a_row(status):
    assert moves(wallet(status, "FAILED", "SUCCESS")) == [-10, -30]


@pytest.mark.parametrize("status", ["REFUNDED", "On hold", "Partially paid", "???x"])
def test_a_status_that_nobody_knows_is_rejected_not_guessed(status):
    statement = read_statement(wallet("SUCCESS", status))
    assert reasons(statement) == [(3, f"status '{status}' does not say whether money moved")]


def test_a_column_of_that_name_that_says_something_else_is_no_status():
    assert moves(wallet("Matched", "Unmatched", "M")) == [-10, -20, -30]


def test_a_failed_payments_balance_makes_no_gap():
    content = lines(
        "Date,Narration,Debit,Credit,Balance,Status",
        "01/01/2025,A,10.00,,90.00,SUCCESS",
        "02/01/2025,B,50.00,,90.00,FAILED",
        "03/01/2025,C,20.00,,70.00,SUCCESS",
    )
    statement = read_statement(content)
    assert (moves(content), statement.gaps) == ([-10, -20], ())


def test_a_file_of_failed_payments_alone_has_no_rows_and_says_why():
    statement = read_statement(wallet("FAILED", "PENDING"))
    assert (statement.rows_in, len(statement.left_out)) == (0, 2)


# ------------------------------------------------------------------------------------------------ other currencies

RUPEE_HEADERS = (
    "Amount in INR", "Amount (INR)", "Amount in Rs", "Amount in Rs.", "Amount(in Rs)", "Amount (in Rs.)", "INR Amount",
    "Amount in Rupees", "Amount (₹)", "Amount ₹", "Amount_INR", "AMOUNT IN INR", "Billing Amount", "Billed Amount",
    "Billing Amount (INR)", "Amt in INR", "Amt (Rs)", "Transaction Amount in INR", "Txn Amount (INR)", "Rs. Amount",
)  # fmt: skip


@pytest.mark.parametrize("header", RUPEE_HEADERS)
def test_amounts_are_taken_from_the_column_in_rupees(header):
    rows = ("01/04/2025,OPENAI,USD,20.00,1745.20,DR", "02/04/2025,SWIGGY,INR,450.00,450.00,DR")
    content = lines(f"Date,Description,Currency,Amount,{header},Dr/Cr", *rows)
    assert moves(content) == moves(content, is_card=True) == [-1745.20, -450]
    turned = lines(f"Date,Description,{header},Currency,Amount,Dr/Cr", "01/04/2025,OPENAI,1745.20,USD,20.00,DR")
    assert moves(turned) == [-1745.20]


@pytest.mark.parametrize("currency", ["USD", "usd", "EUR", "AED", "US $", "Dollar"])
def test_without_one_an_amount_in_another_currency_is_rejected(currency):
    rows = (f"01/04/2025,OPENAI,{currency},20.00,DR", "02/04/2025,SWIGGY,INR,450.00,DR", "03/04/2025,TEA,,5.00,DR")
    statement = read_statement(lines("Date,Description,Currency,Amount,Dr/Cr", *rows))
    assert reasons(statement) == [(2, f"the amount is in {currency}, not in rupees")]
    assert statement.debits == 455


# ------------------------------------------------------------------------------------------------ opening balances

OPENINGS = (
    "B/F", "B / F", "BF", "b/f", "OPENING BALANCE", "Opening Balance B/F", "Opening Bal", "Op. Bal.", "Balance B/F",
    "BALANCE BROUGHT FORWARD", "Brought Forward", "Balance Forward", "Opening balance as on 01/04/2025", "BAL B/F",
    "BY OPENING BALANCE", "Opening", "Balance Brought Fwd", "Opening Balance Rs.", "To Balance B/F", "** OPENING BALANCE **",
)  # fmt: skip


@pytest.mark.parametrize("text", OPENINGS)
@pytest.mark.parametrize("amounts", [",", "0,0", "0.00,0.00", ",10000.00", "-,-"])
def test_an_opening_balance_is_no_payment(text, amounts):
    content = lines(
        "Date,Narration,Debit,Credit,Balance",
        f"01/04/2025,{text},{amounts},10000.00",
        "01/04/2025,MURUGAN TEA,500.00,,9500.00",
        "02/04/2025,SELVI K,,1500.00,11000.00",
    )
    statement = read_statement(content)
    assert (moves(content), statement.rejected, statement.gaps) == ([-500, 1500], (), ())
    assert (statement.opening_balance, statement.closing_balance) == (10000, 11000)
    assert bool(statement.left_out) == ("10000" in amounts)


@pytest.mark.parametrize(
    "text", ["CLOSING BALANCE", "C/F", "Balance Carried Forward", "Closing Bal", "Carried Forward"]
)
def test_a_closing_balance_or_one_between_pages_is_no_payment(text):
    content = lines(
        "Date,Narration,Debit,Credit,Balance",
        "01/04/2025,A,500.00,,9500.00",
        f"01/04/2025,{text},,,9500.00",
        "02/04/2025,B,,1500.00,11000.00",
        f"30/04/2025,{text},,,11000.00",
    )
    statement = read_statement(content)
    assert (moves(content), statement.rejected, statement.gaps) == ([-500, 1500], (), ())


@pytest.mark.parametrize(
    "text", ["OPENING OF ACCOUNT CHARGES", "B F STORES", "FORWARD TRADERS", "BALANCE PAYMENT", "RENT BROUGHT BY SELVI"]
)
def test_a_payment_whose_text_only_sounds_like_one_stays_a_row(text):
    content = lines("Date,Narration,Debit,Credit,Balance", f"01/04/2025,{text},,10000.00,10000.00")
    assert moves(content) == [10000]


def test_money_that_came_in_as_brought_forward_is_a_row_where_it_is_not_the_balance():
    content = lines(
        "Date,Narration,Debit,Credit,Balance", "01/04/2025,A,,5.00,5.00", "02/04/2025,B/F,,10.00,15.00",
        "03/04/2025,C,1.00,,14.00",
    )  # fmt: skip
    assert moves(content) == [5, 10, -1]


# ------------------------------------------------------------------------------------------------ amounts without a sign

STEPS = (-200, 300, -50, -25.5, 1000)


def unsigned(steps, *, opening=1000, with_opening=True, newest_first=False, per_day=1):
    rows, balance = [], opening
    for number, step in enumerate(steps):
        balance += step
        rows.append(f"{1 + number // per_day:02}/04/2025,P{number},{abs(step):.2f},{balance:.2f}")
    if with_opening:
        rows.insert(0, f"01/04/2025,OPENING BALANCE,,{opening:.2f}")
    return lines("Date,Particulars,Amount,Balance", *(rows[::-1] if newest_first else rows))


@pytest.mark.parametrize("per_day", [1, 2, 5])
@pytest.mark.parametrize("opening", [1000, 0, -500])
@pytest.mark.parametrize("turn", [1, -1])
def test_the_balances_tell_the_side_of_an_amount_without_a_sign(per_day, opening, turn):
    steps = [turn * step for step in STEPS]
    content = unsigned(steps, opening=opening, per_day=per_day)
    statement = read_statement(content)
    assert (moves(content), statement.gaps, statement.rejected, statement.question) == (steps, (), (), "")


@pytest.mark.parametrize("newest_first", [False, True])
def test_the_row_before_which_no_balance_stands_is_rejected_not_guessed(newest_first):
    content = unsigned(STEPS, with_opening=False, newest_first=newest_first)
    expected = [300, -50, -25.5, 1000]
    assert moves(content) == (expected[::-1] if newest_first else expected)
    (row,) = read_statement(content).rejected
    assert row.line == (6 if newest_first else 2)
    assert "write Dr or Cr behind the amount" in row.reason


def test_a_gap_among_them_costs_the_row_behind_it_alone():
    rows = unsigned(STEPS).decode().splitlines()
    content = lines(*rows[:3], *rows[4:])
    assert moves(content) == [-200, -25.5, 1000]
    assert [row.line for row in read_statement(content).rejected] == [4]


@pytest.mark.parametrize("balance", ["", ",Balance"])
def test_without_balances_the_person_is_asked(balance):
    rows = [f"0{day}/04/2025,P,{day}0.00" + ("," if balance else "") for day in (1, 2)]
    content = lines(f"Date,Particulars,Amount{balance}", *rows)
    assert "money in or money out" in read_statement(content).question
    assert moves(content, sides="as-written") == [10, 20]
    assert moves(content, sides="exchanged") == [-10, -20]
    assert moves(content, is_card=True) == [-10, -20]


# ------------------------------------------------------------------------------------------------ exchanged headings


def exchanged(steps, *, opening=100000, newest_first=False, gap=False):
    rows, balance = [], opening
    for number, step in enumerate(steps, 1):
        balance += step
        credit, debit = (f"{-step:.2f}", "") if step < 0 else ("", f"{step:.2f}")
        rows.append(f"{number:02}-04-2025,P{number},{debit},{credit},{balance:.2f}")
    rows = [row for at, row in enumerate(rows) if not (gap and at == 2)]
    return lines("Tran Date,PARTICULARS,DR,CR,BAL", *(rows[::-1] if newest_first else rows))


EXCHANGED_STEPS = (
    (25000, -1250, -5000, -1500), (-1, 2, -4), (1, -2, 3, -4), (100, 200, -300), (-5, -6, -7), (5, 6, 8),
    (0.5, -0.25, 10), (1000, -999, 5, -6, 7), (-10, 10, -20, 20, 5),
)  # fmt: skip


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("steps", EXCHANGED_STEPS)
def test_headings_that_the_balances_speak_against_are_asked_about(steps, newest_first):
    content = exchanged(steps, newest_first=newest_first)
    order = slice(None, None, -1) if newest_first else slice(None)
    assert "every balance follows" in read_statement(content).question
    assert moves(content, sides="exchanged") == list(steps)[order]
    assert read_statement(content, sides="exchanged").gaps == ()
    assert moves(content, sides="as-written") == [-step for step in steps][order]
    right = content.replace(b"DR,CR", b"CR,DR")
    assert (moves(right), read_statement(right).question) == (list(steps)[order], "")


def test_most_balances_are_enough_to_ask():
    content = exchanged((25000, -1250, -5000, -1500, 700, 80, -90), gap=True)
    assert "4 of 5 balances follow" in read_statement(content).question


def test_one_step_that_does_not_follow_is_a_gap_and_no_question():
    statement = read_statement(exchanged((-1, 2)))
    assert (statement.question, len(statement.gaps)) == ("", 1)


def test_an_order_that_is_mixed_up_is_no_question():
    rows = ("01-04-2025,A,5.00,,95.00", "01-04-2025,B,7.00,,83.00", "01-04-2025,C,5.00,,90.00")
    assert read_statement(lines("Tran Date,PARTICULARS,DR,CR,BAL", *rows)).question == ""


# ------------------------------------------------------------------------------------------------ several accounts

TITLES = (
    ("Statement of Transactions in Savings Account XXXXXX1234 in INR", "Statement of Transactions in PPF Account XXXX9999"),
    ("Account Number: 00012345678901", "Account Number: 00098765432109"),
    ("A/c No XXXX1234", "A/c No XXXX9999"),
    ("Savings Account No. 123456789012", "Recurring Deposit Account No. 999456789099"),
    ("Account : ****1234", "Account : ****9999"),
    ("Card No: 4315XXXXXXXX1234", "Card No: 5555XXXXXXXX9999"),
)  # fmt: skip
FIRST = ("01-04-2025,B/F,,,10000.00", "02-04-2025,TEA,,500.00,9500.00", "09-04-2025,SELVI,1000.00,,10500.00")
SECOND = ("10-04-2025,CONTRIBUTION,5000.00,,50000.00",)
HEAD = "DATE,PARTICULARS,DEPOSITS,WITHDRAWALS,BALANCE"


def two_accounts(first, second, *, between=("",), head=HEAD, rows=SECOND):
    return lines(
        "BANK LIMITED", "", first, HEAD, *FIRST, *between, second, *([head] if head else []), *rows, "", "Legends"
    )


@pytest.mark.parametrize("between", [("",), (), ("", "Total,,500.00", ""), ("", "Page 2", "")])
@pytest.mark.parametrize(("first", "second"), TITLES)
def test_two_accounts_in_one_file_are_never_read_as_one(first, second, between):
    content = two_accounts(first, second, between=between)
    statement = read_statement(content)
    assert (moves(content), statement.rejected, statement.gaps) == ([-500, 1000], (), ())
    assert (statement.opening_balance, statement.closing_balance) == (10000, 10500)
    (other,) = statement.other_sections
    assert other.startswith(second[:40])
    assert other.endswith("(1 row)")
    assert moves(content, section="1") == [-500, 1000]
    assert moves(content, section="2") == [5000]
    assert moves(content, section="all") == [-500, 1000, 5000]


@pytest.mark.parametrize("section", ["0", "3", "x", "-1"])
def test_a_part_that_is_not_there_is_refused_with_those_that_are(section):
    with pytest.raises(StatementError, match=r"Its parts: 1: .*2: .*PPF"):
        read_statement(two_accounts(*TITLES[0]), section=section)


def test_a_second_table_of_another_form_is_not_read_by_the_first_ones_columns():
    head, rows = "Date,Narration,Debit,Credit,Balance", ("10-04-2025,CONTRIBUTION,,5000.00,50000.00",)
    content = two_accounts(*TITLES[0], head=head, rows=rows)
    assert moves(content) == [-500, 1000]
    assert moves(content, section="2") == [5000]
    with pytest.raises(StatementError, match="different columns"):
        read_statement(content, section="all")


def test_a_second_account_without_a_header_of_its_own_is_seen_too():
    content = two_accounts(*TITLES[0], head="")
    assert moves(content) == [-500, 1000]
    assert moves(content, section="2") == [5000]


def test_cards_below_each_other_are_told_apart_by_their_numbers():
    content = lines(
        "Date,Details,Amount,Type", "4315XXXXXXXX1234", "01/03/2025,AMAZON,165.72,", "15/03/2025,PAID,5000.00,CR",
        "4315XXXXXXXX9999", "18/03/2025,FRESH,820.00,", "19/03/2025,TEA,20.00,",
    )  # fmt: skip
    assert moves(content, is_card=True) == [-165.72, 5000]
    assert read_statement(content, is_card=True).other_sections == ("4315XXXXXXXX9999 (2 rows)",)
    assert moves(content, is_card=True, section="2") == [-820, -20]
    assert moves(content, is_card=True, section="all") == [-165.72, 5000, -820, -20]


@pytest.mark.parametrize("between", [("Account Number XXXX1234",), ("Page 2 of 3", "A/c no. XXXX1234"), ()])
def test_the_next_page_of_the_same_account_is_no_other_account(between):
    content = lines("Account Number XXXX1234", HEAD, *FIRST, *between, HEAD, *SECOND)
    assert (read_statement(content).sections, moves(content)) == ((), [-500, 1000, 5000])


@pytest.mark.parametrize("text", ["TRANSFER TO ACCOUNT XXXX9999", "509100000001", "XXXXXXXX9999", "CARD XX1234 SWIPE"])
def test_a_narration_that_wraps_names_no_other_account(text):
    content = lines(
        "Account XXXX1234", "Date,Narration,Debit,Credit", "01/04/2025,A,5.00,", f",{text},,", "02/04/2025,B,,6.00"
    )
    assert (read_statement(content).sections, moves(content)) == ((), [-5, 6])


# ------------------------------------------------------------------------------------------------ by command and page


@pytest.fixture
def cast(db):
    cast = world.cast()
    cast.card = Account.objects.create(book=cast.main, name="Amex", kind="card")
    cast.bank = Account.objects.get(book=cast.main, name="Bank")
    return cast


CARD_FILE = lines(
    "Date,Description,Amount", "02/04/2025,STORES,1250.00", "05/04/2025,PAYMENT RECEIVED. THANK YOU,-15000.00"
)
SWAPPED = exchanged((25000, -1250, -5000, -1500))


def by_command(account, content, tmp_path, capsys, *more):
    """(document, exit code, what was said) of import_statement --json."""
    path = tmp_path / "statement.csv"
    path.write_bytes(content)
    code = 0
    try:
        call_command(
            "import_statement", str(path), "--book", account.book.slug, "--account", account.name, "--json", *more
        )
    except CommandError as error:
        code = error.returncode
    out, said = capsys.readouterr()
    return (json.loads(out) if out else {}), code, said


def by_page(client, account, content, name="statement.csv"):
    """The job of an uploaded file, read."""
    address = reverse("expenses:statements", args=[account.book.slug])
    client.post(address, {"account": account.pk, "files": SimpleUploadedFile(name, content)})
    return Job.objects.order_by("-pk").first()


def act(client, job, **sent):
    client.post(reverse("expenses:act_on_upload", args=[job.book.slug, job.pk]), sent)
    job.refresh_from_db()
    return client.get(reverse("expenses:upload", args=[job.book.slug, job.pk])).content.decode()


def stored(account):
    return [
        float((row.credit_amount or 0) - (row.debit_amount or 0))
        for row in Transaction.objects.filter(account=account).order_by("line")
    ]


def test_the_accounts_kind_decides_by_command_and_by_page(cast, client, tmp_path, capsys):
    document, code, _ = by_command(cast.card, CARD_FILE, tmp_path, capsys)
    assert (code, document["debits"], document["credits"]) == (0, "1250.00", "15000.00")
    assert stored(cast.card) == [-1250, 15000]
    services.undo_statement(Statement.objects.get())
    client.force_login(cast.asha)
    act(client, by_page(client, cast.card, CARD_FILE), do="import")
    assert stored(cast.card) == [-1250, 15000]


def test_a_failed_payment_is_told_without_a_fault(cast, client, tmp_path, capsys):
    content = wallet("SUCCESS", "FAILED", "SUCCESS")
    document, code, _ = by_command(cast.bank, content, tmp_path, capsys)
    assert (code, document["rows_in"], document["imported"], document["rejected"]) == (0, 2, 2, 0)
    assert [one["line"] for one in document["left_out"]] == [3]
    client.force_login(cast.asha)
    page = act(client, by_page(client, cast.bank, wallet("SUCCESS", "FAILED", "DONE", "DONE")), do="import")
    assert "status &#x27;FAILED&#x27;: no money moved" in page
    assert stored(cast.bank) == [-10, -30, -40]


def test_a_question_about_the_sides_holds_the_import_until_it_is_answered(cast, client, tmp_path, capsys):
    document, code, said = by_command(cast.bank, SWAPPED, tmp_path, capsys)
    assert code == 1
    assert "--sides exchanged" in said + str(document)
    assert stored(cast.bank) == []
    document, code, _ = by_command(cast.bank, SWAPPED, tmp_path, capsys, "--sides", "exchanged")
    assert (code, document["imported"], document["gaps"]) == (0, 4, [])
    assert stored(cast.bank) == [25000, -1250, -5000, -1500]
    services.undo_statement(Statement.objects.get())
    client.force_login(cast.asha)
    job = by_page(client, cast.bank, SWAPPED)
    page = act(client, job, do="import")
    assert "every balance follows" in page
    assert 'value="import"' not in page
    assert stored(cast.bank) == []
    client.post(reverse("expenses:act_on_uploads", args=[job.book.slug, job.parameters["batch"]]), {"do": "import"})
    assert stored(cast.bank) == []
    assert 'value="import"' in act(client, job, do="read", sides="exchanged")
    act(client, job, do="import")
    assert stored(cast.bank) == [25000, -1250, -5000, -1500]


def test_a_part_is_chosen_by_command_and_by_page(cast, client, tmp_path, capsys):
    content = two_accounts(*TITLES[0])
    document, code, _ = by_command(cast.bank, content, tmp_path, capsys)
    assert (code, document["rows_in"], document["rejected"]) == (0, 2, 0)
    assert document["unread_sections"][0].startswith("Statement of Transactions in PPF")
    services.undo_statement(Statement.objects.get())
    client.force_login(cast.asha)
    job = by_page(client, cast.bank, content)
    page = act(client, job, do="read", section="2")
    assert "The file holds another account too, which is not read here: Statement of Transactions in Savings" in page
    act(client, job, do="import")
    assert stored(cast.bank) == [5000]


def test_rows_that_came_in_the_wrong_way_round_before_are_not_brought_in_beside_themselves(
    cast, client, tmp_path, capsys
):
    services.import_statement(cast.card, CARD_FILE, file_name="old.csv", sides="exchanged")
    assert stored(cast.card) == [1250, -15000]
    document, code, said = by_command(cast.card, CARD_FILE, tmp_path, capsys)
    assert code == 1
    assert "2 rows of this file are in the account already with debit and credit exchanged" in said + str(document)
    client.force_login(cast.asha)
    page = act(client, by_page(client, cast.card, CARD_FILE), do="import")
    assert "in the account already with debit and credit exchanged" in page
    assert stored(cast.card) == [1250, -15000]
    services.undo_statement(Statement.objects.get())
    document, code, _ = by_command(cast.card, CARD_FILE, tmp_path, capsys)
    assert (code, stored(cast.card)) == (0, [-1250, 15000])


def test_a_header_whose_last_line_is_an_account_s_own_is_told_to_have_no_rows():
    """The line above the rows named a second part, and there was no row to name it by."""
    content = b"date\ndate\ncategory,17-10-2024,category,date,17-10-2024\nnarration,17-10-2024,date,Dr"
    with pytest.raises(StatementError, match="no rows below it"):
        read_statement(content)
