"""The SQL views that reports and dashboards read: exact rupees, nothing of the bin, nothing to write through."""

from datetime import date
from decimal import Decimal

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from ledger import daybook, services
from ledger.report_views import VIEWS
from tests import world

pytestmark = pytest.mark.django_db


def rows(query, *parameters):
    """The rows of a query as dicts, amounts as the database hands them out."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def exact(text):
    """The value that this database must hand out for so many rupees: a Decimal, or SQLite's text."""
    return Decimal(text) if connection.vendor == "postgresql" else text


@pytest.fixture
def book():
    return world.book()


def test_entries_are_in_rupees_with_their_names(book):
    entry = world.post(
        book, "2024-01-15", "Expense", "2000.05", subcategory="Office Supplies", narration="Paper", reference="B-7"
    )
    row = rows("SELECT * FROM dc_ledger_entries")[0]
    assert row.pop("created_at")
    assert str(row.pop("date")) == "2024-01-15"
    assert row == {
        "id": entry.pk,
        "parent_membership_id": book.pk,
        "book": "main-street",
        "account": "Cash",
        "account_kind": "cash",
        "category": "Expense",
        "subcategory": "Office Supplies",
        "direction": "spent",
        "nature": "cost",
        "transaction_type": "EXPENSE",
        "amount": exact("2000.05"),
        "payment_mode": "Cash",
        "narration": "Paper",
        "reference": "B-7",
        "source": "",
        "source_ref": "",
        "reversal_of_id": None,
        "adjusts_date": None,
        "created_by_id": None,
    }


def test_what_is_in_the_bin_does_not_appear_and_a_reversal_counts_against(book):
    services.delete(world.post(book, "2024-01-15", amount="1"))
    reversed_entry = world.post(book, "2024-01-15", amount="0.05")
    services.reverse(reversed_entry, date=date(2024, 1, 16))
    amounts = [row["amount"] for row in rows("SELECT amount FROM dc_ledger_entries ORDER BY date")]
    assert amounts == [exact("0.05"), exact("-0.05")]


def test_the_largest_amounts_come_out_to_the_paisa(book):
    world.post(book, "2024-01-15", amount="99999999999.99")
    world.post(book, "2024-01-15", amount="99999999999.98")
    daybook.finish_pending(book.pk)
    day = rows("SELECT * FROM dc_day_book WHERE date = %s", "2024-01-15")[0]
    assert day["total_received"] == exact("199999999999.97")
    assert day["closing_balance"] == exact("200000049999.97")


def test_days_and_details_agree_with_the_day_book(book):
    world.post(book, "2024-01-15", "Collection", "5000", subcategory="Loan Payments")
    world.post(book, "2024-01-15", "Expense", "60000.50")
    daybook.finish_pending(book.pk)
    day = rows("SELECT * FROM dc_day_book")[0]
    assert (day["parent_membership_id"], day["book"], bool(day["pending"])) == (book.pk, "main-street", False)
    balances = [day[name] for name in ("opening_balance", "total_received", "total_spent", "closing_balance")]
    assert balances == [exact("50000.00"), exact("5000.00"), exact("60000.50"), exact("-5000.50")]
    details = rows("SELECT * FROM dc_day_book_details ORDER BY transaction_type")
    assert [
        (d["day_book_id"], d["transaction_type"], d["category"], d["subcategory"], d["amount"], d["transaction_count"])
        for d in details
    ] == [
        (day["id"], "COLLECTION", "Collection", "Loan Payments", exact("5000.00"), 1),
        (day["id"], "EXPENSE", "Expense", "", exact("60000.50"), 1),
    ]


def test_a_day_that_has_still_to_be_computed_says_so(book):
    world.post(book, "2024-01-10")
    world.post(book, "2024-01-20")
    daybook.finish_pending(book.pk)
    world.post(book, "2024-01-15")
    pending = {str(row["date"]): bool(row["pending"]) for row in rows("SELECT date, pending FROM dc_day_book")}
    assert pending == {"2024-01-10": False, "2024-01-20": True}


@pytest.mark.parametrize("view", VIEWS.names)
def test_nobody_writes_through_a_view(book, view):
    world.post(book, "2024-01-15")
    daybook.finish_pending(book.pk)
    for statement in (f"DELETE FROM {view}", f"UPDATE {view} SET id = 7"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert rows(f"SELECT * FROM {view}")


def test_migrate_puts_missing_views_up_and_leaves_standing_ones(book):
    VIEWS.drop()
    call_command("migrate", verbosity=0)
    assert rows("SELECT * FROM dc_day_book") == []
    VIEWS._before_migrate(apps.get_app_config("ledger"), "default", plan=[])
    assert rows("SELECT * FROM dc_day_book") == []
