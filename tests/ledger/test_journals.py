"""Journals for other programs: hledger and Beancount prove every day's closing; Tally knows each voucher again."""

import csv
import io
import shutil
import subprocess
import sys
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError

from ledger import closing, daybook, journals, natures, services
from ledger.journals.beancount import _part
from ledger.models import Account, AccountDay, Category, Nature, TallyName
from tests import world

needs_hledger = pytest.mark.skipif(not shutil.which("hledger"), reason="hledger is not installed")

ODD_NAMES = [
    ("Cash: front; (till)", "cash"),
    ("cash-front.till", "cash"),
    ("காசுப் பெட்டி", "cash"),
    ("काशी बैंक खाता", "bank"),
    ("50% =+@ \"quoted\" \\ {x} [y] 'z'", "upi"),
    ("--", "upi"),
    ("::", "upi"),
    ("édouard", "card"),
    ("a-b", "card"),
    ("a b", "card"),
]


def text(book, format, *range_):
    return "".join(journals.write(book, format, *range_))


def hledger_check(journal):
    result = subprocess.run(
        ["hledger", "-f", "-", "check", "--strict"], input=journal, capture_output=True, text=True, timeout=60
    )
    return result.stderr


def bean_check(journal, tmp_path):
    pytest.importorskip("beancount", reason="beancount is not installed")
    path = tmp_path / "book.beancount"
    path.write_text(journal, encoding="utf-8")
    code = "import sys; from beancount.scripts.check import main; sys.exit(main())"
    result = subprocess.run(
        [sys.executable, "-c", code, "--no-cache", str(path)], capture_output=True, text=True, timeout=60
    )
    return result.stdout + result.stderr


@pytest.fixture
def story(db):
    """A month with everything in it: openings, a transfer, a reversal, the bin, a close with a shortage, odd texts."""
    book = world.book(accounts=[("Cash", "cash", Decimal("50000")), ("Bank", "bank", Decimal("-1200.50"))])
    cash, bank = Account.objects.filter(book=book)
    world.post(
        book, "2024-01-15", "Collection", "5000", subcategory="Loan: Payments", narration='a "b"; date:2024-99-99'
    )
    entry = world.post(book, "2024-01-15", "Expense", "2000.10", reference="[2024-02-30], date:x | y \\ =1+1")
    world.post(book, "2024-01-16", "Income", "0.01", account=bank, subcategory="வட்டி")
    services.transfer(book=book, date=date(2024, 1, 16), from_account=cash, to_account=bank, amount=Decimal("4000"))
    back = services.transfer(
        book=book, date=date(2024, 1, 17), from_account=bank, to_account=cash, amount=Decimal("10"), narration="= ! *"
    )
    services.reverse(back, date=date(2024, 1, 18))
    services.reverse(entry, date=date(2024, 1, 18))
    services.delete(world.post(book, "2024-01-19", amount="777"))
    closing.close_day(book, date(2024, 1, 20), counts=[closing.Count(cash, Decimal("50000"))])
    book.refresh_from_db()
    world.post(book, "2024-01-10", amount="123.45", adjust=True, narration="typed late")
    return book


def odd_book():
    book = world.book(accounts=[(name, kind, Decimal("10.01")) for name, kind in ODD_NAMES])
    for n, account in enumerate(Account.objects.filter(book=book)):
        world.post(book, "2024-01-15", amount=f"{n + 1}.07", account=account, subcategory=account.name)
        world.post(book, "2024-01-16", "Expense", f"{n + 1}", account=account, subcategory="X", narration=account.name)
    return book


@needs_hledger
@pytest.mark.parametrize("first", [None, date(2024, 1, 17)], ids=["whole", "from the 17th with openings"])
def test_hledger_proves_every_closing(story, first):
    journal = text(story, "hledger", first)
    assert hledger_check(journal) == ""
    assert "    assets:cash:Cash  " in journal
    assert journal.count(" = ") >= AccountDay.objects.filter(book=story, date__gte=first or date(2024, 1, 1)).count()


