"""The expenses dashboard over 1,000,000 transactions of one book, beside one query per figure and a loop over rows.

    BENCH_DATABASE_URL=postgres://… .venv/bin/python -m benchmarks.dashboard       (SQLite without it)

Ten years, three accounts, 20 tags, 12,000 payees of whom few get most; a third is still to be told. The whole page is
timed as the server makes it, from the request to the last byte of HTML. The scene is kept for the next run.
"""

import os
from collections import defaultdict
from datetime import date
from decimal import Decimal

from benchmarks import scene
from benchmarks.scene import say, shown, timed

ROWS, PAYEES, TAGS = 1_000_000, 12_000, 20
FIRST, DAYS = date(2016, 11, 22), 3652
PAGE_SECONDS, SAMPLE = 0.3, 50_000


def main():
    _own_place()
    engine = scene.begin(_fill)
    from expenses.models import Transaction
    from shop.models import Book

    book = Book.objects.get(slug="spent")
    print(f"\n{engine}: {scene.machine()}\n")
    print("| database | what | Lendbook | the other way | ratio | goal |\n|---|---|---|---|---|---|")
    client = _log_in(book)
    debits = Transaction.objects.filter(book=book, debit_amount__isnull=False)
    ours = _page(client, {})
    _tell(engine, f"dashboard over {ROWS:,} transactions", ours, timed(lambda: naive(debits), 3), "an aggregate each")
    looped = timed(lambda: looped_over(debits.order_by("id")[:SAMPLE])) * debits.count() / SAMPLE
    _tell(engine, "the same", ours, looped, f"a loop over the rows ({SAMPLE:,}, scaled)")
    assert_same(book, debits)
    year = {"date_from": "10-03-2024", "date_to": "09-03-2025"}
    in_year = debits.filter(transaction_date__range=(date(2024, 3, 10), date(2025, 3, 9)))
    _tell(
        engine, "one year of it, days of broken months too", _page(client, year), timed(lambda: naive(in_year), 3), ""
    )
    wide = {"date_from": "10-03-2017", "date_to": "09-03-2026"}
    _tell(engine, "nine years of it", _page(client, wide), None, "")
    account, tag = book.accounts.first(), book.tags.get(name="Tag 3")
    for what, asked in (("account", account), ("tag", tag)):
        rows = debits.filter(**{what: asked})
        _tell(engine, f"one {what}", _page(client, {what: asked.pk}), timed(lambda rows=rows: naive(rows), 3), "")
    _tell(engine, "a correction and the page after it", timed(lambda: _corrected(client, debits), 5), None, "")


def _own_place():
    """The million lies beside the ledger's, never in it."""
    url = os.environ.get("BENCH_DATABASE_URL", "")
    if url:
        os.environ["BENCH_DATABASE_URL"] = f"{url}_expenses"
    scene.FOLDER = scene.FOLDER / "expenses"


def _tell(engine, what, ours, peer, peer_is):
    met = "met" if ours < PAGE_SECONDS else "MISSED"
    other = f"{shown(peer)}{', ' * bool(peer_is)}{peer_is} | {peer / ours:,.1f} ×" if peer else "| "
    print(f"| {engine} | {what} | {shown(ours)} | {other} | {shown(PAGE_SECONDS)} {met} |", flush=True)


def _fill():
    from django.core.management import call_command
    from django.db import connection, transaction

    from expenses.models import Statement, Tag, Transaction
    from expenses.overview import spent
    from ledger import services

    if Transaction.objects.count() == ROWS:
        return
    say(f"Making {ROWS:,} transactions ({connection.vendor}), once.")
    call_command("flush", interactive=False, verbosity=0)
    kinds = [("Bank", "bank", Decimal(0)), ("Wallet", "upi", Decimal(0)), ("Card", "card", Decimal(0))]
    with transaction.atomic():
        book = services.open_book(slug="spent", name="Spent", accounts=kinds)
        Tag.objects.bulk_create(Tag(book=book, name=f"Tag {number}") for number in range(TAGS))
        for number, account in enumerate(book.accounts.order_by("id")):
            Statement.objects.create(
                book=book, account=account, file_name="bench", sha256=f"{number:064}", layout="bench", state="imported"
            )
        with connection.cursor() as cursor:
            cursor.execute(_transactions(connection.vendor))
    say(f"Added up in {shown(timed(lambda: spent.finish_pending(book.pk)))}.")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _transactions(vendor):
    """Rows as imports lay them down, by date; few payees get most: their number is a cube of an even spread."""
    day = scene._day(vendor, f"i * {DAYS} / {ROWS}").replace(str(scene.FIRST), str(FIRST))
    spread = "(CAST((i * 7919) % 100003 AS double precision) / 100003)"
    if vendor == "sqlite":
        spread = spread.replace("double precision", "real")
    mode = " ".join(f"WHEN {at} THEN '{name}'" for at, name in enumerate(("POS", "NEFT", "IMPS", "ATM", "Charges")))
    return f"""
        INSERT INTO expenses_transaction (book_id, account_id, statement_id, line, transaction_date, narration,
          reference, debit_amount, credit_amount, fingerprint, mode, product, own_product, upi_id, tag_id, decided_by,
          confidence, why, is_confirmed, is_linked)
        SELECT s.book_id, s.account_id, s.id, i, {day}, 'UPI-PAYEE ' || p || '-PAYEE' || p || '@OKAXIS-' || i || '-PAY',
          CAST(i AS text), CASE WHEN i % 12 > 0 THEN 1000 + (i * 104729) % 500000 END,
          CASE WHEN i % 12 = 0 THEN 50000 END, CAST(i AS text),
          CASE p % 9 {mode} ELSE 'UPI' END, 'PAYEE NUMBER ' || p, '', '', t.id,
          CASE WHEN t.id IS NULL THEN 'tbd' ELSE 'learned' END, 0, '', false, false
        FROM (SELECT i, CAST({PAYEES} * {spread} * {spread} * {spread} AS integer) AS p
              FROM ({scene._numbers(vendor, ROWS)}) AS n) AS n
        JOIN (SELECT id, book_id, account_id, ROW_NUMBER() OVER (ORDER BY id) - 1 AS k FROM expenses_statement) AS s
          ON s.k = i % 3
        LEFT JOIN (SELECT id, ROW_NUMBER() OVER (ORDER BY id) - 1 AS k FROM expenses_tag) AS t
          ON t.k = p % {TAGS} AND p % 3 > 0
        ORDER BY n.i"""


