"""Whether files, rows and ledger agree: what check_trackers and verify ask. Finds; mends only what it is told to.

A first look takes no lock and asks the ledger once for a whole book; only a tracker that seems wrong, which a payment
being saved at this moment does too, is looked at again under its lock, and only then is it a Finding.
"""

import contextlib
import re
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from ledger import history
from ledger.faults import TRACKER, Found
from ledger.models import Book, LedgerEntry
from trackers import posting, recalculation, receipts, services, store
from trackers.models import Tracker, TrackerSettings
from trackers.workbook.errors import WorkbookError
from trackers.workbook.read import open_workbook
from trackers.workbook.soundness import wrong_cells, wrong_values

RECALCULATION = "recalculation differs"
_KINDS = {kind: f"workbook {kind}" for kind in ("missing", "unreadable", "changed outside")}
_CELLS_NAMED = 5
_KEPT_NAME = re.compile(r"(.+)\.v\d+(?:-outside-[0-9a-f]+)?\.xlsx")

history.freezes(Tracker, lambda tracker: {"freezes": TRACKER, "ref": str(tracker.pk)})


@dataclass(frozen=True)
class Finding:
    """One fault: the file name and what of it, its kind, what is wrong, and the command that mends it."""

    filename: str
    kind: str
    message: str
    mend: str = ""
    of: str = ""


def faults(books, search):
    """The Found of the trackers of the books (None: of all, and files that are no tracker's)."""
    sound = []
    if not search.deep:
        search.kinds_left.add(RECALCULATION)
    for book in Book.objects.all() if books is None else books:
        search.say(f"{book.slug}: workbooks")
        for tracker, found, content in _looked_at(book):
            yield from (_found(tracker, one) for one in found)
            if search.deep and content:
                sound.append((tracker, content))
    if sound:
        search.say(f"LibreOffice computes {len(sound)} workbooks anew")
        yield from _recalculated(sound, search)
    if books is None:
        yield from _strays()


def _found(tracker, one):
    return Found(
        book=tracker.book,
        kind=_KINDS.get(one.kind, one.kind),
        of=f"tracker {tracker.pk} {one.of}".strip(),
        text=one.message if tracker.filename in one.message else f"{tracker.filename}: {one.message}",
        remedy=one.mend,
        freezes=TRACKER,
        ref=str(tracker.pk),
        order=3,
    )


def findings(book=None, *, repair=False):
    """Every Finding of a book's trackers (None: of all), orphan files included. Waiting renames are finished first.

    With `repair` a row that differs from a sound workbook is stored anew, its ledger entries are posted anew, and
    receipts are brought to what the entries then say.
    """
    found = []
    for one in [book] if book else Book.objects.all():
        unsound = set()
        for tracker, of_tracker, _ in _looked_at(one, repair):
            found += of_tracker
            if of_tracker:
                unsound.add(tracker.pk)
        if repair:
            receipts.mend(one, but=unsound)
    if book is None:
        for path in _stray_workbooks():
            message = "No tracker has this workbook."
            found.append(Finding(path.name, "orphan", message, f"adopt_workbook {path} --book … --user …"))
    return found


# ------------------------------------------------------------------------------------------------ looking


def _looked_at(book, repair=False):
    """(tracker, its Findings, its bytes where it has none) of every tracker of a book."""
    store.recover(book.pk)
    posted, columns = _posted_of(book), _columns_of(book)
    trackers = Tracker.objects.filter(book=book).select_related("book", "customer__user")
    for tracker in trackers.iterator(chunk_size=500):
        content = _sound_at_a_glance(tracker, posted[tracker.pk], columns)
        yield tracker, [] if content else _of_one(tracker, repair), content


def _sound_at_a_glance(tracker, posted, columns):
    """The bytes of a tracker's workbook where nothing about it seems wrong, else None."""
    with contextlib.suppress(store.StoreError, WorkbookError, OSError, ValueError):
        content = store.read_outside(tracker)
        if content is not None and store.sha256_of(content) == tracker.sha256:
            opened = open_workbook(content)
            if not any(_differences(tracker, opened, posted, columns)):
                return content
    return None


