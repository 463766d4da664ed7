"""What a transaction is linked to, or a credit proves, is binned, reversed, changed, brought back: the bank's side follows."""

from datetime import date
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.core.exceptions import ValidationError
from django.db import connections

from expenses import services, soundness
from expenses.books import links, matching, posting
from expenses.models import CreditMatch, LostLink, Transaction
from ledger import closing
from ledger import services as ledger
from ledger.models import Account, LedgerEntry
from shop import faults, jobs
from shop.models import Fault
from tests import world
from tests.expenses.test_posting import HEADER, ROWS, row, settled

pytestmark = pytest.mark.django_db
SEPTEMBER = (date(2026, 9, 1), date(2026, 9, 30))


@pytest.fixture
def bank():
    account = Account.objects.get(book=world.book(), name="Bank")
    services.import_statement(account, (HEADER + ROWS).encode(), file_name="s.csv")
    return account


@pytest.fixture
def entry(bank):
    """An entry that the SWIGGY debit is linked to."""
    entry = world.post(bank.book, "2026-09-02", "Expense", "250", account=bank, narration="typed by hand")
    posting.link(settled(bank), entry)
    return entry


def is_linked():
    one = row("SWIGGY")
    return one.is_linked and one.is_posted


def nothing_is_wrong(bank):
    return soundness.findings(bank.book) == []


def freeze(one):
    told = {"key": "x", "kind": "x", "text": "x", "remedy": "x"}
    Fault.objects.create(book=one.book, freezes=faults.STATEMENT, ref=str(one.statement_id), **told)


def bin_it(entry):
    ledger.delete(entry)


def reverse_it(entry):
    ledger.reverse(entry, date=entry.date)


def change_its_amount(entry):
    ledger.edit(entry, amount=Decimal(300))


def change_its_account(entry):
    ledger.edit(entry, account=Account.objects.get(book=entry.book, name="Cash"))


def move_it_a_week(entry):
    ledger.edit(entry, date=date(2026, 9, 9))


@pytest.mark.parametrize("act", [bin_it, reverse_it, change_its_amount, change_its_account, move_it_a_week])
def test_an_entry_that_is_the_same_money_no_more_leaves_its_transaction_open(bank, entry, act):
    act(entry)
    one = row("SWIGGY")
    assert (one.is_posted, one.is_linked, one.entry, one.tag.name) == (False, False, None, "Food")
    assert one.history.first().history_change_reason.startswith("What it was linked to")
    assert nothing_is_wrong(bank)
    assert posting.post([one]).posted == 1
    assert LedgerEntry.objects.filter(source=posting.SOURCE).count() == 1


def test_with_the_entry_the_link_comes_back_and_a_second_time_changes_nothing(bank, entry):
    for _ in range(2):
        ledger.delete(LedgerEntry.objects.get(pk=entry.pk))
        assert not is_linked()
        assert LostLink.objects.count() == 1
        for _ in range(2):
            ledger.restore(LedgerEntry.objects.get(pk=entry.pk))
        assert is_linked()
        assert not LostLink.objects.exists()
    back = ledger.reverse(LedgerEntry.objects.get(pk=entry.pk), date=entry.date)
    assert not is_linked()
    ledger.delete(back)
    assert is_linked()
    ledger.edit(LedgerEntry.objects.get(pk=entry.pk), amount=Decimal(300))
    assert not is_linked()
    ledger.edit(LedgerEntry.objects.get(pk=entry.pk), amount=Decimal(250))
    assert is_linked()
    ledger.edit(LedgerEntry.objects.get(pk=entry.pk), narration="other words")
    assert is_linked()
    assert nothing_is_wrong(bank)


def test_what_was_posted_or_linked_otherwise_meanwhile_stays_so(bank, entry):
    ledger.delete(entry)
    assert posting.post([row("SWIGGY")]).posted == 1
    ledger.restore(LedgerEntry.objects.get(pk=entry.pk))
    assert not row("SWIGGY").is_linked
    posting.unpost([row("SWIGGY")])
    ledger.delete(LedgerEntry.objects.get(pk=entry.pk))
    ledger.restore(LedgerEntry.objects.get(pk=entry.pk))
    assert not row("SWIGGY").is_posted
    assert nothing_is_wrong(bank)


def test_an_entry_that_another_transaction_took_meanwhile_stays_there(bank, entry):
    again = ROWS.splitlines()[0].replace("100000000001", "100000000009") + "\n"
    services.import_statement(bank, (HEADER + again).encode(), file_name="again.csv")
    ledger.delete(entry)
    ledger.restore(LedgerEntry.objects.get(pk=entry.pk))
    posting.unpost([row("100000000001")])
    ledger.delete(LedgerEntry.objects.get(pk=entry.pk))
    assert not LostLink.objects.exists()  # staff took the link back; nothing waits
    ledger.restore(LedgerEntry.objects.get(pk=entry.pk))
    posting.link(row("100000000009"), entry)
    assert [row(text).is_posted for text in ("100000000001", "100000000009")] == [False, True]


