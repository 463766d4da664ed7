"""The list of trackers: who is behind and by how much, totals and what is at risk; no workbook is opened."""

from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.views.decorators.http import require_safe

from shop import access
from shop.models import Role
from shop.pages import book_page, page
from trackers import portfolio
from trackers.collect import sheet
from trackers.models import Tracker

PER_PAGE = 100
RISK = "risk"


def _quiet(line):
    """Never paid first, then the longest ago."""
    return (line.last_paid_on is not None, line.last_paid_on or 0)


ORDERS = {
    "round": ("By round", None),
    "arrears": ("Most behind", lambda line: -line.arrears),
    "days": ("Longest behind", lambda line: -line.days_past_due),
    "quiet": ("Longest unpaid", _quiet),
    "outstanding": ("Most outstanding", lambda line: -line.outstanding),
}


@require_safe
@book_page(access.READ, access.POST)
def trackers(request, book):
    """?state=, dpd=, agent=, route=, q=, kind=, order=, page=: which trackers, and in which order."""
    asked = request.GET
    filters = sheet.Filters.read(asked)
    state = asked.get("state") if asked.get("state") in ("closed", "all") else ""
    kind = asked.get("kind") if asked.get("kind") in Tracker.Type.values else ""
    dpd = asked.get("dpd") if asked.get("dpd") in {*(name for name, _, _ in portfolio.BUCKETS), RISK} else ""
    order = asked.get("order") if asked.get("order") in ORDERS else "round"
    chosen = filters.narrow(access.visible(Tracker, request.user, book))
    if state != "all":
        chosen = chosen.filter(is_active=state != "closed")
    if kind:
        chosen = chosen.filter(tracker_type=kind)
    chosen = chosen.order_by(*Tracker._meta.ordering) if order == "round" else chosen.order_by("pk")
    found = portfolio.lines(chosen, book.today())
    sums = portfolio.totals(found)
    if filters.behind:
        found = [line for line in found if line.arrears]
    if dpd == RISK:
        found = [line for line in found if line.days_past_due > portfolio.AT_RISK_DAYS]
    elif dpd:
        found = [line for line in found if line.bucket == dpd]
    if ORDERS[order][1]:
        found.sort(key=ORDERS[order][1])
    listed = Paginator(found, PER_PAGE).get_page(asked.get("page"))
    kept = filters.address() | {name: value for name, value in
        (("state", state), ("kind", kind), ("order", "" if order == "round" else order)) if value}  # fmt: skip
    agents, routes = sheet.choices(book, request.user)
    context = {
        "title": "",
        "rows": _rows(listed, book),
        "listed": listed,
        "shown": portfolio.totals(found) if len(found) != sums.count else sums,
        "totals": sums,
        "buckets": [(name, *sums.buckets[name]) for name, _, _ in portfolio.BUCKETS],
        "filters": filters,
        "state": state,
        "kind": kind,
        "kinds": Tracker.Type.choices,
        "dpd": dpd,
        "order": order,
        "orders": [(name, words) for name, (words, _) in ORDERS.items()],
        "agents": [] if access.role_in(request.user, book) == Role.AGENT else [(str(pk), name) for pk, name in agents],
        "routes": routes,
        "address": urlencode(kept),
        "paging": urlencode(kept | ({"dpd": dpd} if dpd else {})),
        "is_narrowed": bool(kept or dpd),
        "may_open": access.may(request.user, book, access.CLOSE),
        "sees_profit": access.may(request.user, book, access.READ),
    }
    return page(request, "trackers/trackers.html", context)


def _rows(listed, book):
    """[(Tracker, its figures as Decimal rupees)] of one page."""
    by_pk = Tracker.objects.select_related("customer__agent").in_bulk([line.pk for line in listed])
    rupees = portfolio.to_rupees
    return [
        {
            "tracker": by_pk[line.pk],
            "paid": rupees(line.paid),
            "total": rupees(line.total),
            "percent": min(100, 100 * line.paid // line.total),
            "arrears": rupees(line.arrears),
            "pending": rupees(line.pending),
            "profit": rupees(line.profit),
            "outstanding": rupees(line.outstanding),
            "days_past_due": line.days_past_due,
            "bucket": line.bucket,
            "last_paid_on": line.last_paid_on,
        }
        for line in listed
        if line.pk in by_pk
    ]
