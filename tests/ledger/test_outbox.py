"""From a save to the worker: few tasks for many saves, no harm from a lost one, and a save that needs no queue."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import time_machine
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction

from ledger import daybook, services, tasks
from ledger.models import Account, DayChange
from shop.models import Book
from tests import world

NOWHERE = "redis://127.0.0.1:1/0"  # a port at which nobody answers


@pytest.fixture
def queue(monkeypatch, settings):
    """What would have been queued: [(task, book id)]."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    queued = []
    monkeypatch.setattr("django_q.tasks.async_task", lambda task, book_id, **options: queued.append((task, book_id)))
    return queued


def closing_on(book, on):
    return daybook.day_book_on(book, date.fromisoformat(on)).closing_balance


@pytest.mark.django_db
def test_a_burst_of_a_thousand_saves_queues_one_task(queue, django_capture_on_commit_callbacks):
    book = world.book()
    cash, income = Account.objects.get(book=book, name="Cash"), world.category(book, "Income")
    with django_capture_on_commit_callbacks(execute=True):
        for day in range(1000):
            services.post_entry(
                book=book, date=date(2024, 1, 1 + day % 28), category=income, account=cash, amount=Decimal(1)
            )
    assert queue == [("ledger.tasks.refresh_book", book.pk)]
    tasks.refresh_book(book.pk)
    assert closing_on(book, "2024-01-31") == Decimal(51000)


@pytest.mark.django_db
def test_a_save_after_the_worker_began_wakes_it_again(queue, django_capture_on_commit_callbacks, monkeypatch):
    book = world.book()
    with django_capture_on_commit_callbacks(execute=True):
        world.post(book, "2024-01-15")

    def and_meanwhile(book_id):
        with django_capture_on_commit_callbacks(execute=True):
            world.post(book, "2024-01-16")

    monkeypatch.setattr(daybook, "finish_pending", and_meanwhile)
    tasks.refresh_book(book.pk)
    assert len(queue) == 2


@pytest.mark.django_db
def test_each_book_wakes_the_worker_for_itself(queue, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        for slug in ("one", "two"):
            world.post(world.book(slug), "2024-01-15")
    assert len(queue) == 2


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_wakes_nobody(queue):
    book = world.book()
    daybook.finish_pending(book.pk)
    queue.clear()
    with transaction.atomic():
        world.post(book, "2024-01-15")
        transaction.set_rollback(True)
    assert queue == []
    assert not DayChange.objects.exists()


@pytest.mark.django_db
def test_a_task_that_is_lost_doubled_or_late_changes_nothing(queue):
    book = world.book()
    world.post(book, "2024-01-15")
    world.post(book, "2024-01-10")
    tasks.sweep()  # both tasks were lost
    assert not DayChange.objects.exists()
    for _ in range(2):
        tasks.refresh_book(book.pk)
    world.post(book, "2024-01-12")
    tasks.refresh_book(book.pk)
    daybook.refresh(book.pk)
    assert closing_on(book, "2024-01-20") == Decimal(51500)
    assert daybook.differences(book) == []


@pytest.mark.django_db
def test_trouble_in_one_book_does_not_keep_the_sweep_from_the_others(queue, monkeypatch, caplog):
    books = [world.book(slug) for slug in ("one", "two", "three")]
    for book in books:
        world.post(book, "2024-01-15")
    refresh = daybook.refresh

    def stumble(book_id):
        if book_id == books[1].pk:
            raise RuntimeError("out of disk")
        return refresh(book_id)

    monkeypatch.setattr(daybook, "refresh", stumble)
    tasks.sweep()
    assert set(DayChange.objects.values_list("book__slug", flat=True)) == {"two"}
    assert f"book {books[1].pk}" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_with_redis_down_the_save_succeeds_and_the_page_shows_the_right_day(settings, caplog):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": NOWHERE}}
    book = world.book()
    world.post(book, "2024-01-15")
    assert "the sweep will find them" in caplog.text
    assert closing_on(book, "2024-01-15") == Decimal(50500)
    world.post(book, "2024-01-16")
    tasks.refresh_book(book.pk)
    assert closing_on(book, "2024-01-16") == Decimal(51000)


@pytest.mark.django_db(transaction=True)
def test_with_the_queue_down_the_save_succeeds_and_the_page_shows_the_right_day(queue, monkeypatch, caplog):
    def refuse(*args, **kwargs):
        raise ConnectionError("the broker is gone")

    monkeypatch.setattr("django_q.tasks.async_task", refuse)
    book = world.book()
    world.post(book, "2024-01-15")
    assert "the sweep will find them" in caplog.text
    assert closing_on(book, "2024-01-15") == Decimal(50500)


@pytest.mark.django_db(transaction=True)
def test_an_outbox_row_outside_the_transaction_of_its_change_is_a_mistake(queue):
    book = world.book()
    with pytest.raises(transaction.TransactionManagementError):
        daybook.record_changes(book.pk, [date(2024, 1, 15)])


# ------------------------------------------------------------------------------------------------ business dates


@pytest.mark.django_db
@pytest.mark.parametrize("clock", ["UTC", "America/Los_Angeles", "Pacific/Kiritimati", "Asia/Kolkata"])
def test_ten_past_midnight_in_the_book_is_the_new_day_wherever_the_server_stands(clock):
    from zoneinfo import ZoneInfo

    book = world.book()
    ten_past_midnight = datetime(2024, 1, 15, 18, 40, tzinfo=UTC)  # 00:10 on the 16th in India
    with time_machine.travel(ten_past_midnight.astimezone(ZoneInfo(clock)), tick=False):
        assert book.today() == date(2024, 1, 16)
        world.post(book, "2024-01-16")
        with pytest.raises(ValidationError, match="in the future"):
            world.post(book, "2024-01-17")
        assert closing_on(book, "2024-01-16") == Decimal(50500)
    with time_machine.travel(datetime(2024, 1, 15, 18, 20, tzinfo=UTC), tick=False):  # 23:50 on the 15th
        assert book.today() == date(2024, 1, 15)


@pytest.mark.django_db
def test_each_book_has_its_own_midnight():
    india, new_york = world.book("india"), world.book("new-york")
    Book.objects.filter(pk=new_york.pk).update(time_zone="America/New_York")
    new_york.refresh_from_db()
    with time_machine.travel(datetime(2024, 1, 15, 18, 40, tzinfo=UTC), tick=False):
        assert (india.today(), new_york.today()) == (date(2024, 1, 16), date(2024, 1, 15))
