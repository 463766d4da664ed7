"""Writers, a worker and a closer beside each other: nothing is lost, doubled, or slipped into a closed day.

The duels hold one side in the middle of its transaction while the other starts; take a protection out of daybook.py,
signals.py or services.py, and one of them fails.
"""

import random
import threading
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction

from ledger import closing, daybook, services, tasks
from ledger.models import Account, AccountTransfer, Category, DayChange, LedgerEntry
from tests import world

pytestmark = pytest.mark.django_db(transaction=True)

FIRST = date(2024, 1, 1)
PATIENCE = 180  # seconds until a test gives up on a thread
A_WHILE = 0.4  # seconds after which a thread that has not ended is taken to be waiting for a lock


class Thread(threading.Thread):
    """A thread with a database connection of its own, whose result or exception `end()` hands over."""

    def __init__(self, work, *args, **kwargs):
        super().__init__(daemon=True)
        self.work, self.result, self.error = lambda: work(*args, **kwargs), None, None
        self.start()

    def run(self):
        try:
            self.result = self.work()
        except BaseException as error:
            self.error = error
        finally:
            connection.close()

    def end(self):
        self.join(PATIENCE)
        assert not self.is_alive(), "it waits for ever"
        if self.error:
            raise self.error
        return self.result

    def is_waiting(self):
        self.join(A_WHILE)
        return self.is_alive()


@pytest.fixture
def book(monkeypatch):
    monkeypatch.setattr("django_q.tasks.async_task", lambda *args, **kwargs: None)
    return world.book()


def held(work):
    """Run `work` in a thread's transaction and keep that open; returns (thread, the event that lets it commit)."""
    done, may_commit = threading.Event(), threading.Event()

    def transact():
        with transaction.atomic():
            result = work()
            done.set()
            assert may_commit.wait(PATIENCE)
            return result

    thread = Thread(transact)
    assert done.wait(PATIENCE) or thread.end()
    return thread, may_commit


# ------------------------------------------------------------------------------------------------ duels


def test_a_closer_waits_for_a_writer_and_counts_what_he_wrote(book):
    writer, may_commit = held(lambda: world.post(book, "2024-01-03", amount="700"))
    closer = Thread(closing.close_day, book, date(2024, 1, 5), counts=[])
    assert closer.is_waiting()
    may_commit.set()
    writer.end()
    closer.end()
    assert daybook.day_book_on(book, date(2024, 1, 5)).closing_balance == Decimal("50700.00")
    assert daybook.differences(book) == []


def test_a_writer_waits_for_a_closer_and_is_refused(book):
    closer, may_commit = held(lambda: closing.close_day(book, date(2024, 1, 5)))
    writer = Thread(world.post, book, "2024-01-03")
    assert writer.is_waiting()
    may_commit.set()
    closer.end()
    with pytest.raises(daybook.ClosedDay):
        writer.end()
    assert not LedgerEntry.objects.exists()
    assert not DayChange.objects.exists()


def test_a_form_of_the_book_read_before_a_close_does_not_undo_it(book):
    closing.close_day(book, date(2024, 1, 5))
    book.name = "Main Street, new sign"  # `book` was read before
    book.save()
    book.refresh_from_db()
    assert (book.name, book.closed_through) == ("Main Street, new sign", date(2024, 1, 5))
    assert book.history.first().closed_through == date(2024, 1, 5)


def test_an_adjustment_waits_for_a_closer_and_lands_on_the_day_that_is_open_then(book):
    closing.close_day(book, date(2024, 1, 4))
    book.refresh_from_db()
    closer, may_commit = held(lambda: closing.close_day(book, date(2024, 1, 9)))
    writer = Thread(world.post, book, "2024-01-03", adjust=True)
    assert writer.is_waiting()
    may_commit.set()
    closer.end()
    assert writer.end().date == date(2024, 1, 10)


def test_an_entry_posted_while_its_category_turns_is_counted_in_the_new_direction(book):
    income = world.category(book, "Income")
    writer, writer_may_commit = held(lambda: world.post(book, "2024-01-03", "Income", "100"))

    def turn():
        income.direction = "spent"
        income.save()

    turner = Thread(turn)
    assert turner.is_waiting()
    writer_may_commit.set()
    writer.end()
    daybook.finish_pending(book.pk)  # before or after the turner: both must end well
    turner.end()
    day = daybook.day_book_on(book, date(2024, 1, 3))
    assert (day.total_received, day.total_spent) == (Decimal(0), Decimal(100))
    assert daybook.differences(book) == []


