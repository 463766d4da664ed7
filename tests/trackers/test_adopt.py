"""Workbooks that people had in hand: compared cell by cell, written when somebody says so, and nothing else changed."""

import json
import uuid
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from ledger import closing, daybook
from ledger.models import LedgerEntry
from tests import world
from tests.trackers.workbooks import SHEET, as_excel_saves, original, parts, with_parts
from trackers import adopt, posting, services, store
from trackers.models import Tracker
from trackers.workbook.errors import NotATracker
from trackers.workbook.read import read

pytestmark = pytest.mark.django_db
START = date(2024, 10, 16)


@pytest.fixture
def johns(johns):
    return pay(johns, 1, "500", mode="UPI")


def pay(tracker, day, amount, **fields):
    return services.record_payment(tracker, day, paid=Decimal(amount), **fields).tracker


def copy_of(tracker, **edits):
    """A copy as staff downloaded it, with cells typed over by hand: the baseline stays what Lendbook wrote."""
    data = store.path_of(tracker).read_bytes()
    return typed_over(data, edits) if edits else data


def typed_over(data, days):
    """Type amounts into column C without telling the hidden sheet."""
    sheet = parts(data)[SHEET]
    for day, amount in days.items():
        row = 13 + int(day.removeprefix("day"))
        start = sheet.index(b'<c r="C%d"' % row)
        end = sheet.index(b'<c r="D%d"' % row)
        style = sheet[sheet.index(b" s=", start) : sheet.index(b'"', sheet.index(b" s=", start) + 4) + 1]
        value = b"<v>%s</v>" % amount.encode() if amount.isdecimal() else b""
        cell = b'<c r="C%d"%b>%b</c>' % (row, style, value)
        if amount and not amount.isdecimal():
            cell = b'<c r="C%d"%b t="inlineStr"><is><t>%b</t></is></c>' % (row, style, amount.encode())
        sheet = sheet[:start] + cell + sheet[end:]
    return with_parts(data, {SHEET: sheet})


def adopt_all(tracker, data, **choices):
    compared = adopt.compare_copy(tracker, data)
    return adopt.adopt_copy(tracker, compared.uploaded, seen=compared.version, **choices)


def run(*arguments):
    """(document, exit code) of adopt_workbook --json."""
    out = StringIO()
    try:
        call_command("adopt_workbook", *map(str, arguments), "--json", stdout=out, stderr=StringIO())
    except CommandError as error:
        return json.loads(out.getvalue() or "null"), error.returncode
    return json.loads(out.getvalue()), 0


def ledger_total(tracker):
    entries = posting.entries_of(tracker).filter(category__name="Collection")
    return sum((-e.amount if e.reversal_of_id else e.amount for e in entries), Decimal(0))


@pytest.mark.parametrize("saved", [bytes, as_excel_saves])
def test_unedited_round_trip_changes_nothing(johns, saved):
    compared = adopt.compare_copy(johns, saved(copy_of(johns)))
    assert compared.changes_nothing
    tracker, changes = adopt.adopt_copy(johns, compared.uploaded)
    assert (changes, tracker.version) == ([], johns.version)


def test_edited_copy_is_written_and_posted(johns):
    tracker, changes = adopt_all(johns, copy_of(johns, day2="700"))
    assert [change.cell for change in changes] == ["C15"]
    assert (tracker.total_paid, ledger_total(tracker)) == (1200, 1200)
    assert services.contents_of(tracker).days[1]["mode"] == "UPI"


def test_conflict_stays_until_somebody_chooses(johns):
    mine = copy_of(johns, day1="700")
    pay(johns, 1, "600")
    tracker, changes = adopt_all(johns, mine)
    assert (changes, tracker.total_paid) == ([], 600)
    tracker, _ = adopt_all(johns, mine, take={"C14"})
    assert (tracker.total_paid, ledger_total(tracker)) == (700, 700)


def test_what_the_store_has_since_is_kept(johns):
    old = copy_of(johns, day2="300")
    pay(johns, 3, "500")
    tracker, _ = adopt_all(johns, old)
    assert tracker.total_paid == 500 + 300 + 500


