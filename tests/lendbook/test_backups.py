"""A backup holds one moment of the books, whole, and comes back as that; which are kept, who sees and takes them."""

import errno
import io
import json
import os
import shutil
import sqlite3
import stat
import zipfile
from contextlib import closing
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from ledger import services as ledger
from ledger.models import LedgerEntry
from lendbook.backups import contents, keep, make, tasks
from lendbook.backups.archive import Archive, Writing
from shop import jobs
from shop.models import Job, Role
from tests import world
from tests.restoring import books_in, refused, restored, told
from trackers import services, store
from trackers.models import Tracker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("home")]
AMOUNT = Decimal(500)


# ------------------------------------------------------------------------------------------------ there and back


def test_what_is_backed_up_comes_back_whole_and_passes_every_check(tracker, home, tmp_path):
    services.record_payment(tracker, 1, paid=AMOUNT)
    Path(home, "templates", "book-1.xlsx").write_bytes(b"the owner's own")
    Path(home, "branding").mkdir()
    Path(home, "branding", "mark.svg").write_bytes(b"<svg/>")
    answer = told("backup", tmp_path / "kept")
    path = Path(answer["archive"])
    assert path.parent == tmp_path / "kept"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert answer["verified"] is True
    assert (answer["trackers"], answer["warnings"]) == (1, [])
    services.record_payment(tracker, 2, paid=AMOUNT)
    with restored(path, tmp_path / "new") as (folder, report):
        assert report["faults"] == []
        found = books_in(folder, report)
        assert found.payments == {tracker.pk: {1: AMOUNT}}
        assert (folder / "templates" / "book-1.xlsx").read_bytes() == b"the owner's own"
        assert (folder / "branding" / "mark.svg").read_bytes() == b"<svg/>"
        assert (folder / "daily-trackers" / tracker.filename).exists()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(one.stat().st_mode) for one in folder.rglob("*") if one.is_file()} == {0o600}
        assert not (tmp_path / "new" / ".restoring").exists()


def test_the_key_stays_at_home_unless_it_is_asked_for(tracker, home, tmp_path):
    key = Path(home, "secret_key").read_bytes()
    with Archive(told("backup", tmp_path)["archive"]) as without:
        assert "secret_key" not in without.files
    asked = told("backup", tmp_path, with_keys=True)
    with restored(asked["archive"], tmp_path / "new") as (folder, _):
        assert (folder / "secret_key").read_bytes() == key
    assert key not in Path(told("backup", tmp_path / "x")["archive"]).read_bytes()


def test_logins_in_force_and_queued_tasks_stay_at_home(tracker, tmp_path, client):
    client.force_login(world.person("asha"))
    key = client.session.session_key
    with Archive(told("backup", tmp_path)["archive"]) as archive:
        held = b"".join(archive.chunks(archive.database))
    if connection.vendor == "sqlite":
        assert key.encode() not in held
        (tmp_path / "copy").write_bytes(held)
        with closing(sqlite3.connect(tmp_path / "copy")) as copy:
            assert copy.execute("SELECT COUNT(*) FROM django_session").fetchone() == (0,)


def test_a_workbook_edited_in_excel_and_not_adopted_goes_along_beside_the_true_one(tracker, tmp_path):
    services.record_payment(tracker, 1, paid=AMOUNT)
    store.path_of(tracker).write_bytes(b"somebody's edit")
    path = told("backup", tmp_path)["archive"]
    with restored(path, tmp_path / "new") as (folder, report):
        assert report["faults"] == []
        assert [one.read_bytes() for one in (folder / "versions").glob("*-outside-*")] == [b"somebody's edit"]


def test_a_workbook_that_is_lost_stops_no_backup_and_is_named(tracker, tmp_path):
    store.path_of(tracker).unlink()
    shutil.rmtree(store.versions_folder())
    store.versions_folder().mkdir()
    answer = told("backup", tmp_path)
    assert tracker.filename in answer["warnings"][0]
    with restored(answer["archive"], tmp_path / "new", faults=True) as (_, report):
        assert tracker.filename in report["faults"][0]


