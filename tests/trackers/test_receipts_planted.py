"""Receipts spoilt behind Lendbook's back: every planted change is told, and what parts from the ledger is mended."""

import itertools
import json
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from ledger import closing
from ledger import services as ledger
from ledger.models import LedgerEntry
from shop import append_only
from tests.trackers import pages
from tests.trackers.test_receipts import TABLE, johns, pay, said, shop, sound
from trackers import receipts, seals, soundness, store
from trackers.models import Receipt, ReceiptBook

__all__ = ["johns", "shop"]  # fixtures


def unguarded():
    """Somebody with the database's own rights takes the guard down."""
    with connection.schema_editor(atomic=connection.vendor != "sqlite") as editor:
        append_only.take_down(editor, TABLE)


# ------------------------------------------------------------------------------------------------ planted changes

_OTHER = {
    "token": "'forged'", "position": "9", "kind": "'corrected'", "number": "7", "tracker_id": "{other}",
    "payment": "'1:99:paid:1'", "step": "7", "date": "'2024-10-30'", "amount": "50001",
    "made_at": "'2024-01-01 00:00:00+00:00'", "previous": "'{zeros}'", "seal": "'{zeros}'", "book_id": "{other_book}",
}  # fmt: skip


@pytest.fixture
def written(transactional_db):
    """A book with 5 links of 4 receipts, one corrected; the guard is down, as if by the database's owner."""
    cast = pages.shop(2)
    for day in (1, 2, 3):
        pay(cast.trackers[0], day)
    pay(cast.trackers[0], 2, 450)
    pay(cast.trackers[1], 1)
    assert len(sound(cast.main)) == 4
    unguarded()
    yield cast
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {TABLE}")
    with connection.schema_editor() as editor:
        append_only.put_up(editor, TABLE)


def planted(cast, sql):
    """[text] of the faults after a change by hand, the fallen guard aside."""
    values = {"other": cast.trackers[1].pk, "other_book": cast.other.pk, "zeros": "0" * 64}
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql.format(**values))
            assert cursor.rowcount == 1
    except IntegrityError as error:
        return [str(error)]  # the database did not even take it
    texts = [text for text, _ in receipts.faults(cast.main)]
    assert texts[0] == "The database would let somebody change or delete receipts."
    return texts[1:]


def test_every_column_is_planted_in_this_file():
    assert {field.column for field in Receipt._meta.concrete_fields} == _OTHER.keys()


def unnoticed(cast, changes):
    """Those of {name: SQL} that no fault tells of, each planted alone and taken back."""
    found = []
    for name, sql in changes.items():
        with transaction.atomic():
            if not planted(cast, sql):
                found.append(name)
            transaction.set_rollback(True)
    assert len(sound_but_for_the_guard(cast.main)) == 4
    return found


def sound_but_for_the_guard(book):
    assert len(list(receipts.faults(book))) == 1
    return receipts.standings(Receipt.objects.filter(book=book))


def test_a_change_planted_in_any_column_of_any_row_is_found(written):
    changes = {}
    for column, position in itertools.product(_OTHER, range(1, 6)):
        value = "'cancelled'" if (column, position) == ("kind", 4) else _OTHER[column]
        if (column, position) == ("tracker_id", 5):
            value = str(written.trackers[0].pk)
        changes[column, position] = f"UPDATE {TABLE} SET {column} = {value} WHERE position = {position}"
    assert unnoticed(written, changes) == []
    assert len(changes) == 65


def test_a_link_taken_out_is_found(written):
    changes = {position: f"DELETE FROM {TABLE} WHERE position = {position}" for position in range(1, 6)}
    assert unnoticed(written, changes) == []


def test_a_row_whose_seal_is_made_to_fit_breaks_the_next_one(written):
    link = Receipt.objects.get(position=2)
    link.amount = Decimal(5)
    forged = seals.seal(link, link.previous)
    texts = planted(written, f"UPDATE {TABLE} SET amount = 500, seal = '{forged}' WHERE position = 2")
    assert texts[0] == "Receipt 3, link 3: it does not carry the seal of the link before."