def test_a_linked_transfer_is_followed_too(bank):
    cash = Account.objects.get(book=bank.book, name="Cash")
    moved = ledger.transfer(
        book=bank.book, date=date(2026, 9, 2), from_account=bank, to_account=cash, amount=Decimal(2000)
    )
    posting.link(row("ATW"), moved)
    ledger.delete(moved)
    assert not row("ATW").is_posted
    ledger.restore(moved)
    assert row("ATW").transfer == moved
    assert nothing_is_wrong(bank)


def test_an_undone_imports_entries_let_their_transactions_go(bank):
    job = jobs.create(book=bank.book, kind="import", title="Entries", step="x", user=None)
    category = bank.book.categories.get(name="Expense")
    new = ledger.NewEntry(date=date(2026, 9, 1), category=category, amount=Decimal(250), account=bank, source_ref="7")
    ledger.post_entries(book=bank.book, rows=[new], source="import", job=job)
    posting.link(row("SWIGGY"), LedgerEntry.objects.get())
    assert ledger.undo_entries(book=bank.book, job=job) == (1, 0)
    assert not is_linked()
    assert nothing_is_wrong(bank)


# ------------------------------------------------------------------------------------------------ collections


@pytest.fixture
def proved(bank):
    """Two collections that the credit of 500 proves."""
    parts = [
        world.post(bank.book, "2026-09-03", amount=amount, account=bank, narration="Murugan K: Shop")
        for amount in ("300", "200")
    ]
    matching.confirm([row("MURUGAN")], parts, user=world.person("asha"), evidence=("the name Murugan K",))
    return parts


def test_a_collection_that_is_taken_back_proves_nothing_and_its_partner_neither(bank, proved):
    ledger.delete(proved[0])
    assert not CreditMatch.objects.exists()
    assert [one.pk for one in matching.unmatched_credits(bank.book, *SEPTEMBER)] == [row("MURUGAN").pk]
    assert list(matching.unseen_collections(bank.book, *SEPTEMBER)) == [proved[1]]
    assert nothing_is_wrong(bank)
    ledger.delete(proved[1])
    ledger.restore(LedgerEntry.objects.get(pk=proved[0].pk))
    assert not CreditMatch.objects.exists()  # not before both are back
    ledger.restore(LedgerEntry.objects.get(pk=proved[1].pk))
    found = CreditMatch.objects.order_by("pk")
    assert [match.entry for match in found] == proved
    assert {(match.confirmed_by.username, *match.evidence) for match in found} == {("asha", "the name Murugan K")}
    assert not LostLink.objects.exists()
    assert nothing_is_wrong(bank)


def test_a_corrected_collection_no_longer_adds_up(bank, proved):
    ledger.edit(proved[0], amount=Decimal(310))
    assert not CreditMatch.objects.exists()
    matching.confirm(
        [row("MURUGAN")],
        [world.post(bank.book, "2026-09-04", amount="500", account=bank)],
    )
    ledger.edit(LedgerEntry.objects.get(pk=proved[0].pk), amount=Decimal(300))
    assert CreditMatch.objects.count() == 1
    assert nothing_is_wrong(bank)


def test_a_collection_in_the_bin_is_not_confirmed(bank, proved):
    matching.take_back(CreditMatch.objects.first())
    ledger.delete(proved[0])
    with pytest.raises(ValidationError, match="taken back meanwhile"):
        matching.confirm([row("MURUGAN")], proved)


def test_a_credit_that_proves_a_collection_is_neither_posted_nor_linked(bank, proved):
    assert "proves a collection" in posting.post([row("MURUGAN")]).refused[0][1]
    another = world.post(bank.book, "2026-09-03", amount="500", account=bank)
    with pytest.raises(ValidationError, match="proves a collection"):
        posting.link(row("MURUGAN"), another)
    matching.take_back(CreditMatch.objects.first())
    assert posting.post([row("MURUGAN")]).posted == 1


@pytest.mark.parametrize("act", ["post", "link"])
def test_a_credit_that_is_posted_or_linked_proves_nothing(bank, act):
    ours, other = (world.post(bank.book, "2026-09-03", amount="500", account=bank) for _ in range(2))
    if act == "post":
        posting.post([row("MURUGAN")])
    else:
        posting.link(row("MURUGAN"), ours)
    with pytest.raises(ValidationError, match="posted or linked already"):
        matching.confirm([row("MURUGAN")], [other])
    assert not CreditMatch.objects.exists()


