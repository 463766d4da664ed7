"""Workbooks on disk: a payment that was acknowledged is never lost, and the file at its name is always whole.

The database commit is the moment; the workbook follows. Under the tracker's lock the new workbook is written whole
beside the old one, under a name that carries its sha256, and made durable; the transaction then stores that sha256
with the ledger entries; after the commit the file takes its name. A crash before the commit leaves the old workbook
and no entry; after it, whoever comes next finds the waiting file by its sha256 and finishes the move. So the row's
sha256 always says which file is the true one.

Files are mode 600 in folders of mode 700; names are made here or come from the database, never from a request.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import re
import shutil
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction

from trackers.models import Tracker

logger = logging.getLogger(__name__)

KEPT_VERSIONS = 5
MAX_BYTES = 5 * 1024 * 1024
_KEPT_NAME = re.compile(r"(.+)\.v(\d{1,9})\.xlsx")
_WRITERS = 8  # fsyncs in flight: the disk commits several files at the price of little more than one


class StoreError(Exception):
    """A workbook that cannot be used now; the message names it and the way out."""


class Missing(StoreError):
    """The workbook is not where it should be."""


class ChangedOutside(StoreError):
    """Somebody changed the file since Lendbook wrote it: compare and adopt before anything else is written."""


def folder():
    return Path(settings.DATA_DIR, "daily-trackers")


def versions_folder():
    return Path(settings.DATA_DIR, "versions")


def path_of(tracker):
    """Where the current workbook of a tracker lies."""
    return folder() / tracker.filename


def waiting_path(tracker, sha256):
    """Where a workbook waits for its commit; no pattern for current workbooks matches it."""
    return folder() / f".{tracker.filename}.{sha256}.waiting"


def version_path(tracker, version):
    return versions_folder() / f"{tracker.filename.removesuffix('.xlsx')}.v{version}.xlsx"


def sha256_of(content):
    return hashlib.sha256(content).hexdigest()


def new_filename(username, moment, taken=()):
    """tracker_<username>_<YYYYMMDD>_<HHMMSS>.xlsx, made unique when two are opened in the same second.

    `taken` are names that are chosen already but not yet stored.
    """
    plain = re.sub(r"[^a-z0-9_-]+", "-", username.lower()).strip("-")[:60] or "customer"
    stem = f"tracker_{plain}_{moment:%Y%m%d_%H%M%S}"
    name, number = f"{stem}.xlsx", 1
    while name in taken or Tracker.objects.filter(filename=name).exists():
        number += 1
        name = f"{stem}_{number}.xlsx"
    return name


# ------------------------------------------------------------------------------------------------ locks


@contextlib.contextmanager
def locked(book_id, tracker_id=None):
    """Hold a tracker's lock (and its book's shared), or with no tracker the book's alone, across processes.

    One batch over a thousand trackers so needs one descriptor. Always taken before the transaction begins: the other
    order could wait for a row while holding up whoever has it.
    """
    blocks = transaction.get_connection().atomic_blocks
    if blocks and not blocks[-1]._from_testcase:  # the rule of transaction.atomic(durable=True)
        raise RuntimeError("Take the workbook's lock before the transaction, not inside it.")
    with contextlib.ExitStack() as stack:
        stack.enter_context(_flock(f"book-{book_id}", fcntl.LOCK_EX if tracker_id is None else fcntl.LOCK_SH))
        if tracker_id is not None:
            stack.enter_context(_flock(f"tracker-{tracker_id}", fcntl.LOCK_EX))
        yield


def naming():
    """Hold the lock under which names of new workbooks are chosen, until the row that takes one is committed."""
    return _flock("names", fcntl.LOCK_EX)


def _lock_file(path):
    """A descriptor of the lock's file, which on a disk that takes nothing more is there from before."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        with contextlib.suppress(OSError):
            return os.open(path, os.O_RDONLY)
        raise error


@contextlib.contextmanager
def _flock(name, kind):
    locks = Path(settings.DATA_DIR, "locks")
    try:
        locks.mkdir(mode=0o700, exist_ok=True)
        descriptor = _lock_file(locks / f"{name}.lock")
    except OSError as error:
        raise StoreError(
            f"The lock in {locks} cannot be had ({error.strerror}), so no workbook is read or written. See that the "
            "disk has room and Lendbook may write there, and try again."
        ) from error
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)


# ------------------------------------------------------------------------------------------------ reading


def read(tracker):
    """The bytes of the tracker's true workbook. The caller holds the tracker's lock, or the book's.

    Finishes a move that a crash interrupted. Raises Missing, ChangedOutside.
    """
    content = _bytes_of(path_of(tracker))
    if content is not None and sha256_of(content) == tracker.sha256:
        return content
    waiting = _bytes_of(waiting_path(tracker, tracker.sha256))
    if waiting is not None and sha256_of(waiting) == tracker.sha256:
        settle(tracker)
        return waiting
    if content is None:
        raise Missing(
            f"The workbook {tracker.filename} is not in daily-trackers/. Compare on the tracker's page, or run "
            "'manage.py check_trackers': both name what brings it back whole."
        )
    raise ChangedOutside(
        f"The workbook {tracker.filename} was changed outside Lendbook. Open the tracker's page, compare and adopt."
    )


