"""The day book: worked stories, from the first entry to one typed weeks late."""

from datetime import date
from decimal import Decimal

import pytest

from ledger import closing, daybook, services
from ledger.models import Account, AccountTransfer, DayBook, DayChange
from tests import world

pytestmark = pytest.mark.django_db


def figures(book, on):
    day = daybook.day_book_on(book, date.fromisoformat(on))
    return [str(n) for n in (day.opening_balance, day.total_received, day.total_spent, day.closing_balance)]


@pytest.fixture
def book():
    return world.book()


@pytest.fixture
def worked_example(book):
    world.post(book, "2024-01-15", "Collection", "5000", subcategory="Loan Payments")
    world.post(book, "2024-01-15", "Income", "1500", subcategory="Interest")
    world.post(book, "2024-01-15", "Expense", "2000", subcategory="Office Supplies")
    return book


def test_worked_example(worked_example):
    day = daybook.day_book_on(worked_example, date(2024, 1, 15))
    assert figures(worked_example, "2024-01-15") == ["50000.00", "6500.00", "2000.00", "54500.00"]
    assert [
        (d.transaction_type, str(d.category), d.subcategory, d.amount, d.transaction_count) for d in day.details
    ] == [
        ("COLLECTION", "Collection", "Loan Payments", Decimal("5000.00"), 1),
        ("COLLECTION", "Income", "Interest", Decimal("1500.00"), 1),
        ("EXPENSE", "Expense", "Office Supplies", Decimal("2000.00"), 1),
    ]


def test_late_entry_moves_every_later_closing_and_its_deletion_moves_them_back(worked_example):
    assert figures(worked_example, "2024-01-20")[3] == "54500.00"
    late = world.post(worked_example, "2024-01-10", amount="1000")
    assert figures(worked_example, "2024-01-10") == ["50000.00", "1000.00", "0.00", "51000.00"]
    assert figures(worked_example, "2024-01-15") == ["51000.00", "6500.00", "2000.00", "55500.00"]
    assert figures(worked_example, "2024-01-20")[3] == "55500.00"
    services.delete(late)
    assert figures(worked_example, "2024-01-15")[3] == "54500.00"
    assert figures(worked_example, "2024-01-20")[3] == "54500.00"
    assert daybook.differences(worked_example) == []


def test_reversal_counts_against_its_category(worked_example):
    entry = world.post(worked_example, "2024-01-16", amount="300")
    back = services.reverse(entry, date=date(2024, 1, 17))
    assert figures(worked_example, "2024-01-17") == ["54800.00", "-300.00", "0.00", "54500.00"]
    assert services.reverse(entry, date=date(2024, 1, 18)) == back
    assert daybook.differences(worked_example) == []


def test_transfer_moves_accounts_and_is_neither_received_nor_spent(worked_example):
    cash, bank = Account.objects.filter(book=worked_example)
    services.transfer(
        book=worked_example, date=date(2024, 1, 15), from_account=cash, to_account=bank, amount=Decimal("4000")
    )
    day = daybook.day_book_on(worked_example, date(2024, 1, 15))
    assert day.closing_balance == Decimal("54500.00")
    assert [(str(a.account), a.transferred, a.closing_balance) for a in day.accounts] == [
        ("Cash", Decimal("-4000.00"), Decimal("50500.00")),
        ("Bank", Decimal("4000.00"), Decimal("4000.00")),
    ]
    assert AccountTransfer.objects.count() == 1


def test_opening_balance_and_direction_move_every_day(worked_example):
    cash = Account.objects.get(book=worked_example, name="Cash")
    cash.opening_balance = Decimal("60000")
    cash.save()
    assert figures(worked_example, "2024-01-15")[3] == "64500.00"
    income = world.category(worked_example, "Income")
    income.direction = "spent"
    income.save()
    assert figures(worked_example, "2024-01-15") == ["60000.00", "5000.00", "3500.00", "61500.00"]
    assert daybook.differences(worked_example) == []


