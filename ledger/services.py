"""Posting, correcting, binning and reversing entries and transfers; opening a book.

Every function is atomic, keeps the history row (who, when, before and after) in the same transaction, and lets the
signals append the days to the outbox. Callers have checked with access who may do it. Errors are ValidationError
whose message names the thing and the way out; ClosedDay where an adjustment on the first open day would do instead.
"""

import unicodedata
from dataclasses import dataclass
from datetime import date as Date
from datetime import timedelta
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from simple_history.utils import bulk_create_with_history

from ledger import daybook
from ledger.dates import check_date
from ledger.models import (
    Account,
    AccountTransfer,
    Book,
    BookMember,
    Category,
    Direction,
    LedgerEntry,
    PaymentMode,
    PaymentModeAccount,
    Role,
)
from lendbook.money import ZERO, money_fault

DEFAULT_CATEGORIES = (
    ("Collection", Direction.RECEIVED),
    ("Income", Direction.RECEIVED),
    ("Capital received", Direction.RECEIVED),
    ("Loan Disbursement", Direction.SPENT),
    ("Expense", Direction.SPENT),
    ("Withdrawal", Direction.SPENT),
    ("Drawings", Direction.SPENT),
    ("Bank Charges", Direction.SPENT),
    ("Cash Short", Direction.SPENT),
    ("Cash Excess", Direction.RECEIVED),
)
# The kind of account a payment mode pays into when a book is opened; the first of these that the book has.
_MODE_KINDS = {
    PaymentMode.CASH: ("cash",),
    PaymentMode.UPI: ("upi", "bank"),
    PaymentMode.BANK_TRANSFER: ("bank",),
    PaymentMode.CHEQUE: ("bank",),
    PaymentMode.ONLINE: ("bank", "upi"),
    PaymentMode.CARD: ("card", "bank"),
}


class EditedMeanwhile(ValidationError):
    """Somebody saved the row since the editor read it; the message tells who changed what."""


# ------------------------------------------------------------------------------------------------ books


@transaction.atomic
def open_book(*, slug, name, owner=None, begins_on=None, time_zone="Asia/Kolkata", accounts=(), is_demo=False):
    """Make a book with its default categories, accounts [(name, kind, opening Decimal rupees)] and payment modes.

    Without accounts it gets one cash box "Cash" at 0. Raises ValidationError for a taken slug or a wrong value.
    """
    book = Book(slug=slug, name=clean_text(name), begins_on=begins_on, time_zone=time_zone, is_demo=is_demo)
    book.full_clean()
    book.save()
    for category, direction in DEFAULT_CATEGORIES:
        Category.objects.create(book=book, name=category, direction=direction)
    made = []
    for account_name, kind, opening in accounts or [("Cash", Account.Kind.CASH, ZERO)]:
        account = Account(book=book, name=clean_text(account_name), kind=kind, opening_balance=opening)
        account.full_clean()
        account.save()
        made.append(account)
    for mode, kinds in _MODE_KINDS.items():
        account = next((account for kind in kinds for account in made if account.kind == kind), None)
        if account:
            PaymentModeAccount.objects.create(book=book, payment_mode=mode, account=account)
    if owner:
        set_member(book, owner, Role.OWNER)
    return book


@transaction.atomic
def set_member(book, user, role):
    """Let `user` work in `book` as `role`; a second call changes the role."""
    member, _ = BookMember.objects.update_or_create(book=book, user=user, defaults={"role": role})
    return member


def account_for_mode(book, payment_mode):
    """The account a payment mode pays into: the mapped one, else the book's first. Raises ValidationError if none."""
    mapped = PaymentModeAccount.objects.filter(book=book, payment_mode=payment_mode, account__is_active=True)
    found = mapped.select_related("account").first()
    account = found.account if found else Account.objects.filter(book=book, is_active=True).first()
    if account is None:
        raise ValidationError({"account": f"{book} has no active account; add one first."})
    return account


# ------------------------------------------------------------------------------------------------ entries


