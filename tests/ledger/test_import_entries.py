"""The import of entries as scripts call it: all rows or none, nothing twice, every fault with its line."""

import io
import json
from datetime import date
from decimal import Decimal

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError

from ledger import closing, daybook, services
from ledger.entry_import.importer import EntryImporter
from ledger.models import Account, Category, DayChange, LedgerEntry, PaymentModeAccount
from ledger.resources import EntryResource
from shop import jobs
from shop.downloads import template, written
from shop.imports import importing, wizard
from shop.models import Job
from tests import world

pytestmark = pytest.mark.django_db

HEADER = "date,account,category,subcategory,direction,amount,payment_mode,narration,reference"
WORKED = f"""{HEADER}
2024-01-15,Cash,Collection,Loan Payments,received,"5,000.00",Cash,,R-1
15-01-2024,,Income,Interest,,1500,cash,,
15/1/2024,,Expense,Office Supplies,EXPENSE,"2,000",,Paper,
"""


@pytest.fixture
def book():
    return world.book()


@pytest.fixture
def load(tmp_path):
    """load(text, *options) -> the JSON answer; `exit` the code it must end with."""

    def run(content, *options, slug="main-street", exit=None):
        path = tmp_path / "entries.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        out = io.StringIO()
        code = 0
        try:
            call_command("import_entries", str(path), "--book", slug, "--json", *options, stdout=out)
        except CommandError as error:
            code = error.returncode
        answer = json.loads(out.getvalue())
        assert answer["rows_in"] == sum(answer[name] for name in ("imported", "duplicate", "rejected", "held"))
        assert code == (bool(answer["errors"]) if exit is None else exit)
        return answer

    return run


def reasons(answer):
    return {error["line"]: error["reason"] for error in answer["errors"]}


def counts(answer):
    return [answer[name] for name in ("rows_in", "imported", "duplicate", "rejected", "held")]


def test_worked_example_by_import(book, load):
    answer = load(WORKED)
    assert counts(answer) == [3, 3, 0, 0, 0]
    assert answer["warnings"] == answer["errors"] == []
    assert not DayChange.objects.exists()
    assert daybook.day_book_on(book, date(2024, 1, 15)).closing_balance == Decimal("54500.00")
    first = LedgerEntry.objects.earliest("id")
    assert (first.source, first.reference, first.history.count()) == ("import", "R-1", 1)


def test_the_same_file_again_adds_nothing(book, load):
    load(WORKED)
    assert counts(load(WORKED)) == [3, 0, 3, 0, 0]
    assert LedgerEntry.objects.count() == 3
    assert Job.objects.count() == 1


def test_equal_rows_of_one_file_are_entries_of_their_own(book, load):
    row = "2024-01-15,,Collection,,,500,,Murugan,\n"
    assert counts(load(f"{HEADER}\n{row * 2}")) == [2, 2, 0, 0, 0]
    assert counts(load(f"{HEADER}\n{row * 3}")) == [3, 1, 2, 0, 0]


def test_binned_reversed_and_undone_rows_can_come_again(book, load):
    load(WORKED)
    first, second, _ = LedgerEntry.objects.order_by("id")
    services.delete(first)
    services.reverse(second, date=second.date)
    assert counts(load(WORKED)) == [3, 2, 1, 0, 0]
    with pytest.raises(Exception, match="posted again meanwhile"):
        services.restore(first)
    for job in Job.objects.all():
        services.undo_entries(book=book, job=job)
    assert counts(load(WORKED)) == [3, 3, 0, 0, 0]


def test_a_row_that_staff_corrected_does_not_come_again(book, load):
    load(WORKED)
    services.edit(LedgerEntry.objects.earliest("id"), amount=Decimal("5100"))
    assert counts(load(WORKED)) == [3, 0, 3, 0, 0]


def test_how_a_value_is_written_does_not_make_another_row(book, load):
    load(WORKED)
    again = f"{HEADER}\n15.01.2024,cash,COLLECTION,Loan Payments,in,₹5000,CASH,,R-1\n"
    assert counts(load(again)) == [1, 0, 1, 0, 0]


def test_hand_typed_rows_are_no_duplicates(book, load):
    world.post(book, "2024-01-15", "Income", "1500", subcategory="Interest")
    assert counts(load(WORKED)) == [3, 3, 0, 0, 0]