def read_current(tracker):
    """The bytes at the workbook's name if they are its true ones, else None. Moves nothing, and needs no lock."""
    content = _bytes_of(path_of(tracker))
    return content if content is not None and sha256_of(content) == tracker.sha256 else None


def read_outside(tracker):
    """The bytes at the workbook's name, whoever wrote them, also where a link leads; None where there is no file.

    Raises StoreError for what is no file, too big or unreadable.
    """
    return bytes_at(path_of(tracker))


def read_kept(tracker, version=None):
    """The kept copy of a version (default: the current one), whole and true, or None."""
    content = _bytes_of(version_path(tracker, version or tracker.version))
    if content is None or (version in (None, tracker.version) and sha256_of(content) != tracker.sha256):
        return None
    return content


def read_recorded(tracker):
    """(the bytes of the sha256 that `tracker` names, or None; whether they lie at the workbook's name).

    For a backup, whose row may be older than the files: no lock is held and nothing moved, so whoever finds nothing
    looks again under the lock.
    """
    places = path_of(tracker), waiting_path(tracker, tracker.sha256), version_path(tracker, tracker.version)
    for path in (*places, places[0]):  # a waiting file may take its name between two looks
        with contextlib.suppress(StoreError):
            content = _bytes_of(path)
            if content is not None and sha256_of(content) == tracker.sha256:
                return content, path == places[0]
    return None, False


def _bytes_of(path):
    """As bytes_at; a link is no file of ours, wherever it leads."""
    if path.is_symlink():
        raise StoreError(f"{path.name} is a link, where the file itself should be.")
    return bytes_at(path)


def bytes_at(path):
    """The bytes of a file that may be a workbook; None where there is none. Raises StoreError."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise StoreError(f"{path.name} is {'a folder' if stat.S_ISDIR(state.st_mode) else 'no file'}.")
        if state.st_size > MAX_BYTES:
            raise StoreError(f"{path.name} is larger than 5 MB; no tracker is.")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path.name} cannot be read: {error.strerror}.") from error


def opened_by(tracker):
    """The name in the `~$` file that Excel keeps beside a workbook while it is open; "" when nobody's, None if closed."""
    try:
        owner = (folder() / f"~${tracker.filename}").read_bytes()
    except OSError:
        return None
    return owner[1 : 1 + owner[0]].decode("cp1252", "replace").strip() if owner else ""


# ------------------------------------------------------------------------------------------------ writing


@dataclass
class Written:
    """A workbook that lies durable beside its place, waiting for the commit."""

    tracker: Tracker
    sha256: str


def write_waiting(tracker, content):
    """Write a new workbook whole beside the old one and make it durable. Raises StoreError (no space, read-only …)."""
    return write_waiting_many([(tracker, content)])[0]


def write_waiting_many(pairs):
    """write_waiting for many (tracker, content); one fsync of the folder for all. All or none lie there after it."""
    written = [Written(tracker, sha256_of(content)) for tracker, content in pairs]
    try:
        if len(pairs) == 1:
            _write_durable(waiting_path(pairs[0][0], written[0].sha256), pairs[0][1])
        else:
            with ThreadPoolExecutor(_WRITERS) as pool:
                jobs = [
                    pool.submit(_write_durable, waiting_path(one.tracker, one.sha256), content)
                    for one, (_, content) in zip(written, pairs, strict=True)
                ]
                for job in jobs:
                    job.result()
        _sync_folder(folder())
    except OSError as error:
        drop_waiting(written)
        raise StoreError(
            f"The workbook could not be written: {error.strerror}. Nothing was saved; free the disk and save again."
        ) from error
    return written


def _write_durable(path, content):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path, content):
    """Write a file durably under a name of its own first, so that it is whole at its name or not there."""
    fresh = path.with_suffix(".part")
    _write_durable(fresh, content)
    os.rename(fresh, path)


