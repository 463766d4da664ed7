"""A tracker's days as the ledger and the receipts tell them: for a row whose workbook is lost, and every copy of it.

What posts is known to the paisa: amounts, modes, parts' sums. What only the workbook held (notes, days on which nothing
was paid, columns that do not post) is taken from the newest older copy that is left, and what came after it is named
as unknown.
"""

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

from ledger.models import LedgerEntry
from shop.money import rupees
from trackers import posting, receipts
from trackers.models import PostingColumn, Tracker, TrackerSettings
from trackers.workbook.contents import Contents, edited
from trackers.workbook.hidden import mark_of
from trackers.workbook.layouts import LAYOUTS

_PAID = PostingColumn.Column.PAID
_BEFORE = "Paid before the book began; its days are not known."


def contents_from_ledger(tracker: Tracker, older: Contents | None = None) -> tuple[Contents, list[str]]:
    """(what the workbook of the row's version can be known to say, the sentences about what cannot be known).

    `older` is an earlier version's workbook, whose cells that post nowhere are taken over. Raises InputError or TermsError
    for a row that makes no scheme.
    """
    days = _days_of_older(tracker, older)
    posting_columns = _columns_of(tracker.book)
    posted, modes = _posted(tracker)
    for day, column in {*posted, *((day, column) for day, values in days.items() for column in values)}:
        if column in posting_columns and not _is_before_the_book(tracker, day):
            _put(days, day, column, posted.get((day, column)), modes)
    terms = _row_as_contents(tracker, older)
    contents = edited(terms, days=days)
    contents = _with_brought_forward(tracker, contents)
    return contents, _unknown(tracker, contents, older, posting_columns)


def _row_as_contents(tracker, older):
    """The row's terms as a workbook without days, long enough for the days it had."""
    layout = LAYOUTS[tracker.tracker_type]
    fields = (
        "tracker_name",
        "investment",
        "scheme_period",
        "per_day_payment",
        "strategy",
        "enhanced_count",
        "start_date",
    )
    parameters = {name: getattr(tracker, name) for name in fields if name in layout.parameter}
    terms = tracker.terms
    empty = Contents(
        layout=layout,
        parameters={},
        last_day=tracker.last_day,
        skipped_weekdays=terms.skipped_weekdays,
        holidays=terms.holidays,
        tracker_id=str(tracker.uid),
        version=tracker.version,
        trail=(*(older.trail if older else ()), mark_of(tracker.sha256)),
    )
    return edited(empty, parameters={name: value for name, value in parameters.items() if value not in (None, "")})


def _days_of_older(tracker, older):
    """{day: values} of an earlier version as Lendbook wrote it; what somebody typed into it since is compared later."""
    if older is None or older.layout.kind != tracker.tracker_type:
        return {}
    return {day: dict(values) for day, values in older.as_last_written.days.items()}


def _columns_of(book):
    """The columns that post; a book without settings has posted nothing yet, and nothing is written here."""
    return set(posting.columns_of(book)) if TrackerSettings.objects.filter(book=book).exists() else set()


def _posted(tracker):
    """({(day, column): amount}, {day: mode of the payment's last part}) of live entries, and of receipts that stand
    where the entry of a payment is gone."""
    amounts, parts, modes = defaultdict(Decimal), {}, {}
    live = LedgerEntry.objects.filter(posting.of_tracker(tracker), deleted_at=None, reversed_at=None)
    for ref, amount, mode in live.values_list("source_ref", "amount", "payment_mode"):
        named = ref.split(":")
        if len(named) != 4:
            continue
        day, column, part = int(named[1]), named[2], int(named[3])
        amounts[day, column] += amount
        if column == _PAID and part >= parts.get(day, (0,))[0]:
            parts[day] = part, mode
    for day, standing in receipts.by_day(tracker).items():
        if (day, _PAID) not in amounts:
            amounts[day, _PAID] = sum((one.amount for one in standing), Decimal(0))
    modes = {day: mode for day, (_, mode) in parts.items()}
    return dict(amounts), modes


def _put(days, day, column, amount, modes):
    """Let a day say what the ledger says of a column; what it says of a payment that was taken back since is dropped."""
    values = days.setdefault(day, {})
    if amount:
        values[column] = amount
        if column == _PAID:
            values["mode"] = modes.get(day) or values.get("mode") or "Cash"
    elif values.get(column):
        del values[column]
        if column == _PAID:
            values.pop("mode", None)


def _is_before_the_book(tracker, day):
    begins_on = tracker.book.begins_on
    return bool(begins_on and tracker.terms.date_of(day) < begins_on)


def _with_brought_forward(tracker, contents):
    """What the row remembers as paid beyond the ledger, on the last day before the book began, where it began later."""
    begins_on, missing = tracker.book.begins_on, _missing(tracker, contents)
    if missing <= 0 or not begins_on or tracker.start_date >= begins_on:
        return contents
    day = tracker.terms.day_of(begins_on - timedelta(days=1))
    held = contents.days.get(day, {})
    paid = held.get("paid", Decimal(0)) + missing
    return edited(contents, days={day: {"paid": paid, "mode": held.get("mode", "Other"), "notes": _BEFORE}})


def _missing(tracker, contents):
    """How much more the row remembers as paid than is known."""
    return tracker.total_paid - contents.summary()["total_paid"]


def _unknown(tracker, contents, older, posting_columns):
    """The sentences about what cannot be known."""
    since = (
        f"since version {older.version}, of which a copy is left" if older else "at any time, as no older copy is left"
    )
    headers = [column.header for column in contents.layout.inputs if column.field not in ("mode", *posting_columns)]
    told = [f"What was written into {', '.join(headers)} {since}, and days that were recorded without a payment."]
    if any(values.get("notes") == _BEFORE for values in contents.days.values()):
        told.append("On which days before the book began something was paid: their sum stands on the last of them.")
    missing = _missing(tracker, contents)
    if missing:
        than = "more" if missing > 0 else "less"
        told.append(
            f"Why the row remembers {rupees(abs(missing))} {than} as paid than the ledger and the receipts say: the "
            "ledger counts."
        )
    return told


def short_of(tracker: Tracker, contents: Contents) -> Decimal:
    """How much less a workbook says was paid than the row remembers; 0 where nothing is missing."""
    return max(_missing(tracker, contents), Decimal(0))
