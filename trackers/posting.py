"""From a workbook's day to the ledger: every rupee in a posting column is an entry, and the two always agree.

An entry names its origin as data: source "tracker", source_ref "<tracker>:<day>:<column>:<part>". A day's payment may
come in parts, each with its own mode, entry and time; the cell holds their sum. Other columns have one part.
"""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Q
from django.urls import reverse

from ledger import origins
from ledger import services as ledger
from ledger.models import Account, Category, Direction, LedgerEntry, PaymentMode
from trackers import receipts
from trackers.models import PostingColumn, Tracker, TrackerSettings

SOURCE = receipts.SOURCE
PAID = PostingColumn.Column.PAID
DISBURSEMENT = "Loan Disbursement"
MAX_PARTS = 50  # of one day's payment
_DEFAULTS = ((PAID, "Collection", "Loan Payments"), (PostingColumn.Column.WITHDRAWN, "Withdrawal", ""))


def correct_disbursement(tracker, *, user=None, adjust=False):
    """Bring a posted Loan Disbursement in line with the tracker's terms; one that was never posted stays so."""
    entry = disbursement_of(tracker)
    if entry:
        post_disbursement(tracker, account=entry.account, user=user, adjust=adjust)


def disbursement_of(tracker):
    """The tracker's live Loan Disbursement, or None where what was handed over is not in the day book."""
    posted = LedgerEntry.objects.filter(
        book=tracker.book_id, source=SOURCE, source_ref=f"{tracker.pk}:disbursed", deleted_at=None, reversed_at=None
    )
    return posted.select_related("account", "category").first()


def page_of(entry):
    """The page of the tracker that an entry came from; its days are corrected there."""
    tracker_id = entry.source_ref.partition(":")[0]
    return reverse("trackers:tracker", args=[entry.book.slug, tracker_id]) if tracker_id.isdecimal() else None


origins.register(SOURCE, "Tracker", corrected_here=False, address=page_of)


def settings_of(book):
    """The book's TrackerSettings; made with the default posting columns the first time."""
    settings, made = TrackerSettings.objects.get_or_create(book=book)
    if made:
        for column, category, subcategory in _DEFAULTS:
            found = Category.objects.filter(book=book, name=category).first()
            if found:
                PostingColumn.objects.get_or_create(
                    book=book, column=column, defaults={"category": found, "subcategory": subcategory}
                )
    return settings


def columns_of(book):
    """{column: PostingColumn} of a book."""
    settings_of(book)
    return {row.column: row for row in PostingColumn.objects.filter(book=book).select_related("category")}


@dataclass(frozen=True)
class DayChange:
    """What changed on one day of one tracker: its inputs before and after.

    `added` is the amount of a part put on top of what the day has, `taken` the number of a part to take back; without
    either the day is replaced, its payment in one part. `brought` are the entries whose parts are put on top as they
    are. `is_moved`: the day has another date now, its parts stay. `account` is where a payment goes, whatever its mode.
    """

    tracker: Tracker
    day: int
    before: dict
    after: dict
    added: Decimal | None = None
    taken: int | None = None
    brought: tuple[LedgerEntry, ...] = ()
    is_moved: bool = False
    account: Account | None = None

    @property
    def date(self):
        return self.tracker.terms.date_of(self.day)


