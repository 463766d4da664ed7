"""The scene of the ledger's benchmarks: 50 books, 10 years, 1,000,000 entries, the same on every database.

Made set-based from arithmetic alone, so every run and every engine has the same figures; kept in the scratch folder
(BENCH_DIR, default /tmp/lendbook-bench) or in the database named by BENCH_DATABASE_URL for the next run.
"""

import os
import platform
import re
import statistics
import sys
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter

BOOKS, ENTRIES, TRANSFERS = 50, 1_000_000, 20_000
FIRST = date(2015, 1, 1)
DAYS = 3650
LAST = FIRST + timedelta(days=DAYS - 1)
FOLDER = Path(os.environ.get("BENCH_DIR", "/tmp/lendbook-bench"))


def begin(fill=None):
    """Set Django up on the scene's database, made first if need be; returns the engine's name.

    `fill` makes another scene than the ledger's, in a database or folder of its own.
    """
    url = os.environ.get("BENCH_DATABASE_URL", "")
    FOLDER.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "LENDBOOK_INSTANCE": "testing",
        "LENDBOOK_DATA_DIR": str(FOLDER),
        "DATABASE_URL": url,
        "REDIS_URL": "",
        "DJANGO_SETTINGS_MODULE": "lendbook.settings",
    }
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    if connection.vendor == "postgresql":
        _create_database(connection)
    call_command("migrate", verbosity=0)
    (fill or _fill)()
    return {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[connection.vendor]


def _create_database(connection):
    with connection._nodb_cursor() as cursor:
        name = connection.settings_dict["NAME"]
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if not cursor.fetchone():
            cursor.execute(f"CREATE DATABASE {connection.ops.quote_name(name)}")


def books():
    from shop.models import Book

    return list(Book.objects.filter(slug__startswith="bench-").order_by("slug"))


def _fill():
    from decimal import Decimal

    from django.core.management import call_command
    from django.db import connection, transaction

    from ledger import daybook, services
    from ledger.models import DayBook, LedgerEntry

    if LedgerEntry.objects.count() != ENTRIES:
        say(f"Making {ENTRIES:,} entries in {BOOKS} books ({connection.vendor}), once.")
        call_command("flush", interactive=False, verbosity=0)
        accounts = [("Cash", "cash", Decimal(50_000)), ("Bank", "bank", Decimal(1_00_000)), ("UPI", "upi", Decimal(0))]
        with transaction.atomic():
            for number in range(BOOKS):
                services.open_book(slug=f"bench-{number:02}", name=f"Bench {number}", accounts=accounts)
            with connection.cursor() as cursor:
                cursor.execute(_entries(connection.vendor))
                cursor.execute(_transfers(connection.vendor))
    if DayBook.objects.count() < BOOKS * DAYS:
        for book in books():
            daybook.rebuild(book.pk)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _numbers(vendor, count):
    if vendor == "postgresql":
        return f"SELECT generate_series(0, {count} - 1)::bigint AS i"
    return f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {count} - 1) SELECT i FROM n"


def _day(vendor, of):
    """The SQL of the date of row i: every book has entries on every day, in no order of typing."""
    if vendor == "postgresql":
        return f"(DATE '{FIRST}' + ({of})::int)"
    return f"date('{FIRST}', '+' || ({of}) || ' days')"


def _entries(vendor):
    day = _day(vendor, f"(i / {BOOKS} * 1999) % {DAYS}")
    text = "'Receipt ' || i" if vendor == "postgresql" else "'Receipt ' || CAST(i AS text)"
    return f"""
        INSERT INTO ledger_ledgerentry (book_id, date, amount, narration, reference, source, source_ref, created_at,
          version, account_id, category_id, subcategory, payment_mode)
        SELECT b.id, {day}, 1 + (i * 104729) % 500000, {text}, '', '', '', CURRENT_TIMESTAMP, 1, a.id, c.id,
          CASE (i / 7) % 3 WHEN 0 THEN 'Loan Payments' WHEN 1 THEN 'Interest' ELSE '' END,
          CASE (i / 11) % 3 WHEN 0 THEN 'Cash' WHEN 1 THEN 'UPI' ELSE 'Bank Transfer' END
        FROM ({_numbers(vendor, ENTRIES)}) AS n
        JOIN (SELECT id, ROW_NUMBER() OVER (ORDER BY id) - 1 AS k FROM ledger_book) AS b ON b.k = i % {BOOKS}
        JOIN (SELECT id, book_id, ROW_NUMBER() OVER (PARTITION BY book_id ORDER BY id) - 1 AS k FROM ledger_account)
          AS a ON a.book_id = b.id AND a.k = (i / 13) % 3
        JOIN (SELECT id, book_id, ROW_NUMBER() OVER (PARTITION BY book_id ORDER BY id) - 1 AS k FROM ledger_category)
          AS c ON c.book_id = b.id AND c.k = (i / 17) % 6
        ORDER BY i"""


def _transfers(vendor):
    day = _day(vendor, f"(i / {BOOKS} * 7) % {DAYS}")
    return f"""
        INSERT INTO ledger_accounttransfer (book_id, date, amount, narration, reference, source, source_ref, created_at,
          version, from_account_id, to_account_id)
        SELECT b.id, {day}, 1 + (i * 7919) % 900000, '', '', '', '', CURRENT_TIMESTAMP, 1, x.id, y.id
        FROM ({_numbers(vendor, TRANSFERS)}) AS n
        JOIN (SELECT id, ROW_NUMBER() OVER (ORDER BY id) - 1 AS k FROM ledger_book) AS b ON b.k = i % {BOOKS}
        JOIN ledger_account x ON x.book_id = b.id AND x.name = 'Cash'
        JOIN ledger_account y ON y.book_id = b.id AND y.name = 'Bank'
        ORDER BY i"""


# ------------------------------------------------------------------------------------------------ how it is told


def timed(work, times=1):
    """The median of some runs of `work`, in seconds."""
    seconds = []
    for _ in range(times):
        start = perf_counter()
        work()
        seconds.append(perf_counter() - start)
    return statistics.median(seconds)


def say(text):
    print(text, file=sys.stderr, flush=True)


def tell(engine, what, ours, peer, peer_is, goal, *, at_least=True):
    """Print one line of the table: ours, the other way in the same run, and the ratio against its goal."""
    ratio = peer / ours
    met = "met" if ratio >= goal else "MISSED"
    print(
        f"| {engine} | {what} | {shown(ours)} | {shown(peer)}, {peer_is} | {ratio:,.4g} × | {goal:,g} × {met} |",
        flush=True,
    )


def shown(seconds):
    return f"{seconds * 1000:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"


def machine():
    """One line: when, on what, with what."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT version()" if connection.vendor == "postgresql" else "SELECT 'SQLite ' || sqlite_version()"
        )
        server = cursor.fetchone()[0].split(" on ")[0].split(" (")[0]
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())[1]
    today = date.today()  # noqa: DTZ011  (of this machine)
    return f"{today}, {cpu} ({os.cpu_count()} cores), Python {platform.python_version()}, {server}"