def post_entry(
    *,
    book,
    date,
    category,
    amount,
    account=None,
    subcategory="",
    payment_mode=PaymentMode.CASH,
    narration="",
    reference="",
    source="",
    source_ref="",
    user=None,
    adjust=False,
    allow_future=False,
):
    """Post one entry and return it. `amount` is Decimal rupees above 0, `date` the book's business date.

    With a `source_ref` it is update-or-create: the same submission twice never doubles. With `adjust`, what falls on
    a closed day is posted on the first open day, naming its date. Raises ValidationError, or ClosedDay.
    """
    values = {
        "date": date,
        "category": category,
        "amount": amount,
        "account": account or account_for_mode(book, payment_mode),
        "subcategory": subcategory,
        "payment_mode": payment_mode,
        "narration": narration,
        "reference": reference,
    }
    return _post(LedgerEntry, book, values, source, source_ref, user, adjust, allow_future)


def transfer(
    *,
    book,
    date,
    from_account,
    to_account,
    amount,
    narration="",
    reference="",
    source="",
    source_ref="",
    user=None,
    adjust=False,
    allow_future=False,
):
    """Move `amount` (Decimal rupees above 0) between two accounts of the book; as post_entry otherwise."""
    values = {
        "date": date,
        "from_account": from_account,
        "to_account": to_account,
        "amount": amount,
        "narration": narration,
        "reference": reference,
    }
    return _post(AccountTransfer, book, values, source, source_ref, user, adjust, allow_future)


def _post(model, book, values, source, source_ref, user, adjust, allow_future):
    with transaction.atomic():
        book = daybook.share_book(book.pk) if adjust else book  # the first open day must not move under us
        existing = _live(model, book, source, source_ref)
        if existing is None:
            row = model(book=book, source=source, source_ref=source_ref, created_by=user, **values)
            _open_date(row, adjust)
            check(row, allow_future=allow_future)
            try:
                return save(row, user)
            except IntegrityError as error:
                existing = _live(model, book, source, source_ref)  # the same submission, a moment earlier
                if existing is None:
                    raise ValidationError("This was posted already.", code="posted") from error
        return edit(existing, user=user, adjust=adjust, allow_future=allow_future, **values)


def _live(model, book, source, source_ref):
    if not source_ref:
        return None
    live = model.objects.filter(book=book, source=source, source_ref=source_ref, deleted_at=None, reversed_at=None)
    return live.first()


def edit(row, *, user=None, version=None, adjust=False, allow_future=False, **values):
    """Change an entry or transfer; returns the row that stands now. Nothing changed: nothing is written.

    An adjustment counts as unchanged by what it was before it was moved to an open day, so the same submission again
    changes nothing. `version` is the one the editor read: EditedMeanwhile if somebody saved since. A figure of a
    closed day (the day left or the day entered) would change: ClosedDay, or with `adjust` a reversal and a new row on
    the first open day.
    """
    with transaction.atomic():
        row = _locked(row)
        if version is not None and version != row.version:
            raise EditedMeanwhile(_what_changed(row, version), code="meanwhile")
        if row.deleted_at or row.reversed_at or row.reversal_of_id:
            raise ValidationError("What is in the bin, reversed or a reversal cannot be edited.", code="settled")
        changes = {name: value for name, value in values.items() if not _stands(row, name, value)}
        if not changes:
            return row
        if adjust:
            row.book = daybook.share_book(row.book_id)
        if adjust and row.book.is_closed_on(row.date) and not changes.keys() <= _NO_FIGURE:
            reverse(row, user=user, reason="Corrected")
            anew = {**_as_submitted(row), **changes}
            if isinstance(row, LedgerEntry):
                anew["job"] = row.job  # what corrects an import's entry is undone with it
            book = anew.pop("book", row.book)
            return _post(type(row), book, anew, row.source, row.source_ref, user, True, allow_future)
        for name, value in changes.items():
            setattr(row, name, value)
        _open_date(row, adjust)
        check(row, allow_future=allow_future or "date" not in changes)
        row.version += 1
        return _save_unless_taken(row, user, "", f"{row.book} holds the same submission already.")


# What may be put right on a closed day too: no figure depends on it.
_NO_FIGURE = {"narration", "reference", "payment_mode"}


def _locked(row):
    """The row as it stands, locked; a reversal's original first, so that two callers never wait for each other."""
    rows = type(row).objects.select_for_update(no_key=True)
    if row.reversal_of_id:
        rows.get(pk=row.reversal_of_id)
    return rows.get(pk=row.pk)


def says(row, values):
    """Whether an entry or transfer says all of `values` {field: value}; an adjustment, what it was before it moved."""
    return all(_stands(row, name, value) for name, value in values.items())


