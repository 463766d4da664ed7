"""What customers say of their payments: what waits, the answer, how it was settled."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from django.utils import translation
from django.views.decorators.http import require_http_methods, require_safe

from shop import access
from shop.pages import book_page, page
from trackers import disputes as services
from trackers.collect.collection import words
from trackers.models import Dispute

SETTLED_SHOWN = 50
MOST_ROWS = 500


def _rows(request, book):
    rows = access.visible(Dispute, request.user, book)
    return rows.select_related("tracker__customer", "receipt", "answered_by")


@require_safe
@book_page(access.READ)
def disputes(request, book):
    """What waits, oldest first, and what was settled last."""
    return _page(request, book)


def _page(request, book, wrong=None, text="", outcome="", status=200):
    waiting = list(_rows(request, book).filter(settled_at=None).order_by("said_at", "id")[:MOST_ROWS])
    for row in waiting:
        is_wrong = wrong is not None and row.pk == wrong[0].pk
        row.fault = wrong[1] if is_wrong else ""
        row.typed, row.chosen = (text, outcome) if is_wrong else (row.answer, "")
        row.day = max(row.tracker.terms.day_of(row.date), 0)
    context = {
        "title": "",
        "waiting": waiting,
        "settled": _rows(request, book).exclude(settled_at=None).order_by("-settled_at")[:SETTLED_SHOWN],
        "outcomes": Dispute.Outcome.choices,
        "may_answer": access.may(request.user, book, access.CLOSE),
    }
    return page(request, "trackers/disputes.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@book_page(access.CLOSE)
def answer(request, book, pk):
    """POST answer, outcome (empty: it stays open). Sent twice it answers once."""
    row = access.get_visible(Dispute, request.user, book, pk=pk)
    if request.method != "POST":
        return redirect("trackers:disputes", book.slug)
    text, outcome = request.POST.get("answer", ""), request.POST.get("outcome", "")
    try:
        row = services.answer(row, user=request.user, text=text, outcome=outcome)
    except ValidationError as error:
        if row.settled_at:
            messages.error(request, words(error))
            return redirect("trackers:disputes", book.slug)
        return _page(request, book, (row, words(error)), text, outcome, status=422)
    with translation.override("en-in"):
        said = f"settled: {row.get_outcome_display()}" if row.settled_at else "answered"
    messages.success(request, f"{row.tracker.customer}: {said}. He reads it in his passbook.")
    return redirect("trackers:disputes", book.slug)
