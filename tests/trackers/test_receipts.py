"""Every payment has one receipt, numbered without gaps; test_receipts_planted.py spoils them."""

import json
import random
import threading
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction

from ledger import closing
from ledger.models import LedgerEntry
from lendbook import verifying
from shop import append_only
from shop.faults import Search
from tests import world
from tests.crash import run_killed_at
from tests.trackers import pages
from trackers import receipts, services, soundness
from trackers.collect import collection
from trackers.models import Approval, Receipt, ReceiptBook, Tracker, TrackerSettings

TABLE = "trackers_receipt"


def sound(book):
    """All receipts of a book by number, once they are proved."""
    assert list(receipts.faults(book)) == []
    found = receipts.standings(Receipt.objects.filter(book=book))
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    return found


def said(book):
    """[(number, kind, payment's day, amount)] of the whole chain."""
    return [
        (link.number, link.kind, int(link.payment.split(":")[1]), int(link.amount))
        for link in Receipt.objects.filter(book=book).order_by("position")
    ]


def pay(tracker, day, amount=500, **values):
    services.record_payment(tracker, day, paid=None if amount is None else Decimal(amount), **values)


@pytest.fixture
def shop(db):
    return pages.shop(2)


@pytest.fixture
def johns(shop):
    return shop.trackers[0]


# ------------------------------------------------------------------------------------------------ issuing


