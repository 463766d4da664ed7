"""A database put back beside newer workbooks, a folder put back beside newer rows, and whatever else may lie there:

for each state the commands that `verify` names are run word for word until it says sound, and all that was acknowledged
up to the newest moment of either is in the ledger and in the workbooks, once.
"""

import itertools
import json
import os
import re
import shutil
from datetime import date
from decimal import Decimal

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse

from ledger import closing
from ledger import services as ledger
from ledger.models import LedgerEntry
from lendbook import verifying
from shop.imports import wizard
from shop.models import Role
from tests import world
from tests.lendbook.planted import both, run, sql
from tests.trackers.test_adopt import typed_over
from trackers import handed_over, receipts, services, store
from trackers.importing.loans import LoanImporter
from trackers.models import Tracker
from trackers.workbook.read import read

pytestmark = pytest.mark.django_db
MOMENTS = ("morning", "noon", "evening")
FOLDERS = ("daily-trackers", "versions")


class Shop:
    """Two loans through a day of three moments; each moment's database and folders can be put back."""

    def __init__(self, tmp_path):
        self.book, self.kept, self.points, self.truth = world.book(), tmp_path / "kept", {}, {}
        self.ravi = world.person("ravi")
        ledger.set_member(self.book, self.ravi, Role.STAFF)
        self.john, self.mary = self._opened("john", post_disbursement=True), self._opened("mary")
        self._pay(self.john, 1, "500", notes="in the shop")
        self._pay(self.john, 1, "200", mode="UPI", add=True)
        self._pay(self.john, 2, "500", withdrawn=Decimal(50))
        self._pay(self.mary, 1, "300")
        self._keep("morning")
        self._pay(self.john, 2, "450", mode="Cheque")
        self._pay(self.john, 3, "500.50")
        self._pay(self.mary, 2, "0")
        self._keep("noon")
        services.move_payment(self.john, 3, self.mary, 5)
        self._pay(self.john, 4, "750", mode="UPI")
        self._pay(self.john, 6, "120", notes="late")
        self._keep("evening")

    def _opened(self, login, **options):
        return services.open_tracker(
            customer=services.customer_for(self.book, login, login.title()),
            tracker_name=f"{login.title()}'s shop",
            tracker_type="50K",
            start_date=date(2024, 10, 16),
            **options,
        )

    def _pay(self, tracker, day, amount, **fields):
        services.record_payment(tracker, day, paid=Decimal(amount), **fields)

    def _keep(self, moment):
        for name in FOLDERS:
            shutil.copytree(settings.DATA_DIR / name, self.kept / moment / name)
        self.truth[moment] = in_workbooks(self.book)
        self.points[moment] = transaction.savepoint()

    def put_back(self, database, folder, versions):
        """Put the database, the workbooks and the kept versions back to a moment each; None: the folder is empty.

        A database that was put back knows later moments no more: of several states the later ones come first.
        """
        transaction.savepoint_rollback(self.points[database])
        shutil.rmtree(settings.DATA_DIR / "orphans", ignore_errors=True)
        for name, moment in zip(FOLDERS, (folder, versions), strict=True):
            shutil.rmtree(settings.DATA_DIR / name)
            if moment:
                shutil.copytree(self.kept / moment / name, settings.DATA_DIR / name)
            else:
                (settings.DATA_DIR / name).mkdir(mode=0o700)


@pytest.fixture
def shop(db, tmp_path):
    return Shop(tmp_path)


def in_workbooks(book):
    """{(tracker, day): (paid, withdrawn)} of the workbooks, where something was paid or withdrawn."""
    return {
        (tracker.pk, day): (values.get("paid"), values.get("withdrawn"))
        for tracker in Tracker.objects.filter(book=book)
        for day, values in services.contents_of(tracker).days.items()
        if values.get("paid") or values.get("withdrawn")
    }


