"""What Lendbook keeps of a tracker, and the files beside it that may say more.

A database that was put back is older than its workbooks, a folder that was put back older than its rows. So every file
that is found is compared before anything takes its place: one that grew from the row's version holds what came later,
one that the row once had holds nothing new unless somebody typed into it, any other went its own way.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from trackers import store
from trackers.models import Tracker
from trackers.services.change import ADOPTED_WHOLE, BUILT_ANEW, REMEMBERED, current
from trackers.services.from_ledger import contents_from_ledger
from trackers.workbook.build import build_workbook
from trackers.workbook.contents import Contents
from trackers.workbook.errors import WorkbookError
from trackers.workbook.hidden import mark_of
from trackers.workbook.merge import Comparison, Descent, compare
from trackers.workbook.read import Opened, open_workbook, read

_BUILT_ANEW_AT_MOST = 20


@dataclass(frozen=True)
class Stored:
    """What Lendbook keeps of a tracker. `in_the_way`: something else than its workbook, or nothing, lies at its name.

    `source` says in words where it comes from; `unknown` are the sentences about what cannot be known, where it had to
    be made of the ledger.
    """

    opened: Opened
    in_the_way: bool = False
    source: str = "the workbook"
    unknown: tuple[str, ...] = ()

    @property
    def is_from_ledger(self) -> bool:
        return bool(self.unknown)


@dataclass(frozen=True)
class Compared:
    """A copy beside the stored workbook: the cells' `comparison`, made against `version` of the tracker.

    `in_the_way`: the file at the tracker's place is not the one Lendbook wrote (or is gone), so adopting puts a sound
    one there even where no cell changes. `stored` is what it was compared with.
    """

    tracker: Tracker
    uploaded: Contents
    comparison: Comparison
    version: int
    in_the_way: bool
    descent: Descent
    stored: Stored

    @property
    def is_foreign(self) -> bool:
        """Whether the copy as a whole is refused: another tracker's, or another kind."""
        of_cells = (*self.uploaded.unreadable, *self.uploaded.altered)
        refused = self.comparison.refused
        return any(one not in of_cells and (one.cell == "A1" or "!" in one.cell) for one in refused)

    @property
    def is_ahead(self) -> bool:
        """Whether the copy is of a later version than the row: the database was put back."""
        return self.descent is not Descent.COPY and self.uploaded.version > self.version

    @property
    def is_from_elsewhere(self) -> bool:
        """Whether what is left of the copy would be forgotten: it lies in the place of the workbook that is written, or
        is a version which the row does not know."""
        return self.in_the_way or self.descent is not Descent.COPY

    @property
    def changes_nothing(self) -> bool:
        return self.comparison.changes_nothing and not self.in_the_way and not self.is_ahead


# ------------------------------------------------------------------------------------------------ what is kept


def stored_of(tracker: Tracker) -> Stored:
    """What Lendbook keeps of a tracker whose lock the caller holds: the workbook, else the kept copy of the row's
    version, else what the ledger and the receipts say.

    Raises StoreError, WorkbookError or TermsError where the row itself makes no scheme.
    """
    try:
        return Stored(current(tracker))
    except (store.StoreError, WorkbookError):
        pass
    kept = kept_bytes(tracker)
    if kept is not None:
        return Stored(open_workbook(kept), True, f"the kept copy of version {tracker.version}")
    older = _older_copy(tracker)
    contents, unknown = contents_from_ledger(tracker, older)
    opened = open_workbook(build_workbook(contents, store.template_of(tracker.book_id)).data)
    return Stored(opened, True, "its ledger entries and receipts", tuple(unknown))


def kept_bytes(tracker: Tracker) -> bytes | None:
    """The kept copy of the row's version, if it is there and can be opened."""
    with suppress(store.StoreError, WorkbookError):
        kept = store.read_kept(tracker)
        if kept is not None and read(kept).tracker_id == str(tracker.uid):
            return kept
    return None


def _older_copy(tracker):
    """The newest file of an earlier version that the row once had, at its name or kept: what no entry says stands there."""
    found = []
    for path in (store.path_of(tracker), *_kept_paths(tracker)):
        with suppress(store.StoreError, WorkbookError):
            content = store.bytes_at(path)
            contents = read(content, thorough=True) if content else None
            if contents and is_earlier(tracker, contents):
                found.append(contents)
    return max(found, key=lambda contents: contents.version, default=None)


def _kept_paths(tracker):
    return [store.version_path(tracker, version) for version in range(max(tracker.version - 10, 1), tracker.version)]


# ------------------------------------------------------------------------------------------------ whose a copy is


