"""What goes into an archive beside the database: each tracker's workbook of that moment, its versions, other files.

Workbooks move on while they are gathered. The rows of the moment name the sha256 of each; where that content lies
nowhere any more, because a tracker was written to very often just then, MovedOn asks for a later moment.
"""

import os
import re
import shutil
from pathlib import Path

from django.conf import settings

from lendbook.backups.archive import is_taken_along
from trackers import store
from trackers.models import Tracker

WORKBOOKS = ("daily-trackers", "versions")
_VERSION = re.compile(r"(.+)\.v(\d+)(-outside-[0-9a-f]{8})?\.xlsx")


class MovedOn(Exception):
    """A workbook of the moment is written over already: take a later moment."""


def trackers_at(moment):
    """The Tracker rows of a database moment, with what names their workbooks."""
    rows = moment.rows("SELECT id, book_id, filename, sha256, version FROM trackers_tracker ORDER BY id")
    names = ("pk", "book_id", "filename", "sha256", "version")
    return [Tracker(**dict(zip(names, row, strict=True))) for row in rows]


def add_workbooks(trackers, archive):
    """Put each tracker's workbook, its versions so far and stray workbooks into the archive; returns faults found.

    Raises MovedOn.
    """
    faults = []
    for tracker in trackers:
        content, is_in_place = store.read_recorded(tracker)
        if not is_in_place:
            content, outside, fault = _at_rest(tracker, content)
            faults += [fault] if fault else []
            if content is None:
                content = outside
            elif outside is not None:
                archive.add(f"versions/{store.aside_path(tracker, outside).name}", outside)
        if content is not None:
            archive.add(f"daily-trackers/{tracker.filename}", content)
    _add_versions(trackers, archive)
    _add_strays(trackers, archive)
    return faults


def _at_rest(tracker, content):
    """(recorded content, what else lies at the workbook's name, a fault's sentence), looked at under its lock."""
    with store.locked(tracker.book_id, tracker.pk):
        content = content or store.read_recorded(tracker)[0]
        now = Tracker.objects.filter(pk=tracker.pk).values_list("sha256", flat=True).first()
        if now != tracker.sha256:
            if content is None:
                raise MovedOn(tracker.filename)
            return content, None, ""
        try:
            return store.read(tracker), None, ""
        except store.ChangedOutside:
            outside = store.read_outside(tracker)
            fault = (
                "" if content else f"The workbook {tracker.filename} was changed outside Lendbook; it goes as it lies."
            )
            return content, outside, fault
        except store.StoreError as error:
            return content, None, "" if content else str(error)


def _add_versions(trackers, archive):
    """Versions up to each tracker's own; later ones belong to work after the moment."""
    newest = {tracker.filename.removesuffix(".xlsx"): tracker.version for tracker in trackers}
    for path in sorted(store.versions_folder().glob("*.xlsx")):
        found, name = _VERSION.fullmatch(path.name), f"versions/{path.name}"
        if found and name not in archive.files and int(found[2]) <= newest.get(found[1], -1):
            _add_file(name, path, archive)


def _add_strays(trackers, archive):
    """Workbooks in the folder that no tracker has, so that whoever put them there finds them again."""
    known = {tracker.filename for tracker in trackers}
    strays = [path for path in sorted(store.folder().glob("*.xlsx")) if path.name not in known]
    opened_since = set(
        Tracker.objects.filter(filename__in=[path.name for path in strays]).values_list("filename", flat=True)
    )
    for path in strays:
        if path.name not in opened_since and not path.name.startswith(("~", ".")):
            _add_file(f"daily-trackers/{path.name}", path, archive)


def _add_file(name, path, archive):
    """Add a file as it lies; one that is gone by now is passed over."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    with os.fdopen(descriptor, "rb") as file:
        archive.add(name, file)


class OtherFiles:
    """Every other file of the instance: waiting statements and imports, templates, whatever a room keeps in a folder.

    They are pinned by a second name before and after the database's moment: a file that a commit in between removed
    is there for a database that still waits for it, one that came with a commit in between as well.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.names = set()

    def pin(self):
        """Give every file that has none a second name in our folder."""
        home = Path(settings.DATA_DIR)
        for path in _files_below(home):
            name = path.relative_to(home).as_posix()
            if name in self.names or name.split("/")[0] in WORKBOOKS or not is_taken_along(name):
                continue
            pinned = self.folder / name
            pinned.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                self._link(path, pinned)
            except FileNotFoundError:
                continue
            self.names.add(name)

    def _link(self, path, pinned):
        try:
            os.link(path, pinned, follow_symlinks=False)
        except OSError as error:
            if isinstance(error, FileNotFoundError):
                raise
            shutil.copyfile(path, pinned, follow_symlinks=False)  # another disk, or one that knows no links

    def add_to(self, archive):
        for name in sorted(self.names):
            _add_file(name, self.folder / name, archive)


def _files_below(home):
    """Plain files below a folder; links to elsewhere are nobody's data."""
    for folder, below, names in os.walk(home):
        below[:] = sorted(name for name in below if not name.startswith("."))
        if Path(folder) == home:
            below[:] = [name for name in below if is_taken_along(f"{name}/x")]
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path
