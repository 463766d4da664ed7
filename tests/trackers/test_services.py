"""Trackers in life: opened, recorded, corrected, moved, renewed; workbook, row and ledger always agree."""

import io
import re
import zipfile
from copy import copy
from datetime import date
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from ledger import closing, daybook
from ledger import services as ledger
from ledger.daybook import ClosedDay
from ledger.models import Account, LedgerEntry
from tests import world
from trackers import posting, services, store
from trackers.models import Tracker
from trackers.workbook.patch import patch
from trackers.workbook.read import read

pytestmark = pytest.mark.django_db


def pay(tracker, day, amount, **fields):
    change = services.record_payment(tracker, day, paid=Decimal(amount), **fields)
    return change.tracker


def ledger_total(tracker):
    entries = posting.entries_of(tracker).filter(category__name="Collection")
    return sum((-e.amount if e.reversal_of_id else e.amount for e in entries), Decimal(0))


def test_worked_example(johns):
    pay(johns, 1, "500", mode="UPI", notes="Daily payment received")
    pay(johns, 2, "500", mode="UPI")
    tracker = pay(johns, 3, "500", mode="Cash")
    assert tracker.filename.startswith("tracker_john_")
    assert (tracker.days_paid, tracker.total_paid, tracker.balance, tracker.pending) == (3, 1500, 1500, 0)
    row = services.contents_of(tracker).rows()[3]
    assert (row["date"], row["paid"], row["cumulative"], row["mode"], row["balance"]) == (
        date(2024, 10, 19), 500, 1500, "Cash", 1500
    )  # fmt: skip
    assert ledger_total(tracker) == 1500
    assert daybook.day_book_on(tracker.book, date(2024, 10, 19)).total_received == 500


def test_the_file_on_disk_is_the_one_the_row_names_and_its_versions_are_kept(johns):
    for day in range(1, 9):
        tracker = pay(johns, day, "500")
    assert store.sha256_of(store.path_of(tracker).read_bytes()) == tracker.sha256
    assert tracker.version == 9
    kept = sorted(path.name for path in store.versions_folder().glob(tracker.filename[:-5] + "*"))
    assert [name.split(".")[1] for name in kept] == ["v5", "v6", "v7", "v8", "v9"]
    assert store.path_of(tracker).stat().st_mode & 0o777 == 0o600
    assert not list(store.folder().glob(".*.waiting"))


def test_parts_of_a_day_keep_their_mode_and_entry_and_the_cell_holds_their_sum(johns):
    pay(johns, 1, "300", mode="Cash")
    tracker = pay(johns, 1, "200", mode="UPI", add=True)
    assert services.contents_of(tracker).days[1] == {"paid": Decimal("500.00"), "mode": "UPI"}
    parts = posting.entries_of(tracker).values_list("amount", "payment_mode", "account__name")
    assert list(parts) == [(Decimal("300.00"), "Cash", "Cash"), (Decimal("200.00"), "UPI", "Bank")]
    tracker = pay(johns, 1, "450", mode="Cash")
    assert list(posting.entries_of(tracker).values_list("amount", "payment_mode")) == [(Decimal("450.00"), "Cash")]
    assert ledger_total(tracker) == 450


def test_a_typed_zero_is_recorded_and_posts_nothing(johns):
    tracker = pay(johns, 2, "0")
    assert (tracker.days_paid, tracker.pending) == (0, 1000)
    assert not posting.entries_of(tracker).exists()


def test_cleared_day_takes_its_entry_back(johns):
    pay(johns, 1, "500")
    change = services.record_payment(johns, 1, clear=True)
    assert change.tracker.total_paid == 0
    assert services.contents_of(johns).days == {}
    assert not posting.entries_of(johns).exists()


