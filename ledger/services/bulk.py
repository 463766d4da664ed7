"""Many entries at once: posted, or undone, in one transaction, all or none, past the signals."""

from dataclasses import dataclass
from datetime import date as Date
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from simple_history.utils import bulk_create_with_history

from ledger import daybook, followers
from ledger.models import Account, Category, LedgerEntry, PaymentMode
from ledger.services.adjusting import open_date
from ledger.services.movements import edit, reversal_of
from ledger.services.validation import check
from shop import faults


@dataclass
class NewEntry:
    """One entry to post in bulk; `amount` Decimal rupees, `source_ref` unique within the source."""

    date: Date
    category: Category
    amount: Decimal
    account: Account
    source_ref: str
    subcategory: str = ""
    payment_mode: str = PaymentMode.CASH
    narration: str = ""
    reference: str = ""


def post_entries(*, book, rows, source, user=None, adjust=False, allow_future=False, job=None, on_progress=None):
    """Post many entries in one transaction: all or none. Returns (created, changed, unchanged) counts.

    Update-or-create by source_ref like post_entry, also when the same rows are being posted beside it. `job`: the
    import that they come with, for undo_entries. `on_progress(done)` is called after each batch and may raise to
    cancel the whole.
    """
    rows = list(rows)
    references = [row.source_ref for row in rows if row.source_ref]
    if len(set(references)) < len(references):
        raise ValidationError("The same source reference stands twice in what is to be posted.", code="twice")
    options = {"book": book, "source": source, "user": user, "job": job, "adjust": adjust, "allow_future": allow_future}
    try:
        return _post_all(rows, on_progress, **options)
    except IntegrityError:  # the same rows, posted a moment earlier by somebody else: now they are seen
        return _post_all(rows, on_progress, **options)


@transaction.atomic
def _post_all(rows, on_progress, *, book, source, user, job, adjust, allow_future):
    book = daybook.share_book(book.pk)
    there = _live_by_reference(book, source, [row.source_ref for row in rows if row.source_ref])
    fresh, changed = [], 0
    for row in rows:
        values = {name: value for name, value in vars(row).items() if name != "source_ref"}
        if row.source_ref in there:
            was = there[row.source_ref]
            now = edit(was, user=user, adjust=adjust, allow_future=allow_future, **values)
            changed += (now.pk, now.version) != (was.pk, was.version)
            continue
        entry = LedgerEntry(book=book, source=source, source_ref=row.source_ref, created_by=user, job=job, **values)
        open_date(entry, adjust)
        check(entry, allow_future=allow_future)
        fresh.append(entry)
    done = 0
    for batch in _batches(fresh):
        bulk_create_with_history(batch, LedgerEntry, batch_size=len(batch), default_user=user)
        done += len(batch)
        if on_progress:
            on_progress(done)
    daybook.record_changes(book.pk, {entry.date for entry in fresh})
    return len(fresh), changed, len(rows) - len(fresh) - changed


def _live_by_reference(book, source, references):
    live = LedgerEntry.objects.filter(book=book, source=source, deleted_at=None, reversed_at=None)
    live = live.exclude(source_ref="")  # as the index "source_once" has it, or SQLite does not use it
    return {
        entry.source_ref: entry
        for batch in _batches(references)
        for entry in live.filter(source_ref__in=batch).select_related("account", "category")
    }


def undo_entries(*, book, job, user=None):
    """Undo all live entries that came with `job`: binned, those of closed days reversed on the first open day.

    All or none; returns (binned, reversed). A second call finds none.
    """
    with transaction.atomic():
        book = daybook.share_book(book.pk)
        live = LedgerEntry.objects.select_for_update(no_key=True, of=["self"]).select_related("account", "category")
        live = live.filter(book=book, job=job, deleted_at=None, reversed_at=None, reversal_of=None)
        to_bin, to_reverse = [], []
        for entry in live.order_by("pk"):
            entry.book = book
            (to_reverse if book.is_closed_on(entry.date) else to_bin).append(entry)
        faults.refuse_days(book.pk, {entry.date for entry in to_reverse})
        backs = [reversal_of(entry, entry.date, user, "Import undone.") for entry in to_reverse]
        for batch in _batches(backs):
            bulk_create_with_history(batch, LedgerEntry, default_user=user, default_change_reason="Import undone")
        for entries, name in ((to_bin, "deleted_at"), (to_reverse, "reversed_at")):
            _mark_all(entries, name, user, "Import undone")
        daybook.record_changes(book.pk, {entry.date for entry in to_bin + backs})
    return len(to_bin), len(to_reverse)


def _mark_all(entries, name, user, reason):
    """Set the moment `name` of many entries to now, with their history."""
    moment = timezone.now()
    for batch in _batches(entries):
        for entry in batch:
            setattr(entry, name, moment)
            entry.version += 1
        LedgerEntry.objects.filter(pk__in=[entry.pk for entry in batch]).update(
            **{name: moment}, version=F("version") + 1
        )
        LedgerEntry.history.bulk_history_create(batch, update=True, default_user=user, default_change_reason=reason)
        followers.tell(batch, user)


def rename_entries(entries, places, *, user=None, reason=""):
    """Give locked entries of one book another name: `places` {"category": Category, perhaps "subcategory": text}.

    Of one direction and nature, so that no figure moves: closed days take part (daybook.record_renamed). In the caller's
    transaction, which holds the book alone.
    """
    for batch in _batches(entries):
        for entry in batch:
            entry.category, entry.subcategory = places["category"], places.get("subcategory", entry.subcategory)
            entry.version += 1
        LedgerEntry.objects.filter(pk__in=[entry.pk for entry in batch]).update(**places, version=F("version") + 1)
        LedgerEntry.history.bulk_history_create(
            batch, update=True, default_user=user, default_change_reason=reason[:100]
        )
        followers.tell(batch, user)
    if entries:
        standing = {entry.date for entry in entries if entry.deleted_at is None}
        daybook.record_renamed(entries[0].book_id, standing)


def _batches(items, size=1000):
    return (items[start : start + size] for start in range(0, len(items), size))