def _of_one(tracker, repair):
    name = tracker.filename
    with store.locked(tracker.book_id, tracker.pk):
        tracker.refresh_from_db()
        posted = posted_amounts(tracker)  # before the workbook is opened, whose reading has a limit of seconds
        try:
            opened = services.current(tracker)
            found = list(_differences(tracker, opened, posted, _columns_of(tracker.book)))
        except store.Missing as error:
            return [Finding(name, "missing", str(error), f"rebuild_workbook {name}")]
        except store.ChangedOutside as error:
            return [_changed_outside(tracker, error)]
        except (store.StoreError, WorkbookError) as error:
            return [Finding(name, "unreadable", str(error), f"rebuild_workbook {name}")]
        if repair and any(one.mend.startswith("check_trackers") for one in found):
            _repair(tracker, opened)
            posted = posted_amounts(tracker)
            found = list(_differences(tracker, services.current(tracker), posted, _columns_of(tracker.book)))
        return found


def _changed_outside(tracker, error):
    """A file that somebody saved can be compared and adopted; one that is damaged, or another tracker's, cannot."""
    name = tracker.filename
    try:
        contents = open_workbook(store.read_outside(tracker), thorough=True).contents
    except (store.StoreError, WorkbookError) as damage:
        return Finding(name, "unreadable", str(damage), f"rebuild_workbook {name}")
    if contents.tracker_id not in ("", str(tracker.uid)):
        return Finding(
            name, "changed outside", "The workbook of another tracker lies there.", f"rebuild_workbook {name}"
        )
    mend = f"adopt_workbook {store.path_of(tracker)} --tracker {name} --apply (or rebuild_workbook {name})"
    return Finding(name, "changed outside", str(error), mend)


def _repair(tracker, opened):
    """Store what the workbook says, and post anew the days that differ; an entry without a cell is taken back."""
    contents = opened.contents
    wanted, posted = wanted_postings(tracker, contents), posted_amounts(tracker)
    differing = {key[0] for key in wanted.keys() | posted.keys() if wanted.get(key) != posted.get(key)}
    change = services.changed(tracker, opened)
    services.take_terms(tracker, contents)
    change.days = [posting.DayChange(tracker, day, {}, dict(contents.days.get(day, {}))) for day in sorted(differing)]
    services.commit([change], user=None, reason="Repaired", adjust=True, mends=True)


# ------------------------------------------------------------------------------------------------ what may differ


def _differences(tracker, opened, posted, columns):
    """Every Finding of a workbook that is the tracker's own: its cells, the row beside it, and the ledger."""
    name, contents = tracker.filename, opened.contents
    repair = f"check_trackers --book {tracker.book.slug} --repair"
    wrong = wrong_cells(opened)
    if wrong:
        cells = "; ".join(f"{one.cell}: {one.reason}" for one in wrong[:_CELLS_NAMED])
        more = f" And {len(wrong) - _CELLS_NAMED} more cells." if len(wrong) > _CELLS_NAMED else ""
        yield Finding(name, "cells differ", f"{cells}{more}", f"rebuild_workbook {name}", "cells")
    summary, row = contents.summary(), _row_of(tracker)
    for field in services.CACHED:
        if row[field] != summary[field]:
            message = f"{field.replace('_', ' ')} is {row[field]}, the workbook says {summary[field]}."
            yield Finding(name, "total differs", message, repair, field)
    says = {**services.terms_of(contents), "version": contents.version, "uid": contents.tracker_id}
    if contents.is_cut:  # a workbook from before it was kept there says nothing of it
        says["disbursed_amount"] = contents.disbursed
    for field, value in says.items():
        if row[field] != value:
            message = f"{field.replace('_', ' ')} is {row[field]}, the workbook says {value}."
            yield Finding(name, "terms differ", message, repair, field)
    wanted = wanted_postings(tracker, contents, columns)
    for day, column in sorted(wanted.keys() | posted.keys()):
        there, should = posted.get((day, column), Decimal(0)), wanted.get((day, column), Decimal(0))
        if there != should:
            message = f"day {day} {column}: the ledger has {there}, the workbook {should}."
            yield Finding(name, "ledger differs", message, repair, f"{day} {column}")