def in_ledger(book):
    """The same of the ledger's live entries."""
    found = {}
    for ref, amount in live_of(book).exclude(source_ref__endswith=":disbursed").values_list("source_ref", "amount"):
        pk, day, column, _ = ref.split(":")
        values = found.setdefault((int(pk), int(day)), {})
        values[column] = values.get(column, 0) + amount
    return {key: (values.get("paid"), values.get("withdrawn")) for key, values in found.items()}


def live_of(book):
    return LedgerEntry.objects.filter(book=book, source="tracker", deleted_at=None, reversed_at=None)


def handed_over_in(book):
    """{customer: what left the cash box} of the live Loan Disbursements."""
    found = live_of(book).filter(source_ref__endswith=":disbursed", account__name="Cash")
    trackers = {str(tracker.pk): tracker.customer.name for tracker in Tracker.objects.select_related("customer")}
    return {trackers[entry.reference]: entry.amount for entry in found}


def in_receipts(book):
    """{(tracker, day): the sum of the receipts that stand}."""
    return {
        (tracker.pk, day): sum(one.amount for one in standing)
        for tracker in Tracker.objects.filter(book=book)
        for day, standing in receipts.by_day(tracker).items()
    }


def made_sound(most=4):
    """Run what verify names, word for word, until it finds nothing; returns the commands that were run."""
    done = []
    for _ in range(most):
        code, said = run("verify")
        if code == 0:
            assert "sound" in said
            return done
        named = re.findall(r"^  Mend: (.+)$", said, re.MULTILINE)
        assert named, said
        for command in dict.fromkeys(named):
            code, answer = run(*command.split())
            # A remedy run a moment earlier may have brought a newer file to light: then this one asks, and loses nothing.
            assert code == 0 or "says what Lendbook does not know" in answer, f"{command}: {answer}"
            done.append(command)
    raise AssertionError([fault.text for fault in verifying.verify().faults])


def assert_all_is_there(book, truth, state=""):
    assert in_workbooks(book) == truth, state
    assert in_ledger(book) == truth, state
    assert handed_over_in(book) == {"John": 50_000}, state  # Mary's was left out by choice
    assert in_receipts(book) == {key: paid for key, (paid, _) in truth.items() if paid}, state
    for tracker in Tracker.objects.filter(book=book):
        assert tracker.total_paid == sum(paid or 0 for (pk, _), (paid, _) in truth.items() if pk == tracker.pk), state


def newest(*moments):
    return max((moment for moment in moments if moment), key=MOMENTS.index)


# ------------------------------------------------------------------------------------------------ every state


LATER_FIRST = tuple(reversed(MOMENTS))


@pytest.mark.parametrize("folder", [*MOMENTS, None])
def test_database_and_folder_of_different_moments_come_together_again(shop, folder):
    for database, versions in itertools.product(LATER_FIRST, [*MOMENTS, None]):
        shop.put_back(database, folder, versions)
        done = made_sound()
        state = f"database {database}, folder {folder}, versions {versions}: {done}"
        assert_all_is_there(shop.book, shop.truth[newest(database, folder, versions)], state)
        is_sound = database == folder and newest(database, versions) == database
        assert bool(done) != is_sound, state


def a_folder(path, shop):
    path.unlink()
    path.mkdir()
    path.joinpath("something.txt").write_text("kept")


def a_link_to_nothing(path, shop):
    path.unlink()
    path.symlink_to("nowhere.xlsx")


def a_link_to_the_file(path, shop):
    elsewhere = path.parent.parent / f"elsewhere-{path.name}"
    path.replace(elsewhere)
    path.symlink_to(elsewhere)


def a_pipe(path, shop):
    path.unlink()
    os.mkfifo(path)


def half_a_file(path, shop):
    path.write_bytes(path.read_bytes()[:2000])


def nothing_in_it(path, shop):
    path.write_bytes(b"")


def too_large(path, shop):
    path.write_bytes(b"x" * (store.MAX_BYTES + 1))


def another_ones(path, shop):
    other = {shop.john.filename: shop.mary, shop.mary.filename: shop.john}[path.name]
    kept = shop.kept / "evening" / "daily-trackers" / other.filename
    shutil.copyfile(kept, path)


