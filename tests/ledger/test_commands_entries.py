"""open_book, transfer and reverse_entry as scripts use them."""

import json
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from ledger import closing, daybook
from ledger.models import AccountTransfer, LedgerEntry
from shop.models import Book
from tests import world

pytestmark = pytest.mark.django_db


def answer(*arguments):
    """The JSON document that a command prints."""
    out = StringIO()
    call_command(*arguments, "--json", stdout=out, stderr=StringIO())
    return json.loads(out.getvalue())


def refusal(*arguments):
    """What a command says when it refuses; it exits with 1."""
    with pytest.raises(CommandError) as refused:
        call_command(*arguments, stdout=StringIO(), stderr=StringIO())
    assert refused.value.returncode == 1
    return str(refused.value)


def test_open_book_makes_a_book_with_its_accounts():
    accounts = ("--account", "Cash:cash:50,000", "--account", "HDFC: current:bank:-20.50")
    document = answer("open_book", "main", "--name", "Main", "--begins", "01-04-2024", *accounts)
    assert document == {
        "book": "main",
        "name": "Main",
        "begins_on": "2024-04-01",
        "time_zone": "Asia/Kolkata",
        "accounts": [
            {"account": "Cash", "kind": "cash", "opening_balance": "50000.00"},
            {"account": "HDFC: current", "kind": "bank", "opening_balance": "-20.50"},
        ],
    }
    assert Book.objects.get().categories.count() == 10


def test_open_book_without_accounts_has_one_cash_box():
    assert answer("open_book", "main", "--name", "Main")["accounts"] == [
        {"account": "Cash", "kind": "cash", "opening_balance": "0.00"}
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--account", "Cash"), "write NAME:KIND:OPENING"),
        (("--account", "Cash:gold:5"), "KIND is one of cash, bank, upi, card"),
        (("--account", "Cash:cash:1,2,3"), "is not an amount"),
        (("--account", "A:cash:1", "--account", "a:cash:1"), "of this name already"),
        (("--begins", "30-02-2024"), "There is no 30-02-2024"),
        (("--time-zone", "Mars/Olympus"), "is no time zone"),
        (("--owner", "nobody"), "There is no login 'nobody'"),
    ],
)
def test_open_book_refuses_and_leaves_nothing(options, said):
    assert said in refusal("open_book", "main", "--name", "Main", *options)
    assert not Book.objects.exists()


def test_open_book_refuses_a_taken_short_name():
    world.book("main")
    assert "short name is there already" in refusal("open_book", "main", "--name", "Main")


def test_transfer_moves_between_accounts():
    book = world.book()
    moved = ("transfer", "--book", book.slug, "--from", "cash", "--to", "Bank", "--amount", "4,000")
    document = answer(*moved, "--date", "15-01-2024", "--narration", "deposit")
    assert (document["date"], document["amount"], document["from"]) == ("2024-01-15", "4000.00", "Cash")
    assert AccountTransfer.objects.get().narration == "deposit"
    assert answer(*moved)["date"] == book.today().isoformat()
    assert "amount" in refusal(*moved[:-1], "0")
    assert "is in the future" in refusal(*moved, "--date", "2150-01-01")
    assert answer(*moved, "--date", "2150-01-01", "--allow-future")["date"] == "2150-01-01"
    assert "There is no account 'Till'" in refusal(*moved, "--from", "Till")


def test_transfer_on_a_closed_day_needs_adjust():
    book = world.book()
    closing.close_day(book, date(2024, 1, 20))
    moved = ("transfer", "--book", book.slug, "--from", "Cash", "--to", "Bank", "--amount", "5", "--date", "2024-01-15")
    assert "is closed" in refusal(*moved)
    document = answer(*moved, "--adjust")
    assert (document["date"], document["adjusts_date"]) == ("2024-01-21", "2024-01-15")


def test_reverse_entry_takes_an_entry_back_once():
    book = world.book()
    entry = world.post(book, "2024-01-15")
    reverse = ("reverse_entry", str(entry.pk), "--date", "16-01-2024", "--reason", "Typed twice")
    document = answer(*reverse)
    assert (document["reverses"], document["date"], document["amount"]) == (entry.pk, "2024-01-16", "500.00")
    assert answer(*reverse)["id"] == document["id"]
    assert daybook.day_book_on(book, date(2024, 1, 16)).closing_balance == Decimal(50000)
    assert LedgerEntry.objects.count() == 2


def test_reverse_entry_names_what_it_cannot_find():
    people = world.cast()
    entry = world.post(people.main, "2024-01-15")
    assert f"There is no entry {entry.pk + 1}" in refusal("reverse_entry", str(entry.pk + 1))
    assert "There is no entry" in refusal("reverse_entry", str(2**70))
    assert "in other-road" in refusal("reverse_entry", str(entry.pk), "--book", "other-road")
    assert "role of 'meena'" in refusal("reverse_entry", str(entry.pk), "--user", "meena")
