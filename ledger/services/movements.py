"""One entry or transfer: posted, corrected, binned, restored, reversed."""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from ledger import daybook, followers
from ledger.models import AccountTransfer, LedgerEntry, PaymentMode
from ledger.services import adjusting
from ledger.services.adjusting import first_open, open_date
from ledger.services.books import account_for_mode
from ledger.services.validation import check
from shop.rows import clean_text, save


class EditedMeanwhile(ValidationError):
    """Somebody saved the row since the editor read it; the message tells who changed what."""


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


def _post(model, book, values, source, source_ref, user, adjust, allow_future, corrects=None):
    with transaction.atomic():
        book = daybook.share_book(book.pk) if adjust else book  # the first open day must not move under us
        existing = _live(model, book, source, source_ref)
        if existing is None:
            row = model(book=book, source=source, source_ref=source_ref, created_by=user, corrects=corrects, **values)
            open_date(row, adjust)
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
    return live.exclude(source_ref="").first()  # as the index "source_once" has it, or SQLite does not use it


def edit(row, *, user=None, version=None, adjust=False, allow_future=False, **values):
    """Change an entry or transfer; returns the row that stands now. Nothing changed: nothing is written.

    An adjustment counts as unchanged by what it was before it was moved to an open day, so the same submission again
    changes nothing. `version` is the one the editor read: EditedMeanwhile if somebody saved since. A figure of a
    closed day (the day left or the day entered) would change: ClosedDay, or with `adjust` a reversal on the first open
    day and a new row on the same day, or on its own where that is open.
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
            return _correct_closed(row, changes, user, allow_future)
        for name, value in changes.items():
            setattr(row, name, value)
        if "book" in changes:
            row.corrects = None  # its other half stays behind, as an ordinary reversal
        if "date" in changes and (row.adjusts_date or row.corrects_id):
            adjusting.place_anew(row, adjust)
        else:
            open_date(row, adjust)
        check(row, allow_future=allow_future or "date" not in changes)
        row.version += 1
        _save_unless_taken(row, user, "", f"{row.book} holds the same submission already.")
        followers.tell([row], user)
        return row


def _correct_closed(row, changes, user, allow_future):
    """Take a row of a closed day back on the first open day and post it as it should be; returns what stands now."""
    reverse(row, date=row.date, user=user, reason="Corrected")
    anew = {**_as_submitted(row), **changes}
    if isinstance(row, LedgerEntry):
        anew["job"] = row.job  # what corrects an import's entry is undone with it
    book = anew.pop("book", row.book)
    corrects = row if book.pk == row.book_id else None
    return _post(type(row), book, anew, row.source, row.source_ref, user, True, allow_future, corrects)


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
        return adjusting.adjusting(row.adjusts_date, value) == row.narration
    return name == "date" and value == row.adjusts_date


def _as_submitted(row):
    """{field: value} of a row; of an adjustment, what it was before it was moved to an open day."""
    values = {name: getattr(row, name) for name in _editable(row)}
    if row.adjusts_date:
        values |= {"date": row.adjusts_date, "narration": adjusting.own_narration(row)}
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
        if row.reversal_of_id:
            adjusting.refuse_standing_twice(row)
        row.deleted_at = timezone.now()
        row.version += 1
        save(row, user, "Binned")
        followers.tell([row], user)
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
        adjusting.refuse_coming_back(row)
        row.deleted_at = None
        row.version += 1
        check(row, allow_future=True)
        _save_unless_taken(row, user, "Restored", "The same was posted again meanwhile, so this stays in the bin.")
        followers.tell([row], user)
        if row.reversal_of_id:
            _mark_reversed(_locked(row.reversal_of), timezone.now(), user)
        return row


def _still_reverses(row):
    original = row.reversal_of
    figures = {"book", *_editable(row)} - _NO_FIGURE - {"date"}
    return original.deleted_at is None and all(getattr(row, name) == getattr(original, name) for name in figures)


def reverse(row, *, date, user=None, reason=""):
    """Post the reversal of an entry or transfer and return it: the same amount, counting against its category.

    It counts from `date` on, but never on a closed day: then from the first open one. A correction gives the date of
    the row itself; a person who reverses chooses, and `today_or_its_own` where he did not. A second call returns the
    reversal.
    """
    with transaction.atomic():
        row = _locked(row)
        if row.reversed_at:
            return row.reversals.get(deleted_at=None)
        if row.deleted_at or row.reversal_of_id:
            raise ValidationError("Only a posted entry that is no reversal itself can be reversed.", code="settled")
        row.book = daybook.share_book(row.book_id)
        back = reversal_of(row, date, user, reason)
        check(back, allow_future=True, settled=True)
        save(back, user, reason or "Reversed")
        _mark_reversed(row, timezone.now(), user)
        return back


def today_or_its_own(row):
    """The date of a reversal for which nobody chose one: today, or the row's own where that is later."""
    return max(row.book.today(), row.date)


def reversal_of(row, date, user, reason):
    """The reversal of a row, not saved yet; on `date`, or on the first open day where that is closed."""
    back = type(row)(
        book=row.book,
        reversal_of=row,
        source="reversal",
        source_ref=str(row.pk),
        created_by=user,
        adjusts_date=row.date if row.book.is_closed_on(row.date) else None,
        **{name: getattr(row, name) for name in _editable(row)},
    )
    back.date = first_open(row.book, date)
    why = f"{reason} {row.narration}".strip()
    back.narration = clean_text(f"Reversal of {row.date:%d-%m-%Y}. {why}")[:500]
    return back


def _mark_reversed(row, moment, user):
    row.reversed_at = moment
    row.version += 1
    _save_unless_taken(row, user, "", "The same was posted again meanwhile, so the reversal stays.")
    followers.tell([row], user)


def _save_unless_taken(row, user, reason, message):
    """Save a row; `message` where another has taken its place (the same submission, the same reversal) by now."""
    try:
        return save(row, user, reason)
    except IntegrityError as error:
        raise ValidationError(message, code="taken") from error
