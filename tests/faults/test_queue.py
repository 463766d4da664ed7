"""A queue that loses, doubles and mixes up what it was given: the books end the same, at the latest with the sweep."""

import random
from datetime import date, timedelta

import pytest
from django.core.cache import cache
from django.utils.module_loading import import_string

from ledger import daybook, tasks
from ledger.models import DayChange
from tests import world
from tests.torture import count

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.torture]

FATES = {
    "emptied": lambda queued, draw: [],
    "doubled": lambda queued, draw: queued * 2,
    "reordered": lambda queued, draw: draw.sample(queued, len(queued)),
    "half lost, half doubled, all mixed up": lambda queued, draw: draw.choices(queued, k=len(queued)),
}


@pytest.fixture
def queued(monkeypatch, settings):
    """What was put into the queue, [(function, arguments)], and not yet run; no other test has woken the worker."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    kept = []
    monkeypatch.setattr("django_q.tasks.async_task", lambda function, *words, **options: kept.append((function, words)))
    return kept


@pytest.mark.parametrize("fate", FATES)
def test_books_are_the_same_whatever_becomes_of_the_queue(fate, queued, seed, tally):
    draw, book, told = random.Random(seed), world.book(), 0
    for _ in range(count(3, 30)):
        for _ in range(draw.randint(2, 8)):
            on = date(2024, 1, 1) + timedelta(days=draw.randrange(28))
            world.post(book, on.isoformat(), draw.choice(["Collection", "Expense"]), str(draw.randint(1, 999)))
        told += len(queued)
        for function, words in FATES[fate](list(queued), draw):
            (import_string(function) if isinstance(function, str) else function)(*words)
        queued.clear()
        tasks.sweep()
        assert not DayChange.objects.exists()
        assert daybook.differences(book) == []
        tally("queues emptied, doubled or reordered")
    assert told, "no change told the worker anything"


def test_without_the_outbox_an_emptied_queue_is_noticed(queued, monkeypatch, tally):
    """The protection taken out: only the queue knows which day changed, and the queue is lost."""
    book = world.book()
    world.post(book, "2024-01-03")
    daybook.finish_pending(book.pk)
    monkeypatch.setattr(DayChange.objects, "bulk_create", lambda *args, **kwargs: None)
    world.post(book, "2024-01-03")
    tasks.sweep()
    assert daybook.differences(book)
    tally.caught("the outbox, when the queue is lost")
