"""The collection sheet: a day's payments saved together, once, and put back if need be."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from ledger import daybook
from ledger.models import LedgerEntry
from shop import access
from tests import world
from trackers import posting, services, store
from trackers.collect import collection
from trackers.collect.collection import Typed
from trackers.models import Approval, CollectionSave, Draft, Tracker

pytestmark = pytest.mark.django_db
DAY = date(2024, 10, 17)


@pytest.fixture
def cast():
    return world.cast()


@pytest.fixture
def trackers(cast):
    return [
        services.open_tracker(
            customer=services.customer_for(cast.main, f"customer{n}", f"Customer {n}"),
            tracker_name=f"Scheme {n}",
            tracker_type="50K",
            start_date=date(2024, 10, 16),
        )
        for n in range(4)
    ]


def save(cast, trackers, token="one", amount="500", **fields):
    rows = [Typed(tracker.pk, Decimal(amount), **fields) for tracker in trackers]
    return collection.record_payments(cast.main, DAY, rows, user=cast.ravi, token=token)


def test_a_sheet_is_saved_in_one_batch_and_pressing_twice_saves_once(cast, trackers):
    collection.save_draft(trackers[0], DAY, user=cast.ravi, amount=Decimal(500))
    first = save(cast, trackers)
    again = save(cast, trackers, amount="900")
    assert [line["ok"] for line in first] == [True] * 4
    assert [line["amount"] for line in again] == ["500.00"] * 4
    assert daybook.day_book_on(cast.main, DAY).total_received == 2000
    assert LedgerEntry.objects.count() == 4
    assert not Draft.objects.exists()
    assert {tracker.total_paid for tracker in Tracker.objects.all()} == {Decimal(500)}


def test_a_row_that_cannot_be_taken_is_reported_and_the_others_are_saved(cast, trackers):
    store.path_of(trackers[1]).unlink()
    services.close_tracker(trackers[2], closing=Tracker.Closing.WRITTEN_OFF)
    report = save(cast, trackers)
    assert [line["ok"] for line in report] == [True, False, False, True]
    assert "not in daily-trackers" in report[1]["message"]
    assert "closed" in report[2]["message"]
    assert daybook.day_book_on(cast.main, DAY).total_received == 1000


def test_a_second_part_is_added_and_undo_takes_only_that_part_back(cast, trackers):
    save(cast, trackers[:1], token="one", amount="300")
    save(cast, trackers[:1], token="two", amount="200", mode="UPI", add=True)
    assert {part: str(entry.amount) for part, entry in posting.parts_of(trackers[0], 1).items()} == {
        1: "300.00",
        2: "200.00",
    }
    undone = collection.undo_save(CollectionSave.objects.get(token="two"), user=cast.ravi)
    assert (undone.put_back, undone.left) == (1, [])
    assert list(posting.parts_of(trackers[0], 1)) == [1]
    assert services.contents_of(trackers[0]).days[1] == {"paid": Decimal("300.00"), "mode": "Cash"}
    assert collection.undo_save(CollectionSave.objects.get(token="two"), user=cast.ravi).put_back == 0


def test_undo_leaves_a_tracker_that_was_closed_since(cast, trackers):
    save(cast, trackers[:2])
    services.close_tracker(trackers[0], closing=Tracker.Closing.WRITTEN_OFF)
    undone = collection.undo_save(CollectionSave.objects.get(), user=cast.ravi)
    assert undone.put_back == 1
    assert "closed since" in undone.left[0]
    assert Tracker.objects.get(pk=trackers[0].pk).total_paid == 500


def test_an_agent_whose_saves_wait_for_approval_cannot_undo_an_earlier_one(cast, trackers):
    rows = [Typed(trackers[0].pk, Decimal(500))]
    collection.record_payments(cast.main, DAY, rows, user=cast.kumar, token="early")
    settings = posting.settings_of(cast.main)
    settings.agents_need_approval = True
    settings.save()
    early = CollectionSave.objects.get()
    with pytest.raises(ValidationError, match="ask the office"):
        collection.undo_save(early, user=cast.kumar)
    assert daybook.day_book_on(cast.main, DAY).total_received == 500
    assert collection.undo_save(early, user=cast.ravi).put_back == 1


def test_an_approval_never_overwrites_what_was_recorded_after_it_was_asked(cast, trackers):
    trackers[0].customer.agent = cast.kumar
    trackers[0].customer.save()
    settings = posting.settings_of(cast.main)
    settings.agents_need_approval = True
    settings.save()
    for token, amount in (("morning", 500), ("evening", 200)):
        rows = [Typed(trackers[0].pk, Decimal(amount))]
        collection.record_payments(cast.main, DAY, rows, user=cast.kumar, token=token)
    first, second = collection.approve(Approval.objects.order_by("id"), user=cast.ravi)
    assert (first["ok"], second["ok"]) == (True, False)
    assert "holds 500.00" in second["message"]
    assert daybook.day_book_on(cast.main, DAY).total_received == 500
    assert Approval.objects.get(amount=200).state == Approval.State.WAITING


def test_undo_leaves_what_was_changed_since(cast, trackers):
    save(cast, trackers)
    services.record_payment(trackers[0], 1, paid=Decimal(450))
    undone = collection.undo_save(CollectionSave.objects.get(), user=cast.ravi)
    assert undone.put_back == 3
    assert "changed since" in undone.left[0]
    assert daybook.day_book_on(cast.main, DAY).total_received == 450


def test_second_person_is_told_what_the_first_saved(cast, trackers):
    save(cast, trackers[:1])
    report = save(cast, trackers[:1], token="two", amount="700", seen=1)
    assert report[0]["ok"] is False
    assert "holds 500.00" in report[0]["message"]


def test_agents_collections_wait_for_approval_and_are_posted_as_his(cast, trackers):
    customer = trackers[0].customer
    customer.agent = cast.kumar
    customer.save()
    settings = posting.settings_of(cast.main)
    settings.agents_need_approval = True
    settings.save()
    rows = [Typed(tracker.pk, Decimal(500)) for tracker in trackers[:2]]
    for _ in range(2):
        report = collection.record_payments(cast.main, DAY, rows, user=cast.kumar, token="phone")
    assert [line["message"] for line in report] == ["Waits for approval", "There is no such tracker on your route."]
    assert not LedgerEntry.objects.exists()
    assert access.visible(Approval, cast.kumar).count() == 1
    collection.approve(Approval.objects.all(), user=cast.ravi)
    collection.approve(Approval.objects.all(), user=cast.ravi)
    entry = LedgerEntry.objects.get()
    assert (entry.created_by, str(entry.account), entry.amount) == (cast.kumar, "Kumar's bag", Decimal(500))
