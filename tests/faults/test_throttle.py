"""Wrong passwords sent to a real web server of two processes that is started anew in between: ten are looked at."""

import http.client
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from tests import world
from tests.faults.shop import Shop
from tests.torture import IS_LONG

pytestmark = pytest.mark.torture

LOOKED_AT, MUST_WAIT = "do not go together", "Wait a quarter of an hour"
WHO_ANSWERS = """
import os
from django.core.handlers.base import BaseHandler
answered = BaseHandler.get_response
def get_response(self, request):
    response = answered(self, request)
    response["X-Process"] = str(os.getpid())
    return response
BaseHandler.get_response = get_response
"""
KEPT_BY_EACH_PROCESS = """
from collections import Counter
from shop import rate_limits
kept = Counter()
def take(kind, name, limit, seconds):
    kept[kind, name] += 1
    return kept[kind, name] <= limit
rate_limits.take = take
"""


class Door:
    """The log-in of a served Lendbook: what became of each password, and which processes answered."""

    def __init__(self, shop):
        self.shop, self.processes = shop, set()

    def try_(self, password):
        connection = http.client.HTTPConnection("127.0.0.1", self.shop.port, timeout=60)
        try:
            headers = {
                "Cookie": f"lendbook_testing_csrf={'c' * 32}",
                "X-CSRFToken": "c" * 32,
                "Content-Type": "application/x-www-form-urlencoded",
            }
            form = urlencode({"username": "clerk-0", "password": password})
            connection.request("POST", "/login/", form, headers)
            answer = connection.getresponse()
            page = answer.read().decode()
        finally:
            connection.close()
        self.processes.add(answer.getheader("X-Process"))
        if answer.status == 302:
            return "let in"
        return next((words for words in (LOOKED_AT, MUST_WAIT) if words in page), f"{answer.status}: {page[:300]}")

    def try_at_once(self, times):
        with ThreadPoolExecutor(times) as people:
            return list(people.map(self.try_, ["wrong"] * times))


def twenty_wrong_passwords(folder, taken_out=""):
    """(what became of them in order, what then becomes of the right one)."""
    shop = Shop(folder, trackers=0, clerks=1, workers=2, taken_out=WHO_ANSWERS + taken_out)
    try:
        door = Door(shop)
        told = door.try_at_once(8)
        shop.stop()
        shop.start()
        told += door.try_at_once(12)
        assert len(door.processes) >= 3, "before the restart and after it one process alone answered: nothing is proved"
        return told, door.try_(world.PASSWORD)
    finally:
        shop.close()


def test_of_twenty_wrong_passwords_ten_are_looked_at_over_two_processes_and_a_restart(tmp_path, tally):
    told, right = twenty_wrong_passwords(tmp_path)
    assert (told.count(LOOKED_AT), told.count(MUST_WAIT)) == (10, 10), told
    assert told[:8] == [LOOKED_AT] * 8
    assert right == MUST_WAIT
    tally("wrong passwords sent to a server of two processes, restarted in between", len(told))


@pytest.mark.skipif(not IS_LONG, reason="tried in make torture")
def test_tries_that_each_process_counts_for_itself_are_noticed(tmp_path, tally):
    """The protection taken out."""
    told, _ = twenty_wrong_passwords(tmp_path, KEPT_BY_EACH_PROCESS)
    assert told.count(LOOKED_AT) > 10
    tally.caught("the count of wrong passwords in the database")