def test_a_collection_has_one_credit_linked_or_proving_it(bank):
    more = "04/09/26,UPI-SELVI R-SELVI@OKAXIS-UTIB0000001-100000000009-LOAN,04/09/26,0.00,500.00,9,8750.00\n"
    services.import_statement(bank, (HEADER + more).encode(), file_name="more.csv")
    entry = world.post(bank.book, "2026-09-03", amount="500", account=bank)
    matching.confirm([row("MURUGAN")], [entry])
    assert posting.proposals([row("SELVI")]) == {}
    matching.take_back(CreditMatch.objects.get())
    posting.link(row("SELVI"), entry)
    with pytest.raises(ValidationError, match="posted or linked already"):
        matching.confirm([row("MURUGAN")], [entry])


# ------------------------------------------------------------------------------------------------ verify and faults


@pytest.mark.parametrize("is_linked", [False, True])
def test_a_credit_that_counts_twice_is_found_and_posted_no_more_by_the_remedy(bank, proved, is_linked):
    matches = list(CreditMatch.objects.all())
    CreditMatch.objects.all().delete()
    if is_linked:
        entry = world.post(bank.book, "2026-09-03", amount="500", account=bank)
        posting.link(row("MURUGAN"), entry)
    else:
        posting.post([row("MURUGAN")])
    CreditMatch.objects.bulk_create(matches)
    (found,) = soundness.findings(bank.book)
    assert "counts twice" in found.message
    soundness.repair(bank.book)
    assert nothing_is_wrong(bank)
    assert not row("MURUGAN").is_posted
    assert CreditMatch.objects.count() == 2


def test_a_match_stays_as_it_is_while_its_statement_is_read_only(bank, proved):
    freeze(row("MURUGAN"))
    with pytest.raises(faults.Frozen):
        matching.take_back(CreditMatch.objects.first())
    with pytest.raises(faults.Frozen):
        matching.confirm([row("MURUGAN")], proved)
    assert CreditMatch.objects.count() == 2


def test_what_was_binned_past_the_services_is_found_and_let_go_by_the_remedy(bank, entry, proved):
    LedgerEntry.objects.filter(pk__in=[entry.pk, proved[0].pk]).update(deleted_at="2026-09-10T00:00Z")
    found = soundness.findings(bank.book)
    assert [one.kind for one in found] == [soundness.POSTING] * 2
    assert "linked to is in the bin" in found[0].message
    assert "stand no more" in found[1].message
    soundness.repair(bank.book)
    assert nothing_is_wrong(bank)
    assert not is_linked()
    assert not CreditMatch.objects.exists()
    for one in (entry, proved[0]):
        ledger.restore(LedgerEntry.objects.get(pk=one.pk))
    assert is_linked()
    assert CreditMatch.objects.count() == 2


def test_an_entry_stays_while_its_statement_is_read_only(bank, entry):
    freeze(row("SWIGGY"))
    with pytest.raises(faults.Frozen):
        ledger.delete(entry)
    assert is_linked()
    assert LedgerEntry.objects.get(pk=entry.pk).deleted_at is None


def test_a_closed_days_entry_that_is_reversed_lets_go_and_its_correction_is_proposed(bank, entry):
    closing.close_day(bank.book, date(2026, 9, 1))
    ledger.edit(entry, amount=Decimal(260), adjust=True)
    assert not is_linked()
    assert nothing_is_wrong(bank)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("other", ["bin", "link"])
def test_two_at_once_leave_no_link_with_what_is_gone_and_no_entry_linked_twice(other):
    bank = Account.objects.get(book=world.book(), name="Bank")
    again = ROWS.splitlines()[0].replace("100000000001", "100000000009") + "\n"
    services.import_statement(bank, (HEADER + ROWS + again).encode(), file_name="s.csv")
    entry = world.post(bank.book, "2026-09-02", "Expense", "250", account=bank)
    ready = Barrier(2)

    def at_once(act, *arguments):
        ready.wait()
        try:
            act(*arguments)
        except ValidationError:
            pass
        finally:
            connections.close_all()

    first = (posting.link, row("100000000001"), entry)
    second = (ledger.delete, entry) if other == "bin" else (posting.link, row("100000000009"), entry)
    people = [Thread(target=at_once, args=one) for one in (first, second)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    linked = Transaction.objects.filter(entry=entry)
    assert linked.count() == (0 if other == "bin" else 1)
    assert soundness.findings(bank.book) == []
    assert links.LostLink.objects.count() <= 1
