"""So many tries and no more: over processes at the same instant, over restarts, and anew when the time is over."""

import os
import time
from collections import Counter
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.utils import timezone

from lendbook import login, receipt_proof
from shop import rate_limits
from shop.models import Tries
from tests import world
from tests.torture import count
from trackers.portal.views import papers

PROCESSES = 4
TOLD = {b"do not go together": "looked at", b"Wait a quarter": "must wait"}


def key(kind, *parts):
    return rate_limits._key(kind, parts)


def in_processes(work):
    """What `work()` gave in each of PROCESSES forked processes that began together, counted; it gives words."""
    connections.close_all()
    reading, writing = os.pipe()
    begins = time.time() + 0.3
    children = []
    for _ in range(PROCESSES):
        child = os.fork()
        if child == 0:
            try:
                time.sleep(max(0, begins - time.time()))
                os.write(writing, "".join(f"{word}\n" for word in work()).encode())
            finally:
                os._exit(0)
        children.append(child)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        words = Counter(pipe.read().split("\n")[:-1])
    for child in children:
        os.waitpid(child, 0)
    return words


@pytest.mark.torture
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("where", ["/login/", "/admin/login/"])
def test_wrong_passwords_in_many_processes_are_looked_at_ten_times_in_all(where, tally):
    world.cast()

    def work():
        for _ in range(6):
            page = Client().post(where, {"username": "ravi", "password": "wrong"}).content
            yield next((word for words, word in TOLD.items() if words in page), "neither")

    for _ in range(count(2, 20)):
        Tries.objects.all().delete()
        found = in_processes(work)
        assert found == {"looked at": login.TRIES_PER_LOGIN, "must wait": 6 * PROCESSES - login.TRIES_PER_LOGIN}
        cache.clear()  # and a restart, of Redis too, forgets nothing
        assert in_processes(work) == {"must wait": 6 * PROCESSES}
    tally("wrong passwords in processes side by side", count(2, 20) * 12 * PROCESSES)


@pytest.mark.django_db(transaction=True)
def test_looks_and_papers_are_counted_alike(rf):
    request = rf.get("/")
    user = world.person("murugan")

    def looks():
        return [str(receipt_proof._may_look(request)) for _ in range(20)]

    def made():
        return [str(papers.may_have_another(user)) for _ in range(10)]

    def asks():
        return [str(login.may_ask(request)) for _ in range(8)]

    assert in_processes(looks)["True"] == receipt_proof.LOOKS
    assert in_processes(made)["True"] == papers.PAPERS
    assert in_processes(asks)["True"] == login.ASKS_PER_ADDRESS


@pytest.mark.django_db
def test_they_are_counted_anew_after_their_time_and_swept():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert [rate_limits.take("look", "a", 2, 60) for _ in range(3)] == [True, True, False]
        clock.shift(timedelta(seconds=59))
        assert not rate_limits.take("look", "a", 2, 60)  # a refused try does not lengthen the wait
        assert rate_limits.take("look", "b", 2, 60)
        clock.shift(timedelta(seconds=2))
        assert [rate_limits.take("look", "a", 2, 60) for _ in range(3)] == [True, True, False]
        clock.shift(timedelta(seconds=59))
        rate_limits.sweep()
        assert Tries.objects.count() == 1
        assert not any(row.key.partition(":")[2] == "a" for row in Tries.objects.all())


@pytest.mark.django_db
def test_the_right_password_takes_back_its_own_count_only(client):
    world.cast()
    for name in ("ravi", "ravi", "kumar"):
        client.post("/login/", {"username": name, "password": "wrong"})
    client.post("/login/", {"username": "ravi", "password": world.PASSWORD})
    assert sorted(Tries.objects.values_list("key", "count")) == sorted(
        [(key("login", "kumar", "127.0.0.1"), 1), (key("strangers", "kumar"), 1), (key("strangers", "ravi"), 2),
         (key("address", "127.0.0.1"), 3)]
    )  # fmt: skip
