"""Backups while people work, killed backups and restores: what comes back is what was acknowledged, up to one moment."""

import json
import multiprocessing
import random
import shutil
import time
from decimal import Decimal
from hashlib import sha256

import pytest
from django.core.management.base import CommandError
from django.db import connection, connections

from lendbook import instance
from lendbook.backups import contents, database, make, restore
from lendbook.backups.archive import Archive, ArchiveError
from tests import world
from tests.crash import run_killed_at
from tests.restoring import another_tracker, books_in, empty_database, restored
from tests.torture import count
from trackers import services, store
from trackers.models import Tracker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.torture, pytest.mark.long]

DRILLS = count(5, 50)
AT_A_TIME = 5  # drills beside one crowd of writers
WRITERS = 3


@pytest.fixture(autouse=True)
def home(settings, tmp_path_factory, monkeypatch):
    settings.DATA_DIR = instance.make_folders(tmp_path_factory.mktemp("home"), "testing")
    monkeypatch.setattr("django_q.tasks.async_task", lambda *args, **kwargs: None)
    return settings.DATA_DIR


# ------------------------------------------------------------------------------------------------ drills


class Crowd:
    """Writers in processes of their own, each a payment and an entry in turn; their diaries say when each was begun

    and acknowledged (seconds of one clock for all).
    """

    def __init__(self, folder):
        self.folder, self.fork = folder, multiprocessing.get_context("fork")
        self.book = world.book()
        customer = services.customer_for(self.book, "john", "John")
        self.trackers = [another_tracker(customer, f"Of {number}") for number in range(WRITERS)]
        self.stop = self.fork.Event()

    def __enter__(self):
        connections.close_all()
        self.writers = [self.fork.Process(target=self._write, args=(number,)) for number in range(WRITERS)]
        for writer in self.writers:
            writer.start()
        return self

    def __exit__(self, *fault):
        self.stop.set()
        for writer in self.writers:
            writer.join(60)
            writer.kill()

    def _write(self, number):
        connections.close_all()
        tracker, day = self.trackers[number], 0
        with (self.folder / f"{number}.diary").open("w", buffering=1) as diary:
            while not self.stop.is_set() and day < 300:
                day += 1
                for what, work in (
                    (["payment", tracker.pk, day], lambda day=day: services.record_payment(
                        Tracker.objects.get(pk=tracker.pk), day, paid=Decimal(day)
                    )),
                    (["entry", f"{number}-{day:04}"], lambda day=day: world.post(
                        self.book, "2024-01-05", reference=f"{number}-{day:04}"
                    )),
                ):  # fmt: skip
                    diary.write(json.dumps(["begun", time.monotonic(), what]) + "\n")
                    work()
                    diary.write(json.dumps(["acknowledged", time.monotonic(), what]) + "\n")
                if number:  # the first writer never rests, so that its workbook moves on all the time
                    time.sleep(0.02)

    def diaries(self):
        """Per writer: [(what, begun at, acknowledged at or None)] in order."""
        for path in sorted(self.folder.glob("*.diary")):
            works = {}
            for line in path.read_text().splitlines():
                event, at, what = json.loads(line)
                works.setdefault(tuple(what), {})[event] = at
            yield [(what, times["begun"], times.get("acknowledged")) for what, times in works.items()]


def check_prefix(crowd, found, began, ended):
    """What came back of each writer's work is a prefix of it that ends between the backup's begin and end."""
    for diary in crowd.diaries():
        there = [
            what[1] in found.entries if what[0] == "entry" else found.payments[what[1]].get(what[2]) == what[2]
            for what, _, _ in diary
        ]
        length = sum(there)
        assert there == [True] * length + [False] * (len(there) - length), "a gap in the middle"
        for (what, begun, acknowledged), is_there in zip(diary, there, strict=True):
            assert is_there or acknowledged is None or acknowledged > began, f"{what} was acknowledged before, and lost"
            assert not is_there or begun < ended, f"{what} was begun after the backup, and is in it"
    known = {what for diary in crowd.diaries() for what, _, _ in diary}
    assert {("entry", reference) for reference in found.entries} <= known
    assert len(found.entries) == len(set(found.entries))
    assert {("payment", pk, day) for pk, days in found.payments.items() for day in days} <= known


def drill(folder, draw, times):
    """Back up `times` times beside a crowd, restore each archive and compare it with the diaries."""
    folder.mkdir()
    made = []
    with Crowd(folder) as crowd:
        for number in range(times):
            time.sleep(draw.uniform(0.2, 0.8))
            began = time.monotonic()
            report = make.back_up(folder / f"{number}.zip")
            made.append((report.path, began, time.monotonic()))
            assert report.warnings == []
        time.sleep(0.3)
    for number, (path, began, ended) in enumerate(made):
        with restored(path, folder / f"new-{number}") as (place, answer):
            check_prefix(crowd, books_in(place, answer), began, ended)


def test_what_is_restored_is_a_prefix_of_acknowledged_work(tmp_path, seed, tally):
    draw = random.Random(seed)
    for round_ in range(0, DRILLS, AT_A_TIME):
        drill(tmp_path / f"round-{round_}", draw, AT_A_TIME)
        shutil.rmtree(tmp_path / f"round-{round_}")
        _empty()
    tally("backups beside three writers, restored and compared", DRILLS)


