"""A database of every earlier state upgrades to the newest with each entry and each figure as it was."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from ledger import daybook
from ledger.models import Book, LedgerEntry
from tests.ledger import earlier_books


def earlier_states():
    """The names of the ledger's migrations but for the newest."""
    names = sorted(name for app, name in MigrationLoader(None).disk_migrations if app == "ledger")
    return names[:-1]


@pytest.fixture
def newest_afterwards():
    yield
    call_command("flush", interactive=False, verbosity=0)
    call_command("migrate", verbosity=0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("state", earlier_states())
def test_a_database_of_an_earlier_state_keeps_every_figure(newest_afterwards, state):
    call_command("migrate", "ledger", state, verbosity=0)
    apps = MigrationLoader(connection).project_state(("ledger", state)).apps
    plain_books = earlier_books.fill(apps)
    call_command("migrate", verbosity=0)

    for slug, plain in plain_books.items():
        book = Book.objects.get(slug=slug)
        assert LedgerEntry.objects.filter(book=book).count() == len(plain.entries)
        assert daybook.differences(book) == []
        last = earlier_books.FIRST + timedelta(days=earlier_books.DAYS - 1)
        for day in daybook.day_books(book, earlier_books.FIRST, last):
            wanted = plain.day(day.date)
            assert (day.opening_balance, day.closing_balance) == (wanted.opening, wanted.closing)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM dc_ledger_entries")
        assert cursor.fetchone()[0] == sum(len(plain.entries) for plain in plain_books.values())