def no_workbook(path, shop):
    path.write_text("day,paid\n1,500\n")


STRANGE = (a_folder, a_link_to_nothing, a_link_to_the_file, a_pipe, half_a_file, nothing_in_it, too_large, another_ones,
           no_workbook)  # fmt: skip


@pytest.mark.parametrize("strange", STRANGE, ids=lambda make: make.__name__)
def test_whatever_lies_at_the_workbooks_names_nothing_acknowledged_is_lost(shop, strange):
    states = [("evening", "noon", "noon"), ("evening", "morning", None), ("noon", "noon", "noon"),
              ("noon", "evening", None), ("morning", "noon", "noon"), ("morning", "evening", "morning")]  # fmt: skip
    for database, folder, versions in states:
        shop.put_back(database, folder, versions)
        for tracker in (shop.john, shop.mary):
            strange(store.path_of(tracker), shop)
        done = made_sound()
        state = f"database {database}, folder {folder}, versions {versions}: {done}"
        assert done
        still_read = {a_link_to_the_file: folder, another_ones: "evening"}.get(strange)
        assert_all_is_there(shop.book, shop.truth[newest(database, versions, still_read)], state)
        for tracker in (shop.john, shop.mary):
            assert store.path_of(tracker).is_file(), state
            assert not store.path_of(tracker).is_symlink(), state
        kept = [*store.versions_folder().glob("*-outside-*"), *settings.DATA_DIR.glob("orphans/daily-trackers/*")]
        assert len(kept) >= 2, state


# ------------------------------------------------------------------------------------------------ what it says


def remedies():
    return {fault.text: fault.remedy for fault in verifying.verify().faults}


def test_a_database_put_back_is_called_so_with_what_the_workbook_has_more_and_adopting_says_it_too(shop):
    shop.put_back("noon", "evening", None)
    said, remedy = next((text, how) for text, how in remedies().items() if shop.john.filename in how)
    john = Tracker.objects.get(pk=shop.john.pk)
    assert f"The database was put back: its row is version {john.version}, the workbook {john.filename}" in said
    assert f"version {john.version + 3}" in said
    assert "day 4: 750" in said
    assert "day 3: nothing instead of 500.5" in said
    assert remedy == f"adopt_workbook {store.path_of(john)} --tracker {john.filename} --apply"
    with pytest.raises(ValidationError, match=r"read-only since .* The database was put back"):
        services.record_payment(john, 9, paid=Decimal(1))
    numbers = {one.number for one in receipts.of_tracker(john)}
    run(*remedy.split())
    assert {one.number for one in receipts.of_tracker(john)} > numbers


def test_today_beside_yesterdays_folder_is_shown_first_and_then_built_from_ledger_and_receipts(shop):
    shop.put_back("evening", "morning", None)
    name = shop.john.filename
    assert f"rebuild_workbook {name} --from-ledger --apply" in remedies().values()
    code, said = run("rebuild_workbook", name)
    assert (code, "--from-ledger" in said) == (1, True)
    code, said = run("rebuild_workbook", name, "--from-ledger")
    assert code == 0
    assert "Day 4, 2024-10-20: paid 750.00, mode UPI" in said
    assert "Not known: What was written into Notes since version" in said
    assert "Nothing was written yet" in said
    assert store.path_of(shop.john).read_bytes() == (shop.kept / "morning/daily-trackers" / name).read_bytes()
    code, said = run("rebuild_workbook", name, "--from-ledger", "--apply")
    assert (code, "from its ledger entries and receipts" in said) == (0, True)
    days = services.contents_of(shop.john).days
    assert (days[1]["notes"], days[2]["mode"], days[4]["mode"]) == ("in the shop", "Cheque", "UPI")
    assert "notes" not in days[6]  # written in the evening, of which no copy is left
    code, said = run("rebuild_workbook", name, "--from-ledger")
    assert (code, "says all of version" in said) == (1, True)


