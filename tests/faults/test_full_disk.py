"""A disk that is full or may not be written to, seen from a browser: people read and log in, and what was saved is told so.

The database is made to refuse every write as SQLite and PostgreSQL do; the record's file as the operating system does.
"""

import errno
import os
import time
import uuid
from contextlib import contextmanager
from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.db import InternalError, OperationalError, connection, transaction
from django.test import Client
from django.utils.module_loading import import_string

from expenses.overview import spent
from ledger import daybook
from ledger.models import LedgerEntry
from lendbook import audit, broken, instance, sessions
from lendbook import disk as rooms
from shop import commits, disk, jobs, rate_limits
from shop.models import Job, Tries
from tests import world as people
from tests.crash import run_killed_at
from tests.doors import world
from tests.trackers import pages
from tests.trackers.pages import DAY
from trackers import services, store
from trackers.models import Tracker

SAYS = {
    "full": OperationalError("database or disk is full"),
    "read-only": OperationalError("attempt to write a readonly database"),
    "read-only server": InternalError("cannot execute INSERT in a read-only transaction"),
}
ERRNOS = {"no space": errno.ENOSPC, "I/O error": errno.EIO, "read-only": errno.EROFS, "no permission": errno.EACCES}


@contextmanager
def refused_writes(error=SAYS["full"]):
    """Let the database refuse whatever would write."""

    def refuse(execute, sql, params, many, context):
        if sql.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            raise error
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield


@pytest.fixture
def home(settings, tmp_path_factory):
    settings.DATA_DIR = instance.make_folders(tmp_path_factory.mktemp("home"), "testing")
    return settings.DATA_DIR


@pytest.fixture
def unwritten(monkeypatch):
    """The record's file refuses; undone by calling it with ""."""
    original = audit._write

    def write(fault):
        def refuse(content):
            raise OSError(ERRNOS[fault], os.strerror(ERRNOS[fault]))

        monkeypatch.setattr(audit, "_write", refuse if fault else original)

    yield write
    audit._waiting.clear()


# ------------------------------------------------------------------------------------------------ pages go on


@pytest.mark.django_db(transaction=True)
def test_every_page_that_can_be_read_can_be_read_while_nothing_can_be_written(home, unwritten, tally):
    cast, wrong, times = world.build(), [], 0
    for book in (cast.main, cast.other):
        daybook.finish_pending(book.pk)
        spent.finish_pending(book.pk)
    for client in cast.browsers.values():
        if client.session.session_key:
            client.get("/books/main-street/")
    for name, pattern in world.patterns():
        where = world.address(name, pattern, cast.rows["main"])
        for letter in "ocz":
            client = cast.browsers[letter]
            sound = world.knock(client, "GET", where).status_code
            if sound != 200:
                continue
            unwritten("no space")
            with refused_writes():
                full = world.knock(client, "GET", where)
                full = b"".join(full.streaming_content) and 200 if full.streaming else full.status_code
            unwritten("")
            times += 1
            if full != 200:
                wrong.append(f"{letter} {where} ({name}): {full}")
    assert not wrong, "\n".join(wrong)
    assert times > 100
    tally("pages read while the disk refuses", times)


@pytest.mark.django_db
@pytest.mark.parametrize("says", SAYS)
@pytest.mark.parametrize("door", ["/login/", "/admin/login/"])
def test_people_log_in_and_out_while_nothing_can_be_written(home, unwritten, says, door):
    cast = people.cast()
    daybook.finish_pending(cast.main.pk)
    client = Client()
    unwritten("no space")
    with refused_writes(SAYS[says]):
        assert client.post(door, {"username": "ravi", "password": "wrong"}).status_code == 200
        assert client.post(door, {"username": "ravi", "password": people.PASSWORD}).status_code == 302
        assert client.get("/books/main-street/").status_code == 200
        assert not Session.objects.exists()
    unwritten("")
    client.get("/books/main-street/")
    client.get("/books/other-road/")
    session = client.session
    session["x"] = 1
    session.save()
    client.cookies["lendbook_testing_session"] = session.session_key
    assert Session.objects.count() == 1  # with the first save that goes through
    assert client.get("/books/main-street/").status_code == 200
    with refused_writes(SAYS[says]):
        client.post("/admin/logout/")
        assert client.get("/books/main-street/").status_code == 302


