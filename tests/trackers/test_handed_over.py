"""What was handed over leaves the cash box when a tracker is opened, unless somebody says no: then the page says so."""

import json
import uuid
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from ledger import closing
from ledger.models import LedgerEntry
from shop.imports import wizard
from shop.models import Book
from tests import world
from tests.trackers import pages
from tests.trackers.workbooks import original
from trackers import adopt, handed_over, posting, services
from trackers.importing.loans import LoanImporter
from trackers.models import Tracker

pytestmark = pytest.mark.django_db
UNKNOWN = "The cash box does not know"


@pytest.fixture
def cast():
    return pages.shop(1)


@pytest.fixture
def ravi(cast, client):
    client.force_login(cast.ravi)
    return client


def open_by_command(book, *options, name="Shop", start="2024-10-16"):
    """(document, lines, exit code) of open_tracker."""
    words = ["--book", book.slug, "--user", "john", "--customer", "John", "--name", name, "--type", "50K"]
    out = StringIO()
    try:
        call_command("open_tracker", *words, "--start", start, *options, "--json", stdout=out, stderr=StringIO())
    except CommandError as error:
        return json.loads(out.getvalue()), error.returncode
    return json.loads(out.getvalue()), 0


def page_of(client, tracker):
    return client.get(reverse("trackers:tracker", args=[tracker.book.slug, tracker.pk])).content.decode()


def spent(book):
    return [(entry.date, entry.account.name, entry.amount) for entry in LedgerEntry.objects.filter(book=book)]


# ------------------------------------------------------------------------------------------------ by command


def test_the_command_posts_what_was_handed_over_out_of_the_cash_box(book):
    document, code = open_by_command(book, "--disbursed", "45000")
    assert (code, document["posted"]) == (0, [{"account": "Cash", "received": "0.00", "spent": "45000.00"}])
    assert spent(book) == [(date(2024, 10, 16), "Cash", Decimal(45000))]


def test_the_option_that_was_needed_before_is_still_taken(book):
    assert open_by_command(book, "--post-disbursement")[1] == 0
    assert len(spent(book)) == 1


def test_the_command_posts_nothing_where_somebody_says_so(book):
    document, code = open_by_command(book, "--no-post-disbursement")
    assert (code, document["posted"], spent(book)) == (0, [], [])


def test_money_that_went_before_the_book_begins_is_not_posted():
    book = world.book(begins_on=date(2024, 11, 1))
    document, code = open_by_command(book)
    assert (code, document["posted"], spent(book)) == (0, [], [])
    tracker = Tracker.objects.get()
    assert not handed_over.is_unknown_by_choice(tracker)
    assert "before the book begins (01-11-2024)" in handed_over.words(tracker)


def test_a_closed_day_names_both_ways_out_and_both_work(book):
    closing.close_day(book, date(2024, 10, 20))
    document, code = open_by_command(book)
    assert (code, Tracker.objects.count()) == (1, 0)
    assert document["error"].endswith("Repeat with --adjust, or with --no-post-disbursement.")
    assert open_by_command(book, "--adjust")[1] == 0
    assert spent(book) == [(date(2024, 10, 21), "Cash", Decimal(50000))]
    assert open_by_command(book, "--no-post-disbursement", name="Another")[1] == 0
    assert len(spent(book)) == 1


# ------------------------------------------------------------------------------------------------ on pages


def opening(cast, **changes):
    sent = {"uid": uuid.uuid4(), "customer": cast.trackers[0].customer.pk, "tracker_name": "Shop"}
    return sent | {"tracker_type": "50K", "start_date": "16-10-2024"} | changes


def test_the_form_offers_it_ticked(ravi, cast):
    form = ravi.get(reverse("trackers:open", args=[cast.main.slug])).content.decode()
    tick = form[form.index('name="post_disbursement"') - 60 : form.index('name="post_disbursement"') + 120]
    assert "checked" in tick


