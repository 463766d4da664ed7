"""A backup and its restore, of 1,000 trackers paid for a year and 500,000 entries; payments go on beside it.

    .venv/bin/python -m benchmarks.backup [trackers] [entries]

The peer is tar with gzip over the stopped instance's folder: what one does by hand, without looking at what it wrote.
The scene is kept in BENCH_DIR (default /tmp/lendbook-bench) for the next run, SQLite unless BENCH_DATABASE_URL is set.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

START, DAYS = date(2024, 10, 16), 365
FOLDER = Path(os.environ.get("BENCH_DIR", "/tmp/lendbook-bench"), "backup")


def main(trackers=1000, entries=500_000):
    """Print how long a backup and a restore take, how large it is, and what a payment waits beside it."""
    url = os.environ.get("BENCH_DATABASE_URL", "")
    home = FOLDER / (f"{trackers}-{entries}" + ("-postgresql" if url else ""))
    home.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "LENDBOOK_DATA_DIR": str(home),
        "LENDBOOK_INSTANCE": "testing",
        "DATABASE_URL": url,
        "REDIS_URL": "",
        "DJANGO_SETTINGS_MODULE": "lendbook.settings",
    }
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    _fill(trackers, entries)
    alone = _payments()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "made.zip")
        took, beside = _backed_up(path)
        _tell("backup, read again and checked", took)
        print(f"{'its size':<40}{path.stat().st_size / 1e6:10,.0f} MB")
        _tell("a payment while it runs (median)", beside)
        _tell("a payment otherwise (median)", alone)
        if not url:
            start = time.perf_counter()
            call_command("restore", str(path), into=f"{scratch}/new", json=True, stdout=open(os.devnull, "w"))  # noqa: SIM115
            _tell("restore, all of it verified", time.perf_counter() - start)
        start = time.perf_counter()
        subprocess.run(["tar", "czf", f"{scratch}/tar.gz", "-C", str(home), "testing"], check=True)
        _tell("tar czf of the stopped instance", time.perf_counter() - start)
    shutil.rmtree(home / "testing" / "backups")


def _tell(what, seconds):
    print(f"{what:<40}{seconds:10.3f} s", flush=True)


def _fill(trackers, entries):
    from ledger import services
    from ledger.models import Category, LedgerEntry
    from shop.models import Book
    from trackers import services as loans
    from trackers.importing.openings import Opening, open_many
    from trackers.workbook.contents import edited, new_contents

    book = Book.objects.first() or services.open_book(
        slug="bench", name="Bench", accounts=[("Cash", "cash", Decimal(0))]
    )
    customers = [loans.customer_for(book, f"c{number}", f"Customer {number}") for number in range(50)]
    contents = new_contents("50K", tracker_name="Bench", start_date=START, scheme_period=DAYS)
    contents = edited(contents, days={day: {"paid": Decimal(500), "mode": "Cash"} for day in range(1, DAYS)})
    for first in range(book.trackers.count(), trackers, 50):
        open_many(book, [Opening(customers[n % 50], contents) for n in range(first, min(first + 50, trackers))])
    category, account = Category.objects.get(book=book, name="Expense"), book.accounts.get()
    while (lacking := entries - LedgerEntry.objects.count()) > 0:
        rows = [
            services.NewEntry(
                date=START + timedelta(days=number % 700), account=account, category=category,
                amount=Decimal(number % 900 + 1), narration=f"Tea {number}", source_ref="",
            )
            for number in range(min(lacking, 20_000))
        ]  # fmt: skip
        services.post_entries(book=book, rows=rows, source="bench")


def _payments(until=None):
    """The median seconds of payments: 30 of them, or as many as come before the event `until`."""
    from trackers import services
    from trackers.models import Tracker

    took = []
    for tracker in Tracker.objects.order_by("-pk")[:300]:
        start = time.perf_counter()
        services.record_payment(tracker, DAYS, paid=Decimal(len(took) % 7 + 400))
        took.append(time.perf_counter() - start)
        if until.is_set() if until else len(took) == 30:
            break
    return statistics.median(took)


def _backed_up(path):
    from lendbook.backups import make

    over, found = threading.Event(), []
    payer = threading.Thread(target=lambda: found.append(_payments(over)))
    start = time.perf_counter()
    payer.start()
    make.back_up(path)
    took = time.perf_counter() - start
    over.set()
    payer.join()
    return took, found[0]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
