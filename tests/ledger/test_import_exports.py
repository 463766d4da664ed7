"""Lendbook's own export is imported as it is: into its own book nothing new, into another one the same days."""

from datetime import date
from decimal import Decimal

import pytest

from ledger import closing, daybook, services
from ledger.entry_import.importer import EntryImporter
from ledger.exports import EntryExport
from ledger.models import LedgerEntry
from shop import jobs
from shop.downloads import csv_lines, xlsx_file
from shop.imports import importing, wizard
from shop.models import Job
from tests import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def book():
    """A book with two entries that stand, one that was reversed two days later, and one in the bin."""
    asha = world.person("asha")
    main = world.book(owner=asha)
    world.post(main, "2024-01-10", amount="101", narration="typed 1", user=asha)
    world.post(main, "2024-01-10", amount="102", narration="typed 2", reference="R2", user=asha)
    wrong = world.post(main, "2024-01-10", "Expense", "40", narration="wrong", user=asha)
    services.reverse(wrong, user=asha, date=date(2024, 1, 12), reason="typed twice")
    services.delete(world.post(main, "2024-01-11", amount="7", user=asha))
    return main


@pytest.fixture
def exported(tmp_path):
    """exported(book, kind, without the bin) -> path of the export, newest first as the page gives it."""

    def write(book, kind="csv", order=("-date", "-pk"), **narrowed):
        rows = LedgerEntry.objects.filter(book=book, **narrowed).select_related("account", "category", "created_by")
        headers, lines = EntryExport().table(rows.order_by(*order))
        path = tmp_path / f"entries.{kind}"
        content = xlsx_file(headers, lines).read() if kind == "xlsx" else "".join(csv_lines(headers, lines)).encode()
        path.write_bytes(content)
        return path

    return write


def load(book, path, **options):
    report = wizard.import_now(EntryImporter(book, **options), path)
    assert report.rows_in == report.imported + report.duplicate + report.rejected + report.held
    return report


def days(book):
    daybook.finish_pending(book.pk)
    found = daybook.day_books(book, date(2024, 1, 10), date(2024, 1, 13))
    return [(day.total_received, day.total_spent, day.closing_balance) for day in found]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_into_its_own_book_every_row_is_there_already(book, exported, kind):
    report = load(book, exported(book, kind, deleted_at=None))
    assert (report.errors, report.imported, report.duplicate) == ([], 0, 4)
    assert report.shape()["warnings"] == []
    assert LedgerEntry.objects.count() == 5


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("order", [("-date", "-pk"), ("date", "pk"), ("amount", "pk")])
@pytest.mark.parametrize("rows", [2000, 1])
def test_into_another_book_the_days_are_the_same(book, exported, kind, order, rows, monkeypatch):
    monkeypatch.setattr(importing, "BATCH_ROWS", rows)
    other = world.book("other-road")
    path = exported(book, kind, order, deleted_at=None)
    report = load(other, path)
    assert (report.errors, report.imported) == ([], 4)
    assert days(other) == days(book)
    back = LedgerEntry.objects.get(book=other, reversal_of__isnull=False)
    assert (back.date, back.amount, back.reversal_of.narration) == (date(2024, 1, 12), Decimal(40), "wrong")
    assert back.narration == "Reversal of 10-01-2024. typed twice wrong"
    assert daybook.differences(other) == []
    again = load(other, path)
    assert (again.imported, again.duplicate) == (0, 4)


def test_what_lay_in_the_bin_stays_out_and_is_told(book, exported):
    report = load(world.book("other-road"), exported(book))
    assert (report.rows_in, report.imported) == (4, 4)
    assert [found["reason"] for found in report.remarks] == [
        "It lay in the bin when it was exported; the line was left out."
    ]


def test_a_reversal_without_its_entry_is_refused_with_the_way_out(book, exported):
    report = load(world.book("other-road"), exported(book, deleted_at=None, date=date(2024, 1, 12)))
    assert "Export the day of that entry along with this one" in report.errors[0]["reason"]


def test_an_entry_without_its_reversal_comes_as_it_stood_on_its_day(book, exported):
    other = world.book("other-road")
    report = load(other, exported(book, deleted_at=None, date=date(2024, 1, 10)))
    assert report.imported == 3
    assert days(other)[0] == days(book)[0]


def test_undone_it_takes_its_reversals_along(book, exported):
    other = world.book("other-road")
    load(other, exported(book, deleted_at=None))
    job = Job.objects.get()
    assert jobs.go_on(job, wizard.UNDO, since=[Job.State.DONE])
    assert jobs.run(job.pk).result["undone"] == "4 entries put into the bin."
    assert not LedgerEntry.objects.filter(book=other, deleted_at=None).exists()
    assert load(other, exported(book, deleted_at=None)).imported == 4


def test_undone_after_a_close_what_takes_each_other_back_stays(book, exported):
    other = world.book("other-road")
    load(other, exported(book, deleted_at=None))
    closing.close_day(other, date(2024, 1, 10))
    job = Job.objects.get()
    jobs.go_on(job, wizard.UNDO, since=[Job.State.DONE])
    jobs.run(job.pk)
    assert days(other)[-1][2] == Decimal(50000)
    assert daybook.differences(other) == []


def test_an_entry_that_was_changed_since_is_told_and_stays(book, exported):
    path = exported(book, deleted_at=None)
    services.edit(LedgerEntry.objects.get(narration="typed 1"), amount=Decimal(105))
    report = load(book, path)
    assert (report.imported, report.duplicate) == (0, 4)
    assert "was changed since this file was exported; the book's 105.00" in report.warnings[0]["reason"]


def test_an_entry_that_was_binned_since_comes_again(book, exported):
    path = exported(book, deleted_at=None)
    services.delete(LedgerEntry.objects.get(narration="typed 1"))
    report = load(book, path)
    assert (report.imported, report.duplicate) == (1, 3)
    assert "lies in the bin" in report.warnings[0]["reason"]


def test_the_columns_of_an_export_are_left_out_where_they_are_no_export(book, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("number,date,category,amount,balance,sl no\n12,2024-01-15,Collection,5,500,1\n")
    report = load(book, path)
    assert report.imported == 1
    assert report.notes == ["Not read: the columns number, balance, sl no."]


def test_a_damaged_pair_names_what_does_not_fit(book, exported):
    path = exported(book, deleted_at=None)
    path.write_text(path.read_text().replace("-40.00", "-41.00"))
    report = load(world.book("other-road"), path)
    assert "whose amount is 40.00" in report.errors[0]["reason"]
