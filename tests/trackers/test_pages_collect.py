"""The collection sheet in the browser's place: what it sends is saved once, kept as drafts, refused by the row."""

import uuid
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from ledger import closing, daybook
from ledger.models import LedgerEntry
from shop.models import Book
from tests.trackers import pages
from tests.trackers.pages import DAY
from trackers import posting, services, store, tasks
from trackers.models import Approval, CollectionSave, Draft, Tracker

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return pages.shop()


@pytest.fixture
def ravi(cast, client):
    client.force_login(cast.ravi)
    return client


def address(name, book, *args):
    return reverse(f"trackers:{name}", args=[book.slug, *args])


def sheet(client, cast, on=DAY, **asked):
    return client.get(address("collect", cast.main), {"date": on.isoformat(), **asked})


def typed(amounts, on=DAY, token=None, **more):
    """What a browser sends: `amounts` {tracker: text}."""
    sent = {"date": on.isoformat(), "token": token or uuid.uuid4().hex}
    for tracker, amount in amounts.items():
        sent[f"paid_{tracker.pk}"] = amount
        sent[f"mode_{tracker.pk}"] = "Cash"
        sent[f"seen_{tracker.pk}"] = str(tracker.version)
    return sent | more


def save(client, cast, amounts, **more):
    return client.post(address("save", cast.main), typed(amounts, **more))


def paid(cast):
    return [str(tracker.total_paid) for tracker in Tracker.objects.filter(book=cast.main).order_by("pk")]


def test_the_sheet_lists_every_running_tracker_with_what_is_due_and_behind(ravi, cast):
    services.record_payment(cast.trackers[0], 1, paid=Decimal(500))
    response = sheet(ravi, cast, on=date(2024, 10, 19))
    rows = {row.pk: row for row in response.context["rows"]}
    assert len(rows) == 4
    first, second = rows[cast.trackers[0].pk], rows[cast.trackers[1].pk]
    assert (first.due, first.behind, first.days_past_due) == (Decimal(500), Decimal(500), 1)
    assert (second.due, second.behind, second.days_past_due) == (Decimal(500), Decimal(1000), 2)


@pytest.mark.parametrize("who", ["ravi", "kumar"])
@pytest.mark.parametrize("closed", [None, -40, -3, -1, 0, 2])
def test_the_sheet_opens_today_and_offers_a_day_that_is_not_closed(cast, client, who, closed):
    today = cast.main.today()
    if closed is not None:
        Book.objects.filter(pk=cast.main.pk).update(closed_through=today + timedelta(days=closed))
    client.force_login(getattr(cast, who))
    page = client.get(address("collect", cast.main))
    assert page.context["date"] == today
    assert "not-today" not in page.content.decode()
    waits = today + timedelta(days=closed + 1) if closed is not None and closed < -1 else None
    assert page.context["unclosed"] == waits
    assert ("is not closed yet" in page.content.decode()) == bool(waits)
    if waits:
        page = client.get(address("collect", cast.main), {"date": waits.isoformat()})
        assert "is not closed yet" not in page.content.decode()


@pytest.mark.parametrize(
    ("days", "said"), [(-1, "yesterday"), (-3, "3 days ago"), (1, "which has not come yet"), (0, None)]
)
def test_a_sheet_of_another_day_says_so_loudly(ravi, cast, days, said):
    page = sheet(ravi, cast, on=cast.main.today() + timedelta(days=days)).content.decode()
    assert ('class="note warn not-today" role="alert"' in page) == bool(said)
    assert not said or (said in page and "Go to today" in page)


def test_an_agent_is_never_sent_to_a_day_that_has_not_come(cast, client):
    client.force_login(cast.kumar)
    today = cast.main.today()
    Book.objects.filter(pk=cast.main.pk).update(closed_through=today)
    refused = save(client, cast, {cast.trackers[0]: "500"}, on=today)
    assert [name for name, _ in refused.context["asks"]] == [""]
    assert f"{today + timedelta(days=1):%d-%m-%Y}" not in refused.context["asks"][0][1]
    assert "Ask the office" in refused.context["asks"][0][1]


def test_typed_amounts_are_saved_once_however_often_save_is_pressed(ravi, cast):
    sent = typed({cast.trackers[0]: "500", cast.trackers[1]: "=", cast.trackers[2]: "0"})
    first = ravi.post(address("save", cast.main), sent)
    again = ravi.post(address("save", cast.main), sent)
    assert first.status_code == again.status_code == 302
    assert paid(cast) == ["500.00", "500.00", "0.00", "0.00"]
    assert LedgerEntry.objects.count() == 2
    report = ravi.get(first["Location"])
    assert "Saved 3 payments" in report.content.decode()
    assert report.context["rows"][2].held["paid"] == 0


