"""verify finds every fault that is planted, names it and nothing else, and its own remedies make the books sound again."""

import json
from datetime import date
from decimal import Decimal

import pytest

from expenses.models import RejectedRow, Split, Transaction
from ledger import daybook, services, vouchers
from ledger.models import AccountDay, AccountMonth, DayChange, LedgerEntry, VoucherNumber
from lendbook import schedules, tasks, verifying
from shop.models import Fault
from tests import world
from tests.lendbook.planted import both, everything, rewrite, run, sql
from tests.trackers.test_adopt import typed_over
from tests.trackers.workbooks import as_excel_saves, needs_libreoffice, with_sheet
from trackers import recalculation, store
from trackers import services as trackers

pytestmark = pytest.mark.django_db
D3, D4, D6 = date(2024, 1, 3), date(2024, 1, 4), date(2024, 1, 6)


# ------------------------------------------------------------------------------------------------ what can be wrong


def day_of(books, on):
    return books.main.days.get(date=on).pk


def total(books):
    sql("UPDATE ledger_daybook SET total_received = total_received + 1, closing_balance = closing_balance + 1 "
        "WHERE id = %s", day_of(books, D3))  # fmt: skip


def opening(books):
    sql("UPDATE ledger_daybook SET opening_balance = opening_balance - 100, closing_balance = closing_balance - 100 "
        "WHERE date > %s AND book_id = %s", D3, books.main.pk)  # fmt: skip


def detail(books):
    sql("UPDATE ledger_daybookdetail SET transaction_count = 9 WHERE day_book_id = %s", day_of(books, D3))


def detail_lost(books):
    sql("DELETE FROM ledger_daybookdetail WHERE day_book_id = %s", day_of(books, D3))


def day_lost(books):
    pk = day_of(books, D3)
    sql("DELETE FROM ledger_daybookdetail WHERE day_book_id = %s", pk)
    sql("DELETE FROM ledger_daybook WHERE id = %s", pk)


def account_day(books):
    pk = AccountDay.objects.get(account=books.bank, date=D4).pk
    sql("UPDATE ledger_accountday SET transferred = transferred + 1 WHERE id = %s", pk)


def account_month(books):
    sql(
        "UPDATE ledger_accountmonth SET moved = moved + 1 WHERE id = %s",
        AccountMonth.objects.get(account=books.cash).pk,
    )


def account_opening(books):
    sql("UPDATE ledger_account SET opening_balance = opening_balance + 100 WHERE id = %s", books.cash.pk)


def entry_amount(books):
    sql("UPDATE ledger_ledgerentry SET amount = amount + 1 WHERE id = %s", books.entry.pk)


def entry_narration(books):
    sql("UPDATE ledger_ledgerentry SET narration = 'Not what was typed' WHERE id = %s", books.entry.pk)


def entry_gone(books):
    sql("DELETE FROM ledger_ledgerentry WHERE id = %s", books.entry.pk)


def entry_smuggled_in(books):
    row = LedgerEntry.objects.get(pk=books.entry.pk)
    row.pk, row.date, row.source_ref = None, D6, ""
    row.save_base(raw=True, force_insert=True)
    sql("DELETE FROM ledger_daychange")


def transfer_amount(books):
    sql("UPDATE ledger_accounttransfer SET amount = amount + 1 WHERE id = %s", books.transfer.pk)


def foreign_account(books):
    other = books.other.accounts.first()
    sql("UPDATE ledger_ledgerentry SET account_id = %s WHERE id = %s", other.pk, books.entry.pk)


def direction(books):
    sql("UPDATE ledger_category SET direction = 'spent' WHERE id = %s", books.entry.category_id)


def history_lost(books):
    sql("DELETE FROM ledger_historicalaccounttransfer WHERE id = %s", books.transfer.pk)


def history_gap(books):
    sql("DELETE FROM ledger_historicalledgerentry WHERE id = %s AND version = 1", books.entry.pk)


def workbook_lost(books):
    store.path_of(books.john).unlink()


def workbook_damaged(books):
    path = store.path_of(books.john)
    path.write_bytes(path.read_bytes()[:2000])


def workbook_edited(books):
    path = store.path_of(books.john)
    path.write_bytes(typed_over(path.read_bytes(), {"day5": "900"}))


def workbook_swapped(books):
    store.path_of(books.john).write_bytes(store.path_of(books.mary).read_bytes())


def formula(books):
    rewrite(books.john, b"<f>D14+C15</f>", b"<f>D14+C15+1</f>")


def formula_value(books):
    rewrite(books.john, b"<f>D14+C15</f><v>1000</v>", b"<f>D14+C15</f><v>1001</v>")


def formula_gone(books):
    rewrite(books.john, b"<f>D14+C15</f><v>1000</v>", b"<v>1000</v>")


