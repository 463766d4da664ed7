"""A customer's receipts: one of them, and its paper."""

from django.utils import translation
from django.views.decorators.http import require_safe

from trackers import receipts, sharing
from trackers.models import Receipt
from trackers.portal.access import customer_page, get_own, number, own_tracker
from trackers.portal.views.papers import may_have_another, refused
from trackers.portal.views.passbooks import page
from trackers.portal.words import mode_word
from trackers.views.receipts import mode_of, paper_of


def own_receipt(user, pk, asked):
    """(Tracker, ISSUED link) of a receipt of this customer, or Http404."""
    tracker = own_tracker(user, pk)
    return tracker, get_own(Receipt, user, tracker=tracker, number=number(asked), kind=Receipt.Kind.ISSUED)


@require_safe
@customer_page
def receipt(request, pk, receipt):
    """What the receipt says, and what became of it since."""
    tracker, issued = own_receipt(request.user, pk, receipt)
    standing = receipts.standing_of(issued)
    context = {
        "tracker": tracker,
        "standing": standing,
        "mode": mode_word(mode_of(standing, tracker)),
        "code": sharing.code_of(standing),
    }
    return page(request, "portal/receipt.html", context)


@require_safe
@customer_page
def on_paper(request, pk, receipt):
    """The receipt as a PDF, in the language he reads."""
    tracker, issued = own_receipt(request.user, pk, receipt)
    if not may_have_another(request.user):
        return refused(
            request, tracker, translation.gettext("Many papers were made just now. Try again in ten minutes."), 429
        )
    return paper_of(request, receipts.standing_of(issued), tracker, as_pdf=True)