def test_rows_before_the_book_begins_stay_in_the_workbook_and_are_not_posted():
    book = world.book(begins_on=date(2024, 10, 18))
    tracker = services.open_tracker(
        customer=services.customer_for(book, "john"),
        tracker_name="J",
        tracker_type="50K",
        start_date=date(2024, 10, 16),
    )
    pay(tracker, 1, "500")
    tracker = pay(tracker, 2, "500")
    assert (tracker.total_paid, ledger_total(tracker)) == (1000, 500)


def test_closed_day_is_refused_and_nothing_is_left_behind(johns):
    pay(johns, 1, "500")
    closing.close_day(johns.book, date(2024, 10, 20))
    with pytest.raises(ClosedDay):
        pay(johns, 1, "700")
    assert services.contents_of(johns).days[1]["paid"] == 500
    assert not list(store.folder().glob(".*.waiting"))


def test_correction_of_a_closed_day_is_reversed_and_posted_anew_on_the_first_open_day(johns):
    pay(johns, 1, "500")
    closing.close_day(johns.book, date(2024, 10, 20))
    tracker = pay(johns, 1, "700", adjust=True)
    assert ledger_total(tracker) == 700
    new = posting.entries_of(tracker).get(reversed_at=None, reversal_of=None)
    assert (new.date, new.adjusts_date) == (date(2024, 10, 21), date(2024, 10, 17))
    assert daybook.day_book_on(johns.book, date(2024, 10, 17)).total_received == 500
    tracker = pay(johns, 1, "650", adjust=True)
    assert ledger_total(tracker) == 650
    assert daybook.differences(johns.book) == []


def test_payment_moves_to_another_tracker_in_one_step(johns):
    other = services.open_tracker(
        customer=johns.customer, tracker_name="Shop", tracker_type="NO_REINVEST", start_date=date(2024, 10, 16)
    )
    pay(johns, 4, "500", mode="UPI")
    out, come = services.move_payment(johns, 4, other, 5)
    assert (out.tracker.total_paid, come.tracker.total_paid) == (0, 500)
    assert (ledger_total(johns), ledger_total(other)) == (0, 500)


def in_parts(tracker, day):
    """A day of 300 in an agent's bag and 200 by UPI; returns [(amount, account)] as it stands in the ledger."""
    agent = world.person("agent")
    Account.objects.create(book=tracker.book, name="Bag", kind="cash", agent=agent)
    pay(tracker, day, "300", user=agent)
    services.record_payment(tracker, day, paid=Decimal(200), mode="UPI", add=True)
    return amounts_and_accounts(tracker, day)


def amounts_and_accounts(tracker, day):
    return [(entry.amount, entry.account.name) for _, entry in sorted(posting.parts_of(tracker, day).items())]


def test_parts_of_a_day_keep_their_mode_and_account_when_moved_to_another_tracker(johns):
    other = services.open_tracker(
        customer=johns.customer, tracker_name="Shop", tracker_type="NO_REINVEST", start_date=date(2024, 10, 16)
    )
    parts = in_parts(johns, 4)
    services.move_payment(johns, 4, other, 4)
    assert amounts_and_accounts(johns, 4) == []
    assert amounts_and_accounts(other, 4) == parts


def test_parts_of_a_day_keep_their_mode_and_account_when_the_start_date_moves(johns):
    parts = in_parts(johns, 4)
    services.edit_terms(johns, start_date=date(2024, 10, 18))
    assert amounts_and_accounts(johns, 4) == parts
    assert {entry.date for entry in posting.parts_of(johns, 4).values()} == {date(2024, 10, 22)}


def test_an_agents_cash_corrected_in_the_office_stays_in_his_bag(johns):
    agent = world.person("agent")
    Account.objects.create(book=johns.book, name="Bag", kind="cash", agent=agent)
    pay(johns, 1, "500", user=agent)
    pay(johns, 1, "450", mode="Cash")
    assert amounts_and_accounts(johns, 1) == [(450, "Bag")]
    closing.close_day(johns.book, date(2024, 10, 20))
    pay(johns, 1, "400", mode="Cash", adjust=True)
    assert amounts_and_accounts(johns, 1) == [(400, "Bag")]
    assert ledger_total(johns) == 400