def cell(books):
    rewrite(books.john, b'<v>500</v></c><c r="D14"', b'<v>600</v></c><c r="D14"')


def totals(books):
    both("trackers_tracker", {"total_paid": 90_000, "pending": 10_000}, books.john.pk)


def terms(books):
    both("trackers_tracker", {"per_day_payment": 60_000}, books.john.pk)


def version(books):
    sql("UPDATE trackers_tracker SET version = 9 WHERE id = %s", books.john.pk)


def posted_amount(books):
    entry = LedgerEntry.objects.get(source_ref=f"{books.john.pk}:2:paid:1")
    services.edit(entry, amount=Decimal(450))


def posted_without_cell(books):
    services.post_entry(
        book=books.main, date=D6, category=books.entry.category, amount=Decimal(10), source="tracker",
        source_ref=f"{books.john.pk}:9:paid:1",
    )  # fmt: skip


def posting_lost(books):
    services.delete(LedgerEntry.objects.get(source_ref=f"{books.john.pk}:2:paid:1"))


def later_part_lost(books):
    trackers.record_payment(books.john, 2, paid=Decimal(70), add=True)
    part = LedgerEntry.objects.get(source_ref=f"{books.john.pk}:2:paid:2")
    services.reverse(part, date=part.date)


def statement_counts(books):
    both("expenses_statement", {"imported": 4, "rows_in": 5}, books.statement.pk)


def statement_money(books):
    both("expenses_statement", {"debits": 5}, books.statement.pk)


def rejected_row(books):
    RejectedRow.objects.all().delete()


def transaction_gone(books):
    sql("DELETE FROM expenses_transaction WHERE entry_id IS NULL AND transfer_id IS NULL")


def transaction_amount(books):
    both("expenses_transaction", {"debit_amount": 26_000}, books.food)
    sql("UPDATE expenses_statement SET duplicate = 1, rows_in = rows_in + 1")  # its sums say nothing then
    sql("UPDATE expenses_historicalstatement SET duplicate = 1, rows_in = rows_in + 1")


def entry_binned(books):
    services.delete(Transaction.objects.get(pk=books.food).entry)


def withdrawal_binned(books):
    services.delete(Transaction.objects.get(pk=books.withdrawal).transfer)


def entry_forgotten(books):
    both("expenses_transaction", {"entry_id": None}, books.food)


def split_short(books):
    one = Transaction.objects.exclude(pk__in=[books.food, books.withdrawal]).get()
    Split.objects.create(transaction=one, tag=Transaction.objects.get(pk=books.food).tag, amount=Decimal(90))


def orphans(books):
    stray = store.path_of(books.john).read_bytes()
    for place in (
        "daily-trackers/tracker_nobody_20240101_000000.xlsx",
        "versions/tracker_nobody_20240101_000000.v3.xlsx",
        "statements/0123456789abcdef0123456789abcdef.upload",
    ):
        store.folder().parent.joinpath(place).write_bytes(stray)