def test_one_bad_row_holds_all_others(book, load):
    answer = load(WORKED + "2024-01-16,,Collection,,,12,,,\n2024-01-17,,Collection,,,x,,,\n")
    assert counts(answer) == [5, 0, 0, 1, 4]
    assert "'x' is not an amount" in reasons(answer)[6]
    assert not LedgerEntry.objects.exists()
    assert not Job.objects.exists()


def test_a_rejected_row_has_one_error_with_all_reasons(book, load):
    answer = load(f"{HEADER}\n2024-02-30,Safe,Tea,,,12x,Shells,,\n")
    assert len(answer["errors"]) == 1
    for word in ("calendar", "account 'Safe' is unknown", "category 'Tea' is unknown", "'12x'", "'Shells'"):
        assert word in reasons(answer)[2]


@pytest.mark.parametrize(
    ("amount", "word"),
    [
        ("0", "above 0"),
        ("-5", "above 0"),
        ("1.005", "more than two decimals"),
        ('"1,2,3"', "not an amount"),
        ("NaN", "not an amount"),
        ("1000000000000000", "too large"),
        ("=1+1", "not an amount"),
        ("", "amount is missing"),
    ],
)
def test_wrong_amounts_name_their_line(book, load, amount, word):
    answer = load(f"{HEADER}\n2024-01-15,,Collection,,,1,,,\n2024-01-15,,Collection,,,{amount},,,\n")
    assert word in reasons(answer)[3]


@pytest.mark.parametrize(
    ("on", "word"),
    [
        ("30-02-2024", "calendar"),
        ("02/31/2024", "calendar"),
        ("45306", "not a date"),
        ("2024-01-15x", "not a date"),
        ("", "date is missing"),
        ("31-12-2023", "before the book begins"),
        ("15-01-0024", "out of reach"),
    ],
)
def test_wrong_dates_name_their_line(load, on, word):
    world.book(begins_on=date(2024, 1, 1))
    assert word in reasons(load(f"{HEADER}\n{on},,Collection,,,1,,,\n"))[2]


@time_machine.travel("2024-01-15T18:45:00Z")  # 00:15 of the 16th in India
def test_tomorrow_needs_to_be_allowed(book, load):
    assert counts(load(f"{HEADER}\n2024-01-16,,Collection,,,1,,,\n")) == [1, 1, 0, 0, 0]
    tomorrow = f"{HEADER}\n2024-01-17,,Collection,,,1,,,\n"
    assert "in the future" in reasons(load(tomorrow))[2]
    assert counts(load(tomorrow, "--allow-future")) == [1, 1, 0, 0, 0]


def test_direction_makes_a_category_once(book, load):
    load(f"{HEADER}\n2024-01-15,,Tea,,spent,20,,,\n2024-01-15,,tea,,payment,30,,,\n2024-01-15,,TEA,,,40,,,\n")
    tea = Category.objects.get(book=book, name="Tea")
    assert tea.direction == "spent"
    assert tea.entries.count() == 3
    assert tea.history.count() == 1


def test_a_category_keeps_its_direction(book, load):
    answer = load(f"{HEADER}\n2024-01-15,,Collection,,spent,20,,,\n")
    assert "is received in this book" in reasons(answer)[2]


def test_a_new_name_used_both_ways_becomes_two_categories(book, load):
    text = f"{HEADER}\n2024-01-15,,Assets,,receipt,20,,,\n2024-01-15,,Assets,,payment,5,,,\n"
    answer = load(text)
    assert counts(answer) == [2, 2, 0, 0, 0]
    assert any("used both ways" in warning["reason"] for warning in answer["warnings"])
    day = daybook.day_book_on(book, date(2024, 1, 15))
    assert (day.total_received, day.total_spent) == (Decimal("20.00"), Decimal("5.00"))
    assert counts(load(text)) == [2, 0, 2, 0, 0]


def test_unknown_direction_is_named(book, load):
    assert "direction 'sideways' is unknown" in reasons(load(f"{HEADER}\n2024-01-15,,Tea,,sideways,20,,,\n"))[2]


