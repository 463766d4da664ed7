"""A shop's busiest hour on PostgreSQL: payments and pages at a given rate, from the same machine, for minutes.

    BENCH_DATABASE_URL=postgres://… .venv/bin/python -m benchmarks.load [--seconds 600] [--payments 10] [--pages 50]

1,000 trackers of 365 days, 500,000 entries, 20 staff, 200 customers; web server with 2 workers and the background
worker, as `make run` starts them. 80 % of the pages are passbooks and the day book, 20 % lists. Requests begin by the
clock, whether the earlier ones were answered or not, and are timed from the moment they were due. `--climb` tries
rising rates for 30 seconds each first, and keeps to the highest that met the goals. The scene is made once and kept;
`--fresh` makes it anew. `make load` runs it.
"""

import argparse
import http.client
import os
import queue
import random
import re
import secrets
import statistics
import subprocess
import sys
import threading
import time
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode

from benchmarks import scene
from benchmarks.pages import free_port, wait_for
from benchmarks.scene import say

PERIOD, PAID_DAYS, RUNNING_DAYS = 365, 300, 340
STAFF, CUSTOMERS = 20, 200
TODAY = date.today()  # noqa: DTZ011  (the machine's; the book's zone may be a day ahead, and 25 days are spare)
START = TODAY - timedelta(days=RUNNING_DAYS)
PAYMENT_GOAL, PAGE_GOAL = 0.4, 0.2
CALLERS = 48
IDLE_SECONDS = 1  # gunicorn closes a line that was idle for two; a browser opens another as well


def main():
    options = _options()
    scene.FOLDER = scene.FOLDER / "load"
    if url := os.environ.get("BENCH_DATABASE_URL", ""):
        os.environ["BENCH_DATABASE_URL"] = f"{url}_load"
    engine = scene.begin(lambda: _fill(options))
    print(f"\n{engine}: {scene.machine()}\n", flush=True)
    with Server(options) as server:
        shop = Shop(server.port)
        Run(shop, server, 5, options.payments / 2, options.pages / 2)  # both workers warm
        rate = 1.0
        if options.climb:
            rate = _highest(shop, server, options)
        run = Run(shop, server, options.seconds, options.payments * rate, options.pages * rate)
        run.tell()
        shop.check()


def _options():
    parser = argparse.ArgumentParser(description="Payments and pages at a rate, for minutes.")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--payments", type=float, default=10, help="a second")
    parser.add_argument("--pages", type=float, default=50, help="a second")
    parser.add_argument("--climb", action="store_true", help="find the highest share of these rates that is carried")
    parser.add_argument("--trackers", type=int, default=1000)
    parser.add_argument("--entries", type=int, default=500_000)
    parser.add_argument("--workers", type=int, default=2, help="processes of the web server")
    parser.add_argument("--fresh", action="store_true", help="make the scene anew")
    return parser.parse_args()


def _highest(shop, server, options):
    """The largest of rising shares of the rates at which nothing failed and both goals were met."""
    best = 0.25
    for share in (0.25, 0.5, 0.75, 1, 1.25, 1.5, 2):
        run = Run(shop, server, 30, options.payments * share, options.pages * share)
        say(f"{share:4.0%}: {run.line()}")
        if not run.is_good:
            break
        best = share
    print(f"Highest rate carried: {best:.0%} of what was asked.\n")
    return best


# ------------------------------------------------------------------------------------------------ the scene