HISTORY = "history differs"
DERIVED = ["account differs", "account month differs", "balance differs", "day differs"]
# what spoils the books -> (the kinds of fault that verify then names, words of one of them)
PLANTED = {
    total: (["day differs"], "03-01-2024: stored are 1,200.01 received"),
    opening: (["balance differs"], "04-01-2024 opens at"),
    detail: (["day differs"], "Loan Payments has 1,200.00 in 9 entries"),
    detail_lost: (["day differs"], "has nothing, the entries say 1,200.00 in 1 entry"),
    day_lost: (["day differs"], "the day is not stored"),
    account_day: (["account differs"], "04-01-2024: Bank received, spent and moved 400.00 / 0.00 / 10,000.01"),
    account_month: (["account month differs"], "01-2024: Cash gained"),
    account_opening: (["balance differs", HISTORY], "opening balance was 50000.00, is 50001.00"),
    entry_amount: ([*DERIVED, HISTORY], "amount was 1200.00, is 1200.01"),
    entry_narration: ([HISTORY], "is Not what was typed"),
    entry_gone: ([*DERIVED, "row is gone"], "is gone, and nobody deleted it"),
    entry_smuggled_in: ([*DERIVED, "no history"], "There is no record of how"),
    transfer_amount: (["account differs"] * 2 + ["account month differs"] * 2 + [HISTORY], "is 10000.01"),
    foreign_account: (["account differs"] * 2 + ["account month differs"] * 2 + ["foreign account", HISTORY],
                      "names an account of another book"),
    direction: (None, "direction was received, is spent"),
    history_lost: (["no history"], "There is no record of how the transfer"),
    history_gap: (["history has a gap"], "is version 2"),
    workbook_lost: (["workbook missing"], "is not in daily-trackers/"),
    workbook_damaged: (["workbook unreadable"], "tracker_john"),
    workbook_edited: (["workbook changed outside"], "was changed outside Lendbook"),
    workbook_swapped: (None, "tracker_john"),
    formula: (["cells differ"], "D15: The formula should be =D14+C15"),
    formula_value: (["cells differ"], "D15: The cell shows 1001, it computes to 1000"),
    formula_gone: (["cells differ"], "D15: The formula should be =D14+C15"),
    cell: (None, "C14"),
    totals: (["total differs"] * 2, "total paid is 900.00, the workbook says 1000.00"),
    terms: (["terms differ"], "per day payment is 600.00, the workbook says 500.00"),
    version: ([HISTORY, "history has a gap", "terms differ"], "version is 9, the workbook says"),
    posted_amount: (["ledger differs", "receipts"], "day 2 paid: the ledger has 450.00, the workbook 500.00"),
    posted_without_cell: (["ledger differs", "receipts"], "day 9 paid: the ledger has 10.00, the workbook 0"),
    posting_lost: (["ledger differs", "receipts"], "day 2 paid: the ledger has 0, the workbook 500.00"),
    later_part_lost: (["ledger differs", "receipts"], "70.00 of 05-01-2024, and its ledger entry is gone"),
    statement_counts: (["statement differs"], "imported is 4, its rows say 3"),
    statement_money: (["statement differs"], "debits are 0.05, its rows say 2350.00"),
    rejected_row: (["statement differs"], "rejected is 1, its rows say 0"),
    transaction_gone: (["row is gone", "statement differs"], "is gone, and nobody deleted it"),
    transaction_amount: (["posting differs"], "has 250.00, the statement 260.00"),
    entry_binned: (["posting differs"], "is in the bin"),
    withdrawal_binned: (["posting differs"], "is in the bin"),
    entry_forgotten: (["posting differs"], "no transaction is posted as it"),
    split_short: (["posting differs"], "its parts add up to 90.00, not 100.00"),
    orphans: (["orphan file"] * 3, "No tracker has this workbook"),
}  # fmt: skip


@pytest.mark.torture
@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found_named_and_mended_by_its_remedy(books, plant, tally):
    assert verifying.verify().is_sound
    plant(books)
    report = verifying.verify()
    kinds, words = PLANTED[plant]
    if kinds is not None:
        assert sorted(fault.kind for fault in report.faults) == sorted(kinds), [fault.text for fault in report.faults]
    assert report.faults
    assert words in "\n".join(fault.text for fault in report.faults)
    assert {fault.book for fault in report.faults} <= {books.main, None}
    for _ in range(3):  # a remedy of one may bring another to light
        for remedy in dict.fromkeys(fault.remedy for fault in report.faults):
            code, said = run(*remedy.partition(" (")[0].split())
            assert code == 0, said
        report = verifying.verify()
        if report.is_sound:
            break
    assert report.is_sound, [fault.text for fault in report.faults]
    assert not Fault.objects.filter(mended_at=None).exists()
    assert daybook.differences(books.main) == []
    tally("faults planted, found by verify and mended by its remedy")


def lost_number(books):
    """The row of a voucher number that left for Tally and that somebody deleted past every service."""
    world.post(books.main, "2024-01-03", amount="5")
    vouchers.give(books.main, D3, D6)
    assert verifying.verify().is_sound
    lost = VoucherNumber.objects.get(book=books.main, year=2023, kind="Receipt", number=2)
    assert sql("DELETE FROM ledger_vouchernumber WHERE id = %s", lost.pk) == 1
    return lost


def test_a_lost_voucher_number_is_named_and_gone_when_a_backup_brings_its_row_back(books):
    lost = lost_number(books)
    (fault,) = verifying.verify().faults
    assert (fault.book, fault.kind, fault.freezes) == (books.main, "voucher numbers", "")
    assert fault.text.startswith("Receipt 2023-24: ")
    assert fault.text.endswith("; missing: 2.")
    assert fault.remedy.startswith("Restore the newest backup")
    lost.save(force_insert=True)
    assert verifying.verify().is_sound
    assert not Fault.objects.filter(mended_at=None).exists()


def test_a_lost_voucher_number_is_given_to_nobody_again_and_stands_through_later_exports(books):
    lost = lost_number(books)
    highest = VoucherNumber.objects.filter(book=books.main, year=2023, kind="Receipt").order_by("-number")[0].number
    assert vouchers.give(books.main, D3, D6) == 1
    assert VoucherNumber.objects.get(entry=lost.entry_id).number == highest + 1
    (fault,) = verifying.verify().faults
    assert fault.text.endswith("; missing: 2.")


def test_sound_books_stay_as_they_are(books):
    before = everything()
    assert run("verify")[0] == 0
    assert everything() == before
    assert not Fault.objects.exists()


