"""Running loans from a file: a tracker each, what was paid so far brought forward, nothing twice, all undone."""

import json
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from ledger import daybook
from ledger import services as ledger
from ledger.models import LedgerEntry
from shop import jobs
from shop.imports import wizard
from shop.models import Job
from tests import world
from trackers import services, soundness
from trackers.importing.loans import LoanImporter
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
    assert soundness.findings(book) == []


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
    assert soundness.findings(book) == []
    importer = LoanImporter(book)
    importer.begin()
    assert len(importer.there) == 1


# ------------------------------------------------------------------------------------------------ face, given, cut

AMOUNTS = (
    # (columns, cells, investment, handed over)
    ("investment", "10000", 10000, 10000),
    ("amount", '"10,000"', 10000, 10000),
    ("given", "10000", 10000, 10000),
    ("disbursed", "10000", 10000, 10000),
    ("loan amount,given", "10000,8800", 10000, 8800),
    ("face,given in hand", "10000,8800", 10000, 8800),
    ("face value,handed over", '"10,000.00",₹8800', 10000, 8800),
    ("principal,net given", "10000,8800", 10000, 8800),
    ("investment,cut", "10000,1200", 10000, 8800),
    ("investment,deduction", "10000,1200", 10000, 8800),
    ("investment,cut", "10000,12%", 10000, 8800),
    ("investment,cut", "10000,12 %", 10000, 8800),
    ("investment,cut %", "10000,12", 10000, 8800),
    ("investment,cut (%)", "10000,12.5", 10000, 8750),
    ("investment,cut percent", "10000,12", 10000, 8800),
    ("given,cut", "8800,1200", 10000, 8800),
    ("given,cut", "8800,12%", 10000, 8800),
    ("given,cut %", "8800,12", 10000, 8800),
    ("investment,given,cut", "10000,8800,1200", 10000, 8800),
    ("investment,given,cut", "10000,8800,12%", 10000, 8800),
    ("investment,given,cut %", "10000,8800,12", 10000, 8800),
    ("investment,given,cut", "10000,,1200", 10000, 8800),
    ("investment,given,cut", "10000,8800,", 10000, 8800),
    ("investment,given,cut", ",8800,1200", 10000, 8800),
    ("investment,given,cut", "10000,,", 10000, 10000),
    ("investment,given,cut", "10000,10000,0", 10000, 10000),
    ("investment,cut", "10000,0", 10000, 10000),
    ("investment,cut", "9999.99,33.33%", "9999.99", "6666.99"),
    ("investment,interest cut", "10000,1200", 10000, 8800),
)


@pytest.mark.parametrize(("columns", "cells", "face", "given"), AMOUNTS)
def test_two_of_face_given_and_cut_give_the_third(book, tmp_path, columns, cells, face, given):
    text = f"customer,given on,per day,period,paid so far,{columns}\nKala,01-08-2024,100,100,2500,{cells}\n"
    document, code = run(book, text, tmp_path)
    assert (code, document["errors"]) == (0, [])
    tracker = Tracker.objects.get()
    assert (tracker.investment, tracker.disbursed_amount) == (Decimal(face), Decimal(given))
    assert (tracker.total_paid, tracker.profit) == (2500, 2500 - Decimal(given))
    assert services.contents_of(tracker).summary()["profit"] == tracker.profit
    assert soundness.findings(book) == []
    document, _ = run(book, text, tmp_path)
    assert (document["imported"], document["duplicate"], document["warnings"]) == (0, 1, [])


@pytest.mark.parametrize(
    ("columns", "cells", "reason"),
    [
        ("investment,given,cut", "10000,8800,1000", "less a cut of 1,000.00 is 9,000.00, but given is 8,800.00"),
        ("investment,given,cut", "10000,8800,10%", "less a cut of 10 % is 9,000.00, but given is 8,800.00"),
        ("investment,given,cut", "10000,8800,0", "is 10,000.00, but given is 8,800.00"),
        ("investment,given", "8800,10000", "are the two columns exchanged"),
        ("investment,cut", "10000,12000", "more than the investment"),
        ("given,cut", "8800,100%", "leaves nothing"),
        ("investment,cut", "10000,0.12", "write a percentage like 12%"),
        ("investment,cut", "10000,a lot", "'a lot'"),
        ("investment,given,cut", ",,1200", "the investment is missing"),
        ("investment", "", "the investment is missing"),
        ("investment", "0", "above 0"),
        ("investment", "-5", "above 0"),
        ("phone", "9840011111", "the investment is missing"),
    ],
)
def test_amounts_that_do_not_go_together_are_refused_with_their_row(book, tmp_path, columns, cells, reason):
    text = f"customer,given on,per day,period,{columns}\nKala,01-08-2024,100,100,{cells}\n"
    document, code = run(book, text, tmp_path)
    assert (code, document["errors"][0]["line"]) == (1, 2)
    assert reason in document["errors"][0]["reason"]
    assert not Tracker.objects.exists()


