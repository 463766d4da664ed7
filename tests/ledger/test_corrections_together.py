"""A correction of a closed day: what is taken back and what takes its place count from the same day on.

The oracle knows nothing of closes, reversals or adjustments. It keeps the entries and transfers as they should have been
typed: on every open day each account must hold what these come to, however far behind the close lies.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expenses.books import posting
from ledger import closing, daybook, services, soundness
from ledger.models import Account, Category, LedgerEntry
from shop import faults
from shop.models import Job
from tests import world

FIRST, TODAY = date(2024, 1, 1), date(2024, 6, 20)
ACCOUNTS = ("Cash", "Bank")
DIRECTIONS = {"Collection": 1, "Expense": -1}

dates = st.integers(0, (TODAY - FIRST).days).map(lambda days: FIRST + timedelta(days=days))
amounts = st.integers(1, 10**6).map(lambda paise: Decimal(paise) / 100)
which = st.integers(0, 100)
changes = st.fixed_dictionaries(
    {},
    optional={
        "date": dates,
        "amount": amounts,
        "account": st.sampled_from(ACCOUNTS),
        "category": st.sampled_from(list(DIRECTIONS)),
    },
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("post"), dates, amounts, st.sampled_from(list(DIRECTIONS)), st.booleans()),
        st.tuples(st.just("transfer"), dates, amounts),
        st.tuples(st.just("correct"), which, changes),
        st.tuples(st.just("correct"), which, changes),
        st.tuples(st.just("take_back"), which),
        st.tuples(
            st.just("undo"),
        ),
        st.tuples(st.just("close"), st.sampled_from([1, 3, 10, 40, 100])),
    ),
    min_size=8,
    max_size=25,
)


@dataclass(frozen=True)
class Truth:
    """What should have been typed."""

    date: date
    amount: Decimal
    account: str
    category: str = ""  # "": from this account to the other one
    is_imported: bool = False

    def moved(self, account):
        if not self.category:
            return -self.amount if account == self.account else self.amount
        return DIRECTIONS[self.category] * self.amount if account == self.account else 0


class Played:
    """A book, and the oracle: {row that stands: Truth}."""

    def __init__(self):
        self.book = world.book("main", accounts=[(name, "cash", Decimal(0)) for name in ACCOUNTS])
        self.accounts = {row.name: row for row in Account.objects.filter(book=self.book)}
        self.categories = {row.name: row for row in Category.objects.filter(book=self.book)}
        self.job = Job.objects.create(book=self.book, kind="import", title="A file")
        self.truths = {}
        self.posted = 0

    def post(self, on, amount, category, is_imported):
        truth = Truth(on, amount, "Cash", category, is_imported)
        self.posted += 1
        row = services.NewEntry(on, self.categories[category], amount, self.accounts["Cash"], f"r:{self.posted}")
        job = self.job if is_imported else None
        services.post_entries(book=self.book, rows=[row], source="import", job=job, adjust=True)
        self.truths[LedgerEntry.objects.get(source_ref=row.source_ref)] = truth

    def transfer(self, on, amount):
        row = services.transfer(
            book=self.book,
            date=on,
            amount=amount,
            from_account=self.accounts["Cash"],
            to_account=self.accounts["Bank"],
            adjust=True,
        )
        self.truths[row] = Truth(on, amount, "Cash")

    def correct(self, number, change):
        if not self.truths:
            return
        row = list(self.truths)[number % len(self.truths)]
        truth = self.truths.pop(row)
        if not truth.category:
            change = {name: value for name, value in change.items() if name in ("date", "amount")}
        named = {
            **change,
            **({"account": self.accounts[change["account"]]} if "account" in change else {}),
            **({"category": self.categories[change["category"]]} if "category" in change else {}),
        }
        now = services.edit(type(row).objects.get(pk=row.pk), adjust=True, **named)
        self.truths[now] = replace(truth, **change)

    def take_back(self, number):
        """As a statement's posting is taken back."""
        if self.truths:
            row = list(self.truths)[number % len(self.truths)]
            del self.truths[row]
            posting.take_back(type(row).objects.get(pk=row.pk), None)

    def undo(self):
        services.undo_entries(book=self.book, job=self.job)
        self.truths = {row: truth for row, truth in self.truths.items() if not truth.is_imported}

    def close(self, days_ago):
        on = TODAY - timedelta(days=days_ago)
        if not self.book.is_closed_on(on):
            closing.close_day(self.book, on)
            self.book.refresh_from_db()

    def compare(self):
        first = max(FIRST, (self.book.closed_through or FIRST) + timedelta(days=1))
        for day in daybook.day_books(self.book, first, TODAY, details=False):
            should = {
                name: sum(truth.moved(name) for truth in self.truths.values() if truth.date <= day.date)
                for name in ACCOUNTS
            }
            assert {on_day.account.name: on_day.closing_balance for on_day in day.accounts} == should, day.date
        assert list(soundness.faults([self.book], faults.Search())) == []


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(steps=steps)
def test_on_every_open_day_accounts_hold_what_should_have_been_typed(steps):
    with time_machine.travel(datetime(2024, 6, 20, 12, tzinfo=UTC), tick=False), transaction.atomic():
        played = Played()
        for name, *how in steps:
            getattr(played, name)(*how)
        played.compare()
        transaction.set_rollback(True)