def test_a_cleared_day_takes_its_entry_along_though_its_column_posts_no_more(johns):
    pay(johns, 1, "500")
    posting.columns_of(johns.book)["paid"].delete()
    services.record_payment(johns, 1, notes="seen again")
    assert ledger_total(johns) == 500
    services.record_payment(johns, 1, clear=True)
    assert posting.parts_of(johns, 1) == {}


def test_a_tracker_closed_while_a_payment_is_written_stays_closed(johns, monkeypatch):
    write_waiting_many = store.write_waiting_many

    def closing_meanwhile(pairs):
        services.close_tracker(johns, closing=Tracker.Closing.WRITTEN_OFF)
        return write_waiting_many(pairs)

    monkeypatch.setattr(store, "write_waiting_many", closing_meanwhile)
    with pytest.raises(store.StoreError, match="changed meanwhile"):
        pay(johns, 1, "500")
    assert not Tracker.objects.get().is_active
    assert not LedgerEntry.objects.exists()


def test_renewal_out_of_the_bank_collects_the_old_balance_back_into_the_bank(johns):
    bank = Account.objects.get(book=johns.book, name="Bank")
    before = daybook.account_balances(johns.book, date(2024, 12, 1))[bank.pk]
    services.renew(
        johns, start_date=date(2024, 12, 1), tracker_name="Again", investment=Decimal(60000), disbursed_account=bank
    )
    assert {entry.account for entry in LedgerEntry.objects.all()} == {bank}
    assert daybook.account_balances(johns.book, date(2024, 12, 1))[bank.pk] == before - 10000


def test_file_saved_again_in_a_spreadsheet_becomes_the_next_version(johns):
    pay(johns, 1, "500")
    path = store.path_of(johns)
    content = path.read_bytes()
    again = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(again, "w", zipfile.ZIP_STORED) as new:
        for member in old.namelist():
            new.writestr(member, old.read(member))
    path.write_bytes(again.getvalue())
    tracker = pay(johns, 2, "500")
    assert (tracker.version, tracker.total_paid) == (3, 1000)


def test_file_changed_outside_is_noticed_before_any_write(johns):
    pay(johns, 1, "500")
    path = store.path_of(johns)
    foreign = patch(path.read_bytes(), days={2: {"paid": Decimal("900")}}).data
    path.write_bytes(foreign)
    with pytest.raises(store.ChangedOutside):
        pay(johns, 3, "500")
    assert path.read_bytes() == foreign
    assert store.read_kept(Tracker.objects.get()) is not None
    assert Tracker.objects.get().changed_outside_at is not None


def test_a_move_interrupted_after_the_commit_is_finished_by_whoever_comes_next(johns, monkeypatch):
    monkeypatch.setattr(store, "settle", lambda *trackers: None)
    tracker = pay(johns, 1, "500")
    assert store.sha256_of(store.path_of(tracker).read_bytes()) != tracker.sha256
    monkeypatch.undo()
    assert services.contents_of(tracker).days[1]["paid"] == 500
    assert store.sha256_of(store.path_of(tracker).read_bytes()) == tracker.sha256


def test_recovery_drops_what_never_committed_and_finishes_what_did(johns, monkeypatch):
    monkeypatch.setattr(store, "settle", lambda *trackers: None)
    tracker = pay(johns, 1, "500")
    monkeypatch.undo()
    store.write_waiting(tracker, b"never committed")
    assert store.recover() == (1, 1)
    assert store.recover() == (0, 0)
    assert services.contents_of(tracker).days[1]["paid"] == 500


