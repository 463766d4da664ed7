"""Whatever people do to trackers and statements by the services, in whatever order, leaves books that verify finds sound."""

import shutil
from datetime import date
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expenses import services as expenses
from expenses.books import posting
from expenses.models import Statement, Transaction
from ledger import closing
from lendbook import verifying
from shop.models import Book
from tests import torture, world
from trackers import services as trackers
from trackers import store
from trackers.collect import collection
from trackers.collect.collection import Typed
from trackers.models import CollectionSave, Tracker

pytestmark = pytest.mark.django_db
D6 = date(2024, 1, 6)
days, amounts = st.integers(0, 12), st.integers(0, 90_000).map(lambda paise: Decimal(paise) / 100)
which, flags = st.sampled_from(["john", "mary"]), st.booleans()


def _pay(who, day, amount, add, mode):
    trackers.record_payment(_tracker(who), day, paid=amount, mode=mode, add=add, adjust=True)


def _clear(who, day):
    trackers.record_payment(_tracker(who), day, clear=True, adjust=True)


def _sheet(first, second, token):
    book = Book.objects.get(slug="main-street")
    rows = [Typed(_tracker("john").pk, first), Typed(_tracker("mary").pk, second, add=True)]
    collection.record_payments(book, D6, rows, user=None, token=f"sheet-{token}", adjust=True)


def _undo_sheet(token):
    if save := CollectionSave.objects.filter(token=f"sheet-{token}").first():
        collection.undo_save(save, user=None, adjust=True)


def _move(who, day, into_day):
    trackers.move_payment(_tracker(who), day, _tracker("mary" if who == "john" else "john"), into_day, adjust=True)


def _terms(who, start):
    trackers.edit_terms(_tracker(who), adjust=True, start_date=date(2024, 1, 1 + start), tracker_name=f"Loan {start}")


def _end(who, reopen):
    tracker = _tracker(who)
    trackers.close_tracker(tracker, closing=Tracker.Closing.WRITTEN_OFF)
    if reopen:
        trackers.reopen_tracker(tracker)


def _rebuild(who):
    trackers.rebuild_workbook(_tracker(who))


def _post(confirm):
    rows = list(Transaction.objects.order_by("line"))
    if confirm:
        for one in rows[:2]:
            expenses.settle(one, world.tag(one.book, "Food"))
    posting.post(rows, adjust=True)


def _unpost(count):
    posting.unpost(list(Transaction.objects.order_by("line")[:count]))


def _divide(at, part):
    one = Transaction.objects.filter(debit_amount__gt=part).order_by("line").first()
    tag = world.tag(one.book, "Food")
    posting.split(one, [(tag, part, ""), (tag, one.debit_amount - part, "rest")] if at else [])


def _rename(name):
    expenses.rename_payee(Transaction.objects.order_by("line").first(), name)


def _undo_statement():
    expenses.undo_statement(Statement.objects.first())


def _close(on):
    closing.close_day(Book.objects.get(slug="main-street"), date(2024, 1, 3 + on))


def _entry(on, name, amount):
    world.post(Book.objects.get(slug="main-street"), f"2024-01-{3 + on:02}", name, amount + 1, adjust=True)


def _tracker(who):
    return Tracker.objects.get(customer__user__username=who)


steps = st.one_of(
    st.tuples(st.just(_pay), which, days, amounts, flags, st.sampled_from(["Cash", "UPI"])),
    st.tuples(st.just(_clear), which, days),
    st.tuples(st.just(_sheet), amounts, amounts.map(lambda amount: amount + 1), st.integers(1, 3)),
    st.tuples(st.just(_undo_sheet), st.integers(1, 3)),
    st.tuples(st.just(_move), which, days, days),
    st.tuples(st.just(_terms), which, st.integers(0, 9)),
    st.tuples(st.just(_end), which, flags),
    st.tuples(st.just(_rebuild), which),
    st.tuples(st.just(_post), flags),
    st.tuples(st.just(_unpost), st.integers(1, 3)),
    st.tuples(st.just(_divide), flags, st.integers(1, 99).map(Decimal)),
    st.tuples(st.just(_undo_statement)),
    st.tuples(st.just(_rename), st.sampled_from(["FOOD AT HOME", "Tea stall"])),
    st.tuples(st.just(_close), st.integers(0, 3)),
    st.tuples(st.just(_entry), st.integers(0, 6), st.sampled_from(["Collection", "Expense"]), amounts),
)


@settings(
    max_examples=torture.count(8, 300),
    derandomize=not torture.IS_LONG,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(history=st.lists(steps, min_size=4, max_size=12))
def test_any_history_of_services_leaves_sound_books(books, tmp_path, settings, history):
    kept = settings.DATA_DIR
    settings.DATA_DIR = tmp_path / "played"
    shutil.copytree(kept, settings.DATA_DIR)
    block = transaction.atomic()
    block._from_testcase = True
    try:
        with block:
            for do, *values in history:
                try:
                    do(*values)
                except (ValidationError, *collection.REFUSALS):
                    store.recover()
            report = verifying.verify()
            assert report.is_sound, [fault.text for fault in report.faults] + report.unchecked
            transaction.set_rollback(True)
    finally:
        shutil.rmtree(settings.DATA_DIR)
        settings.DATA_DIR = kept