def test_a_waiting_workbook_of_a_committed_payment_is_the_one_that_is_kept(tracker, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "settle", lambda *trackers: None)
    services.record_payment(tracker, 1, paid=AMOUNT)
    monkeypatch.undo()
    with restored(told("backup", tmp_path)["archive"], tmp_path / "new") as (folder, report):
        assert report["faults"] == []
        assert books_in(folder, report).payments == {tracker.pk: {1: AMOUNT}}


def test_a_tracker_written_over_again_and_again_is_held_still_at_last(tracker, tmp_path, monkeypatch):
    """Between the moment and the files it moves on by more versions than are kept, every time but the last."""
    original, days, moved = contents.add_workbooks, iter(range(1, 99)), []

    def overtaken(trackers, archive):
        if make.ATTEMPTS - len(moved) > 1:
            for _ in range(store.KEPT_VERSIONS + 1):
                services.record_payment(Tracker.objects.get(pk=tracker.pk), next(days), paid=AMOUNT)
        moved.append(1)
        return original(trackers, archive)

    monkeypatch.setattr(make, "add_workbooks", overtaken)
    answer = told("backup", tmp_path)
    assert len(moved) == make.ATTEMPTS
    with restored(answer["archive"], tmp_path / "new") as (folder, report):
        assert report["faults"] == []
        assert len(books_in(folder, report).payments[tracker.pk]) == 18


def test_an_upload_that_a_commit_takes_away_meanwhile_is_there_for_the_moment_before_it(
    tracker, home, tmp_path, monkeypatch
):
    waiting = Path(home, "imports", "waits.upload")
    waiting.write_bytes(b"rows")
    original = contents.add_workbooks
    monkeypatch.setattr(make, "add_workbooks", lambda *given: (waiting.unlink(), original(*given))[1])
    with Archive(told("backup", tmp_path)["archive"]) as archive:
        assert b"".join(archive.chunks("imports/waits.upload")) == b"rows"


# ------------------------------------------------------------------------------------------------ making


def test_two_backups_at_once_are_one_and_a_sentence(tracker, tmp_path):
    with make._alone():
        assert "Another backup is being made" in refused("backup", tmp_path)


def test_nothing_is_written_over_and_a_missing_folder_is_named(tracker, tmp_path):
    path = tmp_path / "mine.zip"
    told("backup", path)
    before = path.read_bytes()
    assert "nothing is written over it" in refused("backup", path)
    assert path.read_bytes() == before
    assert "plugged in" in refused("backup", tmp_path / "a" / "b")


@pytest.mark.skipif("os.geteuid() == 0", reason="root writes anywhere")
def test_a_folder_that_cannot_be_written_is_named(tracker, tmp_path):
    tmp_path.chmod(0o500)
    assert str(tmp_path) in refused("backup", tmp_path)


def test_a_second_place_gets_a_copy_and_one_that_is_away_is_a_warning(tracker, tmp_path, settings):
    second = tmp_path / "usb"
    settings.BACKUP_SECOND = str(second)
    answer = told("backup", tmp_path / "first")
    assert answer["second"] is None
    assert str(second) in answer["warnings"][0]
    second.mkdir()
    answer = told("backup", tmp_path / "first" / "again.zip")
    assert Path(answer["second"]).read_bytes() == Path(answer["archive"]).read_bytes()
    assert answer["warnings"] == []


def test_a_second_place_that_reads_back_differently_keeps_nothing(tracker, tmp_path, settings, monkeypatch):
    settings.BACKUP_SECOND = str(tmp_path / "usb")
    (tmp_path / "usb").mkdir()
    copied = shutil.copyfileobj
    monkeypatch.setattr(make.shutil, "copyfileobj", lambda one, two, *size: copied(io.BytesIO(one.read()[:-1]), two))
    answer = told("backup", tmp_path / "first")
    assert "reads differently" in answer["warnings"][0]
    assert list((tmp_path / "usb").iterdir()) == []


