"""The commands of the day book, as scripts call them."""

import io
import json
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from ledger import closing, daybook
from ledger.models import Account, DayBook
from tests import world

CHECKOUT = Path(__file__).resolve().parents[2]


def answer(*arguments, error=None):
    """The JSON document that a command prints; with `error`, a word of the CommandError it must raise."""
    out = io.StringIO()
    if error:
        with pytest.raises(CommandError, match=error) as refused:
            call_command(*arguments, "--json", stdout=out)
        assert refused.value.returncode == 1
    else:
        call_command(*arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture
def book(db):
    book = world.book()
    world.post(book, "2024-01-15", "Collection", "5000", subcategory="Loan Payments")
    world.post(book, "2024-01-15", "Income", "1500", subcategory="Interest")
    world.post(book, "2024-01-15", "Expense", "2000", subcategory="Office Supplies")
    return book


def test_day_book_prints_the_worked_example(book):
    assert answer("day_book", "--book", "main-street", "--date", "15-01-2024") == [
        {
            "date": "2024-01-15",
            "opening_balance": "50000.00",
            "total_received": "6500.00",
            "total_spent": "2000.00",
            "closing_balance": "54500.00",
            "details": [
                {
                    "transaction_type": kind,
                    "category": category,
                    "subcategory": subcategory,
                    "amount": amount,
                    "transaction_count": 1,
                }
                for kind, category, subcategory, amount in (
                    ("COLLECTION", "Collection", "Loan Payments", "5000.00"),
                    ("COLLECTION", "Income", "Interest", "1500.00"),
                    ("EXPENSE", "Expense", "Office Supplies", "2000.00"),
                )
            ],
            "accounts": [
                {
                    "account": "Cash",
                    "opening_balance": "50000.00",
                    "received": "6500.00",
                    "spent": "2000.00",
                    "transferred": "0.00",
                    "closing_balance": "54500.00",
                },
                {
                    "account": "Bank",
                    "opening_balance": "0.00",
                    "received": "0.00",
                    "spent": "0.00",
                    "transferred": "0.00",
                    "closing_balance": "0.00",
                },
            ],
            "closed": False,
        }
    ]


def test_day_book_has_one_item_for_every_day_of_a_range(book):
    days = answer("day_book", "--book", "main-street", "--from", "2024-01-14", "--to", "2024-01-17")
    assert [(day["date"][-2:], day["closing_balance"]) for day in days] == [
        ("14", "50000.00"),
        ("15", "54500.00"),
        ("16", "54500.00"),
        ("17", "54500.00"),
    ]


def test_day_book_for_people_shows_the_figures(book):
    out = io.StringIO()
    call_command("day_book", "--book", "main-street", "--date", "2024-01-15", stdout=out)
    assert "Collection / Loan Payments (1)" in out.getvalue()
    assert "54,500.00" in out.getvalue()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--book", "nowhere", "--date", "2024-01-15"], "no book 'nowhere'. Books here: main-street"),
        (["--book", "main-street", "--date", "30-02-2024"], "calendar"),
        (["--book", "main-street", "--date", "soon"], "not a date"),
        (["--book", "main-street", "--date", "9999-12-31"], "out of reach"),
        (["--book", "main-street", "--from", "2024-01-15", "--to", "2024-01-14"], "before it begins"),
    ],
)
def test_refused_input_is_said_in_json_too(book, options, word):
    assert word in answer("day_book", *options, error=word)["error"]


@pytest.mark.parametrize(
    "options", [[], ["--from", "2024-01-15"], ["--date", "2024-01-15", "--from", "2024-01-15", "--to", "2024-01-15"]]
)
def test_half_a_range_is_wrong_use(book, options):
    with pytest.raises(CommandError, match="Give either") as wrong:
        call_command("day_book", "--book", "main-street", *options)
    assert wrong.value.returncode == 2


def test_rebuild_check_names_a_tampered_day_and_rebuild_mends_it(book):
    daybook.day_book_on(book, date(2024, 1, 15))
    DayBook.objects.filter(date="2024-01-15").update(opening_balance=Decimal("1"), closing_balance=Decimal("4501"))
    found = answer("rebuild_day_books", "--book", "main-street", "--check", error="1 differences")
    assert found["differences"] == 1
    assert found["books"][0]["differences"][0].startswith("2024-01-15 day: stored 1.00")
    answer("rebuild_day_books")
    assert answer("rebuild_day_books", "--check")["differences"] == 0