def test_changed_meanwhile_asks_to_compare_again(johns):
    compared = adopt.compare_copy(johns, copy_of(johns, day2="300"))
    pay(johns, 5, "500")
    with pytest.raises(ValidationError, match="Compare again"):
        adopt.adopt_copy(johns, compared.uploaded, seen=compared.version)


def test_closed_day_is_offered_as_an_adjustment(johns):
    closing.close_day(johns.book, date(2024, 10, 20))
    data = copy_of(johns, day1="700", day9="500")
    comparison = adopt.compare_copy(johns, data).comparison
    assert ([c.cell for c in comparison.adjustments], [c.cell for c in comparison.to_apply]) == (["C14"], ["C22"])
    tracker, _ = adopt_all(johns, data)
    assert tracker.total_paid == 1000
    tracker, _ = adopt_all(tracker, data, adjust=True)
    assert (tracker.total_paid, ledger_total(tracker)) == (1200, 1200)
    assert daybook.day_book_on(johns.book, date(2024, 10, 17)).total_received == 500


def test_applied_cell_replaces_every_part_of_the_day(johns):
    pay(johns, 1, "200", add=True)
    tracker, _ = adopt_all(johns, copy_of(johns, day1="900"))
    assert list(posting.entries_of(tracker).values_list("amount", flat=True)) == [900]


def test_file_changed_outside_is_adopted_and_both_files_are_kept(johns):
    foreign = typed_over(store.path_of(johns).read_bytes(), {"day2": "900"})
    store.path_of(johns).write_bytes(foreign)
    with pytest.raises(store.ChangedOutside):
        pay(johns, 3, "500")
    compared = adopt.compare_outside(johns)
    assert [(change.cell, change.new) for change in compared.comparison.to_apply] == [("C15", 900)]
    tracker, _ = adopt.adopt_copy(johns, compared.uploaded, seen=compared.version)
    assert (tracker.total_paid, tracker.changed_outside_at) == (1400, None)
    outside = [path for path in store.versions_folder().glob("*-outside-*") if path.read_bytes() == foreign]
    assert outside
    assert store.read_kept(tracker, johns.version) is not None
    assert pay(tracker, 3, "500").total_paid == 1900
    assert adopt.compare_outside(tracker) is None


def test_formula_altered_outside_is_put_back(johns):
    path = store.path_of(johns)
    sheet = parts(path.read_bytes())[SHEET].replace(b"<f>D13+C14</f>", b"<f>D13+C14+1</f>")
    path.write_bytes(with_parts(path.read_bytes(), {SHEET: sheet}))
    compared = adopt.compare_outside(johns)
    assert [one.cell for one in compared.comparison.refused] == ["D14"]
    tracker, changes = adopt.adopt_copy(johns, compared.uploaded)
    assert (changes, tracker.version) == ([], johns.version + 1)
    assert read(path.read_bytes(), thorough=True).altered == ()


def test_missing_workbook_comes_back_by_adopting_a_copy(johns):
    copy = copy_of(johns, day2="500")
    store.path_of(johns).unlink()
    tracker, _ = adopt_all(johns, copy)
    assert services.contents_of(tracker).days[2]["paid"] == 500


def test_workbook_of_another_tracker_is_refused_whole(johns):
    other = services.open_tracker(customer=johns.customer, tracker_name="Shop", tracker_type="50K", start_date=START)
    compared = adopt.compare_copy(johns, copy_of(other, day1="900"))
    assert compared.is_foreign
    with pytest.raises(NotATracker, match="belongs to tracker"):
        adopt.adopt_copy(johns, compared.uploaded)
    assert Tracker.objects.get(pk=johns.pk).total_paid == 500


def test_moved_start_date_moves_every_part_of_every_entry(johns):
    pay(johns, 1, "200", add=True)
    pay(johns, 2, "300")
    tracker = services.edit_terms(johns, start_date=date(2024, 10, 20))
    assert ledger_total(tracker) == 1000
    assert set(posting.entries_of(tracker).values_list("date", flat=True)) == {date(2024, 10, 21), date(2024, 10, 22)}


# ------------------------------------------------------------------------------------------------ new trackers


