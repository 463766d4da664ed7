"""Matches that are confirmed and taken back whole, links let go by an upgrade or a remedy, and two who do so at once."""

# ruff: noqa: F401, F811  (fixtures are imported by name)

from datetime import date
from decimal import Decimal
from importlib import import_module

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError

from expenses import services, soundness
from expenses.books import links, matching, posting
from expenses.models import CreditMatch, LostLink, Split, Transaction
from ledger import book_setup, followers
from ledger import services as ledger
from ledger.models import Account, LedgerEntry
from shop import history
from tests import world
from tests.expenses.test_links import bank, bin_it, entry, is_linked, nothing_is_wrong, proved, reverse_it
from tests.expenses.test_posting import HEADER, row
from tests.ledger.test_concurrency import Thread, held

pytestmark = pytest.mark.django_db
ANOTHER = "04/09/26,UPI-MURUGAN K-MURUGAN@OKAXIS-UTIB0000001-100000000009-LOAN,04/09/26,0.00,{},9,8500.00\n"


def as_it_is(entry):
    return LedgerEntry.objects.get(pk=entry.pk)


def another_credit(bank, amount):
    services.import_statement(bank, (HEADER + ANOTHER.format(amount)).encode(), file_name="more.csv")
    return row("100000000009")


def collection(bank, amount, category="Collection"):
    return world.post(bank.book, "2026-09-03", category, amount, account=bank, narration="Murugan K: Shop")


# ------------------------------------------------------------------------------------------------ whole matches


def test_a_match_is_taken_back_with_those_that_add_up_with_it(bank, proved):
    other = another_credit(bank, "70.00")
    matching.confirm([other], [collection(bank, "70")])
    match = CreditMatch.objects.first()
    assert [matching.take_back(match, user=match.confirmed_by) for _ in range(2)] == [2, 0]
    assert [one.transaction for one in CreditMatch.objects.all()] == [other]
    gone = CreditMatch.history.filter(history_type="-")
    assert {(line.history_user.username, line.history_change_reason) for line in gone} == {("asha", "Taken back")}
    assert nothing_is_wrong(bank)
    matching.confirm([row("MURUGAN K-MURUGAN@OKAXIS-UTIB0000001-100000000003")], proved)
    assert CreditMatch.objects.count() == 3


def test_an_undone_statement_leaves_no_part_of_a_match_with_another_statements_credit(bank):
    other = another_credit(bank, "250.00")
    matching.confirm([row("100000000003"), other], [collection(bank, "750")])
    services.undo_statement(other.statement)
    assert not CreditMatch.objects.exists()
    assert CreditMatch.history.filter(history_type="-").count() == 2
    assert nothing_is_wrong(bank)


def test_collections_add_up_as_they_are_and_not_as_they_were_read(bank):
    parts = [collection(bank, amount) for amount in ("300", "200")]
    ledger.edit(as_it_is(parts[0]), amount=Decimal(310))
    with pytest.raises(ValidationError, match="the collections to 510"):
        matching.confirm([row("MURUGAN")], parts)
    assert not CreditMatch.objects.exists()


def test_what_was_spent_is_proved_by_no_credit(bank):
    with pytest.raises(ValidationError, match="Expense is spent"):
        matching.confirm([row("MURUGAN")], [collection(bank, "500", "Expense")])
    assert not CreditMatch.objects.exists()


def test_a_credit_that_is_matched_otherwise_has_lost_nothing_and_its_partners_neither(bank):
    both, whole = [row("100000000003"), another_credit(bank, "250.00")], collection(bank, "750")
    matching.confirm(both, [whole])
    ledger.delete(whole)
    assert [len(links.lost(one)) for one in both] == [1, 1]
    matching.confirm(both[:1], [collection(bank, "500")])
    assert not LostLink.objects.exists()
    LostLink.objects.create(transaction=both[0], entry=whole, group="older", is_match=True)
    assert links.lost(both[0]) == []


def test_what_is_taken_up_again_drops_everything_that_its_transactions_lost(bank, proved):
    ledger.delete(proved[0])
    for one in proved:
        LostLink.objects.create(transaction=row("MURUGAN"), entry=one, group="again", is_match=True)
    ledger.restore(as_it_is(proved[0]))
    assert CreditMatch.objects.count() == 2
    assert not LostLink.objects.exists()


# ------------------------------------------------------------------------------------------------ categories


def test_a_category_that_turns_round_is_followed_and_back_again(bank, entry, proved):
    for direction, of, stands in (("received", entry, is_linked), ("spent", proved[0], CreditMatch.objects.exists)):
        category = as_it_is(of).category
        was, category.direction = category.direction, direction
        book_setup.save_category(category)
        assert not stands()
        assert nothing_is_wrong(bank)
        category.direction = was
        book_setup.save_category(category)
        assert stands()
    assert nothing_is_wrong(bank)


