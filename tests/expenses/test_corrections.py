"""Corrections hold, whatever rules say, and are taken back whole and once."""

from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.core.exceptions import ValidationError
from django.db import connections

from expenses import services
from expenses.books import posting
from expenses.models import Correction, ExpenseSettings, ProductTag, Rule, Split, Tag, Transaction
from expenses.tagging import corrections, placing, rulebook
from ledger import services as ledger
from ledger.models import Account, LedgerEntry
from tests import world
from tests.expenses.test_services import FIRST, HEADER, MYSTERY, OVERLAPPING, SWIGGY, line

pytestmark = pytest.mark.django_db
STATE = ("pk", "tag__name", "product", "own_product", "decided_by", "confidence", "why", "is_confirmed")


@pytest.fixture
def bank():
    account = Account.objects.get(book=world.book(), name="Bank")
    services.import_statement(account, FIRST, file_name="statement.csv")
    return account


def take(bank, content):
    return services.import_statement(bank, content, file_name="more.csv")


def tag(bank, name):
    return world.tag(bank.book, name)


def rows(narration=MYSTERY):
    return Transaction.objects.filter(narration=narration).order_by("pk")


def tags(narration=MYSTERY):
    return list(rows(narration).values_list("tag__name", flat=True))


def state():
    return (
        list(Transaction.objects.order_by("pk").values_list(*STATE)),
        list(ProductTag.objects.order_by("product").values_list("product", "tag__name", "source")),
        list(Rule.objects.order_by("pk").values_list("pk", "tag__name", "excepted_products")),
        list(Transaction.objects.order_by("pk").values_list("splits__tag__name", "splits__amount")),
    )


def rule(bank, text, name, position=0, **fields):
    return Rule.objects.create(book=bank.book, text=text, tag=tag(bank, name), position=position, **fields)


def placed_anew(bank):
    placing.replace_tags(Transaction.objects.filter(book=bank.book))


@pytest.mark.parametrize("scope", [corrections.ROW, corrections.PAYEE])
def test_a_correction_is_taken_back_whole_and_once(bank, scope):
    rule(bank, "qwxz", "Travel")
    placed_anew(bank)
    services.remember(bank.book, "ELSEWHERE", tag(bank, "Rent"))
    before = state()
    done = corrections.correct([rows()[0]], tag(bank, "Groceries"), scope=scope)
    assert done.count == (1 if scope == corrections.ROW else 2)
    assert corrections.last_of(bank.book) == [done.row]
    assert corrections.take_back(done.row) == done.count
    assert state() == before
    assert corrections.take_back(Correction.objects.get()) is None
    assert corrections.last_of(bank.book) == []


def test_rows_that_came_after_a_correction_follow_its_undo_too(bank):
    done = corrections.correct([rows()[0]], tag(bank, "Groceries"), scope=corrections.PAYEE)
    take(bank, OVERLAPPING)
    assert tags() == ["Groceries"] * 3
    corrections.take_back(done.row)
    assert tags() == ["TBD"] * 3
    assert not ProductTag.objects.exists()


def test_an_earlier_correction_waits_for_the_later_ones_undo(bank):
    first = corrections.correct([rows()[0]], tag(bank, "Groceries"), scope=corrections.PAYEE)
    second = corrections.correct([rows()[0]], tag(bank, "Rent"), scope=corrections.PAYEE)
    after = state()
    with pytest.raises(ValidationError, match="changed again since"):
        corrections.take_back(first.row)
    assert state() == after
    assert Correction.objects.filter(undone_at=None).count() == 2
    corrections.take_back(second.row)
    assert tags() == ["Groceries"] * 2
    corrections.take_back(first.row)
    assert tags() == ["TBD"] * 2


def test_what_is_posted_is_neither_corrected_nor_undone_until_it_is_taken_back(bank):
    done = corrections.correct([rows()[0]], tag(bank, "Groceries"), scope=corrections.PAYEE)
    posting.post(list(rows()))
    with pytest.raises(ValidationError, match="posted"):
        corrections.take_back(done.row)
    with pytest.raises(ValidationError, match="posted"):
        corrections.correct([rows()[0]], tag(bank, "Rent"))
    services.remember(bank.book, "QWXZ TRADERS", tag(bank, "Rent"))
    assert tags() == ["Groceries"] * 2


def test_a_linked_row_still_takes_a_tag(bank):
    entry = world.post(bank.book, "2026-09-02", "Expense", "500", account=bank)
    posting.link(rows()[0], entry)
    corrections.correct([rows()[0]], tag(bank, "Rent"))
    assert tags()[0] == "Rent"


