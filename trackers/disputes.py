"""What customers say of their payments, and what the office answers: said once, answered where the customer reads it."""

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from ledger import services as ledger
from shop import access, clock
from trackers.models import Customer, Dispute

PER_DAY = 10
"""So many times may one customer say something within 24 hours; after that he is asked to call."""


class TooOften(ValidationError):
    """The customer has said as much as he may for now."""


def say(tracker, *, user, kind, date, key, amount=None, paid_to="", note="", receipt=None):
    """Keep what a customer says, and return the Dispute; the same `key` again returns the first one.

    `receipt` is the ISSUED link of the receipt that he calls wrong. Locks the customer's row, so that the count of a
    day holds however many forms come at once. Raises TooOften.
    """
    with transaction.atomic():
        Customer.objects.select_for_update(no_key=True).get(pk=tracker.customer_id)
        said = Dispute.objects.filter(tracker=tracker, key=key).first()
        if said:
            return said
        now = timezone.now()
        lately = Dispute.objects.filter(
            tracker__customer=tracker.customer_id,
            said_at__gt=now - timedelta(days=1),
            said_at__lte=now + clock.TOLERANCE,
        )
        if lately.count() >= PER_DAY:
            raise TooOften(_("You have told us %(count)s things today. Please call the shop.") % {"count": PER_DAY})
        dispute = Dispute(
            tracker=tracker,
            receipt=receipt,
            kind=kind,
            date=date,
            amount=amount,
            paid_to=ledger.clean_text(paid_to)[:120],
            note=ledger.clean_text(note)[:500],
            key=key,
            said_by=user,
        )
        return ledger.save(dispute, user, "Said")


def answer(dispute, *, user, text, outcome=""):
    """Answer a dispute; with an `outcome` it is settled, and stays so. The same answer again changes nothing.

    Raises ValidationError without words for the customer, or where it was settled meanwhile.
    """
    text = ledger.clean_text(text)
    if not text:
        raise ValidationError("Answer him in a sentence; he reads it in his passbook.")
    if len(text) > 500:
        raise ValidationError(f"The answer has {len(text)} letters; 500 is the limit.")
    if outcome and outcome not in Dispute.Outcome.values:
        raise ValidationError("Choose how it was settled.")
    with transaction.atomic():
        dispute = Dispute.objects.select_for_update(no_key=True).get(pk=dispute.pk)
        if (dispute.answer, dispute.outcome) == (text, outcome):
            return dispute
        if dispute.settled_at:
            raise ValidationError(f"{dispute.answered_by} settled this already: {dispute.answer}")
        now = timezone.now()
        dispute.answer, dispute.answered_by, dispute.answered_at = text, user, now
        dispute.outcome, dispute.settled_at = outcome, now if outcome else None
        return ledger.save(dispute, user, "Settled" if outcome else "Answered")


def home_lines(book, user):
    """[(text, address, chip)] for the home page: how many customers wait for an answer."""
    if not access.may(user, book, access.CLOSE):
        return []
    waiting = access.visible(Dispute, user, book).filter(settled_at=None)
    count = waiting.values("tracker__customer").distinct().count()
    if not count:
        return []
    text = f"{count} {'customer says' if count == 1 else 'customers say'} that a payment is not as it should be"
    return [(text, reverse("trackers:disputes", args=[book.slug]), "act")]
