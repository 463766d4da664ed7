"""Dates that agree: a workbook that counts from 1904, and entries beside the days of their tracker."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from ledger import closing, daybook
from ledger.models import LedgerEntry
from shop.xlsx.formats import DAYS_FROM_1900_TO_1904
from tests.lendbook.planted import both, run
from tests.trackers.test_adopt import typed_over
from tests.trackers.workbooks import cell_of, needs_libreoffice, parts, recalculated, with_parts, with_sheet
from trackers import adopt, posting, services, soundness, store
from trackers.models import Tracker
from trackers.workbook.read import read

pytestmark = pytest.mark.django_db
START, MOVED = date(2024, 10, 16), date(2024, 10, 18)
FOUR_YEARS = timedelta(days=DAYS_FROM_1900_TO_1904)


@pytest.fixture
def johns(johns):
    services.record_payment(johns, 1, paid=Decimal(300))
    services.record_payment(johns, 1, paid=Decimal(200), mode="UPI", add=True)
    return services.record_payment(johns, 2, paid=Decimal(500)).tracker


def counting_from_1904(data, *, serials_moved=True):
    """The workbook with Excel's option switched; `serials_moved`: by a program that kept the dates, not the numbers."""
    book = parts(data)["xl/workbook.xml"].replace(b"<workbookPr/>", b'<workbookPr date1904="1"/>')
    assert b"date1904" in book
    if serials_moved:
        for cell in ("B10", *(f"B{row}" for row in range(13, 114))):
            stands = cell_of(data, cell)
            number = stands.rpartition(b"<v>")[2].partition(b"</v>")[0]
            fewer = b"<v>%d</v>" % (int(number) - DAYS_FROM_1900_TO_1904)
            data = with_sheet(data, stands, stands.replace(b"<v>%b</v>" % number, fewer))
    return with_parts(data, {"xl/workbook.xml": book})


def saved_as_1904(tracker, **options):
    path = store.path_of(tracker)
    path.write_bytes(counting_from_1904(path.read_bytes(), **options))
    return tracker


def shown_date(tracker, cell):
    """The date that the file shows in a cell, read by what the format says."""
    content = store.path_of(tracker).read_bytes()
    number = int(cell_of(content, cell).rpartition(b"<v>")[2].partition(b"</v>")[0])
    return date(1904, 1, 1) + timedelta(days=number)


# ------------------------------------------------------------------------------------------------ workbooks of 1904


def test_payments_go_on_in_a_workbook_that_counts_from_1904_and_every_date_is_right(johns):
    saved_as_1904(johns)
    assert run("verify")[0] == 0
    for day in (3, 4, 130):
        services.record_payment(johns, day, paid=Decimal(750))
    assert shown_date(johns, "B10") == START
    assert shown_date(johns, "B16") == START + timedelta(days=3)
    assert shown_date(johns, "B143") == START + timedelta(days=130)
    assert run("verify")[0] == 0
    assert services.contents_of(johns).terms.start_date == START
    assert {entry.date for entry in posting.parts_of(johns, 4).values()} == {START + timedelta(days=4)}


@pytest.mark.parametrize("start", [MOVED, date(2024, 2, 29), date(2030, 1, 1)])
def test_a_change_of_terms_moves_dates_to_what_was_typed_and_nothing_by_four_years(johns, start):
    saved_as_1904(johns)
    tracker = services.edit_terms(johns, start_date=start)
    assert shown_date(tracker, "B10") == start
    assert shown_date(tracker, "B14") == start + timedelta(days=1)
    assert soundness.findings(tracker.book) == []
    assert soundness.findings(tracker.book, repair=True) == []
    assert Tracker.objects.get().start_date == start
    assert {entry.date for entry in posting.parts_of(johns, 2).values()} == {start + timedelta(days=2)}


def test_a_workbook_of_1904_is_built_anew_in_the_usual_way(johns):
    saved_as_1904(johns)
    services.rebuild_workbook(johns)
    data = store.path_of(johns).read_bytes()
    assert not read(data).uses_1904_dates
    assert read(data).terms.start_date == START
    assert soundness.findings(johns.book) == []


def test_an_edited_copy_of_1904_is_adopted_with_right_dates(johns):
    copy = counting_from_1904(typed_over(store.path_of(johns).read_bytes(), {"day5": "900"}))
    compared = adopt.compare_copy(johns, copy)
    assert [change.cell for change in compared.comparison.to_apply] == ["C18"]
    tracker, _ = adopt.adopt_copy(johns, compared.uploaded)
    assert tracker.start_date == START
    assert LedgerEntry.objects.get(amount=900).date == START + timedelta(days=5)