def test_check_finishes_what_is_pending_and_is_then_sound(book):
    world.post(book, "2024-01-10", amount="1000")
    assert answer("rebuild_day_books", "--check", "--from", "2024-01-01")["books"][0]["differences"] == []


def test_close_day_posts_the_difference_and_reopen_day_opens_it(book):
    closed = answer("close_day", "--book", "main-street", "--date", "2024-01-15", "--count", "cash:54350")
    assert closed["closed_through"] == "2024-01-15"
    assert closed["counts"] == [
        {"account": "Cash", "expected": "54500.00", "counted": "54350.00", "difference": "-150.00"}
    ]
    assert answer("day_book", "--book", "main-street", "--date", "2024-01-16")[0]["opening_balance"] == "54350.00"
    answer("close_day", "--book", "main-street", "--date", "2024-01-14", error="closed through 15-01-2024 already")
    opened = answer("reopen_day", "--book", "main-street", "--date", "2024-01-15", "--reason", "A receipt was found")
    withdrawn = ["Cash Short 150.00 of 15-01-2024"]
    reopened = {"closed_through": "2024-01-14", "reopened": ["2024-01-15"], "withdrawn": withdrawn}
    assert opened == {"book": "main-street", **reopened}
    assert answer("day_book", "--book", "main-street", "--date", "2024-01-16")[0]["opening_balance"] == "54500.00"
    answer("reopen_day", "--book", "main-street", "--date", "2024-01-15", "--reason", "again", error="open already")


def test_close_day_charges_an_agents_account(book):
    bag = Account.objects.create(book=book, name="Bag: Kumar", kind="cash")
    answer(
        *("close_day", "--book", "main-street", "--date", "2024-01-15"),
        *("--count", "Cash:54350", "--charge", "Cash:Bag: Kumar"),
        error="which no --count names",
    )
    bag.name = "Bag"
    bag.save()
    answer(
        *("close_day", "--book", "main-street", "--date", "2024-01-15", "--count", "Cash:54350", "--charge", "Cash:Bag")
    )
    accounts = answer("day_book", "--book", "main-street", "--date", "2024-01-15")[0]["accounts"]
    assert [(a["account"], a["closing_balance"]) for a in accounts] == [
        ("Cash", "54350.00"),
        ("Bank", "0.00"),
        ("Bag", "150.00"),
    ]


def test_a_named_person_needs_the_role(db):
    cast = world.cast()
    closing.close_day(cast.main, date(2024, 1, 15))
    for login, word in (("ravi", "does not allow"), ("charlie", "does not allow"), ("nobody", "no login")):
        answer(
            *("reopen_day", "--book", "main-street", "--date", "2024-01-15", "--reason", "why not", "--user", login),
            error=word,
        )
    answer("reopen_day", "--book", "main-street", "--date", "2024-01-15", "--reason", "found", "--user", "asha")


def test_exit_codes_reach_the_shell(tmp_path):
    """0, 1 and 2 from a real process on an instance of its own, never a traceback."""
    environment = {
        **os.environ,
        "LENDBOOK_INSTANCE": "testing",
        "LENDBOOK_DATA_DIR": str(tmp_path),
        "DATABASE_URL": "",
        "REDIS_URL": "",
    }

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=CHECKOUT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    before = run("day_book", "--book", "shop", "--date", "2024-01-15", "--json")
    assert (before.returncode, json.loads(before.stdout)["error"][:12]) == (1, "The database")
    assert run("migrate", "--verbosity", "0").returncode == 0
    refused = run("day_book", "--book", "shop", "--date", "2024-01-15", "--json")
    assert refused.returncode == 1
    assert "There is no book 'shop'" in json.loads(refused.stdout)["error"]
    wrong = run("day_book", "--json")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert run("rebuild_day_books", "--check").returncode == 0
    assert not any("Traceback" in result.stderr for result in (before, refused, wrong))
