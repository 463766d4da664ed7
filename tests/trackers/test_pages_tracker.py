"""The list and the pages of one tracker: seen by whom, days corrected, payments moved, trackers opened and ended."""

import uuid
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from ledger import closing, daybook
from ledger.models import LedgerEntry
from tests.trackers import pages
from trackers import posting, services, store, tasks
from trackers.models import Customer, Draft, Holiday, Tracker

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return pages.shop(3)


@pytest.fixture
def ravi(cast, client):
    client.force_login(cast.ravi)
    return client


def address(name, cast, *args):
    return reverse(f"trackers:{name}", args=[cast.main.slug, *args])


def day(client, cast, number, tracker=None, **typed):
    tracker = tracker or cast.trackers[0]
    return client.post(address("day", cast, tracker.pk, number), typed)


def test_the_list_shows_standing_filters_and_totals_without_opening_a_file(ravi, cast):
    services.record_payment(cast.trackers[0], 1, paid=Decimal(500))
    for tracker in cast.trackers:
        store.path_of(tracker).unlink()
    response = ravi.get(address("list", cast))
    assert [row["paid"] for row in response.context["rows"]] == [Decimal(500), 0, 0]
    assert response.context["totals"].count == 3
    assert ravi.get(address("list", cast), {"dpd": "90+", "q": "customer 1"}).context["shown"].count == 1
    assert ravi.get(address("list", cast), {"dpd": "0"}).context["rows"] == []
    for order in ("arrears", "days", "quiet", "outstanding", "round", "nonsense"):
        assert ravi.get(address("list", cast), {"order": order, "page": "99"}).status_code == 200
    services.close_tracker(cast.trackers[1], closing=Tracker.Closing.WRITTEN_OFF)
    assert ravi.get(address("list", cast)).context["totals"].count == 2
    assert ravi.get(address("list", cast), {"state": "closed"}).context["totals"].count == 1


def test_who_sees_a_tracker(cast, client):
    own, foreign = cast.trackers[0], cast.trackers[1]
    pages_of = ("tracker", "download")
    for user, statuses in ((cast.kumar, (200, 404)), (cast.meena, (200, 200)), (cast.charlie, (404, 404))):
        client.force_login(user)
        for tracker, status in zip((own, foreign), statuses, strict=True):
            assert [client.get(address(name, cast, tracker.pk)).status_code for name in pages_of] == [status] * 2
    for user in (cast.kumar, cast.meena):
        client.force_login(user)
        assert client.get(address("day", cast, own.pk, 1)).status_code == 403
        assert client.post(address("close", cast, own.pk), {"closing": "written_off"}).status_code == 403
    client.force_login(cast.kumar)
    assert [row["tracker"].pk for row in client.get(address("list", cast)).context["rows"]] == [own.pk]


def test_the_page_shows_filled_days_figures_entries_and_versions(ravi, cast):
    tracker = cast.trackers[0]
    services.record_payment(tracker, 1, paid=Decimal(500), mode="UPI", user=cast.ravi)
    context = ravi.get(address("tracker", cast, tracker.pk)).context
    assert [line["day"] for line in context["days"]] == [1]
    assert len(ravi.get(address("tracker", cast, tracker.pk), {"all": "1"}).context["days"]) == 101
    assert [str(entry.amount) for entry in context["entries"]] == ["500.00"]
    assert (context["versions"][0]["version"], str(context["versions"][0]["who"])) == (2, "ravi")
    assert context["chart"]["paid_now"] == 500


def test_the_workbook_leaves_as_an_attachment_and_nobody_keeps_a_copy(ravi, cast):
    tracker = cast.trackers[0]
    first = store.path_of(tracker).read_bytes()
    services.record_payment(tracker, 1, paid=Decimal(500))
    response = ravi.get(address("download", cast, tracker.pk))
    assert response.content == store.path_of(tracker).read_bytes()
    assert response["Content-Disposition"] == f'attachment; filename="{tracker.filename}"'
    assert "no-store" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert ravi.get(address("download_version", cast, tracker.pk, 1)).content == first
    assert ravi.get(address("download_version", cast, tracker.pk, 77)).status_code == 404


def test_a_day_is_recorded_corrected_and_cleared(ravi, cast):
    tracker = cast.trackers[0]
    assert day(ravi, cast, 1, paid="500", mode="UPI", notes="=1+1").status_code == 302
    assert services.contents_of(tracker).days[1] == {"paid": Decimal(500), "mode": "UPI", "notes": "=1+1"}
    day(ravi, cast, 1, paid="450", mode="Cash", seen="2")
    assert daybook.day_book_on(cast.main, pages.DAY).total_received == 450
    day(ravi, cast, 1, paid="", seen="3")
    assert services.contents_of(tracker).days == {}
    assert daybook.day_book_on(cast.main, pages.DAY).total_received == 0


