"""The day book on the screen, on paper and as files: a day, a month, a year, any range.

An agent does not see the whole book: the same addresses show him the cash that he carries.
"""

from datetime import date as Date
from datetime import timedelta
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from ledger import daybook, last_seen, reports
from ledger.models import Account, AccountTransfer, LedgerEntry
from shop import access, faults, paper
from shop.charts import Point, chart
from shop.dates import FIRST_DATE, LAST_DATE, check_date, parse_date
from shop.downloads import table_response
from shop.money import ZERO
from shop.pages import book_page, page

ONE_DAY = timedelta(days=1)
BY_MONTH = 92  # a range longer than this many days is told month by month


def refused(request, error, status=400):
    """What is wrong with the address, as a page or as JSON, with the way back."""
    if request.GET.get("format") == "json":
        return JsonResponse({"error": " ".join(error.messages)}, status=status)
    return page(request, "ledger/refused.html", {"reasons": error.messages}, status=status)


@require_safe
@book_page(access.READ, access.POST)
def today(request, book):
    """Today, or the day that the calendar asks for (?date=)."""
    try:
        date = parse_date(request.GET["date"]) if request.GET.get("date") else book.today()
    except ValidationError as error:
        return refused(request, error)
    where = reverse("ledger:day_book", args=[book.slug, date.isoformat()])
    return redirect(f"{where}?{urlencode({'format': request.GET['format']})}" if "format" in request.GET else where)


@require_safe
@book_page(access.READ, access.POST)
def day(request, book, text):
    try:
        date = parse_date(text)
    except ValidationError as error:
        return refused(request, error, status=404)
    if not access.may(request.user, book, access.READ):
        return own_cash(request, book, date)
    if "format" in request.GET:
        return _file(request, book, date, date)
    on_day = daybook.day_book_on(book, date)
    return page(
        request,
        "ledger/day_book.html",
        {
            **_figures(on_day, date, date),
            "change": last_seen.look(request.user, on_day),
            "frozen": faults.concerning_day(book, date),
            "entries": entries_address(date, date),
            "files": files_of(reverse("ledger:day_book", args=[book.slug, date])),
            "before": date - ONE_DAY if date > FIRST_DATE else None,
            "after": date + ONE_DAY if date < LAST_DATE else None,
            "may_close": access.may(request.user, book, access.CLOSE),
        },
    )


@require_safe
@book_page()
def month(request, book, text):
    """A month, written 2024-01."""
    try:
        first, last = reports.month_of(parse_date(f"{text}-01"))
    except ValidationError:
        return refused(request, ValidationError(f"'{text[:20]}' is not a month. Write it like 2024-01."), status=404)
    before, after = first - ONE_DAY, last + ONE_DAY
    return _stretch(
        request,
        book,
        first,
        last,
        {
            "title": f"{first:%B %Y}",
            "before": reverse("ledger:month", args=[book.slug, f"{before:%Y-%m}"]) if before >= FIRST_DATE else "",
            "after": reverse("ledger:month", args=[book.slug, f"{after:%Y-%m}"]) if after <= LAST_DATE else "",
            "wider": (reverse("ledger:year", args=[book.slug, first.year]), f"{first.year}", "y"),
        },
    )


@require_safe
@book_page()
def year(request, book, text):
    try:
        first = check_date(Date(int(text), 1, 1))
    except (ValidationError, ValueError, OverflowError):
        return refused(request, ValidationError(f"'{text[:20]}' is not a year. Write it like 2024."), status=404)
    return _stretch(
        request,
        book,
        first,
        first.replace(month=12, day=31),
        {
            "title": str(first.year),
            "before": reverse("ledger:year", args=[book.slug, first.year - 1]) if first > FIRST_DATE else "",
            "after": reverse("ledger:year", args=[book.slug, first.year + 1]) if first.year < LAST_DATE.year else "",
        },
    )


@require_safe
@book_page()
def days(request, book):
    """Any range: ?from=&to=, this month where they are not given."""
    try:
        first, last = asked_range(request, book)
    except ValidationError as error:
        return refused(request, error)
    return _stretch(request, book, first, last, {"title": f"{first:%d-%m-%Y} to {last:%d-%m-%Y}"})


def asked_range(request, book):
    """(first, last) of ?from=&to=, the running month where they are not given. Raises ValidationError."""
    usual = reports.month_of(book.today())
    first, last = (
        parse_date(request.GET[name]) if request.GET.get(name) else day_
        for name, day_ in zip(("from", "to"), usual, strict=True)
    )
    return reports.check_range(first, last)


def _stretch(request, book, first, last, context):
    """The page of many days: their cash book, their chart, their table."""
    if "format" in request.GET:
        return _file(request, book, first, last)
    whole = reports.period(book, first, last)
    return page(
        request,
        "ledger/stretch.html",
        {
            **_figures(whole, first, last, _rows(book, first, last)),
            "entries": entries_address(first, last),
            "files": files_of(
                request.path, **{name: request.GET[name] for name in ("from", "to") if name in request.GET}
            ),
            **context,
        },
    )


