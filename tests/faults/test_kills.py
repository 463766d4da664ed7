"""kill -9 at every durable step of every way to write: acknowledged work is there once, the rest all or nothing.

The paths that tests/trackers/test_crash.py walks (payment, opening, collection sheet) are walked here again among the
others, as often as the long form asks, each time on books that the earlier kills have been through.
"""

import itertools
import random
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from expenses import services as expenses
from expenses.models import Statement, Transaction
from expenses.overview import spent
from ledger import closing, daybook, services
from ledger.models import Account, AccountTransfer, DayClose, LedgerEntry
from shop.models import Book
from tests import world
from tests.crash import run_killed_at
from tests.torture import count
from trackers import services as trackers
from trackers import soundness, store
from trackers.collect import collection
from trackers.models import CollectionSave, Tracker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.torture, pytest.mark.long]

FIRST = date(2024, 1, 1)
POINTS = count(12, 60)  # of each path, at least: one walk through all its steps, and more where that is short


class Path:
    """One way to write: `work(n)` does it for the n-th time, `traces(n)` says how often that work stands in the books."""

    def __init__(self, book, folder):
        self.book, self.folder = book, folder
        self.cash = Account.objects.get(book=book, name="Cash")
        self.bank = Account.objects.get(book=book, name="Bank")
        self.prepare()

    def prepare(self):
        pass

    def on(self, n):
        return FIRST + timedelta(days=n)


class AnEntry(Path):
    def work(self, n):
        world.post(self.book, "2024-01-05", amount=str(n + 1), source="staff", source_ref=f"entry-{n}")

    def traces(self, n):
        return LedgerEntry.objects.filter(source_ref=f"entry-{n}", amount=Decimal(n + 1)).count()


class ATransfer(Path):
    def work(self, n):
        services.transfer(
            book=self.book, date=self.on(n), from_account=self.cash, to_account=self.bank, amount=Decimal(n + 1)
        )

    def traces(self, n):
        return AccountTransfer.objects.filter(date=self.on(n)).count()


class ACorrection(Path):
    def prepare(self):
        self.entry = world.post(self.book, "2024-01-05", amount="1")

    def work(self, n):
        services.edit(LedgerEntry.objects.get(pk=self.entry.pk), amount=Decimal(n + 2), date=self.on(n))

    def traces(self, n):
        return LedgerEntry.objects.filter(pk=self.entry.pk, amount=Decimal(n + 2), date=self.on(n)).count()


class AReversal(Path):
    def work(self, n):
        entry = world.post(self.book, "2024-01-05", source="staff", source_ref=f"wrong-{n}")
        services.reverse(entry, date=entry.date)

    def traces(self, n):
        entry = LedgerEntry.objects.filter(source_ref=f"wrong-{n}", reversal_of=None).first()
        return LedgerEntry.objects.filter(reversal_of=entry).count() if entry else 0


class AClosedDay(Path):
    def work(self, n):
        closing.close_day(
            Book.objects.get(pk=self.book.pk), self.on(n), counts=[closing.Count(self.cash, Decimal(50001 + n))]
        )

    def traces(self, n):
        close = DayClose.objects.filter(book=self.book, date=self.on(n)).count()
        balance = daybook.account_balances(self.book, self.on(n))[self.cash.pk]
        assert (balance == Decimal(50001 + n)) == bool(close), "a close and its difference come together"
        assert (Book.objects.get(pk=self.book.pk).closed_through == self.on(n)) == bool(close)
        return close


class AnEntryImport(Path):
    def work(self, n):
        file = self.folder / f"entries-{n}.csv"
        lines = [f"2024-02-{day:02},Collection,{n + 1}.{day:02}\n" for day in range(1, 21)]
        file.write_text("date,category,amount\n" + "".join(lines))
        call_command("import_entries", str(file), book=self.book.slug, stdout=StringIO())

    def traces(self, n):
        amounts = [Decimal(f"{n + 1}.{day:02}") for day in range(1, 21)]
        posted = LedgerEntry.objects.filter(date__month=2, amount__in=amounts).count()
        assert posted in (0, 20), "all rows or none"
        return posted // 20


class AStatementImport(Path):
    def work(self, n):
        rows = [f"{day:02}/02/24,POS 4{day} SHOP {n},{day:02}/02/24,{n + 1}.00,0.00,{n},0.00\n" for day in range(1, 21)]
        header = "Date,Narration,Value Date,Debit Amount,Credit Amount,Chq/Ref Number,Closing Balance\n"
        expenses.import_statement(self.bank, (header + "".join(rows)).encode(), file_name=f"statement-{n}.csv")

    def traces(self, n):
        statement = Statement.objects.filter(file_name=f"statement-{n}.csv").first()
        rows = Transaction.objects.filter(reference=str(n)).count()
        assert rows == (20 if statement else 0), "all rows or none"
        assert spent.TRIGGERS.found(connection).issuperset(spent.TRIGGERS.names), "later rows are noted too"
        spent.finish_pending(self.book.pk)
        assert spent.differences(self.book.pk) == [], "the kept sums are what the debits add up to"
        return 1 if statement else 0


