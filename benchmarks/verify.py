"""How long verify takes for 1,000 trackers of 365 days and 500,000 entries with their histories, on one scratch instance.

    .venv/bin/python -m benchmarks.verify [trackers] [entries]

Beside it the same comparison tracker by tracker, each under its lock and with its own question to the ledger, 50 of them
scaled. BENCH_DATABASE_URL names another database than a scratch SQLite file; it must be empty.
"""

import os
import sys
import tempfile
import time
from datetime import date
from decimal import Decimal

START, DAYS, SCALED_FROM = date(2024, 1, 1), 365, 50


def main(count=1000, entries=500_000):
    """Print the figures."""
    with tempfile.TemporaryDirectory(prefix="lendbook-verify-") as folder:
        url = os.environ.get("BENCH_DATABASE_URL", "")
        os.environ |= {"LENDBOOK_DATA_DIR": folder, "LENDBOOK_INSTANCE": "testing", "DATABASE_URL": url}
        os.environ |= {"REDIS_URL": "", "DJANGO_SETTINGS_MODULE": "lendbook.settings"}
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        book = _filled(count, entries)
        _measured(book, count)


def _filled(count, entries):
    from unittest import mock

    from django.db import connection

    from ledger import daybook, services
    from trackers import posting
    from trackers import services as trackers
    from trackers.importing.openings import Opening, open_many
    from trackers.workbook.contents import edited, new_contents

    book = services.open_book(slug="bench", name="Bench", accounts=[("Cash", "cash", Decimal(0))])
    posting.settings_of(book)
    days = {day: {"paid": Decimal(500), "mode": "Cash"} for day in range(1, DAYS + 1)}
    contents = new_contents("50K", tracker_name="Bench", start_date=START, scheme_period=DAYS)
    filled = edited(contents, days=days)
    customers = [trackers.customer_for(book, f"customer-{number}") for number in range(50)]
    opened = []
    with mock.patch.object(posting, "post_changes"):  # entry by entry this would take longer than all that is measured
        for first in range(0, count, 100):
            batch = [Opening(customers[(first + n) % 50], filled) for n in range(min(100, count - first))]
            opened += open_many(book, batch)
            print(f"{len(opened):,} of {count:,} trackers", file=sys.stderr)
    rule = posting.columns_of(book)[posting.PAID]
    pg = connection.vendor == "postgresql"
    on = f"DATE '{START}' + %s" if pg else f"date('{START}', '+' || (%s) || ' days')"
    numbers = "SELECT generate_series(1, {0}) AS day" if pg else (
        "WITH RECURSIVE n(day) AS (SELECT 1 UNION ALL SELECT day + 1 FROM n WHERE day < {0}) SELECT day FROM n"
    )  # fmt: skip
    columns = (
        "book_id, date, amount, narration, reference, source, source_ref, created_at, version, account_id, category_id, "
        "subcategory, payment_mode"
    )
    account, typed = book.accounts.first(), max(entries - count * DAYS, 1)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO ledger_ledgerentry ({columns})
                SELECT t.book_id, {on % "n.day"}, 50000, '', '', 'tracker', t.id || ':' || n.day || ':paid:1',
                  CURRENT_TIMESTAMP, 1, %s, %s, 'Loan Payments', 'Cash'
                FROM trackers_tracker t CROSS JOIN ({numbers.format(DAYS)}) AS n""",
            [account.pk, rule.category_id],
        )
        cursor.execute(
            f"""INSERT INTO ledger_ledgerentry ({columns})
                SELECT %s, {on % f"n.day - n.day / {DAYS} * {DAYS}"}, 100 + n.day, 'Typed', '', 'staff', '',
                  CURRENT_TIMESTAMP, 1, %s, %s, '', 'Cash' FROM ({numbers.format(typed)}) AS n""",
            [book.pk, account.pk, rule.category_id],
        )
        names = f"id, {columns}, adjusts_date, created_by_id, deleted_at, reversed_at, reversal_of_id, job_id"
        cursor.execute(
            f"""INSERT INTO ledger_historicalledgerentry ({names}, history_date, history_type)
                SELECT {names}, CURRENT_TIMESTAMP, '+' FROM ledger_ledgerentry"""
        )
    daybook.rebuild(book.pk)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return book


def _measured(book, count):
    import resource

    from benchmarks.scene import machine
    from ledger.models import LedgerEntry
    from lendbook import verifying
    from trackers import soundness

    print(machine())
    steps, began = [], time.monotonic()
    report = verifying.verify(say=lambda text: steps.append((text, time.monotonic() - began)))
    ours = time.monotonic() - began
    assert report.is_sound, [fault.text for fault in report.faults[:3]] + report.unchecked
    print(f"verify of {LedgerEntry.objects.count():,} entries and {count:,} trackers: {ours:.1f} s")
    for (text, at), (_, until) in zip(steps, [*steps[1:], ("", ours)], strict=True):
        print(f"  {text:<32}{until - at:8.1f} s")
    some = list(book.trackers.select_related("book", "customer__user")[:SCALED_FROM])
    began = time.monotonic()
    for tracker in some:
        found = soundness._of_one(tracker, repair=False)
        assert not found, found
    peer = (time.monotonic() - began) * count / len(some)
    print(f"  workbooks one by one, each asking the ledger: {peer:.1f} s ({len(some)} scaled)")
    print(f"  most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
