"""Making a backup while people work, keeping the right ones, and bringing a second copy elsewhere.

The archive is written beside its name, made durable, read again from end to end and its database opened; only then
does it get its name. One backup runs at a time; what a killed one left is cleared away by the next.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone

from lendbook.backups import database, keep
from lendbook.backups.archive import CHUNK, KEY, Archive, ArchiveError, Writing, forget_cached, sync_folder
from lendbook.backups.contents import MovedOn, OtherFiles, add_workbooks, trackers_at
from shop import clock
from shop.models import Book
from trackers import store

logger = logging.getLogger(__name__)

ATTEMPTS = 4  # the last one holds every book's workbooks still
OLD = timedelta(days=2)
WITH_KEYS = "-with-keys"
_NAME = re.compile(r"lendbook-(dev|prod|testing)-(\d{8}-\d{6})(-with-keys)?\.zip")
_STAGES = (5, 45, 70, 99)  # percent done when: workbooks are gathered, the database saved, packed, read again
_COUNTED = ("ledger_book", "ledger_ledgerentry", "trackers_tracker")


@dataclass
class Report:
    """What a backup became: its archive's path, where a second copy lies, faults it met and what was let go."""

    path: Path
    size: int
    database: str
    taken_at: str
    trackers: int
    files: int
    second: Path | None = None
    warnings: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Kept:
    """An archive in a folder of backups, as its name and size tell."""

    path: Path
    made_at: datetime
    size: int
    has_keys: bool

    @property
    def name(self):
        return self.path.name

    @property
    def is_ahead(self):
        """Whether its name lies in the future: a clock that was wrong gave it."""
        return clock.is_ahead(self.made_at)


def folder():
    """Where backups go unless told otherwise."""
    return Path(settings.DATA_DIR, "backups")


def second_folder():
    """The second destination that is set, or None."""
    return Path(settings.BACKUP_SECOND) if settings.BACKUP_SECOND else None


def archives(place=None):
    """The instance's archives (Kept) in a folder, newest first; [] where the folder is not there."""
    found = []
    with contextlib.suppress(OSError):
        for path in (place or folder()).iterdir():
            named = _NAME.fullmatch(path.name)
            if named and named[1] == settings.INSTANCE and path.is_file() and not path.is_symlink():
                with contextlib.suppress(ValueError):
                    made_at = timezone.make_aware(datetime.strptime(named[2], "%Y%m%d-%H%M%S"))  # noqa: DTZ007
                    found.append(Kept(path, made_at, path.stat().st_size, bool(named[3])))
    return sorted(found, key=lambda one: (one.made_at, one.name), reverse=True)


def newest(place=None):
    """The newest archive (Kept) of a folder, or None. One with a name from the future tells nothing of today's books."""
    return next((one for one in archives(place) if not one.is_ahead), None)