def _stands(row, name, value):
    """Whether the row says `value` already, by itself or by what it was before it became an adjustment."""
    if name in ("narration", "reference", "subcategory"):
        value = clean_text(value)
    if value == getattr(row, name):
        return True
    if row.adjusts_date and name == "narration":
        return _adjusting(row.adjusts_date, value) == row.narration
    return name == "date" and value == row.adjusts_date


def _as_submitted(row):
    """{field: value} of a row; of an adjustment, what it was before it was moved to an open day."""
    values = {name: getattr(row, name) for name in _editable(row)}
    if row.adjusts_date:
        values |= {"date": row.adjusts_date, "narration": _own_narration(row)}
    return values


def _editable(row):
    shared = ["date", "amount", "narration", "reference"]
    if isinstance(row, LedgerEntry):
        return [*shared, "category", "account", "subcategory", "payment_mode"]
    return [*shared, "from_account", "to_account"]


def _what_changed(row, version):
    read = row.history.filter(version=version).first()
    newest = row.history.first()
    who = newest.history_user or "Somebody"
    if read is None:
        return f"{who} changed this meanwhile. Look at it again before you save."
    changes = [
        f"{change.field.replace('_', ' ')} {change.old} → {change.new}"
        for change in newest.diff_against(read, foreign_keys_are_objs=True).changes
        if change.field != "version"
    ]
    return f"{who} changed this meanwhile: {', '.join(changes)}. Look at it again before you save."


def delete(row, *, user=None):
    """Put an entry or transfer into the bin. A second call changes nothing. Raises ClosedDay on a closed day."""
    with transaction.atomic():
        row = _locked(row)
        if row.deleted_at:
            return row
        if row.reversed_at:
            raise ValidationError("It was reversed; put the reversal into the bin first.", code="reversed")
        row.deleted_at = timezone.now()
        row.version += 1
        save(row, user, "Binned")
        if row.reversal_of_id:
            _mark_reversed(row.reversal_of, None, user)
        return row


def restore(row, *, user=None):
    """Take an entry or transfer out of the bin; refused where its place was taken meanwhile.

    A reversal comes back only while the entry it reverses still stands as it was.
    """
    with transaction.atomic():
        row = _locked(row)
        if row.deleted_at is None:
            return row
        if row.reversal_of_id and not _still_reverses(row):
            raise ValidationError(
                "The entry that this reverses was changed or binned since; reverse it anew.", code="changed"
            )
        row.deleted_at = None
        row.version += 1
        check(row, allow_future=True)
        _save_unless_taken(row, user, "Restored", "The same was posted again meanwhile, so this stays in the bin.")
        if row.reversal_of_id:
            _mark_reversed(_locked(row.reversal_of), timezone.now(), user)
        return row


def _still_reverses(row):
    original = row.reversal_of
    figures = {"book", *_editable(row)} - _NO_FIGURE - {"date"}
    return original.deleted_at is None and all(getattr(row, name) == getattr(original, name) for name in figures)


def reverse(row, *, user=None, date=None, reason=""):
    """Post the reversal of an entry or transfer and return it: the same amount, counting against its category.

    Dated `date`, else today, but never on a closed day: then the first open one. A second call returns the reversal.
    """
    with transaction.atomic():
        row = _locked(row)
        if row.reversed_at:
            return row.reversals.get(deleted_at=None)
        if row.deleted_at or row.reversal_of_id:
            raise ValidationError("Only a posted entry that is no reversal itself can be reversed.", code="settled")
        row.book = daybook.share_book(row.book_id)
        back = _reversal_of(row, user, date, reason)
        check(back, allow_future=True, settled=True)
        save(back, user, reason or "Reversed")
        _mark_reversed(row, timezone.now(), user)
        return back


def _reversal_of(row, user, date, reason):
    """The reversal of a row, not saved yet."""
    back = type(row)(
        book=row.book,
        reversal_of=row,
        source="reversal",
        source_ref=str(row.pk),
        created_by=user,
        adjusts_date=row.date if row.book.is_closed_on(row.date) else None,
        **{name: getattr(row, name) for name in _editable(row)},
    )
    back.date = first_open(row.book, date or max(row.book.today(), row.date))
    back.narration = clean_text(f"Reversal of {row.date:%d-%m-%Y}. {reason} {row.narration}")[:500]
    return back


def _mark_reversed(row, moment, user):
    row.reversed_at = moment
    row.version += 1
    _save_unless_taken(row, user, "", "The same was posted again meanwhile, so the reversal stays.")