@pytest.mark.django_db
class TestIssuing:
    def test_each_payment_gets_the_next_number_of_its_book(self, shop, johns):
        other = pages.running(shop.other)
        for tracker, day in ((johns, 1), (shop.trackers[1], 1), (other, 1), (johns, 2)):
            pay(tracker, day)
        assert [(one.number, one.issued.tracker_id) for one in sound(shop.main)] == [
            (1, johns.pk),
            (2, shop.trackers[1].pk),
            (3, johns.pk),
        ]
        assert [one.number for one in sound(shop.other)] == [1]

    def test_the_same_submission_again_makes_no_link(self, shop, johns):
        for _ in range(3):
            pay(johns, 1)
        assert said(shop.main) == [(1, "issued", 1, 500)]

    def test_nothing_paid_has_no_receipt(self, shop, johns):
        pay(johns, 1, 0)
        services.record_payment(johns, 2, withdrawn=Decimal(100), notes="only taken out")
        assert sound(shop.main) == []

    def test_each_part_of_a_day_has_its_own(self, shop, johns):
        pay(johns, 1, 300)
        pay(johns, 1, 200, add=True, mode="UPI")
        assert [(one.number, int(one.amount)) for one in sound(shop.main)] == [(1, 300), (2, 200)]
        assert len(receipts.by_day(johns)[1]) == 2

    def test_a_correction_is_a_further_link_that_names_the_receipt(self, shop, johns):
        pay(johns, 1)
        pay(johns, 1, 450)
        (one,) = sound(shop.main)
        assert said(shop.main) == [(1, "issued", 1, 500), (1, "corrected", 1, 450)]
        assert (one.is_corrected, one.is_cancelled, one.amount, one.issued.amount) == (True, False, 450, 500)
        assert one.is_whole

    def test_another_mode_or_note_changes_no_receipt(self, shop, johns):
        pay(johns, 1)
        services.record_payment(johns, 1, mode="UPI", notes="by phone")
        assert said(shop.main) == [(1, "issued", 1, 500)]

    def test_a_cleared_payment_is_cancelled_and_one_in_its_place_is_new(self, shop, johns):
        pay(johns, 1)
        pay(johns, 1, None)
        pay(johns, 1)
        assert said(shop.main) == [(1, "issued", 1, 500), (1, "cancelled", 1, 500), (2, "issued", 1, 500)]
        assert [one.is_cancelled for one in sound(shop.main)] == [True, False]
        assert [one.number for one in receipts.by_day(johns)[1]] == [2]

    def test_making_parts_one_cancels_the_later_ones(self, shop, johns):
        pay(johns, 1, 300)
        pay(johns, 1, 200, add=True)
        pay(johns, 1, 550)
        assert said(shop.main)[2:] == [(1, "corrected", 1, 550), (2, "cancelled", 1, 200)]
        sound(shop.main)

    def test_a_moved_payment_is_cancelled_there_and_receipted_here(self, shop, johns):
        pay(johns, 1, 300)
        pay(johns, 1, 200, add=True, mode="UPI")
        services.move_payment(johns, 1, shop.trackers[1], 1)
        assert {one.number: one.is_cancelled for one in sound(shop.main)} == {1: True, 2: True, 3: False, 4: False}
        assert [int(one.amount) for one in receipts.of_tracker(shop.trackers[1])] == [300, 200]

    def test_a_moved_start_date_corrects_the_date(self, shop, johns):
        pay(johns, 1)
        services.edit_terms(johns, start_date=johns.start_date + timedelta(days=7))
        (one,) = sound(shop.main)
        assert (one.issued.date, one.date) == (date(2024, 10, 17), date(2024, 10, 24))

    def test_a_closed_day_keeps_the_day_it_was_paid_on(self, shop, johns):
        pay(johns, 1)
        closing.close_day(shop.main, date(2024, 10, 20), user=shop.asha)
        pay(johns, 1, 450, adjust=True)
        pay(johns, 2, adjust=True)
        pay(johns, 2, None, adjust=True)
        assert said(shop.main) == [
            (1, "issued", 1, 500), (1, "corrected", 1, 450), (2, "issued", 2, 500), (2, "cancelled", 2, 500),
        ]  # fmt: skip
        assert sound(shop.main)[0].date == date(2024, 10, 17)

    def test_days_before_the_book_begins_have_none(self, db):
        book = world.book(begins_on=date(2024, 10, 18))
        tracker = pages.running(book)
        pay(tracker, 1)
        pay(tracker, 2)
        assert said(book) == [(1, "issued", 2, 500)]
        assert sound(book)

    def test_a_refused_payment_uses_no_number(self, shop, johns):
        with pytest.raises(Exception, match="negative"):
            pay(johns, 1, -5)
        closing.close_day(shop.main, date(2024, 10, 20), user=shop.asha)
        with pytest.raises(Exception, match="closed"):
            pay(johns, 1)
        pay(johns, 6)
        assert said(shop.main) == [(1, "issued", 6, 500)]

    def test_an_agents_collection_has_its_receipt_once_it_is_approved(self, shop, johns):
        TrackerSettings.objects.update_or_create(book=shop.main, defaults={"agents_need_approval": True})
        collection.record_payments(
            shop.main, pages.DAY, [collection.Typed(johns.pk, Decimal(500))], user=shop.kumar, token="a"
        )
        assert sound(shop.main) == []
        for _ in range(2):
            collection.approve(Approval.objects.select_related("tracker"), user=shop.asha)
        assert said(shop.main) == [(1, "issued", 1, 500)]
        assert sound(shop.main)

    def test_a_sheet_pressed_twice_and_undone(self, shop, johns):
        rows = [collection.Typed(tracker.pk, Decimal(500)) for tracker in shop.trackers]
        for _ in range(2):
            collection.record_payments(shop.main, pages.DAY, rows, user=shop.asha, token="a")
        assert [one.number for one in sound(shop.main)] == [1, 2]
        save = collection.CollectionSave.objects.get()
        collection.undo_save(save, user=shop.asha)
        assert [one.is_cancelled for one in sound(shop.main)] == [True, True]

    def test_emptied_and_repaired_trackers_agree_with_their_receipts(self, shop, johns):
        for day in (1, 2):
            pay(johns, day)
        entry = LedgerEntry.objects.get(source_ref=f"{johns.pk}:1:paid:1")
        from ledger import services as ledger

        ledger.reverse(entry, date=entry.date)  # past the tracker: the workbook still says 500
        assert [text for text, _ in receipts.faults(shop.main)] == [
            "Receipt 1 says 500.00 of 17-10-2024, and its ledger entry is gone."
        ]
        assert soundness.findings(shop.main, repair=True) == []
        assert [one.is_cancelled for one in sound(shop.main)] == [False, False]
        with transaction.atomic():
            services.empty(Tracker.objects.get(pk=johns.pk))
        assert [one.is_cancelled for one in sound(shop.main)] == [True, True]

    def test_a_thousand_payments_lock_one_row_and_are_inserted_at_once(self, shop, django_assert_max_num_queries):
        posted = {f"{shop.trackers[0].pk}:{day}:paid:1": (pages.DAY, Decimal(500)) for day in range(1, 1001)}
        receipts.follow(shop.main, {f"{shop.trackers[0].pk}:0:paid:1": (pages.DAY, Decimal(1))}, [])
        # the lock, what there is, one insert (SQLite takes 76 such rows at once), the new head
        with django_assert_max_num_queries(17 if connection.vendor == "sqlite" else 4):
            assert receipts.follow(shop.main, posted, []) == 1000


@pytest.mark.django_db(transaction=True)
def test_a_receipt_outside_the_payments_transaction_is_refused():
    tracker = pages.running(world.book())
    with pytest.raises(transaction.TransactionManagementError):
        receipts.follow(tracker.book, {f"{tracker.pk}:1:paid:1": (pages.DAY, Decimal(1))}, [])


# ------------------------------------------------------------------------------------------------ the database refuses


@pytest.mark.django_db
class TestGuard:
    @pytest.mark.parametrize(
        "change",
        [lambda rows: rows.update(amount=Decimal(1)), lambda rows: rows._raw_delete("default")],
        ids=["changed", "deleted"],
    )
    def test_the_database_refuses_to_change_or_delete_a_link(self, shop, johns, change):
        pay(johns, 1)
        with pytest.raises(DatabaseError, match="never changed or deleted"), transaction.atomic():
            change(Receipt.objects.all())
        assert sound(shop.main)

    @pytest.mark.parametrize(
        "same", [{"position": 2, "step": 2}, {"position": 1, "step": 2, "number": 2}, {"position": 2, "number": 2}]
    )
    def test_a_number_a_position_and_a_payment_stand_once(self, shop, johns, same):
        pay(johns, 1)
        link = Receipt.objects.get()
        for name, value in {"token": "another", **same}.items():
            setattr(link, name, value)
        with pytest.raises(IntegrityError), transaction.atomic():
            link.save(force_insert=True)


