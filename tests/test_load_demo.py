"""Demo books: believable, the same for the same seed, right to the paisa, and never in the way of real ones."""

import io
import json
import random
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from ledger import closing, daybook, demo, services
from ledger.models import AccountTransfer, DayChange, DayClose, DayCloseCount, LedgerEntry
from lendbook import verifying
from lendbook.management.commands.load_demo import LOGINS, Scene
from shop.models import Book, BookMember
from tests import world
from trackers.demo import CUSTOMERS
from trackers.models import Tracker

pytestmark = pytest.mark.django_db


def load(*options):
    out = io.StringIO()
    call_command("load_demo", "--json", *options, stdout=out)
    return json.loads(out.getvalue())


def test_demo_book_has_all_that_a_shop_has_and_is_right():
    answer = load("--books", "2", "--days", "30")
    assert [row["slug"] for row in answer["books"]] == ["murugan-finance", "lakshmi-finance"]
    assert not DayChange.objects.exists()
    for book in Book.objects.all():
        entries = LedgerEntry.objects.filter(book=book)
        assert book.is_demo
        assert book.members.count() == 4
        assert {account.kind for account in book.accounts.all()} == {"cash", "bank", "upi", "card"}
        assert entries.exclude(subcategory="").exists()
        assert entries.filter(adjusts_date__isnull=False, date=book.closed_through + timedelta(days=1)).exists()
        assert entries.filter(reversal_of__isnull=False).count() == 1
        assert entries.filter(deleted_at__isnull=False).count() == 1
        assert any(entry.created_at.date() > entry.date + timedelta(days=2) for entry in entries)
        assert AccountTransfer.objects.filter(book=book).exists()
        counts = DayCloseCount.objects.filter(day_close__book=book)
        assert {count.difference for count in counts} == {Decimal(0), Decimal("-150.00")}
        assert DayClose.objects.filter(book=book, signed_at=None).count() == 1
        assert daybook.differences(book) == []
        days = daybook.day_books(book, book.begins_on, book.today())
        assert min(account.closing_balance for day in days for account in day.accounts) >= 0
        assert all(entry.history.count() for entry in entries)


def test_demo_book_has_trackers_of_all_kinds_and_states():
    load("--books", "1", "--days", "30")
    book = Book.objects.get()
    trackers = list(Tracker.objects.filter(book=book).select_related("customer"))
    assert len(trackers) == 9  # README's tour goes on with number 19, after two such books
    assert {tracker.tracker_type for tracker in trackers} == {"50K", "1L", "NO_REINVEST"}
    of_murugan = {tracker.tracker_type: tracker for tracker in trackers if tracker.customer.user.username == "murugan"}
    assert len(of_murugan) == 3
    behind, ahead, closed = (of_murugan[kind] for kind in ("50K", "1L", "NO_REINVEST"))
    assert (behind.standing().arrears > 0, ahead.standing().advance > 0, closed.closing) == (True, True, "paid")
    assert {tracker.closing for tracker in trackers} == {"", "paid", "renewed"}
    standings = [tracker.standing() for tracker in trackers if tracker.is_active]
    assert any(standing.days_past_due > 30 for standing in standings)
    assert any(standing.advance for standing in standings)
    assert any(tracker.customer.agent for tracker in trackers)
    assert verifying.verify([book]).is_sound


def test_a_second_time_changes_nothing():
    assert load("--books", "1", "--days", "10") == load("--books", "1", "--days", "40", "--seed", "9")
    assert Book.objects.count() == 1
    assert get_user_model().objects.count() == len(LOGINS) + len(CUSTOMERS)


def test_the_same_seed_makes_the_same_entries():
    people = {role: world.person(role) for role in ("owner", "staff", "agent", "auditor")}
    today, seen = timezone.localdate(), []
    for slug, seed in (("a", 7), ("b", 7), ("c", 8)):
        first = today - timedelta(days=19)
        book = services.open_book(slug=slug, name=slug, begins_on=first, accounts=demo.accounts_of(0), is_demo=True)
        demo.fill(Scene(book, people, 20, first, today, timezone.now(), 0, random.Random(seed)))
        rows = LedgerEntry.objects.filter(book=book).order_by("id")
        seen.append(list(rows.values_list("date", "amount", "narration", "category__name", "created_by__username")))
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]


@pytest.mark.parametrize("days", [1, 2, 8])
def test_few_days_will_do(days):
    load("--books", "1", "--days", str(days))
    assert daybook.differences(Book.objects.get()) == []


def test_people_can_log_in_with_what_was_printed():
    for row in load("--books", "1", "--days", "3")["logins"]:
        assert authenticate(username=row["login"], password=row["password"])
    agent = get_user_model().objects.get(username="agent")
    assert agent.cash_accounts.get().name == "Selvam's bag"


def refusal(*options):
    with pytest.raises(CommandError) as refused:
        load(*options)
    return refused.value


def test_a_book_that_is_no_demo_stays_as_it_is():
    world.book("murugan-finance")
    assert "no demo book" in str(refusal())
    assert not LedgerEntry.objects.exists()


def test_a_login_of_real_work_is_not_taken():
    book = world.book(owner=world.person("owner"))
    assert "works in a book that is no demo book" in str(refusal())
    BookMember.objects.filter(book=book).delete()
    get_user_model().objects.update(is_superuser=True)
    assert "may do everything" in str(refusal())


def test_prod_takes_no_demo(settings):
    settings.PROD = True
    assert "prod takes none" in str(refusal())


def test_wrong_use_is_told():
    for options in (("--books", "0"), ("--days", "0"), ("--days", "100000")):
        assert refusal(*options).returncode == 2


def test_a_closed_demo_book_can_be_worked_on():
    load("--books", "1", "--days", "20")
    book = Book.objects.get()
    closing.close_day(book, book.today())
    assert load("--books", "1", "--days", "20")["books"][0]["entries"] > 100