def test_renewal_settles_the_old_balance_into_the_new_one(johns):
    pay(johns, 1, "500")
    cash = Account.objects.get(book=johns.book, name="Cash")
    before = daybook.account_balances(johns.book, date(2024, 12, 1))[cash.pk]
    new = services.renew(johns, start_date=date(2024, 12, 1), tracker_name="John again", investment=Decimal(60000))
    old = Tracker.objects.get(pk=johns.pk)
    assert (old.is_active, old.closing, old.standing().outstanding) == (False, "renewed", 0)
    assert new.renewed_from == old
    after = daybook.account_balances(johns.book, date(2024, 12, 1))[cash.pk]
    assert before - after == Decimal(60000) - Decimal(49500)
    assert LedgerEntry.objects.get(category__name="Loan Disbursement").amount == 60000


def test_moved_start_date_moves_every_entry(johns):
    pay(johns, 1, "500")
    services.edit_terms(johns, start_date=date(2024, 10, 20))
    assert posting.entries_of(johns).get().date == date(2024, 10, 21)


def test_start_of_two_in_one_second_makes_two_names(book):
    customer = services.customer_for(book, "john")
    names = {
        services.open_tracker(
            customer=customer, tracker_name=str(n), tracker_type="50K", start_date=date(2024, 1, 1)
        ).filename
        for n in range(3)
    }
    assert len(names) == 3


def test_formula_in_a_name_is_text(book):
    tracker = services.open_tracker(
        customer=services.customer_for(book, "john"),
        tracker_name='=HYPERLINK("http://x")',
        tracker_type="50K",
        start_date=date(2024, 1, 1),
    )
    assert read(store.path_of(tracker).read_bytes()).parameters["tracker_name"] == '=HYPERLINK("http://x")'


def test_a_posted_disbursement_follows_the_terms(book):
    tracker = services.open_tracker(
        customer=services.customer_for(book, "john"),
        tracker_name="J",
        tracker_type="50K",
        start_date=date(2024, 10, 16),
        post_disbursement=True,
    )
    services.edit_terms(tracker, disbursed_amount=Decimal(48000), start_date=date(2024, 10, 17))
    entry = LedgerEntry.objects.get(category__name="Loan Disbursement", deleted_at=None)
    assert (entry.amount, entry.date) == (Decimal(48000), date(2024, 10, 17))


def test_a_day_takes_fifty_parts_and_says_so_at_the_next(johns, monkeypatch):
    monkeypatch.setattr(posting, "MAX_PARTS", 3)
    for _ in range(3):
        services.record_payment(johns, 4, paid=Decimal(10), add=True)
    with pytest.raises(ValidationError, match="has 3 parts, 3 is the most"):
        services.record_payment(johns, 4, paid=Decimal(10), add=True)
    assert len(posting.parts_of(johns, 4)) == 3


def test_what_a_tracker_posted_is_found_by_an_index_taken_back_or_not_and_no_other_s():
    book = world.book()
    for number, reference in enumerate(["1:1:paid:1", "1:disbursed", "12:1:paid:1", "2:1:paid:1", ""]):
        world.post(book, "2024-01-05", amount=str(number + 1), source="tracker", source_ref=reference)
    entry = LedgerEntry.objects.get(source_ref="1:disbursed")
    ledger.reverse(entry, date=entry.date)
    own = LedgerEntry.objects.filter(posting.of_tracker(Tracker(pk=1, book=book))).order_by()
    assert sorted(own.filter(reversal_of=None).values_list("source_ref", flat=True)) == ["1:1:paid:1", "1:disbursed"]

    # A planner chooses by what it counted: on a handful of rows, or on those another test left, any index will do.
    another = LedgerEntry.objects.get(source_ref="2:1:paid:1")
    others = []
    for number in range(2000):
        others.append(copy(another))
        others[-1].pk, others[-1].source_ref = None, f"{number % 90 + 10}:{number}:paid:1"
    LedgerEntry.objects.bulk_create(others)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {LedgerEntry._meta.db_table}")
    for rows in (own, own.filter(deleted_at=None, reversed_at=None)):
        assert re.search(r"entry_source_(begins|once)[^|]*source_ref", rows.explain(), re.S), rows.explain()
