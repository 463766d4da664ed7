"""A slip of the keyboard is asked about once: on the collection sheet, on a day's page, by commands and in files."""

import json
import uuid
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from ledger import closing
from ledger.models import LedgerEntry
from shop.imports import importing
from shop.questions import YES_TO_ALL, Unanswered
from tests.trackers import pages
from trackers import posting, services, slips
from trackers.collect import collection
from trackers.collect.collection import Typed
from trackers.importing import payments
from trackers.importing.loans import LoanImporter
from trackers.models import Approval, CollectionSave, Tracker
from trackers.schedule import Terms

DAY = pages.DAY
MUCH, TOO_MUCH = "ten times what is due", "all that is still to pay"


# ------------------------------------------------------------------------------------------------ the rule, without a database


def terms(period=100, per_day=500):
    return Terms(Decimal(50_000), period, Decimal(per_day), date(2024, 10, 16), frozenset(), frozenset())


@pytest.mark.parametrize(
    ("paid", "day", "amount", "said"),
    [
        (0, 1, 500, ""),
        (0, 1, 5_000, ""),
        (0, 1, "5000.01", MUCH),
        (0, 1, 50_000, MUCH),
        (0, 1, "50000.01", TOO_MUCH),
        (0, 5, 25_000, ""),  # five are due
        (0, 5, "25000.01", MUCH),
        (49_500, 100, 500, ""),
        (49_500, 100, "500.01", TOO_MUCH),
        (50_000, 100, "0.01", TOO_MUCH),
        (60_000, 100, 1, TOO_MUCH),
        (10_000, 1, 5_000, ""),  # paid ahead: one instalment counts as due
        (10_000, 1, 5_001, MUCH),
        (0, 0, 5_000, ""),  # nothing falls due on the day it was given
        (0, 0, 0, ""),
        (0, 1, 0, ""),
    ],
)
def test_what_is_asked_about(paid, day, amount, said):
    sentence = slips.doubt(slips.limits(terms(), Decimal(paid), day), Decimal(amount))
    assert said in sentence
    assert bool(said) == bool(sentence)


@given(
    paid=st.integers(0, 60_000), day=st.integers(0, 300), amount=st.integers(0, 100_000), more=st.integers(0, 100_000)
)
def test_a_larger_amount_is_never_asked_about_less(paid, day, amount, more):
    limits = slips.limits(terms(), Decimal(paid), day)
    if slips.doubt(limits, Decimal(amount)):
        assert slips.doubt(limits, Decimal(amount + more))


def test_a_question_s_key_names_day_and_amount():
    limits = slips.limits(terms(), Decimal(0), 1)
    keys = {slips.questions(limits, Decimal(amount), of)[0].key for amount in (6_000, 7_000) for of in ("1:1", "1:2")}
    assert len(keys) == 4
    assert slips.questions(limits, Decimal(500), "1:1") == []


# ------------------------------------------------------------------------------------------------ in a book


@pytest.fixture
def cast(db):
    return pages.shop(3)


@pytest.fixture
def ravi(cast, client):
    client.force_login(cast.ravi)
    return client


def address(name, cast, *args):
    return reverse(f"trackers:{name}", args=[cast.main.slug, *args])


def paid():
    return [tracker.total_paid for tracker in Tracker.objects.order_by("pk")]


def test_the_service_asks_who_was_not_asked_and_takes_a_yes(cast):
    tracker = cast.trackers[0]
    with pytest.raises(Unanswered) as asked:
        services.record_payment(tracker, 1, paid=Decimal(50_000), accepted=())
    assert paid()[0] == 0
    key = asked.value.questions[0].key
    with pytest.raises(Unanswered):  # another amount than the one that was said yes to
        services.record_payment(tracker, 1, paid=Decimal(49_000), accepted={key})
    services.record_payment(tracker, 1, paid=Decimal(50_000), accepted={key})
    assert paid()[0] == 50_000


def test_what_a_day_holds_is_no_part_of_what_is_still_owed_when_it_is_replaced(cast):
    tracker = cast.trackers[0]
    services.record_payment(tracker, 1, paid=Decimal(49_000), accepted=YES_TO_ALL)
    services.record_payment(tracker, 1, paid=Decimal(5_000), accepted=())
    services.record_payment(tracker, 1, paid=Decimal(5_000), notes="again", accepted=())
    with pytest.raises(Unanswered, match="still to pay"):
        services.record_payment(tracker, 2, paid=Decimal(45_001), accepted=())
    with pytest.raises(Unanswered, match="ten times"):
        services.record_payment(tracker, 1, paid=Decimal(5_001), add=True, accepted=())