def _fill(options):
    """The book, its people, trackers paid for 300 days, and other entries up to the number asked for."""
    from django.core.management import call_command
    from django.db import connection

    from ledger import daybook, services
    from ledger.models import LedgerEntry
    from shop.models import Book
    from trackers.models import Tracker

    whole = Tracker.objects.count() == options.trackers and LedgerEntry.objects.count() >= options.entries
    if whole and not options.fresh and not Tracker.objects.filter(days_paid__gte=RUNNING_DAYS - 15).exists():
        return
    say(f"Making {options.trackers:,} trackers and {options.entries:,} entries ({connection.vendor}), once.")
    call_command("flush", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    for kept in scene.FOLDER.glob("testing/*/tracker_*"):
        kept.unlink()
    accounts = [("Cash", "cash", Decimal(50_000)), ("Bank", "bank", Decimal(100_000)), ("UPI", "upi", Decimal(0))]
    begins_on = START + timedelta(days=PAID_DAYS + 1)  # what was paid before is in the workbooks alone, until below
    book = services.open_book(slug="load", name="Load", accounts=accounts, begins_on=begins_on)
    _open_trackers(book, _people(book), options.trackers)
    Book.objects.filter(pk=book.pk).update(begins_on=None)
    others = max(options.entries - options.trackers * PAID_DAYS, 0)
    with connection.cursor() as cursor:
        cursor.execute(_tracker_entries(connection.vendor))
        cursor.execute(_other_entries(connection.vendor, others))
    daybook.rebuild(Book.objects.get(pk=book.pk).pk)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _people(book):
    """20 staff and 200 customers; returns the customers."""
    from django.contrib.auth import get_user_model

    from ledger import services
    from shop.models import Role
    from trackers.models import Customer

    login = get_user_model().objects
    for number in range(STAFF):
        services.set_member(book, login.create(username=f"staff{number}", is_staff=True), Role.STAFF)
    users = login.bulk_create(login.model(username=f"customer{number}") for number in range(CUSTOMERS))
    return [Customer.objects.create(book=book, user=user, name=user.username.title()) for user in users]


def _open_trackers(book, customers, count):
    from django.db import transaction

    from trackers.importing.openings import Opening, open_many
    from trackers.workbook.contents import edited, new_contents

    contents = new_contents("50K", tracker_name="Load", start_date=START, scheme_period=PERIOD)
    paid = {day: {"paid": Decimal(500), "mode": ("Cash", "UPI")[day % 2]} for day in range(1, PAID_DAYS + 1)}
    contents = edited(contents, days=paid)
    for first in range(0, count, 50):
        numbers = range(first, min(first + 50, count))
        with transaction.atomic():
            open_many(book, [Opening(customers[number % len(customers)], contents) for number in numbers])
        say(f"  {numbers[-1] + 1:,} trackers") if numbers[-1] % 250 == 249 else None


def _tracker_entries(vendor):
    """The entries of the days that the workbooks have, as the trackers' own posting makes them."""
    on = "t.start_date + d.i::int" if vendor == "postgresql" else "date(t.start_date, '+' || d.i || ' days')"
    return f"""
        INSERT INTO ledger_ledgerentry (book_id, date, amount, narration, reference, source, source_ref, created_at,
          version, account_id, category_id, subcategory, payment_mode)
        SELECT t.book_id, {on}, 50000, t.tracker_name, '', 'tracker', t.id || ':' || d.i || ':paid:1',
          CURRENT_TIMESTAMP, 1, a.id, c.id, 'Loan Payments', CASE d.i % 2 WHEN 0 THEN 'Cash' ELSE 'UPI' END
        FROM trackers_tracker t
        CROSS JOIN (SELECT i + 1 AS i FROM ({scene._numbers(vendor, PAID_DAYS)}) AS n) AS d
        JOIN ledger_account a ON a.kind = CASE d.i % 2 WHEN 0 THEN 'cash' ELSE 'upi' END
        JOIN ledger_category c ON c.name = 'Collection'"""


def _other_entries(vendor, count):
    day = scene._day(vendor, f"(i * 1999) % {RUNNING_DAYS + 900}").replace(
        str(scene.FIRST), str(START - timedelta(days=900))
    )
    return f"""
        INSERT INTO ledger_ledgerentry (book_id, date, amount, narration, reference, source, source_ref, created_at,
          version, account_id, category_id, subcategory, payment_mode)
        SELECT a.book_id, {day}, 1 + (i * 104729) % 500000, 'Other', '', '', '', CURRENT_TIMESTAMP, 1, a.id, c.id, '',
          'Cash'
        FROM ({scene._numbers(vendor, max(count, 1))}) AS n
        JOIN (SELECT id, book_id, ROW_NUMBER() OVER (ORDER BY id) - 1 AS k FROM ledger_account) AS a ON a.k = i % 3
        JOIN (SELECT id, book_id, ROW_NUMBER() OVER (ORDER BY id) - 1 AS k FROM ledger_category) AS c
          ON c.k = (i / 17) % 4"""


# ------------------------------------------------------------------------------------------------ the server


class Server:
    """Web server and worker in processes of their own, their memory sampled, their words kept."""

    def __init__(self, options):
        self.port = free_port()
        self.log = scene.FOLDER / "server.log"
        self.environ = os.environ | {"LENDBOOK_WEB_WORKERS": str(options.workers), "LENDBOOK_WORKERS": "1"}
        if redis := os.environ.get("BENCH_REDIS_URL", ""):
            self.environ["REDIS_URL"] = redis

    def __enter__(self):
        from django.db import connections

        connections.close_all()
        self.words = self.log.open("w")
        command = [sys.executable, "manage.py", "serve", "--port", str(self.port)]
        self.process = subprocess.Popen(command, env=self.environ, stdout=self.words, stderr=self.words)
        wait_for(f"http://127.0.0.1:{self.port}/healthz")
        return self

    def __exit__(self, *error):
        self.process.terminate()
        self.process.wait(60)
        self.words.close()

    def megabytes(self):
        """What all processes of the server hold in memory, pages that some share divided among them."""
        parents = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has just ended
        ours, grown = {self.process.pid}, True
        while grown:
            more = {pid for pid, parent in parents.items() if parent in ours} - ours
            ours, grown = ours | more, bool(more)
        return sum(map(_kilobytes, ours)) / 1024

    def said(self, pattern):
        self.words.flush()
        return len(re.findall(pattern, self.log.read_text(), re.IGNORECASE))


def _kilobytes(pid):
    try:
        return int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)[1])
    except (OSError, TypeError):
        return 0


