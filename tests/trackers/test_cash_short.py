"""Cash that cannot be there, where trackers pay it out: pages ask once with a button, commands do it and warn."""

import json
import uuid
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from ledger import closing
from ledger.models import Account, LedgerEntry
from shop.questions import Unanswered
from tests import world
from tests.trackers import pages
from trackers import posting, services, store
from trackers.models import PostingColumn, Tracker

pytestmark = pytest.mark.django_db
SHORT = "Cash would stand at −10,000.00 on 16-10-2024, without this at 50,000.00"


@pytest.fixture
def cast():
    return pages.shop(1)


@pytest.fixture
def ravi(cast, client):
    client.force_login(cast.ravi)
    return client


def address(name, cast, *args):
    return reverse(f"trackers:{name}", args=[cast.main.slug, *args])


def loan(cast, **values):
    """The opening form of 60,000, of which the cash box has 50,000."""
    sent = {"uid": uuid.uuid4(), "customer": cast.trackers[0].customer.pk, "tracker_name": "Shop"}
    sent |= {"tracker_type": "50K", "start_date": "16-10-2024", "disbursed_amount": "60000"}
    return sent | {"post_disbursement": "on"} | values


def cash(cast):
    return Account.objects.get(book=cast.main, name="Cash")


def key(cast, on, balance):
    return f"short:{cash(cast).pk}:{on}:{balance}"


def spent(cast):
    return [entry.amount for entry in LedgerEntry.objects.filter(book=cast.main, deleted_at=None).order_by("pk")]


def files():
    return sorted(path.name for path in store.folder().iterdir())


# ------------------------------------------------------------------------------------------------ opened, renewed


def test_opening_asks_with_the_exact_figure_and_opens_once_when_the_button_is_pressed(ravi, cast):
    sent, before = loan(cast), files()
    asked = ravi.post(address("open", cast), sent)
    assert asked.status_code == 422
    assert SHORT in asked.content.decode()
    assert asked.context["accepts"] == key(cast, "2024-10-16", "-10000.00")
    assert f'name="accepted" value="{asked.context["accepts"]}"' in asked.content.decode()
    assert (Tracker.objects.count(), spent(cast), files()) == (1, [], before)
    for _ in range(2):
        assert ravi.post(address("open", cast), sent | {"accepted": asked.context["accepts"]}).status_code == 302
    assert (Tracker.objects.count(), spent(cast)) == (2, [60_000])


def test_a_yes_counts_for_no_other_amount(ravi, cast):
    yes = {"accepted": key(cast, "2024-10-16", "-10000.00")}
    assert ravi.post(address("open", cast), loan(cast, disbursed_amount="60001", **yes)).status_code == 422
    assert Tracker.objects.count() == 1


@pytest.mark.parametrize("values", [{"disbursed_amount": "50000"}, {"post_disbursement": ""}, {"bank": True}])
def test_opening_asks_nothing_where_the_cash_is_there_or_none_leaves_the_box(ravi, cast, values):
    if values.pop("bank", False):
        values["disbursed_account"] = Account.objects.get(book=cast.main, name="Bank").pk
    assert ravi.post(address("open", cast), loan(cast, **values)).status_code == 302


def test_a_later_day_that_would_go_below_zero_is_asked_about(ravi, cast):
    world.post(cast.main, "2024-10-20", "Expense", "45000", account=cash(cast))
    asked = ravi.post(address("open", cast), loan(cast, disbursed_amount="6000"))
    assert asked.context["accepts"] == key(cast, "2024-10-20", "-1000.00")


def test_a_closed_day_is_asked_about_first_and_its_tick_is_kept(ravi, cast):
    closing.close_day(cast.main, date(2024, 10, 20), user=cast.ravi)
    assert [name for name, _ in ravi.post(address("open", cast), loan(cast)).context["asks"]] == ["adjust"]
    asked = ravi.post(address("open", cast), loan(cast, adjust="1"))
    assert '<input type="hidden" name="adjust" value="1">' in asked.content.decode()
    sent = loan(cast, adjust="1", accepted=asked.context["accepts"])
    assert ravi.post(address("open", cast), sent).status_code == 302
    assert spent(cast) == [60_000]


def test_renewing_asks_about_what_really_leaves_the_box(ravi, cast):
    (old,) = cast.trackers
    sent = loan(cast, start_date="20-10-2024", investment="150000", scheme_period="300", disbursed_amount="")
    asked = ravi.post(address("renew", cast, old.pk), sent)
    assert asked.context["accepts"] == key(cast, "2024-10-20", "-50000.00")  # 150,000 less the 50,000 owed
    old.refresh_from_db()
    assert (old.is_active, spent(cast)) == (True, [])
    sent |= {"accepted": asked.context["accepts"]}
    assert ravi.post(address("renew", cast, old.pk), sent).status_code == 302
    assert sorted(spent(cast)) == [50_000, 150_000]


def test_more_handed_over_in_the_terms_is_asked_about(ravi, cast):
    assert ravi.post(address("open", cast), loan(cast, disbursed_amount="50000")).status_code == 302
    tracker = Tracker.objects.get(tracker_name="Shop")
    sent = {"tracker_name": "Shop", "investment": "50000", "scheme_period": "100", "per_day_payment": "500"}
    sent |= {"start_date": "16-10-2024", "disbursed_amount": "50100"}
    asked = ravi.post(address("terms", cast, tracker.pk), sent)
    assert asked.context["accepts"] == key(cast, "2024-10-16", "-100.00")
    assert spent(cast) == [50_000]
    assert (
        ravi.post(address("terms", cast, tracker.pk), sent | {"accepted": asked.context["accepts"]}).status_code == 302
    )
    assert posting.disbursement_of(tracker).amount == 50_100