def test_closed_day_refuses_and_adjusts(worked_example):
    closing.close_day(worked_example, date(2024, 1, 15))
    worked_example.refresh_from_db()
    with pytest.raises(daybook.ClosedDay) as refused:
        world.post(worked_example, "2024-01-03")
    assert refused.value.first_open_date == date(2024, 1, 16)
    entry = world.post(worked_example, "2024-01-03", adjust=True)
    assert (entry.date, entry.adjusts_date) == (date(2024, 1, 16), date(2024, 1, 3))
    assert figures(worked_example, "2024-01-15")[3] == "54500.00"


def test_counted_shortage_opens_tomorrow_at_what_was_counted(worked_example):
    cash = Account.objects.get(book=worked_example, name="Cash")
    closing.close_day(worked_example, date(2024, 1, 15), counts=[closing.Count(cash, Decimal("54350"))])
    assert figures(worked_example, "2024-01-16")[0] == "54350.00"
    assert daybook.differences(worked_example) == []


def test_same_submission_twice_posts_once_and_a_changed_one_corrects(book):
    first = world.post(book, "2024-01-15", source="staff", source_ref="form-1")
    again = world.post(book, "2024-01-15", source="staff", source_ref="form-1", amount="700")
    assert first.pk == again.pk
    assert figures(book, "2024-01-15")[1] == "700.00"


def test_moved_entry_leaves_one_day_and_enters_the_other(book):
    entry = world.post(book, "2024-01-15")
    services.edit(entry, date=date(2024, 1, 12))
    assert figures(book, "2024-01-12")[1] == "500.00"
    assert figures(book, "2024-01-15")[1] == "0.00"
    assert not DayChange.objects.exists()


def test_days_without_entries_carry_and_are_stored(book):
    world.post(book, "2024-01-01")
    days = daybook.day_books(book, date(2023, 12, 30), date(2024, 1, 5))
    assert [str(day.closing_balance) for day in days] == ["50000.00", "50000.00"] + ["50500.00"] * 5
    assert DayBook.objects.filter(book=book, date__range=("2024-01-01", "2024-01-05")).count() == 5
    world.post(book, "2024-01-03", amount="1")
    assert figures(book, "2024-01-05")[0] == "50501.00"
    assert daybook.differences(book) == []


def test_a_tampered_day_is_named(book):
    world.post(book, "2024-01-01")
    daybook.finish_pending(book.pk)
    DayBook.objects.update(opening_balance=Decimal("1"), closing_balance=Decimal("501"))
    assert daybook.differences(book) == [
        "2024-01-01 day: stored 1.00 500.00 0.00 501.00, the entries say 50000.00 500.00 0.00 50500.00"
    ]


def test_an_accounts_balance_is_right_on_any_day_however_long_ago_it_last_moved(book):
    cash, bank = Account.objects.filter(book=book)
    world.post(book, "2019-12-31", amount="10.10")
    world.post(book, "2020-02-29", amount="5", account=bank)
    late = world.post(book, "2024-01-31", "Expense", "3.05")
    services.transfer(
        book=book, date=date(2024, 2, 1), from_account=cash, to_account=bank, amount=Decimal("7"), narration="to bank"
    )

    def balances(on):
        return [str(a.closing_balance) for a in daybook.day_book_on(book, date.fromisoformat(on)).accounts]

    assert balances("2019-12-30") == ["50000.00", "0.00"]
    assert balances("2020-02-28") == ["50010.10", "0.00"]
    assert balances("2024-01-30") == ["50010.10", "5.00"]
    assert balances("2024-01-31") == ["50007.05", "5.00"]
    assert balances("2024-03-15") == ["50000.05", "12.00"]
    services.edit(late, date=date(2023, 12, 31))
    assert balances("2024-01-01") == ["50007.05", "5.00"]
    services.delete(late)
    assert balances("2024-03-15") == ["50003.10", "12.00"]
    assert daybook.differences(book) == []
    daybook.rebuild(book.pk, date(2020, 2, 15))
    assert balances("2024-03-15") == ["50003.10", "12.00"]
    assert daybook.differences(book) == []