def _figures(whole, first, last, rows=()):
    """What screen and paper show of a Day or Period alike; `rows` are its days or months."""
    return {
        "day": whole,
        "columns": reports.cash_book(whole),
        "rows": rows,
        "chart": chart(rows),
        "first": first,
        "last": last,
    }


def _rows(book, first, last):
    """A charts.Point for each day of the range, for each month where the range is long."""
    days = daybook.day_books(book, first, last, details=False, accounts=False)
    while len(days) > 1 and days[-1].date > book.today() and not (days[-1].total_received or days[-1].total_spent):
        days.pop()  # nothing to tell of days to come
    days = [day_ for day_ in days if not day_.is_before_the_book] or days[-1:]
    if len(days) <= BY_MONTH:
        return [
            Point(
                f"{day_.date:%d-%m-%Y}",
                day_.total_received,
                day_.total_spent,
                day_.closing_balance,
                reverse("ledger:day_book", args=[book.slug, day_.date]),
                str(day_.date.day) if len(days) <= 31 or day_.date.day in (1, 15) else "",
            )
            for day_ in days
        ]
    months = {}
    for day_ in days:
        months.setdefault((day_.date.year, day_.date.month), []).append(day_)
    return [
        Point(
            f"{of_month[0].date:%B %Y}",
            sum((day_.total_received for day_ in of_month), ZERO),
            sum((day_.total_spent for day_ in of_month), ZERO),
            of_month[-1].closing_balance,
            reverse("ledger:month", args=[book.slug, f"{of_month[0].date:%Y-%m}"]),
            f"{of_month[0].date:%b}" if len(months) <= 24 else "",
        )
        for of_month in months.values()
    ]


def entries_address(first, last):
    """The entries of the days in the admin's list; a line adds &category=…&subcategory=…."""
    return f"{reverse('admin:ledger_ledgerentry_changelist')}?date_from={first}&date_to={last}"


def files_of(address, **range_):
    """[(word, address)] of the files that a page can be taken away as."""
    return [
        (word, f"{address}?{urlencode({**range_, 'format': kind})}")
        for word, kind in (("PDF", "pdf"), ("Excel", "xlsx"), ("CSV", "csv"), ("JSON", "json"))
    ]


def _file(request, book, first, last):
    """The range as json, csv, xlsx, pdf or print."""
    kind, name = request.GET["format"], f"{book.slug}-{first}" + (f"-to-{last}" if last != first else "")
    if kind == "json":
        shapes = [reports.day_shape(on_day) for on_day in daybook.day_books(book, first, last)]
        return JsonResponse(shapes, safe=False, json_dumps_params={"ensure_ascii": False})
    if kind in ("csv", "xlsx"):
        return table_response(name, reports.LINE_HEADERS, reports.lines(daybook.day_books(book, first, last)), kind)
    if kind in ("pdf", "print"):
        whole = daybook.day_book_on(book, first) if first == last else reports.period(book, first, last)
        rows = [] if first == last else _rows(book, first, last)
        return paper.answer(
            request,
            "ledger/day_book_paper.html",
            {"book": book, **_figures(whole, first, last, rows)},
            name if kind == "pdf" else None,
        )
    return refused(request, ValidationError(f"There is no format '{kind[:20]}'; take json, csv, xlsx, pdf or print."))


@require_POST
@book_page(access.CLOSE)
def rebuild(request, book, text):
    """Compute the book's days again from their entries, from this day on. Sent twice it finds nothing to change."""
    try:
        date = parse_date(text)
    except ValidationError as error:
        return refused(request, error, status=404)
    daybook.rebuild(book.pk, date)
    messages.info(request, f"Every day from {date:%d-%m-%Y} on was computed again from its entries.")
    return redirect("ledger:day_book", book.slug, date.isoformat())


def own_cash(request, book, date):
    """An agent's day: the accounts that he carries, what he typed and what passed through them."""
    if "format" in request.GET:
        raise PermissionDenied("Files of the whole book are for its office; ask its owner.")
    accounts = list(access.visible(Account, request.user, book))
    daybook.finish_pending(book.pk)
    carried = [
        on_day
        for on_day in daybook.day_books(book, date, date, details=False)[0].accounts
        if on_day.account in accounts
    ]
    inside = {"date": date, "deleted_at": None}
    return page(
        request,
        "ledger/own_cash.html",
        {
            "date": date,
            "carried": carried,
            "rows": access.visible(LedgerEntry, request.user, book)
            .filter(**inside)
            .select_related("category", "account"),
            "transfers": access.visible(AccountTransfer, request.user, book)
            .filter(**inside)
            .select_related("from_account", "to_account"),
            "before": date - ONE_DAY if date > FIRST_DATE else None,
            "after": date + ONE_DAY if date < LAST_DATE else None,
        },
    )