class Shop:
    """Who asks for what: sessions of staff and customers, and the next day to pay of each tracker."""

    def __init__(self, port):
        from django.conf import settings
        from django.contrib.auth import get_user_model
        from django.test import Client

        from trackers.models import Tracker

        self.port, self.dice, self.secret = port, random.Random(7), secrets.token_hex(16)
        self.csrf = f"{settings.CSRF_COOKIE_NAME}={self.secret}"

        def cookie(user):
            client = Client(SERVER_NAME="127.0.0.1")
            client.force_login(user)
            name = settings.SESSION_COOKIE_NAME
            return f"{name}={client.cookies[name].value}; {self.csrf}"

        users = get_user_model().objects
        self.staff = [cookie(user) for user in users.filter(username__startswith="staff")]
        own = {user.pk: cookie(user) for user in users.filter(username__startswith="customer")}
        rows = Tracker.objects.values_list("pk", "customer__user_id", "days_paid").order_by("pk")
        self.passbooks = [(pk, own[user]) for pk, user, _ in rows]
        days = [(pk, day + 1) for pk, _, day in rows]
        self.dice.shuffle(days)
        self.to_pay = iter([(pk, day + more) for more in range(20) for pk, day in days])
        self.lists = ["/books/load/trackers/", "/admin/ledger/ledgerentry/"]
        self.entries, self.acknowledged = self.entries_now(), 0

    @staticmethod
    def entries_now():
        from ledger.models import LedgerEntry

        return LedgerEntry.objects.filter(source="tracker", deleted_at=None).count()

    def payment(self):
        pk, day = next(self.to_pay)
        body = urlencode({"paid": "500", "mode": "Cash", "notes": "paid"})
        return "POST", f"/books/load/trackers/{pk}/day/{day}/", self.dice.choice(self.staff), body

    def page(self):
        share = self.dice.random()
        if share < 0.4:
            pk, cookie = self.dice.choice(self.passbooks)
            return "GET", f"/passbook/{pk}/", cookie, None
        staff = self.dice.choice(self.staff)
        if share < 0.8:
            on = TODAY - timedelta(days=self.dice.randrange(RUNNING_DAYS))
            return "GET", f"/books/load/day-book/{on}/", staff, None
        return "GET", self.dice.choice(self.lists), staff, None

    def check(self):
        """Whatever was acknowledged is in the books, once."""
        new = self.entries_now() - self.entries
        same = _met(new == self.acknowledged)
        print(f"| payments acknowledged, and in the books | {self.acknowledged:,}, {new:,} | the same {same} |")