# ------------------------------------------------------------------------------------------------ upgrade and remedy


@pytest.mark.parametrize("act", [bin_it, reverse_it])
def test_an_upgrade_lets_go_of_what_was_taken_back_before_transactions_followed(bank, entry, proved, act, monkeypatch):
    cash = Account.objects.get(book=bank.book, name="Cash")
    moved = ledger.transfer(
        book=bank.book, date=date(2026, 9, 2), from_account=bank, to_account=cash, amount=Decimal(2000)
    )
    posting.link(row("ATW"), moved)
    kept = another_credit(bank, "70.00")
    matching.confirm([kept], [collection(bank, "70")])
    with monkeypatch.context() as before:
        before.setattr(followers, "_FOLLOWERS", [])
        act(entry)
    CreditMatch.objects.get(entry=proved[0]).delete()
    assert len(soundness.findings(bank.book)) == 2

    for _ in range(2):
        import_module("expenses.migrations.0013_let_go").let_go(apps, None)
    assert nothing_is_wrong(bank)
    assert [*history.disagreements(Transaction), *history.disagreements(CreditMatch)] == []
    assert not is_linked()
    assert row("ATW").transfer == moved
    assert CreditMatch.objects.get().transaction == kept
    assert sorted(LostLink.objects.values_list("entry", "is_match")) == [(entry.pk, False), (proved[1].pk, True)]
    back = as_it_is(entry)
    ledger.restore(back) if back.deleted_at else ledger.delete(back.reversals.get())
    assert is_linked()
    assert nothing_is_wrong(bank)


@pytest.mark.parametrize("stood", [True, False])
def test_parts_of_a_linked_row_that_do_not_add_up_are_mended(bank, entry, stood):
    one = row("SWIGGY")
    Split.objects.create(transaction=one, tag=one.tag, amount=Decimal(10))
    if not stood:
        Transaction.objects.filter(pk=one.pk).update(entry=None)
    assert "its parts add up to 10" in soundness.findings(bank.book)[0].message
    soundness.repair(bank.book)
    assert nothing_is_wrong(bank)
    assert not one.splits.exists()


# ------------------------------------------------------------------------------------------------ two at once


def one_after_the_other(first, second):
    """`second` begins while the transaction of `first` is open, and waits for it."""
    thread, may_commit = held(first)
    other = Thread(second)
    assert other.is_waiting()
    may_commit.set()
    thread.end()
    return other.end()


@pytest.mark.django_db(transaction=True)
def test_a_collection_binned_while_its_partner_comes_back_proves_nothing(bank, proved):
    ledger.delete(proved[0])
    one_after_the_other(lambda: ledger.restore(as_it_is(proved[0])), lambda: ledger.delete(as_it_is(proved[1])))
    assert not CreditMatch.objects.exists()
    assert LostLink.objects.count() == 2
    assert nothing_is_wrong(bank)


@pytest.mark.django_db(transaction=True)
def test_two_collections_binned_at_once_are_lost_once(bank, proved):
    one_after_the_other(lambda: ledger.delete(as_it_is(proved[0])), lambda: ledger.delete(as_it_is(proved[1])))
    assert LostLink.objects.count() == 2
    assert CreditMatch.history.filter(history_type="-").count() == 2
    for one in proved:
        ledger.restore(as_it_is(one))
    assert CreditMatch.objects.count() == 2
    assert nothing_is_wrong(bank)


@pytest.mark.django_db(transaction=True)
def test_an_entry_comes_back_while_its_statement_is_undone(bank, proved):
    ledger.delete(proved[0])
    statement = row("MURUGAN").statement
    one_after_the_other(lambda: services.undo_statement(statement), lambda: ledger.restore(as_it_is(proved[0])))
    assert as_it_is(proved[0]).deleted_at is None
    assert not LostLink.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_statement_is_undone_while_an_entry_of_its_comes_back(bank, proved):
    ledger.delete(proved[0])
    statement = row("MURUGAN").statement
    one_after_the_other(lambda: ledger.restore(as_it_is(proved[0])), lambda: services.undo_statement(statement))
    assert not Transaction.objects.exists()
    assert not CreditMatch.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_collection_that_comes_back_to_one_credit_is_not_given_to_another(bank, proved):
    ledger.delete(proved[0])
    other = another_credit(bank, "200.00")
    with pytest.raises(ValidationError, match="matched with something else"):
        one_after_the_other(
            lambda: ledger.restore(as_it_is(proved[0])), lambda: matching.confirm([other], [proved[1]])
        )  # fmt: skip
    assert {match.transaction_id for match in CreditMatch.objects.all()} == {row("100000000003").pk}
    assert nothing_is_wrong(bank)
