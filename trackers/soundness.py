"""Whether files, rows and ledger agree: what check_trackers and verify ask. Finds; mends only what it is told to.

A first look takes no lock and asks the ledger once for a whole book; only a tracker that seems wrong, which a payment
being saved at this moment does too, is looked at again under its lock, and only then is it a Finding.
"""

import contextlib
import os
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date as Date
from decimal import Decimal

from ledger.models import LedgerEntry
from shop import history
from shop.faults import TRACKER, Found
from shop.models import Book
from trackers import adopt, posting, recalculation, receipts, services, store, strays
from trackers.models import Tracker, TrackerSettings
from trackers.workbook.errors import WorkbookError
from trackers.workbook.read import open_workbook
from trackers.workbook.soundness import wrong_cells, wrong_values

RECALCULATION = "recalculation differs"
_KINDS = {kind: f"workbook {kind}" for kind in ("missing", "unreadable", "changed outside")}
_CELLS_NAMED = 5

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
        for one in strays.strays():
            if one.path.parent == store.folder():
                found.append(Finding(one.path.name, "orphan", one.message, one.remedy))
    return found


# ------------------------------------------------------------------------------------------------ looking


def _looked_at(book, repair=False):
    """(tracker, its Findings, its bytes where it has none) of every tracker of a book."""
    store.recover(book.pk)
    posted, columns, kept = _posted_of(book), _columns_of(book), _kept_names()
    trackers = Tracker.objects.filter(book=book).select_related("book", "customer__user")
    for tracker in trackers.iterator(chunk_size=500):
        names = kept.get(tracker.filename.removesuffix(".xlsx"), ())
        content = _sound_at_a_glance(tracker, posted[tracker.pk], columns, names)
        yield tracker, [] if content else _of_one(tracker, repair), content


def _kept_names():
    """{beginning of a tracker's file name: the names of its kept copies}."""
    found = defaultdict(list)
    for name in os.listdir(store.versions_folder()):
        found[name.partition(".v")[0]].append(name)
    return found


def _sound_at_a_glance(tracker, posted, columns, kept):
    """The bytes of a tracker's workbook where nothing about it seems wrong, else None."""
    with contextlib.suppress(store.StoreError, WorkbookError, OSError, ValueError):
        content = store.read_current(tracker)
        if content is not None:
            opened = open_workbook(content)
            if any(_differences(tracker, opened, posted, columns)):
                return None
            return None if services.holding_more(tracker, services.Stored(opened), kept) else content
    return None


def _of_one(tracker, repair):
    with store.locked(tracker.book_id, tracker.pk):
        tracker.refresh_from_db()
        posted = posted_of(tracker)  # before the workbook is opened, whose reading has a limit of seconds
        try:
            opened = services.current(tracker)
            found = list(_differences(tracker, opened, posted, _columns_of(tracker.book)))
        except (store.StoreError, WorkbookError) as error:
            return [_unusable(tracker, error)]
        if more := services.holding_more(tracker, services.Stored(opened)):
            return [_holding_more(tracker, more[0])]
        if repair and any(one.mend.startswith("check_trackers") for one in found):
            _repair(tracker, opened)
            posted = posted_of(tracker)
            found = list(_differences(tracker, services.current(tracker), posted, _columns_of(tracker.book)))
        return found


def _unusable(tracker, error):
    """The Finding of a workbook that cannot be used: what brings it back, and with it all that any file says more."""
    name = tracker.filename
    try:
        stored = services.stored_of(tracker)
    except (store.StoreError, WorkbookError, ValueError) as damage:
        return Finding(name, _kind_of(error), f"{error} Its row makes no scheme either ({damage}).", "mend_history --book "
                       f"{tracker.book.slug} --restore")  # fmt: skip
    if more := services.holding_more(tracker, stored):
        return _holding_more(tracker, more[0], error)
    kind, message = _kind_of(error), str(error)
    if kind == "changed outside":
        kind, message = _what_lies_there(tracker, message)
    if not stored.is_from_ledger:
        return Finding(name, kind, message, f"rebuild_workbook {name}")
    unknown = " ".join(stored.unknown)
    message = (
        f"{message} No kept copy of version {tracker.version} is left; the ledger knows it, but not this: {unknown}"
    )
    return Finding(name, kind, message, f"rebuild_workbook {name} --from-ledger --apply")


def _kind_of(error):
    kinds = {store.Missing: "missing", store.ChangedOutside: "changed outside"}
    return kinds.get(type(error), "unreadable")


def _what_lies_there(tracker, message):
    """(kind, message) of a file that somebody put at the workbook's name: damaged, another tracker's, or older."""
    try:
        contents = open_workbook(store.read_outside(tracker), thorough=True).contents
    except (store.StoreError, WorkbookError) as damage:
        return "unreadable", str(damage)
    if contents.tracker_id not in ("", str(tracker.uid)):
        return "changed outside", "The workbook of another tracker lies there."
    if contents.version < tracker.version:
        message += f" It is version {contents.version}, the row is version {tracker.version}: the folder was put back."
    return "changed outside", message