def first_open(book, date):
    """`date`, or the first open day after it where it is closed."""
    return book.closed_through + timedelta(days=1) if book.is_closed_on(date) else date


def _open_date(row, adjust):
    """With `adjust`, move a row that falls on a closed day to the first open day and note where it belongs."""
    if adjust and row.book.is_closed_on(row.date):
        narration = _own_narration(row)
        row.adjusts_date = row.date
        row.date = first_open(row.book, row.date)
        row.narration = _adjusting(row.adjusts_date, narration)


def _own_narration(row):
    prefix = _adjusting(row.adjusts_date, "") if row.adjusts_date else ""
    return row.narration.removeprefix(prefix).strip()


def _adjusting(date, narration):
    """The narration of an adjustment: it names the closed day that it mends."""
    return f"Adjustment for {date:%d-%m-%Y}. {clean_text(narration)}".strip()[:500]


def _save_unless_taken(row, user, reason, message):
    """Save a row; `message` where another has taken its place (the same submission, the same reversal) by now."""
    try:
        return save(row, user, reason)
    except IntegrityError as error:
        raise ValidationError(message, code="taken") from error


def save(row, user, reason="", *, fields=None):
    """Save a row, or only its `fields`, with its history: who, and why (100 letters)."""
    row._history_user = user
    row._change_reason = reason[:100] or None
    row.save(update_fields=fields)
    return row


# ------------------------------------------------------------------------------------------------ many at once


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
        _open_date(entry, adjust)
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
        backs = [_reversal_of(entry, user, None, "Import undone.") for entry in to_reverse]
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


def _batches(items, size=1000):
    return (items[start : start + size] for start in range(0, len(items), size))


# ------------------------------------------------------------------------------------------------ what is refused


def clean_text(text):
    """One line of people's text: NFC, no control characters, outer space gone."""
    if isinstance(text, str) and text.isascii() and text.isprintable():
        return text.strip()
    text = unicodedata.normalize("NFC", str(text))
    return "".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in text).strip()


def check(row, *, allow_future=False, settled=False):
    """Tidy an entry's or transfer's texts and raise ValidationError (by field) for what a book does not take.

    `settled` rows mend earlier ones and may use accounts and categories that have been retired since.
    """
    errors = {}
    for name, message in (("amount", _amount_fault(row.amount)), ("date", _date_fault(row, allow_future))):
        if message:
            errors[name] = message
    for name in ("from_account", "to_account", "account", "category"):
        if not hasattr(row, f"{name}_id"):
            continue
        of = getattr(row, name)
        if of.book_id != row.book_id:
            errors[name] = f"There is no {name.replace('_', ' ')} '{of}' in {row.book}."
        elif not (of.is_active or settled or row.pk):
            errors[name] = f"'{of}' is retired; choose another."
    if isinstance(row, AccountTransfer) and row.from_account_id == row.to_account_id:
        errors["to_account"] = "A transfer needs two different accounts."
    if isinstance(row, LedgerEntry) and row.payment_mode not in PaymentMode.values:
        errors["payment_mode"] = (
            f"'{row.payment_mode}' is no payment mode; take one of {', '.join(PaymentMode.values)}."
        )
    for name in ("narration", "reference", "subcategory"):
        if hasattr(row, name):
            text = clean_text(getattr(row, name))
            setattr(row, name, text)
            limit = row._meta.get_field(name).max_length
            if len(text) > limit:
                errors[name] = f"The {name} has {len(text)} letters; {limit} is the limit."
    if errors:
        raise ValidationError(errors)


def _amount_fault(amount):
    fault = money_fault(amount)
    if fault is None and amount <= 0:
        fault = "The amount must be above 0; the category says whether it came or went."
    return fault


def _date_fault(row, allow_future):
    try:
        check_date(row.date)
    except ValidationError as error:
        return error.message
    if row.book.begins_on and row.date < row.book.begins_on:
        return f"{row.date:%d-%m-%Y} is before the book begins ({row.book.begins_on:%d-%m-%Y})."
    first_open_date = (
        row.book.closed_through + timedelta(days=1) if row.adjusts_date and row.book.closed_through else None
    )
    if not allow_future and row.date > row.book.today() and row.date != first_open_date:
        return ValidationError(f"{row.date:%d-%m-%Y} is in the future; confirm it if it is meant.", code="future")
    return None
