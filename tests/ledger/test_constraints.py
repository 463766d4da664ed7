"""What the database itself refuses, whoever writes past the services: tried with plain SQL on the engine at hand."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from ledger import daybook, services
from ledger.models import Account, LedgerEntry
from tests import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def book():
    """Two days with an entry each, of one source, the second reversed and that taken back; one transfer."""
    book = world.book()
    world.post(book, "2024-01-15", source="form", source_ref="1", subcategory="A")
    world.post(book, "2024-01-15", "Expense", source="form", source_ref="2")
    world.post(book, "2024-01-16", source="form", source_ref="3")
    cash, bank = Account.objects.filter(book=book)
    services.transfer(book=book, date=date(2024, 1, 15), from_account=cash, to_account=bank, amount=Decimal(5))
    daybook.finish_pending(book.pk)
    return book


def execute(statement):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.rowcount


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_ledgerentry SET amount = 0",
        "UPDATE ledger_ledgerentry SET amount = -1",
        "UPDATE ledger_ledgerentry SET amount = NULL",
        "UPDATE ledger_ledgerentry SET source_ref = '1'",
        "UPDATE ledger_ledgerentry SET reversal_of_id = (SELECT MIN(id) FROM ledger_ledgerentry)",
        "UPDATE ledger_ledgerentry SET subcategory = NULL",
        "UPDATE ledger_accounttransfer SET amount = 0",
        "UPDATE ledger_accounttransfer SET to_account_id = from_account_id",
        "UPDATE ledger_category SET direction = 'sideways'",
        "UPDATE ledger_category SET nature = ''",
        "UPDATE ledger_category SET nature = 'cost' WHERE direction = 'received'",
        "UPDATE ledger_category SET nature = 'income' WHERE direction = 'spent'",
        "UPDATE ledger_category SET nature = 'drawings' WHERE direction = 'received'",
        "UPDATE ledger_category SET name = 'same'",
        "UPDATE ledger_account SET name = CASE name WHEN 'Cash' THEN 'till' ELSE 'TILL' END",
        "UPDATE ledger_daybook SET closing_balance = closing_balance + 1",
        "UPDATE ledger_daybook SET total_received = total_received + 1",
        "UPDATE ledger_daybook SET date = '2024-01-15'",
        "UPDATE ledger_daybookdetail SET transaction_type = 'EXPENSE', subcategory = '', "
        "day_book_id = (SELECT MIN(id) FROM ledger_daybook), category_id = (SELECT MIN(id) FROM ledger_category)",
        "UPDATE ledger_daybookdetail SET subcategory = NULL",
        "UPDATE ledger_accountday SET date = '2024-01-15'",
    ],
)
def test_the_database_refuses(book, statement):
    with pytest.raises(IntegrityError):
        execute(statement)


def test_what_is_binned_or_reversed_gives_its_place_free(book):
    freed = "UPDATE ledger_ledgerentry SET {} = CURRENT_TIMESTAMP WHERE source_ref <> '1'"
    for column in ("deleted_at", "reversed_at"):
        with transaction.atomic():
            assert execute(freed.format(column)) == 2
            assert execute("UPDATE ledger_ledgerentry SET source_ref = '1'") == 3
            transaction.set_rollback(True)


def test_an_empty_source_reference_is_no_submission(book):
    assert execute("UPDATE ledger_ledgerentry SET source_ref = ''") == 3


def test_an_entry_may_be_reversed_again_once_its_reversal_is_binned(book):
    entry = world.post(book, "2024-01-17")
    services.delete(services.reverse(entry, date=entry.date))
    assert services.reverse(entry, date=entry.date).deleted_at is None
    assert entry.reversals.count() == 2


@pytest.mark.parametrize("paise", [1, 2**63 - 1])
def test_the_smallest_and_the_largest_amount_fit(book, paise):
    assert execute(f"UPDATE ledger_ledgerentry SET amount = {paise} WHERE source_ref = '1'") == 1
    assert LedgerEntry.objects.get(source_ref="1").amount == Decimal(paise) / 100