class APayment(Path):
    def prepare(self):
        self.tracker = trackers.open_tracker(
            customer=trackers.customer_for(self.book, "john"),
            tracker_name="Scheme", tracker_type="50K", start_date=FIRST, scheme_period=100,
        )  # fmt: skip

    def work(self, n):
        trackers.record_payment(self.tracker, n % 100 + 1, paid=Decimal(n + 1))

    def traces(self, n):
        tracker = Tracker.objects.get(pk=self.tracker.pk)
        paid = trackers.contents_of(tracker).days.get(n % 100 + 1, {}).get("paid")
        posted = LedgerEntry.objects.filter(date=tracker.terms.date_of(n % 100 + 1), amount=Decimal(n + 1)).count()
        assert (paid == Decimal(n + 1)) == bool(posted), "the workbook and the ledger say the same"
        return posted


class ASheet(Path):
    def prepare(self):
        customer = trackers.customer_for(self.book, "john")
        self.trackers = [
            trackers.open_tracker(
                customer=customer, tracker_name=f"S{n}", tracker_type="50K", start_date=FIRST, scheme_period=100
            )
            for n in range(3)
        ]

    def work(self, n):
        rows = [collection.Typed(tracker.pk, Decimal(n + 1)) for tracker in self.trackers]
        collection.record_payments(self.book, self.on(n % 100 + 1), rows, user=None, token=f"press-{n}")

    def traces(self, n):
        posted = LedgerEntry.objects.filter(date=self.on(n % 100 + 1), amount=Decimal(n + 1)).count()
        assert posted in (0, 3), "a sheet is saved whole or not at all"
        assert CollectionSave.objects.filter(token=f"press-{n}").count() == posted // 3
        return posted // 3


class AnOpening(Path):
    def work(self, n):
        trackers.open_tracker(
            customer=trackers.customer_for(self.book, f"customer-{n}"),
            tracker_name=f"New {n}", tracker_type="1L", start_date=FIRST,
        )  # fmt: skip

    def traces(self, n):
        return Tracker.objects.filter(tracker_name=f"New {n}").count()


PATHS = [
    AnEntry, ATransfer, ACorrection, AReversal, AClosedDay, AnEntryImport, AStatementImport, APayment, ASheet, AnOpening,
]  # fmt: skip


def walk(path, points):
    """Kill the work at each of its steps in turn until that was done `points` times; returns how often."""
    killed = 0
    step = itertools.count()
    for n in itertools.count():
        outcome = run_killed_at(next(step), lambda n=n: path.work(n))
        store.recover()
        traces = path.traces(n)
        assert traces == 1 if outcome.acknowledged else traces in (0, 1), f"step {n}: {traces}"
        killed += outcome.killed
        if not outcome.killed:
            assert outcome.acknowledged, "the work itself failed"
            step = itertools.count()
            if killed >= points:
                return killed
    return killed


@pytest.mark.parametrize("kind", PATHS)
def test_killed_at_every_durable_step(kind, tmp_path, tally):
    book = world.book()
    killed = walk(kind(book, tmp_path), POINTS)
    daybook.finish_pending(book.pk)
    assert daybook.differences(book) == []
    assert soundness.findings(book) == []
    tally("killed at a durable step", killed)


def test_killed_at_every_step_of_a_refresh(tally, seed):
    """The worker's own work: whoever dies in it leaves the day pending, and the next one finishes it."""
    book, draw, killed = world.book(), random.Random(seed), 0
    for step in range(count(8, 40)):
        world.post(book, f"2024-01-{draw.randint(1, 28):02}", amount=str(step + 1))
        killed += run_killed_at(step % 8, lambda: daybook.refresh(book.pk)).killed
        daybook.finish_pending(book.pk)
        assert daybook.differences(book) == []
    assert killed
    tally("killed at a durable step", killed)


class WithoutATransaction(Path):
    def work(self, n):
        for part in ("one", "other"):
            world.post(self.book, "2024-01-05", source="staff", source_ref=f"{n}-{part}")

    def traces(self, n):
        posted = LedgerEntry.objects.filter(source_ref__in=[f"{n}-one", f"{n}-other"]).count()
        assert posted in (0, 2), "half done"
        return posted // 2


def test_work_without_a_transaction_around_it_is_noticed(tmp_path, tally):
    """The protection taken out."""
    with pytest.raises(AssertionError, match="half done"):
        walk(WithoutATransaction(world.book(), tmp_path), POINTS)
    tally.caught("the transaction around what belongs together")