def test_the_same_loan_with_another_amount_given_is_told(book, tmp_path):
    text = "customer,given on,per day,period,investment,given\nKala,01-08-2024,100,100,10000,"
    run(book, f"{text}8800\n", tmp_path)
    document, _ = run(book, f"{text}9000\n", tmp_path)
    assert (document["imported"], document["duplicate"]) == (0, 1)
    assert "8,800.00 handed over; the file says 9,000.00" in document["warnings"][0]["reason"]


# ------------------------------------------------------------------------------------------------ the round


def test_place_on_the_route_and_agent_come_along(book, tmp_path):
    kumar = world.person("kumar", first_name="Kumar", last_name="S")
    ledger.set_member(book, kumar, "agent")
    text = (
        HEADER.strip()
        + ",sl no,collector\n"
        + (
            "Murugan,,North,,01-08-2024,10000,100,100,,4,kumar\n"
            "Selvi,,North,,01-08-2024,10000,100,100,,5,Kumar S\n"
            "Anbu,,North,,01-08-2024,10000,100,100,,,\n"
            "Murugan,,North,,02-08-2024,10000,100,100,,9,\n"
        )
    )
    document, code = run(book, text, tmp_path)
    assert (code, document["imported"]) == (0, 4)
    there = Customer.objects.order_by("id").values_list("name", "position", "agent__username")
    assert list(there) == [("Murugan", 4, "kumar"), ("Selvi", 5, "kumar"), ("Anbu", 0, None)]
    assert [one["reason"] for one in document["warnings"]] == ["Murugan keeps what he has; the row says position 9."]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("x,", "no place on a route"),
        ("-1,", "no place on a route"),
        (",ravi", "'ravi' is no agent of this book. Its agents: kumar, vel."),
        (",Same Name", "several agents are called 'Same Name'"),
    ],
)
def test_a_place_or_an_agent_that_is_none_is_refused(book, tmp_path, cells, reason):
    ledger.set_member(book, world.person("ravi"), "staff")
    for login in ("kumar", "vel"):
        ledger.set_member(book, world.person(login, first_name="Same", last_name="Name"), "agent")
    row = f"Murugan,,North,,01-08-2024,10000,100,100,,{cells}\n"
    document, _ = run(book, HEADER.strip() + ",position,agent\n" + row, tmp_path)
    assert reason in document["errors"][0]["reason"]


# ------------------------------------------------------------------------------------------------ other sheets

DAYS = ",".join(str(day) for day in range(1, 29))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"NOV 2026,Loan,Due,{DAYS},Total\nKala,10000,100,100,100\n", "This is a month grid"),
        (f"customer,{DAYS}\nKala,100,100\n", "This is a month grid"),
        (f"Name,{','.join(f'{day:02d}' for day in range(1, 32))}\nKala,100\n", "This is a month grid"),
        (f"Name,{','.join(str(day) for day in range(15, 31))}\nKala,100\n", "This is a month grid"),
        ("Name: Kala,,Loan: 10000,\nDate,Amount,Balance,Sign\n01-11-2026,100,9900,\n", "customer's passbook"),
        ("Date,Amount,Balance,Sign\n01-11-2026,100,9900,\n", "customer's passbook"),
        ("Customer: Kala,\nDate,Amount\n01-11-2026,100\n", "customer's passbook"),
    ],
)
def test_a_month_grid_or_a_passbook_is_named_as_what_it_is(book, tmp_path, text, said):
    document, code = run(book, text, tmp_path)
    assert code == 1
    assert said in document["errors"][0]["reason"]


def test_the_wizard_names_them_and_takes_face_and_given_too(book, client):
    asha = world.person("asha")
    ledger.set_member(book, asha, "owner")
    client.force_login(asha)
    address = reverse("shop:new_import", args=[book.slug, "loans"])
    grid = SimpleUploadedFile("grid.csv", f"Name,{DAYS}\nKala,100\n".encode())
    assert "This is a month grid" in client.post(address, {"file": grid}).content.decode()
    rows = b"customer,given on,per day,period,investment,cut %\nKala,01-08-2024,100,100,10000,12\n"
    client.post(address, {"file": SimpleUploadedFile("loans.csv", rows)})
    job = Job.objects.get()
    jobs.run(job.pk)
    client.post(reverse("shop:confirm_import", args=[book.slug, job.pk]))
    jobs.run(job.pk)
    assert Tracker.objects.get().disbursed_amount == 8800


def test_a_list_as_shops_keep_it_is_read_by_the_same_readers(book, tmp_path):
    rows = (
        'Murugan,,,,1-Aug-24,"Rs 10,000/-",100,100,500\nSelvi,,,,2024/08/02,INR 5000,50,100,\nTotal,,,,,15000,,,500\n'
    )
    document, code = run(book, f"Field Finance\nRunning loans\n\n{HEADER}{rows}", tmp_path)
    assert (code, document["imported"]) == (0, 2)
    assert [tracker.start_date for tracker in Tracker.objects.order_by("id")] == [date(2024, 8, 1), date(2024, 8, 2)]
    said = [found["reason"] for found in document["warnings"]]
    assert "The total of 15,000.00 and 500.00 agrees with the rows above; the line is no row itself." in said