def post_changes(book, changes, *, user=None, adjust=False):
    """Bring ledger and receipts in line with changed days, in the caller's transaction.

    Days before the book begins do not post. Raises ClosedDay unless `adjust`, which posts on the first open day instead.
    Returns the source_refs posted.
    """
    columns = columns_of(book)
    live = live_entries(book, changes)
    rows, taken, account_for = [], [], _accounts(book, user)
    for change in changes:
        mode = change.after.get("mode") or PaymentMode.CASH
        is_too_early = book.begins_on and change.date < book.begins_on
        for column, rule in columns.items():
            before, after = (values.get(column) or Decimal(0) for values in (change.before, change.after))
            parts = live[change.tracker.pk, change.day, column]
            if is_too_early:
                taken += parts.values()  # posted before its date was moved there
                continue
            if column == PAID and change.added is not None:
                rows += _parts_on_top(change, rule, max(parts, default=0) + 1, mode, account_for)
                continue
            if change.is_moved and parts and sum(entry.amount for entry in parts.values()) == after:
                rows += [_like(entry, change, rule, part) for part, entry in sorted(parts.items())]
                continue
            if column == PAID and change.taken is not None:
                taken += [entry for part, entry in parts.items() if part == change.taken]
                continue
            moved = change.before.get("mode") != change.after.get("mode") and column == PAID
            if before == after and not moved and (after or not parts):
                continue
            taken += [entry for part, entry in sorted(parts.items()) if part > 1 or not after]
            if after:
                rows.append(_new_entry(change, rule, 1, after, mode, _kept_or(account_for, parts.get(1))))
        taken += _left_behind(change, columns, live)
    for entry in taken:
        _take_back(entry, user, adjust)
    rows = [row for row in rows if row.amount > 0]
    ledger.post_entries(book=book, rows=rows, source=SOURCE, user=user, adjust=adjust, allow_future=True)
    posted = {row.source_ref: (row.date, row.amount) for row in rows}
    receipts.follow(book, posted, [entry.source_ref for entry in taken])
    return set(posted)


def live_entries(book, changes):
    """{(tracker id, day, column): {part: entry}} of what stands in the ledger for the changed days."""
    wanted = {(change.tracker.pk, change.day) for change in changes}
    dates = {change.date for change in changes}
    live = LedgerEntry.objects.filter(book=book, source=SOURCE, deleted_at=None, reversed_at=None)
    live = live.exclude(source_ref="")  # says nothing new, but the index of their beginnings wants to hear it
    if len(changes) == 1:
        live = _referred_to(live, changes[0].tracker, changes[0].day, PostingColumn.Column.values)
    elif len({change.tracker.pk for change in changes}) == 1:  # a moved start date: the entries stand elsewhere
        live = live.filter(of_tracker(changes[0].tracker))
    else:
        live = live.filter(Q(date__in=dates) | Q(adjusts_date__in=dates))
    found = defaultdict(dict)
    for entry in live.select_related("account", "category"):
        tracker_id, day, column, part = [*entry.source_ref.split(":"), "", ""][:4]
        if part.isdecimal() and (int(tracker_id), int(day)) in wanted:
            found[int(tracker_id), int(day), column][int(part)] = entry
    return found


def _left_behind(change, columns, live):
    """The entries of a changed amount whose column posts no more: the workbook says something else now."""
    return [
        entry
        for column in PostingColumn.Column.values
        if column not in columns and change.before.get(column) != change.after.get(column)
        for entry in live[change.tracker.pk, change.day, column].values()
    ]


def _accounts(book, user):
    """mode -> account, asked once per mode: an agent's cash goes into his own bag, the rest follows the payment mode."""
    bag = (
        Account.objects.filter(book=book, agent=user, is_active=True, kind=Account.Kind.CASH).first() if user else None
    )

    @cache
    def account_for(mode):
        return bag if bag and mode == PaymentMode.CASH else ledger.account_for_mode(book, mode)

    return account_for


def _kept_or(account_for, entry):
    """account_for, but a corrected part stays in its account while its mode stays: an agent's cash in his bag."""

    def kept(mode):
        stays = entry and entry.payment_mode == mode and entry.account.is_active
        return entry.account if stays else account_for(mode)

    return kept


def _parts_on_top(change, rule, first, mode, account_for):
    """The NewEntry rows of what is put on top of a day, numbered from `first`. Raises ValidationError."""
    if first + max(len(change.brought), 1) - 1 > MAX_PARTS:
        raise ValidationError(
            f"Day {change.day} has {first - 1} parts, {MAX_PARTS} is the most: correct its amount instead."
        )
    if change.brought:
        return [
            _new_entry(change, rule, part, entry.amount, entry.payment_mode, _kept_or(account_for, entry))
            for part, entry in enumerate(change.brought, first)
        ]
    return [_new_entry(change, rule, first, change.added, mode, account_for)]