@pytest.mark.parametrize("first", [None, date(2024, 1, 17)], ids=["whole", "from the 17th with openings"])
def test_beancount_proves_every_closing(story, first, tmp_path):
    journal = text(story, "beancount", first)
    assert bean_check(journal, tmp_path) == ""
    assert (
        journal.count(" balance ") == AccountDay.objects.filter(book=story, date__gte=first or date(2024, 1, 1)).count()
    )


@needs_hledger
def test_hledger_takes_odd_names_and_finds_a_closing_that_is_a_paisa_wrong(db):
    book = odd_book()
    assert hledger_check(text(book, "hledger")) == ""
    day = AccountDay.objects.filter(book=book, date="2024-01-15").first()
    AccountDay.objects.filter(pk=day.pk).update(received=day.received + Decimal("0.01"))
    assert "balance assertion" in hledger_check(text(book, "hledger")).lower()


def test_beancount_takes_odd_names_and_finds_a_closing_that_is_a_paisa_wrong(db, tmp_path):
    book = odd_book()
    assert bean_check(text(book, "beancount"), tmp_path) == ""
    day = AccountDay.objects.filter(book=book, date="2024-01-15").first()
    AccountDay.objects.filter(pk=day.pk).update(received=day.received + Decimal("0.01"))
    assert "Balance failed" in bean_check(text(book, "beancount"), tmp_path)


