"""What check_trackers finds and mends: files, rows and ledger made to disagree in every way."""

import json
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from ledger.models import LedgerEntry
from tests.trackers.test_adopt import ledger_total, typed_over
from tests.trackers.workbooks import SHEET, as_excel_saves, with_parts
from trackers import posting, services, soundness, store
from trackers.models import Tracker

pytestmark = pytest.mark.django_db


@pytest.fixture
def johns(johns):
    services.record_payment(johns, 1, paid=Decimal(300))
    services.record_payment(johns, 1, paid=Decimal(200), mode="UPI", add=True)
    return services.record_payment(johns, 2, paid=Decimal(500)).tracker


def kinds(book=None, **options):
    return [finding.kind for finding in soundness.findings(book, **options)]


def test_sound_trackers_have_no_findings_and_a_repair_touches_nothing(johns):
    assert kinds(repair=True) == []
    assert Tracker.objects.get().version == johns.version


def test_total_that_differs_is_found_and_mended_and_the_parts_of_a_day_stay(johns):
    Tracker.objects.update(total_paid=Decimal(900), pending=Decimal(100))
    assert kinds() == ["total differs", "total differs"]
    assert kinds(repair=True) == []
    assert Tracker.objects.get().total_paid == 1000
    assert len(posting.parts_of(johns, 1)) == 2


def test_ledger_that_differs_is_posted_anew_and_an_entry_without_a_cell_goes(johns):
    entry = posting.parts_of(johns, 2)[1]
    LedgerEntry.objects.filter(pk=entry.pk).update(amount=Decimal(450))
    entry.pk, entry.source_ref = None, f"{johns.pk}:7:paid:1"
    entry.save()
    assert kinds() == ["ledger differs", "ledger differs"]
    assert kinds(repair=True) == []
    assert ledger_total(johns) == 1000


def test_missing_workbook_is_named_and_rebuilt(johns):
    store.path_of(johns).unlink()
    assert kinds(repair=True) == ["missing"]
    tracker, source = services.rebuild_workbook(johns)
    assert "kept copy" in source
    assert (kinds(), tracker.total_paid, ledger_total(tracker)) == ([], 1000, 1000)


def test_orphan_is_named_and_left_alone(johns):
    orphan = store.folder() / "tracker_nobody_20240101_000000.xlsx"
    orphan.write_bytes(store.path_of(johns).read_bytes())
    assert kinds(repair=True) == ["orphan"]
    assert orphan.exists()
    assert kinds(johns.book) == []


def test_file_changed_outside_is_named_and_never_repaired_over(johns):
    foreign = typed_over(store.path_of(johns).read_bytes(), {"day5": "900"})
    store.path_of(johns).write_bytes(foreign)
    assert kinds(repair=True) == ["changed outside"]
    assert store.path_of(johns).read_bytes() == foreign


def test_file_saved_again_in_excel_is_no_fault(johns):
    store.path_of(johns).write_bytes(as_excel_saves(store.path_of(johns).read_bytes()))
    assert kinds() == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: b"day,paid\n1,500\n",
        lambda data: with_parts(data, {SHEET: b'<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet/>'}),
    ],
)
def test_damaged_workbook_is_a_finding_and_comes_back_from_the_kept_copy(johns, damage):
    store.path_of(johns).write_bytes(damage(store.path_of(johns).read_bytes()))
    assert len(kinds(repair=True)) == 1
    tracker, _ = services.rebuild_workbook(johns)
    assert kinds() == []
    assert tracker.total_paid == 1000
    assert list(store.versions_folder().glob("*-outside-*"))


def test_waiting_rename_is_finished_first(johns, monkeypatch):
    monkeypatch.setattr(store, "settle", lambda *trackers: None)
    services.record_payment(johns, 3, paid=Decimal(500))
    monkeypatch.undo()
    assert kinds() == []
    assert not list(store.folder().glob(".*.waiting"))


def test_command_says_what_is_wrong_and_how_to_mend_it(johns):
    store.path_of(johns).unlink()
    out = StringIO()
    with pytest.raises(CommandError) as refused:
        call_command("check_trackers", "--json", stdout=out, stderr=StringIO())
    assert refused.value.returncode == 1
    fault = json.loads(out.getvalue())["faults"][0]
    assert (fault["filename"], fault["kind"]) == (johns.filename, "missing")
    assert fault["mend"] == f"rebuild_workbook {johns.filename}"
