"""Whether files, rows and ledger agree: what check_trackers and verify ask. Finds; mends only what it is told to."""

from dataclasses import dataclass
from decimal import Decimal

from ledger.models import LedgerEntry
from trackers import posting, services, store
from trackers.models import Tracker
from trackers.workbook.errors import WorkbookError


@dataclass(frozen=True)
class Finding:
    """One fault: what it concerns (a file name), its kind, what is wrong, and the command that mends it."""

    filename: str
    kind: str
    message: str
    mend: str = ""


def findings(book=None, *, repair=False):
    """Every Finding of a book's trackers (None: of all), orphan files included. Waiting renames are finished first.

    With `repair` a total that differs from a sound workbook is stored anew, and its ledger entries posted anew.
    """
    store.recover(book and book.pk)
    trackers = Tracker.objects.select_related("book", "customer__user")
    trackers = trackers.filter(book=book) if book else trackers
    found = []
    for tracker in trackers.iterator():
        found += _of_one(tracker, repair)
    if book is None:
        known = set(Tracker.objects.values_list("filename", flat=True))
        for path in sorted(store.folder().glob("*.xlsx")):
            if path.name not in known and not path.name.startswith("~$"):
                message = "No tracker has this workbook."
                found.append(Finding(path.name, "orphan", message, f"adopt_workbook {path} --book … --user …"))
    return found


def _of_one(tracker, repair):
    name = tracker.filename
    with store.locked(tracker.book_id, tracker.pk):
        tracker.refresh_from_db()
        try:
            contents = services.current(tracker).contents
        except store.Missing as error:
            return [Finding(name, "missing", str(error), f"rebuild_workbook {name}")]
        except store.ChangedOutside as error:
            return [Finding(name, "changed outside", str(error), f"adopt_workbook FILE --tracker {name}")]
        except (store.StoreError, WorkbookError) as error:
            return [Finding(name, "unreadable", str(error), f"rebuild_workbook {name}")]
        found = list(_totals(tracker, contents)) + list(_ledger(tracker, contents))
        if found and repair:
            _repair(tracker, contents)
            found = list(_totals(tracker, contents)) + list(_ledger(tracker, contents))
    return found


def _repair(tracker, contents):
    """Store what the workbook adds up to, and post anew the days that differ; an entry without a cell is taken back."""
    wanted, posted = wanted_postings(tracker, contents), posted_amounts(tracker)
    differing = {key[0] for key in wanted.keys() | posted.keys() if wanted.get(key) != posted.get(key)}
    change = services.changed(tracker, services.current(tracker))
    change.days = [posting.DayChange(tracker, day, {}, dict(contents.days.get(day, {}))) for day in sorted(differing)]
    services.commit([change], user=None, reason="Repaired", adjust=True)


def _totals(tracker, contents):
    summary = contents.summary()
    for field in services.CACHED:
        if getattr(tracker, field) != summary[field]:
            message = f"{field.replace('_', ' ')} is {getattr(tracker, field)}, the workbook says {summary[field]}."
            yield Finding(tracker.filename, "total differs", message, "check_trackers --repair")


def _ledger(tracker, contents):
    """Per day and posting column: what the workbook says against what the live entries add up to."""
    wanted = wanted_postings(tracker, contents)
    posted = posted_amounts(tracker)
    for day, column in sorted(wanted.keys() | posted.keys()):
        there, should = posted.get((day, column), Decimal(0)), wanted.get((day, column), Decimal(0))
        if there != should:
            message = f"day {day} {column}: the ledger has {there}, the workbook {should}."
            yield Finding(tracker.filename, "ledger differs", message, "check_trackers --repair")


def wanted_postings(tracker, contents):
    """{(day, column): Decimal rupees} that the ledger should hold; days before the book begins do not post."""
    begins_on, terms = tracker.book.begins_on, contents.terms
    return {
        (day, column): values[column]
        for day, values in contents.days.items()
        if not (begins_on and terms.date_of(day) < begins_on)
        for column in posting.columns_of(tracker.book)
        if values.get(column)
    }


def posted_amounts(tracker):
    """{(day, column): Decimal rupees} of the tracker's live entries in the ledger."""
    amounts = {}
    live = LedgerEntry.objects.filter(
        book=tracker.book_id,
        source=posting.SOURCE,
        source_ref__startswith=f"{tracker.pk}:",
        deleted_at=None,
        reversed_at=None,
    )
    for source_ref, amount in live.values_list("source_ref", "amount"):
        parts = source_ref.split(":")
        if len(parts) == 4:
            key = int(parts[1]), parts[2]
            amounts[key] = amounts.get(key, Decimal(0)) + amount
    return amounts