@pytest.mark.django_db
def test_a_session_in_a_cookie_is_signed_short_and_lives_a_quarter_of_an_hour(home):
    store_ = sessions.SessionStore()
    store_["name"] = "value"
    with refused_writes():
        store_.save()
    key = store_.session_key
    assert key.startswith(sessions.IN_COOKIE)
    assert sessions.SessionStore(key)["name"] == "value"
    assert "name" not in sessions.SessionStore(key[:-1] + ("a" if key[-1] != "a" else "b"))
    with time_machine.travel(sessions.LIVES_SECONDS + 5 + time.time()):
        assert "name" not in sessions.SessionStore(key)
    store_["name"] = os.urandom(8000).hex()
    with refused_writes(), pytest.raises(OperationalError):
        store_.save()


@pytest.mark.django_db
def test_a_session_that_somebody_ended_meanwhile_is_not_brought_back_in_a_cookie(home):
    store_ = sessions.SessionStore()
    store_["name"] = "value"
    store_.save()
    Session.objects.all().delete()
    with pytest.raises(UpdateError):
        store_.save()


@pytest.mark.django_db
def test_tries_are_counted_in_memory_while_the_database_cannot_write(home, monkeypatch):
    monkeypatch.setattr(rate_limits, "_in_memory", {})
    with refused_writes():
        assert [rate_limits.take("look", "a", 2, 60) for _ in range(3)] == [True, True, False]
        assert rate_limits.take("look", "b", 2, 60)
        rate_limits.give_back("look", "b")
        rate_limits.forget("look", "a")
        assert rate_limits.take("look", "a", 2, 60)
        monkeypatch.setattr(rate_limits, "_MOST_IN_MEMORY", 2)
        assert not rate_limits.take("look", "c", 2, 60)  # no more names than fit: an unknown one waits
    assert not Tries.objects.exists()
    assert rate_limits.take("look", "a", 2, 60)


# ------------------------------------------------------------------------------------------------ the record waits


@pytest.fixture
def asha(db, home):
    return people.person("asha")


@pytest.mark.parametrize("fault", ERRNOS)
def test_lines_that_cannot_be_written_wait_and_come_in_their_order(asha, unwritten, fault):
    audit.note(asha, "first")
    unwritten(fault)
    for number in range(5):
        audit.note(asha, "waits", object=number)
    assert audit.lines_waiting() == 5
    assert any("5 lines wait" in alarm for alarm in rooms.alarms())
    unwritten("")
    audit.note(asha, "last")
    assert audit.lines_waiting() == 0
    assert audit.take_in() == 7
    rows = audit.AuditRow.objects.order_by("at").values_list("view", flat=True)
    assert list(rows) == ["first", *["waits"] * 5, "last"]
    assert list(audit.unproved()) == []


def test_what_no_longer_fits_into_memory_is_one_line_that_says_how_much(asha, unwritten, monkeypatch):
    monkeypatch.setattr(audit, "KEPT_IN_MEMORY", 3)
    unwritten("no space")
    for number in range(10):
        audit.note(asha, "waits", object=number)
    unwritten("")
    audit.write_waiting()
    audit.take_in()
    rows = audit.AuditRow.objects.exclude(kind="gap").order_by("at")
    assert [row.object for row in rows] == ["7", "8", "9"]
    gap = audit.AuditRow.objects.get(kind="gap")
    assert gap.object.startswith("7 lines, 20")
    assert " to 20" in gap.object
    assert list(audit.unproved()) == []


