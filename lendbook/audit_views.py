"""The owner's page of the record: who saw, downloaded, exported and changed what in the book, and as a file."""

import contextlib
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Q
from django.views.decorators.http import require_safe

from lendbook.models import AuditRow, AuditSeal
from shop import access
from shop.dates import parse_date
from shop.downloads import table_response
from shop.pages import book_page, page

SHOWN = 100


@require_safe
@book_page(access.MANAGE)
def record(request, book):
    """The rows that fit ?person=&kind=&from=&to=, newest first; ?file=csv or xlsx takes them along."""
    rows, asked = _asked(request, book)
    if request.GET.get("file") in ("csv", "xlsx"):
        headers = ["moment", "person", "kind", "page", "object", "method", "status", "address"]
        lines = (
            [row.at, _who(row), row.kind, row.view, row.object, row.method, row.status, row.address]
            for row in rows.iterator(chunk_size=2000)
        )
        return table_response(f"{book.slug}-record-{book.today()}", headers, lines, request.GET["file"])
    shown = Paginator(rows, SHOWN).get_page(request.GET.get("page"))
    people = get_user_model().objects.filter(Q(book_members__book=book) | Q(customers__book=book)).distinct()
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "title": "Record",
        "rows": [(row, _who(row), _what(row)) for row in shown],
        "shown": shown,
        "asked": asked,
        "query": query.urlencode(),
        "people": people.order_by("username"),
        "kinds": AuditRow.Kind.choices,
        "seal": AuditSeal.objects.order_by("-pk").first(),
    }
    return page(request, "lendbook/record.html", context)


def _asked(request, book):
    """(the rows, what was asked for): of the book, and what its people did outside any book, such as logging in."""
    at_work = get_user_model().objects.filter(book_members__book=book)
    of_nobody = Q(kind__in=(AuditRow.Kind.TORN, AuditRow.Kind.GAP))  # what is missing may be anybody's
    seen = Q(book=book) | Q(book=None, user__in=at_work) | of_nobody
    rows = AuditRow.objects.filter(seen).select_related("user").order_by("-at")
    asked = {name: request.GET.get(name, "") for name in ("person", "kind", "from", "to")}
    if asked["person"].isdecimal() and len(asked["person"]) < 18:
        rows = rows.filter(user=asked["person"])
    if asked["kind"] in AuditRow.Kind.values:
        rows = rows.filter(kind=asked["kind"])
    for name, lookup, days in (("from", "at__gte", 0), ("to", "at__lt", 1)):
        with contextlib.suppress(ValidationError, OverflowError):
            day = asked[name] and parse_date(asked[name])
            if day:
                begins = datetime.combine(day + timedelta(days=days), time(), ZoneInfo(book.time_zone))
                rows = rows.filter(**{lookup: begins})
    return rows, asked


def _who(row):
    """The login, also of somebody whose login is gone: then its number; "" where lines are missing."""
    if row.kind in (AuditRow.Kind.TORN, AuditRow.Kind.GAP):
        return ""
    if row.user_id is None:
        return "nobody logged in"
    try:
        return row.user.get_username()
    except (get_user_model().DoesNotExist, AttributeError):
        return f"login {row.user_id}"


def _what(row):
    """A view's name as words: "trackers:download" -> "trackers: download"."""
    return row.view.removeprefix("admin:").replace("_", " ").replace(":", ": ")
