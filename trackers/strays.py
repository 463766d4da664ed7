"""Workbooks in daily-trackers/ and versions/ that are no tracker's: what each is, and how its payments come into the books.

Most are leftovers. But a tracker that was opened after the moment of a database that was put back has no row, and its
workbook is all that is left of it: such a one is adopted, with what was handed over, and never called a leftover.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shop.models import Book
from shop.money import rupees
from trackers import adopt, services, store
from trackers.models import Customer, Tracker
from trackers.schedule import TermsError
from trackers.services.copies import is_closed
from trackers.workbook.contents import Contents
from trackers.workbook.errors import WorkbookError
from trackers.workbook.read import read

_KEPT_NAME = re.compile(r"(.+)\.v\d+(?:-outside-[0-9a-f]+)?\.xlsx")
_LOGIN = re.compile(r"tracker_(.+?)_\d{8}_\d{6}(?:_\d+)?(?:\.v\d+)?(?:-outside-[0-9a-f]+)?$")


@dataclass(frozen=True)
class _Lost:
    """A tracker without a row: its newest workbook, and whether its loan ran before Lendbook had it."""

    path: Path
    contents: Contents
    was_running: bool = False


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
    lost = _lost_among(read_as)
    return [_stray(path, message, read_as.get(path), lost) for path, message in paths.items()]


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


def _lost_among(read_as):
    """{id of a tracker that has no row: the _Lost of it}; files without terms, of which no tracker can be made, are none."""
    known = {str(uid) for uid in Tracker.objects.values_list("uid", flat=True)}
    copies = {}
    for path, contents in read_as.items():
        if contents.tracker_id and contents.tracker_id not in known and _has_terms(contents):
            copies.setdefault(contents.tracker_id, []).append((path, contents))
    return {uid: _lost(found) for uid, found in copies.items()}


def _lost(copies):
    path, contents = max(copies, key=lambda copy: copy[1].version)
    # A tracker that was opened here had nothing paid in its first version; a running loan had.
    was_running = any(one.version == 1 and one.as_last_written.days for _, one in copies)
    return _Lost(path, contents, was_running)


def _has_terms(contents):
    with suppress(WorkbookError, TermsError):
        return contents.terms is not None
    return False


def _stray(path, message, contents, lost):
    if contents is None:
        return Stray(path, message)
    known = contents.tracker_id and Tracker.objects.filter(uid=contents.tracker_id).first()
    if known:
        return _of_known(path, message, known, contents)
    if contents.tracker_id in lost:
        return _of_lost(path, message, lost[contents.tracker_id])
    if contents.days and path.parent == store.folder():
        return _of_lost(path, message, _Lost(path, contents))
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


def _of_lost(path, message, lost):
    """A workbook whose tracker is lost; older copies of it wait for the newest to be adopted."""
    contents, login = lost.contents, _login_of(lost.path)
    slugs = _slugs_of(login)
    book = Book.objects.get(slug=slugs[0]) if len(slugs) == 1 else None
    if same := not contents.days and _same_loan(book, login, contents):
        return Stray(path, f"{message} Nothing was paid on it, and its loan is here as {same.filename}.")
    options = ["--book", book.slug if book else "…", "--user", login, "--apply"]
    if posts := _posts_disbursement(lost, book):
        options.append("--post-disbursement")
    if book and _has_terms(contents) and _is_any_closed(book, contents, posts):
        options.append("--adjust")
    if lost.path != path:
        told = f"It is an older copy of {lost.path.parent.name}/{lost.path.name}, whose tracker is lost."
    else:
        told = _told_of(contents, posts)
    return Stray(path, f"{message} {told}", f"adopt_workbook {lost.path} {' '.join(options)}")


def _told_of(contents, posts):
    paid = contents.summary()["total_paid"] if _has_terms(contents) else 0
    told = f"It holds {len(contents.days)} days with {paid} paid, of which no book knows."
    if not posts:
        return told
    given = f"{rupees(contents.handed_over)} handed over on {contents.terms.start_date:%d-%m-%Y}"
    return f"{told} The {given} is lost from the day book too; without --post-disbursement it is not posted again."


def _posts_disbursement(lost, book):
    """Whether opening the tracker had posted what was handed over, as far as its workbook can tell."""
    if lost.was_running or not (adopt.is_lendbooks_own(lost.contents) and _has_terms(lost.contents)):
        return False
    if not lost.contents.handed_over:
        return False
    return not (book and book.begins_on and lost.contents.terms.start_date < book.begins_on)


def _is_any_closed(book, contents, posts):
    """Whether what is posted when the workbook is adopted falls on a closed day."""
    is_closed_day = is_closed(book, contents)
    return any(is_closed_day(day) for day in [*contents.days, *([0] if posts else [])])


def _same_loan(book, login, contents):
    """The tracker of the same loan that the customer has: somebody opened it once more."""
    customer = Customer.objects.filter(book=book, user__username=login).first() if book else None
    return adopt.same_tracker(customer, contents) if customer else None


def _login_of(path):
    """The login in a workbook's file name, "…" where nobody here can tell."""
    named = _LOGIN.match(path.stem)
    return named[1] if named else "…"


def _slugs_of(login):
    """The books that a lost tracker of a customer can belong to; of several nobody here can tell which."""
    of_customer = Customer.objects.filter(user__username=login).values_list("book__slug", flat=True)
    return list(set(of_customer)) or list(Book.objects.values_list("slug", flat=True)[:2])