def test_original_is_adopted_with_its_days(book, tmp_path):
    path = tmp_path / "his.xlsx"
    his = original("50K", filled=FILLED)
    path.write_bytes(his)
    document, code = run(path, "--book", book.slug, "--user", "murugan")
    assert (code, document["id"], document["filename"]) == (0, None, None)
    assert not Tracker.objects.exists()
    document, code = run(path, "--book", book.slug, "--user", "murugan", "--apply")
    tracker = Tracker.objects.get(pk=document["id"])
    assert (code, tracker.filename) == (0, document["filename"])
    assert {"cell": "C14", "old": None, "new": "500.00"} in document["to_apply"]
    assert (tracker.total_paid, ledger_total(tracker)) == (1000, 1000)
    assert read(store.path_of(tracker).read_bytes(), thorough=True).is_as_written
    assert path.read_bytes() == his


def test_same_original_twice_is_one_tracker(book, tmp_path):
    path = tmp_path / "his.xlsx"
    path.write_bytes(original("50K", filled=FILLED))
    run(path, "--book", book.slug, "--user", "murugan", "--apply")
    document, code = run(path, "--book", book.slug, "--user", "murugan", "--apply")
    assert code == 1
    assert "has this tracker already" in document["error"]
    assert Tracker.objects.count() == 1


def test_rows_before_the_book_begins_are_not_posted(tmp_path):
    book = world.book(begins_on=date(2024, 10, 18))
    path = tmp_path / "his.xlsx"
    path.write_bytes(original("50K", filled=FILLED))
    document, _ = run(path, "--book", book.slug, "--user", "murugan", "--apply")
    tracker = Tracker.objects.get(pk=document["id"])
    assert (tracker.total_paid, ledger_total(tracker)) == (1000, 500)


def test_closed_days_of_an_original_wait_for_adjust(book, tmp_path):
    closing.close_day(book, date(2024, 10, 17))
    path = tmp_path / "his.xlsx"
    path.write_bytes(original("50K", filled=FILLED))
    document, code = run(path, "--book", book.slug, "--user", "murugan")
    assert code == 1
    assert next(one["cell"] for one in document["refused"] if "--adjust" in one["reason"]) == "C14"
    document, code = run(path, "--book", book.slug, "--user", "murugan", "--apply", "--adjust")
    tracker = Tracker.objects.get(pk=document["id"])
    assert (code, tracker.total_paid, ledger_total(tracker)) == (0, 1000, 1000)
    assert LedgerEntry.objects.filter(adjusts_date=date(2024, 10, 17)).exists()


def test_workbook_whose_tracker_is_lost_comes_back_under_its_customer(johns):
    data = copy_of(johns)
    with pytest.raises(NotATracker, match="here already"):
        adopt.compare_new(johns.book, data)
    Tracker.objects.filter(pk=johns.pk).update(uid=uuid.uuid4(), tracker_name="Another")  # its row is lost
    uploaded, comparison = adopt.compare_new(johns.book, data)
    tracker = adopt.adopt_new(johns.customer, uploaded, comparison)
    assert (tracker.total_paid, ledger_total(tracker)) == (500, 500)


def test_command_compares_a_copy_and_applies_it(johns, tmp_path):
    path = tmp_path / "copy.xlsx"
    path.write_bytes(copy_of(johns, day2="700", day4="five"))
    document, code = run(path, "--tracker", johns.pk)
    assert code == 1
    assert document["to_apply"] == [{"cell": "C15", "old": None, "new": "700.00"}]
    assert [one["cell"] for one in document["refused"]] == ["C17"]
    assert Tracker.objects.get(pk=johns.pk).version == johns.version
    run(path, "--tracker", johns.filename, "--apply")
    assert Tracker.objects.get(pk=johns.pk).total_paid == 1200


def with_formula(data, cell, formula=b"250+250", value=b"500"):
    """The workbook with a formula in an input cell of the tracker's sheet, as a spreadsheet program stores it."""
    sheet = parts(data)[SHEET]
    start = sheet.index(b'<c r="%b"' % cell.encode())
    end = min(place for mark in (b"/>", b"</c>") if (place := sheet.find(mark, start) + len(mark)) >= len(mark))
    cell = b'<c r="%b"><f>%b</f><v>%b</v></c>' % (cell.encode(), formula, value)
    return with_parts(data, {SHEET: sheet[:start] + cell + sheet[end:]})


