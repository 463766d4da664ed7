"""The dashboard's kept sums: whatever writes, they are noted, added up anew, checked and mended."""

from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from threading import Barrier, Thread

import pytest
from django.core.management import call_command
from django.db import connections, transaction

from expenses import services, soundness, tasks
from expenses.models import (
    Mode,
    SpentChange,
    SpentMonth,
    SpentPayee,
    SpentPayeeMonth,
    Statement,
    Transaction,
)
from expenses.overview import figures, spent
from expenses.overview.figures import Asked
from lendbook import queue, schedules
from shop.faults import Search
from shop.money import ZERO
from tests import world
from tests.expenses.spending import PAYEES, agree, new_book, paid

pytestmark = pytest.mark.django_db
FIRST = date(2026, 1, 28)


@pytest.fixture
def book():
    return new_book()


def test_a_payee_that_got_much_in_a_short_time_is_found_behind_all_that_got_more_over_the_years(book):
    for month in range(1, 13):
        for number in range(120):
            paid(book, date(2025, month, 3), 1000 + number, f"ALWAYS {number}")
    paid(book, date(2025, 6, 15), 5000, "ONCE")
    for first, last in ((date(2025, 6, 1), date(2025, 6, 30)), (date(2025, 6, 10), date(2025, 7, 20))):
        agree(Asked(book.pk, first, last))
        assert figures.top_payees(Asked(book.pk, first, last))[0] == ("ONCE", 1, Decimal(5000))


def test_a_write_that_changes_no_sum_leaves_nothing_to_do(book):
    one = paid(book, FIRST, 100)
    spent.finish_pending(book.pk)
    Transaction.objects.filter(pk=one.pk).update(why="looked at", is_confirmed=True)
    assert not SpentChange.objects.exists()


def test_writes_past_every_signal_are_noted(book):
    one = paid(book, FIRST, 100)
    spent.finish_pending(book.pk)
    Transaction.objects.filter(pk=one.pk).update(mode=Mode.POS)
    assert figures.figures(Asked(book.pk)).by_mode == {Mode.POS: [1, Decimal(100)]}
    Transaction.objects.all()._raw_delete("default")
    assert figures.figures(Asked(book.pk)).by_mode == {}
    assert not SpentMonth.objects.exists()


def test_a_payees_month_that_changes_leaves_his_other_months_and_other_payees_as_they_are(book):
    for product in ("LIC", "RENT"):
        for month in (1, 2, 3):
            paid(book, date(2026, month, 5), 100, product)
    spent.finish_pending(book.pk)
    kept = set(SpentPayeeMonth.objects.values_list("pk", flat=True))
    Transaction.objects.filter(product="LIC", transaction_date=date(2026, 2, 5)).update(debit_amount=Decimal(70))
    agree(Asked(book.pk, date(2026, 1, 1), date(2026, 2, 28)))
    made = SpentPayeeMonth.objects.exclude(pk__in=kept).values_list("product", "month", "total")
    assert list(made) == [("LIC", date(2026, 2, 1), Decimal(70))]
    assert SpentPayee.objects.get(product="LIC").total == Decimal(270)


def test_a_sum_that_is_wrong_is_found_and_made_right(book):
    paid(book, FIRST, 100)
    spent.finish_pending(book.pk)
    SpentMonth.objects.update(total=Decimal(99))
    ((table, _, stored, computed),) = spent.differences(book.pk)
    assert (table, stored, computed) == ("expenses_spentmonth", (1, Decimal(99)), (1, Decimal(100)))
    spent.rebuild(book.pk)
    assert spent.differences(book.pk) == []


def statement(*rows):
    lines = [f"{day:%d/%m/%y},POS {payee},{day:%d/%m/%y},{amount}.00,0.00,,\n" for day, payee, amount in rows]
    header = "Date,Narration,Value Date,Debit Amount,Credit Amount,Chq/Ref Number,Closing Balance\n"
    return (header + "".join(lines)).encode()


