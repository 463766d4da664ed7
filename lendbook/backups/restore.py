"""The way back: an archive into a new, empty folder, looked at before it is called an instance.

Everything is unpacked into DIR/.restoring, which says that it is not finished; migrated and checked there; and gets
its place by one rename. A restore that was killed is run again and goes on, or begins anew. Nothing that exists is
ever written over.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from environ import Env

from lendbook.backups import database
from lendbook.backups.archive import KEY, OURS, POSTGRESQL, UNSEALED, Archive, ArchiveError, sync_folder

NOT_FINISHED = "NOT-FINISHED"
_RESTORING = ".restoring"
_CHECKED = "checked"
_POSTGRESQL_SCHEMES = ("postgres", "pgsql")


@dataclass
class Report:
    """What was restored: the instance's folder, its name and moment, what the seal proves, what the checks found (empty:
    all sound)."""

    folder: Path
    instance: str
    database: str
    began_at: str
    taken_at: str
    rows: dict
    seal: str
    migrated: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def restore(archive_path, into, *, database_url="", usual_url="", accept_seal=False, progress=lambda sentence: None):
    """Restore an archive under the data folder `into`; `database_url` names an empty PostgreSQL database where it needs one.

    `usual_url` stands for it where none is named, and says nothing about an archive that needs no server. An archive that
    another key sealed is taken with `accept_seal` alone. Raises ArchiveError, naming the way out; before the archive was
    read through, nothing is written at all.
    """
    with Archive(archive_path) as archive:
        progress("Reading the archive …")
        archive.read_through()
        place = _Place(Path(into).absolute(), archive.manifest["instance"], _sha256(archive_path))
        _check_age(archive)
        _check_fits(archive, database_url)
        database_url = database_url or usual_url
        seal = _seal_told(archive, place, accept_seal)
        target = _target(archive, database_url, place.archive)
        report = Report(
            place.instance, archive.manifest["instance"], "postgresql" if target else "sqlite",
            archive.manifest["began_at"], archive.manifest["taken_at"], archive.manifest.get("rows", {}), seal,
        )  # fmt: skip
        found = place.found_checked()
        if found is None or place.files.exists():
            place.check_is_free(archive.unpacked_bytes)
        if found is None:
            is_in = target.check_is_free() if target else False
            try:
                progress("Writing the files …")
                place.begin()
                _unpack(archive, place, target, is_in)
                progress("Checking the books …")
                found = _checked(place, database_url if target else "")
            except (ArchiveError, OSError):
                place.give_up(keep=target is not None)
                raise
            place.keep_checked(found)
    if target:
        target.finish()
    place.finish()
    report.migrated, report.faults = found["migrated"], found["faults"]
    return report


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_age(archive):
    """An older archive is migrated forward; one of a newer Lendbook is refused."""
    migrations = MigrationLoader(None).disk_migrations
    known = {f"{app} {name}" for app, name in migrations}
    known |= {f"{app} {name}" for migration in migrations.values() for app, name in migration.replaces}
    newer = [name for name in archive.manifest["migrations"] if name not in known]
    if newer:
        raise ArchiveError(
            f"{archive.path.name} was made by a newer Lendbook (it knows {newer[0]!r}). Update this one and restore again."
        )


def _seal_told(archive, place, accept_seal):
    """What the archive's seal proves, as a sentence. Raises ArchiveError for another key's without a yes."""
    by = archive.sealed_by(_keys_at_hand(place))
    if by == OURS:
        return "Sealed by this instance: nothing in it was altered since."
    if by == UNSEALED:
        return "It bears no seal (an older Lendbook made it, or somebody took it off): nobody proves who made it."
    mark = f"'{archive.key_mark[:12]}'"
    if accept_seal:
        return f"Not sealed by this key: a key marked {mark} sealed it, which is not here; taken because you said so."
    raise ArchiveError(
        f"{archive.path.name} is not sealed by this key: one marked {mark} sealed it. Where you have that key, put it at "
        f"{place.instance / KEY} and restore again, which proves it. Without it nobody proves who made the archive: "
        "restore it with --yes if you know where it comes from."
    )


def _keys_at_hand(place):
    """The keys that may have sealed it: this instance's, its neighbour's of the archive's name, and the one waiting there."""
    keys = [settings.SECRET_KEY]
    name = place.instance.name
    if settings.KEY_IS_GIVEN:
        keys.append(f"{settings.SECRET_KEY.removesuffix(f':{settings.INSTANCE}')}:{name}")
    for path in (Path(settings.DATA_DIR).parent / name / KEY, place.instance / KEY):
        with contextlib.suppress(OSError):
            keys.append(path.read_text().strip())
    return [key for key in keys if key]


def _check_fits(archive, url):
    """A database that was named must be of the archive's kind: whoever names one means to find the books in it."""
    if url and archive.database != POSTGRESQL:
        raise ArchiveError(
            f"{archive.path.name} holds an SQLite database, which is a file and goes into the folder of --into. It cannot "
            f"go into the {_kind_of(url)} that --database-url names: restore again without --database-url."
        )


def _kind_of(url):
    """How a sentence names the database of an address, whose password is not told."""
    return "PostgreSQL database" if url.startswith(_POSTGRESQL_SCHEMES) else "database"


def _target(archive, url, archive_sha256):
    """The database.Target of a PostgreSQL archive; None for SQLite, which is a file among the others."""
    if archive.database != POSTGRESQL:
        return None
    if not url.startswith(_POSTGRESQL_SCHEMES):
        raise ArchiveError(
            "The archive holds a PostgreSQL database. Make an empty one (createdb lendbook_restored) and name it: "
            "--database-url postgres://USER:PASSWORD@HOST:5432/lendbook_restored"
        )
    return database.Target(Env.db_url_config(url), archive_sha256)


