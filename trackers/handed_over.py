"""What was handed over when a loan was given: its Loan Disbursement entry, and what is said where there is none.

A tracker that is opened posts it unless a person says no; then the cash box does not know that the money went, and the
tracker's page says so. Running loans and workbooks from elsewhere post none: their money went before Lendbook knew of
them. A workbook that Lendbook wrote and whose tracker was lost is none of these: opening it had posted what the cash box
has lost again, so its page says so until it is posted.
"""

from django.core.exceptions import ValidationError
from django.db import transaction

from ledger import services as ledger
from ledger.models import LedgerEntry
from ledger.payment_modes import CASH
from shop.money import rupees
from trackers import posting
from trackers.models import Tracker

# Why the first history row of a tracker says that its loan was running before it came here.
TAKEN_OVER, RUNNING_LOAN = "Taken over from a workbook", "Running loan"
# Why it says that Lendbook had the tracker before, and lost it.
BROUGHT_BACK = "Brought back from its own workbook"


def post(tracker: Tracker, *, user=None, adjust: bool = False) -> LedgerEntry:
    """Post what was handed over, out of the account of the tracker's terms, else the one that cash pays into; twice is
    once. Raises ValidationError, ClosedDay unless `adjust`."""
    account = tracker.disbursed_account or ledger.account_for_mode(tracker.book, CASH)
    return posting.post_disbursement(tracker, account=account, user=user, adjust=adjust)


def post_later(tracker: Tracker, *, user=None, adjust: bool = False) -> LedgerEntry:
    """Post the disbursement of a tracker that was opened without. Raises ValidationError, ClosedDay unless `adjust`."""
    with transaction.atomic():
        tracker = Tracker.objects.select_for_update(of=["self"]).select_related("book", "customer").get(pk=tracker.pk)
        if is_before_the_book(tracker):
            raise ValidationError(words(tracker))
        return posting.disbursement_of(tracker) or post(tracker, user=user, adjust=adjust)


def is_before_the_book(tracker: Tracker) -> bool:
    """Whether the money went before the book begins: nothing of that time is posted."""
    begins_on = tracker.book.begins_on
    return begins_on is not None and tracker.start_date < begins_on


def was_running(tracker: Tracker) -> bool:
    """Whether the loan was running before Lendbook had it: a workbook from elsewhere, or one of a file of running loans."""
    first = tracker.history.order_by("history_date", "history_id").first()
    if first is None or first.history_change_reason == BROUGHT_BACK:
        return False
    return first.history_change_reason in (TAKEN_OVER, RUNNING_LOAN) or first.last_paid_on is not None


def is_unknown_by_choice(tracker: Tracker) -> bool:
    """Whether the cash box does not know of money that left it: not posted, though nothing stood against it."""
    if is_before_the_book(tracker) or not tracker.disbursed_amount:
        return False
    return posting.disbursement_of(tracker) is None and not was_running(tracker)


def words(tracker: Tracker) -> str:
    """Why no Loan Disbursement stands in the day book, in a sentence."""
    what = f"{rupees(tracker.disbursed_amount)} handed over on {tracker.start_date:%d-%m-%Y}"
    if is_before_the_book(tracker):
        return f"The {what} went before the book begins ({tracker.book.begins_on:%d-%m-%Y}) and is not posted."
    return f"The cash box does not know of the {what}: it was not posted to the day book."
