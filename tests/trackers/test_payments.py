"""Payments come back from a file: all rows or none, nothing twice, and undone whole."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from ledger import closing, daybook
from shop.imports import importing
from shop.models import Job
from tests.trackers import pages
from trackers import services
from trackers.importing import payments
from trackers.models import Tracker

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return pages.shop(3)


def report(cast, tmp_path, lines, header="tracker,day,date,amount,mode,notes", **options):
    path = tmp_path / "payments.csv"
    path.write_text("\n".join([header, *lines]))
    importer = payments.PaymentImporter(cast.main, user=cast.ravi, **options)
    try:
        return importing.import_file(importer, path)
    except importing.Refused as refused:
        return refused.report


def paid():
    return [str(tracker.total_paid) for tracker in Tracker.objects.order_by("pk")]


def test_days_of_many_trackers_come_in_at_once_and_nothing_twice(cast, tmp_path, django_capture_on_commit_callbacks):
    one, two = cast.trackers[:2]
    lines = [f"{one.filename},1,,500,UPI,first", f"{one.pk},,18-10-2024,250.50,,", f"{two.filename},1,17-10-2024,0,,"]
    with django_capture_on_commit_callbacks(execute=True):
        first = report(cast, tmp_path, lines)
    assert (first.imported, first.errors) == (3, [])
    assert paid() == ["750.50", "0.00", "0.00"]
    assert services.contents_of(one).days[1] == {"paid": Decimal(500), "mode": "UPI", "notes": "first"}
    assert daybook.day_book_on(cast.main, pages.DAY).total_received == 500
    again = report(cast, tmp_path, lines)
    assert (again.imported, again.duplicate) == (0, 3)


def test_a_list_as_shops_keep_it_is_read_by_the_same_readers(cast, tmp_path):
    lines = [f"{cast.trackers[0].filename},1,17-Oct-2024 10:30,Rs 500/-,,", "Total,,,500,,"]
    found = report(cast, tmp_path, lines, header="Collections of October\n\ntracker,day,date,amount,mode,notes")
    assert (found.errors, found.imported, found.rows_in) == ([], 1, 1)
    assert [said["reason"] for said in found.remarks] == [
        "The total of 500.00 agrees with the rows above; the line is no row itself."
    ]


def test_rows_without_an_amount_were_not_visited(cast, tmp_path):
    header = "tracker,customer,tracker_name,date,due,behind,amount,mode,notes"
    amounts = zip(cast.trackers, ("500", "", ""), strict=True)
    lines = [f"{tracker.filename},,,17-10-2024,500,0,{amount},," for tracker, amount in amounts]
    assert report(cast, tmp_path, lines, header).rows_in == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nobody.xlsx,1,,500,,", "no tracker 'nobody.xlsx'"),
        ("{0},1,,x,,", "not an amount"),
        ("{0},1,,-5,,", "never below 0"),
        ("{0},1101,,500,,", "outside the table"),
        ("{0},,,500,,", "neither a day nor a date"),
        ("{0},2,17-10-2024,500,,", "do not agree"),
        ("{0},1,,500,Shells,", "no payment mode"),
        ("{0},1000,,500,,", "has not come yet"),
        ("{1},1,,500,,", "no tracker"),
    ],
)
def test_a_bad_row_is_named_and_holds_all_others(cast, tmp_path, line, reason):
    foreign = pages.running(cast.other, 7)
    good = f"{cast.trackers[1].filename},1,,500,,"
    said = report(cast, tmp_path, [good, line.format(cast.trackers[0].filename, foreign.filename)])
    assert (said.imported, said.rejected) == (0, 1)
    assert reason in said.errors[0]["reason"]
    assert set(paid()) == {"0.00"}


def test_a_filled_day_is_kept_unless_it_may_be_replaced(cast, tmp_path):
    tracker = cast.trackers[0]
    services.record_payment(tracker, 1, paid=Decimal(300))
    line = f"{tracker.filename},1,,500,,"
    assert "holds 300.00 already" in report(cast, tmp_path, [line]).errors[0]["reason"]
    twice = report(cast, tmp_path, [line, line], replace=True).errors[0]["reason"]
    assert "line 2 is the same day" in twice
    assert report(cast, tmp_path, [line], replace=True).imported == 1
    assert daybook.day_book_on(cast.main, pages.DAY).total_received == 500


def test_a_closed_day_is_refused_or_adjusted(cast, tmp_path):
    closing.close_day(cast.main, pages.DAY, user=cast.ravi)
    line = f"{cast.trackers[0].filename},1,,500,,"
    assert "is closed" in report(cast, tmp_path, [line]).errors[0]["reason"]
    assert report(cast, tmp_path, [line], adjust=True).imported == 1


def test_a_payment_of_a_closed_day_is_corrected_within_one_day(cast):
    """What is taken back and what takes its place, in one part or several, count from the first open day on."""
    tracker, first_open = cast.trackers[0], pages.DAY + timedelta(days=1)
    services.record_payment(tracker, 1, paid=Decimal(500), user=cast.ravi)
    services.record_payment(tracker, 1, paid=Decimal(70), user=cast.ravi, add=True)
    closing.close_day(cast.main, pages.DAY, user=cast.ravi)
    services.record_payment(tracker, 1, paid=Decimal(300), user=cast.ravi, adjust=True)
    day = daybook.day_book_on(cast.main, first_open)
    assert (day.total_received, daybook.day_book_on(cast.main, cast.main.today()).total_received) == (-270, 0)
    services.record_payment(tracker, 1, paid=Decimal(0), user=cast.ravi, adjust=True)
    assert daybook.day_book_on(cast.main, first_open).total_received == -570


def test_the_wizard_takes_the_offline_sheet_back_and_undoes_it(
    cast, client, tmp_path, django_capture_on_commit_callbacks
):
    client.force_login(cast.ravi)
    slug, tracker = cast.main.slug, cast.trackers[0]
    sheet = reverse("trackers:collect_file", args=[slug, "csv"])
    text = b"".join(client.get(sheet, {"date": str(pages.DAY)})).decode("utf-8-sig")
    filled = text.replace("500.00,0.00,,,", "500.00,0.00,500,UPI,", 1)
    upload = SimpleUploadedFile("sheet.csv", filled.encode())
    client.post(reverse("shop:new_import", args=[slug, "payments"]), {"file": upload})
    job = Job.objects.get()
    assert (job.state, job.result["held"]) == (Job.State.ASKS, 1)
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("shop:confirm_import", args=[slug, job.pk]))
    job.refresh_from_db()
    assert (job.state, paid()[0]) == (Job.State.DONE, "500.00")
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("shop:undo_import", args=[slug, job.pk]))
    job.refresh_from_db()
    assert (job.state, paid()[0]) == (Job.State.UNDONE, "0.00")
    assert services.contents_of(tracker).days == {}
    assert daybook.day_book_on(cast.main, pages.DAY).total_received == 0
