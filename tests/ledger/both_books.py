"""Two books in the database and the same two in plain Python beside them: how a step is judged, and what must hold."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from ledger import daybook, soundness
from ledger.models import Account, AccountDay, Category, DayBook, DayBookDetail, LedgerEntry
from shop import faults
from shop.models import Job
from tests import world
from tests.ledger.plain_books import PlainBook

FIRST = date(2024, 1, 1)
TODAY = date(2024, 1, 20)
WINDOW = [FIRST + timedelta(days=offset) for offset in range(-1, 24)]
balances = st.integers(-(10**7), 10**7).map(lambda paise: Decimal(paise) / 100)


class BothBooks(RuleBasedStateMachine):
    """Two books in the database, and the same two in plain Python beside them."""

    def __init__(self):
        super().__init__()
        self.frozen = time_machine.travel(datetime(2024, 1, 20, 12, tzinfo=UTC), tick=False)
        self.frozen.start()
        self.undone_at_the_end = transaction.atomic()
        self.undone_at_the_end.__enter__()
        self.references = 0

    def teardown(self):
        try:
            assert not hasattr(self, "books") or list(soundness.faults(self.books.values(), faults.Search())) == []
        finally:
            self.put_back()

    def put_back(self):
        transaction.set_rollback(True)
        self.undone_at_the_end.__exit__(None, None, None)
        self.frozen.stop()

    @initialize(opening=balances)
    def two_books(self, opening):
        kinds = [("Cash", "cash", opening), ("Bank", "bank", Decimal(0)), ("Bag", "upi", Decimal(7))]
        self.books = {slug: world.book(slug, accounts=kinds) for slug in ("main", "side")}
        self.plain = {
            slug: PlainBook(
                openings={name: balance for name, _, balance in kinds},
                directions=dict(Category.objects.filter(book=book).values_list("name", "direction")),
            )
            for slug, book in self.books.items()
        }
        self.closed_days = {slug: {} for slug in self.books}
        self.standing_closes = {slug: [] for slug in self.books}
        self.jobs = {
            (slug, batch): Job.objects.create(book=book, kind="import", title="A file")
            for slug, book in self.books.items()
            for batch in (1, 2, 3)
        }
        self.account = {(a.book.slug, a.name): a for a in Account.objects.select_related("book")}
        self.category = {(c.book.slug, c.name): c for c in Category.objects.select_related("book")}

    def expect(self, refused, call, *args, **kwargs):
        """Run `call`; it must be refused exactly when `refused` says so. Returns its answer, None when refused."""
        if refused:
            with pytest.raises(ValidationError), transaction.atomic():
                call(*args, **kwargs)
            return None
        return call(*args, **kwargs)

    def pick(self, slug, which, *, model=LedgerEntry):
        """One of a book's entries or transfers: (row, its plain twin); (None, None) where there is none."""
        plain = self.rows(slug, model)
        if not plain:
            return None, None
        pk = sorted(plain)[which % len(plain)]
        return model.objects.get(pk=pk), plain[pk]

    def rows(self, slug, model):
        return self.plain[slug].entries if model is LedgerEntry else self.plain[slug].transfers

    def book(self, slug):
        self.books[slug].refresh_from_db()
        return self.books[slug]

    @invariant()
    def ledger_agrees_with_plain_python(self):
        for slug, plain in getattr(self, "plain", {}).items():
            wanted = {day: plain.day(day) for day in WINDOW}
            for day, then in self.closed_days[slug].items():
                assert wanted[day] == then, f"{slug}: the closed {day} changed"
            aside = transaction.savepoint()
            book = self.book(slug)
            assert book.closed_through == plain.closed_through
            daybook.finish_pending(book.pk)
            self._compare_rows(book, wanted)
            self._compare_range(book, wanted)
            transaction.savepoint_rollback(aside)

    def _compare_rows(self, book, wanted):
        """What is stored: every day with entries has a row, and no row, detail or account day says anything else."""
        stored = {row.date: row for row in DayBook.objects.filter(book=book)}
        for day, plain in wanted.items():
            assert day in stored or not plain.details
            if day in stored:
                row = stored[day]
                figures = (row.opening_balance, row.total_received, row.total_spent, row.closing_balance)
                assert figures == (plain.opening, plain.received, plain.spent, plain.closing), (book.slug, day)
        found = {}
        for row in DayBookDetail.objects.filter(day_book__book=book).select_related("day_book", "category"):
            key = (row.transaction_type, row.category.name, row.subcategory)
            found.setdefault(row.day_book.date, {})[key] = (row.amount, row.transaction_count)
        assert found == {day: plain.details for day, plain in wanted.items() if plain.details}
        for row in AccountDay.objects.filter(book=book).select_related("account"):
            moved = (row.received, row.spent, row.transferred)
            assert moved == wanted[row.date].accounts[row.account.name][1:4], (book.slug, row.date)

    def _compare_range(self, book, wanted):
        """What a page reads: every day, quiet ones too, with details and each account's balance."""
        days = daybook.day_books(book, WINDOW[0], WINDOW[-1])
        assert [day.date for day in days] == WINDOW
        for day in days:
            plain = wanted[day.date]
            assert (day.opening_balance, day.total_received, day.total_spent, day.closing_balance) == (
                plain.opening,
                plain.received,
                plain.spent,
                plain.closing,
            )
            assert len(day.details) == len(plain.details)
            shown = {
                a.account.name: (a.opening_balance, a.received, a.spent, a.transferred, a.closing_balance)
                for a in day.accounts
            }
            assert shown == plain.accounts
