"""A tracker's life after it was opened: terms changed, closed, opened again, renewed."""

from dataclasses import replace
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from ledger import services as ledger
from ledger.payment_modes import CASH
from trackers import posting, store
from trackers.models import Tracker
from trackers.services.change import apply, changed, commit, current, refuse_frozen, take_terms, written
from trackers.services.days import day_change, open_one
from trackers.services.opening import open_tracker


def empty(tracker, *, user=None):
    """Clear every day of a tracker inside the caller's transaction; its entries go into the bin, or are reversed."""
    opened = current(tracker)
    days = opened.contents.days
    change = changed(tracker, opened, days={day: dict.fromkeys(values) for day, values in days.items()})
    change.days = [posting.DayChange(tracker, day, dict(values), {}) for day, values in sorted(days.items())]
    with written([change]) as files:
        apply([change], files, user=user, reason="Emptied", adjust=True)
    transaction.on_commit(lambda: store.settle(change.tracker), robust=True)


def edit_terms(tracker, *, user=None, adjust=False, disbursed_amount=None, also=None, **parameters):
    """Change terms (tracker_name, investment, scheme_period, per_day_payment, strategy, enhanced_count, start_date,

    also skipped_weekdays and holidays as frozensets); the workbook follows. A moved start date moves every entry, and
    a posted disbursement follows its amount and day. `also()` is called last inside the transaction.
    """
    replaced = {name: parameters.pop(name) for name in ("skipped_weekdays", "holidays") if name in parameters}
    with store.locked(tracker.book_id, tracker.pk):
        tracker = open_one(tracker.pk)
        opened = current(tracker)
        change = changed(tracker, opened, parameters=parameters, **replaced)
        before = tracker.start_date
        take_terms(tracker, change.new)
        if disbursed_amount is not None:
            tracker.disbursed_amount = disbursed_amount
        tracker.full_clean(exclude=["filename", "sha256", "version"])
        if tracker.start_date != before:
            change.days = [
                posting.DayChange(tracker, day, {}, values, is_moved=True)
                for day, values in sorted(change.new.days.items())
            ]

        def follow():
            posting.correct_disbursement(tracker, user=user, adjust=adjust)
            if also:
                also()

        commit([change], user=user, reason="Terms", adjust=adjust, also=follow)
        return tracker


def close_tracker(tracker, *, closing, on=None, waived_amount=Decimal(0), user=None):
    """Close a tracker as paid, settled (with a waived amount) or written off; its workbook stays. Twice is once."""
    with transaction.atomic():
        tracker = Tracker.objects.select_for_update().select_related("book").get(pk=tracker.pk)
        if not tracker.is_active:
            return tracker
        refuse_frozen(tracker)
        outstanding = tracker.standing().outstanding
        if closing == Tracker.Closing.PAID and outstanding > waived_amount:
            raise ValidationError(
                f"{outstanding:.2f} is still to pay. Record it, or close it as settled with that much waived."
            )
        tracker.is_active, tracker.closed_at, tracker.closing = False, timezone.now(), closing
        tracker.closed_on = on or tracker.book.today()
        tracker.waived_amount = waived_amount
        return ledger.save(tracker, user, f"Closed: {tracker.get_closing_display().lower()}")


def reopen_tracker(tracker, *, user=None):
    """Open a closed tracker again. Twice is once."""
    with transaction.atomic():
        tracker = Tracker.objects.select_for_update().get(pk=tracker.pk)
        if tracker.is_active:
            return tracker
        refuse_frozen(tracker)
        tracker.is_active, tracker.closed_at, tracker.closing, tracker.closed_on = True, None, "", None
        tracker.waived_amount = Decimal(0)
        return ledger.save(tracker, user, "Reopened")


def renew(tracker, *, start_date, user=None, adjust=False, post_disbursement=True, also=None, **terms):
    """Settle what a tracker still owes out of a new one of the same customer; returns the new Tracker.

    The new loan is handed over whole in the books and the old balance collected back on the same day, so what left
    the cash box is the difference, and both trackers are right. `also(new)` is called last inside the transaction.
    """
    with store.locked(tracker.book_id):
        old = open_one(tracker.pk)
        owed = old.standing(start_date).outstanding
        settled = []
        if owed:
            day = old.terms.day_of(start_date)
            values = {"paid": owed, "mode": "Other", "notes": f"Settled by renewal on {start_date:%d-%m-%Y}"}
            settled = [day_change(old, current(old), day, values, add=True)]
            # Back into the account that the new loan leaves, or both would be wrong by the old balance.
            account = terms.get("disbursed_account") or ledger.account_for_mode(old.book, CASH)
            settled[0].days = [replace(settled[0].days[0], account=account)]
        with written(settled) as files:

            def settle_old(new):
                if settled:
                    apply(settled, files, user=user, reason="Renewed", adjust=adjust)
                close_tracker(old, closing=Tracker.Closing.RENEWED, on=start_date, user=user)
                if also:
                    also(new)

            new = open_tracker(
                customer=old.customer, start_date=start_date, user=user, adjust=adjust, renewed_from=old,
                tracker_type=terms.pop("tracker_type", old.tracker_type), post_disbursement=post_disbursement,
                also=settle_old, **terms,
            )  # fmt: skip
        store.settle(*(change.tracker for change in settled))
        return new