@pytest.mark.django_db
def test_verify_asks_the_receipts_too(shop, johns):
    pay(johns, 1)
    assert "trackers.receipts.found" in verifying.CHECKS
    assert list(receipts.found(None, Search())) == []
    ReceiptBook.objects.update(number=2)
    (one,) = receipts.found([shop.main, shop.other], Search())
    assert (one.book, one.kind, one.freezes) == (shop.main, "receipts", "")
    assert one.remedy


# ------------------------------------------------------------------------------------------------ the command


def run(*args):
    out = StringIO()
    try:
        call_command("verify_receipts", *args, stdout=out, stderr=StringIO())
        return out.getvalue(), 0
    except CommandError as error:
        return out.getvalue(), error.returncode


@pytest.mark.django_db
def test_the_command_proves_a_book(shop, johns):
    assert json.loads(run("--book", "main-street", "--json")[0])["seal"] is None
    pay(johns, 1)
    answer, code = run("--book", "main-street", "--json")
    link = Receipt.objects.get()
    assert code == 0
    assert json.loads(answer) == {"book": "main-street", "receipts": 1, "links": 1, "seal": link.seal, "faults": []}
    assert "1 receipts in 1 links are sound" in run("--book", "main-street")[0]


@pytest.mark.django_db
def test_the_command_says_a_fault_with_exit_1(shop, johns):
    pay(johns, 1)
    ReceiptBook.objects.update(number=2)
    answer, code = run("--book", "main-street", "--json")
    assert code == 1
    assert json.loads(answer)["faults"][0]["remedy"]
    assert "The chain ends" in run("--book", "main-street")[0]


@pytest.mark.django_db
def test_what_could_not_be_checked_is_exit_2():
    assert run("--book", "nowhere")[1] == 2


# ------------------------------------------------------------------------------------------------ at once, killed


def in_threads(*works):
    errors = []

    def run_one(work):
        try:
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run_one, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


@pytest.mark.django_db(transaction=True)
def test_writers_beside_each_other_leave_no_gap_and_no_double():
    cast = pages.shop(3)
    draw = random.Random(7)
    trackers = [Tracker.objects.get(pk=tracker.pk) for tracker in cast.trackers]

    def write(tracker):
        for day in range(1, 21):
            pay(tracker, day, draw.choice((500, 450)))
            if day % 4 == 0:
                pay(tracker, day - 1, draw.choice((None, 300)))

    def sheets():
        for day in range(1, 6):
            rows = [collection.Typed(trackers[2].pk, Decimal(500))]
            on = trackers[2].terms.date_of(day)
            collection.record_payments(cast.main, on, rows, user=cast.asha, token=f"s{day}")

    in_threads(lambda: write(trackers[0]), lambda: write(trackers[1]), sheets)
    found = sound(cast.main)
    assert len(found) == 45
    assert len({one.token for one in found}) == 45


@pytest.mark.django_db(transaction=True)
def test_the_first_two_payments_of_a_book_at_once_begin_one_chain():
    cast = pages.shop(2)
    in_threads(lambda: pay(cast.trackers[0], 1), lambda: pay(cast.trackers[1], 1))
    assert [one.number for one in sound(cast.main)] == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_killed_at_every_step_a_payment_has_its_receipt_or_neither_is_there():
    cast = pages.shop(1)
    tracker, step = cast.trackers[0], 0
    while True:
        day = step // 2 + 1
        outcome = run_killed_at(step, lambda day=day, step=step: pay(tracker, day, 500 - step % 2))
        assert list(receipts.faults(cast.main)) == []
        assert soundness.findings(cast.main) == []
        standing = receipts.by_day(tracker).get(day, [])
        assert len(standing) <= 1
        if outcome.acknowledged:
            assert standing[0].amount == 500 - step % 2
        if not outcome.killed:
            break
        step += 1
    assert step > 15
    assert sound(cast.main)


# ------------------------------------------------------------------------------------------------ payments of before


@pytest.mark.django_db(transaction=True)
def test_payments_of_before_get_receipts_in_the_order_they_were_typed():
    cast = pages.shop(2)
    johns, selvis = cast.trackers
    for tracker, day in ((johns, 5), (selvis, 1), (johns, 2)):
        pay(tracker, day)
    pay(selvis, 1, None)
    closing.close_day(cast.main, date(2024, 10, 30), user=cast.asha)
    pay(selvis, 3, adjust=True)
    try:
        call_command("migrate", "trackers", "0002", verbosity=0)
    finally:
        call_command("migrate", verbosity=0)
    found = sound(cast.main)
    assert [(one.issued.tracker_id, one.day) for one in found] == [(johns.pk, 5), (johns.pk, 2), (selvis.pk, 3)]
    assert found[2].date == date(2024, 10, 19)
    assert not append_only.missing(connection, TABLE)
    pay(johns, 30)
    assert len(sound(cast.main)) == 4