def _holding_more(tracker, holding, error=None):
    """The Finding of a file that says what Lendbook does not know; everything waits until it is taken in."""
    name, compared = tracker.filename, holding.compared
    adopt_it = f"adopt_workbook {holding.path} --tracker {name}"
    more = services.told_of(compared)
    if compared.is_ahead:
        kind = adopt.PUT_BACK
        message = (
            f"The database was put back: its row is version {compared.version}, the workbook {holding.path.name} version "
            f"{compared.uploaded.version}. It has more: {more}."
        )
    else:
        kind = "changed outside"
        message = f"{error or f'{holding.path.name} is not a version that Lendbook knows.'} It says more: {more}."
    found = compared.comparison
    if adopt.undecided(found, adjust=True):
        ways = " or ".join(["--take CELL", "--leave CELL"] if found.conflicts else ["--leave CELL"])
        how = f"decide on the tracker's page, or repeat with --apply and {ways} for each cell that it names"
        return Finding(name, kind, message, f"{adopt_it} ({how})")
    return Finding(name, kind, message, f"{adopt_it} --apply{' --adjust' if found.adjustments else ''}")


def _repair(tracker, opened):
    """Store what the workbook says, and post anew the days that differ; an entry without a cell is taken back.

    A start date that the two ways of counting dates moved is no change of terms: it is left to rebuild_workbook.
    """
    contents = opened.contents
    if services.right_start(tracker, contents) != contents.terms.start_date:
        return
    differing = _days_that_differ(tracker, contents, posted_of(tracker))
    change = services.changed(tracker, opened)
    services.take_terms(tracker, contents)
    change.days = [
        posting.DayChange(tracker, day, {}, dict(contents.days.get(day, {})), is_moved=True)
        for day in sorted(differing)
    ]

    def disbursement():
        posting.correct_disbursement(tracker, adjust=True)

    services.commit([change], user=None, reason="Repaired", adjust=True, mends=True, also=disbursement)


def _days_that_differ(tracker, contents, posted):
    wanted, there = wanted_postings(tracker, contents), posted.amounts
    differing = {key[0] for key in wanted.keys() | there.keys() if wanted.get(key) != there.get(key)}
    return differing | {day for day, _ in _wrong_dates(contents, posted, wanted)}


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
    for total in services.CACHED:
        if row[total] != summary[total]:
            message = f"{total.replace('_', ' ')} is {row[total]}, the workbook says {summary[total]}."
            yield Finding(name, "total differs", message, repair, total)

    def mend_of_start():
        """A date that was miscounted is no change of terms: the workbook is what is wrong then."""
        is_miscounted = services.right_start(tracker, contents) != contents.terms.start_date
        return f"rebuild_workbook {name}" if is_miscounted else repair

    says = {**services.terms_of(contents), "version": contents.version, "uid": contents.tracker_id}
    if contents.is_cut:  # a workbook from before it was kept there says nothing of it
        says["disbursed_amount"] = contents.disbursed
    for term, value in says.items():
        if row[term] != value:
            message = f"{term.replace('_', ' ')} is {row[term]}, the workbook says {value}."
            yield Finding(name, "terms differ", message, mend_of_start(), term)
    wanted = wanted_postings(tracker, contents, columns)
    for day, column in sorted(wanted.keys() | posted.amounts.keys()):
        there, should = posted.amounts.get((day, column), Decimal(0)), wanted.get((day, column), Decimal(0))
        if there != should:
            message = f"day {day} {column}: the ledger has {there}, the workbook {should}."
            yield Finding(name, "ledger differs", message, repair, f"{day} {column}")
    for day, on in _wrong_dates(contents, posted, wanted):
        message = f"day {day} is {contents.terms.date_of(day):%d-%m-%Y}, an entry of it is dated {on:%d-%m-%Y}."
        yield Finding(name, "date differs", message, mend_of_start(), f"{day} date")
    if posted.disbursed_on not in (None, contents.terms.start_date):
        message = (
            f"the loan starts on {contents.terms.start_date:%d-%m-%Y}, its disbursement is dated "
            f"{posted.disbursed_on:%d-%m-%Y}."
        )
        yield Finding(name, "date differs", message, mend_of_start(), "disbursement date")


def _wrong_dates(contents, posted, wanted):
    """(day, date) of days whose entries stand on another date; an adjustment may stand on the one that it adjusts."""
    for (day, column), dates in sorted(posted.dates.items()):
        if (day, column) in wanted:
            of_day = contents.terms.date_of(day)
            yield from ((day, adjusts) for adjusts, on in sorted(dates) if of_day not in (adjusts, on))


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


@dataclass
class Posted:
    """What stands in the ledger for a tracker: by (day, column) the Decimal rupees and the dates that its entries are
    of, and the date of its disbursement."""

    amounts: dict = field(default_factory=lambda: defaultdict(Decimal))
    dates: dict = field(default_factory=lambda: defaultdict(set))
    disbursed_on: Date | None = None


def posted_of(tracker):
    """What the tracker's live entries say."""
    return _posted_of(tracker.book, posting.of_tracker(tracker))[tracker.pk]


def _posted_of(book, *narrower):
    """{tracker id: Posted} of the live entries that trackers of a book posted."""
    found = defaultdict(Posted)
    live = LedgerEntry.objects.filter(
        *narrower, book=book, source=posting.SOURCE, deleted_at=None, reversed_at=None
    ).order_by()
    live = live.exclude(source_ref="")  # as the index has it
    rows = live.values_list("source_ref", "amount", "date", "adjusts_date")
    for source_ref, amount, date, adjusts in rows.iterator(chunk_size=10_000):
        parts = source_ref.split(":")
        if len(parts) == 4:
            of_tracker, key = found[int(parts[0])], (int(parts[1]), parts[2])
            of_tracker.amounts[key] += amount
            of_tracker.dates[key].add((adjusts or date, date))
        elif parts[1:] == ["disbursed"]:
            found[int(parts[0])].disbursed_on = adjusts or date
    return found


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


def _strays():
    for one in strays.strays():
        yield Found(None, "orphan file", one.place, f"{one.place}: {one.message}", one.remedy)
