"""The dashboard, the bank beside the book, and credits beside collections."""

from calendar import monthrange
from datetime import timedelta
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from django.urls import reverse

from expenses import dashboard as figures
from expenses import matching, services
from expenses.models import CreditMatch, Transaction
from expenses.selection import SelectionForm
from ledger import access
from ledger.dates import parse_date
from ledger.models import Account, LedgerEntry
from ledger.pages import book_page, page

BAR = 300  # the longest bar, in the drawing's units


def _bars(rows, address):
    """[(label, count, sum, width, link)]: rows of (label, count, sum) with the width of their bar."""
    largest = max((total for *_, total in rows), default=0)
    return [
        (label, count, total, round(BAR * total / largest) if largest > 0 else 0, address(label))
        for label, count, total in rows
    ]


@book_page()
def dashboard(request, book):
    """Where the money went; every bar opens its rows."""
    form = SelectionForm(request.GET, book=book, user=request.user)
    debits = form.rows().filter(debit_amount__isnull=False).order_by()
    asked = {name: request.GET[name] for name in ("date_from", "date_to", "account", "tag") if request.GET.get(name)}
    grid = reverse("expenses:transactions", args=(book.slug,))

    def rows_of(**narrower):
        return f"{grid}?{urlencode({**asked, **narrower})}"

    tags = figures.by_tag(debits)
    ids = {name: pk for pk, name, *_ in tags}
    months = figures.by_month(debits)
    largest = max((total for *_, total in months), default=0)
    drawn, before = [], None
    for month, parts, total in months:
        last = month.replace(day=monthrange(month.year, month.month)[1])
        top = max(parts.items(), key=lambda part: part[1])
        drawn.append(
            {
                "month": month,
                "total": total,
                "change": None if before is None else total - before,
                "width": round(BAR * total / largest) if largest > 0 else 0,
                "top": top,
                "link": rows_of(date_from=month.isoformat(), date_to=last.isoformat()),
            }
        )
        before = total
    context = {
        "title": "Expenses",
        "form": form,
        "is_empty": not access.visible(Transaction, request.user, book).exists(),
        "months": drawn[::-1][:24],
        "tags": _bars([row[1:] for row in tags], lambda name: rows_of(tag=ids[name] or "tbd")),
        "payees": _bars(figures.top_payees(debits), lambda name: rows_of(product=name)),
        "modes": _bars(figures.by_mode(debits), lambda name: rows_of(mode=name)),
        "weekdays": _bars(figures.by_weekday(debits), lambda name: rows_of()),
        "tbd": figures.share_tbd(debits),
        "tbd_link": rows_of(tag="tbd"),
        "recurring": [(*row, rows_of(product=row[0])) for row in figures.recurring(debits)[:20]],
        "accounts": access.visible(Account, request.user, book).filter(kind__in=services.STATEMENT_KINDS),
    }
    return page(request, "expenses/dashboard.html", context)


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
    """An account's month: the bank's balance beside the book's, and what each side has alone."""
    account = access.get_visible(Account, request.user, book, pk=pk)
    first, last = _month(request, book)
    context = {
        "title": f"{account}: bank and book",
        "account": account,
        "month": matching.bank_against_book(account, first, last),
        "before": first - timedelta(days=1),
        "after": last + timedelta(days=1),
    }
    return page(request, "expenses/bank.html", context)


@book_page()
def credits(request, book):
    """Which collection each credit proves; what nobody claims and what the bank never saw."""
    first, last = _month(request, book)
    if request.method == "POST":
        if not access.may(request.user, book, access.POST):
            messages.error(request, "Your role only reads here.")
        else:
            _match(request, book)
        return redirect(f"{request.path}?month={first:%Y-%m}")
    proposals = matching.proposals(book, first, last)
    claimed = {one.credit.pk for one in proposals}, {one.entry.pk for one in proposals}
    context = {
        "title": "Credits and collections",
        "proposals": proposals,
        "unclaimed": [one for one in matching.unmatched_credits(book, first, last) if one.pk not in claimed[0]],
        "unseen": [one for one in matching.unseen_collections(book, first, last) if one.pk not in claimed[1]],
        "matches": CreditMatch.objects.filter(
            transaction__book=book, transaction__transaction_date__range=(first, last)
        ).select_related("transaction", "entry", "confirmed_by"),
        "first": first,
        "before": first - timedelta(days=1),
        "after": last + timedelta(days=1),
        "may_post": access.may(request.user, book, access.POST),
    }
    return page(request, "expenses/credits.html", context)


def _match(request, book):
    """Confirm ticked proposals or a hand-made match, or take one back."""
    try:
        if request.POST.get("take_back"):
            match = access.get_visible(CreditMatch, request.user, book, pk=request.POST["take_back"])
            matching.take_back(match, user=request.user)
            messages.success(request, "The match is taken back.")
            return
        pairs = [pair.partition(":") for pair in request.POST.getlist("pair")]
        if pairs:
            for credit, _, entry in pairs:
                one = access.get_visible(Transaction, request.user, book, pk=credit or 0)
                collection = access.get_visible(LedgerEntry, request.user, book, pk=entry or 0)
                found = [
                    row
                    for row in matching.proposals(book, one.transaction_date, one.transaction_date)
                    if row.entry == collection
                ]
                evidence = found[0].evidence if found else ("chosen by hand",)
                matching.confirm([one], [collection], user=request.user, evidence=evidence)
            messages.success(request, f"{len(pairs)} confirmed.")
            return
        chosen = access.visible(Transaction, request.user, book).filter(pk__in=_ids(request, "credit"))
        entries = access.visible(LedgerEntry, request.user, book).filter(pk__in=_ids(request, "entry"))
        matching.confirm(list(chosen), list(entries), user=request.user, evidence=("chosen by hand",))
        messages.success(request, "Matched.")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))


def _ids(request, name):
    return [pk for pk in request.POST.getlist(name) if pk.isascii() and pk.isdigit() and len(pk) < 19]