@needs_hledger
def test_hledger_agrees_with_the_day_books_balance(story):
    last = daybook.day_book_on(story, date(2024, 1, 31))
    result = subprocess.run(
        ["hledger", "-f", "-", "balance", "assets", "not:assets:loans", "-N", "--depth", "1", "--format", "%(total)"],
        input=text(story, "hledger"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.stdout.split()[0] == f"{last.closing_balance:.2f}"


def test_an_empty_book_is_a_journal_too(db, tmp_path):
    book = world.book(opening="0")
    assert bean_check(text(book, "beancount"), tmp_path) == ""
    assert ElementTree.fromstring(text(book, "tally")).findall(".//VOUCHER") == []
    if shutil.which("hledger"):
        assert hledger_check(text(book, "hledger")) == ""


def test_tally_gets_balanced_vouchers_of_three_kinds_with_ids_that_stay(story):
    first = ElementTree.fromstring(text(story, "tally").encode())
    again = ElementTree.fromstring(text(story, "tally", date(2024, 1, 15)).encode())
    vouchers = first.findall(".//VOUCHER")
    assert [v.get("REMOTEID") for v in vouchers] == [v.get("REMOTEID") for v in again.findall(".//VOUCHER")]
    assert len({v.get("REMOTEID") for v in vouchers}) == len(vouchers) == 9
    assert all(v.get("REMOTEID") == v.findtext("GUID") for v in vouchers)
    assert {v.get("VCHTYPE") for v in vouchers} == {"Receipt", "Payment", "Contra"}
    for voucher in vouchers:
        legs = voucher.findall("ALLLEDGERENTRIES.LIST")
        assert sum(Decimal(leg.findtext("AMOUNT")) for leg in legs) == 0
        for leg in legs:
            assert (leg.findtext("ISDEEMEDPOSITIVE") == "Yes") == (Decimal(leg.findtext("AMOUNT")) < 0)
    receipt = vouchers[0]
    assert (receipt.get("VCHTYPE"), receipt.findtext("DATE"), receipt.findtext("PARTYLEDGERNAME")) == (
        "Receipt",
        "20240115",
        "Cash",
    )


def test_a_reversed_payment_reaches_tally_as_a_receipt(story):
    vouchers = ElementTree.fromstring(text(story, "tally", date(2024, 1, 18), date(2024, 1, 18)).encode())
    kinds = [(v.get("VCHTYPE"), v.find("ALLLEDGERENTRIES.LIST").findtext("AMOUNT")) for v in vouchers.iter("VOUCHER")]
    assert kinds == [("Receipt", "-2000.10"), ("Contra", "10.00")]


def test_tally_uses_the_accountants_names(story):
    cash = Account.objects.get(book=story, name="Cash")
    collection = world.category(story, "Collection")
    TallyName.objects.create(book=story, account=cash, name="Cash & Co")
    TallyName.objects.create(book=story, category=collection, name="Loan receipts")
    TallyName.objects.create(book=story, category=collection, subcategory="Loan: Payments", name="Instalments")
    names = {name.text for name in ElementTree.fromstring(text(story, "tally").encode()).iter("LEDGERNAME")}
    assert {"Cash & Co", "Instalments", "Loan receipts", "Bank"} <= names
    assert not names & {"Cash", "Collection"}
    masters = ElementTree.fromstring(text(story, "tally-ledgers").encode())
    assert names <= {ledger.get("NAME") for ledger in masters.iter("LEDGER")}
    assert masters.find(".//LEDGER[@NAME='Cash & Co']").findtext("OPENINGBALANCE") == "-50000.00"


def test_two_days_alike_in_two_books_have_different_ids(db):
    books = [world.book("one"), world.book("two")]
    ids = []
    for book in books:
        world.post(book, "2024-01-15")
        ids += [v.get("REMOTEID") for v in ElementTree.fromstring(text(book, "tally")).iter("VOUCHER")]
    assert len(set(ids)) == 2


@pytest.mark.parametrize(
    ("name", "part"),
    [("cash", "Cash"), ("a  b--c", "A-b-c"), ("வட்டி", "X-வடட"), ("12%", "12"), ("::", "X"), ("ßeta", "X-ßeta")],
)
def test_beancount_names_begin_with_a_capital_or_a_digit(name, part):
    assert _part(name) == part


def test_export_journal_prints_and_refuses(story):
    out = io.StringIO()
    call_command("export_journal", "--book", "main-street", "--format", "hledger", "--to", "15-01-2024", stdout=out)
    assert "2024-01-15 * (e" in out.getvalue()
    assert "2024-01-16 *" not in out.getvalue()
    for options, word in (
        (["--format", "tally", "--book", "nowhere"], "no book"),
        (["--format", "tally", "--book", "main-street", "--from", "30-02-2024"], "calendar"),
        (["--format", "tally", "--book", "main-street", "--from", "2024-02-01", "--to", "2024-01-01"], "before it"),
    ):
        with pytest.raises(CommandError, match=word) as refused:
            call_command("export_journal", *options)
        assert refused.value.returncode == 1


def test_a_journal_of_an_unsound_day_book_is_refused(story):
    daybook.finish_pending(story.pk)
    AccountDay.objects.filter(book=story, date="2024-01-16").delete()
    with pytest.raises(ValidationError, match="16-01-2024 is not what its entries say"):
        text(story, "hledger")


# ------------------------------------------------------------------------------------------------ natures


@pytest.fixture
def lender(db):
    """A lender's month: capital in, loans out and collected, interest, tea, drawings; a category that moves money."""
    book = world.book(opening="0")
    Category.objects.create(book=book, name="Locker", direction="spent", nature="moved")
    world.post(book, "2024-03-30", "Capital received", "100000", subcategory="Ravi, senior: 50%")
    world.post(book, "2024-03-31", "Loan Disbursement", "40000", subcategory="Daily; loan")
    world.post(book, "2024-04-01", "Collection", "1500", subcategory="Loan Payments")
    world.post(book, "2024-04-01", "Income", "200", subcategory="Interest")
    world.post(book, "2024-04-02", "Expense", "50.50", subcategory="Tea")
    world.post(book, "2024-04-02", "Drawings", "3000", subcategory="Ravi")
    world.post(book, "2024-04-02", "Locker", "700")
    services.reverse(world.post(book, "2024-04-02", "Loan Disbursement", "999"), date=date(2024, 4, 2))
    return book


LENDERS_BALANCES = {
    "assets:cash:Cash": "57949.50",
    "assets:loans": "38500.00",
    "assets:moved": "700.00",
    "equity:capital:Ravi, senior∶ 50%": "-100000.00",
    "equity:drawings": "3000.00",
}


def hledger_balances(journal):
    result = subprocess.run(
        ["hledger", "-f", "-", "balance", "--flat", "-N", "-O", "csv"],
        input=journal,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return {name: amount.removesuffix(" INR") for name, amount in list(csv.reader(result.stdout.splitlines()))[1:]}


@needs_hledger
def test_loans_are_assets_and_capital_is_equity(lender):
    journal = text(lender, "hledger")
    assert hledger_check(journal) == ""
    earned = {"income:Income:Interest": "-200.00", "expenses:Expense:Tea": "50.50"}
    assert hledger_balances(journal) == LENDERS_BALANCES | earned
    assert "category: Loan Disbursement / Daily； loan" in journal
    assert "category: Capital received / Ravi， senior: 50%, mode: Cash" in journal


@needs_hledger
def test_a_year_begins_with_the_loans_and_the_capital_that_stood(lender):
    """Income and cost begin at nothing; what is lent and put in goes on, and the openings balance."""
    journal = text(lender, "hledger", date(2024, 4, 2))
    assert hledger_check(journal) == ""
    opening = {"equity:Opening balances": "-200.00"}  # what was earned before
    assert hledger_balances(journal) == LENDERS_BALANCES | opening | {"expenses:Expense:Tea": "50.50"}


@pytest.mark.parametrize("first", [None, date(2024, 4, 2)], ids=["whole", "with openings"])
def test_beancount_takes_every_nature(lender, first, tmp_path):
    journal = text(lender, "beancount", first)
    assert bean_check(journal, tmp_path) == ""
    assert " open Assets:Loans INR\n" in journal
    assert " open Equity:Capital:Ravi-senior-50 INR\n" in journal
    assert " open Equity:Drawings INR\n" in journal
    assert 'category: "Drawings / Ravi"' in journal


def test_tallys_ledgers_stand_in_the_groups_of_their_nature(lender):
    masters = ElementTree.fromstring(text(lender, "tally-ledgers", date(2024, 4, 2)).encode())
    groups = {
        row.get("NAME"): (row.findtext("PARENT"), row.findtext("OPENINGBALANCE")) for row in masters.iter("LEDGER")
    }
    assert groups == {
        "Cash": ("Cash-in-Hand", "-61700.00"),
        "Bank": ("Bank Accounts", None),
        "Collection": ("Loans & Advances (Asset)", "1500.00"),
        "Loan Disbursement": ("Loans & Advances (Asset)", "-40000.00"),
        "Capital received": ("Capital Account", "100000.00"),
        "Drawings": ("Capital Account", None),
        "Expense": ("Indirect Expenses", None),
        "Locker": ("Suspense A/c", None),
    }


NAMES = [
    "",
    "Tea",
    "tea",
    "a:b",
    "a;b",
    "a, b",
    "=1+1",
    "வட்டி",
    "50%",
    "x  y",
    "loans",
    "capital",
    "drawings",
    "::",
    "'\"",
]


@needs_hledger
@pytest.mark.parametrize("nature", Nature)
def test_odd_subcategories_of_every_nature_are_proved(db, nature, tmp_path):
    book = world.book(opening="10")
    way = "received" if natures.fits(nature, "received") else "spent"
    kind = Category.objects.create(book=book, name="loans; a: b, c", direction=way, nature=nature)
    for number, name in enumerate(NAMES):
        for day in ("2024-01-15", "2024-01-16"):
            world.post(book, day, kind.name, f"{number + 1}.01", subcategory=name)
    for first in (None, date(2024, 1, 16)):
        assert hledger_check(text(book, "hledger", first)) == ""
        assert bean_check(text(book, "beancount", first), tmp_path) == ""
