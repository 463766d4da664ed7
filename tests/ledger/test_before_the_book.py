"""Days before a book begins show nothing: its openings stand on the morning of its first day."""

import csv
import io
import json
from datetime import date
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.urls import reverse

from ledger import book_setup, daybook, journals, reports
from ledger.models import DayBook
from tests import world

pytestmark = pytest.mark.django_db

BEGINS = date(2024, 1, 10)
EVE = date(2024, 1, 9)


@pytest.fixture
def people():
    people = world.cast()
    people.main.begins_on = BEGINS
    people.main.save()
    world.post(people.main, "2024-01-12")
    return people


@pytest.fixture
def asha(people, client):
    client.force_login(people.asha)
    return client


def test_the_days_up_to_the_eve_hold_nothing_and_the_first_one_opens(people):
    days = daybook.day_books(people.main, date(2024, 1, 8), date(2024, 1, 11))
    assert [(day.opening_balance, day.closing_balance, len(day.accounts)) for day in days] == [
        (0, 0, 0),
        (0, 0, 0),
        (50000, 50000, 3),
        (50000, 50000, 3),
    ]
    assert DayBook.objects.order_by("date").first().date == BEGINS
    assert daybook.account_balances(people.main, EVE) == {}


def test_the_page_of_such_a_day_says_when_the_book_begins(asha, people):
    page = asha.get(reverse("ledger:day_book", args=["main-street", EVE])).content.decode()
    assert "The book begins on 10-01-2024." in page
    assert "50,000" not in page
    assert "Type an entry" not in page
    assert "50,000" in asha.get(reverse("ledger:day_book", args=["main-street", BEGINS])).content.decode()


def test_json_and_files_say_nothing_of_it_either(asha, people):
    where = reverse("ledger:day_book", args=["main-street", EVE])
    (shape,) = asha.get(where, {"format": "json"}).json()
    assert (shape["opening_balance"], shape["closing_balance"], shape["accounts"]) == ("0.00", "0.00", [])
    text = b"".join(asha.get(where, {"format": "csv"})).decode("utf-8-sig")
    assert {row["Balance"] for row in csv.DictReader(io.StringIO(text))} == {"0.00"}
    out = io.StringIO()
    call_command("day_book", "--book", "main-street", "--date", str(EVE), "--json", stdout=out)
    assert json.loads(out.getvalue())[0]["closing_balance"] == "0.00"


def test_a_month_before_is_empty_and_the_month_of_the_beginning_opens_with_what_was_brought_in(people):
    before = reports.period(people.main, date(2023, 12, 1), date(2023, 12, 31))
    assert (before.opening_balance, before.closing_balance, before.accounts) == (0, 0, [])
    month = reports.period(people.main, date(2024, 1, 1), date(2024, 1, 31))
    assert (month.opening_balance, month.closing_balance) == (50000, 50500)


def test_an_account_opens_on_the_first_day_of_the_book(asha, people):
    cash = people.main.accounts.get(name="Cash")
    assert reports.account_book(cash, date(2023, 12, 1), date(2023, 12, 31)) == (Decimal(0), [])
    where = reverse("ledger:account_book", args=["main-street", cash.pk])
    text = b"".join(asha.get(where, {"from": "2024-01-01", "to": "2024-01-31", "format": "csv"})).decode("utf-8-sig")
    assert text.splitlines()[1].startswith("2024-01-10,Opening")


def test_a_journal_opens_where_the_book_begins(people):
    with journals.read(people.main, date(2024, 1, 1), date(2024, 1, 31)) as journal:
        assert (journal.first, sum(journal.openings.values())) == (BEGINS, 50000)
    with journals.read(people.main, date(2023, 12, 1), date(2023, 12, 31)) as journal:
        assert not any(journal.openings.values())


def test_a_book_that_begins_later_than_it_did_forgets_the_quiet_days_before(people):
    daybook.day_books(people.main, BEGINS, date(2024, 1, 12))
    people.main.begins_on = date(2024, 1, 12)
    book_setup.save_book(people.main)
    assert DayBook.objects.order_by("date").first().date == date(2024, 1, 12)
    assert daybook.differences(people.main) == []


def test_a_book_without_a_first_day_carries_its_opening_through_all_days(people):
    assert daybook.day_book_on(people.other, date(2020, 1, 1)).closing_balance == 50000
