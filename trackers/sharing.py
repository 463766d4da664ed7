"""A receipt on its way to the customer: its public address and QR code, and the message that staff sends him.

Without LENDBOOK_PUBLIC_URL there is no address that a customer's phone could open, so no code and no link either.
"""

from urllib.parse import quote

from django.conf import settings
from django.urls import reverse
from django.utils import formats, translation
from django.utils.translation import gettext as _

from shop.money import rupees
from trackers import qr
from trackers.portal.logins import dialled


def address_of(standing):
    """Where anybody can see whether the receipt is genuine; "" without a public address."""
    return settings.PUBLIC_URL + reverse("genuine", args=[standing.token]) if settings.PUBLIC_URL else ""


def code_of(standing):
    """The QR code of that address as <svg>; "" without a public address."""
    address = address_of(standing)
    return qr.svg(address, _("QR code of this receipt")) if address else ""


def text_of(standing, tracker):
    """The message about a receipt, in its customer's language."""
    with translation.override(tracker.customer.language):
        values = {
            "book": tracker.book.name,
            "number": standing.number,
            "amount": rupees(standing.amount, "₹"),
            "date": formats.date_format(standing.date),
        }
        said = _("%(book)s: receipt %(number)s, %(amount)s paid on %(date)s.") % values
        proof = _("See for yourself:")
        return f"{said} {proof} {address_of(standing)}" if settings.PUBLIC_URL else said


def links_of(standing, tracker):
    """{"whatsapp": …, "sms": …}: addresses that open the message on the sender's phone, to the customer's number."""
    phone, text = dialled(tracker.customer.phone), quote(text_of(standing, tracker), safe="")
    return {
        "whatsapp": f"https://wa.me/{phone}?text={text}",
        "sms": f"sms:{'+' if phone else ''}{phone}?body={text}",
    }