def test_post_it_asks_on_a_page_of_its_own(ravi, cast):
    world.post(cast.main, "2024-10-16", "Expense", "1000", account=cash(cast))
    where = address("post_disbursement", cast, cast.trackers[0].pk)
    asked = ravi.post(where)
    assert asked.status_code == 422
    assert asked.context["accepts"] == key(cast, "2024-10-16", "-1000.00")
    assert "Cash would stand at −1,000.00" in asked.content.decode()
    assert posting.disbursement_of(cast.trackers[0]) is None
    for _ in range(2):
        assert ravi.post(where, {"accepted": asked.context["accepts"]}).status_code == 302
    assert posting.disbursement_of(cast.trackers[0]).amount == 50_000


# ------------------------------------------------------------------------------------------------ a day


@pytest.fixture
def pocket_money_posts(cast):
    PostingColumn.objects.create(book=cast.main, column="pocket_money", category=world.category(cast.main, "Expense"))


@pytest.mark.parametrize(("kind", "columns"), [("50K", ["withdrawn"]), ("1L", ["pocket_money", "reinvest"])])
def test_a_day_s_page_asks_about_cash_that_is_taken_out(ravi, cast, pocket_money_posts, kind, columns):
    tracker = pages.running(cast.main, 5, tracker_type=kind)
    where = address("day", cast, tracker.pk, 1)
    sent = {"seen": tracker.version} | dict.fromkeys(columns, "50000.01")
    asked = ravi.post(where, sent)
    assert asked.status_code == 422
    assert asked.context["accepts"] == key(cast, "2024-10-17", "-0.01")
    assert "Yes, save it" in asked.content.decode()
    assert (spent(cast), services.contents_of(tracker).days) == ([], {})
    sent |= {"accepted": asked.context["accepts"]}
    assert ravi.post(where, sent | dict.fromkeys(columns, "50000.02")).status_code == 422
    assert ravi.post(where, sent).status_code == 302
    assert spent(cast) == [Decimal("50000.01")]


def test_a_slip_and_cash_below_zero_are_answered_one_after_the_other(ravi, cast):
    tracker = cast.trackers[0]
    sent = {"paid": "6000", "mode": "Cash", "withdrawn": "56001", "seen": tracker.version}
    for said in ("Yes, that was paid", "Yes, save it"):
        asked = ravi.post(address("day", cast, tracker.pk, 1), sent)
        assert said in asked.content.decode()
        sent["accepted"] = asked.context["accepts"]
    assert ravi.post(address("day", cast, tracker.pk, 1), sent).status_code == 302


def test_who_calls_a_service_is_asked_nothing(cast):
    services.record_payment(cast.trackers[0], 1, withdrawn=Decimal(90_000))
    pages.running(cast.main, 7, post_disbursement=True)
    assert spent(cast) == [90_000, 50_000]


def test_the_refused_question_leaves_the_workbook_as_it_was(cast):
    tracker = cast.trackers[0]

    def refuse():
        raise Unanswered([])

    before = files(), store.path_of(tracker).read_bytes()
    with pytest.raises(Unanswered):
        services.record_payment(tracker, 1, withdrawn=Decimal(1), also=refuse)
    assert (files(), store.path_of(tracker).read_bytes()) == before


# ------------------------------------------------------------------------------------------------ commands


def answer(*words):
    """The document that a command prints with --json."""
    out = StringIO()
    call_command(*words, "--json", stdout=out, stderr=StringIO())
    return json.loads(out.getvalue())


def test_open_tracker_does_it_and_warns(cast):
    words = ["open_tracker", "--book", cast.main.slug, "--user", "john", "--name", "Shop", "--type", "50K"]
    words += ["--start", "2024-10-16"]
    assert answer(*words)["warnings"] == []
    (warning,) = answer(*words, "--disbursed", "1")["warnings"]
    assert warning.startswith("Cash stands at −1.00 on 16-10-2024.")
    assert answer(*words, "--no-post-disbursement")["warnings"] == []
    out = StringIO()
    call_command(*words, "--disbursed", "2", stdout=out)
    assert "Cash stands at −3.00 on 16-10-2024." in out.getvalue()


def test_record_payment_does_it_and_warns(cast):
    words = ["record_payment", str(cast.trackers[0].pk), "--day", "1"]
    assert answer(*words, "--withdrawn", "50000")["warnings"] == []
    (warning,) = answer(*words, "--withdrawn", "50000.01")["warnings"]
    assert warning.startswith("Cash stands at −0.01 on 17-10-2024.")
    out = StringIO()
    call_command(*words, "--withdrawn", "50001", stdout=out)
    assert "Cash stands at −1.00 on 17-10-2024." in out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_it_holds_where_the_service_s_transaction_is_the_outermost(ravi, cast):
    """As in the running program, where a durable transaction lies in no other."""
    sent = loan(cast)
    asked = ravi.post(address("open", cast), sent)
    assert asked.status_code == 422
    assert Tracker.objects.count() == 1
    assert ravi.post(address("open", cast), sent | {"accepted": asked.context["accepts"]}).status_code == 302
    sent = {"withdrawn": "1", "seen": cast.trackers[0].version}
    assert ravi.post(address("day", cast, cast.trackers[0].pk, 1), sent).status_code == 422
