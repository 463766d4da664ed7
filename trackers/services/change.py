"""The one way to change a tracker: its workbook, its row and what its days post, together or not at all."""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from django.db import DatabaseError, transaction
from django.utils import timezone
from simple_history.utils import bulk_update_with_history

from ledger import services as ledger
from shop import faults
from trackers import posting, store
from trackers.models import Tracker
from trackers.schedule import MAX_DAY
from trackers.workbook.build import build_workbook
from trackers.workbook.contents import Contents, edited
from trackers.workbook.errors import CannotPatch, WorkbookError
from trackers.workbook.hidden import mark_of
from trackers.workbook.patch import write
from trackers.workbook.read import Opened, open_workbook, read

# What a workbook's summary is cached as in the row.
CACHED = ("days_paid", "total_paid", "balance", "expected", "pending", "pocket_money", "last_paid_on", "last_day")
BUILT_ANEW = "Workbook built anew"  # the reason in history of a version that says what the one before it said
ADOPTED_WHOLE = "Adopted, all of it"  # … that says what a later workbook said, and nothing else
# What the row of a version, and its history, remember of the payments: by that a copy of it is known again.
REMEMBERED = ("days_paid", "total_paid", "balance", "last_paid_on")
_TERMS = (
    "tracker_name", "investment", "scheme_period", "per_day_payment", "strategy", "enhanced_count", "start_date",
)  # fmt: skip


@dataclass
class Change:
    """One tracker's workbook as it is (`opened`) and as it shall be (`new`), with the days that post."""

    tracker: Tracker
    opened: Opened
    new: Contents
    days: list[posting.DayChange] = field(default_factory=list)
    rebuilt: str = ""


def current(tracker):
    """The tracker's true workbook, opened. The caller holds its lock, or the book's.

    A file that somebody opened and saved in Excel without changing an input or formula is taken as it is.
    Raises store.Missing, store.ChangedOutside.
    """
    try:
        return open_workbook(store.read(tracker))
    except store.ChangedOutside:
        outside = store.read_outside(tracker)
        try:
            opened = open_workbook(outside, thorough=True)
        except WorkbookError:
            opened = None
        if opened is None or not _only_saved_again(tracker, opened.contents):
            _note_changed_outside(tracker.pk)
            raise
        return opened


def _note_changed_outside(pk):
    with transaction.atomic():
        row = Tracker.objects.select_for_update().get(pk=pk)
        if row.changed_outside_at is None:
            row.changed_outside_at = timezone.now()
            ledger.save(row, None, "Changed outside Lendbook", fields=["changed_outside_at"])


def _only_saved_again(tracker, outside):
    """Whether a foreign copy says what Lendbook wrote last: same tracker and version, no input and no formula differs.

    Its number alone proves nothing: after a database was put back, two versions may bear the same one.
    """
    if outside.tracker_id != str(tracker.uid) or outside.version != tracker.version or not outside.is_as_written:
        return False
    kept, summary = kept_contents(tracker), outside.summary()
    if kept is not None:
        return kept.cells == outside.cells
    return all(summary[name] == getattr(tracker, name) for name in REMEMBERED)


def contents_of(tracker):
    """What the tracker's workbook says now, for reading; a save in progress is waited for. Raises StoreError."""
    with store.locked(tracker.book_id, tracker.pk):
        row = Tracker.objects.get(pk=tracker.pk)
        return as_handed_over(row, current(row).contents)


def kept_contents(tracker):
    """What the kept copy of the row's version says; None where there is none that can be read."""
    try:
        kept = store.read_kept(tracker)
        return as_handed_over(tracker, read(kept)) if kept else None
    except (store.StoreError, WorkbookError):
        return None


def as_handed_over(tracker, contents):
    """The contents with what the row says was handed over, as the next writing stores it.

    A workbook that was written before the hidden sheet kept that amount reads right so, and is brought on with its
    next change.
    """
    is_whole = tracker.disbursed_amount == contents.terms.investment
    disbursed = None if is_whole else tracker.disbursed_amount
    return contents if contents.disbursed == disbursed else replace(contents, disbursed=disbursed)


def bytes_of(tracker):
    """The bytes of the tracker's workbook, or of its last kept copy; what it shows as profit is brought on.

    Raises store.StoreError where there is neither.
    """
    with store.locked(tracker.book_id, tracker.pk):
        tracker.refresh_from_db(fields=["version", "sha256"])
        try:
            content = store.read(tracker)
        except store.StoreError:
            content = store.read_kept(tracker)
            if content is None:
                raise
    return _brought_on(tracker, content)


def _brought_on(tracker, content):
    """The workbook, or, where it keeps another amount as handed over than the row, the same with the row's."""
    if tracker.disbursed_amount == tracker.investment:
        return content
    try:
        opened = open_workbook(content)
        contents = as_handed_over(tracker, opened.contents)
        return content if contents is opened.contents else write(opened, contents).data
    except WorkbookError:
        return content  # one that cannot be changed goes out as it is