def test_a_correction_outlasts_every_rule_that_stands_in_the_payees_narrations(bank):
    rule(bank, "qwxz", "Travel")
    rule(bank, "traders", "Shopping", 1)
    rule(bank, "pay", "Fun", 2, min_amount=Decimal(10_000))
    placed_anew(bank)
    corrections.correct([rows()[0]], tag(bank, "Rent"), scope=corrections.PAYEE)
    take(bank, HEADER.encode() + line("09/09/26", MYSTERY, debit="20000.00", balance="1.00").encode())
    assert tags() == ["Rent"] * 3


def test_a_correction_outlasts_a_rule_that_renames_the_payee(bank):
    rule(bank, "qwxz", "Travel", rename_to="QUICK SHOP")
    placed_anew(bank)
    assert rows()[0].product == "QUICK SHOP"
    corrections.correct([rows()[0]], tag(bank, "Rent"), scope=corrections.PAYEE)
    take(bank, OVERLAPPING)
    assert tags() == ["Rent"] * 3
    assert {one.product for one in rows()} == {"QUICK SHOP"}


def test_a_payee_gets_his_own_name_back_when_the_rule_that_renamed_him_goes(bank):
    renaming = rule(bank, "qwxz", "Travel", rename_to="QUICK SHOP")
    placed_anew(bank)
    renaming.delete()
    placed_anew(bank)
    assert {(one.product, one.own_product, one.tag.name) for one in rows()} == {("QWXZ TRADERS", "", "TBD")}


def test_the_rule_itself_may_be_changed_and_all_it_places_follows(bank):
    travels = rule(bank, "upi", "Travel")
    placed_anew(bank)
    before = state()
    assert tags(SWIGGY) == ["Travel"]
    done = corrections.correct([rows()[0]], tag(bank, "Rent"), scope=corrections.RULE)
    assert done.count == 3
    assert tags(SWIGGY) + tags() == ["Rent"] * 3
    travels.refresh_from_db()
    assert (travels.tag.name, travels.excepted_products) == ("Rent", [])
    corrections.take_back(done.row)
    assert state() == before


def test_a_row_that_no_rule_placed_has_no_rule_to_change(bank):
    with pytest.raises(ValidationError, match="No rule"):
        corrections.correct([rows()[0]], tag(bank, "Rent"), scope=corrections.RULE)


def test_a_rule_with_a_retired_tag_gives_it_no_more(bank):
    rule(bank, "qwxz", "Travel")
    services.remember(bank.book, "SWIGGY", tag(bank, "Fun"))
    for name in ("Travel", "Fun"):
        retired = tag(bank, name)
        retired.is_active = False
        ledger.save(retired, None)
    placed_anew(bank)
    assert tags() == ["TBD"] * 2
    assert tags(SWIGGY) == ["Food"]


def test_names_and_splits_are_taken_back_too(bank):
    before = state()
    named = corrections.rename(rows()[0], "Quick shop")
    assert {one.product for one in rows()} == {"QUICK SHOP"}
    take(bank, OVERLAPPING)
    assert rows().last().product == "QUICK SHOP"
    corrections.take_back(named.row)
    assert rows().last().product == "QWXZ TRADERS"
    rows().last().delete()
    assert state() == before
    parts = [(tag(bank, "Rent"), Decimal(200), "half"), (tag(bank, "Fun"), Decimal(300), "")]
    divided = corrections.split(rows()[0], parts)
    first = state()
    again = corrections.split(rows()[0], [*parts[:1], (tag(bank, "Bills"), Decimal(300), "")])
    corrections.take_back(again.row)
    assert state() == first
    corrections.take_back(divided.row)
    assert state() == before


def test_a_split_row_keeps_its_tags_until_the_split_is_taken_away(bank):
    one, rent = rows()[0], tag(bank, "Rent")
    posting.split(one, [(tag(bank, "Food"), Decimal(300), ""), (tag(bank, "Fun"), Decimal(200), "")])
    before = state()
    with pytest.raises(ValidationError, match="It is split over 2 tags; take the split away first"):
        corrections.correct([rows()[0]], rent)
    assert state() == before
    for chosen, scope in ((list(rows()), corrections.ROW), ([rows()[0]], corrections.PAYEE)):
        done = corrections.correct(chosen, rent, scope=scope)
        assert (tags(), done.count, done.split) == (["Food", "Rent"], 1, 1)
        corrections.take_back(done.row)
    with pytest.raises(ValidationError, match="give them one"):
        corrections.confirm([rows()[0]], scope=corrections.PAYEE)
    assert state() == before
    posting.post([rows()[0]])
    assert sorted(LedgerEntry.objects.values_list("subcategory", flat=True)) == ["Food", "Fun"]