def test_a_chain_written_anew_from_a_row_on_is_found_at_its_head(written):
    before = Receipt.objects.get(position=4).seal
    link = Receipt.objects.get(position=5)
    link.amount = Decimal(5)
    forged = seals.seal(link, before)
    texts = planted(written, f"UPDATE {TABLE} SET amount = 500, seal = '{forged}' WHERE position = 5")
    assert "The chain ends at link 5, receipt 4" in texts[0]
    assert "Receipt 4 says 5.00" in texts[1]


@pytest.mark.parametrize("change", ["position = 4", "number = 9", "seal = 'x'"])
def test_a_head_that_was_turned_is_found(written, change):
    assert planted(written, f"UPDATE trackers_receiptbook SET {change} WHERE book_id = {written.main.pk}")


@pytest.mark.parametrize(
    "change", ["amount = 49999", "date = '2024-10-30'", "source_ref = '1:7:paid:1'", "deleted_at = '2024-10-30'"]
)
def test_an_entry_that_says_something_else_is_found(written, change):
    entry = LedgerEntry.objects.filter(source="tracker").first()
    assert planted(written, f"UPDATE ledger_ledgerentry SET {change} WHERE id = {entry.pk}")


def test_an_entry_without_a_receipt_is_found_and_the_remedy_mends_it(written):
    tracker = written.trackers[1]
    original, receipts.follow = receipts.follow, lambda *args: 0
    try:
        pay(tracker, 9)
    finally:
        receipts.follow = original
    ((text, remedy),) = list(receipts.faults(written.main))[1:]
    assert "has no receipt" in text
    assert mended(remedy) == []
    assert said(written.main)[-1] == (5, "issued", 9, 500)
    assert len(list(receipts.faults(written.main))) == 1  # the guard is still down
    assert receipts.mend(written.main) == 0


def mended(remedy):
    """What check_trackers still finds wrong after a remedy that names it."""
    out, words = StringIO(), remedy.split()
    assert words[0] == "check_trackers"
    call_command(*words, "--json", stdout=out)
    return json.loads(out.getvalue())["faults"]


def in_two_parts(tracker):
    pay(tracker, 1, 300)
    pay(tracker, 1, 200, add=True, mode="UPI")
    return LedgerEntry.objects.get(source_ref=f"{tracker.pk}:1:paid:2")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_closed", [False, True])
def test_a_receipt_of_a_later_part_whose_entry_vanished_is_cancelled_by_the_remedy(is_closed):
    """The day is posted anew in one part: the first receipt says so, and the second no longer stands for anything."""
    cast = pages.shop(1)
    entry = in_two_parts(cast.trackers[0])
    ledger.reverse(entry, date=entry.date)  # past the tracker: the workbook still says 500
    if is_closed:
        closing.close_day(cast.main, date(2024, 10, 20), user=cast.asha)
    ((text, remedy),) = receipts.faults(cast.main)
    assert text == "Receipt 2 says 200.00 of 17-10-2024, and its ledger entry is gone."
    assert mended(remedy) == []
    assert said(cast.main)[2:] == [(1, "corrected", 1, 500), (2, "cancelled", 1, 200)]
    assert [one.is_cancelled for one in sound(cast.main)] == [False, True]
    pay(cast.trackers[0], 1, 50, add=True, adjust=is_closed)
    assert len(sound(cast.main)) == 3


def test_what_is_corrected_past_its_receipt_is_mended_without_losing_the_days_other_parts(shop, johns):
    entry = in_two_parts(johns)
    ledger.edit(entry, amount=Decimal(150))
    ledger.edit(LedgerEntry.objects.get(source_ref=f"{johns.pk}:1:paid:1"), amount=Decimal(350))
    for _, remedy in list(receipts.faults(shop.main)):
        assert mended(remedy) == []
    assert [int(one.amount) for one in sound(shop.main)] == [350, 150]


def test_a_broken_chain_and_a_tracker_that_nobody_can_read_are_not_written_on(shop, johns):
    entry = in_two_parts(johns)
    path = store.path_of(johns)
    kept = path.read_bytes()
    ledger.delete(entry)
    path.write_bytes(b"no workbook")
    soundness.findings(shop.main, repair=True)
    assert len(said(shop.main)) == 2
    path.write_bytes(kept)
    ReceiptBook.objects.update(number=7)
    assert receipts.mend(shop.main) == 0
    ReceiptBook.objects.update(number=2)
    assert receipts.mend(shop.main) == 1