class Run:
    """So many seconds of payments and pages at a rate."""

    def __init__(self, shop, server, seconds, payments, pages):
        self.shop, self.server, self.seconds = shop, server, seconds
        self.rates = {"payment": payments, "page": pages}
        self.times = {"payment": [], "page": []}
        self.wrong, self.memory, self.slow = {}, [], {}
        self.due, self.acknowledged = queue.Queue(), queue.SimpleQueue()
        callers = [threading.Thread(target=self._call, daemon=True) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        self.begun = time.perf_counter()
        self._ask()
        for _ in callers:
            self.due.put(None)
        for caller in callers:
            caller.join(60)
        shop.acknowledged += self.acknowledged.qsize()
        self.taken = time.perf_counter() - self.begun

    def _ask(self):
        """Put each request into the queue at its moment; sample memory every five seconds."""
        moments = sorted(
            (number / rate, kind)
            for kind, rate in self.rates.items()
            for number in range(int(rate * self.seconds))
        )  # fmt: skip
        sampled = -5.0
        for at, kind in moments:
            wait = self.begun + at - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            if at - sampled >= 5:
                sampled = at
                self.memory.append(self.server.megabytes())
            request = self.shop.payment() if kind == "payment" else self.shop.page()
            self.due.put((self.begun + at, kind, request))

    def _call(self):
        line, used = http.client.HTTPConnection("127.0.0.1", self.shop.port, timeout=60), 0.0
        while (asked := self.due.get()) is not None:
            if time.perf_counter() - used > IDLE_SECONDS:
                line.close()
            at, kind, (method, address, cookie, body) = asked
            headers = {"Cookie": cookie}
            if body is not None:
                headers |= {"X-CSRFToken": self.shop.secret, "Content-Type": "application/x-www-form-urlencoded"}
            try:
                line.request(method, address, body, headers)
                answer = line.getresponse()
                answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException) as error:
                status = type(error).__name__
                line.close()
            used = time.perf_counter()
            taken = used - at
            self.times[kind].append(taken)
            what = re.sub(r"\d[\d-]*", "N", address)
            self.slow.setdefault(what, []).append(taken)
            if method == "POST" and status == 302:
                self.acknowledged.put(address)
            if status != (302 if method == "POST" else 200):
                self.wrong[f"{status} {what}"] = self.wrong.get(f"{status} {what}", 0) + 1

    def at(self, kind, percent):
        times = sorted(self.times[kind])
        return times[min(int(len(times) * percent / 100), len(times) - 1)] if times else 0.0

    @property
    def is_good(self):
        return not self.wrong and self.at("payment", 95) < PAYMENT_GOAL and self.at("page", 95) < PAGE_GOAL

    def line(self):
        words = [f"{kind} p95 {self.at(kind, 95) * 1000:.0f} ms" for kind in self.times]
        return f"{', '.join(words)}; {sum(self.wrong.values())} not answered as they should"

    def tell(self):
        """The table: one line for each thing that was promised."""
        print("| what | measured | goal |\n|---|---|---|")
        count = sum(map(len, self.times.values()))
        asked = ", ".join(f"{rate:g} {kind}s" for kind, rate in self.rates.items())
        print(f"| asked for, each second, for {self.seconds} s | {asked} | |")
        print(f"| answered, each second | {count / self.taken:.1f} | |")
        for kind, goal in (("payment", PAYMENT_GOAL), ("page", PAGE_GOAL)):
            told = ", ".join(f"{self.at(kind, percent) * 1000:.0f}" for percent in (50, 95, 99))
            goal_is = f"p95 {goal * 1000:.0f} ms {_met(self.at(kind, 95) < goal)}"
            print(f"| {len(self.times[kind]):,} {kind}s: p50, p95, p99 | {told} ms | {goal_is} |")
        for what, times in sorted(self.slow.items()):
            p95 = statistics.quantiles(times, n=20)[18] if len(times) > 1 else times[0]
            print(f"| … {what} | {statistics.median(times) * 1000:.0f}, {p95 * 1000:.0f} ms (p50, p95) | |")
        failed = ", ".join(f"{number} × {what}" for what, number in self.wrong.items()) or "0"
        print(f"| not answered as they should | {failed} | 0 {_met(not self.wrong)} |")
        locked, faults = self.server.said("locked"), self.server.said("Traceback")
        print(f"| “locked”, tracebacks in the server's log | {locked}, {faults} | 0 {_met(not locked + faults)} |")
        fifth = max(len(self.memory) // 5, 1)
        early, late = (
            statistics.mean(self.memory[fifth : 2 * fifth] or self.memory),
            statistics.mean(self.memory[-fifth:]),
        )
        print(f"| memory of all processes: second fifth, last fifth | {early:.0f}, {late:.0f} MB | flat |", flush=True)


def _met(good):
    return "met" if good else "MISSED"


if __name__ == "__main__":
    main()