def test_the_id_of_a_gateway_names_none_of_those_who_are_paid_under_it(bank):
    sellers = [
        f"UPI-{name}-RAZORPAY@HDFCBANK-HDFC0000001-10000000001{n}-PAY" for n, name in enumerate(("ZQ ONE", "ZQ TWO"))
    ]
    take(bank, HEADER.encode() + "".join(line("07/09/26", seller, debit="9.00") for seller in sellers).encode())
    assert corrections.rename(rows(sellers[0])[0], "Rice mill").count == 1
    assert [rows(seller)[0].product for seller in sellers] == ["RICE MILL", "ZQ TWO"]
    later = line("08/09/26", sellers[1].replace("ZQ TWO", "ZQ THREE"), debit="9.00")
    take(bank, HEADER.encode() + later.encode())
    assert Transaction.objects.filter(product="ZQ THREE").count() == 1


@pytest.mark.parametrize("source", ["staff", "llm"])
def test_what_is_remembered_of_a_payee_goes_along_with_his_new_name(bank, source):
    travels = rule(bank, "qwxz", "Travel")
    services.remember(bank.book, "QWXZ TRADERS", tag(bank, "Rent"), source=source)
    if source == "llm":
        travels.delete()  # it ranks above a machine's answer
    placed_anew(bank)
    before = state()
    done = corrections.rename(rows()[0], "Landlord")
    take(bank, OVERLAPPING)
    assert {(one.product, one.tag.name) for one in rows()} == {("LANDLORD", "Rent")}
    assert set(ProductTag.objects.values_list("product", "source")) == {("QWXZ TRADERS", source), ("LANDLORD", source)}
    services.undo_statement(rows().last().statement)
    corrections.take_back(done.row)
    assert state() == before


def test_a_new_name_that_has_a_tag_of_its_own_keeps_it(bank):
    services.remember(bank.book, "QWXZ TRADERS", tag(bank, "Rent"))
    services.remember(bank.book, "LANDLORD", tag(bank, "Bills"))
    corrections.rename(rows()[0], "Landlord")
    assert tags() == ["Bills"] * 2


def test_a_rule_that_only_renames_leaves_the_payees_correction_alone(bank):
    corrections.correct([rows()[0]], tag(bank, "Rent"), scope=corrections.PAYEE)
    rulebook.keep(Rule(book=bank.book, text="qwxz", rename_to="LANDLORD"))
    take(bank, OVERLAPPING)
    assert tags() == ["Rent"] * 3
    assert rows().last().product == "LANDLORD"
    corrections.correct([rows().last()], tag(bank, "Bills"), scope=corrections.PAYEE)
    assert tags() == ["Rent", "Bills", "Bills"]


def test_a_name_is_taken_back_from_what_was_posted_before_too(bank):
    corrections.correct([rows()[0]], tag(bank, "Rent"))
    posting.post([rows()[0]])
    before = state()
    done = corrections.rename(rows()[1], "Landlord")
    assert {one.product for one in rows()} == {"LANDLORD"}
    corrections.take_back(done.row)
    assert state() == before
    assert rows()[0].entry.deleted_at is None


def test_many_rows_are_one_correction(bank):
    before = state()
    chosen = list(Transaction.objects.filter(debit_amount__isnull=False))
    done = corrections.correct(chosen, tag(bank, "Rent"), scope=corrections.PAYEE)
    assert (done.count, done.row.words) == (3, "3 rows: Rent")
    assert ProductTag.objects.count() == 2
    assert ExpenseSettings.objects.get().unlearned == 3
    corrections.take_back(done.row)
    assert state() == before