def test_a_change_that_commits_during_a_refresh_stays_pending(book, monkeypatch):
    world.post(book, "2024-01-03", amount="100")
    reached, may_go_on = threading.Event(), threading.Event()
    recompute = daybook._recompute

    def pause(*args):
        reached.set()
        assert may_go_on.wait(PATIENCE)
        recompute(*args)

    monkeypatch.setattr(daybook, "_recompute", pause)
    refresher = Thread(daybook.refresh, book.pk)
    assert reached.wait(PATIENCE)
    writer = Thread(world.post, book, "2024-01-02", amount="10")
    try:
        if connection.vendor == "sqlite":  # where one writes at a time
            assert writer.is_waiting()
        else:
            writer.end()
    finally:
        may_go_on.set()
    refresher.end()
    writer.end()
    assert DayChange.objects.count() == 1
    assert daybook.day_book_on(book, date(2024, 1, 3)).closing_balance == Decimal("50110.00")
    assert daybook.differences(book) == []


def test_two_refreshes_of_a_book_queue_up(book):
    world.post(book, "2024-01-03", amount="100")
    first, may_commit = held(lambda: daybook.refresh(book.pk))
    second = Thread(daybook.refresh, book.pk)
    assert second.is_waiting()
    may_commit.set()
    assert (first.end(), second.end()) == (1, 0)
    assert daybook.differences(book) == []


def test_two_who_move_one_entry_leave_it_on_one_day(book):
    """Saved without the services, as a form does: the second still tells the day where the first had put it."""
    entry = world.post(book, "2024-01-03")
    daybook.finish_pending(book.pk)

    def move(on):
        row = LedgerEntry.objects.get(pk=entry.pk)
        row.date = on
        row.save()

    mine = LedgerEntry.objects.get(pk=entry.pk)
    mine.date = date(2024, 1, 7)
    saved, may_commit_too = threading.Event(), threading.Event()

    def save_mine():
        with transaction.atomic():
            mine.save()
            saved.set()
            assert may_commit_too.wait(PATIENCE)

    first, may_commit = held(lambda: move(date(2024, 1, 5)))
    second = Thread(save_mine)
    assert second.is_waiting()
    assert not saved.is_set()
    may_commit.set()
    first.end()
    assert saved.wait(PATIENCE)
    refresher = Thread(daybook.finish_pending, book.pk)  # computes the day where the first had put it
    refresher.is_waiting()
    may_commit_too.set()
    second.end()
    refresher.end()
    assert daybook.differences(book) == []


def test_a_bare_save_on_a_closed_day_leaves_nothing_behind(book):
    closing.close_day(book, date(2024, 1, 5))
    cash = Account.objects.get(book=book, name="Cash")
    with pytest.raises(daybook.ClosedDay):
        LedgerEntry.objects.create(
            book=book,
            date=date(2024, 1, 3),
            account=cash,
            category=world.category(book, "Income"),
            amount=Decimal(5),
        )
    assert not LedgerEntry.objects.exists()
    assert not DayChange.objects.exists()


# ------------------------------------------------------------------------------------------------ the same twice


def at_once(*works):
    """Run each of `works` in a thread of its own, all starting together; returns their results in order."""
    start = threading.Barrier(len(works))

    def begin(work):
        start.wait(PATIENCE)
        return work()

    threads = [Thread(begin, work) for work in works]
    return [thread.end() for thread in threads]


def test_the_same_submission_eight_times_at_once_posts_once(book):
    posted = at_once(*[lambda: world.post(book, "2024-01-03", source="form", source_ref="7")] * 8)
    assert len({entry.pk for entry in posted}) == 1
    assert LedgerEntry.objects.count() == 1
    assert LedgerEntry.history.count() == 1


def test_the_same_import_four_times_at_once_posts_once(book):
    cash, income = Account.objects.get(book=book, name="Cash"), world.category(book, "Income")
    rows = [services.NewEntry(FIRST, income, Decimal(line), cash, f"file:{line}") for line in range(1, 41)]
    counts = at_once(*[lambda: services.post_entries(book=book, rows=rows, source="import")] * 4)
    assert sorted(counts) == [(0, 0, 40)] * 3 + [(40, 0, 0)]
    assert daybook.day_book_on(book, FIRST).total_received == sum(range(1, 41))


def test_the_same_reversal_at_once_reverses_once(book):
    entry = world.post(book, "2024-01-03")
    assert len({back.pk for back in at_once(*[lambda: services.reverse(entry, date=entry.date)] * 4)}) == 1
    assert daybook.differences(book) == []


# ------------------------------------------------------------------------------------------------ the whole shop


