"""A customer's passbook of 365 days under load, beside the plain way: read with openpyxl and rendered for each request.

    BENCH_DATABASE_URL=postgres://… .venv/bin/python -m benchmarks.portal       (SQLite without it)

gunicorn with 2 workers as `make run` starts it; wrk asks from the same machine, so it takes its share of the processor.
Fifty passbooks of one customer are asked for in turn. An instance and a database of its own, thrown away afterwards.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import urllib.request
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from time import perf_counter

from benchmarks import fresh
from benchmarks.pages import free_port, get, wait_for
from benchmarks.scene import machine, say, shown, timed

PASSBOOKS, DAYS, START = 50, 365, date(2025, 11, 15)
REQUESTS_PER_SECOND, FIRST_BYTE_SECONDS, LOAD_SECONDS = 100, 0.05, 10
TURNS = """local paths = { %s }
local turn = 0
request = function()
  turn = turn %% #paths + 1
  return wrk.format("GET", paths[turn])
end
"""


def main():
    url = os.environ.get("BENCH_DATABASE_URL", "")
    with fresh.instance(url) as environment:
        os.environ |= environment
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection, connections

        call_command("migrate", verbosity=0)
        trackers, cookie = _scene()
        print(f"\n{machine()}\n")
        engine = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[connection.vendor]
        _first_look(engine, trackers)
        connections.close_all()
        addresses = [f"/passbook/{tracker.pk}/" for tracker in trackers]
        ours = _load(engine, "passbook of 365 days", "lendbook.wsgi", addresses, cookie, goal=REQUESTS_PER_SECOND)
        plain = _load(engine, "the plain way", "benchmarks.portal:plain()", addresses, cookie)
        print(f"| {engine} | | {ours / plain:.1f} times | |")


def _scene():
    """(the trackers of one customer, each paid on every day, the cookie of his session)."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.db import transaction
    from django.test import Client

    from ledger import services as ledger
    from trackers.importing.openings import Opening, open_many
    from trackers.models import Customer
    from trackers.workbook.contents import edited, new_contents

    book = ledger.open_book(slug="bench", name="Bench", accounts=[("Cash", "cash", Decimal(0))])
    user = get_user_model().objects.create(username="bench")
    customer = Customer.objects.create(book=book, user=user, name="Bench")
    contents = new_contents("50K", tracker_name="Bench", start_date=START, scheme_period=DAYS)
    filled = edited(contents, days={day: {"paid": Decimal(500), "mode": "Cash"} for day in range(1, DAYS + 1)})
    with transaction.atomic():
        trackers = open_many(book, [Opening(customer, filled)] * PASSBOOKS, user=None)
    client = Client()
    client.force_login(user)
    return trackers, f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def _first_look(engine, trackers):
    """One page made from nothing, as after a payment, and again; against the plain way; in this process."""
    from django.test import Client

    from trackers.portal import passbook

    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(trackers[0].customer.user)
    address = f"/passbook/{trackers[0].pk}/"
    page = client.get(address).content
    assert f"{START + timedelta(days=DAYS):%d-%m-%Y}".encode() in page

    def fresh():
        passbook._passbooks.clear()
        client.get(address)

    ours, again = timed(fresh, 15), timed(lambda: client.get(address), 15)
    peer = timed(lambda: plain_page(trackers[0].pk), 15)
    print("| database | what | Lendbook | the plain way |\n|---|---|---|---|")
    print(f"| {engine} | first page after a payment ({len(page) / 1024:.0f} KB) | {shown(ours)} | {shown(peer)} |")
    print(f"| {engine} | the same page again | {shown(again)} | {shown(peer)}, {peer / again:.1f} times |")


def plain_page(pk):
    """What a good Django developer writes first: load the workbook, take its rows, render them."""
    import openpyxl
    from django.template import Context, Template

    from trackers import store
    from trackers.models import Tracker

    tracker = Tracker.objects.select_related("customer", "book").get(pk=pk)
    sheet = openpyxl.load_workbook(store.path_of(tracker), data_only=True, read_only=True).worksheets[0]
    rows = [row[:6] for row in sheet.iter_rows(min_row=13, values_only=True) if row[2] is not None]
    text = (
        "<h1>{{ tracker }}</h1><table>{% for row in rows %}<tr>{% for value in row %}<td>{{ value }}</td>{% endfor %}</tr>"
        "{% endfor %}</table>"
    )
    return Template(text).render(Context({"tracker": tracker, "rows": rows}))


def plain():
    """The plain way as a WSGI application, without log-in, session or protection."""
    import django

    django.setup()

    def application(environ, start_response):
        found = re.search(r"/passbook/(\d+)/", environ["PATH_INFO"])
        body = plain_page(int(found[1])).encode() if found else b"ok"
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))])
        return [body]

    return application


def _load(engine, what, application, addresses, cookie, goal=None):
    """Requests a second of one application; prints its line, with the first byte's median of one caller."""
    from django.conf import settings

    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed.")
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", application, "--log-level=warning", "--workers=2"]
    command += [f"--threads={settings.WEB_THREADS}", f"--bind=127.0.0.1:{port}"]
    server = subprocess.Popen(command)
    try:
        base = f"http://127.0.0.1:{port}"
        wait_for(f"{base}/healthz")
        for address in addresses * 3:
            get(base + address, cookie)
        seconds = [_first_byte(base + addresses[turn % len(addresses)], cookie) for turn in range(200)]
        script = Path(os.environ["LENDBOOK_DATA_DIR"], "turns.lua")
        script.write_text(TURNS % ", ".join(f'"{address}"' for address in addresses))
        command = ["wrk", "-t1", "-c8", f"-d{LOAD_SECONDS}s", "-s", str(script), "-H", f"Cookie: {cookie}", base]
        before = _processor_seconds(server.pid)
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        used = _processor_seconds(server.pid) - before
    finally:
        server.terminate()
        server.wait()
    assert "Non-2xx" not in told, told
    rate, middle = float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1]), statistics.median(seconds)
    used /= int(re.search(r"(\d+) requests in", told)[1])
    line = f"{rate:.0f} requests/s, first byte {shown(middle)}, processor {shown(used)} a request"
    if goal:
        met = "met" if rate >= goal else "MISSED"
        met_first = "met" if middle < FIRST_BYTE_SECONDS else "MISSED"
        goal = f"{goal} requests/s {met}, first byte below {shown(FIRST_BYTE_SECONDS)} {met_first}"
    print(f"| {engine} | {what}, 2 workers | {line} | {goal or ''} |", flush=True)
    return rate


def _processor_seconds(pid):
    """What the workers of a server have used of the processor; on a busy machine this tells more than the rate."""
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    times = [Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[11:13] for worker in workers]
    return sum(int(user) + int(system) for user, system in times) / os.sysconf("SC_CLK_TCK")


def _first_byte(address, cookie):
    request = urllib.request.Request(address, headers={"Cookie": cookie})
    start = perf_counter()
    with urllib.request.urlopen(request) as answer:
        answer.read(1)
        return perf_counter() - start


if __name__ == "__main__":
    say(f"{PASSBOOKS} passbooks of {DAYS} days.")
    main()