@pytest.mark.parametrize("amount", ["12,3x", "-5", "99999999999999", "1.234"])
def test_a_wrong_amount_is_told_at_the_form(ravi, cast, amount):
    response = day(ravi, cast, 1, paid=amount)
    assert response.status_code == 422
    assert response.context["form"].errors
    assert not LedgerEntry.objects.exists()


def test_a_day_changed_meanwhile_shows_the_other_value_first(ravi, cast):
    services.record_payment(cast.trackers[0], 1, paid=Decimal(300), user=cast.asha)
    response = day(ravi, cast, 1, paid="500", seen="1")
    assert "asha changed day 1 meanwhile: it holds 300" in response.content.decode()
    day(ravi, cast, 1, paid="500", seen=str(response.context["form"].data["seen"]))
    assert services.contents_of(cast.trackers[0]).days[1]["paid"] == 500


def test_a_future_day_and_a_closed_day_ask_first(ravi, cast):
    tracker = pages.running(cast.main, 8, start_date=cast.main.today())
    asked = day(ravi, cast, 3, tracker, paid="500")
    assert [name for name, _ in asked.context["asks"]] == ["future"]
    assert day(ravi, cast, 3, tracker, paid="500", future="1").status_code == 302
    closing.close_day(cast.main, pages.DAY, user=cast.ravi)
    asked = day(ravi, cast, 1, paid="500")
    assert [name for name, _ in asked.context["asks"]] == ["adjust"]
    day(ravi, cast, 1, paid="500", adjust="1")
    line = ravi.get(address("tracker", cast, cast.trackers[0].pk)).context["days"][0]
    assert (line["date"], line["moved"][0].date) == (pages.DAY, pages.DAY + timedelta(days=1))


def test_what_cannot_be_written_is_kept_as_a_draft_and_offered_again(ravi, cast):
    tracker = cast.trackers[0]
    path = store.path_of(tracker)
    content = path.read_bytes()
    path.unlink()
    page = ravi.get(address("tracker", cast, tracker.pk))
    assert "not in daily-trackers" in page.context["fault"]
    day(ravi, cast, 1, paid="500", mode="UPI")
    assert Draft.objects.get().amount == 500
    path.write_bytes(content)
    form = ravi.get(address("day", cast, tracker.pk, 1)).context["form"]
    assert (form.initial["paid"], form.initial["mode"]) == (Decimal(500), "UPI")
    day(ravi, cast, 1, paid="500", mode="UPI")
    assert not Draft.objects.exists()


def test_excel_s_lock_file_is_a_warning_with_the_person_s_name(ravi, cast):
    tracker = cast.trackers[0]
    (store.folder() / f"~${tracker.filename}").write_bytes(b"\x05Meena" + b" " * 40)
    assert "open in Excel at Meena" in ravi.get(address("tracker", cast, tracker.pk)).content.decode()


def test_a_payment_is_moved_to_another_tracker_in_one_step(ravi, cast):
    first, second = cast.trackers[:2]
    services.record_payment(first, 1, paid=Decimal(500))
    found = ravi.get(address("move", cast, first.pk, 1), {"q": "customer 1"})
    assert [one.pk for one in found.context["offered"]] == [second.pk]
    ravi.post(address("move", cast, first.pk, 1), {"into": second.pk})
    assert [tracker.total_paid for tracker in Tracker.objects.order_by("pk")][:2] == [0, 500]
    assert daybook.day_book_on(cast.main, pages.DAY).total_received == 500
    foreign = pages.running(cast.other, 5)
    assert ravi.post(address("move", cast, second.pk, 1), {"into": foreign.pk}).status_code == 404


def opening(customer, **changes):
    values = {"uid": uuid.uuid4(), "customer": customer.pk, "tracker_name": "Shop", "tracker_type": "50K"}
    return values | {"start_date": "16-10-2024"} | changes


def test_a_tracker_is_opened_once_with_its_disbursement(ravi, cast):
    sent = opening(cast.trackers[0].customer, disbursed_amount="45,000", post_disbursement="on")
    ravi.post(address("open", cast), sent)
    ravi.post(address("open", cast), sent)
    tracker = Tracker.objects.get(tracker_name="Shop")
    assert (tracker.per_day_payment, tracker.disbursed_amount) == (Decimal(500), Decimal(45000))
    assert LedgerEntry.objects.get().amount == 45000
    foreign = pages.running(cast.other, 5).customer
    assert "no such customer" in ravi.post(address("open", cast), opening(foreign)).content.decode()


