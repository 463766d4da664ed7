"""Closing the book through a date: count, compare, post the difference, sign; and reopening.

Signing off makes tomorrow open at what was counted: the difference becomes Cash Short or Cash Excess, or a transfer
with the agent who answers for it. That difference belongs to its close: reopening the day withdraws it too, or a second
count would be compared with what the first one changed.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from ledger import daybook, services
from ledger.models import Account, AccountTransfer, Category, DayClose, DayCloseCount, Direction, LedgerEntry
from ledger.services import adjusting
from shop import faults
from shop.money import ZERO, money_fault, rupees

SOURCE = "close"

NOTES = (500, 200, 100, 50, 20, 10, 5, 2, 1)


@dataclass
class Count:
    """What was found in an account. `counted` in Decimal rupees; `denominations` {note or coin: pieces}.

    `charged_to`: the agent's account that answers for a difference; None posts it as Cash Short or Cash Excess.
    """

    account: Account
    counted: Decimal
    denominations: dict = field(default_factory=dict)
    charged_to: Account | None = None


@transaction.atomic
def close_day(book, date, *, user=None, counts=(), note=""):
    """Close every day up to and including `date`; returns the DayClose. Uncounted accounts stay as the books say.

    Takes the book's lock alone, so that no writer can slip into a day that is being closed.
    Raises ValidationError where the day is closed already, lies ahead, or a count is wrong.
    """
    counts = list(counts)
    _check_counts(counts)
    book = daybook.lock_book(book.pk, whole=True)
    if book.is_closed_on(date):
        raise ValidationError(f"The book is closed through {book.closed_through:%d-%m-%Y} already.", code="closed")
    if date > book.today():
        raise ValidationError(f"{date:%d-%m-%Y} has not come yet; a day is closed when it is counted.", code="future")
    if book.begins_on and date < book.begins_on:
        raise ValidationError(f"The book begins on {book.begins_on:%d-%m-%Y}.", code="early")
    for fault in faults.freezing(book.pk, faults.DAYS).filter(first_date__lte=date)[:1]:
        raise faults.Frozen(f"{fault.first_date:%d-%m-%Y}", fault)
    _refuse_left_behind(book, date)
    expected = daybook.account_balances(book, date)
    close = DayClose(book=book, date=date, note=services.clean_text(note), closed_by=user)
    services.save(close, user)
    for count in counts:
        _settle(close, count, expected.get(count.account.pk, ZERO), user)
    daybook.finish_pending(book.pk)
    book.closed_through = date
    services.save(book, user, f"Closed through {date}", fields=["closed_through"])
    return close


def _check_counts(counts):
    """Raises ValidationError for counts that contradict themselves or each other."""
    counted = [count.account for count in counts]
    for count in counts:
        account = count.account
        if counted.count(account) > 1:
            raise ValidationError(f"{account} is counted twice; give one count for it.", code="twice")
        if count.charged_to in counted:
            raise ValidationError(
                f"{count.charged_to} is counted itself, so the difference of {account} cannot be put on it.",
                code="charged",
            )
        fault = money_fault(count.counted)
        if fault or (count.counted < 0 and account.kind == Account.Kind.CASH):
            raise ValidationError(f"{account}: {fault or 'a cash box cannot hold less than nothing.'}", code="amount")
        for note, pieces in count.denominations.items():
            if int(note) not in NOTES or not isinstance(pieces, int) or pieces < 0:
                raise ValidationError(f"{account}: {pieces} × {note} is no count of notes or coins.", code="notes")
        pieces = sum((Decimal(note) * number for note, number in count.denominations.items()), ZERO)
        if count.denominations and pieces != count.counted:
            raise ValidationError(
                f"{account}: the notes add up to {pieces:.2f}, not {count.counted:.2f}.", code="notes"
            )


def _settle(close, count, expected, user):
    """Note one count and post its difference on the day, before the day is closed."""
    account, book = count.account, close.book
    if account.book_id != book.pk:
        raise ValidationError(f"There is no account '{account}' in {book}.")
    difference = count.counted - expected
    DayCloseCount.objects.create(
        day_close=close,
        account=account,
        expected=expected,
        counted=count.counted,
        denominations={str(note): number for note, number in count.denominations.items() if number},
    )
    if not difference:
        return
    posting = {
        "book": book,
        "date": close.date,
        "amount": abs(difference),
        "narration": f"Counted {count.counted:.2f}, expected {expected:.2f}",
        "source": SOURCE,
        "source_ref": f"{close.pk}:{account.pk}",
        "user": user,
    }
    if count.charged_to is not None:
        short = difference < 0
        services.transfer(
            from_account=account if short else count.charged_to,
            to_account=count.charged_to if short else account,
            **posting,
        )
        return
    name, direction = ("Cash Short", Direction.SPENT) if difference < 0 else ("Cash Excess", Direction.RECEIVED)
    services.post_entry(account=account, category=_difference_category(book, name, direction), **posting)


def _difference_category(book, name, direction):
    """The category of that name, made if missing. Its direction must still be the one that evens the count out."""
    category = Category.objects.filter(book=book, name__iexact=name).first()
    if category is None:
        return Category.objects.create(book=book, name=name, direction=direction)
    if category.direction != direction or not category.is_active:
        raise ValidationError(
            f"The category '{category}' must be active and {direction} to take a difference; change it back.",
            code="category",
        )
    return category


@transaction.atomic
def sign_close(close, *, user):
    """The owner's signature under a close; a second one changes nothing."""
    close = DayClose.objects.select_for_update().get(pk=close.pk)
    if close.reopened_at:
        raise ValidationError("This close was opened again; close the day once more first.", code="reopened")
    if close.signed_at is None:
        close.signed_by, close.signed_at = user, timezone.now()
        services.save(close, user, "Signed")
    return close