def test_the_option_switched_over_unchanged_numbers_is_refused_with_its_cell_and_moves_nothing(johns):
    saved_as_1904(johns, serials_moved=False)
    assert read(store.path_of(johns).read_bytes()).terms.start_date == START + FOUR_YEARS
    compared = adopt.compare_outside(johns)
    assert [one.cell for one in compared.comparison.refused] == ["B10"]
    assert "1904 date system" in compared.comparison.refused[0].reason
    for command in {fault.mend for fault in soundness.findings(johns.book)}:
        assert run(*command.split())[0] == 0
    assert run("verify")[0] == 0
    assert Tracker.objects.get().start_date == START
    assert services.contents_of(johns).terms.start_date == START


@pytest.mark.parametrize("row_followed", [False, True])
def test_a_start_that_was_once_written_four_years_off_comes_back_by_what_verify_names(johns, row_followed):
    """What an earlier Lendbook did: it wrote the 1900 number into a file of 1904, and --repair believed it."""
    content = counting_from_1904(store.path_of(johns).read_bytes(), serials_moved=False)
    store.path_of(johns).write_bytes(content)
    both("trackers_tracker", {"sha256": store.sha256_of(content)}, johns.pk)
    if row_followed:
        both("trackers_tracker", {"start_date": START + FOUR_YEARS}, johns.pk)
    assert {finding.kind for finding in soundness.findings(johns.book)} >= {"cells differ", "date differs"}
    assert run("check_trackers", "--repair")[0] == 1
    assert {entry.date for entry in posting.parts_of(johns, 2).values()} == {START + timedelta(days=2)}
    for _ in range(3):
        for command in dict.fromkeys(finding.mend for finding in soundness.findings(johns.book)):
            run(*command.split())
    assert run("verify")[0] == 0
    assert Tracker.objects.get().start_date == START
    assert services.contents_of(johns).terms.start_date == START
    assert {entry.date for entry in posting.parts_of(johns, 1).values()} == {START + timedelta(days=1)}


@needs_libreoffice
def test_libreoffice_computes_the_same_dates_from_1904(johns, tmp_path):
    saved_as_1904(johns)
    services.record_payment(johns, 3, paid=Decimal(750))
    data = recalculated({"one": store.path_of(johns).read_bytes()}, tmp_path)["one"]
    assert read(data, thorough=True).terms.start_date == START
    assert run("verify", "--deep")[0] == 0


# ------------------------------------------------------------------------------------------------ entries and days


def test_an_entry_on_another_date_than_its_day_is_found_and_brought_back_with_its_parts(johns):
    entry = posting.parts_of(johns, 1)[2]
    both("ledger_ledgerentry", {"date": date(2024, 10, 30)}, entry.pk)
    daybook.rebuild(johns.book_id)
    (finding,) = [one for one in soundness.findings(johns.book) if one.kind == "date differs"]
    assert "day 1 is 17-10-2024, an entry of it is dated 30-10-2024" in finding.message
    code, said = run("verify")
    assert (code, "date differs" in said) == (1, True)
    assert run(*finding.mend.split())[0] == 0
    assert [part.date for part in posting.parts_of(johns, 1).values()] == [date(2024, 10, 17)] * 2
    assert {part: entry.amount for part, entry in posting.parts_of(johns, 1).items()} == {1: 300, 2: 200}
    assert soundness.findings(johns.book) == []
    assert run("verify")[0] == 0


def test_a_start_date_moved_past_the_services_is_found_by_the_entries_dates(johns):
    both("trackers_tracker", {"start_date": MOVED}, johns.pk)
    sheet = cell_of(store.path_of(johns).read_bytes(), "B10")
    kinds = {finding.kind for finding in soundness.findings(johns.book)}
    assert b"45581" in sheet
    assert kinds == {"terms differ"}
    assert soundness.findings(johns.book, repair=True) == []
    assert Tracker.objects.get().start_date == START


def test_an_adjustment_counts_by_the_day_that_it_adjusts(johns):
    closing.close_day(johns.book, date(2024, 10, 20))
    services.record_payment(johns, 3, paid=Decimal(250), adjust=True)
    entry = LedgerEntry.objects.get(amount=250)
    assert (entry.date, entry.adjusts_date) == (date(2024, 10, 21), date(2024, 10, 19))
    assert soundness.findings(johns.book) == []
    tracker = services.edit_terms(johns, start_date=MOVED, adjust=True)
    assert [finding.message for finding in soundness.findings(tracker.book)] == []


def test_a_disbursement_on_another_day_than_the_start_is_found_and_mended(book):
    tracker = services.open_tracker(
        customer=services.customer_for(book, "mary", "Mary"), tracker_name="Shop", tracker_type="50K",
        start_date=START, post_disbursement=True,
    )  # fmt: skip
    entry = LedgerEntry.objects.get(source_ref=f"{tracker.pk}:disbursed")
    both("ledger_ledgerentry", {"date": MOVED}, entry.pk)
    daybook.rebuild(book.pk)
    (finding,) = soundness.findings(book)
    assert (finding.kind, "its disbursement is dated 18-10-2024" in finding.message) == ("date differs", True)
    assert run(*finding.mend.split())[0] == 0
    assert LedgerEntry.objects.get(pk=entry.pk).date == START
    assert run("verify")[0] == 0
