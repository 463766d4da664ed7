"""What a customer takes away: his workbook, and a statement of any period as a PDF. Names are ours, not a request's."""

from datetime import date
from decimal import Decimal

from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from shop import paper, rate_limits
from shop.downloads import CONTENT_TYPES, attachment
from trackers import schedule, services
from trackers.collect.collection import REFUSALS
from trackers.portal import passbook as passbooks
from trackers.portal.access import customer_page, own_tracker
from trackers.portal.views.passbooks import page
from trackers.portal.words import mode_word
from trackers.workbook.public import without_internals

PAPERS, PER_SECONDS = 30, 600
"""So many PDFs may one login have made in that time: each costs the machine a hundred pages."""


@require_safe
@customer_page
def workbook(request, pk):
    """The workbook without what Lendbook keeps in it for itself."""
    tracker = own_tracker(request.user, pk)
    try:
        content = without_internals(services.bytes_of(tracker))
    except REFUSALS:
        return unreadable(request, tracker)
    return attachment(content, CONTENT_TYPES["xlsx"], f"passbook-{tracker.pk}.xlsx")


@require_safe
@customer_page
def statement(request, pk):
    """The days of a period (?from=, ?to=, both included) as a PDF; without the means for PDFs a page to print."""
    tracker = own_tracker(request.user, pk)
    try:
        first, last = (date.fromisoformat(request.GET.get(name, "")) for name in ("from", "to"))
    except ValueError:
        return refused(request, tracker, _("Choose the first and the last day of the statement."))
    if first > last:
        return refused(request, tracker, _("The first day is after the last one; exchange them."))
    if not may_have_another(request.user):
        return refused(request, tracker, _("That were many statements. Try again in ten minutes."), 429)
    found = passbooks.opened(tracker)[0]
    if found is None:
        return unreadable(request, tracker)
    context = _figures(tracker, found, first, last)
    name = f"passbook-{tracker.pk}-{first:%Y%m%d}-{last:%Y%m%d}"
    return paper.answer(request, "portal/statement.html", context, name, stylesheet="paper.css")


def unreadable(request, tracker):
    return refused(
        request, tracker, _("Your workbook cannot be read just now. The shop has been told; try again later.")
    )


def refused(request, tracker, words, status=422):
    return page(request, "portal/refused.html", {"tracker": tracker, "words": words}, status)


def may_have_another(user):
    return rate_limits.take("papers", user.pk, PAPERS, PER_SECONDS)


def _figures(tracker, found, first, last):
    """What stands on the statement; the standing is that of its last day, or of today if that comes later."""
    days = [day for day in found.days if first <= day.date <= last]
    before = [day for day in found.days if day.date < first]
    until = min(last, tracker.book.today())
    paid = days[-1].total if days else before[-1].total if before else Decimal("0.00")
    return {
        "tracker": tracker,
        "total": tracker.terms.total,
        "first": first,
        "last": last,
        "before": before[-1].total if before else Decimal("0.00"),
        "rows": [(day, mode_word(day.mode)) for day in days if day.is_filled],
        "sum": sum((day.paid for day in days if day.paid), Decimal("0.00")),
        "paid": paid,
        "until": until,
        "standing": schedule.standing(tracker.terms, paid, until),
        "today": tracker.book.today(),
    }