def test_empty_account_follows_the_payment_mode(book, load):
    PaymentModeAccount.objects.filter(book=book, payment_mode="Cheque").delete()
    load(
        f"{HEADER}\n2024-01-15,,Collection,,,1,UPI,,\n2024-01-15,,Collection,,,2,,,\n"
        "2024-01-15,,Collection,,,3,Cheque,,\n2024-01-15,bank,Collection,,,4,Cash,,\n"
    )
    assert [entry.account.name for entry in LedgerEntry.objects.order_by("amount")] == ["Bank", "Cash", "Cash", "Bank"]


def test_retired_account_and_category_are_refused(book, load):
    Account.objects.filter(name="Bank").update(is_active=False)
    Category.objects.filter(name="Income").update(is_active=False)
    answer = load(f"{HEADER}\n2024-01-15,Bank,Income,,,1,,,\n")
    assert reasons(answer)[2].count("is retired") == 2


def test_closed_day_is_refused_or_adjusted(book, load):
    closing.close_day(book, date(2024, 1, 15))
    answer = load(WORKED)
    assert counts(answer) == [3, 0, 0, 3, 0]
    assert "15-01-2024 is closed" in reasons(answer)[2]
    assert counts(load(WORKED, "--adjust")) == [3, 3, 0, 0, 0]
    entry = LedgerEntry.objects.earliest("id")
    assert (entry.date, entry.adjusts_date) == (date(2024, 1, 16), date(2024, 1, 15))
    assert entry.narration == "Adjustment for 15-01-2024."
    assert counts(load(WORKED, "--adjust")) == [3, 0, 3, 0, 0]


def test_repeated_reference_is_warned_of_and_imported(book, load):
    world.post(book, "2024-01-10", amount="70", reference="R-1")
    answer = load(WORKED + "2024-01-15,,Collection,,,1,,,R-9\n2024-01-15,,Collection,,,2,,,R-9\n")
    assert counts(answer) == [5, 5, 0, 0, 0]
    assert [warning["line"] for warning in answer["warnings"]] == [2, 6]
    assert "in the book" in answer["warnings"][0]["reason"]
    assert "on line 5" in answer["warnings"][1]["reason"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        (HEADER, "no rows"),
        ("2024-01-15,Cash,Collection,,,500,,,\n", "first line must name the columns"),
        ("date,date,category,amount\n1,1,1,1", "Two columns are the date"),
        ("date,category,amount,note,narration\n1,1,1,1,1", "Two columns are the narration"),
        ("date,category\n1,1", "'amount' is missing"),
        ("date,category,amount,colour\n1,1,1,1", "'colour' (column 4) is unknown"),
        ("hello\nworld", "first line must name the columns"),
    ],
)
def test_unusable_files_say_why(book, load, text, word):
    answer = load(text)
    assert counts(answer) == [0, 0, 0, 0, 0]
    assert word in " ".join(error["reason"] for error in answer["errors"])


def test_one_column_too_many_names_its_line(book, load):
    answer = load("date,category,amount\n2024-01-15,Collection,1\n2024-01-15,Collection,1,234\n")
    assert counts(answer) == [2, 0, 0, 1, 1]
    assert "4 columns, the header has 3" in reasons(answer)[3]


def test_value_without_a_header_and_header_once_more_are_rejected(book, load):
    answer = load("date,category,amount,\n2024-01-15,Collection,1,\n2024-01-15,Collection,1,x\ndate,category,amount,\n")
    assert "no name in the header" in reasons(answer)[3]
    assert "header once more" in reasons(answer)[4]


def test_synonyms_and_any_order_are_known(book, load):
    assert counts(load("Amount,Head,Txn Date,Particulars\n500,Collection,15-01-2024,x\n")) == [1, 1, 0, 0, 0]


def test_missing_file_and_book_are_said_without_a_traceback(book, tmp_path):
    for arguments, word in (
        ((str(tmp_path / "none.csv"), "--book", "main-street"), "none.csv"),
        ((__file__, "--book", "nowhere"), "no book 'nowhere'"),
    ):
        with pytest.raises(CommandError, match=word) as refused:
            call_command("import_entries", *arguments)
        assert refused.value.returncode == 1