def _log_in(book):
    from django.contrib.auth import get_user_model
    from django.test import Client

    from ledger import services
    from shop.models import Role

    user, _ = get_user_model().objects.get_or_create(username="bench", defaults={"is_staff": True})
    services.set_member(book, user, Role.OWNER)
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(user)
    return client


def _page(client, asked):
    def get():
        answer = client.get("/books/spent/expenses/", asked)
        assert answer.status_code == 200, answer.status_code
        assert b"Month by tag" in answer.content

    get()
    return timed(get, 7)


def _corrected(client, debits):
    """Staff settles a row, and looks at the dashboard: a month and a payee are added up anew."""
    from expenses import services

    row = debits.order_by("id")[500_000]
    services.settle(row, row.book.tags.exclude(pk=row.tag_id).first())
    client.get("/books/spent/expenses/")


# ------------------------------------------------------------------------------------------------ the other ways


def naive(debits):
    """An aggregate through the ORM for each figure of the page."""
    from django.db.models import Count, Max, Min, Sum
    from django.db.models.functions import ExtractIsoWeekDay, TruncMonth

    sums = {"n": Count("pk"), "sum": Sum("debit_amount")}
    rows = debits.order_by()
    months = rows.annotate(month=TruncMonth("transaction_date"))
    found = {
        "months": list(months.values_list("month", "tag").annotate(**sums)),
        "tags": list(rows.values_list("tag").annotate(**sums)),
        "payees": list(rows.values_list("product").annotate(**sums).order_by("-sum")[:15]),
        "modes": list(rows.values_list("mode").annotate(**sums)),
        "weekdays": list(rows.annotate(day=ExtractIsoWeekDay("transaction_date")).values_list("day").annotate(**sums)),
        "tbd": rows.filter(decided_by="tbd").aggregate(**sums),
        "all": rows.aggregate(**sums),
    }
    seen = rows.values("product").annotate(n=Count("pk"), a=Min("transaction_date"), z=Max("transaction_date"))
    found["recurring"] = list(seen.filter(n__gte=3, n__lte=60))
    return found


def looped_over(rows):
    """Each figure added up in Python, row by row."""
    found = {name: defaultdict(Decimal) for name in ("months", "tags", "payees", "modes", "weekdays")}
    for row in rows:
        found["months"][row.transaction_date.replace(day=1), row.tag_id] += row.debit_amount
        found["tags"][row.tag_id] += row.debit_amount
        found["payees"][row.product] += row.debit_amount
        found["modes"][row.mode] += row.debit_amount
        found["weekdays"][row.transaction_date.isoweekday()] += row.debit_amount
    return found


def assert_same(book, debits):
    """Both ways find the same figures, to the paisa."""
    from expenses.overview.figures import Asked, figures, top_payees

    ours, theirs = figures(Asked(book.pk)), naive(debits)
    assert {key: tuple(row) for key, row in ours.by_month_and_tag.items()} == {
        (month, tag): (n, total) for month, tag, n, total in theirs["months"]
    }
    assert {key: tuple(row) for key, row in ours.by_mode.items()} == {m: (n, t) for m, n, t in theirs["modes"]}
    assert {key: tuple(row) for key, row in ours.by_weekday.items()} == {d: (n, t) for d, n, t in theirs["weekdays"]}
    assert sorted(row[2] for row in top_payees(Asked(book.pk))) == sorted(row[2] for row in theirs["payees"])


if __name__ == "__main__":
    main()