def test_a_check_finds_a_wrong_sum_and_its_remedy_mends_it(book):
    services.import_statement(book.accounts.get(name="Bank"), statement((FIRST, "TEA", 100)), file_name="one.csv")
    spent.finish_pending(book.pk)
    assert list(soundness.faults([book], Search())) == []
    SpentPayee.objects.update(total=Decimal(99))
    (found,) = soundness.faults([book], Search())
    assert (found.kind, found.freezes) == ("overview differs", "")
    assert "is 99.00 (1), not 100.00 (1)" in found.text
    call_command("check_statements", "--repair", book=book.slug, stdout=StringIO())
    assert list(soundness.faults([book], Search())) == []


def test_a_check_leaves_out_what_is_pending_and_writes_nothing(book):
    paid(book, FIRST, 100)
    assert spent.differences(book.pk) == []
    assert SpentChange.objects.exists()
    assert not SpentMonth.objects.exists()
    SpentChange.objects.all().delete()
    assert [table for table, *_ in spent.differences(book.pk)] == [
        "expenses_spentmonth", "expenses_spentweekday", "expenses_spentpayeemonth", "expenses_spentpayee",
    ]  # fmt: skip


def test_a_statement_is_noted_as_a_whole_and_what_comes_after_it_as_ever(book):
    bank, later = book.accounts.get(name="Bank"), FIRST + timedelta(days=40)
    rows = [(day, payee, amount) for amount in (1, 2) for day in (FIRST, later) for payee in ("TEA", "BUS", "RENT")]
    services.import_statement(bank, statement(*rows), file_name="one.csv")
    assert SpentChange.objects.count() <= 5, "two months and three payees, not each pair of each row"
    agree(Asked(book.pk))
    with pytest.raises(ZeroDivisionError):
        services.import_statement(
            bank, statement((FIRST, "TAXI", 5)), file_name="two.csv", on_progress=lambda *_: 1 / 0
        )
    assert not SpentChange.objects.exists()
    another = Transaction.objects.first()
    another.pk, another.fingerprint = None, "another"
    another.save()
    assert SpentChange.objects.count() == 1
    agree(Asked(book.pk))
    assert spent.differences(book.pk) == []


def test_what_notes_changes_is_put_up_again_after_migrations_and_all_is_added_up_anew(book):
    spent.TRIGGERS.drop()
    paid(book, FIRST, 100)
    assert not SpentChange.objects.exists()
    call_command("migrate", verbosity=0)
    agree(Asked(book.pk))
    paid(book, FIRST, 200)
    agree(Asked(book.pk))


def test_the_worker_adds_up_every_book_and_one_books_trouble_keeps_no_other_waiting(book, monkeypatch):
    assert queue.locate(schedules.TABLE["Add up the expenses"][0]) is tasks.add_up
    other = world.book("other-road", accounts=[("Bank", "bank", ZERO)])
    Statement.objects.create(book=other, account=other.accounts.get(), file_name="s", sha256="o", layout="x")
    paid(book, FIRST, 100)
    paid(other, FIRST, 777)
    finish = spent.finish_pending
    troubled = {book.pk}
    monkeypatch.setattr(spent, "finish_pending", lambda pk: 1 / 0 if pk in troubled else finish(pk))
    tasks.add_up()
    assert set(SpentMonth.objects.values_list("book", flat=True)) == {other.pk}
    troubled.clear()
    tasks.add_up()
    assert set(SpentMonth.objects.values_list("book", flat=True)) == {book.pk, other.pk}
    assert not SpentChange.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_who_look_and_write_at_once_end_with_the_same_sums(book):
    at_once, faults = Barrier(4), []

    def look_and_write(number):
        try:
            at_once.wait(60)
            for round_ in range(5):
                with transaction.atomic():
                    paid_one = Transaction.objects.order_by("id")[number]
                    services.settle(paid_one, book.tags.order_by("id")[round_ % 3])
                figures.figures(Asked(book.pk))
        except Exception as error:
            faults.append(error)
        finally:
            connections.close_all()

    for number in range(4):
        paid(book, FIRST, 100 + number, PAYEES[1 + number])
    threads = [Thread(target=look_and_write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    agree(Asked(book.pk))
    assert spent.differences(book.pk) == []