def test_a_line_that_was_written_half_is_written_again_and_counts_once(asha, monkeypatch):
    original = os.write

    def half(file, content):
        monkeypatch.setattr(audit.os, "write", original)
        return original(file, content[: len(content) // 2])

    audit.note(asha, "before")
    monkeypatch.setattr(audit.os, "write", half)
    audit.note(asha, "torn")
    assert audit.lines_waiting() == 1
    audit.note(asha, "after")
    audit.take_in()
    kinds = list(audit.AuditRow.objects.order_by("at").values_list("view", "kind"))
    assert [view for view, kind in kinds if kind == "changed"] == ["before", "torn", "after"]
    assert sum(kind == "torn" for _, kind in kinds) == 1


@pytest.mark.parametrize("spoilt", ["folder", "file"])
def test_a_folder_or_file_of_the_record_that_is_none_is_no_fault_of_the_request(asha, home, spoilt):
    if spoilt == "folder":
        (home / "audit").write_text("x")
    else:
        (home / "audit" / "lines").mkdir(parents=True)
    audit.note(asha, "home")
    assert audit.lines_waiting() == 1
    audit._waiting.clear()


def test_a_forked_process_does_not_write_its_parents_lines_again(asha, unwritten):
    unwritten("no space")
    audit.note(asha, "home")
    child = os.fork()
    if child == 0:
        os._exit(audit.lines_waiting())
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.django_db
def test_the_owner_sees_that_lines_are_missing(home, unwritten, monkeypatch):
    cast = people.cast()
    monkeypatch.setattr(audit, "KEPT_IN_MEMORY", 1)
    unwritten("no space")
    for _ in range(3):
        audit.note(cast.ravi, "home")
    unwritten("")
    audit.write_waiting()
    audit.take_in()
    page = people.browser(cast.asha).get("/books/main-street/record/").content.decode()
    assert "Missing lines" in page
    assert "2 lines, 20" in page


# ------------------------------------------------------------------------------------------------ after the commit


def typed(tracker, amount, on=DAY):
    """What the collection sheet sends for one tracker."""
    return {
        "date": on.isoformat(), "token": uuid.uuid4().hex, f"paid_{tracker.pk}": str(amount),
        f"mode_{tracker.pk}": "Cash", f"seen_{tracker.pk}": str(Tracker.objects.get(pk=tracker.pk).version),
    }  # fmt: skip


SAVE = "/books/main-street/collect/save/"


@pytest.fixture
def shop(home):
    return pages.shop()


def shown(client, response):
    """The page that a save leads to."""
    return client.get(response["Location"]).content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fault", ERRNOS)
def test_a_payment_is_told_as_saved_though_the_record_cannot_be_written(shop, unwritten, fault):
    ravi = people.browser(shop.ravi)
    unwritten(fault)
    response = ravi.post(SAVE, typed(shop.trackers[0], 500))
    assert response.status_code == 302
    assert str(Tracker.objects.get(pk=shop.trackers[0].pk).total_paid) == "500.00"
    assert LedgerEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_payment_is_told_as_saved_though_everything_after_the_commit_is_refused(shop, unwritten, monkeypatch):
    """From the instant of the commit on neither the database nor the disk takes anything."""
    ravi = people.browser(shop.ravi)
    is_full = []

    def refuse(execute, sql, params, many, context):
        if is_full and sql.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            raise SAYS["full"]
        return execute(sql, params, many, context)

    def full(*args, **kwargs):
        is_full.append(1)
        unwritten("no space")
        raise OSError(errno.ENOSPC, "No space left on device")

    original = daybook.wake_worker

    def wake(book_id):
        is_full.append(1)
        unwritten("no space")
        monkeypatch.setattr(store.os, "rename", full)
        original(book_id)

    monkeypatch.setattr(daybook, "wake_worker", wake)
    with connection.execute_wrapper(refuse):
        response = ravi.post(SAVE, typed(shop.trackers[0], 500))
        assert is_full
        assert response.status_code == 302
    monkeypatch.undo()
    assert "500" in shown(ravi, response)
    store.recover()
    assert str(services.contents_of(Tracker.objects.get(pk=shop.trackers[0].pk)).days[1]["paid"]) == "500.00"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("which", ["trackers.store._sync_folder", "ledger.daybook.wake_worker"])
def test_a_fault_in_what_follows_a_commit_does_not_unsay_it(shop, monkeypatch, which):
    original = import_string(which)

    def fails(*args):
        if not connection.in_atomic_block and LedgerEntry.objects.exists():
            raise ZeroDivisionError
        return original(*args)

    monkeypatch.setattr(which, fails)
    ravi = people.browser(shop.ravi)
    response = ravi.post(SAVE, typed(shop.trackers[0], 500))
    assert response.status_code == 302
    monkeypatch.undo()
    store.recover()
    assert str(services.contents_of(Tracker.objects.get(pk=shop.trackers[0].pk)).days[1]["paid"]) == "500.00"


@pytest.mark.django_db(transaction=True)
@pytest.mark.torture
def test_at_every_operation_of_the_disk_a_page_says_saved_or_not_as_it_is(shop, tally):
    ravi = people.browser(shop.ravi, raise_request_exception=False)
    session, tracker, number = ravi.cookies, shop.trackers[0], 0

    def work(number):
        client = Client(raise_request_exception=False)
        client.cookies = session
        response = client.post(SAVE, typed(tracker, 500, DAY + timedelta(days=number)))
        told = response.content.decode() if response.status_code != 302 else shown(client, response)
        if response.status_code == 302 and "Nothing was saved" in told:
            raise RuntimeError("Nothing was saved, it says, as a page does")
        if response.status_code != 302 and "It was saved" not in told:
            raise RuntimeError(f"not saved: {response.status_code} {told[-400:]}")

    while True:
        before = Tracker.objects.get(pk=tracker.pk).total_paid
        fault = list(ERRNOS.values())[number % 4]
        outcome = run_killed_at(2 * number, lambda number=number: work(number), fault=fault)
        saved = Tracker.objects.get(pk=tracker.pk).total_paid != before
        assert not outcome.killed
        assert outcome.acknowledged == saved, f"operation {number}: {outcome.refusal}; saved: {saved}"
        if outcome.steps <= 2 * number:
            break
        number += 1
    assert outcome.acknowledged
    tally("file operations of a payment's page refused", number)


# ------------------------------------------------------------------------------------------------ what a fault says


@pytest.mark.django_db(transaction=True)
def test_a_fault_after_the_commit_says_that_it_was_saved(home, monkeypatch):
    cast = people.cast()
    client = people.browser(cast.ravi, raise_request_exception=False)
    client.get("/books/main-street/")

    def falling_by(error):
        def post_and_fall(*args, **kwargs):
            people.post(cast.main, "2024-01-15")
            raise error

        return post_and_fall

    for error, disk_named in ((ZeroDivisionError(), False), (OSError(errno.ENOSPC, "No space left"), True)):
        monkeypatch.setattr("lendbook.home.daybook.day_books", falling_by(error))
        answer = client.get("/books/main-street/")
        page = answer.content.decode()
        assert answer.status_code == 500
        assert "It was saved" in page
        assert "Nothing half-done" not in page
        assert ("The disk is full" in page) == disk_named
    monkeypatch.setattr("lendbook.home.daybook.day_books", lambda *args, **kwargs: 1 / 0)
    page = client.get("/books/main-street/").content.decode()
    assert "Nothing half-done was saved" in page
    assert "It was saved" not in page


@pytest.mark.django_db(transaction=True)
def test_what_is_taken_back_is_not_told_as_saved():
    book = people.book()
    commits.begin()
    with transaction.atomic():
        people.post(book, "2024-01-15")
        transaction.set_rollback(True)
    assert not commits.has_saved()
    people.post(book, "2024-01-15")
    assert commits.has_saved()
    commits.begin()
    assert not commits.has_saved()


@pytest.mark.parametrize(
    ("error", "is_disk"),
    [
        (OSError(errno.ENOSPC, "x"), True),
        (PermissionError(errno.EACCES, "x"), True),
        (FileNotFoundError(errno.ENOENT, "x"), False),
        (OperationalError("database or disk is full"), True),
        (OperationalError("database is locked"), False),
        (ValueError("x"), False),
        (None, False),
    ],
)
def test_a_disk_at_fault_is_known_however_deep_it_lies(error, is_disk):
    assert disk.is_at_fault(error) == is_disk
    if error:
        outer = ValueError("outside")
        outer.__cause__ = error
        assert disk.is_at_fault(outer) == is_disk


def test_the_page_of_a_fault_needs_no_database(rf):
    assert broken.something_broke(rf.get("/")).status_code == 500


@pytest.mark.django_db
def test_files_of_a_finished_job_that_cannot_be_removed_do_not_unsay_it(home, monkeypatch):
    def cannot(job):
        raise OSError(errno.EROFS, "Read-only file system")

    kind = jobs.register(jobs.Kind("x", {"do": lambda job, progress: (Job.State.DONE, {})}, over=cannot))
    try:
        job = jobs.create(book=people.book(), kind="x", title="X", step="do")
        assert jobs.run(job.pk).state == Job.State.DONE
    finally:
        jobs._KINDS.pop(kind.name)


# ------------------------------------------------------------------------------------------------ while there is room


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("left", "whole", "warns"),
    [
        (400 * 10**6, 10**9, True),
        (600 * 10**6, 10**9, False),
        (600 * 10**6, 10**12, True),
        (60 * 10**9, 10**12, False),
        (0, 10**12, True),
    ],
)
def test_a_disk_that_fills_up_is_told_on_every_page_and_to_watchers(
    home, client, settings, monkeypatch, left, whole, warns
):
    settings.DISK_WARN_PERCENT, settings.DISK_WARN_MB = 5, 500
    monkeypatch.setattr(rooms, "room", lambda: (left, whole))
    cast = people.cast()
    asha = people.browser(cast.asha)
    for where in ("/books/main-street/", "/books/main-street/settings/", "/books/main-street/trackers/"):
        assert ("The disk has" in asha.get(where).content.decode()) == warns
    assert bool(client.get("/readyz").json()["warnings"]) == warns
    assert "The disk has" not in client.get("/login/").content.decode()
    settings.DISK_WARN_PERCENT = settings.DISK_WARN_MB = 0
    assert rooms.shortage() == ""


def test_a_folder_that_cannot_be_asked_warns_of_nothing(settings):
    settings.DATA_DIR = "/nowhere/at/all"
    assert rooms.shortage() == ""
