"""The public page behind a receipt's QR code: whether number, date and amount are genuine, and what was corrected.

Whoever scans it learns the lender's name and what the receipt itself says; nothing of the customer, no tracker, no
other row. It is throttled per address, so that nobody tries tokens by the thousand (2^128 of them anyway).
"""

from django.shortcuts import render
from django.views.decorators.http import require_safe

from lendbook.addresses import address_of, counted_as
from shop import rate_limits
from trackers import receipts

LOOKS, PER_SECONDS = 60, 600


@require_safe
def genuine(request, token):
    """The receipt of a token; 404 "not genuine" for any other, 429 after too many looks from one address."""
    standing, status = None, 200
    if not _may_look(request):
        status = 429
    else:
        standing = receipts.named(token) if token.isprintable() and len(token) <= 32 else None
        status = 200 if standing else 404
    context = {"standing": standing, "status": status, "book": standing and standing.issued.book.name}
    response = render(request, "portal/genuine.html", context, status=status)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _may_look(request):
    return rate_limits.take("genuine", counted_as(address_of(request)), LOOKS, PER_SECONDS)