def test_what_was_pending_is_finished_before_anything_is_compared(books):
    world.post(books.main, "2024-01-03", amount="5")
    assert DayChange.objects.exists()
    assert verifying.verify().is_sound
    assert not DayChange.objects.exists()


def test_a_workbook_saved_again_in_excel_is_no_fault(books):
    path = store.path_of(books.john)
    path.write_bytes(as_excel_saves(path.read_bytes()))
    assert verifying.verify().is_sound


def test_what_stands_may_be_recorded_instead_of_put_back(books):
    entry_amount(books)
    verifying.verify()
    assert run("mend_history", "--book", books.main.slug, "--accept")[0] == 0
    assert run("rebuild_day_books")[0] == 0
    assert verifying.verify().is_sound
    books.entry.refresh_from_db()
    assert books.entry.amount == Decimal("1200.01")
    assert books.entry.history.first().history_change_reason == "Found so by verify"


def test_the_same_fault_found_twice_is_one_row_and_mended_it_can_come_again(books):
    total(books)
    for _ in range(2):
        assert run("verify")[0] == 1
    assert Fault.objects.count() == 1
    run("rebuild_day_books")
    assert verifying.verify().mended == [Fault.objects.get()]
    total(books)
    assert verifying.verify().new == 1
    assert Fault.objects.count() == 2


def test_one_book_is_checked_alone_and_leaves_the_others_faults_standing(books):
    total(books)
    verifying.verify()
    report = verifying.verify([books.other])
    assert report.is_sound
    assert Fault.objects.get().mended_at is None
    assert run("verify", "--book", books.other.slug)[0] == 0
    assert run("verify", "--book", books.main.slug)[0] == 1
    assert run("verify", "--book", "nowhere")[0] == 1


def test_the_command_answers_scripts_in_one_document(books):
    code, said = run("verify", "--json")
    document = json.loads(said)
    assert code == 0
    assert (document["sound"], document["faults"], document["could_not_check"]) == (True, [], [])
    workbook_lost(books)
    code, said = run("verify", "--json", "--book", books.main.slug)
    fault = json.loads(said[: said.rindex("}") + 1])["faults"][0]
    assert code == 1
    assert (fault["book"], fault["kind"], fault["freezes"], fault["ref"], fault["remedy"]) == (
        "main-street", "workbook missing", "tracker", str(books.john.pk), f"rebuild_workbook {books.john.filename}"
    )  # fmt: skip


def test_a_check_that_fails_is_told_exits_2_and_mends_nothing(books, monkeypatch):
    total(books)
    verifying.verify()
    run("rebuild_day_books")

    def broken(books, search):
        raise OSError("the disk does not answer")
        yield

    monkeypatch.setattr("ledger.soundness.faults", broken)
    code, said = run("verify")
    assert code == 1  # the fault stands, as nobody could look
    assert "the disk does not answer" in said
    Fault.objects.all().delete()
    assert run("verify")[0] == 2


# ------------------------------------------------------------------------------------------------ LibreOffice


def test_without_libreoffice_a_deep_search_says_so_and_exits_2(books, monkeypatch):
    monkeypatch.setattr(recalculation.shutil, "which", lambda name: None)
    code, said = run("verify", "--deep")
    assert code == 2
    assert "LibreOffice is not installed" in said
    assert run("verify")[0] == 0


def test_a_libreoffice_that_computes_otherwise_is_a_fault_which_only_another_deep_search_mends(books, monkeypatch):
    def otherwise(files):
        for pair, content in files:
            if pair[0] == books.john:
                content = with_sheet(content, b"<f>D14+C15</f><v>1000</v>", b"<f>D14+C15</f><v>999</v>")
            yield pair, content

    monkeypatch.setattr(recalculation, "recalculated", otherwise)
    report = verifying.verify(deep=True)
    assert [fault.kind for fault in report.faults] == ["recalculation differs"]
    assert "D15: The cell shows 999, it computes to 1000" in report.faults[0].text
    assert [fault.kind for fault in verifying.verify().faults] == ["recalculation differs"]
    monkeypatch.setattr(recalculation, "recalculated", lambda files: files)
    assert verifying.verify(deep=True).is_sound


@needs_libreoffice
def test_libreoffice_agrees_with_every_workbook(books):
    assert run("verify", "--deep")[0] == 0


# ------------------------------------------------------------------------------------------------ the night


def test_the_night_finds_what_the_day_did_and_a_second_run_finds_the_same(books):
    function, kind, _ = schedules.TABLE["Check the books"]
    assert (function, kind) == ("lendbook.tasks.verify_books", "D")
    total(books)
    tasks.verify_books()
    tasks.verify_books()
    assert Fault.objects.get().kind == "day differs"
