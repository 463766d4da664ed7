"""The bank beside the book, and credits beside collections."""

from calendar import monthrange
from datetime import timedelta

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect

from expenses.books import links, matching, reconciliation
from expenses.models import CreditMatch, Transaction
from ledger.models import Account, LedgerEntry
from shop import access
from shop.dates import parse_date
from shop.downloads import table_response
from shop.pages import book_page, page

ROWS_SHOWN = 500  # of each side of bank and book; the file has all


def _month(request, book):
    """(first, last) of the month asked for, this month by default."""
    text = request.GET.get("month", "")
    try:
        first = parse_date(f"{text}-01") if text else book.today().replace(day=1)
    except ValidationError:
        first = book.today().replace(day=1)
    return first, first.replace(day=monthrange(first.year, first.month)[1])


@book_page()
def bank(request, book, pk):
    """An account's month: the bank's balance beside the book's, and what each side has alone; or the lines as a file."""
    account = access.get_visible(Account, request.user, book, pk=pk)
    first, last = _month(request, book)
    month = reconciliation.reconcile(account, first, last)
    kind = request.GET.get("format")
    if kind in ("csv", "xlsx"):
        name = f"{book.slug}-bank-and-book-{account.pk}-{first:%Y-%m}"
        return table_response(name, reconciliation.HEADERS, month.lines(), kind)
    context = {
        "title": f"{account}: bank and book",
        "account": account,
        "month": month,
        "sides": [
            ("Only at the bank", month.bank_only[:ROWS_SHOWN], len(month.bank_only), month.bank_only_sum),
            ("Only in the book", month.book_only[:ROWS_SHOWN], len(month.book_only), month.book_only_sum),
        ],
        "files": [(word, f"?month={first:%Y-%m}&format={word.lower()}") for word in ("CSV", "XLSX")],
        "before": first - timedelta(days=1),
        "after": last + timedelta(days=1),
    }
    return page(request, "expenses/bank.html", context)


@book_page()
def credits(request, book):
    """Which collection each credit proves; what nobody claims and what the bank never saw."""
    first, last = _month(request, book)
    if request.method == "POST":
        if access.may(request.user, book, access.CLOSE):
            _match(request, book)
        else:
            messages.error(request, "Your role only reads here.")
        return redirect(f"{request.path}?month={first:%Y-%m}")
    proposals = matching.proposals(
        book, first - links.NEAR, last + links.NEAR
    )  # a collection's credit may be next month's
    claimed = {row for one in proposals for row in (*one.credits, *one.entries)}
    matches = CreditMatch.objects.filter(transaction__book=book, transaction__transaction_date__range=(first, last))
    context = {
        "title": "Credits and collections",
        "proposals": [one for one in proposals if any(first <= row.transaction_date <= last for row in one.credits)],
        "unclaimed": [one for one in matching.unmatched_credits(book, first, last) if one not in claimed],
        "unseen": [one for one in matching.unseen_collections(book, first, last) if one not in claimed],
        "matches": matches.select_related("transaction", "entry", "confirmed_by"),
        "first": first,
        "before": first - timedelta(days=1),
        "after": last + timedelta(days=1),
        "may_post": access.may(request.user, book, access.CLOSE),
    }
    return page(request, "expenses/credits.html", context)


def _match(request, book):
    """Confirm ticked proposals or a hand-made match, or take one back."""
    try:
        if request.POST.get("take_back"):
            match = access.get_visible(CreditMatch, request.user, book, pk=request.POST["take_back"])
            count = matching.take_back(match, user=request.user)
            told = "The match is taken back." if count < 2 else f"{count} matches that add up together are taken back."
            messages.success(request, told)
        elif keys := request.POST.getlist("pair"):
            _confirm(request, book, keys)
        else:
            credits = _rows(request, book, Transaction, request.POST.getlist("credit"))
            entries = _rows(request, book, LedgerEntry, request.POST.getlist("entry"))
            matching.confirm(credits, entries, user=request.user, evidence=("chosen by hand",))
            messages.success(request, "Matched.")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))


def _confirm(request, book, keys):
    """Confirm proposals as the page showed them, each for itself, with the evidence that speaks for it now."""
    pairs = []
    for key in keys:
        credits, _, entries = key.partition(":")
        credits = _rows(request, book, Transaction, credits.split(","))
        pairs.append((credits, _rows(request, book, LedgerEntry, entries.split(","))))
    dates = [one.transaction_date for credits, _ in pairs for one in credits]
    known = {one.key: one.evidence for one in matching.proposals(book, min(dates), max(dates))} if dates else {}
    done = 0
    for key, (credits, entries) in zip(keys, pairs, strict=True):
        try:
            matching.confirm(credits, entries, user=request.user, evidence=known.get(key, ("chosen by hand",)))
            done += 1
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
    messages.success(request, f"{done} confirmed.")


def _rows(request, book, model, pks):
    pks = [pk for pk in pks if pk.isascii() and pk.isdigit() and len(pk) < 19]
    return list(access.visible(model, request.user, book).filter(pk__in=pks).order_by("pk"))
