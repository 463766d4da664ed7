"""The home page of a book: what today brought in and cost, what waits to be done, and the last thirty days."""

from datetime import timedelta

from django.conf import settings
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string

from ledger import daybook
from ledger.models import DayChange, DayClose, LedgerEntry
from ledger.views.closing import unclosed_days
from ledger.views.day_book import entries_address
from lendbook import minding
from lendbook.backups import make
from shop import access, faults
from shop.charts import Point, chart
from shop.pages import book_page, page

DAYS_SHOWN = 30

# Functions (book, user) -> [(text, address, chip)] of the other apps' lines; a chip is "", "act" or "fault".
LINES = ("trackers.portfolio.home_lines", "trackers.disputes.home_lines", "expenses.overview.figures.home_lines")


@book_page(access.READ, access.POST)
def home(request, book):
    """The book's home; an agent, who does not see the whole book, is led to his own cash."""
    if not access.may(request.user, book, access.READ):
        return redirect("ledger:day_book", book.slug)
    today = book.today()
    waited = DayChange.objects.filter(book=book).count()
    days = daybook.day_books(book, today - timedelta(days=DAYS_SHOWN - 1), today, details=False, accounts=False)
    day = days[-1]
    points = [
        Point(
            label=f"{one.date:%d-%m-%Y}",
            received=one.total_received,
            spent=one.total_spent,
            closing=one.closing_balance,
            address=reverse("ledger:day_book", args=(book.slug, one.date.isoformat())),
            tick=f"{one.date:%d}" if number % 3 == 0 else "",
        )
        for number, one in enumerate(days)
    ]
    is_empty = not LedgerEntry.objects.filter(book=book).exists()
    context = {
        "day": day,
        "is_empty": is_empty,
        "may_load_demo": is_empty and settings.INSTANCE == "dev",
        "entries": entries_address(today, today),
        "may_close": access.may(request.user, book, access.CLOSE) and not day.is_closed,
        "waited": waited,
        "lines": [line for name in LINES for line in import_string(name)(book, request.user)],
        "to_do": _to_do(book, request.user),
        "chart": chart(points),
        "days": days[::-1],
    }
    return page(request, "lendbook/home.html", context)


def _to_do(book, user):
    """[(text, address, chip)] of what somebody should do next; empty when all is done."""
    lines = []
    if count := faults.standing(book).count():
        text = f"{count:,} {'fault' if count == 1 else 'faults'} found in the books"
        lines.append((text, reverse("faults", args=(book.slug,)), "fault"))
    if words := minding.sentence():
        lines.append((words, reverse("faults", args=(book.slug,)), "act"))
    today = book.today()
    open_days = [row for row in unclosed_days(book) if row.date < today]
    if open_days and access.may(user, book, access.CLOSE):
        oldest = open_days[-1].date
        text = (
            f"{oldest:%d-%m} is not closed"
            if len(open_days) == 1
            else f"{len(open_days)} days since {oldest:%d-%m} are not closed"
        )
        lines.append((text, reverse("ledger:close_day", args=(book.slug, oldest.isoformat())), "act"))
    unsigned = DayClose.objects.filter(book=book, signed_at=None, reopened_at=None)
    if access.may(user, book, access.MANAGE) and (count := unsigned.count()):
        text = f"{count} {'close waits' if count == 1 else 'closes wait'} for your signature"
        lines.append((text, reverse("ledger:closes", args=(book.slug,)), "act"))
    if access.may(user, book, access.MANAGE):
        lines.append(_backup_line(book))
    return lines


def _backup_line(book):
    """How old the newest backup of this instance is, or why the last one failed."""
    where = reverse("backups", args=(book.slug,))
    newest = make.newest()
    if make.fault():
        return ("The last backup failed", where, "fault")
    if newest is None:
        return ("No backup yet", where, "act")
    days = (timezone.localdate() - timezone.localdate(newest.made_at)).days
    when = "today" if days <= 0 else "yesterday" if days == 1 else f"{days} days old"
    return (f"Backup {when}", where, "act" if timezone.now() - newest.made_at > make.OLD else "")
