"""Statements in a book: read once, placed, corrected once and right ever after, undone whole."""

import hashlib
from datetime import date
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connections

from expenses import services
from expenses.models import ProductTag, RejectedRow, Rule, Statement, Tag, Transaction
from expenses.tagging import corrections, placing, training
from ledger.models import Account
from tests import world

HEADER = "Date,Narration,Value Date,Debit Amount,Credit Amount,Chq/Ref Number,Closing Balance\n"


def line(day, narration, debit="0.00", credit="0.00", balance="0.00", reference="1"):
    return f"{day},{narration},{day},{debit},{credit},{reference},{balance}\n"


SWIGGY = "UPI-SWIGGY-SWIGGY@ICICI-ICIC0000001-100000000001-FOOD"
MYSTERY = "UPI-QWXZ TRADERS-QWXZ@OKAXIS-UTIB0000001-100000000002-PAY"
FIRST = (
    HEADER
    + line("01/09/26", SWIGGY, debit="250.00", balance="9750.00")
    + line("02/09/26", MYSTERY, debit="500.00", balance="9250.00")
    + line("02/09/26", MYSTERY, debit="500.00", balance="9250.00")
    + line("03/09/26", "NEFT CR-HDFC0000001-SELVI R-LOAN", credit="1000.00", balance="10250.00")
).encode()
OVERLAPPING = (
    HEADER
    + line("03/09/26", "NEFT CR-HDFC0000001-SELVI R-LOAN", credit="1000.00", balance="10250.00")
    + line("04/09/26", MYSTERY, debit="75.00", balance="10175.00")
    + line("05/09/26", "POS 1234 SHOP", debit="abc", balance="10175.00")
).encode()


@pytest.fixture
def bank(db):
    return Account.objects.get(book=world.book(), name="Bank")


def take(bank, content, **options):
    return services.import_statement(bank, content, file_name="statement.csv", **options)


def test_an_order_of_dates_is_remembered_where_a_person_or_the_file_told_it_and_never_a_guess(bank):
    columns = {"date": "Wann", "narration": "Was", "debit": "Raus"}

    def days(text, **options):
        report = take(bank, b"Wann,Was,Raus\n" + text.encode(), **options)
        return [str(one.transaction_date) for one in report.statement.transactions.order_by("line")]

    guessed, month_first = "03/04/26,A,1.00\n", "04/13/26,B,1.00\n"
    assert days(guessed, mapping=columns) == ["2026-04-03"]
    assert days(month_first) == ["2026-04-13"]
    assert days("05/06/26,C,1.00\n", dates="mdy") == ["2026-05-06"]
    assert days("05/07/26,D,1.00\n") == ["2026-05-07"]
    assert days("13/04/26,E,1.00\n", mapping=columns) == ["2026-04-13"]
    assert days("05/08/26,F,1.00\n") == ["2026-08-05"]


def test_rows_come_in_placed_or_honestly_tbd_and_truly_identical_rows_stay_two(bank):
    report = take(bank, FIRST)
    assert (report.rows_in, report.imported, report.duplicate, report.rejected) == (4, 4, 0, 0)
    assert (report.debits, report.credits) == (Decimal("1250.00"), Decimal("1000.00"))
    tags = {
        one.narration: (one.tag.name, one.decided_by) for one in Transaction.objects.filter(debit_amount__isnull=False)
    }
    assert tags == {SWIGGY: ("Food", "learned"), MYSTERY: ("TBD", "tbd")}
    assert Transaction.objects.filter(narration=MYSTERY).count() == 2
    assert Transaction.objects.get(credit_amount=1000).tag is None


def test_the_same_file_twice_adds_nothing_and_overlapping_ones_only_what_is_new(bank):
    take(bank, FIRST)
    again = take(bank, FIRST)
    assert (again.imported, again.duplicate) == (0, 4)
    report = take(bank, OVERLAPPING)
    assert (report.rows_in, report.imported, report.duplicate, report.rejected) == (3, 1, 1, 1)
    rejected = RejectedRow.objects.get()
    assert rejected.line == 4
    assert "abc" in rejected.reason
    assert Transaction.objects.count() == 5


def test_every_transaction_has_its_first_history_row(bank):
    take(bank, FIRST)
    for one in Transaction.objects.all():
        kept = one.history.get()
        assert (kept.narration, kept.debit_amount, kept.tag_id) == (one.narration, one.debit_amount, one.tag_id)