def test_building_anew_asks_before_it_leaves_out_what_a_file_says_more(shop):
    shop.put_back("noon", "evening", "evening")
    name = shop.john.filename
    code, said = run("rebuild_workbook", name)
    assert (code, "says what Lendbook does not know" in said, "day 4: 750" in said) == (1, True, True), said
    assert Tracker.objects.get(pk=shop.john.pk).total_paid == shop_total(shop, "noon")
    assert run("rebuild_workbook", name, "--yes")[0] == 0
    # It was put aside, but the copy that is kept of it is still offered.
    assert any("The database was put back" in text for text in remedies())
    made_sound()
    assert_all_is_there(shop.book, shop.truth["evening"])


def test_a_database_that_went_on_after_it_was_put_back_and_its_old_workbook_part_cell_by_cell(shop):
    shop.put_back("noon", None, None)
    made_sound()
    services.record_payment(shop.john, 4, paid=Decimal(600))
    services.record_payment(shop.john, 5, paid=Decimal(80))
    shutil.copyfile(shop.kept / "evening/daily-trackers" / shop.john.filename, store.path_of(shop.john))
    (said,) = [text for text in remedies() if shop.john.filename in text]
    assert "day 6: 120" in said
    path, name = str(store.path_of(shop.john)), shop.john.filename
    code, answer = run("adopt_workbook", path, "--tracker", name, "--apply")
    assert (code, "Nothing was written" in answer) == (1, True)
    assert not verifying.verify().is_sound
    decided = ("--take", "C17", "E17", "--leave", "all")
    assert run("adopt_workbook", path, "--tracker", name, "--apply", *decided)[0] == 0
    days = services.contents_of(shop.john).days
    assert [days[day]["paid"] for day in (3, 4, 5, 6)] == [Decimal("500.50"), 750, 80, 120]
    made_sound()
    assert in_ledger(shop.book) == in_workbooks(shop.book)


def test_a_workbook_of_another_tracker_that_is_newer_is_taken_in_by_its_own(shop):
    shop.put_back("morning", "morning", "morning")
    newer = (shop.kept / "evening/daily-trackers" / shop.mary.filename).read_bytes()
    store.path_of(shop.john).write_bytes(newer)
    assert any(f"--tracker {shop.mary.filename} --apply" in command for command in made_sound())
    wanted = {key: value for key, value in shop.truth["evening"].items() if key[0] == shop.mary.pk}
    wanted |= {key: value for key, value in shop.truth["morning"].items() if key[0] == shop.john.pk}
    assert_all_is_there(shop.book, wanted)


def lose(shop, tracker, has_versions=True):
    """Put the database back to before a tracker was opened; its files stay."""
    stem = tracker.filename.removesuffix(".xlsx")
    kept = {path: path.read_bytes() for path in settings.DATA_DIR.glob(f"*/{stem}*")}
    shop.put_back("evening", "evening", "evening")
    assert not Tracker.objects.filter(uid=tracker.uid).exists()
    for path, content in kept.items():
        if has_versions or path.parent == store.folder():
            path.write_bytes(content)


@pytest.mark.parametrize("has_versions", [True, False])
@pytest.mark.parametrize("closed", [None, date(2024, 10, 16), date(2024, 10, 17)])
@pytest.mark.parametrize("paid", [(), ("900", "100")])
def test_a_tracker_opened_after_the_databases_moment_is_adopted_with_what_was_handed_over(
    shop, paid, closed, has_versions
):
    anna = shop._opened("anna", post_disbursement=True)
    for day, amount in enumerate(paid, 1):
        services.record_payment(anna, day, paid=Decimal(amount))
    handed, collected = handed_over_in(shop.book), in_ledger(shop.book)
    acknowledged = sum(values[0] or 0 for values in collected.values())
    assert handed == {"John": 50_000, "Anna": 50_000}
    lose(shop, anna, has_versions)
    if closed:
        closing.close_day(shop.book, closed)
    code, said = run("set_aside_orphans")
    assert (code, f"Left where it is: daily-trackers/{anna.filename}" in said) == (0, True)
    (command, *_) = [one for one in dict.fromkeys(remedies().values()) if "anna" in one]
    assert ("--post-disbursement" in command, "--adjust" in command) == (True, bool(closed))
    made_sound()
    brought = Tracker.objects.get(uid=anna.uid)
    assert brought.total_paid == sum(map(Decimal, paid))
    in_hand = {name.replace("anna", "Anna"): amount for name, amount in handed_over_in(shop.book).items()}
    assert in_hand == handed
    assert sum(values[0] or 0 for values in in_ledger(shop.book).values()) == acknowledged
    assert not handed_over.is_unknown_by_choice(brought)


