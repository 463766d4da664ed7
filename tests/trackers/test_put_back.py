"""A database put back beside newer workbooks, a folder put back beside newer rows, and whatever else may lie there:

for each state the commands that `verify` names are run word for word until it says sound, and all that was acknowledged
up to the newest moment of either is in the ledger and in the workbooks, once.
"""

import itertools
import os
import re
import shutil
from datetime import date
from decimal import Decimal

import pytest
from django.conf import settings
from django.db import transaction

from ledger.models import LedgerEntry
from lendbook import verifying
from tests import world
from tests.lendbook.planted import run
from trackers import receipts, services, store
from trackers.models import Tracker

pytestmark = pytest.mark.django_db
MOMENTS = ("morning", "noon", "evening")
FOLDERS = ("daily-trackers", "versions")


class Shop:
    """Two loans through a day of three moments; each moment's database and folders can be put back."""

    def __init__(self, tmp_path):
        self.book, self.kept, self.points, self.truth = world.book(), tmp_path / "kept", {}, {}
        self.john, self.mary = (self._opened(login) for login in ("john", "mary"))
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

    def _opened(self, login):
        return services.open_tracker(
            customer=services.customer_for(self.book, login, login.title()),
            tracker_name=f"{login.title()}'s shop",
            tracker_type="50K",
            start_date=date(2024, 10, 16),
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
    live = LedgerEntry.objects.filter(book=book, source="tracker", deleted_at=None, reversed_at=None)
    for ref, amount in live.values_list("source_ref", "amount"):
        pk, day, column, _ = ref.split(":")
        values = found.setdefault((int(pk), int(day)), {})
        values[column] = values.get(column, 0) + amount
    return {key: (values.get("paid"), values.get("withdrawn")) for key, values in found.items()}


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
            assert code == 0, f"{command}: {answer}"
            done.append(command)
    raise AssertionError([fault.text for fault in verifying.verify().faults])


def assert_all_is_there(book, truth, state=""):
    assert in_workbooks(book) == truth, state
    assert in_ledger(book) == truth, state
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
        still_read = folder if strange is a_link_to_the_file else None
        assert_all_is_there(shop.book, shop.truth[newest(database, versions, still_read)], state)
        for tracker in (shop.john, shop.mary):
            assert store.path_of(tracker).is_file(), state
            assert not store.path_of(tracker).is_symlink(), state
        kept = [*store.versions_folder().glob("*-outside-*"), *settings.DATA_DIR.glob("orphans/daily-trackers/*")]
        assert len(kept) >= 2, state