def test_a_copy_of_the_database_that_is_damaged_gets_no_name(tracker, tmp_path, monkeypatch):
    """Bytes that change between the database and the archive carry a right checksum: only opening them tells."""
    original = Writing.add

    def damaged(self, name, content, progress=None):
        if name.startswith("db."):
            held = bytearray(content.read())
            held[4096:8192] = b"\xa5" * 4096  # SQLite's first table, pg_dump's contents: later pages may lie empty
            content = bytes(held)
        original(self, name, content, progress)

    monkeypatch.setattr(Writing, "add", damaged)
    refused("backup", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_the_disk_gives_back_differently_gets_no_name(tracker, tmp_path, monkeypatch):
    original = Writing.close

    def damaged(self, about, key):
        original(self, about, key)
        with zipfile.ZipFile(self.part) as archive:
            (held,) = [one for one in archive.infolist() if one.filename.startswith("db.")]
        with self.part.open("r+b") as file:
            place = file.seek(held.header_offset + held.compress_size // 2)
            turned = bytes(byte ^ 0xFF for byte in file.read(16))  # never what stands there; zeros may be: empty pages
            file.seek(place)
            file.write(turned)

    monkeypatch.setattr(Writing, "close", damaged)
    refused("backup", tmp_path)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------ which ones stay

MOMENTS = st.lists(st.datetimes(datetime(2020, 1, 1), datetime(2026, 12, 31)), max_size=60)  # noqa: DTZ001


@given(MOMENTS)
def test_the_newest_stays_and_what_stays_was_there_and_stays_again(moments):
    now = max(moments, default=datetime(2026, 1, 1))  # noqa: DTZ001
    stay = keep.kept(moments, now)
    assert stay <= set(moments)
    assert not moments or max(moments) in stay
    assert keep.kept(stay, now) == stay
    assert len(stay - {one for one in moments if one > now - keep.ALL_OF}) <= 7 + 4 + 12


@given(st.integers(1, 900), st.integers(0, 23))
def test_one_a_day_keeps_seven_days_four_weeks_and_twelve_months(days, hour):
    first = datetime(2024, 1, 1, hour)  # noqa: DTZ001
    stay, now = set(), first
    for number in range(days):
        now = first + timedelta(days=number)
        stay = keep.kept({*stay, now}, now)
    made = [first + timedelta(days=number) for number in range(days)]
    assert set(made[-7:]) <= stay
    for period, count in ((lambda one: one.isocalendar()[:2], 4), (lambda one: (one.year, one.month), 12)):
        assert {period(one) for one in stay} >= set(sorted({period(one) for one in made})[-count:])
    assert len(stay) <= 7 + 4 + 12


def test_let_go_touches_nothing_that_is_no_archive_of_this_instance(tmp_path):
    kept = [
        "lendbook-prod-20200101-000000.zip", "notes.zip", "lendbook-testing-20200101-000000-with-keys.zip",
        "lendbook-testing-20269999-000000.zip",
    ]  # fmt: skip
    old = [f"lendbook-testing-2020{month:02}{day:02}-120000.zip" for month in range(1, 13) for day in (1, 9, 17, 25)]
    for name in kept + old:
        (tmp_path / name).touch()
    gone = make.let_go(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert set(kept) <= left
    assert set(gone) == set(old) - left
    assert "lendbook-testing-20201225-120000.zip" in left
    assert len(left & set(old)) <= 7 + 4 + 12


def test_the_manifest_tells_the_moment_and_every_checksum(tracker, tmp_path):
    world.post(tracker.book, date.today().isoformat())  # noqa: DTZ011
    with Archive(told("backup", tmp_path)["archive"]) as archive:
        assert archive.manifest["rows"]["ledger_ledgerentry"] == LedgerEntry.objects.count()
        assert archive.manifest["began_at"] <= archive.manifest["taken_at"]
        name = f"daily-trackers/{tracker.filename}"
        assert archive.files[name]["sha256"] == Tracker.objects.get(pk=tracker.pk).sha256


# ------------------------------------------------------------------------------------------------ the page and the clock


@pytest.fixture
def cast(monkeypatch):
    monkeypatch.setattr("django_q.tasks.async_task", lambda *args, **kwargs: None)
    everybody = world.cast()
    world.post(everybody.main, "2024-01-15")  # an empty book's home asks for its first entry alone
    return everybody


def test_the_owner_backs_up_by_a_button_and_sees_what_came_of_it(cast, client):
    client.force_login(cast.asha)
    assert "no backup yet" in client.get("/books/main-street/backups/").content.decode()
    assert "No backup yet" in client.get("/books/main-street/").content.decode()
    where = client.post("/books/main-street/backups/now/").url
    assert client.post("/books/main-street/backups/now/").url == where, "pressed twice is one backup"
    assert "At work" in client.get(where).content.decode()
    (job,) = Job.objects.filter(kind=tasks.KIND)
    assert jobs.run(job.pk).state == Job.State.DONE
    (one,) = make.archives()
    assert one.name in jobs.run(job.pk).result["archive"]
    assert "read again when made" in client.get(where).content.decode()
    assert "Backup today" in client.get("/books/main-street/").content.decode()


def test_an_archive_is_handed_out_only_to_who_owns_every_book_in_it_and_that_is_recorded(cast, client, home):
    make.back_up()
    (one,) = make.archives()
    address = f"/books/main-street/backups/{one.name}"
    boss = world.person("boss", is_superuser=True)
    for user, status in ((cast.asha, 403), (cast.ravi, 403), (cast.kumar, 403), (cast.charlie, 404), (boss, 200)):
        client.force_login(user)
        assert client.get(address).status_code == status, user
        shown = client.get("/books/main-street/backups/")
        assert (one.name in shown.content.decode()) == (user == boss)
    cast.other.members.all().delete()
    ledger.set_member(cast.other, cast.asha, Role.OWNER)
    client.force_login(cast.asha)
    response = client.get(address)
    assert response.status_code == 200
    assert b"".join(response.streaming_content) == one.path.read_bytes()
    assert response["Content-Disposition"] == f'attachment; filename="{one.name}"'
    assert "no-store" in response["Cache-Control"]
    line = json.loads((home / "audit" / "lines").read_text().splitlines()[-1])
    assert (line["user"], line["kind"], line["object"]) == (cast.asha.pk, "downloaded", one.name)


def test_no_other_file_is_handed_out_nor_an_archive_with_keys(cast, client, home):
    client.force_login(world.person("boss", is_superuser=True))
    make.back_up(with_keys=True)
    (one,) = make.archives()
    assert client.get(f"/books/main-street/backups/{one.name}").status_code == 403
    (home / "backups" / "notes.zip").touch()
    for name in ("notes.zip", "../secret_key", "..%2Fsecret_key", ".fault.json", "lendbook-prod-20200101-000000.zip"):
        assert client.get(f"/books/main-street/backups/{name}").status_code == 404


@pytest.mark.parametrize("who", ["ravi", "kumar", "meena"])
def test_only_owners_see_backups(cast, client, who):
    client.force_login(getattr(cast, who))
    assert client.get("/books/main-street/backups/").status_code == 403
    assert client.post("/books/main-street/backups/now/").status_code == 403
    assert not Job.objects.exists()


def test_by_the_clock_one_a_day_is_made_and_the_second_place_catches_up(tracker, home, settings, tmp_path):
    settings.BACKUP_SECOND = str(tmp_path / "usb")
    for _ in range(2):
        tasks.back_up_when_due()
    (one,) = make.archives()
    (tmp_path / "usb").mkdir()
    tasks.back_up_when_due()
    assert [other.name for other in make.archives(tmp_path / "usb")] == [one.name]
    one.path.rename(one.path.with_name("lendbook-testing-20240102-030405.zip"))
    tasks.back_up_when_due()
    assert len(make.archives()) == 2


def test_a_backup_that_failed_is_told_on_the_home_page_until_one_goes_well(cast, client, monkeypatch):
    monkeypatch.setattr(make.os, "fsync", refusing(errno.ENOSPC))
    tasks.back_up_when_due()
    client.force_login(cast.asha)
    assert "The last backup failed" in client.get("/books/main-street/").content.decode()
    assert "No space left" in client.get("/books/main-street/backups/").content.decode()
    monkeypatch.undo()
    monkeypatch.setattr("django_q.tasks.async_task", lambda *args, **kwargs: None)
    tasks.back_up_when_due()
    assert "Backup today" in client.get("/books/main-street/").content.decode()


def test_an_old_backup_asks_to_be_made(cast, client, home):
    made = timezone.localtime() - timedelta(days=3)
    (home / "backups" / f"lendbook-testing-{made:%Y%m%d-%H%M%S}.zip").touch()
    client.force_login(cast.asha)
    page = client.get("/books/main-street/").content.decode()
    assert 'Backup 3 days old</a> <span class="chip act">' in page


def refusing(fault):
    def refuse(*args, **kwargs):
        raise OSError(fault, os.strerror(fault))

    return refuse
