"""The day's collection sheet of 1,000 trackers saved at once, against the same with openpyxl; and lists of 10,000.

    .venv/bin/python -m benchmarks.trackers [trackers]

Ours writes every workbook whole and durable, posts one ledger batch, and keeps histories and versions. The peer loads,
sets and saves each workbook with openpyxl, which neither syncs nor computes, and saves the tracker's row and an entry
through the ORM. A scratch SQLite instance of its own.
"""

import os
import sys
import tempfile
import time
from datetime import date, timedelta
from decimal import Decimal

START, PAID_DAYS = date(2024, 10, 16), 40
LISTED = 10_000


def main(count=1000):
    """Print the figures for a sheet of `count` trackers."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"LENDBOOK_DATA_DIR": folder, "LENDBOOK_INSTANCE": "testing", "DATABASE_URL": ""}
        os.environ["DJANGO_SETTINGS_MODULE"] = "lendbook.settings"
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        book = _book()
        trackers = _opened(book, count)
        ours, peers = _saved_by_us(book, trackers), _saved_by_openpyxl(book, trackers[: max(count // 5, 1)])
        peers *= len(trackers) / max(count // 5, 1)
        _tell(f"collection sheet of {count:,} trackers saved", ours, peers, "openpyxl")
        _listed(book)


def _tell(what, ours, peers, name):
    print(f"{what:<48}{ours * 1000:10.0f} ms   {name} {peers * 1000:10.0f} ms   {peers / ours:6.1f} times")


def _book():
    from ledger import services

    return services.open_book(slug="bench", name="Bench", accounts=[("Cash", "cash", Decimal(0))])


def _opened(book, count):
    """`count` trackers of 50 customers with 40 days paid each, in one batch."""
    from django.db import transaction

    from trackers import services
    from trackers.importing.openings import Opening, open_many
    from trackers.workbook.contents import edited, new_contents

    contents = new_contents("50K", tracker_name="Bench", start_date=START)
    paid = {day: {"paid": Decimal(500), "mode": "Cash"} for day in range(1, PAID_DAYS + 1)}
    contents = edited(contents, days=paid)
    customers = [services.customer_for(book, f"c{number}", f"Customer {number}") for number in range(50)]
    trackers = []
    for first in range(0, count, 250):
        openings = [Opening(customers[n % 50], contents) for n in range(first, min(first + 250, count))]
        with transaction.atomic():
            trackers += open_many(book, openings)
    return trackers


def _saved_by_us(book, trackers):
    from trackers.collect import collection
    from trackers.collect.collection import Typed

    rows = [Typed(tracker.pk, Decimal(500)) for tracker in trackers]
    start = time.perf_counter()
    report = collection.record_payments(book, START + timedelta(days=PAID_DAYS + 1), rows, user=None, token="bench")
    taken = time.perf_counter() - start
    if not all(line["ok"] for line in report):
        raise RuntimeError(next(line["message"] for line in report if not line["ok"]))
    return taken


def _saved_by_openpyxl(book, trackers):
    from openpyxl import load_workbook

    from ledger.models import Category, LedgerEntry
    from trackers import store
    from trackers.models import Tracker

    category, account = Category.objects.get(book=book, name="Collection"), book.accounts.first()
    on = START + timedelta(days=PAID_DAYS + 2)
    start = time.perf_counter()
    for tracker in trackers:
        path = store.path_of(tracker)
        workbook = load_workbook(path)
        sheet = workbook.worksheets[0]
        sheet[f"C{13 + PAID_DAYS + 2}"], sheet[f"E{13 + PAID_DAYS + 2}"] = 500, "Cash"
        workbook.save(path)
        row = Tracker.objects.get(pk=tracker.pk)
        row.total_paid, row.pending, row.days_paid = row.total_paid + 500, row.pending - 500, row.days_paid + 1
        row.save()
        LedgerEntry.objects.create(
            book=book, date=on, category=category, account=account, amount=Decimal(500), narration=str(row)
        )
    return time.perf_counter() - start


def _listed(book):
    """A page of the list and the totals of 10,000 trackers; files are looked at by nobody."""
    from trackers import portfolio, store
    from trackers.models import Tracker

    one = Tracker.objects.filter(book=book).first()
    rows = []
    for number in range(LISTED - Tracker.objects.filter(book=book).count()):
        values = {field.attname: getattr(one, field.attname) for field in Tracker._meta.concrete_fields}
        values.pop("id")
        values |= {"uid": None, "filename": f"listed_{number}.xlsx"}
        values["uid"] = Tracker._meta.get_field("uid").default()
        rows.append(Tracker(**values))
    Tracker.objects.bulk_create(rows, batch_size=1000)
    opened, read = [], store._bytes_of
    store._bytes_of = lambda path: opened.append(path) or read(path)
    start = time.perf_counter()
    found = portfolio.lines(Tracker.objects.filter(book=book, is_active=True), book.today())
    portfolio.totals(found)
    taken = time.perf_counter() - start
    print(f"{f'list and totals of {LISTED:,} trackers':<48}{taken * 1000:10.0f} ms   {len(opened)} files opened")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
