"""Payments that were recorded before there were receipts get theirs, in the order they were typed; then the guard."""

import secrets
from itertools import groupby

from django.db import migrations
from django.utils import timezone

from shop import append_only
from trackers import seals

BATCH = 1000


def issue(apps, schema_editor):
    """A link each, in the form of trackers/seals.py; the moment is this one: earlier nothing was sealed."""
    Entry, Tracker = apps.get_model("ledger", "LedgerEntry"), apps.get_model("trackers", "Tracker")
    Receipt, ReceiptBook = apps.get_model("trackers", "Receipt"), apps.get_model("trackers", "ReceiptBook")
    live = Entry.objects.filter(source="tracker", source_ref__contains=":paid:", deleted_at=None, reversed_at=None)
    live = live.order_by("book_id", "created_at", "pk").values_list(
        "book_id", "source_ref", "date", "adjusts_date", "amount"
    )
    known, moment = set(Tracker.objects.values_list("pk", flat=True)), timezone.now()
    for book_id, rows in groupby(live.iterator(chunk_size=BATCH), key=lambda row: row[0]):
        count, before, links = 0, "", []
        for _, payment, on, adjusts, amount in rows:
            tracker_id = int(payment.partition(":")[0])
            if tracker_id not in known:
                continue
            count += 1
            link = Receipt(
                token=secrets.token_urlsafe(16),
                book_id=book_id,
                position=count,
                kind="issued",
                number=count,
                tracker_id=tracker_id,
                payment=payment,
                step=1,
                date=adjusts or on,
                amount=amount,
                made_at=moment,
                previous=before,
            )
            before = link.seal = seals.seal(link, before)
            links.append(link)
            if len(links) == BATCH:
                Receipt.objects.bulk_create(links)
                links = []
        Receipt.objects.bulk_create(links)
        ReceiptBook.objects.create(book_id=book_id, position=count, number=count, seal=before)


def guard(apps, schema_editor):
    append_only.put_up(schema_editor, "trackers_receipt")


def unguard(apps, schema_editor):
    append_only.take_down(schema_editor, "trackers_receipt")


class Migration(migrations.Migration):
    dependencies = [("trackers", "0003_receipts")]

    operations = [migrations.RunPython(issue, migrations.RunPython.noop), migrations.RunPython(guard, unguard)]