# ------------------------------------------------------------------------------------------------ the folder


class _Place:
    """Where an instance is restored: `work` while it is not finished, `instance` in the end."""

    def __init__(self, into, instance, archive_sha256):
        self.into, self.archive = into, archive_sha256
        self.instance = into / instance
        self.work = into / _RESTORING
        self.files = self.work / instance
        self.note = self.work / NOT_FINISHED

    def check_is_free(self, needed):
        """Raises ArchiveError where something lies at the instance's place already, or the disk is too small."""
        if any(path for path in (self.into, self.instance) if path.exists() and not path.is_dir()):
            raise ArchiveError(f"{self.into} is no folder; name a new one.")
        if self.work.exists() and not self._is_ours():
            raise ArchiveError(f"{self.work} is none of ours; name a new folder.")
        there = [path for path in self._there() if path != self.instance / KEY]
        if there:
            raise ArchiveError(
                f"{self.instance} is not empty ({there[0].relative_to(self.instance)} lies there); nothing is written "
                "over an instance. Name a new folder with --into."
            )
        nearest = next(path for path in (self.into, *self.into.parents) if path.exists())
        if shutil.disk_usage(nearest).free < needed * 1.1:
            raise ArchiveError(f"{nearest} has too little space: the archive unpacks to {needed / 1e6:,.0f} MB.")

    def _is_ours(self):
        """Whether a restore made the folder of unfinished work: its note comes first and goes last."""
        return self.note.exists() or all(path.name.startswith(NOT_FINISHED) for path in self.work.iterdir())

    def _there(self):
        """What lies in the instance's folder, the empty folders and locks of a first start aside."""
        for path in sorted(self.instance.rglob("*")):
            if not path.is_dir() and path.parent.name != "locks":
                yield path

    def found_checked(self):
        """What the checks of an interrupted restore of the same archive found, if it came so far; else None."""
        try:
            note = json.loads(self.note.read_text())
            return note["found"] if note["archive"] == self.archive and note["state"] == _CHECKED else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def begin(self):
        """A fresh folder that says it is not finished."""
        self.into.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clear_away()
        self.work.mkdir(mode=0o700)
        self._write_note(state="begun")
        self.files.mkdir(mode=0o700)
        sync_folder(self.into)
        if (self.instance / KEY).exists():
            shutil.copyfile(self.instance / KEY, self.files / KEY)
            (self.files / KEY).chmod(0o600)

    def _write_note(self, **values):
        sentence = "This restore is not finished. Run it again: manage.py restore ARCHIVE --into …"
        fresh = self.note.with_suffix(".part")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(json.dumps({"": sentence, "archive": self.archive, **values}, ensure_ascii=False, indent=1))
            file.flush()
            os.fsync(file.fileno())
        os.rename(fresh, self.note)
        sync_folder(self.work)

    def keep_checked(self, found):
        """Make all files durable and note that only the rename is left to do."""
        _make_durable(self.files)
        self._write_note(state=_CHECKED, found=found)

    def give_up(self, *, keep):
        """Leave nothing of a restore that was refused; with `keep` its note stays, beside a database half filled."""
        with contextlib.suppress(OSError):
            if keep:
                shutil.rmtree(self.files, ignore_errors=True)
            else:
                self._clear_away()

    def _clear_away(self):
        """Remove unfinished work, its note last."""
        if not self.work.exists():
            return
        for path in sorted(self.work.iterdir(), key=lambda path: path.name.startswith(NOT_FINISHED)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.work.rmdir()

    def finish(self):
        """Give the instance its place; twice is once."""
        if self.files.exists():
            # Empty folders of a first start, and its key, which is in the new place already. Anything else stops here.
            for path in [*sorted(self.instance.rglob("*"), reverse=True), self.instance]:
                if path.is_dir():
                    path.rmdir()
                elif path.parent.name == "locks" or path == self.instance / KEY:
                    path.unlink()
            os.rename(self.files, self.instance)
            sync_folder(self.into)
        self._clear_away()


def _make_durable(folder):
    """fsync every file and folder below; the first makes the disk commit, the others find little left."""
    for path, _, names in os.walk(folder):
        for name in names:
            descriptor = os.open(os.path.join(path, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_folder(path)


# ------------------------------------------------------------------------------------------------ its content


def _unpack(archive, place, target, is_in):
    for name in archive.files:
        path = place.files / name
        if name == POSTGRESQL:
            path = place.work / name
            if is_in:
                continue
        if name == KEY and path.exists():
            path.rename(path.with_name(f"{KEY}.before"))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        archive.unpack(name, path)
    if target is None:
        database.check_saved(place.files / archive.database)
    elif not is_in:
        target.fill(place.work / archive.database)
        (place.work / archive.database).unlink()


def _checked(place, database_url):
    """Migrate the restored instance and look at it, in a process of its own; {"migrated": […], "faults": […]}."""
    environment = {
        **os.environ,
        "LENDBOOK_DATA_DIR": str(place.work),
        "LENDBOOK_INSTANCE": place.instance.name,
        "DATABASE_URL": database_url,
        "REDIS_URL": "",
        "DJANGO_SETTINGS_MODULE": "lendbook.settings",
        "PYTHONUNBUFFERED": "1",
    }
    environment.setdefault("ALLOWED_HOSTS", "localhost")  # prod asks for one, and answers nobody here
    done = subprocess.run(
        [sys.executable, "-m", "lendbook.backups.look"],
        cwd=settings.BASE_DIR, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    try:
        return json.loads(done.stdout)
    except ValueError:
        said = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise ArchiveError(f"The restored books could not be looked at ({said}). The archive stays as it is.") from None