# ------------------------------------------------------------------------------------------------ the command


def record(tracker, *options):
    """(document, exit code) of record_payment."""
    out, words = StringIO(), [str(tracker.pk), "--day", "1", *options]
    try:
        call_command("record_payment", *words, "--json", stdout=out, stderr=StringIO())
    except CommandError as error:
        return json.loads(out.getvalue()), error.returncode
    return json.loads(out.getvalue()), 0


@pytest.mark.parametrize(("amount", "said"), [("50000.01", TOO_MUCH), ("5001", MUCH)])
def test_the_command_refuses_without_yes(cast, amount, said):
    document, code = record(cast.trackers[0], "--amount", amount)
    assert (code, LedgerEntry.objects.count()) == (1, 0)
    assert said in document["error"]
    assert document["error"].endswith("repeat with --yes.")
    document, code = record(cast.trackers[0], "--amount", amount, "--yes")
    assert (code, document["row"]["paid"]) == (0, f"{Decimal(amount):.2f}")


def test_the_command_takes_what_is_usual_without_a_word(cast):
    assert record(cast.trackers[0], "--amount", "5000")[1] == 0
    assert record(cast.trackers[0], "--notes", "as it stands")[1] == 0


# ------------------------------------------------------------------------------------------------ a day's page


def test_a_day_s_page_asks_with_a_button_and_then_saves(ravi, cast):
    tracker = cast.trackers[0]
    where, sent = address("day", cast, tracker.pk, 1), {"paid": "50,000", "mode": "Cash", "seen": tracker.version}
    asked = ravi.post(where, sent)
    page = asked.content.decode()
    assert (asked.status_code, paid()[0]) == (422, 0)
    assert "50,000.00 is more than ten times what is due, 500.00." in page
    assert "Yes, that was paid" in page
    yes = {"accepted": asked.context["accepts"]}
    assert ravi.post(where, sent | yes | {"paid": "49,000"}).status_code == 422
    ravi.post(where, sent | yes)
    assert paid()[0] == 50_000


def test_a_yes_is_kept_while_a_closed_day_is_asked_about(ravi, cast):
    closing.close_day(cast.main, DAY, user=cast.ravi)
    tracker = cast.trackers[0]
    where, sent = address("day", cast, tracker.pk, 1), {"paid": "50,000", "mode": "Cash", "seen": tracker.version}
    first = ravi.post(where, sent)
    sent |= {"accepted": first.context["accepts"]}
    second = ravi.post(where, sent)
    assert [name for name, _ in second.context["asks"]] == ["adjust"]
    assert f'name="accepted" value="{first.context["accepts"]}"' in second.content.decode()
    ravi.post(where, sent | {"adjust": "1"})
    assert paid()[0] == 50_000


# ------------------------------------------------------------------------------------------------ the collection sheet


def typed(amounts, token=None, **more):
    sent = {"date": DAY.isoformat(), "token": token or uuid.uuid4().hex}
    for tracker, amount in amounts.items():
        sent |= {f"paid_{tracker.pk}": amount, f"mode_{tracker.pk}": "Cash", f"seen_{tracker.pk}": str(tracker.version)}
    return sent | more


def test_the_sheet_saves_the_others_and_asks_at_the_row(ravi, cast):
    one, two, _ = cast.trackers
    response = ravi.post(address("save", cast), typed({one: "50000", two: "500"}))
    assert paid()[:2] == [0, 500]
    page = ravi.get(response["Location"])
    row = page.context["rows"][0]
    assert (row.typed, row.fault, MUCH in row.ask) == ("50,000", "", True)
    assert f'name="sure_{one.pk}" value="50,000"' in page.content.decode()
    assert "1 not saved" in page.content.decode()
    ravi.post(address("save", cast), typed({one: "50000"}, **{f"sure_{one.pk}": row.typed}))
    assert paid()[0] == 50_000


def test_a_yes_counts_for_its_own_amount_alone(ravi, cast):
    one = cast.trackers[0]
    asked = ravi.post(address("save", cast), typed({one: "50000"}))
    assert (asked.status_code, CollectionSave.objects.count()) == (422, 0)
    assert MUCH in asked.context["rows"][0].ask
    for sure in ("5000", "49000", "x", ""):
        again = ravi.post(address("save", cast), typed({one: "50000"}, **{f"sure_{one.pk}": sure}))
        assert again.status_code == 422
    assert paid()[0] == 0