def test_a_tracker_opened_as_the_form_offers_it_takes_the_money_out_and_says_so(ravi, cast):
    sent = opening(cast, post_disbursement="on")
    page = ravi.post(reverse("trackers:open", args=[cast.main.slug]), sent, follow=True).content.decode()
    assert "Handed over: 50,000.00 out of Cash." in page
    assert UNKNOWN not in page
    assert len(spent(cast.main)) == 1


def test_what_was_left_out_by_choice_is_said_and_posted_from_the_page_once(ravi, cast):
    page = ravi.post(reverse("trackers:open", args=[cast.main.slug]), opening(cast), follow=True).content.decode()
    tracker = Tracker.objects.get(tracker_name="Shop")
    assert page.count(UNKNOWN) == 2  # the message, and the page's own note
    assert f"{UNKNOWN} of the 50,000.00 handed over on 16-10-2024" in page_of(ravi, tracker)
    where = reverse("trackers:post_disbursement", args=[cast.main.slug, tracker.pk])
    for _ in range(2):
        page = ravi.post(where, follow=True).content.decode()
        assert "50,000.00 out of Cash" in page
        assert UNKNOWN not in page
    assert len(spent(cast.main)) == 1


def test_of_a_day_closed_since_the_page_posts_an_adjustment(ravi, cast):
    closing.close_day(cast.main, date(2024, 10, 20), user=cast.ravi)
    tracker = cast.trackers[0]
    assert "Post it on 21-10-2024, as an adjustment" in page_of(ravi, tracker)
    where = reverse("trackers:post_disbursement", args=[cast.main.slug, tracker.pk])
    assert "Nothing was posted" in ravi.post(where, follow=True).content.decode()
    ravi.post(where, {"adjust": "1"})
    assert spent(cast.main) == [(date(2024, 10, 21), "Cash", Decimal(50000))]


def test_only_who_may_change_a_tracker_may_post_it(cast, client):
    where = reverse("trackers:post_disbursement", args=[cast.main.slug, cast.trackers[0].pk])
    for user, status in ((cast.meena, 403), (cast.kumar, 403), (cast.charlie, 404)):
        client.force_login(user)
        assert client.post(where).status_code == status
    client.force_login(cast.meena)
    assert "Post it" not in page_of(client, cast.trackers[0])
    assert UNKNOWN in page_of(client, cast.trackers[0])


# ------------------------------------------------------------------------------------------------ loans that ran already


def test_running_loans_and_adopted_workbooks_post_nothing_and_nothing_is_asked_of_them(ravi, cast, tmp_path):
    filled = {"B3": "Murugan", "C14": 500, "E14": "Cash"}
    uploaded, comparison = adopt.compare_new(cast.main, original(filled=filled))
    adopted = adopt.adopt_new(services.customer_for(cast.main, "murugan"), uploaded, comparison)
    empty, comparison = adopt.compare_new(cast.main, original(filled={"B3": "Selvi"}))
    unpaid = adopt.adopt_new(services.customer_for(cast.main, "selvi"), empty, comparison)
    path = tmp_path / "loans.csv"
    path.write_text("customer,given on,investment,per day,period\nAnbu,2024-10-01,30000,300,120\n")
    assert wizard.import_now(LoanImporter(cast.main, user=cast.ravi), path).imported == 1
    for tracker in (adopted, unpaid, Tracker.objects.get(customer__name="Anbu")):
        assert posting.disbursement_of(tracker) is None
        assert UNKNOWN not in page_of(ravi, tracker)
    assert not [entry for entry in LedgerEntry.objects.all() if entry.category.name == "Loan Disbursement"]


def test_the_book_may_begin_later_than_the_tracker(ravi, cast):
    Book.objects.filter(pk=cast.main.pk).update(begins_on=date(2024, 11, 1))
    assert UNKNOWN not in page_of(ravi, cast.trackers[0])
    where = reverse("trackers:post_disbursement", args=[cast.main.slug, cast.trackers[0].pk])
    assert "before the book begins" in ravi.post(where, follow=True).content.decode()
    assert spent(cast.main) == []