# ------------------------------------------------------------------------------------------------ one by one


@pytest.fixture
def book():
    return world.book("main", accounts=[("Cash", "cash", Decimal(10000)), ("Bank", "bank", Decimal(0))])


@pytest.fixture
def corrected(book):
    """500 of 10-09 that should be 300, corrected in November while September is closed: (was, its reversal, now)."""
    was = world.post(book, "2023-09-10", "Collection", "500", source="staff", source_ref="1:a")
    closing.close_day(book, date(2023, 9, 30))
    now = services.edit(was, amount=Decimal(300), adjust=True)
    was.refresh_from_db()
    return was, was.reversals.get(), now


def closings(book, *days):
    return [daybook.day_book_on(book, date.fromisoformat(day)).closing_balance for day in days]


@pytest.mark.django_db
def test_a_correction_of_a_closed_month_falls_into_one_month(book, corrected):
    was, back, now = corrected
    first_open = date(2023, 10, 1)
    assert (back.date, now.date, now.adjusts_date, now.corrects) == (first_open, first_open, was.date, was)
    assert closings(book, "2023-09-30", "2023-10-01", "2023-10-31") == [10500, 10300, 10300]


@pytest.mark.django_db
def test_an_entry_moved_from_a_closed_to_an_open_day_counts_once_on_every_open_day(book):
    was = world.post(book, "2023-09-10", "Collection", "500")
    closing.close_day(book, date(2023, 9, 30))
    now = services.edit(was, date=date(2023, 10, 20), adjust=True)
    assert (now.date, now.adjusts_date, now.corrects) == (date(2023, 10, 20), None, was)
    assert closings(book, "2023-09-30", "2023-10-01", "2023-10-19", "2023-10-20") == [10500, 10000, 10000, 10500]


@pytest.mark.django_db
def test_a_transfer_corrected_keeps_its_halves_together(book):
    cash, bank = book.accounts.order_by("pk")
    moved = services.transfer(book=book, date=date(2023, 9, 10), from_account=cash, to_account=bank, amount=Decimal(70))
    closing.close_day(book, date(2023, 9, 30))
    now = services.edit(moved, amount=Decimal(50), adjust=True)
    assert now.date == moved.reversals.get().date == date(2023, 10, 1)
    assert daybook.account_balances(book, now.date)[bank.pk] == 50


