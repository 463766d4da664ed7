"""Month end for the accountant: totals, each account's cash book, what mends earlier days, and journals to take away."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from ledger import daybook, journals, reports, services
from ledger.models import Account, Category, DayBookDetail, DayClose, TallyName
from ledger.views.closing import unclosed_days
from ledger.views.day_book import ONE_DAY, asked_range, entries_address, files_of, refused
from shop import access
from shop.dates import parse_date
from shop.downloads import attachment, table_response
from shop.pages import book_page, page

ROWS_SHOWN = 2000  # a page shows so many lines of an account; its file has all


@require_safe
@book_page()
def month_end(request, book):
    """A month's report (?month=2024-01), the running month where none is named."""
    asked = request.GET.get("month", "")
    try:
        first, last = reports.month_of(parse_date(f"{asked}-01") if asked else book.today())
    except ValidationError:
        return refused(request, ValidationError(f"'{asked[:20]}' is not a month. Write it like 2024-01."))
    whole = reports.period(book, first, last)
    here = reverse("ledger:reports", args=[book.slug])
    return page(
        request,
        "ledger/reports.html",
        {
            "day": whole,
            "columns": reports.cash_book(whole),
            "first": first,
            "last": last,
            "entries": entries_address(first, last),
            "files": files_of(reverse("ledger:days", args=[book.slug]), **{"from": first, "to": last}),
            "before": f"{here}?month={first - ONE_DAY:%Y-%m}",
            "after": f"{here}?month={last + ONE_DAY:%Y-%m}",
            "adjusted": reports.adjusted(book, first, last),
            "unclosed": [day for day in unclosed_days(book) if first <= day.date <= last],
            "last_close": DayClose.objects.filter(book=book, reopened_at=None, date__range=(first, last)).first(),
            "journals": [
                (
                    word,
                    f"{reverse('ledger:journal', args=[book.slug, kind])}?from={first}&to={last}",
                    kind in journals.NUMBERED,
                )
                for word, kind in (
                    ("Tally vouchers", "tally"),
                    ("Tally ledgers", "tally-ledgers"),
                    ("hledger", "hledger"),
                    ("Beancount", "beancount"),
                )
            ],
        },
    )


@require_safe
@book_page()
def account(request, book, pk):
    """One account's cash book: every movement with the balance after it."""
    try:
        first, last = asked_range(request, book)
    except ValidationError as error:
        return refused(request, error)
    of = access.get_visible(Account, request.user, book, pk=pk)
    opening, lines = reports.account_book(of, first, last)
    opens_on = reports.opens_on(book, first)
    kind = request.GET.get("format")
    if kind in ("csv", "xlsx"):
        name = f"{book.slug}-account-{of.pk}-{first}-to-{last}"
        return table_response(name, reports.ACCOUNT_HEADERS, reports.account_lines(opening, opens_on, lines), kind)
    if kind:
        return refused(request, ValidationError(f"There is no format '{kind[:20]}'; take csv or xlsx."))
    here = reverse("ledger:account_book", args=[book.slug, of.pk])
    return page(
        request,
        "ledger/account_book.html",
        {
            "account": of,
            "accounts": Account.objects.filter(book=book),
            "opening": opening,
            "opens_on": opens_on,
            "lines": lines[:ROWS_SHOWN],
            "hidden": max(0, len(lines) - ROWS_SHOWN),
            "came": sum(line.came for line in lines),
            "went": sum(line.went for line in lines),
            "closing": lines[-1].balance if lines else opening,
            "first": first,
            "last": last,
            "files": [
                (word, f"{here}?from={first}&to={last}&format={kind}")
                for word, kind in (("Excel", "xlsx"), ("CSV", "csv"))
            ],
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@book_page()
def journal(request, book, kind):
    """The book as a journal for another accounting program, of ?from=&to= or the whole of it.

    One that gives its vouchers numbers is asked for with POST; the others are only read.
    """
    if kind not in journals.FORMATS:
        return refused(request, ValidationError(f"There is no journal '{kind[:20]}'."), status=404)
    if (kind in journals.NUMBERED) != (request.method == "POST"):
        way = (
            "the button on the month's page, for they get their numbers there"
            if kind in journals.NUMBERED
            else "its address"
        )
        return refused(request, ValidationError(f"{kind.title()}: take what leaves by {way}."), status=405)
    try:
        first, last = (parse_date(request.GET[name]) if request.GET.get(name) else None for name in ("from", "to"))
        text = "".join(journals.write(book, kind, first, last, user=request.user))
    except ValidationError as error:
        return refused(request, error)
    ending = journals.FORMATS[kind][1]
    content_type = f"{'application/xml' if ending == 'xml' else 'text/plain'}; charset=utf-8"
    stretch = "".join(f"-{word}" for word in (first, last) if word)
    return attachment(text, content_type, f"{book.slug}{stretch}-{kind}.{ending}")


@require_http_methods(["GET", "HEAD", "POST"])
@book_page()
def tally_names(request, book):
    """What the accountant's Tally company calls each account, category and subcategory of the book."""
    places = _places(book)
    may_name = access.may(request.user, book, access.CLOSE)
    if request.method == "POST":
        if not may_name:
            raise PermissionDenied("Your role in this book does not allow that; ask its owner.")
        changed = _name(book, request.user, [(place, request.POST.get(place["field"], "")) for place in places])
        messages.success(request, f"{changed} name{'' if changed == 1 else 's'} changed.")
        return redirect("ledger:tally_names", book.slug)
    return page(request, "ledger/tally_names.html", {"ledgers": places, "may_name": may_name})


def _places(book):
    """What can have a name in Tally: accounts, categories, and the subcategories that entries used."""
    names = {
        (name.account_id, name.category_id, name.subcategory): name for name in TallyName.objects.filter(book=book)
    }
    daybook.finish_pending(book.pk)
    used = DayBookDetail.objects.filter(day_book__book=book).exclude(subcategory="")
    places = [(account.pk, None, "", account.name, "") for account in Account.objects.filter(book=book)]
    subcategories = {}
    for category, subcategory in used.values_list("category", "subcategory").distinct().order_by("subcategory"):
        subcategories.setdefault(category, []).append(subcategory)
    for category in Category.objects.filter(book=book):
        places.append((None, category.pk, "", category.name, ""))
        places += [(None, category.pk, sub, category.name, sub) for sub in subcategories.get(category.pk, ())]
    return [
        {
            "key": (account, category, sub),
            "field": f"account-{account}" if account else f"category-{category}-{sub}",
            "shown": shown,
            "sub": inner,
            "standing": names.get((account, category, sub)),
        }
        for account, category, sub, shown, inner in places
    ]


@transaction.atomic
def _name(book, user, named):
    """Keep the names typed, drop those emptied; returns how many changed. Sent twice the second changes nothing."""
    changed = 0
    for place, text in named:
        name, standing = services.clean_text(text)[:120], place["standing"]
        if name == (standing.name if standing else ""):
            continue
        changed += 1
        if not name:
            standing._history_user = user
            standing.delete()
            continue
        account, category, sub = place["key"]
        row = standing or TallyName(book=book, account_id=account, category_id=category, subcategory=sub)
        row.name = name
        services.save(row, user)
    return changed
