"""Agents' collections that wait for the office: approve, or reject with a reason, many at once."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from shop import access
from shop.money import ZERO
from shop.pages import book_page, page
from trackers import posted
from trackers.collect import collection
from trackers.models import Approval

DECIDED_SHOWN = 50
MOST_ROWS = 1000


@require_http_methods(["GET", "HEAD", "POST"])
@book_page(access.CLOSE)
def approvals(request, book):
    """What waits, and what was decided last; POST row (many), decision approve | reject, reason."""
    if request.method == "POST":
        return _decide(request, book)
    rows = access.visible(Approval, request.user, book).select_related("tracker__customer", "asked_by", "decided_by")
    waiting = list(rows.filter(state=Approval.State.WAITING).order_by("date", "asked_by", "id")[:MOST_ROWS])
    context = {
        "title": "Collections to approve",
        "waiting": waiting,
        "waiting_sum": sum((row.amount for row in waiting), ZERO),
        "decided": rows.exclude(state=Approval.State.WAITING).order_by("-decided_at")[:DECIDED_SHOWN],
        "closed_through": book.closed_through,
        "touches_closed": any(book.is_closed_on(row.date) for row in waiting),
    }
    return page(request, "trackers/approvals.html", context)


def _decide(request, book):
    ids = [int(pk) for pk in request.POST.getlist("row")[:MOST_ROWS] if pk.isdecimal() and len(pk) < 15]
    chosen = access.visible(Approval, request.user, book).filter(pk__in=ids, state=Approval.State.WAITING)
    chosen = list(chosen.select_related("tracker").order_by("date", "id"))
    if not chosen:
        messages.info(request, "Tick the collections first; what was decided already stays decided.")
    elif request.POST.get("decision") == "reject":
        try:
            collection.reject(chosen, user=request.user, reason=request.POST.get("reason", ""))
            messages.success(request, f"{len(chosen)} rejected; the agent reads why.")
        except ValidationError as error:
            messages.error(request, collection.words(error))
    else:
        adjust = bool(request.POST.get("adjust"))
        report = collection.approve(chosen, user=request.user, adjust=adjust)
        done = sum(line["ok"] for line in report)
        if done:
            where = posted.in_words(one for line in report if line["ok"] for one in line["posted"])
            messages.success(request, f"{done} approved, written and posted{f': {where}' if where else ''}.")
        for line in [line for line in report if not line["ok"]][:20]:
            messages.error(request, f"{line['name']}: {line['message']}")
    return redirect("trackers:approvals", book.slug)
