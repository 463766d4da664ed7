"""The search of the top bar: a day, an amount, entries by their text, accounts and categories by name."""

import contextlib

from django.core.exceptions import ValidationError

from ledger.models import Account, Category, LedgerEntry
from shop import access
from shop.dates import parse_date
from shop.money import parse_money
from shop.pages import book_page, page

LIMIT = 20


@book_page(access.READ, access.POST)
def search(request, book):
    """What fits the text among all that the person may see in the book."""
    text = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    found = {}
    if text:
        found = {
            "day": _day(text),
            "entries": _entries(request.user, book, text),
            "accounts": list(access.visible(Account, request.user, book).filter(name__icontains=text)[:LIMIT]),
            "categories": list(access.visible(Category, request.user, book).filter(name__icontains=text)[:LIMIT]),
        }
    context = {"title": "Search", "search_text": text, "found": found, "any": any(found.values()), "limit": LIMIT}
    return page(request, "lendbook/search.html", context)


def _day(text):
    with contextlib.suppress(ValidationError):
        return parse_date(text)


def _entries(user, book, text):
    """The newest entries with that text in narration, reference or subcategory, or of exactly that amount."""
    rows = access.visible(LedgerEntry, user, book).filter(deleted_at=None)
    fits = rows.filter(narration__icontains=text) | rows.filter(reference__icontains=text)
    fits |= rows.filter(subcategory__icontains=text)
    with contextlib.suppress(ValidationError):
        fits |= rows.filter(amount=parse_money(text))
    return list(fits.select_related("account", "category").order_by("-date", "-id")[:LIMIT])
