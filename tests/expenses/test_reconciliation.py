"""The bank beside the book: both balances, what each side has alone, and where the difference comes from."""

import random
from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from expenses import services
from expenses.books import matching, posting
from expenses.books.reconciliation import bank_balance, reconcile
from expenses.models import Transaction
from ledger import daybook
from ledger import services as ledger
from ledger.models import Account
from tests import world
from tests.expenses.test_posting import HEADER, ROWS, row, settled

pytestmark = pytest.mark.django_db
MONTHS = [(date(2026, month, 1), date(2026, month, monthrange(2026, month)[1])) for month in (8, 9, 10)]
AUGUST, SEPTEMBER, OCTOBER = MONTHS


@pytest.fixture
def bank():
    return Account.objects.get(book=world.book(), name="Bank")


@pytest.fixture
def september(bank):
    services.import_statement(bank, (HEADER + ROWS).encode(), file_name="s.csv")
    return bank


def statement(moves, balance):
    """A statement of [(day, text, signed rupees)] that begins at `balance`."""
    lines = []
    for number, (day, text, amount) in enumerate(moves, 1):
        balance += amount
        sides = (-amount, 0) if amount < 0 else (0, amount)
        lines.append(f"{day:%d/%m/%y},{text},{day:%d/%m/%y},{sides[0]:.2f},{sides[1]:.2f},{number},{balance:.2f}\n")
    return lines


def imported(bank, lines):
    return services.import_statement(bank, (HEADER + "".join(lines)).encode(), file_name="s.csv")


def adds_up(month):
    assert month.difference == month.brought + month.book_only_sum - month.bank_only_sum - month.untold


def test_each_side_alone_is_named_transfers_too_and_the_difference_told(september):
    posting.post([settled(september)])
    mine = world.post(september.book, "2026-09-10", amount="70", account=september)
    cash = Account.objects.get(book=september.book, name="Cash")
    moved = ledger.transfer(
        book=september.book, date=date(2026, 9, 11), from_account=cash, to_account=september, amount=Decimal(900)
    )
    month = reconcile(september, *SEPTEMBER)
    assert (month.bank_closing, month.book_closing, month.difference) == (8250, 720, -7530)
    assert [line.narration[:3] for line in month.bank_only] == ["ATW", "UPI"]
    assert [line.row for line in month.book_only] == [mine, moved]
    assert (month.bank_only_sum, month.book_only_sum) == (-1500, 970)
    assert (month.brought, month.untold) == (-10000, 0)
    adds_up(month)


def test_a_reversed_entry_cancels_itself_unless_the_reversal_is_of_another_month(september):
    for on, back in (("2026-09-10", date(2026, 9, 20)), ("2026-09-11", date(2026, 10, 2))):
        ledger.reverse(world.post(september.book, on, amount="70", account=september), date=back)
    for month, amount in ((SEPTEMBER, 70), (OCTOBER, -70)):
        assert [line.amount for line in reconcile(september, *month).book_only] == [amount]


def test_what_lies_across_the_months_end_says_where_its_other_half_is(bank):
    last, first = SEPTEMBER[1], OCTOBER[0]
    imported(bank, statement([(last, "UPI-MURUGAN K-M@OKAXIS-1-LOAN", 500), (first, "NEFT-X", 20)], 1000))
    entry = world.post(bank.book, "2026-10-01", amount="500", account=bank, narration="Murugan K: Shop")
    matching.confirm([row("MURUGAN")], [entry])
    (at_bank,), (in_book,) = reconcile(bank, *SEPTEMBER).bank_only, reconcile(bank, *OCTOBER).book_only
    assert (at_bank.row, at_bank.elsewhere) == (row("MURUGAN"), "in the book 01-10-2026")
    assert (in_book.row, in_book.elsewhere) == (entry, "at the bank 30-09-2026")


def test_a_credit_that_proves_a_collection_of_another_account_is_alone_in_both(september):
    wallet = Account.objects.create(book=september.book, name="UPI", kind="upi")
    entry = world.post(september.book, "2026-09-03", amount="500", account=wallet, narration="Murugan K: Shop")
    matching.confirm([row("MURUGAN")], [entry])
    credit = next(line for line in reconcile(september, *SEPTEMBER).bank_only if line.row == row("MURUGAN"))
    assert credit.elsewhere == "in the book 03-09-2026, UPI"
    (collected,) = reconcile(wallet, *SEPTEMBER).book_only
    assert collected.elsewhere == "at the bank 03-09-2026, Bank"


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_months_end_within_a_statement_is_read_in_either_order(bank, newest_first):
    end = AUGUST[1]
    moves = [(end, "A", 300), (end, "B", -100), (SEPTEMBER[0], "C", -50), (SEPTEMBER[0], "D", 50), (OCTOBER[0], "E", 9)]
    lines = statement(moves, 1000)
    imported(bank, lines[::-1] if newest_first else lines)
    assert [bank_balance(bank, day) for day in (end - timedelta(1), end, *SEPTEMBER, OCTOBER[1])] == [
        None, 1200, 1200, 1200, 1209
    ]  # fmt: skip
    for month in MONTHS:
        adds_up(reconcile(bank, *month))
    assert reconcile(bank, *AUGUST).bank_opening == 1000


def test_a_month_without_rows_has_no_balance_of_the_bank(september):
    world.post(september.book, "2026-10-10", amount="70", account=september)
    month = reconcile(september, *OCTOBER)
    assert (month.bank_closing, month.difference, len(month.book_only)) == (None, None, 1)


