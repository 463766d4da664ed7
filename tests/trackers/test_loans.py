"""Running loans from a file: a tracker each, what was paid so far brought forward, nothing twice, all undone."""

import json
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from ledger import daybook, jobs
from ledger import services as ledger
from ledger.imports import wizard
from ledger.models import Job, LedgerEntry
from tests import world
from trackers import checks, services
from trackers.loans import LoanImporter
from trackers.models import Customer, Tracker

pytestmark = pytest.mark.django_db
HEADER = "customer,phone,route,type,given on,investment,per day,period,paid so far\n"


@pytest.fixture
def book():
    return world.book(begins_on=date(2024, 10, 1))


def run(book, text, tmp_path):
    """(document, exit code) of import_loans --json."""
    path, out = tmp_path / "loans.csv", StringIO()
    path.write_text(text)
    try:
        call_command("import_loans", str(path), "--book", book.slug, "--json", stdout=out, stderr=StringIO())
    except CommandError as error:
        return json.loads(out.getvalue()), error.returncode
    return json.loads(out.getvalue()), 0


def test_what_was_paid_before_the_book_began_is_brought_forward_and_not_posted(book, tmp_path):
    text = HEADER + 'Murugan K,98400 12345,North,50K,01-08-2024,"50,000",500,100,"12,500"\n'
    document, code = run(book, text, tmp_path)
    assert (code, document["imported"], document["rows_in"]) == (0, 1, 1)
    tracker = Tracker.objects.get()
    assert (tracker.total_paid, tracker.scheme_period, tracker.customer.route) == (12500, 100, "North")
    row = services.contents_of(tracker).rows()[60]
    assert (row["date"], row["paid"], row["mode"], row["notes"]) == (
        date(2024, 9, 30), 12500, "Other", "Brought forward",
    )  # fmt: skip
    assert not LedgerEntry.objects.exists()
    assert checks.findings(book) == []


def test_a_younger_loan_posts_what_was_paid_and_says_so(book, tmp_path):
    document, _ = run(book, HEADER + "Selvi,,,,02-10-2024,30000,300,100,900\n", tmp_path)
    assert "posted as collected on" in document["warnings"][0]["reason"]
    assert daybook.day_book_on(book, book.today()).total_received == 900


def test_rows_of_one_person_are_one_customer_and_another_phone_is_another(book, tmp_path):
    text = HEADER + (
        "Murugan,9840012345,,,01-08-2024,10000,100,100,\n"
        "murugan,+91 98400 12345,,,05-08-2024,10000,100,100,\n"
        "Murugan,9999900000,,,01-08-2024,10000,100,100,\n"
        "முருகன்,9111100000,,,01-08-2024,10000,100,100,\n"
    )
    document, _ = run(book, text, tmp_path)
    assert document["imported"] == 4
    logins = list(Customer.objects.order_by("id").values_list("user__username", flat=True))
    assert logins == ["murugan", "murugan-2", "9111100000"]
    assert not Customer.objects.filter(user__password="").exists()


def test_the_same_file_again_adds_nothing_and_a_bad_row_holds_all(book, tmp_path):
    good = "Murugan,,,,01-08-2024,10000,100,100,500\n"
    run(book, HEADER + good, tmp_path)
    document, code = run(book, HEADER + good, tmp_path)
    assert (code, document["imported"], document["duplicate"]) == (0, 0, 1)
    bad = "Selvi,,,9L,31-02-2024,-5,ten,0,x\n"
    document, code = run(book, HEADER + "Anbu,,,,01-08-2024,10000,100,100,\n" + bad, tmp_path)
    assert (code, document["imported"], document["held"], document["rejected"]) == (1, 0, 1, 1)
    reason = document["errors"][0]["reason"]
    assert "given on: There is no 31-02-2024" in reason
    assert "per day: 'ten'" in reason
    assert "period: '0'" in reason
    assert Tracker.objects.count() == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("Asha,,,,01-08-2024,10000,100,100,,,asha", "works in the office"),
        ("Murugan,,,,01-08-2024,10000,100,100,,,no good!", "cannot be used"),
        ("Murugan,,,,01-08-2124,10000,100,100,,,", "in the future"),
        ("Murugan,,,,01-08-2024,10000,100,1099,,,", "1 to 1000"),
        ("Murugan,,,,01-08-2024,10000,0,100,,,", "above 0"),
    ],
)
def test_a_row_that_cannot_be_a_tracker_is_refused_with_its_reason(book, tmp_path, row, reason):
    ledger.set_member(book, world.person("asha"), "owner")
    document, code = run(book, HEADER.strip() + ",loan's name,login\n" + row + "\n", tmp_path)
    assert code == 1
    assert reason in document["errors"][0]["reason"]
    assert not Tracker.objects.exists()


def test_a_deactivated_customer_gets_no_loan(book, tmp_path):
    run(book, HEADER + "Murugan,,,,01-08-2024,10000,100,100,\n", tmp_path)
    customer = Customer.objects.get()
    customer.is_active = False
    customer.save()
    document, _ = run(book, HEADER + "Murugan,,,,02-08-2024,10000,100,100,\n", tmp_path)
    assert "deactivated" in document["errors"][0]["reason"]


def test_an_import_is_undone_but_for_what_was_touched_since(book, tmp_path, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        run(
            book,
            HEADER + "Murugan,,,,02-10-2024,10000,100,100,500\nSelvi,,,,03-10-2024,10000,100,100,200\n",
            tmp_path,
        )
    murugan, selvi = Tracker.objects.order_by("start_date")
    services.record_payment(selvi, 5, paid=Decimal(100))
    job = Job.objects.get()
    with django_capture_on_commit_callbacks(execute=True):
        jobs.go_on(job, wizard.UNDO, since=[Job.State.DONE])
        job = jobs.run(job.pk)
    assert job.state == Job.State.UNDONE
    assert "1 loan emptied and closed, 1 left" in job.result["undone"]
    murugan.refresh_from_db()
    assert (murugan.is_active, murugan.total_paid) == (False, 0)
    assert checks.findings(book) == []
    importer = LoanImporter(book)
    importer.begin()
    assert len(importer.there) == 1