def _columns_of(book):
    """The columns that post; none in a book without settings, which the first posting makes: a check writes nothing."""
    return posting.columns_of(book) if TrackerSettings.objects.filter(book=book).exists() else {}


def _row_of(tracker):
    return {**vars(tracker), "uid": str(tracker.uid)}


def wanted_postings(tracker, contents, columns=None):
    """{(day, column): Decimal rupees} that the ledger should hold; days before the book begins do not post."""
    begins_on, terms = tracker.book.begins_on, contents.terms
    columns = _columns_of(tracker.book) if columns is None else columns
    return {
        (day, column): values[column]
        for day, values in contents.days.items()
        if not (begins_on and terms.date_of(day) < begins_on)
        for column in columns
        if values.get(column)
    }


def posted_amounts(tracker):
    """{(day, column): Decimal rupees} of the tracker's live entries in the ledger."""
    return _posted_of(tracker.book, posting.of_tracker(tracker))[tracker.pk]


def _posted_of(book, *narrower):
    """{tracker id: {(day, column): Decimal rupees}} of the live entries that trackers of a book posted."""
    amounts = defaultdict(lambda: defaultdict(Decimal))
    live = LedgerEntry.objects.filter(
        *narrower, book=book, source=posting.SOURCE, deleted_at=None, reversed_at=None
    ).order_by()
    live = live.exclude(source_ref="")  # as the index has it
    for source_ref, amount in live.values_list("source_ref", "amount").iterator(chunk_size=10_000):
        parts = source_ref.split(":")
        if len(parts) == 4:
            amounts[int(parts[0])][int(parts[1]), parts[2]] += amount
    return amounts


# ------------------------------------------------------------------------------------------------ a second opinion


def _recalculated(sound, search):
    """Where LibreOffice computes another value than the workbook shows."""
    try:
        for (tracker, content), computed in recalculation.recalculated((pair, pair[1]) for pair in sound):
            wrong = list(wrong_values(open_workbook(computed), open_workbook(content).contents))
            if wrong:
                cells = "; ".join(f"{one.cell}: {one.reason}" for one in wrong[:_CELLS_NAMED])
                mend = f"rebuild_workbook {tracker.filename}"
                yield _found(tracker, Finding(tracker.filename, RECALCULATION, f"LibreOffice: {cells}", mend, "cells"))
    except recalculation.NotRecalculated as error:
        search.could_not(f"Workbooks were not recalculated: {error}", RECALCULATION)


# ------------------------------------------------------------------------------------------------ files without a row


def _stray_workbooks():
    known = set(Tracker.objects.values_list("filename", flat=True))
    return [
        path
        for path in sorted(store.folder().glob("*.xlsx"))
        if path.name not in known and not path.name.startswith("~$")
    ]


def strays():
    """[(path, what it is)] of files in daily-trackers/ and versions/ that belong to no tracker."""
    found = [(path, "No tracker has this workbook.") for path in _stray_workbooks()]
    stems = {name.removesuffix(".xlsx") for name in Tracker.objects.values_list("filename", flat=True)}
    for path in sorted(store.versions_folder().glob("*")):
        match = _KEPT_NAME.fullmatch(path.name)
        if path.suffix != ".part" and (match is None or match[1] not in stems):
            found.append((path, "It is kept as a version, and there is no such tracker."))
    return found


def _strays():
    for path, message in strays():
        place = f"{path.parent.name}/{path.name}"
        adopt = f" (or adopt_workbook {path} --book … --user …)" if path.parent == store.folder() else ""
        yield Found(None, "orphan file", place, f"{place}: {message}", f"set_aside_orphans{adopt}")