def test_terms_are_changed_and_a_tracker_closed_reopened_renewed(ravi, cast):
    tracker = cast.trackers[0]
    terms = {"tracker_name": "New name", "investment": "50000", "scheme_period": "90", "per_day_payment": "600"}
    terms |= {"start_date": "16-10-2024", "disbursed_amount": "50000"}
    assert ravi.post(address("terms", cast, tracker.pk), terms | {"scheme_period": "5000"}).status_code == 422
    ravi.post(address("terms", cast, tracker.pk), terms)
    assert services.contents_of(tracker).parameters["scheme_period"] == 90
    refused = ravi.post(address("close", cast, tracker.pk), {"closing": "paid"})
    assert "still to pay" in refused.content.decode()
    ravi.post(address("close", cast, tracker.pk), {"closing": "settled", "waived_amount": "54000"})
    tracker.refresh_from_db()
    assert (tracker.closing, tracker.waived_amount) == ("settled", Decimal(54000))
    ravi.post(address("reopen", cast, tracker.pk))
    ravi.post(address("renew", cast, tracker.pk), opening(tracker.customer, start_date="20-10-2024"))
    new = Tracker.objects.get(renewed_from=tracker)
    tracker.refresh_from_db()
    assert (tracker.closing, new.start_date) == ("renewed", date(2024, 10, 20))
    assert "Renewed into" in ravi.get(address("tracker", cast, tracker.pk)).content.decode()


def test_once_more_takes_the_terms_and_begins_after_the_end(ravi, cast):
    form = ravi.get(address("open", cast), {"like": cast.trackers[0].pk}).context["form"]
    assert form.initial["start_date"] == "25-01-2025"
    assert form.initial["customer"] == cast.trackers[0].customer_id


def test_customers_are_kept_in_the_admin_each_with_a_login(ravi, cast, client):
    add = reverse("admin:trackers_customer_add")
    sent = {"_book": cast.main.slug, "name": "முருகன்", "login": "murugan", "phone": "98", "language": "ta"}
    sent |= {"address": "", "agent": cast.kumar.pk, "route": "North", "position": "3"}
    assert ravi.post(add, sent).status_code == 302
    made = Customer.objects.get(user__username="murugan")
    assert (made.name, made.agent, made.position) == ("முருகன்", cast.kumar, 3)
    assert not made.user.has_usable_password()
    assert "works in the office" in ravi.post(add, sent | {"login": "asha"}).content.decode()
    assert "somebody else" in ravi.post(add, sent | {"login": pages.world.person("stranger").username}).content.decode()
    client.force_login(cast.kumar)
    names = {row.name for row in client.get(reverse("admin:trackers_customer_changelist")).context["cl"].queryset}
    assert names == {"Customer 0", "முருகன்"}
    other = cast.trackers[1].customer
    assert client.get(reverse("admin:trackers_customer_change", args=[other.pk])).status_code == 404


def test_settings_of_trackers_are_the_owner_s_and_reach_running_ones_by_a_job(cast, client):
    where = address("settings", cast)
    client.force_login(cast.ravi)
    assert client.get(where).status_code == 403
    client.force_login(cast.asha)
    rules = posting.columns_of(cast.main)
    sent = {"skipped_weekdays": ["6"], "holidays": "18-10-2024 Fair", "agents_need_approval": "on"}
    sent |= {"paid_category": rules["paid"].category_id, "paid_subcategory": "Loans"}
    assert client.post(where, sent | {"holidays": "31-02-2024"}).status_code == 422
    assert client.post(where, sent).status_code == 302
    assert Holiday.objects.get().name == "Fair"
    assert set(posting.columns_of(cast.main)) == {"paid"}
    assert client.get(where).context["differing"] == 3
    client.post(address("apply_skipping", cast))
    tracker = Tracker.objects.get(pk=cast.trackers[0].pk)
    assert (tracker.skipped_weekdays, tracker.holidays) == ([6], ["2024-10-18"])
    assert tasks.has_skipped_days(tracker, *services.skipping(cast.main))


def test_an_entry_of_a_tracker_is_corrected_on_the_tracker_s_page(ravi, cast):
    services.record_payment(cast.trackers[0], 1, paid=Decimal(500))
    entry = LedgerEntry.objects.get()
    page = ravi.get(reverse("admin:ledger_ledgerentry_change", args=[entry.pk]))
    assert address("tracker", cast, cast.trackers[0].pk) in page.content.decode()
    sent = {"_book": cast.main.slug, "version": entry.version, "date": "17-10-2024", "amount": "900"}
    ravi.post(reverse("admin:ledger_ledgerentry_change", args=[entry.pk]), sent)
    entry.refresh_from_db()
    assert entry.amount == 500