@transaction.atomic
def reopen_day(book, date, *, user=None, reason):
    """Reopen `date` and every day after it; returns the closes opened. The reason is kept in the history.

    The differences that these closes posted go into the bin with them, so that the next count is compared with what
    the entries say. Raises ValidationError without a reason or where the day is open already, Frozen where a fault has
    made the day of a difference read-only.
    """
    reason = services.clean_text(reason)
    if not reason:
        raise ValidationError("Say why the day is reopened; the reason is kept.", code="reason")
    book = daybook.lock_book(book.pk, whole=True)
    if not book.is_closed_on(date):
        if _withdraw_all(left_behind(book), user):
            return []
        raise ValidationError(f"{date:%d-%m-%Y} is open already.", code="open")
    closes = list(DayClose.objects.filter(book=book, date__gte=date, reopened_at=None))
    for close in closes:
        close.reopened_by, close.reopened_at, close.reopen_reason = user, timezone.now(), reason
        services.save(close, user, "Reopened")
    book.closed_through = date - timedelta(days=1)
    services.save(book, user, f"Reopened from {date}", fields=["closed_through"])
    _withdraw_all(left_behind(book), user)
    return closes


# ------------------------------------------------------------------------------------------------ differences


def left_behind(book, through=None):
    """The differences that stand on open days though their close was opened again; `through`: up to that day.

    Reopening takes them along; one stays where a fault has made its day read-only, where an earlier version reopened,
    or where somebody took it out of the bin.
    """
    reopened = set(DayClose.objects.filter(book=book).exclude(reopened_at=None).values_list("pk", flat=True))
    found = []
    for model in (LedgerEntry, AccountTransfer) if reopened else ():
        standing = model.objects.filter(book=book, source=SOURCE, deleted_at=None, reversed_at=None)
        standing = standing.exclude(source_ref="")  # as the index "source_once" has it
        found += [row for row in standing if _is_of_open_day(row, book) and _close_of(row) in reopened]
    return [row for row in found if through is None or row.date <= through]


def _close_of(row):
    """The number of the close that posted a difference."""
    return int(row.source_ref.partition(":")[0])


def _is_of_open_day(row, book):
    return not book.is_closed_on(row.date) and not (row.adjusts_date and book.is_closed_on(row.adjusts_date))


@transaction.atomic
def withdraw_left_behind(book, *, user=None):
    """Put what left_behind names into the bin; returns those that went. A second call finds none.

    What lies on a day that a fault has made read-only stays.
    """
    return _withdraw_all(left_behind(daybook.lock_book(book.pk, whole=True)), user)


def _withdraw_all(rows, user):
    gone = []
    for row in rows:
        try:
            with transaction.atomic():
                _withdraw(row, user)
        except faults.Frozen:
            continue
        gone.append(row)
    return gone


def _withdraw(row, user):
    """Bin a difference; of one that was corrected, the whole correction."""
    services.delete(row, user=user)
    back = adjusting.other_half(row)
    if back is not None and not row.book.is_closed_on(row.corrects.date):
        services.delete(back, user=user)
        _withdraw(row.corrects, user)


def withdrawn_with(closes, stood=()):
    """The differences that went into the bin with these closes, and those of `stood` that did, in words."""
    of = {close.pk for close in closes} | {_close_of(row) for row in stood}
    told = []
    for model in (LedgerEntry, AccountTransfer):
        for row in model.objects.filter(book__in=[close.book_id for close in closes], source=SOURCE).exclude(
            deleted_at=None
        ):
            if _close_of(row) in of:
                told.append(difference_in_words(row))
    return told


def difference_in_words(row):
    """ "Cash Short 150.00 of 15-01-2024", or of one that an agent answers for, "150.00 moved from Cash to Bag of …"."""
    if isinstance(row, LedgerEntry):
        return f"{row.category} {rupees(row.amount)} of {row.date:%d-%m-%Y}"
    return f"{rupees(row.amount)} moved from {row.from_account} to {row.to_account} of {row.date:%d-%m-%Y}"


def _refuse_left_behind(book, date):
    """No difference on top of another one: what a withdrawn close posted goes before the day is counted anew."""
    for row in left_behind(book, date)[:1]:
        raise ValidationError(
            f"{difference_in_words(row)} still stands, though its close was opened again. Withdraw it first: with the "
            f"button on the page that closes the day, or `reopen_day --book {book.slug} --date {row.date}`.",
            code="left behind",
        )
