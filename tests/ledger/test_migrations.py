"""Books kept since any earlier release upgrade to the newest with each entry and each figure as it was."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader

from expenses import soundness
from expenses.models import DEFAULT_TAGS, SpentMonth, Statement, Tag, Transaction
from expenses.overview import spent
from ledger import daybook
from ledger.models import Category, LedgerEntry
from lendbook import verifying
from shop import faults, history
from shop.models import Book
from tests.ledger import earlier_books

pytestmark = pytest.mark.long
BEFORE_ONE_KEY = "0007_lean_history"  # of expenses, where a row's statement, account and book are three keys


def earlier_states():
    """The names of the ledger's migrations but for the newest, in their order."""
    names = sorted(name for app, name in MigrationLoader(None).disk_migrations if app == "ledger")
    return names[:-1]


@pytest.fixture
def no_tables():
    """Where every shop's database began; unapplying all migrations instead would take as long as applying them."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("DROP SCHEMA public CASCADE")
            cursor.execute("CREATE SCHEMA public")
        else:
            cursor.execute("PRAGMA foreign_keys = OFF")
            cursor.execute("SELECT type, name FROM sqlite_master WHERE sql <> '' AND name NOT LIKE 'sqlite%'")
            there = cursor.fetchall()
            for kind in ("trigger", "view", "table"):
                for name in (name for type_, name in there if type_ == kind):
                    cursor.execute(f'DROP {kind} "{name}"')
            cursor.execute("PRAGMA foreign_keys = ON")
    yield
    call_command("migrate", verbosity=0)
    call_command("flush", interactive=False, verbosity=0)


BANK_FIELDS = (
    "pk", "book_id", "account_id", "statement_id", "line", "transaction_date", "narration", "debit_amount",
    "credit_amount", "fingerprint", "product", "tag__name", "decided_by", "is_confirmed", "entry_id", "is_linked",
    "splits__tag__name", "splits__amount",
)  # fmt: skip


def bank_as_it_is(model):
    return list(model.objects.order_by("pk", "splits__pk").values_list(*BANK_FIELDS))


def bank_written_at(state, slug):
    """Bring the database to a state of expenses, and write bank rows there; returns what bank_as_it_is says of them."""
    call_command("migrate", "expenses", state, verbosity=0)
    apps = MigrationLoader(connection).project_state(("expenses", state)).apps
    earlier_books.fill_bank(apps, slug)
    return bank_as_it_is(apps.get_model("expenses", "Transaction"))


def assert_natures_are_told(slug):
    """By name; what only the direction told waits for somebody to look. The history says the same of each category."""
    guessed = Category.objects.filter(book__slug=slug, nature_is_guessed=True)
    assert [category.name for category in guessed] == ["செலவு"]
    assert list(history.disagreements(Category, [Book.objects.get(slug=slug)])) == []


def assert_bank_is_as_written(slug, written):
    """Rows, their sums, their history and their key to the statement have come through, and verify finds nothing."""
    book = Book.objects.get(slug=slug)
    assert len(written) == 4
    assert bank_as_it_is(Transaction) == written
    assert Transaction.history.count() == 3
    spent.finish_pending(book.pk)
    assert soundness.findings(book) == []
    assert sum(row.total for row in SpentMonth.objects.filter(book=book)) == Statement.objects.get().debits
    assert [tag.colour for tag in Tag.objects.order_by("name")] == [DEFAULT_TAGS["Food"], DEFAULT_TAGS["Rent"]]
    for elsewhere in ({"account": book.accounts.get(name="Cash")}, {"book": Book.objects.exclude(pk=book.pk)[0]}):
        with pytest.raises(IntegrityError):
            move_the_credit(elsewhere)
    found = verifying.verify([book]).faults  # the ledger's own rows are written here without a history
    assert [fault for fault in found if fault.kind != "no history" or fault.freezes == faults.STATEMENT] == []


@transaction.atomic
def move_the_credit(elsewhere):
    Transaction.objects.filter(narration="received").update(**elsewhere)
    connection.check_constraints()


@pytest.mark.django_db(transaction=True)
def test_books_of_every_earlier_state_keep_every_figure(no_tables):
    """From the first state to the newest, with one more book at each: what is written goes through all that follow."""
    plain_books = {}
    call_command("migrate", "django_q", verbosity=0)  # every migrate puts the schedules there
    for state in earlier_states():
        call_command("migrate", "ledger", state, verbosity=0)
        apps = MigrationLoader(connection).project_state(("ledger", state)).apps
        plain_books |= earlier_books.fill(apps, [f"since-{state}"])
    written = bank_written_at(BEFORE_ONE_KEY, f"since-{state}")
    call_command("migrate", verbosity=0)

    assert_bank_is_as_written(f"since-{state}", written)
    assert_natures_are_told("since-0001_initial")
    assert len(plain_books) > 10
    for slug, plain in plain_books.items():
        book = Book.objects.get(slug=slug)
        assert dict(book.categories.values_list("name", "nature")) == earlier_books.NATURES, slug
        assert LedgerEntry.objects.filter(book=book).count() == len(plain.entries), slug
        assert daybook.differences(book) == [], slug
        last = earlier_books.FIRST + timedelta(days=earlier_books.DAYS - 1)
        for day in daybook.day_books(book, earlier_books.FIRST, last):
            wanted = plain.day(day.date)
            assert (day.opening_balance, day.closing_balance) == (wanted.opening, wanted.closing), (slug, day.date)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM dc_ledger_entries")
        assert cursor.fetchone()[0] == sum(len(plain.entries) for plain in plain_books.values())
