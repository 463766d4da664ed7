"""Transactions in the day book: posted once, linked instead of doubled, taken back; credits that prove collections."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from expenses import services, soundness
from expenses.books import matching, posting
from expenses.models import CreditMatch, Rule, Transaction
from expenses.tagging import corrections, placing, rulebook
from ledger import closing, daybook
from ledger import services as ledger
from ledger.models import Account, AccountTransfer, Category, LedgerEntry
from tests import world
from tests.ledger.test_concurrency import Thread

pytestmark = pytest.mark.django_db
HEADER = "Date,Narration,Value Date,Debit Amount,Credit Amount,Chq/Ref Number,Closing Balance\n"
ROWS = (
    "01/09/26,UPI-SWIGGY-SWIGGY@ICICI-ICIC0000001-100000000001-FOOD,01/09/26,250.00,0.00,1,9750.00\n"
    "02/09/26,ATW-1234-MAIN ROAD,02/09/26,2000.00,0.00,2,7750.00\n"
    "03/09/26,UPI-MURUGAN K-MURUGAN@OKAXIS-UTIB0000001-100000000003-LOAN,03/09/26,0.00,500.00,3,8250.00\n"
)


@pytest.fixture
def bank():
    account = Account.objects.get(book=world.book(), name="Bank")
    services.import_statement(account, (HEADER + ROWS).encode(), file_name="s.csv")
    return account


def row(text):
    return Transaction.objects.get(narration__contains=text)


def settled(bank, text="SWIGGY", tag="Food"):
    one = row(text)
    services.settle(one, world.tag(bank.book, tag))
    return row(text)


def test_a_confirmed_debit_posts_once_however_often_pressed(bank):
    one = settled(bank)
    assert posting.post([one]).posted == 1
    assert posting.post([one]).known == 1
    entry = LedgerEntry.objects.get()
    assert (str(entry.category), entry.subcategory, entry.amount, entry.account, entry.payment_mode) == (
        "Expense", "Food", Decimal("250.00"), bank, "UPI"
    )  # fmt: skip
    assert daybook.day_book_on(bank.book, date(2026, 9, 1)).total_spent == 250


def test_a_guess_is_never_posted(bank):
    done = posting.post([row("SWIGGY")])
    assert done.posted == 0
    assert "settle it first" in done.refused[0][1]
    assert not LedgerEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["a rule is kept", "a correction is taken back"])
def test_what_is_posted_while_it_gets_another_tag_has_that_tag_in_the_day_book(bank, monkeypatch, how):
    rule = Rule(book=bank.book, text="swiggy", tag=world.tag(bank.book, "Rent"))
    if how == "a rule is kept":
        rulebook.keep(rule)
        rule.tag = world.tag(bank.book, "Food")
        retag = lambda: rulebook.keep(rule)  # noqa: E731
    else:
        done = corrections.correct([row("SWIGGY")], world.tag(bank.book, "Food"))
        rulebook.keep(rule)
        retag = lambda: corrections.take_back(done.row)  # noqa: E731
    write, posters = placing.store, []

    def meanwhile(rows, *args, **fields):
        if rows and not posters:
            posters.append(Thread(posting.post, [row("SWIGGY")]))
            assert posters[0].is_waiting()
        write(rows, *args, **fields)

    monkeypatch.setattr(placing, "store", meanwhile)
    retag()
    assert posters[0].end().posted == 1
    one = row("SWIGGY")
    assert (one.entry.subcategory, one.tag.name) == (one.tag.name, "Food" if how == "a rule is kept" else "Rent")


def test_taken_back_it_can_be_posted_again(bank):
    one = settled(bank)
    posting.post([one])
    assert posting.unpost([one]) == 1
    assert posting.unpost([one]) == 0
    assert daybook.day_book_on(bank.book, date(2026, 9, 1)).total_spent == 0
    assert posting.post([one]).posted == 1


def test_cash_from_a_machine_becomes_a_transfer_to_the_cash_box(bank):
    one = settled(bank, "ATW", "Cash")
    posting.post([one])
    moved = AccountTransfer.objects.get()
    assert (str(moved.from_account), str(moved.to_account), moved.amount) == ("Bank", "Cash", Decimal("2000.00"))
    assert not LedgerEntry.objects.exists()


def test_a_divided_withdrawal_posts_its_parts(bank):
    food, fun = (world.tag(bank.book, name) for name in ("Food", "Fun"))
    posting.split(row("ATW"), [(food, Decimal(1500), ""), (fun, Decimal(500), "")])
    assert posting.post([row("ATW")]).posted == 1
    assert not AccountTransfer.objects.exists()
    assert sum(LedgerEntry.objects.values_list("amount", flat=True)) == 2000


def test_a_category_is_found_however_it_is_written(bank):
    Category.objects.filter(book=bank.book, name="Expense").update(name="EXPENSE")
    assert posting.post([settled(bank)]).posted == 1
    assert str(LedgerEntry.objects.get().category) == "EXPENSE"


def test_a_split_posts_an_entry_per_part_and_the_parts_must_add_up(bank):
    food, fun = (world.tag(bank.book, name) for name in ("Food", "Fun"))
    with pytest.raises(ValidationError, match="add up to"):
        posting.split(row("SWIGGY"), [(food, Decimal(200), ""), (fun, Decimal(40), "")])
    posting.split(row("SWIGGY"), [(food, Decimal(200), ""), (fun, Decimal(50), "show")])
    posting.post([row("SWIGGY")])
    assert sorted(LedgerEntry.objects.values_list("subcategory", "amount")) == [
        ("Food", Decimal("200.00")),
        ("Fun", Decimal("50.00")),
    ]
    posting.unpost([row("SWIGGY")])
    assert daybook.day_book_on(bank.book, date(2026, 9, 1)).total_spent == 0


def test_what_is_in_the_books_already_is_proposed_and_linked_instead_of_doubled(bank):
    entry = world.post(bank.book, "2026-09-02", "Expense", "250", account=bank)
    world.post(bank.book, "2026-09-09", "Expense", "250", account=bank)
    one = settled(bank)
    assert posting.proposals([one]) == {one.pk: [entry]}
    posting.link(one, entry)
    assert posting.post([row("SWIGGY")]).known == 1
    assert LedgerEntry.objects.count() == 2
    posting.unpost([row("SWIGGY")])
    assert LedgerEntry.objects.filter(deleted_at=None).count() == 2


def test_a_closed_day_is_refused_or_adjusted(bank):
    one = settled(bank)
    closing.close_day(bank.book, date(2026, 9, 5))
    assert "closed" in posting.post([one]).refused[0][1]
    assert posting.post([one], adjust=True).posted == 1
    assert LedgerEntry.objects.get().adjusts_date == date(2026, 9, 1)


def test_what_was_typed_for_a_closed_day_is_proposed_on_that_day(bank):
    closing.close_day(bank.book, date(2026, 9, 20))
    spent = world.post(bank.book, "2026-09-01", "Expense", "250", account=bank, adjust=True)
    came = world.post(bank.book, "2026-09-02", amount="500", account=bank, narration="Murugan K: Shop", adjust=True)
    assert (spent.date, spent.adjusts_date) == (date(2026, 9, 21), date(2026, 9, 1))
    assert posting.proposals([settled(bank)]) == {row("SWIGGY").pk: [spent]}
    posting.link(row("SWIGGY"), spent)
    (proposal,) = proposed(bank)
    assert (proposal.entries, proposal.evidence[-1]) == ((came,), "1 day apart")


def test_a_credit_proves_a_collection_with_its_evidence(bank):
    entry = world.post(
        bank.book, "2026-09-02", amount="500", account=bank, narration="Murugan K: Shop, day 3", payment_mode="UPI"
    )
    world.post(
        bank.book, "2026-09-03", amount="500", account=bank, narration="Selvi R: Shop, day 3", payment_mode="UPI"
    )
    proposal = matching.proposals(bank.book, date(2026, 9, 1), date(2026, 9, 30))[0]
    assert (proposal.entries, proposal.evidence[0]) == ((entry,), "the name Murugan K")
    for _ in range(2):
        matching.confirm(proposal.credits, proposal.entries, evidence=proposal.evidence)
    assert CreditMatch.objects.count() == 1
    assert not matching.unmatched_credits(bank.book, date(2026, 9, 1), date(2026, 9, 30)).exists()
    assert [e.narration for e in matching.unseen_collections(bank.book, date(2026, 9, 1), date(2026, 9, 30))] == [
        "Selvi R: Shop, day 3"
    ]
    matching.take_back(CreditMatch.objects.get())
    assert matching.unmatched_credits(bank.book, date(2026, 9, 1), date(2026, 9, 30)).count() == 1


def test_one_credit_may_prove_many_collections_whose_sums_agree(bank):
    parts = [world.post(bank.book, "2026-09-03", amount=amount, account=bank) for amount in ("300", "200")]
    with pytest.raises(ValidationError, match="add up"):
        matching.confirm([row("MURUGAN")], parts[:1])
    matching.confirm([row("MURUGAN")], parts)
    assert CreditMatch.objects.count() == 2


def proposed(bank):
    return matching.proposals(bank.book, date(2026, 9, 1), date(2026, 9, 30))


def test_a_credit_of_a_customer_is_proposed_for_his_collections_that_add_up(bank):
    parts = [
        world.post(bank.book, "2026-09-03", amount=amount, account=bank, narration=f"Murugan K: {what}")
        for amount, what in (("350", "Shop"), ("150", "Van"), ("70", "House"))
    ]
    world.post(bank.book, "2026-09-03", amount="150", account=bank, narration="Selvi R: Shop")
    (proposal,) = proposed(bank)
    assert (len(proposal.credits), set(proposal.entries)) == (1, set(parts[:2]))
    assert "2 that add up" in proposal.evidence


def test_credits_of_a_customer_are_proposed_for_the_collection_they_add_up_to(bank):
    more = "04/09/26,UPI-MURUGAN K-MURUGAN@OKAXIS-UTIB0000001-100000000009-LOAN,04/09/26,0.00,250.00,9,8500.00\n"
    services.import_statement(bank, (HEADER + more).encode(), file_name="more.csv")
    entry = world.post(bank.book, "2026-09-03", amount="750", account=bank, narration="Murugan K: Shop")
    (proposal,) = proposed(bank)
    assert (len(proposal.credits), proposal.entries, proposal.amount) == (2, (entry,), Decimal(750))
    matching.confirm(proposal.credits, proposal.entries)
    assert proposed(bank) == []


@pytest.mark.parametrize(
    ("upi_id", "proves_again"), [("MURUGAN@OKAXIS", "murugan@okaxis paid for Selvi R before"), ("RAZORPAY@ICICI", "")]
)
def test_an_id_that_many_are_paid_through_speaks_for_nobody(bank, upi_id, proves_again):
    for day, amount, who in ((10, 300, "ALPHA"), (14, 400, "BETA")):
        line = f"{day}/09/26,UPI-X {day}-{upi_id}-ICIC0000001-1000000000{day}-{who},{day}/09/26,0.00,{amount}.00,{day},1.00\n"
        services.import_statement(bank, (HEADER + line).encode(), file_name=f"{day}.csv")
        world.post(bank.book, f"2026-09-{day}", amount=amount, account=bank, narration="Selvi R: Shop")
    first, second = (one for one in proposed(bank) if one.amount in (300, 400))
    matching.confirm(first.credits, first.entries)
    (again,) = (one for one in proposed(bank) if one.amount == second.amount)
    assert again.evidence == (*([proves_again] if proves_again else []), "same amount in Bank", "same day")


def test_a_reference_is_the_same_whole_or_not_at_all(bank):
    world.post(bank.book, "2026-09-03", amount="500", account=bank, narration="Selvi R: Shop", reference="3")
    part = world.post(bank.book, "2026-09-03", amount="500", account=bank, narration="Selvi R: Shop", reference="33")
    Transaction.objects.filter(narration__contains="MURUGAN").update(reference="REF/33/9")
    (proposal,) = proposed(bank)
    assert (proposal.entries, proposal.evidence[0]) == ((part,), "the same reference")


def test_what_lies_in_the_cash_box_is_proved_by_no_credit(bank):
    cash = Account.objects.get(book=bank.book, name="Cash")
    entry = world.post(bank.book, "2026-09-03", amount="500", account=cash, narration="Murugan K: Shop")
    with pytest.raises(ValidationError, match="which no bank sees"):
        matching.confirm([row("MURUGAN")], [entry])
    entry = ledger.edit(entry, account=bank)
    matching.confirm([row("MURUGAN")], [entry])
    entry = ledger.edit(entry, account=cash)
    assert not CreditMatch.objects.exists()
    ledger.edit(entry, account=bank)
    assert CreditMatch.objects.count() == 1


def test_a_collection_of_another_account_needs_a_name_that_speaks_for_it(bank):
    wallet = Account.objects.create(book=bank.book, name="UPI", kind="upi")
    world.post(bank.book, "2026-09-03", amount="500", account=wallet, narration="Selvi R: Shop")
    assert proposed(bank) == []
    entry = world.post(bank.book, "2026-09-04", amount="500", account=wallet, narration="Murugan K: Shop")
    assert [one.entries for one in proposed(bank)] == [(entry,)]


def test_statement_with_posted_rows_is_undone_only_after_they_are_taken_back(bank):
    one = settled(bank)
    posting.post([one])
    with pytest.raises(ValidationError, match="take those back first"):
        services.undo_statement(one.statement)
    posting.unpost([one])
    assert services.undo_statement(one.statement) == 3


def test_rows_that_went_with_an_overlapping_statement_come_back_with_the_other(bank):
    more = [*ROWS.splitlines(keepends=True)[1:], "04/09/26,NEFT-NEW,04/09/26,1.00,0.00,4,8249.00\n"]
    other = services.import_statement(bank, (HEADER + "".join(more)).encode(), file_name="t.csv").statement
    first = row("SWIGGY").statement
    assert list(services.overlapping(first)) == [other]
    services.undo_statement(first)
    for imported in (2, 0):
        report = services.import_statement(bank, (HEADER + "".join(more)).encode(), file_name="again.csv")
        assert (report.statement, report.imported, report.duplicate) == (other, imported, 3 - imported)
        assert soundness.findings(bank.book) == []
    columns = {"date": "Value Date", "narration": "Narration", "debit": "Credit Amount", "credit": "Debit Amount"}
    with pytest.raises(ValidationError, match="undo that one first"):
        services.import_statement(bank, (HEADER + "".join(more)).encode(), file_name="t.csv", mapping=columns)
    other.refresh_from_db()
    assert (other.imported, other.duplicate, Transaction.objects.filter(statement=other).count()) == (3, 0, 3)