class Writer:
    """One person who types: remembers what was acknowledged, so that the books can be asked for exactly that."""

    def __init__(self, book, number, days):
        self.book, self.random, self.days = book, random.Random(number), days
        self.name = f"writer-{number}"
        self.accounts = list(Account.objects.filter(book=book))
        self.categories = list(Category.objects.filter(book=book, name__in=["Collection", "Income", "Expense"]))
        self.standing = {}  # source_ref -> amount

    def work(self, rounds):
        for turn in range(rounds):
            try:
                self.act(turn)
            except (daybook.ClosedDay, services.EditedMeanwhile):
                continue
        return self.standing

    def act(self, turn):
        choice = self.random.random()
        on = FIRST + timedelta(days=self.random.randrange(self.days))
        amount = Decimal(self.random.randint(1, 10**6)) / 100
        if choice < 0.15:
            accounts = self.random.sample(self.accounts, 2)
            services.transfer(book=self.book, date=on, from_account=accounts[0], to_account=accounts[1], amount=amount)
        elif choice < 0.6 or not self.standing:
            ref = f"{self.name}:{turn}"
            services.post_entry(
                book=self.book,
                date=on,
                category=self.random.choice(self.categories),
                account=self.random.choice(self.accounts),
                amount=amount,
                source="shop",
                source_ref=ref,
            )
            self.standing[ref] = amount
        else:
            ref = self.random.choice(sorted(self.standing))
            entry = LedgerEntry.objects.get(source="shop", source_ref=ref, deleted_at=None)
            if choice < 0.75:
                services.edit(entry, date=on, amount=amount)
                self.standing[ref] = amount
            elif choice < 0.9:
                services.delete(entry)
                kept = self.standing.pop(ref)
                services.restore(entry)  # refused where its day was closed meanwhile: then it stays in the bin
                self.standing[ref] = kept
            else:
                services.delete(entry)
                del self.standing[ref]


def close_day_after_day(book, days):
    """Close the days one after the other, counting the cash box; returns what each closed day said then."""
    cash = Account.objects.get(book=book, name="Cash")
    said = {}
    for offset in range(0, days, 3):
        on = FIRST + timedelta(days=offset)
        closing.close_day(book, on, counts=[closing.Count(cash, Decimal(50000 + offset))])
        said[on] = figures(book, on)
    return said


def figures(book, on):
    day = daybook.day_book_on(book, on)
    details = {(d.transaction_type, d.category_id, d.subcategory): (d.amount, d.transaction_count) for d in day.details}
    return (day.opening_balance, day.total_received, day.total_spent, day.closing_balance, details)


def test_eight_writers_a_worker_and_a_closer_end_in_the_books_of_a_rebuild(book):
    days, rounds, over = 30, 12, threading.Event()

    def worker():
        while not over.wait(0.005):  # as a worker is, not one that takes the lock again at once and starves a writer
            tasks.refresh_book(book.pk)
            tasks.sweep()

    def reader():
        while not over.is_set():
            for day in daybook.day_books(book, FIRST, FIRST + timedelta(days=days)):
                assert sum(d.amount for d in day.received_details) == day.total_received
                assert sum(d.amount for d in day.spent_details) == day.total_spent
                assert sum(a.closing_balance for a in day.accounts) == day.closing_balance

    def turner():
        for turn in range(6):
            expense = world.category(book, "Expense")
            expense.direction = ["received", "spent"][turn % 2]
            try:
                expense.save()
            except daybook.ClosedDay:
                return

    writers = [Writer(book, number, days) for number in range(8)]
    background = [Thread(worker), Thread(reader)]
    try:
        threads = [Thread(writer.work, rounds) for writer in writers]
        closer, turning = Thread(close_day_after_day, book, days // 2), Thread(turner)
        standing = [thread.end() for thread in threads]
        said = closer.end()
        turning.end()
    finally:
        over.set()
    for thread in background:
        thread.end()

    assert daybook.differences(book) == []
    live = LedgerEntry.objects.filter(source="shop", deleted_at=None).values_list("source_ref", "amount")
    acknowledged = {ref: amount for each in standing for ref, amount in each.items()}
    assert sorted(live) == sorted(acknowledged.items())
    assert {on: figures(book, on) for on in said} == said
    before = LedgerEntry.objects.filter(date__lte=max(said)).values_list("amount", flat=True)
    assert before, "the closer was faster than every writer: the test proved nothing"
    assert AccountTransfer.objects.exists()


def test_readers_do_not_wait_for_a_writer(book):
    """A day that has nothing pending is read while somebody is in the middle of an import."""
    daybook.day_book_on(book, FIRST)
    writer, may_commit = held(lambda: world.post(book, "2024-01-03"))
    reader = Thread(daybook.day_book_on, book, FIRST)
    try:
        assert reader.end().closing_balance == Decimal(50000)
    finally:
        may_commit.set()
    writer.end()


def test_refused_writers_leave_nothing_pending(book):
    closing.close_day(book, FIRST)

    def refused():
        with pytest.raises(daybook.ClosedDay):
            world.post(book, "2024-01-01")

    at_once(*[refused] * 8)
    assert not DayChange.objects.exists()