def test_a_formula_in_an_input_cell_is_named_with_its_value_and_taken_only_when_staff_says_so(johns):
    data = with_formula(copy_of(johns), "C15")
    compared = adopt.compare_copy(johns, data)
    assert compared.comparison.to_apply == ()
    (change,) = compared.comparison.formulas
    assert (change.cell, change.old, change.new) == ("C15", None, Decimal(500))
    assert not compared.changes_nothing
    assert "C15 holds a formula that shows 500.00" in adopt.formula_of(change)
    assert adopt_all(johns, data)[1] == []
    tracker, changes = adopt_all(johns, data, take=["C15"])
    assert [change.cell for change in changes] == ["C15"]
    assert (tracker.total_paid, ledger_total(tracker)) == (1000, 1000)


def test_a_formula_that_shows_what_lendbook_has_changes_nothing(johns):
    assert adopt.compare_copy(johns, with_formula(copy_of(johns), "C14")).changes_nothing


def test_a_formula_in_a_closed_day_wants_both_yeses(johns):
    data = with_formula(copy_of(johns), "C15")
    closing.close_day(johns.book, date(2024, 10, 20))
    assert adopt_all(johns, data, take=["C15"])[1] == []
    assert adopt_all(johns, data, adjust=True)[1] == []
    assert [change.cell for change in adopt_all(johns, data, take=["C15"], adjust=True)[1]] == ["C15"]


def test_the_command_takes_a_formulas_value_only_when_it_is_named(johns, tmp_path):
    path = tmp_path / "copy.xlsx"
    path.write_bytes(with_formula(copy_of(johns, day3="700"), "C15"))
    document, code = run(path, "--tracker", johns.pk, "--apply")
    assert code == 1
    assert [one["cell"] for one in document["to_apply"]] == ["C16"]
    (refused,) = document["refused"]
    assert refused["cell"] == "C15"
    assert "shows 500.00" in refused["reason"]
    assert "--take C15" in refused["reason"]
    assert Tracker.objects.get(pk=johns.pk).total_paid == 1200
    assert run(path, "--tracker", johns.pk, "--take", "C99")[1] == 2
    document, code = run(path, "--tracker", johns.pk, "--take", "C15", "--apply")
    assert (code, Tracker.objects.get(pk=johns.pk).total_paid) == (0, 1700)


def test_formulas_of_a_lenders_own_workbook_are_named_and_taken_when_staff_says_so(book, tmp_path):
    path = tmp_path / "own.xlsx"
    path.write_bytes(with_formula(original("50K", filled=FILLED | {"A20": 50, "C20": 1}), "C20"))
    document, code = run(path, "--book", book.slug, "--user", "murugan", "--apply")
    assert code == 1
    assert [one["cell"] for one in document["refused"]] == ["C63"]  # day 50's own place
    tracker = Tracker.objects.get(pk=document["id"])
    assert tracker.total_paid == 1000
    document, code = run(path, "--tracker", tracker.pk, "--apply", "--take", "formulas")
    assert (code, Tracker.objects.get(pk=tracker.pk).total_paid) == (0, 1500)


def test_terms_that_are_formulas_make_no_tracker_unless_they_are_taken(book, tmp_path):
    path = tmp_path / "own.xlsx"
    path.write_bytes(with_formula(original("50K", filled=FILLED), "B6", b"5*10000", b"50000"))
    document, code = run(path, "--book", book.slug, "--user", "murugan", "--apply")
    assert code == 1
    assert "repeat with --take B6" in document["error"]
    assert not Tracker.objects.filter(customer__user__username="murugan").exists()
    document, code = run(path, "--book", book.slug, "--user", "murugan", "--apply", "--take", "formulas")
    assert (code, Tracker.objects.get(pk=document["id"]).investment) == (0, 50000)


def test_wrong_use_of_the_command_is_exit_2(johns):
    assert run("x.xlsx")[1] == 2
    assert run("x.xlsx", "--tracker", johns.pk, "--book", "main-street")[1] == 2


FILLED = {
    "B3": "Murugan",
    "B6": 50000,
    "B7": "100 (Days)",
    "B8": 500,
    "B9": "Reinvest ₹50K",
    "B10": START,
    "A14": 1,
    "C14": 500,
    "E14": "Cash",
    "A15": 2,
    "C15": "₹500",
    "E15": "UPI",
}