def test_adopted_without_it_the_lost_disbursement_is_told_of_until_it_is_posted(shop, client):
    anna = shop._opened("anna", post_disbursement=True)
    services.record_payment(anna, 1, paid=Decimal(900))
    lose(shop, anna)
    whose = (str(store.path_of(anna)), "--book", shop.book.slug, "--user", "anna")
    code, said = run("adopt_workbook", *whose)
    assert (code, "--post-disbursement posts it as well" in said) == (0, True)
    code, said = run("adopt_workbook", *whose, "--apply", "--json")
    document = json.loads(said)
    told = "The cash box does not know of the 50,000.00 handed over on 16-10-2024"
    assert (code, len(document["warnings"])) == (0, 1)
    assert document["warnings"][0].startswith(told)
    brought = Tracker.objects.get(uid=anna.uid)
    client.force_login(shop.ravi)
    ledger.set_member(shop.book, shop.ravi, Role.OWNER)
    page = f"/books/{shop.book.slug}/trackers/{brought.pk}/"
    said = client.get(page).content.decode()
    assert (told in said, "Post it" in said) == (True, True)
    world.post(shop.book, "2024-10-01", amount="200000")  # else the page asks about cash that is not there
    client.post(reverse("trackers:post_disbursement", args=[shop.book.slug, brought.pk]))
    assert handed_over_in(shop.book) == {"John": 50_000, "anna": 50_000}
    assert told not in client.get(page).content.decode()


def test_a_closed_day_refuses_the_lost_disbursement_whole_and_names_both_ways_out(shop):
    anna = shop._opened("anna", post_disbursement=True)
    lose(shop, anna)
    closing.close_day(shop.book, date(2024, 10, 20))
    whose = (str(store.path_of(anna)), "--book", shop.book.slug, "--user", "anna", "--apply", "--post-disbursement")
    code, said = run("adopt_workbook", *whose)
    assert (code, "Repeat with --adjust, or without --post-disbursement." in said) == (1, True)
    assert not Tracker.objects.filter(uid=anna.uid).exists()
    code, said = run("adopt_workbook", *whose, "--adjust", "--json")
    (line,) = json.loads(said)["posted"]
    assert (code, line["account"], line["spent"]) == (0, "Cash", "50000.00")


def test_what_went_before_the_book_begins_is_neither_named_nor_posted_nor_told_of(shop):
    anna = shop._opened("anna")
    services.record_payment(anna, 5, paid=Decimal(900))
    lose(shop, anna)
    type(shop.book).objects.update(begins_on=date(2024, 10, 17))
    (command, *_) = [one for one in remedies().values() if "anna" in one]
    assert "--post-disbursement" not in command
    code, said = run(*command.split(), "--post-disbursement")
    assert (code, "before the book begins (17-10-2024) and is not posted" in said) == (0, True)
    assert "anna" not in handed_over_in(shop.book)
    assert not handed_over.is_unknown_by_choice(Tracker.objects.get(uid=anna.uid))


def test_of_a_lost_loan_that_was_running_before_it_came_here_no_disbursement_is_named(shop, tmp_path):
    path = tmp_path / "loans.csv"
    path.write_text("customer,given on,investment,per day,period,paid so far\nAnbu,2024-10-01,30000,300,120,900\n")
    assert wizard.import_now(LoanImporter(shop.book, user=shop.ravi), path).imported == 1
    anbu = Tracker.objects.get(customer__name="Anbu")
    services.record_payment(anbu, 20, paid=Decimal(300))
    lose(shop, anbu)
    commands = [one for one in remedies().values() if anbu.filename in one]
    assert commands
    assert not any("--post-disbursement" in one for one in commands)