def _like(entry, change, rule, part):
    """The NewEntry of a part that stays as it is on the day's new date."""
    return _new_entry(change, rule, part, entry.amount, entry.payment_mode, lambda mode: entry.account)


def _new_entry(change, rule, part, amount, mode, account_for):
    tracker = change.tracker
    return ledger.NewEntry(
        date=change.date,
        category=rule.category,
        subcategory=rule.subcategory,
        amount=amount,
        account=change.account or account_for(mode),
        payment_mode=mode,
        narration=f"{tracker.customer.name}: {tracker.tracker_name}, day {change.day}"[:500],
        reference=f"{tracker.pk}/{change.day}",
        source_ref=f"{tracker.pk}:{change.day}:{rule.column}:{part}",
    )


def _take_back(entry, user, adjust):
    if adjust and entry.book.is_closed_on(entry.date):
        ledger.reverse(entry, date=entry.date, user=user, reason="Corrected")  # on the day of what takes its place
    else:
        ledger.delete(entry, user=user)


def _referred_to(live, tracker, day, columns):
    """Those of the live entries that a day of a tracker posted, by their whole references: an index finds these at once,
    while for their beginning every entry of every tracker would be read."""
    parts = range(1, MAX_PARTS + 1)
    references = [f"{tracker.pk}:{day}:{column}:{part}" for column in columns for part in parts]
    return live.filter(source_ref__in=references).exclude(source_ref="")


def parts_of(tracker, day):
    """{part: live entry} of the payment of one day."""
    live = LedgerEntry.objects.filter(book=tracker.book_id, source=SOURCE, deleted_at=None, reversed_at=None)
    live = _referred_to(live, tracker, day, [PAID])
    return {int(entry.source_ref.rpartition(":")[2]): entry for entry in live}


def live_payment(tracker, source_ref):
    """The live entry of one part of a payment, or None."""
    return LedgerEntry.objects.filter(
        book=tracker.book_id, source=SOURCE, source_ref=source_ref, deleted_at=None, reversed_at=None
    ).first()


def post_disbursement(tracker, *, account, user=None, adjust=False):
    """Post what was handed over as Loan Disbursement; twice is once."""
    category, _ = Category.objects.get_or_create(
        book=tracker.book, name=DISBURSEMENT, defaults={"direction": Direction.SPENT}
    )
    return ledger.post_entry(
        book=tracker.book,
        date=tracker.start_date,
        category=category,
        amount=tracker.disbursed_amount,
        account=account,
        narration=f"{tracker.customer.name}: {tracker.tracker_name}"[:500],
        reference=str(tracker.pk),
        source=SOURCE,
        source_ref=f"{tracker.pk}:disbursed",
        user=user,
        adjust=adjust,
    )


def of_tracker(tracker):
    """The Q of what a tracker posted, by how its references begin, in the words that the index for it knows: SQLite's
    takes a range and no LIKE, PostgreSQL's a LIKE and, where a collation orders, no range. The book is not asked: its
    own index would win, with every entry of the book."""
    begin = f"{tracker.pk}:"
    if connection.vendor == "postgresql":
        begins = Q(source_ref__startswith=begin)
    else:
        begins = Q(source_ref__gte=begin, source_ref__lt=f"{tracker.pk};")  # ";" comes after ":"
    return Q(source=SOURCE) & begins & ~Q(source_ref="")


def entries_of(tracker):
    """The ledger entries of a tracker, reversed ones and reversals included, oldest first; never binned ones."""
    own = LedgerEntry.objects.filter(of_tracker(tracker))
    reversals = LedgerEntry.objects.filter(reversal_of__in=own, deleted_at=None)
    return (
        (own.filter(deleted_at=None) | reversals)
        .select_related("account", "category", "created_by")
        .order_by("date", "id")
    )