def test_a_wrong_figure_marks_its_row_and_the_others_are_saved(ravi, cast):
    response = save(ravi, cast, {cast.trackers[0]: "500", cast.trackers[1]: "12,3x", cast.trackers[2]: "-20"})
    rows = ravi.get(response["Location"]).context["rows"]
    assert paid(cast)[:3] == ["500.00", "0.00", "0.00"]
    assert (rows[1].typed, "not an amount" in rows[1].fault) == ("12,3x", True)
    assert "never below 0" in rows[2].fault
    assert not rows[0].fault


def test_a_page_of_wrong_figures_only_is_shown_again_as_typed(ravi, cast):
    response = save(ravi, cast, {cast.trackers[0]: "many"})
    assert response.status_code == 422
    assert response.context["rows"][0].typed == "many"
    assert not CollectionSave.objects.exists()


def test_a_filled_day_asks_add_or_replace(ravi, cast):
    tracker = cast.trackers[0]
    save(ravi, cast, {tracker: "300"})
    tracker.refresh_from_db()
    refused = save(ravi, cast, {tracker: "200"})
    assert "add or replace" in refused.context["rows"][0].fault
    save(ravi, cast, {tracker: "200"}, **{f"how_{tracker.pk}": "add"})
    assert paid(cast)[0] == "500.00"
    assert len(posting.parts_of(tracker, 1)) == 2
    tracker.refresh_from_db()
    save(ravi, cast, {tracker: "450"}, **{f"how_{tracker.pk}": "replace"})
    assert paid(cast)[0] == "450.00"
    assert daybook.day_book_on(cast.main, DAY).total_received == 450


def test_somebody_else_s_figure_of_the_same_day_is_shown_before_anything_is_written(ravi, cast):
    tracker = cast.trackers[0]
    services.record_payment(tracker, 1, paid=Decimal(300), user=cast.asha)
    response = save(ravi, cast, {tracker: "500"})  # seen: the version before Asha's
    assert response.status_code == 422
    assert "300.00" in response.context["rows"][0].fault
    assert paid(cast)[0] == "300.00"


def test_each_typed_row_is_a_draft_at_once_and_comes_back_until_saved(ravi, cast):
    tracker = cast.trackers[0]
    sent = {"tracker": tracker.pk, "date": DAY.isoformat(), "paid": "1,250.50", "mode": "UPI", "note": "half"}
    assert "kept" in ravi.post(address("draft", cast.main), sent).json()
    row = sheet(ravi, cast).context["rows"][0]
    assert (row.typed, row.mode, row.note) == ("1,250.50", "UPI", "half")
    assert ravi.post(address("draft", cast.main), sent | {"paid": "x"}).status_code == 422
    save(ravi, cast, {tracker: "1250.50"})
    assert not Draft.objects.exists()
    assert sheet(ravi, cast).context["rows"][0].typed == ""


def test_a_draft_is_its_person_s_own(ravi, cast, client):
    ravi.post(address("draft", cast.main), {"tracker": cast.trackers[0].pk, "date": str(DAY), "paid": "5"})
    client.force_login(cast.asha)
    assert sheet(client, cast).context["rows"][0].typed == ""


def test_a_closed_day_is_asked_about_and_posts_on_the_first_open_one(ravi, cast):
    closing.close_day(cast.main, DAY, user=cast.ravi)
    asked = save(ravi, cast, {cast.trackers[0]: "500"})
    assert asked.status_code == 422
    assert asked.context["asks"][0][0] == "adjust"
    assert asked.context["rows"][0].typed == "500"
    save(ravi, cast, {cast.trackers[0]: "500"}, adjust="1")
    entry = LedgerEntry.objects.get()
    assert (entry.date, entry.adjusts_date) == (date(2024, 10, 18), DAY)


def test_a_day_that_has_not_come_is_asked_about(ravi, cast):
    tomorrow = cast.main.today() + timedelta(days=1)
    tracker = pages.running(cast.main, 9, start_date=cast.main.today())
    asked = save(ravi, cast, {tracker: "500"}, on=tomorrow)
    assert [name for name, _ in asked.context["asks"]] == ["future"]
    save(ravi, cast, {tracker: "500"}, on=tomorrow, future="1")
    tracker.refresh_from_db()
    assert tracker.total_paid == 500


