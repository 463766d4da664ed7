"""Importing 10,000 entries from a CSV, preview and posting, against django-import-export's defaults on the same rows.

    .venv/bin/python -m benchmarks.import_entries

Each database is a scratch one of its own: an SQLite file, and a PostgreSQL database on BENCH_DATABASE_URL (default
postgres on loopback; left out with a word where none answers). Both ways write history and mark the days; ours also
looks for duplicates. Memory is the growth of the process's peak, in a process of its own for each size.
"""

import csv
import io
import os
import resource
import sys
import time
from datetime import date, timedelta
from pathlib import Path

from benchmarks import fresh

ROWS, LARGE = 10_000, 50_000
HEADER = "date,account,category,subcategory,direction,amount,payment_mode,narration,reference"


def rows_csv(count):
    """An invented year of collections, expenses and interest; one row in forty has a category of its own to make."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADER.split(","))
    kinds = (
        ("Collection", "Loan Payments", "received"),
        ("Collection", "Loan Payments", "received"),
        ("Income", "Interest", "received"),
        ("Expense", "Tea", "spent"),
    )
    for n in range(count):
        category, subcategory, direction = kinds[n % 4]
        on = date(2024, 1, 1) + timedelta(days=n * 360 // count)
        amount = f"{n % 9000 + 1}.{n % 100:02}"
        writer.writerow(
            [
                on,
                "Cash",
                category,
                subcategory,
                direction,
                amount,
                "Cash",
                f"Customer {n % 300}, day {n % 100}",
                f"R-{n}",
            ]
        )
    return out.getvalue()


def ours(path):
    """(seconds of the check, seconds of the posting) of the import into a new book."""
    from ledger import services
    from ledger.entry_import.importer import EntryImporter
    from shop.imports import importing, wizard

    importer = EntryImporter(services.open_book(slug="ours", name="Ours"))
    start = time.perf_counter()
    table = importer.open(path)
    report = importing.check(importer, table, importing.match_columns(importer.columns, table.header).roles)
    checked = time.perf_counter()
    assert report.rejected == 0, report.errors[:3]
    report = wizard.import_now(importer, path)
    assert report.imported == report.rows_in
    return checked - start, time.perf_counter() - checked


def theirs(path):
    """The same of a ModelResource as its documentation shows it: a dry run for the preview, then the import."""
    import tablib
    from import_export import fields, resources, widgets

    from ledger import services
    from ledger.models import Account, Category, LedgerEntry
    from ledger.resources import MoneyWidget

    book = services.open_book(slug="theirs", name="Theirs")

    class OfBook(widgets.ForeignKeyWidget):
        def get_queryset(self, value, row, *args, **kwargs):
            return self.model.objects.filter(book=book)

    class Resource(resources.ModelResource):
        account = fields.Field("account", "account", OfBook(Account, "name"))
        category = fields.Field("category", "category", OfBook(Category, "name"))
        amount = fields.Field("amount", "amount", MoneyWidget())

        class Meta:
            model = LedgerEntry
            fields = (
                "id",
                "date",
                "account",
                "category",
                "subcategory",
                "amount",
                "payment_mode",
                "narration",
                "reference",
            )

        def before_save_instance(self, instance, row, **kwargs):
            instance.book = book

    dataset = tablib.Dataset().load(Path(path).read_text(), format="csv")
    dataset.append_col([""] * len(dataset), header="id")
    start = time.perf_counter()
    result = Resource().import_data(dataset, dry_run=True)
    checked = time.perf_counter()
    assert not result.has_errors(), result.row_errors()[:1]
    result = Resource().import_data(dataset, dry_run=False)
    assert result.totals["new"] == len(dataset)
    return checked - start, time.perf_counter() - checked


def _in_scratch(way, count):
    """Run one way in this process, whose instance and database are scratch; prints its figures for the parent."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    path = Path(os.environ["LENDBOOK_DATA_DIR"]) / "rows.csv"
    path.write_text(rows_csv(count))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    check_seconds, post_seconds = {"ours": ours, "theirs": theirs}[way](path)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(check_seconds, post_seconds, grown)


def measured(way, count, url):
    """(check seconds, post seconds, grown MB) of one way on a fresh database; `url` "" for SQLite."""
    printed = fresh.output_of("benchmarks.import_entries", way, count, url=url)
    return [float(figure) for figure in printed.split()]


def main():
    databases = fresh.databases()
    print(f"{ROWS:,} rows of CSV        check      post     total      memory")
    for name, url in databases.items():
        totals = {}
        for way, label in (("ours", "Lendbook"), ("theirs", "django-import-export")):
            check_seconds, post_seconds, grown = measured(way, ROWS, url)
            totals[way] = check_seconds + post_seconds
            print(
                f"{name:11} {label:20} {check_seconds:6.2f} s  {post_seconds:6.2f} s  {totals[way]:6.2f} s  {grown:+6.0f} MB"
            )
        print(f"{name:11} ratio {totals['theirs'] / totals['ours']:.1f}")
        check_seconds, post_seconds, grown = measured("ours", LARGE, url)
        print(
            f"{name:11} Lendbook, {LARGE:,} rows: {check_seconds + post_seconds:.2f} s, {grown:+.0f} MB "
            f"({(check_seconds + post_seconds) / LARGE * 1000:.3f} ms per row)"
        )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        _in_scratch(sys.argv[1], int(sys.argv[2]))
    else:
        main()