def test_a_lost_loan_that_somebody_opened_once_more_is_a_leftover_where_nothing_was_paid(shop):
    anna = shop._opened("anna", post_disbursement=True)
    lose(shop, anna, has_versions=False)
    store.path_of(anna).rename(store.folder() / "tracker_anna_20240101_000000.xlsx")
    again = shop._opened("anna", post_disbursement=True)
    said = {text: how for text, how in remedies().items() if "anna" in text}
    assert all(f"its loan is here as {again.filename}" in text for text in said)
    assert set(said.values()) == {"set_aside_orphans"}
    made_sound()
    assert handed_over_in(shop.book) == {"John": 50_000, "Anna": 50_000}


def test_what_is_newer_in_a_closed_day_is_named_with_adjust(shop):
    shop.put_back("noon", "evening", None)
    closing.close_day(shop.book, date(2024, 10, 20))
    assert any("--apply --adjust" in remedy for remedy in remedies().values())
    run("adopt_workbook", str(store.path_of(shop.john)), "--tracker", shop.john.filename, "--apply")
    assert Tracker.objects.get(pk=shop.john.pk).total_paid == shop_total(shop, "noon")
    made_sound()
    assert in_workbooks(shop.book) == shop.truth["evening"]
    assert in_ledger(shop.book) == shop.truth["evening"]


def shop_total(shop, moment):
    return sum(paid or 0 for (pk, _), (paid, _) in shop.truth[moment].items() if pk == shop.john.pk)


def test_a_closed_tracker_takes_in_its_newer_workbook_too(shop):
    shop.put_back("noon", "evening", None)
    john = Tracker.objects.get(pk=shop.john.pk)
    services.close_tracker(john, closing=Tracker.Closing.WRITTEN_OFF)
    made_sound()
    assert_all_is_there(shop.book, shop.truth["evening"])
    assert not Tracker.objects.get(pk=shop.john.pk).is_active


def test_a_cell_that_cannot_be_read_keeps_the_file_where_it_is(shop):
    path = store.path_of(shop.john)
    path.write_bytes(typed_over(path.read_bytes(), {"day8": "five hundred", "day9": "60"}))
    before = path.read_bytes()
    (remedy,) = remedies().values()
    assert "--leave CELL" in remedy
    code, said = run("adopt_workbook", str(path), "--tracker", shop.john.filename, "--apply")
    assert (code, "C21" in said) == (1, True)
    assert path.read_bytes() == before
    assert not verifying.verify().is_sound
    options = ("--tracker", shop.john.filename, "--apply", "--leave", "C21")
    assert run("adopt_workbook", str(path), *options)[0] == 0
    assert verifying.verify().is_sound
    assert services.contents_of(shop.john).days[9]["paid"] == 60
    assert [kept for kept in store.versions_folder().glob("*-outside-*") if kept.read_bytes() == before]


def test_a_file_of_the_rows_number_that_says_something_else_is_not_taken_for_it(shop):
    """After a database was put back two versions bear one number: the number proves nothing."""
    path = store.path_of(shop.john)
    evening = path.read_bytes()
    shop.put_back("noon", "noon", None)
    for day, amount in ((7, "1"), (8, "2"), (9, "3")):
        services.record_payment(shop.john, day, paid=Decimal(amount))
    john = Tracker.objects.get(pk=shop.john.pk)
    assert john.version == read(evening).version
    for keep_versions in (True, False):
        if not keep_versions:
            shutil.rmtree(store.versions_folder())
            store.versions_folder().mkdir()
        path.write_bytes(evening)
        with pytest.raises(store.ChangedOutside):
            services.record_payment(john, 10, paid=Decimal(5))
    (remedy,) = remedies().values()
    assert "--take CELL or --leave CELL" in remedy
    assert run("adopt_workbook", str(path), "--tracker", john.filename, "--apply", "--leave", "all")[0] == 0
    days = services.contents_of(john).days
    assert [days[day]["paid"] for day in (4, 6, 7, 8, 9)] == [750, 120, 1, 2, 3]
    assert verifying.verify().is_sound