def test_a_workbook_that_cannot_be_read_holds_only_its_own_row_up(ravi, cast):
    store.path_of(cast.trackers[0]).unlink()
    response = save(ravi, cast, {cast.trackers[0]: "500", cast.trackers[1]: "500"})
    report = ravi.get(response["Location"]).context["saved"]
    assert paid(cast)[:2] == ["0.00", "500.00"]
    assert "not in daily-trackers" in report.failed[0]["message"]


def test_a_save_is_undone_from_its_report(ravi, cast):
    save(ravi, cast, {cast.trackers[0]: "500"})
    token = CollectionSave.objects.get().token
    ravi.post(address("undo", cast.main, token))
    ravi.post(address("undo", cast.main, token))
    assert paid(cast)[0] == "0.00"
    assert daybook.day_book_on(cast.main, DAY).total_received == 0


def test_filters_narrow_the_sheet(ravi, cast):
    cast.trackers[1].customer.route = "North"
    cast.trackers[1].customer.save()
    services.record_payment(cast.trackers[2], 1, paid=Decimal(500))
    on = date(2024, 10, 18)

    def names(**asked):
        return [row.tracker.tracker_name for row in sheet(ravi, cast, on=on, **asked).context["rows"]]

    assert names(route="North") == ["Scheme 1"]
    assert names(agent=str(cast.kumar.pk)) == ["Scheme 0"]
    assert names(q="customer 3") == ["Scheme 3"]
    assert "Scheme 2" not in names(behind="1")


def test_roles_and_other_books(cast, client):
    for user, status in ((cast.kumar, 200), (cast.meena, 403), (cast.charlie, 404)):
        client.force_login(user)
        assert sheet(client, cast).status_code == status
    client.force_login(cast.kumar)
    assert [row.pk for row in sheet(client, cast).context["rows"]] == [cast.trackers[0].pk]
    assert save(client, cast, {cast.trackers[1]: "500"}).status_code == 404
    draft = {"tracker": cast.trackers[1].pk, "date": str(DAY), "paid": "5"}
    assert client.post(address("draft", cast.main), draft).status_code == 404
    assert client.get(address("approvals", cast.main)).status_code == 403


def test_an_agent_s_collection_waits_until_the_office_says_yes_or_why_not(cast, client):
    settings = posting.settings_of(cast.main)
    settings.agents_need_approval = True
    settings.save()
    client.force_login(cast.kumar)
    token = uuid.uuid4().hex
    first = save(client, cast, {cast.trackers[0]: "500"}, token=token)
    save(client, cast, {cast.trackers[0]: "500"}, token=token)
    assert "wait for the office" in client.get(first["Location"]).content.decode()
    assert Approval.objects.count() == 1
    assert paid(cast)[0] == "0.00"
    mine = client.get(address("mine", cast.main)).context
    assert (mine["waiting_cash"], mine["in_hand"]) == (Decimal(500), Decimal(500))
    client.force_login(cast.ravi)
    where, row = address("approvals", cast.main), Approval.objects.get()
    client.post(where, {"row": row.pk, "decision": "reject", "reason": ""})
    assert Approval.objects.get().state == "waiting"
    client.post(where, {"row": row.pk, "decision": "approve"})
    client.post(where, {"row": row.pk, "decision": "approve"})
    assert paid(cast)[0] == "500.00"
    assert LedgerEntry.objects.get().account.name == "Kumar's bag"


def test_many_rows_are_saved_as_a_job_whose_second_run_finds_the_first(cast):
    good = [tasks.Typed(tracker.pk, Decimal(500)) for tracker in cast.trackers]
    job = tasks.start_save(cast.main, DAY, good, [], user=cast.ravi, token="t", adjust=False)
    assert tasks.save_step(job, lambda done, total: None)[1]["imported"] == 4
    assert tasks.save_step(job, lambda done, total: None)[1]["imported"] == 4
    assert LedgerEntry.objects.count() == 4
    assert CollectionSave.objects.get().job == job


def test_the_sheet_leaves_on_paper_and_as_files(ravi, cast):
    asked = {"date": DAY.isoformat()}
    assert "Customer 3" in ravi.get(address("collect_paper", cast.main), asked).content.decode()
    lines = b"".join(ravi.get(address("collect_file", cast.main, "csv"), asked)).decode().splitlines()
    assert lines[0].endswith("tracker,customer,tracker_name,date,due,behind,amount,mode,notes")
    assert lines[1] == f"{cast.trackers[0].filename},Customer 0,Scheme 0,2024-10-17,500.00,0.00,,,"
    assert ravi.get(address("collect_file", cast.main, "xlsx"), asked).status_code == 200
    assert ravi.get(address("collect_file", cast.main, "exe"), asked).status_code == 404