def fault():
    """Why the last backup failed, as {"at": moment, "message": text}, or None where it went well."""
    try:
        found = json.loads(_fault_path().read_text())
        return {"at": datetime.fromisoformat(found["at"]), "message": str(found["message"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _fault_path():
    return folder() / ".fault.json"


# ------------------------------------------------------------------------------------------------ one backup


def back_up(destination=None, *, with_keys=False, progress=None):
    """Make one archive in `destination` (a folder, or a name ending in .zip; default the instance's own folder).

    `progress(percent, 100)` may raise to stop. Raises ArchiveError, which names the way out; a fault is told on the
    home page until a backup goes well.
    """
    progress = progress or (lambda done, total: None)
    try:
        with _alone():
            report = _one(destination, with_keys, progress)
            _bring_second_copy(report)
            for place in {report.path.parent, *([report.second.parent] if report.second else [])}:
                if destination is None or place != report.path.parent:
                    report.removed += let_go(place)
    except OSError as error:
        where = error.filename or destination or folder()
        told = ArchiveError(
            f"The backup could not be written ({where}: {error.strerror or error}). The books and earlier backups are "
            "as they were; free the disk or name another folder, and back up again."
        )
        _remember(told)
        raise told from error
    except ArchiveError as error:
        _remember(error)
        raise
    with contextlib.suppress(OSError):
        _fault_path().unlink(missing_ok=True)
    return report


def _remember(error):
    with contextlib.suppress(OSError):
        _fault_path().write_text(json.dumps({"at": timezone.now().isoformat(), "message": str(error)}))


@contextlib.contextmanager
def _alone():
    """Hold the lock of backups; raises ArchiveError where another one runs."""
    descriptor = os.open(Path(settings.DATA_DIR, "locks", "backup.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ArchiveError("Another backup is being made; wait until it is done.") from None
    finally:
        os.close(descriptor)


def _one(destination, with_keys, progress):
    path = _path_for(destination, with_keys)
    _clear_leftovers(path.parent)
    for attempt in range(1, ATTEMPTS + 1):
        scratch = _scratch()
        try:
            return _written(path, scratch, with_keys, progress, still=attempt == ATTEMPTS)
        except MovedOn as moved:
            logger.info("%s was written over while the backup was taken; it is taken again.", moved)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    raise ArchiveError("Workbooks are being written over by something other than Lendbook; stop it and back up again.")


def _path_for(destination, with_keys):
    place = Path(destination).absolute() if destination else folder()
    named = place.name if place.suffix == ".zip" and not place.is_dir() else ""
    if named:
        place = place.parent
    elif place.parent.is_dir():
        place.mkdir(mode=0o700, exist_ok=True)
    if not place.is_dir():
        raise ArchiveError(f"There is no folder {place}. Make it (is the disk plugged in?), or name another.")
    if named and (place / named).exists():
        raise ArchiveError(f"{place / named} is there already; nothing is written over it.")
    while not named or (place / named).exists():  # of two in one second the other waits for the next
        if named:
            time.sleep(0.1)
        named = f"lendbook-{settings.INSTANCE}-{timezone.localtime():%Y%m%d-%H%M%S}{WITH_KEYS if with_keys else ''}.zip"
    return place / named


def _scratch():
    """A fresh folder on the instance's own disk, where files can have second names."""
    scratch = Path(settings.DATA_DIR, ".backup")
    scratch.mkdir(mode=0o700)
    return scratch


def _clear_leftovers(place):
    """Take away what a killed backup left."""
    shutil.rmtree(Path(settings.DATA_DIR, ".backup"), ignore_errors=True)
    for path in place.glob(f".lendbook-{settings.INSTANCE}-*.zip.part"):
        path.unlink(missing_ok=True)


def _written(path, scratch, with_keys, progress, *, still):
    """Write and look at one archive. Raises MovedOn."""
    others = OtherFiles(scratch / "files")
    began_at = timezone.now()
    with Writing(path) as archive:
        others.pin()
        with _standing_still(still) as held, database.moment() as moment:
            taken_at, trackers = timezone.now(), trackers_at(moment)
            faults = add_workbooks(trackers, archive)
            others.pin()
            about = _about(moment, began_at, taken_at, faults)
            held.close()  # what is left to do waits for nobody, and lets nobody wait
            progress(_STAGES[0], 100)
            saved = scratch / moment.name
            moment.save(saved, _stage(progress, 0))
        others.add_to(archive)
        faults += _add_key(archive) if with_keys else []
        with saved.open("rb") as file:
            archive.add(moment.name, file, _stage(progress, 1))
        saved.unlink()
        archive.close(about, settings.SECRET_KEY)
        _look_at(archive.part, scratch, _stage(progress, 2))
        archive.finish()
    progress(100, 100)
    return Report(
        path=path, size=path.stat().st_size, database=connection.vendor, taken_at=about["taken_at"],
        trackers=len(trackers), files=len(archive.files), warnings=faults,
    )  # fmt: skip


@contextlib.contextmanager
def _standing_still(wanted):
    """Where it is wanted, hold every book's workbooks as they are until the stack that is handed out is closed."""
    with contextlib.ExitStack() as held:
        if wanted:
            for pk in Book.objects.order_by("pk").values_list("pk", flat=True):
                held.enter_context(store.locked(pk))
        yield held


def _about(moment, began_at, taken_at, faults):
    """The manifest's head."""
    migrations = moment.rows("SELECT app, name FROM django_migrations ORDER BY id")
    counts = {table: moment.rows(f"SELECT COUNT(*) FROM {table}")[0][0] for table in _COUNTED}
    return {
        "instance": settings.INSTANCE,
        "began_at": began_at.isoformat(),
        "taken_at": taken_at.isoformat(),
        "migrations": [f"{app} {name}" for app, name in migrations],
        "rows": counts,
        "faults": faults,
    }


def _add_key(archive):
    """Put the instance's key into the archive; returns a warning where it is not Lendbook's to copy."""
    path = Path(settings.DATA_DIR, KEY)
    if settings.KEY_IS_GIVEN or not path.exists():
        return ["SECRET_KEY is given by the environment: it is not in the archive, keep it yourself."]
    archive.add(KEY, path.read_bytes())
    return []


def _look_at(part, scratch, progress):
    """Open the archive that was written: every checksum, and the database itself."""
    with Archive(part) as archive:
        archive.sealed_by([settings.SECRET_KEY])
        archive.read_through(progress, but=archive.database)
        saved = scratch / archive.database
        archive.unpack(archive.database, saved)
    database.check_saved(saved)


def _stage(progress, number):
    """The progress(done, total) of one stage, as percent of the whole."""
    since, until = _STAGES[number], _STAGES[number + 1]
    return lambda done, total: progress(since + (until - since) * done // max(total, 1), 100)


# ------------------------------------------------------------------------------------------------ what becomes of it


def _bring_second_copy(report):
    """Copy the archive to the second destination; a disk that is away is a warning, the first archive stands."""
    place = second_folder()
    if place is None or place == report.path.parent or WITH_KEYS in report.path.name:
        return
    try:
        report.second = copy_to(place, report.path)
    except OSError as error:
        why = error.strerror or str(error)
        report.warnings.append(
            f"No second copy: {place} cannot be used ({why}). The archive at its first place is whole."
        )


def catch_up_second_copy(newest):
    """Bring the newest archive (Kept) to the second destination, if that is there and lacks it."""
    place = second_folder()
    if place and place.is_dir() and not newest.has_keys and newest.name not in {one.name for one in archives(place)}:
        with _alone(), contextlib.suppress(OSError):  # the page of backups says what is lacking there
            copy_to(place, newest.path)
            let_go(place)


def copy_to(place, path):
    """Copy an archive into another folder, read again there before it gets its name. Raises OSError."""
    if not place.is_dir():
        raise FileNotFoundError(2, "it is not there; is the disk plugged in", str(place))
    target, part = place / path.name, place / f".{path.name}.part"
    try:
        with path.open("rb") as source:
            descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "w+b") as copy:
                shutil.copyfileobj(source, copy, CHUNK)
                copy.flush()
                os.fsync(copy.fileno())
                forget_cached(copy.fileno())
                copy.seek(0)
                source.seek(0)
                if hashlib.file_digest(copy, "sha256").digest() != hashlib.file_digest(source, "sha256").digest():
                    raise OSError(5, "what was written there reads differently", str(place))
        os.rename(part, target)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(place)
    return target


def let_go(place):
    """Remove the archives that keep.kept() does not keep; those with keys were asked for and stay. Returns names.

    Just after the clock jumped ahead by days nothing goes.
    """
    if not clock.is_settled():
        return []
    found = [one for one in archives(place) if not one.has_keys]
    stay = keep.kept([one.made_at for one in found], timezone.localtime())
    gone = [one for one in found if one.made_at not in stay]
    for one in gone:
        one.path.unlink(missing_ok=True)
    return [one.name for one in gone]
