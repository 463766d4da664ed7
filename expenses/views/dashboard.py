"""The dashboard: where the money went."""

from django.urls import reverse

from expenses.books import links
from expenses.models import Transaction
from expenses.overview.page import Overview, asked_of
from expenses.overview.selection import SelectionForm
from ledger.models import Account
from shop import access
from shop.pages import book_page, page


@book_page()
def dashboard(request, book):
    """Where the money went; every bar opens its rows."""
    form = SelectionForm(request.GET, book=book, user=request.user)
    context = {
        "title": "Expenses",
        "form": form,
        "is_empty": not access.visible(Transaction, request.user, book).exists(),
        "seen": Overview(asked_of(form, book), reverse("expenses:transactions", args=(book.slug,))),
        "accounts": access.visible(Account, request.user, book).filter(kind__in=links.BANK_KINDS),
    }
    return page(request, "expenses/dashboard.html", context)
