"""Pages on the same 1,000,000 entries: a day book page under load, and the admin's list of all entries.

    BENCH_DATABASE_URL=postgres://… .venv/bin/python -m benchmarks.pages       (SQLite without it)

gunicorn with 2 workers as `make run` starts it; wrk asks from the same machine, so it takes its share of the processor.
"""

import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from time import sleep

from benchmarks import scene
from benchmarks.scene import say, shown, timed

REQUESTS_PER_SECOND, LIST_SECONDS = 200, 0.5


def main():
    engine = scene.begin()
    print(f"\n{engine}: {scene.machine()}\n")
    print("| database | page | measured | goal |\n|---|---|---|---|")
    from django.conf import settings

    cookie = log_in()
    port = free_port()
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "lendbook.wsgi", "--preload", "--log-level=warning"),
            *("--workers=2", f"--threads={settings.WEB_THREADS}", f"--bind=127.0.0.1:{port}"),
        ]
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz")
        day = f"http://127.0.0.1:{port}/books/bench-07/day-book/2020-01-15/"
        entries = f"http://127.0.0.1:{port}/admin/ledger/ledgerentry/"
        assert "15-01-2020" in get(day, cookie)
        for page in (day, entries):
            timed(lambda page=page: get(page, cookie), 6)  # both workers warm
        day_book_page(engine, day, cookie)
        seconds = timed(lambda: get(entries, cookie), 15)
        met = "met" if seconds < LIST_SECONDS else "MISSED"
        print(f"| {engine} | admin list of {scene.ENTRIES:,} entries | {shown(seconds)} | {LIST_SECONDS} s {met} |")
        seconds = timed(lambda: get(entries + "?q=Receipt+77777", cookie), 5)
        print(f"| {engine} | the same, searched for a narration | {shown(seconds)} | |")
    finally:
        server.terminate()
        server.wait()


def day_book_page(engine, address, cookie):
    if shutil.which("wrk") is None:
        say("wrk is not installed; the load on the day book page is left out.")
        return
    command = ["wrk", "-t1", "-c8", "-d10s", "--latency", "-H", f"Cookie: {cookie}", address]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in told, told
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1])
    middle = re.search(r"50%\s+(\S+)", told)[1]
    met = "met" if rate >= REQUESTS_PER_SECOND else "MISSED"
    print(
        f"| {engine} | day book page, 2 workers | {rate:.0f} requests/s, half within {middle} "
        f"| {REQUESTS_PER_SECOND} requests/s {met} |",
        flush=True,
    )


def log_in():
    """The session cookie of an owner of every book."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client

    from ledger import services
    from shop.models import Role

    user, _ = get_user_model().objects.get_or_create(username="bench", defaults={"is_staff": True})
    for book in scene.books():
        services.set_member(book, user, Role.OWNER)
    user = get_user_model().objects.get(pk=user.pk)
    client = Client()
    client.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def get(address, cookie):
    request = urllib.request.Request(address, headers={"Cookie": cookie})
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(address):
    for _ in range(300):
        try:
            urllib.request.urlopen(address)
            return
        except OSError:
            sleep(0.1)
    raise SystemExit("gunicorn did not answer within 30 seconds.")


if __name__ == "__main__":
    main()