def test_nothing_changed_is_no_correction_and_a_failed_one_leaves_nothing(bank, monkeypatch):
    corrections.correct([rows()[0]], tag(bank, "Rent"))
    assert corrections.correct([rows()[0]], tag(bank, "Rent")).row is None
    before = state()
    monkeypatch.setattr(services, "remember_all", lambda *args, **fields: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        corrections.correct([rows()[1]], tag(bank, "Fun"), scope=corrections.PAYEE)
    assert state() == before
    assert Correction.objects.count() == 1


def test_an_undone_statements_rows_are_left_out(bank):
    report = take(bank, OVERLAPPING)
    done = corrections.correct([rows()[0]], tag(bank, "Rent"), scope=corrections.PAYEE)
    services.undo_statement(report.statement)
    assert corrections.take_back(done.row) == 2
    assert tags() == ["TBD"] * 2


def test_guesses_are_confirmed_as_they_are_and_what_nobody_told_is_left(bank):
    before = state()
    chosen = list(Transaction.objects.filter(debit_amount__isnull=False))
    done = corrections.confirm(chosen, scope=corrections.PAYEE)
    assert (done.count, done.words) == (1, "1 row confirmed")
    assert (rows(SWIGGY)[0].decided_by, tags()) == ("manual", ["TBD", "TBD"])
    assert posting.post(list(Transaction.objects.all()[:4])).posted == 2  # and the credit
    posting.unpost(list(Transaction.objects.all()))
    corrections.take_back(done.row)
    assert state() == before
    with pytest.raises(ValidationError, match="give them one"):
        corrections.confirm(list(rows()))


def test_a_tbd_that_staff_gave_is_not_posted(bank):
    corrections.correct([rows(SWIGGY)[0]], tag(bank, "TBD"))
    assert posting.post(list(rows(SWIGGY))).posted == 0


@pytest.mark.django_db(transaction=True)
def test_two_people_who_take_one_correction_back_at_once_take_it_back_once():
    bank = Account.objects.get(book=world.book(), name="Bank")
    services.import_statement(bank, FIRST, file_name="statement.csv")
    done = corrections.correct([rows()[0]], tag(bank, "Rent"), scope=corrections.PAYEE)
    ready, counts = Barrier(2), []

    def take_back():
        ready.wait()
        counts.append(corrections.take_back(Correction.objects.get(pk=done.row.pk)))
        connections.close_all()

    people = [Thread(target=take_back) for _ in range(2)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert counts in ([None, 2], [2, None])
    assert tags() == ["TBD", "TBD"]


# ------------------------------------------------------------------------------------------------ tags and files


def tag_state():
    return state(), list(Tag.objects.order_by("pk").values_list("pk", "name", "is_active", "shipped_as"))


def test_a_merge_is_taken_back_with_its_rows_payees_rules_parts_and_the_shipped_name(bank):
    food, temple = tag(bank, "Food"), Tag.objects.create(book=bank.book, name="Temple")
    rule(bank, "qwxz", "Food")
    placed_anew(bank)
    services.remember(bank.book, "ELSEWHERE", food)
    posting.split(rows()[1], [(tag(bank, "Rent"), Decimal(300), ""), (food, Decimal(200), "half")])
    before = tag_state()
    done = corrections.merge(food, temple)
    food.refresh_from_db()
    assert (food.is_active, done.row.words) == (False, "Food merged into Temple")
    assert Tag.objects.get(pk=temple.pk).shipped_as == "Food"
    assert tags(SWIGGY) + tags() == ["Temple", "Temple", "Rent"]
    assert corrections.take_back(done.row) == done.count - 1  # of the split row a part changed, the row itself did not
    assert tag_state() == before
    assert corrections.take_back(Correction.objects.get(pk=done.row.pk)) is None


def test_a_merge_takes_posted_rows_along_and_gives_them_back_with_their_entries(bank):
    corrections.correct([rows(SWIGGY)[0]], tag(bank, "Food"))
    posting.split(rows()[0], [(tag(bank, "Food"), Decimal(300), ""), (tag(bank, "Rent"), Decimal(200), "")])
    posting.post([rows(SWIGGY)[0], rows()[0]])
    before = tag_state(), list(Split.objects.order_by("pk").values_list("pk", "tag__name", "entry"))
    done = corrections.merge(tag(bank, "Food"), tag(bank, "Fun"))
    assert tags(SWIGGY) == ["Fun"]
    corrections.take_back(done.row)
    assert (tag_state(), list(Split.objects.order_by("pk").values_list("pk", "tag__name", "entry"))) == before


def test_a_merge_whose_rows_were_posted_or_merged_since_waits(bank):
    corrections.correct([rows(SWIGGY)[0]], tag(bank, "Food"))
    done = corrections.merge(tag(bank, "Food"), tag(bank, "Fun"))
    posting.post([rows(SWIGGY)[0]])
    with pytest.raises(ValidationError, match="posted to the day book"):
        corrections.take_back(done.row)
    posting.unpost([rows(SWIGGY)[0]])
    again = corrections.merge(tag(bank, "Fun"), tag(bank, "Rent"))
    after = tag_state()
    with pytest.raises(ValidationError, match="changed again since"):
        corrections.take_back(done.row)
    assert tag_state() == after
    corrections.take_back(again.row)
    corrections.take_back(done.row)
    assert tags(SWIGGY) == ["Food"]


def test_a_merge_whose_posted_rows_were_posted_anew_waits(bank):
    corrections.correct([rows(SWIGGY)[0]], tag(bank, "Food"))
    posting.post([rows(SWIGGY)[0]])
    done = corrections.merge(tag(bank, "Food"), tag(bank, "Fun"))
    posting.unpost([rows(SWIGGY)[0]])
    posting.post([rows(SWIGGY)[0]])
    with pytest.raises(ValidationError, match="1 of its rows are posted to the day book; take those back first"):
        corrections.take_back(done.row)
    one = rows(SWIGGY)[0]
    assert (one.tag.name, one.entry.subcategory) == ("Fun", "Fun")
    posting.unpost([one])
    corrections.take_back(done.row)
    posting.post([rows(SWIGGY)[0]])
    one = rows(SWIGGY)[0]
    assert (one.tag.name, one.entry.subcategory) == ("Food", "Food")


def test_a_merge_kept_before_it_named_entries_waits_for_its_posted_rows(bank):
    corrections.correct([rows(SWIGGY)[0]], tag(bank, "Food"))
    posting.post([rows(SWIGGY)[0]])
    row = corrections.merge(tag(bank, "Food"), tag(bank, "Fun")).row
    row.changes["posted"] = [rows(SWIGGY)[0].pk]
    row.save()
    with pytest.raises(ValidationError, match="take those back first"):
        corrections.take_back(row)
    posting.unpost([rows(SWIGGY)[0]])
    assert corrections.take_back(row) == 1


def test_a_payee_remembered_while_a_merge_waits_for_the_lock_is_given_back_too(bank, monkeypatch):
    food, lock, waited = tag(bank, "Food"), placing.lock, []

    def wait(book):
        if not waited:
            waited.append(book)
            services.remember(bank.book, "LATE", food)
        lock(book)

    monkeypatch.setattr(placing, "lock", wait)
    done = corrections.merge(food, tag(bank, "Fun"))
    assert ProductTag.objects.get(product="LATE").tag.name == "Fun"
    corrections.take_back(done.row)
    assert ProductTag.objects.get(product="LATE").tag == food


def test_what_came_after_a_merge_goes_back_to_the_tag_too(bank):
    services.remember(bank.book, "QWXZ TRADERS", tag(bank, "Food"))
    done = corrections.merge(tag(bank, "Food"), tag(bank, "Fun"))
    take(bank, OVERLAPPING)
    assert tags() == ["Fun"] * 3
    corrections.take_back(done.row)
    assert tags() == ["Food"] * 3


def test_taking_a_merge_back_leaves_alone_what_has_other_tags(bank):
    rule(bank, "swiggy", "Food")
    placed_anew(bank)
    done = corrections.merge(tag(bank, "Food"), tag(bank, "Fun"))
    later = line("09/09/26", "UPI-SWIGGY-LATER@ICICI-ICIC0000001-100000000009-FOOD", debit="90.00", balance="9000.00")
    take(bank, (HEADER + later).encode())
    rule(bank, "qwxz", "Travel")  # its rows were not placed by it yet
    corrections.take_back(done.row)
    assert tags() == ["TBD", "TBD"]
    assert {one.tag.name for one in Transaction.objects.filter(narration__contains="SWIGGY")} == {"Food"}


def test_a_file_of_payees_is_one_correction(bank):
    rule(bank, "qwxz", "Travel")
    placed_anew(bank)
    services.remember(bank.book, "SWIGGY", tag(bank, "Fun"))
    before = state()
    document = corrections.take_product_tags(
        bank.book, b"Product,Tag\nqwxz traders,Rent\nSwiggy,Food\nNEW,Bills\nX,?\n"
    )
    assert (document["imported"], document["rejected"], document["retagged"]) == (3, 1, 3)
    assert tags() + tags(SWIGGY) == ["Rent", "Rent", "Food"]
    (done,) = corrections.last_of(bank.book)
    assert (done.words, done.count) == ("File of payees: 3 payees", 3)
    corrections.take_back(done)
    assert state() == before
    corrections.take_product_tags(bank.book, b"Product,Tag\nX,?\n")
    assert corrections.last_of(bank.book) == []
