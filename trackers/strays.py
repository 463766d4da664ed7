"""Workbooks in daily-trackers/ and versions/ that are no tracker's: what each is, and how its payments come into the books.

Most are leftovers. But a tracker that was opened after the moment of a database that was put back has no row, and its
workbook is all that is left of it: such a one is adopted, and never called a leftover.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shop.models import Book
from trackers import services, store
from trackers.models import Customer, Tracker
from trackers.workbook.errors import WorkbookError
from trackers.workbook.read import read

_KEPT_NAME = re.compile(r"(.+)\.v\d+(?:-outside-[0-9a-f]+)?\.xlsx")
_LOGIN = re.compile(r"tracker_(.+?)_\d{8}_\d{6}(?:_\d+)?(?:\.v\d+)?(?:-outside-[0-9a-f]+)?$")


@dataclass(frozen=True)
class Stray:
    """A file without a row: `adopt` is the command that brings in what it alone says, "" where it says nothing."""

    path: Path
    message: str
    adopt: str = ""

    @property
    def place(self) -> str:
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def remedy(self) -> str:
        return self.adopt or "set_aside_orphans"


def strays() -> list[Stray]:
    """Every Stray of the instance: those in daily-trackers/ first."""
    paths = dict.fromkeys(_without_row(), "No tracker has this workbook.")
    paths |= dict.fromkeys(_kept_without_row(), "It is kept as a version, and there is no such tracker.")
    read_as = {path: contents for path in paths if (contents := _contents_of(path)) is not None}
    newest = _newest_of_lost(read_as)
    return [_stray(path, message, read_as.get(path), newest) for path, message in paths.items()]


def _without_row():
    known = set(Tracker.objects.values_list("filename", flat=True))
    return [
        path
        for path in sorted(store.folder().glob("*.xlsx"))
        if path.name not in known and not path.name.startswith("~$")
    ]


def _kept_without_row():
    stems = {name.removesuffix(".xlsx") for name in Tracker.objects.values_list("filename", flat=True)}
    found = []
    for path in sorted(store.versions_folder().glob("*")):
        match = _KEPT_NAME.fullmatch(path.name)
        if path.suffix != ".part" and (match is None or match[1] not in stems):
            found.append(path)
    return found


def _contents_of(path):
    with suppress(store.StoreError, WorkbookError):
        content = store.bytes_at(path)
        return read(content, thorough=True) if content else None
    return None


def _newest_of_lost(read_as):
    """{id of a tracker that has no row: (path, contents) of its newest workbook}."""
    known = {str(uid) for uid in Tracker.objects.values_list("uid", flat=True)}
    newest = {}
    for path, contents in read_as.items():
        if contents.tracker_id and contents.tracker_id not in known:
            standing = newest.get(contents.tracker_id)
            if standing is None or contents.version > standing[1].version:
                newest[contents.tracker_id] = path, contents
    return newest


def _stray(path, message, contents, newest):
    if contents is None:
        return Stray(path, message)
    known = contents.tracker_id and Tracker.objects.filter(uid=contents.tracker_id).first()
    if known:
        return _of_known(path, message, known, contents)
    if contents.tracker_id in newest:
        path_of_newest, newest_contents = newest[contents.tracker_id]
        if contents.days or newest_contents.days:
            return _of_lost(path, message, path_of_newest, newest_contents)
    elif contents.days and path.parent == store.folder():
        return _of_lost(path, message, path, contents)
    return Stray(path, message)


def _of_known(path, message, tracker, contents):
    """A copy of a tracker that is there: it is nothing but a leftover, unless it says more."""
    try:
        with store.locked(tracker.book_id, tracker.pk):
            tracker = Tracker.objects.select_related("book", "customer__user").get(pk=tracker.pk)
            compared = services.compare_with(tracker, services.stored_of(tracker), contents)
    except (store.StoreError, WorkbookError):
        return Stray(path, message)
    if compared.is_foreign or not compared.comparison.holds_more:
        return Stray(path, message)
    more = f"It is a copy of {tracker.filename} and says more: {services.told_of(compared)}."
    return Stray(path, f"{message} {more}", f"adopt_workbook {path} --tracker {tracker.filename} --apply")


def _of_lost(path, message, newest, contents):
    """A workbook whose tracker is lost; older copies of it wait for the newest to be adopted."""
    paid = contents.summary()["total_paid"] if contents.parameters else 0
    said = f"{message} It holds {len(contents.days)} days with {paid} paid, of which no book knows."
    if newest != path:
        said = f"{message} It is an older copy of {newest.parent.name}/{newest.name}, whose tracker is lost."
    return Stray(path, said, f"adopt_workbook {newest} {_whose(newest)} --apply")


def _whose(path):
    """--book and --user of a workbook by its file name, with "…" for what nobody here can tell."""
    named = _LOGIN.match(path.stem)
    login = named[1] if named else "…"
    books = set(Customer.objects.filter(user__username=login).values_list("book__slug", flat=True))
    books = books or set(Book.objects.values_list("slug", flat=True)[:2])
    return f"--book {books.pop() if len(books) == 1 else '…'} --user {login}"
