"""The fixed words of trackers that a customer reads in his language: payment modes, how a scheme ended."""

from django.utils.translation import gettext, pgettext

from ledger.payment_modes import NAMES


def mode_word(mode):
    """A payment mode as the workbook has it, in the reader's language."""
    return gettext(mode) if mode in NAMES else mode


def closing_word(tracker):
    """How a closed tracker ended; "" for one that runs. A customer is not told of a loan written off in the books."""
    words = {
        "paid": pgettext("scheme", "Paid in full"),
        "settled": pgettext("scheme", "Settled"),
        "renewed": pgettext("scheme", "Renewed"),
    }
    return "" if tracker.is_active else words.get(tracker.closing, pgettext("scheme", "Closed"))