def _sync_folder(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def drop_waiting(written):
    """Take away waiting files whose transaction did not commit."""
    for one in written:
        waiting_path(one.tracker, one.sha256).unlink(missing_ok=True)


def settle(*trackers):
    """Give the waiting workbooks of committed rows their names; a move already made is fine. Then keep their versions.

    The commit has happened: a disk that refuses the move now costs no payment, whoever comes next finishes it.
    """
    moved = []
    try:
        for tracker in trackers:
            with contextlib.suppress(FileNotFoundError):
                os.rename(waiting_path(tracker, tracker.sha256), path_of(tracker))
                moved.append(tracker)
        if moved:
            _sync_folder(folder())
    except OSError as error:
        logger.error("A workbook waits to be moved to its place (%s); the next access or sweep will try again.", error)
    except Exception:
        logger.exception("A workbook waits to be moved to its place; the next access or sweep will try again.")
    for tracker in moved:
        keep_version(tracker)


def set_aside(tracker):
    """Keep the file at the workbook's name, whatever it is, in versions/ as "…-outside…", before another takes its place.

    What is no file that can be read (a folder, a link) is moved to orphans/. Returns where it is kept, or None.
    """
    path = path_of(tracker)
    try:
        content = _bytes_of(path)
    except StoreError:
        return move_to_orphans(path)
    if content is not None:
        kept = aside_path(tracker, content)
        _write_durable(kept, content)
        return kept
    return None


def move_to_orphans(path):
    """Move what nobody claims, file or folder, into orphans/ beside what lies there; returns its new place."""
    place_of = Path(settings.DATA_DIR, "orphans", path.parent.name)
    place_of.mkdir(mode=0o700, parents=True, exist_ok=True)
    place, number = place_of / path.name, 1
    while os.path.lexists(place):
        number += 1
        place = place_of / f"{path.stem}-{number}{path.suffix}"
    os.rename(path, place)
    return place


def aside_path(tracker, content):
    """Where bytes that Lendbook did not write are kept beside the tracker's versions."""
    stem = version_path(tracker, tracker.version).stem
    return versions_folder() / f"{stem}-outside-{sha256_of(content)[:8]}.xlsx"


def newer_kept(tracker, names=None):
    """[path] of kept copies of later versions than the row's, newest first: somebody put the database back.

    `names` are the names in versions/, where they were listed before.
    """
    stem, found = tracker.filename.removesuffix(".xlsx"), {}
    for name in os.listdir(versions_folder()) if names is None else names:
        named = _KEPT_NAME.fullmatch(name)
        if named and named[1] == stem and int(named[2]) > tracker.version:
            found[int(named[2])] = versions_folder() / name
    return [found[version] for version in sorted(found, reverse=True)]


def keep_version(tracker):
    """Copy the current workbook into versions/ and let go of all but the last KEPT_VERSIONS. Best effort by design:

    the payment is safe in the workbook and the ledger already, so a full disk here refuses nothing. Another workbook
    of that number, left there by a database that was put back since, is kept beside.
    """
    with contextlib.suppress(OSError):
        kept = version_path(tracker, tracker.version)
        fresh = kept.with_suffix(".part")
        shutil.copyfile(path_of(tracker), fresh)
        os.chmod(fresh, 0o600)
        if kept.exists() and (other := kept.read_bytes()) != fresh.read_bytes():
            os.rename(kept, aside_path(tracker, other))
        os.rename(fresh, kept)
        version_path(tracker, tracker.version - KEPT_VERSIONS).unlink(missing_ok=True)


# ------------------------------------------------------------------------------------------------ recovery


def recover(book_id=None):
    """Finish the moves that a crash interrupted and drop what never committed; returns (finished, dropped).

    Run by the worker at its start and every minute. Each file is looked at under its tracker's lock, so a save in
    progress is never disturbed; a second run finds nothing.
    """
    finished = dropped = 0
    for waiting in sorted(folder().glob(".*.waiting")):
        filename, _, sha256 = waiting.name[1:].removesuffix(".waiting").rpartition(".")
        known = Tracker.objects.filter(filename=filename).values_list("book_id", "pk").first()
        if known is None:
            # No row yet: an opening in progress, or one that died. Its commit comes within moments or never.
            if _is_older_than_an_hour(waiting):
                waiting.unlink(missing_ok=True)
                dropped += 1
            continue
        if book_id is not None and known[0] != book_id:
            continue
        with locked(*known):
            tracker = Tracker.objects.get(pk=known[1])
            if not waiting.exists():
                continue
            if tracker.sha256 == sha256:
                settle(tracker)
                finished += 1
            else:
                waiting.unlink(missing_ok=True)
                dropped += 1
    return finished, dropped


def _is_older_than_an_hour(path):
    try:
        return abs(time.time() - path.stat().st_mtime) > 3600  # or from the future: of a clock that was wrong
    except FileNotFoundError:
        return False


# ------------------------------------------------------------------------------------------------ the owner's template


def template_of(book_id):
    """The workbook template a book's owner put in place of the shipped one, or None."""
    return _bytes_of(_template_path(book_id))


def keep_template(book_id, content):
    """Put the owner's checked template in place; None takes it away, and new workbooks are made from the shipped one."""
    path = _template_path(book_id)
    if content is None:
        path.unlink(missing_ok=True)
        return
    fresh = path.with_suffix(".part")
    try:
        _write_durable(fresh, content)
        os.rename(fresh, path)
    except OSError as error:
        raise StoreError(f"The template could not be written: {error.strerror}. The old one stays.") from error


def _template_path(book_id):
    return Path(settings.DATA_DIR, "templates", f"book-{book_id}.xlsx")