def test_one_correction_holds_for_all_rows_of_the_payee_and_from_now_on(bank):
    take(bank, FIRST)
    row = Transaction.objects.filter(narration=MYSTERY).first()
    groceries = world.tag(bank.book, "Groceries")
    assert services.settle(row, groceries, whole_payee=True) == 2
    take(bank, OVERLAPPING)
    placed = Transaction.objects.filter(narration=MYSTERY).values_list("tag__name", flat=True)
    assert set(placed) == {"Groceries"}
    assert len(placed) == 3


def test_correction_of_this_row_only_leaves_the_others(bank):
    take(bank, FIRST)
    services.settle(Transaction.objects.filter(narration=MYSTERY).first(), world.tag(bank.book, "Rent"))
    assert sorted(Transaction.objects.filter(narration=MYSTERY).values_list("tag__name", flat=True)) == ["Rent", "TBD"]


def test_a_rule_places_and_a_correction_of_its_payee_still_holds(bank):
    Rule.objects.create(book=bank.book, kind="contains", text="qwxz", tag=world.tag(bank.book, "Travel"))
    take(bank, FIRST)
    row = Transaction.objects.filter(narration=MYSTERY).first()
    assert (row.tag.name, row.decided_by) == ("Travel", "rule")
    services.settle(row, world.tag(bank.book, "Rent"), whole_payee=True)
    take(bank, OVERLAPPING)
    assert set(Transaction.objects.filter(narration=MYSTERY).values_list("tag__name", flat=True)) == {"Rent"}
    assert Rule.objects.get().excepted_products == ["QWXZ TRADERS"]


def test_settled_rows_are_never_touched_again(bank):
    take(bank, FIRST)
    row = Transaction.objects.filter(narration=SWIGGY).get()
    services.settle(row, world.tag(bank.book, "Rent"))
    services.remember(bank.book, row.product, world.tag(bank.book, "Fun"))
    assert Transaction.objects.get(pk=row.pk).tag.name == "Rent"
    assert placing.replace_tags(Transaction.objects.all()) == 0


def test_undo_takes_the_statement_out_whole_and_it_can_come_again(bank):
    report = take(bank, FIRST)
    assert services.undo_statement(report.statement) == 4
    assert services.undo_statement(report.statement) == 0
    assert not Transaction.objects.exists()
    assert take(bank, FIRST).imported == 4
    assert Statement.objects.count() == 2


def test_a_cancelled_import_leaves_nothing_behind(bank):
    def cancel(done, total):
        raise ValidationError("Cancelled")

    with pytest.raises(ValidationError):
        take(bank, FIRST, on_progress=cancel)
    assert not Statement.objects.exists()
    assert not Transaction.objects.exists()


def test_cash_boxes_take_no_statements(bank):
    with pytest.raises(ValidationError, match="cash box"):
        take(Account.objects.get(book=bank.book, name="Cash"), FIRST)


def test_product_tags_in_bulk_correct_the_good_lines_and_name_the_others(bank):
    take(bank, FIRST)
    document = corrections.take_product_tags(bank.book, b"Product,Tag\nqwxz traders,Health\nNOBODY,Nonsense\n")
    assert (document["rows_in"], document["imported"], document["rejected"], document["retagged"]) == (2, 1, 1, 2)
    assert document["errors"][0]["line"] == 3
    assert ProductTag.objects.get().tag.name == "Health"


def test_tbd_settles_neither_payee_nor_rule_nor_part(bank):
    take(bank, FIRST)
    tbd, rent = (world.tag(bank.book, name) for name in ("TBD", "Rent"))
    Rule.objects.create(book=bank.book, text="swiggy", tag=rent)
    placing.replace_tags(Transaction.objects.all())
    one, swiggy = (Transaction.objects.filter(narration=text).first() for text in (MYSTERY, SWIGGY))
    services.remember(bank.book, "ELSEWHERE", rent)
    for settle in (
        lambda: corrections.correct([one], tbd, scope=corrections.PAYEE),
        lambda: corrections.correct([swiggy], tbd, scope=corrections.RULE),
        lambda: corrections.retag(ProductTag.objects.get(), tbd),
        lambda: corrections.split(one, [(rent, Decimal(200), ""), (tbd, Decimal(300), "")]),
        lambda: corrections.merge(tbd, rent),
        lambda: corrections.merge(rent, tbd),
    ):
        with pytest.raises(ValidationError, match="nobody knows; choose a tag"):
            settle()
    document = corrections.take_product_tags(bank.book, b"Product,Tag\nELSEWHERE,TBD\n")
    assert (document["imported"], document["errors"][0]["line"]) == (0, 2)
    assert ProductTag.objects.get().tag == rent