def test_as_due_of_a_tracker_that_owes_nothing_more_can_be_said_yes_to(ravi, cast):
    one = cast.trackers[0]
    services.record_payment(one, 5, paid=Decimal(50_000))
    one.refresh_from_db()
    asked = ravi.post(address("save", cast), typed({one: "="}))
    assert (asked.status_code, asked.context["rows"][0].typed) == (422, "500")
    ravi.post(address("save", cast), typed({one: "500"}, **{f"sure_{one.pk}": "500"}))
    assert paid()[0] == 50_500


@pytest.mark.parametrize(("how", "is_asked"), [("add", True), ("replace", False)])
def test_on_a_filled_day_adding_and_replacing_are_measured_apart(ravi, cast, how, is_asked):
    one = cast.trackers[0]
    services.record_payment(one, 1, paid=Decimal(48_000))
    one.refresh_from_db()
    response = ravi.post(address("save", cast), typed({one: "4000"}, **{f"how_{one.pk}": how}))
    assert response.status_code == (422 if is_asked else 302)
    assert paid()[0] == (48_000 if is_asked else 4_000)


def test_what_became_too_much_meanwhile_is_asked_about_when_it_is_saved(cast):
    one, two, _ = cast.trackers
    rows = [Typed(one.pk, Decimal(6_000)), Typed(two.pk, Decimal(500))]
    report = collection.record_payments(cast.main, DAY, rows, user=cast.ravi, token="a")
    assert [(line["ok"], line.get("asks", False)) for line in report] == [(False, True), (True, False)]
    rows = [Typed(one.pk, Decimal(6_000), is_sure=True)]
    assert collection.record_payments(cast.main, DAY, rows, user=cast.ravi, token="b")[0]["ok"]
    assert paid()[:2] == [6_000, 500]


def test_an_agent_is_asked_before_his_collection_waits_and_the_office_is_not_asked_again(cast):
    settings = posting.settings_of(cast.main)
    settings.agents_need_approval = True
    settings.save()
    rows = [Typed(cast.trackers[0].pk, Decimal(6_000))]
    (line,) = collection.record_payments(cast.main, DAY, rows, user=cast.kumar, token="a")
    assert (line["ok"], MUCH in line["message"], Approval.objects.count()) == (False, True, 0)
    rows = [Typed(cast.trackers[0].pk, Decimal(6_000), is_sure=True)]
    collection.record_payments(cast.main, DAY, rows, user=cast.kumar, token="b")
    assert collection.approve(Approval.objects.all(), user=cast.ravi)[0]["ok"]
    assert paid()[0] == 6_000


# ------------------------------------------------------------------------------------------------ files


def imported(importer, path, lines):
    path.write_text("\n".join(lines))
    try:
        return importing.import_file(importer, path)
    except importing.Refused as refused:
        return refused.report


def test_a_file_of_payments_asks_row_by_row_with_the_rows_before_counted(cast, tmp_path):
    one, two, _ = cast.trackers
    lines = [
        "tracker,day,amount",
        *(f"{one.pk},{day},5000" for day in range(1, 11)),
        f"{one.pk},11,500",
        f"{two.pk},1,5001",
    ]
    report = imported(payments.PaymentImporter(cast.main, user=cast.ravi), tmp_path / "p.csv", lines)
    assert [error["line"] for error in report.errors] == [12, 13]
    assert TOO_MUCH in report.errors[0]["reason"]
    assert MUCH in report.errors[1]["reason"]
    assert f"tick “{slips.OPTION}”" in report.errors[0]["reason"]
    report = imported(payments.PaymentImporter(cast.main, user=cast.ravi, yes=True), tmp_path / "p.csv", lines)
    assert (report.imported, report.errors) == (12, [])


def test_a_file_of_running_loans_asks_about_what_was_paid_so_far(cast, tmp_path):
    given_on = cast.main.today() - timedelta(days=3)
    lines = ["customer,given on,investment,per day,period,paid so far"]
    lines += [f"{name},{given_on},50000,500,100,{paid}" for name, paid in (("A", 50_001), ("B", 15_001), ("C", 15_000))]
    path = tmp_path / "loans.csv"
    report = imported(LoanImporter(cast.main, user=cast.ravi), path, lines)
    assert [error["line"] for error in report.errors] == [2, 3]
    out = StringIO()
    call_command("import_loans", str(path), "--book", cast.main.slug, "--yes", "--json", stdout=out)
    assert json.loads(out.getvalue())["imported"] == 3
    again = imported(LoanImporter(cast.main, user=cast.ravi), path, lines)
    assert (again.duplicate, again.errors) == (3, [])