# ------------------------------------------------------------------------------------------------ from the ledger


def lost(tracker):
    """Every file of a tracker gone."""
    for name in FOLDERS:
        for path in (settings.DATA_DIR / name).glob(f"{tracker.filename.removesuffix('.xlsx')}*"):
            path.unlink()


def test_what_was_paid_before_the_book_began_comes_back_as_the_sum_that_the_row_remembers(tmp_path):
    book = world.book(begins_on=date(2024, 10, 20))
    tracker = services.open_tracker(
        customer=services.customer_for(book, "john", "John"), tracker_name="Shop", tracker_type="NO_REINVEST",
        start_date=date(2024, 10, 10),
    )  # fmt: skip
    for day in (1, 2, 3, 15):
        services.record_payment(tracker, day, paid=Decimal(3000))
    lost(tracker)
    code, said = run("rebuild_workbook", tracker.filename, "--from-ledger", "--apply")
    assert (code, "before the book began" in said) == (0, True)
    days = services.contents_of(tracker).days
    assert {day: values["paid"] for day, values in days.items()} == {9: 9000, 15: 3000}
    assert verifying.verify().is_sound


def test_a_payment_whose_entry_is_gone_comes_back_from_its_receipt(shop):
    entry = LedgerEntry.objects.get(source_ref=f"{shop.john.pk}:4:paid:1")
    sql("DELETE FROM ledger_ledgerentry WHERE id = %s", entry.pk)
    lost(shop.john)
    assert run("rebuild_workbook", shop.john.filename, "--from-ledger", "--apply")[0] == 0
    assert in_workbooks(shop.book) == shop.truth["evening"]
    made_sound()
    assert_all_is_there(shop.book, shop.truth["evening"])


def test_what_the_row_remembers_and_nothing_else_knows_is_asked_about(shop):
    more = {"total_paid": 900_000, "pending": 0, "expected": 900_000}
    both("trackers_tracker", more, shop.mary.pk)
    lost(shop.mary)
    code, said = run("rebuild_workbook", shop.mary.filename, "--from-ledger", "--apply")
    assert (code, "stands neither in the ledger nor in a receipt" in said) == (1, True)
    assert run("rebuild_workbook", shop.mary.filename, "--from-ledger", "--apply", "--yes")[0] == 0


def test_the_page_offers_each_way_out_and_takes_it(shop, client):
    where = f"/books/{shop.book.slug}/trackers/{shop.john.pk}/compare/"
    shop.put_back("evening", "morning", None)
    client.force_login(shop.ravi)
    said = client.get(where).content.decode()
    assert "Every copy of version" in said
    assert "750.00" in said
    assert "from its ledger entries and receipts" in said
    client.post(where, {"rebuild": "1"})
    days = services.contents_of(shop.john).days
    wanted = {day: paid for (pk, day), (paid, _) in shop.truth["evening"].items() if pk == shop.john.pk}
    assert {day: values["paid"] for day, values in days.items()} == wanted
    shop.put_back("noon", "noon", "evening")
    client.force_login(shop.ravi)
    said = client.get(where).content.decode()
    assert "The database was put back" in said
    name = f"{shop.john.filename.removesuffix('.xlsx')}.v{Tracker.objects.get(pk=shop.john.pk).version + 3}.xlsx"
    page = client.post(where, {"holding": name}, follow=True)
    assert "What differs is newer" in page.content.decode()
    client.post(page.request["PATH_INFO"], {"seen": Tracker.objects.get(pk=shop.john.pk).version})
    assert services.contents_of(shop.john).days[4]["paid"] == 750
    assert client.post(where, {"holding": "../../secret_key"}).status_code == 422