@pytest.mark.django_db
def test_an_import_undone_takes_closed_days_back_on_the_first_open_day(book):
    job = Job.objects.create(book=book, kind="entries", title="september.csv")
    row = services.NewEntry(date(2023, 9, 10), world.category(book, "Expense"), Decimal(5), book.accounts.first(), "x")
    services.post_entries(book=book, rows=[row], source="import", job=job)
    closing.close_day(book, date(2023, 9, 30))
    assert services.undo_entries(book=book, job=job) == (0, 1)
    assert LedgerEntry.objects.get(source="reversal").date == date(2023, 10, 1)


@pytest.mark.django_db
def test_the_date_of_a_reversal_must_be_given(book):
    with pytest.raises(TypeError):
        services.reverse(world.post(book, "2023-09-10"))


@pytest.mark.django_db
def test_an_adjustment_given_another_closed_date_stays_with_its_other_half(book, corrected):
    _, back, now = corrected
    closing.reopen_day(book, date(2023, 9, 20), reason="A receipt was found")
    now = services.edit(now, date=date(2023, 9, 15), adjust=True)
    assert (now.date, now.adjusts_date) == (back.date, date(2023, 9, 15))
    now = services.edit(now, date=date(2023, 10, 9))
    assert (now.date, now.adjusts_date, now.narration) == (date(2023, 10, 9), None, "")


@pytest.mark.django_db
def test_a_late_entry_that_gets_an_open_date_is_no_adjustment_any_more(book):
    closing.close_day(book, date(2023, 9, 30))
    late = world.post(book, "2023-09-10", narration="Selvi", adjust=True)
    late = services.edit(late, date=date(2023, 10, 9))
    assert (late.date, late.adjusts_date, late.narration) == (date(2023, 10, 9), None, "Selvi")


@pytest.mark.django_db
def test_the_reversal_of_a_correction_stays_while_the_correction_stands(book):
    was = world.post(book, "2023-09-10", "Collection", "500")  # without a submission that could be found again
    closing.close_day(book, date(2023, 9, 30))
    now = services.edit(was, amount=Decimal(300), adjust=True)
    back = was.reversals.get()
    with pytest.raises(ValidationError, match="put that into the bin first"):
        services.delete(back)
    services.delete(now)
    services.delete(back)
    with pytest.raises(ValidationError, match="stands again"):
        services.restore(now)
    assert closings(book, "2023-10-01") == [10500]


@pytest.mark.django_db
def test_a_correction_whose_place_was_taken_stays_in_the_bin(book):
    was = world.post(book, "2023-09-10", "Collection", "500")
    closing.close_day(book, date(2023, 9, 30))
    first = services.edit(was, amount=Decimal(300), adjust=True)
    services.delete(first)
    services.delete(was.reversals.get())
    services.edit(was, amount=Decimal(200), adjust=True)
    with pytest.raises(ValidationError, match="corrected otherwise"):
        services.restore(first)
    assert closings(book, "2023-10-01") == [10200]


@pytest.mark.django_db
def test_verify_names_a_correction_whose_halves_stand_apart(book, corrected):
    *_, back, now = corrected
    assert list(soundness.faults([book], faults.Search())) == []
    LedgerEntry.objects.filter(pk=back.pk).update(date=date(2023, 11, 3))
    daybook.rebuild(book.pk)
    found = [one for one in soundness.faults([book], faults.Search()) if one.kind == soundness.APART]
    assert [(one.first_date, one.last_date) for one in found] == [(date(2023, 10, 1), date(2023, 11, 3))]
    assert f"The entry {now.pk} of 01-10-2023 corrects" in found[0].text


@pytest.mark.django_db
def test_corrections_of_an_earlier_version_are_left_as_they_were_signed(book, corrected):
    *_, back, now = corrected
    LedgerEntry.objects.filter(pk=now.pk).update(corrects=None)
    LedgerEntry.objects.filter(pk=back.pk).update(date=date(2023, 11, 3))
    daybook.rebuild(book.pk)
    assert not [one for one in soundness.faults([book], faults.Search()) if one.kind == soundness.APART]
