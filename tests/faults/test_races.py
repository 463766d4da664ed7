"""Two at once, again and again: on one day, with one form, with one file, into a day that is being closed."""

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest

from expenses import services as expenses
from expenses.models import Statement, Transaction
from ledger import closing, daybook
from ledger.models import Account, LedgerEntry
from shop.models import Book
from tests import world
from tests.ledger.test_concurrency import Thread
from tests.torture import count
from trackers import services as trackers
from trackers.models import Tracker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.torture]

RACES = count(10, 400)  # of each of the five kinds
FIRST = date(2024, 1, 1)
HEADER = "Date,Narration,Value Date,Debit Amount,Credit Amount,Chq/Ref Number,Closing Balance\n"


@pytest.fixture
def book(monkeypatch):
    monkeypatch.setattr("django_q.tasks.async_task", lambda *args, **kwargs: None)
    return world.book()


def at_once(*works):
    """Start every work together; [its result, or the exception it ended with]."""
    threads = [Thread(work) for work in works]
    ended = []
    for thread in threads:
        try:
            ended.append(thread.end())
        except Exception as error:
            ended.append(error)
    return ended


def test_two_staff_on_one_day(book, seed, tally):
    draw = random.Random(seed)
    total = Decimal(0)
    for _ in range(RACES):
        mine, yours = (Decimal(draw.randint(1, 10**6)) / 100 for _ in range(2))
        ended = at_once(
            lambda amount=mine: world.post(book, "2024-01-03", amount=amount),
            lambda amount=yours: world.post(book, "2024-01-03", amount=amount),
            lambda: daybook.refresh(book.pk),
        )
        assert not [each for each in ended if isinstance(each, Exception)]
        total += mine + yours
        assert daybook.day_book_on(book, date(2024, 1, 3)).total_received == total
    assert daybook.differences(book) == []
    tally("races of two", RACES)


def test_one_form_sent_twice_at_once(book, tally):
    for n in range(RACES):
        work = lambda n=n: world.post(book, "2024-01-03", amount="5", source="staff", source_ref=f"form-{n}")  # noqa: E731
        posted = at_once(work, work)
        assert len({entry.pk for entry in posted}) == 1
    assert LedgerEntry.objects.count() == RACES
    assert daybook.day_book_on(book, date(2024, 1, 3)).total_received == 5 * RACES
    tally("races of two", RACES)


def test_one_statement_brought_by_two_at_once(book, tally):
    bank = Account.objects.get(book=book, name="Bank")
    for n in range(RACES):
        rows = [f"{day:02}/01/24,POS {n} SHOP {day},{day:02}/01/24,1.00,0.00,{n},0.00\n" for day in range(1, 6)]
        file = (HEADER + "".join(rows)).encode()
        work = lambda file=file, n=n: expenses.import_statement(bank, file, file_name=f"{n}.csv")  # noqa: E731
        reports = at_once(work, work)
        assert sorted(report.imported for report in reports) == [0, 5]
        assert sorted(report.duplicate for report in reports) == [0, 5]
    assert Transaction.objects.count() == 5 * RACES
    assert Statement.objects.count() == RACES
    tally("races of two", RACES)


def test_a_day_closed_while_someone_posts_into_it(book, tally):
    cash = Account.objects.get(book=book, name="Cash")
    came = 0
    for n in range(RACES):
        on = FIRST + timedelta(days=n)
        fresh = Book.objects.get(pk=book.pk)
        closed, posted = at_once(
            lambda fresh=fresh, on=on: closing.close_day(fresh, on, counts=[closing.Count(cash, Decimal(60000))]),
            lambda on=on, n=n: world.post(book, on.isoformat(), amount="7", source="staff", source_ref=f"late-{n}"),
        )
        assert not isinstance(closed, Exception)
        assert isinstance(posted, LedgerEntry | daybook.ClosedDay), posted
        there = LedgerEntry.objects.filter(date=on, source_ref=f"late-{n}").count()
        assert there == (not isinstance(posted, Exception))
        came += there
        assert daybook.account_balances(book, on)[cash.pk] == Decimal(60000), "counted is what the next day opens with"
    assert daybook.differences(book) == []
    tally("races of two", RACES)


def test_two_payments_of_one_tracker(book, tally):
    tracker = trackers.open_tracker(
        customer=trackers.customer_for(book, "john"), tracker_name="S", tracker_type="50K", start_date=FIRST
    )
    for n in range(RACES):
        one, other = n % 50 + 1, n % 50 + 51
        ended = at_once(
            lambda day=one, n=n: trackers.record_payment(tracker, day, paid=Decimal(n + 1)),
            lambda day=other, n=n: trackers.record_payment(tracker, day, paid=Decimal(n + 2)),
        )
        assert not [each for each in ended if isinstance(each, Exception)], ended
        days = trackers.contents_of(Tracker.objects.get(pk=tracker.pk)).days
        assert (days[one]["paid"], days[other]["paid"]) == (Decimal(n + 1), Decimal(n + 2))
    assert daybook.differences(book) == []
    tally("races of two", RACES)


def test_a_form_without_its_mark_is_noticed(book, tally):
    """The protection taken out: what carries no source_ref is posted as often as it is sent."""
    work = lambda: world.post(book, "2024-01-03", amount="5")  # noqa: E731
    assert len({entry.pk for entry in at_once(work, work)}) == 2
    tally.caught("a form's mark, by which its second arrival is known")