def is_earlier(tracker: Tracker, contents: Contents) -> bool:
    """Whether a workbook is one of the versions that the tracker's row once had, edited since or not."""
    if contents.tracker_id != str(tracker.uid) or not 0 < contents.version <= tracker.version:
        return False
    if contents.baseline is None or contents.layout.kind != tracker.tracker_type:
        return False
    try:
        said = contents.as_last_written.summary()
    except (WorkbookError, ValueError):
        return False
    remembered = tracker.history.filter(version=contents.version).values_list(*REMEMBERED)
    return tuple(said[name] for name in REMEMBERED) in set(remembered)


def descent_of(tracker: Tracker, uploaded: Contents, stored: Contents) -> Descent:
    """How a copy is related to what the tracker's row knows; a lender's own workbook is compared as a copy."""
    if not uploaded.tracker_id or uploaded.tracker_id != str(tracker.uid):
        return Descent.COPY
    if uploaded.trail and uploaded.trail[-1] in stored.trail:
        return Descent.COPY  # it was taken in before
    if uploaded.version > tracker.version:
        return Descent.LATER if _grew_from_row(tracker, uploaded.trail, stored.trail) else Descent.PARTED
    return Descent.COPY if is_earlier(tracker, uploaded) else Descent.PARTED


def _grew_from_row(tracker, trail, own_trail):
    """Whether a trail leads over what the row says; versions that were only built anew said the same before, and one that
    took in a later workbook whole says what that one did, whose mark stands before its own in `own_trail`."""
    if mark_of(tracker.sha256) in trail:
        return True
    newest = tracker.history.order_by("-history_id").values_list("sha256", "history_change_reason")
    for sha256, reason in newest[:_BUILT_ANEW_AT_MOST]:
        if mark_of(sha256) in trail:
            return True
        if reason == ADOPTED_WHOLE and mark_of(sha256) in own_trail[1:]:
            return own_trail[own_trail.index(mark_of(sha256)) - 1] in trail
        if reason != BUILT_ANEW:
            return False
    return False


def compare_with(tracker: Tracker, stored: Stored, uploaded: Contents) -> Compared:
    """Compare a copy, read thoroughly, with what is kept of a tracker."""
    now = stored.opened.contents
    descent = descent_of(tracker, uploaded, now)
    comparison = compare(now, uploaded, is_closed=is_closed(tracker.book, now), descent=descent)
    return Compared(tracker, uploaded, comparison, tracker.version, stored.in_the_way, descent, stored)


def is_closed(book, contents: Contents):
    """Whether a change of a day would have to post in a closed period; before the book begins nothing posts."""

    def is_closed_day(day):
        date = contents.terms.date_of(day)
        return book.is_closed_on(date) and not (book.begins_on and date < book.begins_on)

    return is_closed_day


# ------------------------------------------------------------------------------------------------ what says more


@dataclass(frozen=True)
class Holding:
    """A file that says what Lendbook does not know: where it lies, and the comparison."""

    path: Path
    compared: Compared


def holding_more(tracker: Tracker, stored: Stored, names=None) -> list[Holding]:
    """The files of a tracker that say more than what is kept, the newest first: at its name, or kept of later versions.

    `names` are the names in versions/, where they were listed before.
    """
    places = [store.path_of(tracker)] if stored.in_the_way else []
    found = []
    for path in (*places, *store.newer_kept(tracker, names)):
        compared = _compared_at(path, tracker, stored)
        if compared is not None and compared.comparison.holds_more:
            found.append(Holding(path, compared))
    return sorted(found, key=lambda one: one.compared.uploaded.version, reverse=True)


def _compared_at(path, tracker, stored):
    """The comparison of the file at a path; None where it is no workbook of this tracker, or was taken in before."""
    with suppress(store.StoreError, WorkbookError):
        content = store.bytes_at(path)
        if content is None or mark_of(store.sha256_of(content)) in stored.opened.contents.trail:
            return None
        compared = compare_with(tracker, stored, read(content, thorough=True))
        return None if compared.is_foreign else compared
    return None


# ------------------------------------------------------------------------------------------------ what lies in the way


def put_aside(tracker: Tracker) -> None:
    """Keep what lies at a workbook's name before its own takes the place. Another tracker's that may say more is kept
    where the next look finds it: among that tracker's versions, or, where it has no row, in daily-trackers/."""
    with suppress(store.StoreError, WorkbookError):
        content = store.read_outside(tracker)
        found = read(content, thorough=True) if content else None
        if found and found.tracker_id not in ("", str(tracker.uid)):
            _keep_for_its_own(tracker, found, content)
    store.set_aside(tracker)


def _keep_for_its_own(tracker, found, content):
    own = Tracker.objects.filter(uid=found.tracker_id).first()
    if own is None:
        stem = tracker.filename.removesuffix(".xlsx")
        store.write_whole(store.folder() / f"{stem}_found_{mark_of(store.sha256_of(content))}.xlsx", content)
    elif not (is_earlier(own, found) and found.cells == found.as_last_written.cells):
        version = max(found.version, own.version + 1)
        while (path := store.version_path(own, version)).exists() and path.read_bytes() != content:
            version += 1
        store.write_whole(path, content)