def test_what_the_balances_tell_and_no_row_does_is_said(bank):
    lines = statement([(SEPTEMBER[0], "A", 300), (date(2026, 9, 5), "B", -100), (date(2026, 9, 9), "C", 50)], 1000)
    imported(bank, [lines[0], lines[2]])
    month = reconcile(bank, *SEPTEMBER)
    assert (month.bank_opening, month.bank_closing, month.untold) == (1000, 1250, -100)
    adds_up(month)
    imported(bank, statement([(OCTOBER[0], "D", 10)], 1500))
    month = reconcile(bank, *OCTOBER)
    assert (month.bank_opening, month.untold) == (1250, 250)
    adds_up(month)


def test_both_statements_of_a_transfer_between_two_banks_are_linked_to_it(bank):
    other = Account.objects.create(book=bank.book, name="Second bank", kind="bank")
    day = date(2026, 9, 4)
    moved = ledger.transfer(book=bank.book, date=day, from_account=bank, to_account=other, amount=Decimal(800))
    imported(bank, statement([(day, "NEFT-OWN OUT", -800)], 5000))
    imported(other, statement([(day, "NEFT-OWN INTO", 800)], 0))
    for text in ("OUT", "INTO"):
        assert posting.proposals([row(text)]) == {row(text).pk: [moved]}
        posting.link(row(text), moved)
    for account in (bank, other):
        month = reconcile(account, *SEPTEMBER)
        assert (month.bank_only, month.book_only) == ([], [])
    imported(other, statement([(day, "NEFT-OWN AGAIN", 800)], 800))
    assert posting.proposals([row("AGAIN")]) == {}
    ledger.delete(moved)
    assert [row(text).transfer for text in ("OUT", "INTO")] == [None, None]
    ledger.restore(moved)
    assert [row(text).transfer for text in ("OUT", "INTO")] == [moved, moved]


def test_any_history_adds_up_month_after_month(bank, seed):
    """Posted, split, linked, proved, reversed and binned at random, over accounts and months' ends; statements in any order."""
    drawn, book = random.Random(seed), bank.book
    other = Account.objects.create(book=book, name="Second bank", kind="bank")
    cash = Account.objects.get(book=book, name="Cash")
    days = [AUGUST[0] + timedelta(days=n) for n in range(92)]
    for account in (bank, other):
        moves = [(day, f"NEFT-ROW {n}", drawn.choice((-1, 1)) * drawn.choice((100, 200, 300))) for n, day in
                 enumerate(sorted(drawn.choices(days, k=60)))]  # fmt: skip
        lines = [line for line in statement(moves, 50_000) if drawn.random() > 0.05]
        imported(account, lines[::-1] if drawn.random() < 0.5 else lines)
    accounts, food, fun = (bank, other, cash), world.tag(book, "Food"), world.tag(book, "Fun")
    for _ in range(120):
        amount, day = Decimal(drawn.choice((100, 200, 300, 400))), drawn.choice(days)
        if drawn.random() < 0.3:
            one, two = drawn.sample(accounts, 2)
            made = ledger.transfer(book=book, date=day, from_account=one, to_account=two, amount=amount)
        else:
            name = drawn.choice(("Collection", "Expense"))
            made = world.post(book, day.isoformat(), name, amount, account=drawn.choice(accounts[:2]), narration="X")
        if drawn.random() < 0.15:
            ledger.reverse(made, date=drawn.choice([one for one in days if one >= day]))
    done = set()
    for one in list(Transaction.objects.filter(book=book).order_by("pk")):
        way = drawn.random()
        if one.debit_amount is not None and way < 0.2:
            half = one.debit_amount / 2
            posting.split(one, [(food, half, ""), (fun, half, "")])
        elif one.debit_amount is not None and way < 0.6:
            services.settle(one, food)
        one.refresh_from_db()
        if found := posting.proposals([one]).get(one.pk) if way < 0.7 else None:
            posting.link(one, drawn.choice(found))
            done.add("linked")
        elif way < 0.6 and posting.post([one]).posted:
            done.add("posted")
    for proposal in matching.proposals(book, days[0], days[-1]):
        matching.confirm(proposal.credits, proposal.entries)
        done.add("proved")
    assert done == {"linked", "posted", "proved"}
    for account in (bank, other):
        before = None
        for first, last in MONTHS:
            month = reconcile(account, first, last)
            adds_up(month)
            assert month.book_closing == daybook.account_balances(book, last)[account.pk]
            assert before is None or month.brought == before
            before = month.difference


def test_the_page_tells_it_and_the_file_has_every_line(client):
    cast = world.cast()
    bank = Account.objects.get(book=cast.main, name="Bank")
    imported(bank, statement([(SEPTEMBER[0], "NEFT-RENT HOUSE", -700)], 5000))
    ledger.transfer(
        book=cast.main, date=SEPTEMBER[1], from_account=bank, amount=Decimal(40),
        to_account=Account.objects.get(book=cast.main, name="Cash"),
    )  # fmt: skip
    client.force_login(cast.asha)
    address = reverse("expenses:bank", args=[cast.main.slug, bank.pk])
    text = client.get(address, {"month": "2026-09"}).content.decode()
    for words in ("Where the difference comes from", "To Cash", "RENT HOUSE", "4,300.00", "−5,000.00"):
        assert words in text
    file = client.get(address, {"month": "2026-09", "format": "csv"}).getvalue().decode("utf-8-sig")
    assert file.splitlines()[0] == "Side,Date,What,Narration,In,Out,Elsewhere"
    assert [line.split(",")[0] for line in file.splitlines()[1:]] == ["Only at the bank", "Only in the book"]