def test_nothing_is_given_to_a_retired_tag(bank):
    Tag.objects.filter(pk=world.tag(bank.book, "Fun").pk).update(is_active=False)
    with pytest.raises(ValidationError, match="The tag Fun is retired"):
        corrections.merge(world.tag(bank.book, "Food"), world.tag(bank.book, "Fun"))
    document = corrections.take_product_tags(bank.book, b"Product,Tag\nQWXZ TRADERS,fun\n")
    assert (document["imported"], document["errors"]) == (
        0, [{"line": 2, "reason": "The tag Fun is retired; choose one in use."}]
    )  # fmt: skip
    assert not ProductTag.objects.exists()


def test_a_row_of_which_staff_says_that_nobody_knows_is_to_be_told_again(bank):
    take(bank, FIRST)
    one = Transaction.objects.get(narration=SWIGGY)
    done = corrections.correct([one], world.tag(bank.book, "TBD"))
    placing.replace_tags(Transaction.objects.all())
    one.refresh_from_db()
    assert (one.tag.name, one.decided_by, ProductTag.objects.count()) == ("TBD", "tbd", 0)
    corrections.take_back(done.row)
    one.refresh_from_db()
    assert (one.tag.name, one.decided_by) == ("Food", "learned")


def test_a_renamed_tag_is_still_given_by_what_was_shipped_and_a_retired_one_is_not(bank):
    food = world.tag(bank.book, "Food")
    food.name = "Tiffin"
    food.save()
    take(bank, FIRST)
    assert Transaction.objects.get(narration=SWIGGY).tag.name == "Tiffin"
    Tag.objects.filter(pk=food.pk).update(is_active=False)
    placing.replace_tags(Transaction.objects.all())
    assert Transaction.objects.get(narration=SWIGGY).tag.name == "TBD"


def test_what_is_shipped_as_a_merged_tag_is_the_others(bank):
    food, dineout, fun = (world.tag(bank.book, name) for name in ("Food", "Dineout", "Fun"))
    done = corrections.merge(food, dineout)
    take(bank, FIRST)
    assert Transaction.objects.get(narration=SWIGGY).tag == dineout
    again = corrections.merge(dineout, fun)
    assert placing.replace_tags(Transaction.objects.all()) == 0
    assert Transaction.objects.get(narration=SWIGGY).tag == fun
    corrections.take_back(again.row)
    corrections.take_back(done.row)
    assert Transaction.objects.get(narration=SWIGGY).tag == food
    assert not Tag.objects.exclude(merged_into=None).exists()


def test_training_learns_from_settled_rows_only(bank, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    (tmp_path / "models").mkdir()
    take(bank, FIRST)
    assert training.examples_of(bank.book) == []
    services.settle(
        Transaction.objects.filter(narration=MYSTERY).first(), world.tag(bank.book, "Rent"), whole_payee=True
    )
    assert [example.tag for example in training.examples_of(bank.book)] == ["Rent", "Rent"]
    assert training.train(bank.book)["examples"] == 2


def test_commands_import_and_export(bank, tmp_path, capsys):
    path = tmp_path / "statement.csv"
    path.write_bytes(FIRST)
    call_command("import_statement", str(path), book=bank.book.slug, account="bank", json=True)
    assert '"imported": 4' in capsys.readouterr().out
    call_command("export_transactions", book=bank.book.slug, format="csv")
    assert "SWIGGY" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_one_statement_uploaded_by_two_people_at_once_comes_in_once():
    account = Account.objects.get(book=world.book(), name="Bank")
    ready, reports = Barrier(2), []

    def upload():
        ready.wait()
        reports.append(take(account, FIRST))
        connections.close_all()

    people = [Thread(target=upload) for _ in range(2)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert sorted(report.imported for report in reports) == [0, 4]
    assert Statement.objects.get().sha256 == hashlib.sha256(FIRST).hexdigest()
    assert Transaction.objects.filter(transaction_date=date(2026, 9, 2)).count() == 2