def changed(tracker, opened, *, days=None, parameters=None, **replaced):
    """The Change that edits some inputs (None clears one); its version is one more than the row's."""
    replaced = {"trail": grown_trail(tracker, opened.contents), **replaced}
    new = edited(opened.contents, days=days, parameters=parameters, version=tracker.version + 1, **replaced)
    return Change(tracker, opened, new)


def grown_trail(tracker, *merged):
    """The trail of a workbook that takes in what `merged` (Contents) say and follows on the row's version."""
    marks = [mark for contents in merged for mark in contents.trail]
    return tuple(dict.fromkeys([*marks, mark_of(tracker.sha256)]))


def commit(changes, *, user, reason, adjust=False, also=None, mends=False):
    """Write the changed workbooks, store their rows and post their days in one transaction, then move the files.

    `also()` is called inside the transaction: what else belongs to it. `mends`: it is a remedy, and may write what a
    fault has made read-only. The caller holds the locks.
    """
    with written(changes) as files, transaction.atomic(durable=True):
        apply(changes, files, user=user, reason=reason, adjust=adjust, mends=mends)
        if also:
            also()
    store.settle(*(change.tracker for change in changes))


@contextmanager
def written(changes):
    """The changed workbooks, durable beside their places, while the transaction runs; gone again if it is refused."""
    for change in changes:
        change.new = as_handed_over(change.tracker, change.new)
    with waiting([(change.tracker, _bytes_of(change)) for change in changes]) as files:
        yield files


@contextmanager
def waiting(pairs):
    """The workbooks of (tracker, bytes), durable beside their places, as store.Written; gone again on a refusal."""
    files = store.write_waiting_many(pairs)
    try:
        yield files
    except DatabaseError:
        raise  # the commit itself may have happened: recovery compares the row with the waiting file and decides
    except Exception:
        store.drop_waiting(files)
        raise


def apply(changes, files, *, user, reason, adjust=False, mends=False):
    """Store the rows of changed trackers and post their days, in the caller's transaction."""
    _lock_rows(changes)
    if changes and not mends:
        frozen = faults.frozen(changes[0].tracker.book_id, faults.TRACKER)
        for change in changes:
            refuse_frozen(change.tracker, frozen)
    for change, one in zip(changes, files, strict=True):
        take_figures(change.tracker, change.new, one.sha256)
    _save_rows([change.tracker for change in changes], user, reason)
    days = [day for change in changes for day in change.days]
    if days:
        posting.post_changes(changes[0].tracker.book, days, user=user, adjust=adjust)


def refuse_frozen(tracker, frozen=None):
    """Raise faults.Frozen where a fault has made the tracker read-only; `frozen` as from faults.frozen, asked if None."""
    frozen = faults.frozen(tracker.book_id, faults.TRACKER) if frozen is None else frozen
    if fault := frozen.get(str(tracker.pk)):
        raise faults.Frozen(str(tracker), fault)


def _bytes_of(change):
    try:
        return write(change.opened, change.new).data
    except CannotPatch as error:
        change.rebuilt = str(error)
        return build_workbook(change.new, store.template_of(change.tracker.book_id)).data


def _lock_rows(changes):
    rows = Tracker.objects.select_for_update().filter(pk__in=[change.tracker.pk for change in changes]).order_by("pk")
    standing = {pk: state for pk, *state in rows.values_list("pk", "version", "is_active")}
    for change in changes:
        # Closing takes no workbook's lock; a row closed since it was read would be reopened by saving it.
        if standing.get(change.tracker.pk) != [change.tracker.version, change.tracker.is_active]:
            raise store.StoreError(f"{change.tracker} was changed meanwhile. Look at it again and repeat.")


def take_figures(tracker, contents, sha256):
    """Copy into the row what its workbook of that sha256 adds up to."""
    summary = contents.summary()
    for name in CACHED:
        setattr(tracker, name, summary[name])
    tracker.version, tracker.sha256 = contents.version, sha256
    tracker.changed_outside_at = tracker.unreadable_at = None
    tracker.updated_at = timezone.now()


def take_terms(tracker, contents):
    """Copy the workbook's terms into the row."""
    for name, value in terms_of(contents).items():
        setattr(tracker, name, value)


def terms_of(contents):
    """{field of the row: value} of a workbook's terms."""
    said = {name: contents.parameters.get(name) for name in _TERMS}
    said |= {name: said[name] or "" for name in ("strategy", "tracker_name")}
    terms = contents.terms
    last = terms.date_of(MAX_DAY)
    said["skipped_weekdays"] = sorted(contents.skipped_weekdays)
    said["holidays"] = sorted(day.isoformat() for day in contents.holidays if terms.start_date <= day <= last)
    return said


def _save_rows(trackers, user, reason):
    if len(trackers) == 1:
        ledger.save(trackers[0], user, reason)
        return
    fields = [*CACHED, "version", "sha256", "changed_outside_at", "unreadable_at", "updated_at"]
    bulk_update_with_history(
        trackers, Tracker, fields, batch_size=500, default_user=user, default_change_reason=reason[:100]
    )