def test_people_are_told_in_lines(book, load, tmp_path):
    path = tmp_path / "entries.csv"
    path.write_text(f"{HEADER}\n2024-01-15,,Collection,,,x,,,\n")
    out = io.StringIO()
    with pytest.raises(CommandError, match="Nothing was imported"):
        call_command("import_entries", str(path), "--book", "main-street", stdout=out)
    assert "Line 2: amount: 'x' is not an amount" in out.getvalue()
    assert "1 rejected" in out.getvalue()


def test_what_is_exported_can_be_imported_again(book, load):
    world.post(book, "2024-01-15", amount="1234.5", narration="=1+1", reference="-7", subcategory="@home")
    dataset = EntryResource().export(LedgerEntry.objects.all())
    assert dataset[0][7:] == ("'=1+1", "'-7")
    other = world.book("other-road")
    for kind in ("csv", "xlsx"):
        load(written(dataset, kind), slug="other-road")
    entry = LedgerEntry.objects.get(book=other)
    assert (entry.narration, entry.reference, entry.subcategory) == ("=1+1", "-7", "@home")
    assert entry.amount == Decimal("1234.50")


def test_templates_can_be_imported(book, load):
    for kind in ("csv", "xlsx"):
        assert counts(load(template(EntryImporter.columns, EntryImporter.example, kind)))[0] == 2
    assert LedgerEntry.objects.count() == 2


def test_excel_numbers_and_dates(book, load):
    import openpyxl

    workbook = openpyxl.Workbook()
    for row in (["date", "category", "amount"], [date(2024, 1, 15), "Collection", 0.1 + 0.2]):
        workbook.active.append(row)
    workbook.active.append([45306, "Collection", 1234567.89])
    workbook.active.append([date(2024, 1, 16), "Collection", 1.005])
    stream = io.BytesIO()
    workbook.save(stream)
    answer = load(stream.getvalue())
    assert list(reasons(answer)) == [4]
    workbook.active["C4"] = 7
    stream = io.BytesIO()
    workbook.save(stream)
    load(stream.getvalue())
    assert list(LedgerEntry.objects.order_by("id").values_list("date", "amount")) == [
        (date(2024, 1, 15), Decimal("0.30")),
        (date(2024, 1, 15), Decimal("1234567.89")),
        (date(2024, 1, 16), Decimal("7.00")),
    ]


def test_undo_bins_open_days_and_reverses_closed_ones(book, load):
    load(WORKED + "2024-01-20,,Collection,,,100,,,\n")
    closing.close_day(book, date(2024, 1, 15))
    job = Job.objects.get()
    assert jobs.go_on(job, wizard.UNDO, since=[Job.State.DONE])
    assert jobs.run(job.pk).state == Job.State.UNDONE
    job.refresh_from_db()
    assert job.result["undone"] == "1 entry put into the bin, 3 of closed days reversed on the first open day."
    assert not jobs.go_on(job, wizard.UNDO, since=[Job.State.DONE])
    day = daybook.day_book_on(book, date(2024, 1, 15))
    assert day.closing_balance == Decimal("54500.00")
    assert daybook.day_books(book, date(2024, 1, 15), book.today())[-1].closing_balance == Decimal("50000.00")
    assert daybook.differences(book) == []
    assert EntryImporter(book).undo(job) == "Nothing was left to undo."


def test_what_was_posted_by_somebody_else_meanwhile_counts_as_there_already(book, tmp_path):
    path = tmp_path / "entries.csv"
    path.write_text(WORKED)

    class Overtaken(EntryImporter):
        def post(self, batch, job):
            if not LedgerEntry.objects.exists():  # the same file, imported elsewhere at this very moment
                wizard.import_now(EntryImporter(self.book), path)
            return super().post(batch, job)

    report = wizard.import_now(Overtaken(book), path)
    assert (report.imported, report.duplicate) == (0, 3)
    assert LedgerEntry.objects.count() == 3


def test_batches_count_equal_rows_across_their_edges(book, tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "BATCH_ROWS", 2)
    path = tmp_path / "entries.csv"
    path.write_text(HEADER + "\n" + "2024-01-15,,Tea,,spent,5,,,T-1\n" * 5)
    for expected in ((5, 0), (0, 5)):
        report = wizard.import_now(EntryImporter(book), path)
        assert (report.imported, report.duplicate) == expected
        assert [line["line"] for line in report.warnings] == ([2] if expected == (5, 0) else [])  # Tea is a cost?