def _empty():
    """Away with the round's books, so that the next one begins anew."""
    from django.core.management import call_command

    call_command("flush", interactive=False, verbosity=0)
    for path in [*store.folder().iterdir(), *store.versions_folder().iterdir()]:
        path.unlink()


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="SQLite's files can be copied, wrongly")
def test_copying_the_database_s_file_instead_is_noticed(tmp_path, seed, tally, monkeypatch):
    """The protection taken out: the file alone lacks what its journal holds."""

    def copied(self, path, progress):
        shutil.copyfile(connection.settings_dict["NAME"], path)

    # A journal of a thousand pages is brought into the file by every commit, and the file is then the moment itself.
    options = connection.settings_dict["OPTIONS"]
    monkeypatch.setitem(options, "init_command", f"{options['init_command']} PRAGMA wal_autocheckpoint=0;")
    monkeypatch.setattr(database._SqliteMoment, "save", copied)
    with pytest.raises((AssertionError, CommandError, ArchiveError)):
        drill(tmp_path / "drill", random.Random(seed), 2)
    tally.caught("the backup API (the database's file copied instead)")


def test_taking_workbooks_as_they_lie_is_noticed(tmp_path, seed, tally, monkeypatch):
    """The protection taken out: a workbook that moved on is of another moment than the database."""
    moved_on = []

    def as_they_lie(tracker):
        until = time.monotonic() + 30
        content = store.path_of(tracker).read_bytes()
        while not moved_on and sha256(content).hexdigest() == tracker.sha256 and time.monotonic() < until:
            time.sleep(0.02)
            content = store.path_of(tracker).read_bytes()
        if sha256(content).hexdigest() != tracker.sha256:
            moved_on.append(tracker)
        return content, True

    monkeypatch.setattr(contents.store, "read_recorded", as_they_lie)
    with pytest.raises((AssertionError, CommandError)):
        drill(tmp_path / "drill", random.Random(seed), 2)
    tally.caught("workbooks by the sha256 of the database's moment")


# ------------------------------------------------------------------------------------------------ killed


def begun(home):
    book = world.book()
    tracker = another_tracker(services.customer_for(book, "john", "John"))
    services.record_payment(tracker, 1, paid=Decimal(500))
    (home / "templates" / "book-1.xlsx").write_bytes(b"the owner's own")
    return tracker


def test_a_killed_backup_leaves_no_archive_that_looks_whole_and_the_next_clears_up(home, tmp_path, tally):
    begun(home)
    place, step, killed = tmp_path / "kept", 0, 0
    place.mkdir()
    while True:
        outcome = run_killed_at(step, lambda: make.back_up(place))
        for path in place.glob("*.zip"):
            with Archive(path) as archive:
                archive.read_through()
            path.unlink()
        if not outcome.killed:
            assert outcome.acknowledged
            break
        killed += 1
        step += count(5, 1)
    assert killed > 5
    run_killed_at(8, lambda: make.back_up(place))
    report = make.back_up(place)
    assert list(place.iterdir()) == [report.path]
    assert not (home / ".backup").exists()
    tally("kill -9 during a backup", killed)


def unlooked(monkeypatch):
    """Restores that spare the look at the books, which runs in a process of its own."""
    monkeypatch.setattr(restore, "_checked", lambda *place: {"migrated": [], "faults": []})


def test_a_killed_restore_says_that_it_is_not_finished_and_is_run_again(home, tmp_path, tally, monkeypatch):
    tracker = begun(home)
    path = make.back_up(tmp_path / "kept.zip").path
    step = killed = 0
    while True:
        into = tmp_path / f"new-{step}"
        with empty_database() as url, monkeypatch.context() as spared:
            unlooked(spared)
            outcome = run_killed_at(step, lambda into=into, url=url: restore.restore(path, into, database_url=url))
            if not outcome.killed:
                assert outcome.acknowledged
                break
            killed += 1
            if not (into / "testing").exists():
                left = [one.name for one in into.glob(".restoring/*")]
                assert not left or any(name.startswith("NOT-FINISHED") for name in left)
            if killed == 3:
                spared.undo()  # once with the look at everything
            if (into / "testing").exists() and not (into / ".restoring" / restore.NOT_FINISHED).exists():
                with pytest.raises(ArchiveError, match="is not empty"):  # its note is gone: it was finished
                    restore.restore(path, into, database_url=url)
            else:
                assert restore.restore(path, into, database_url=url).faults == []
                assert [one.name for one in into.iterdir()] == ["testing"]
            held = (into / "testing" / "daily-trackers" / tracker.filename).read_bytes()
            assert store.sha256_of(held) == Tracker.objects.get(pk=tracker.pk).sha256
            if killed == 3:
                found = books_in(into / "testing", {"instance": "testing", "url": url})
                assert found.payments == {tracker.pk: {1: Decimal(500)}}
        shutil.rmtree(into)
        step += count(9, 1)
    assert killed > 5
    tally("kill -9 during a restore", killed)


def test_a_restore_that_was_killed_after_its_checks_never_takes_the_place_of_an_instance_made_since(
    home, tmp_path, monkeypatch
):
    begun(home)
    path, into = make.back_up(tmp_path / "kept.zip").path, tmp_path / "new"
    unlooked(monkeypatch)
    with empty_database() as url:
        with monkeypatch.context() as killed:
            killed.setattr(restore._Place, "finish", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                restore.restore(path, into, database_url=url)
        (into / "testing").mkdir()
        (into / "testing" / "db.sqlite3").write_bytes(b"somebody's books")
        with pytest.raises(ArchiveError, match="not empty"):
            restore.restore(path, into, database_url=url)
        assert (into / "testing" / "db.sqlite3").read_bytes() == b"somebody's books"
