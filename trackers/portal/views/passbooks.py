"""Home, a passbook and one of its days."""

from django.conf import settings
from django.shortcuts import render
from django.template.loader import get_template
from django.utils import timezone, translation
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from trackers import posting, receipts
from trackers.models import Dispute, Tracker
from trackers.portal import passbook as passbooks
from trackers.portal.access import customer_page, no_such_page, number, own, own_tracker
from trackers.portal.words import closing_word, mode_word

ROWS_BYTES = 36 * 1024
"""How much of the day table stands on one page, so that every page stays below 60 KB."""
DISPUTES_SHOWN = 5


def page(request, template, context, status=200):
    """A page of the customer's side: `now` is when it was made, which the page says when there is no network."""
    shown = {"languages": settings.LANGUAGES, "now": timezone.now(), **context}
    return render(request, template, shown, status=status)


@require_safe
@customer_page
def home(request):
    rows = own(Tracker.objects.select_related("book", "customer"), request.user).order_by(
        "-is_active", "-start_date", "-pk"
    )
    cards = [card(row) for row in rows]
    context = {
        "running": [one for one in cards if one["tracker"].is_active],
        "closed": [one for one in cards if not one["tracker"].is_active],
        "has_books": len({one["tracker"].book_id for one in cards}) > 1,
    }
    return page(request, "portal/home.html", context)


def card(tracker):
    """A tracker's figures, from its cached totals: no file is opened."""
    terms = tracker.terms
    return {
        "tracker": tracker,
        "total": terms.total,
        "percent": min(100, int(100 * tracker.total_paid / terms.total)),
        "standing": tracker.standing(),
        "closing": closing_word(tracker),
    }


@require_safe
@customer_page
def passbook(request, pk):
    """?all=1 shows every day until today, not only those with something on them; ?page=2 the rest of a long table."""
    tracker = own_tracker(request.user, pk)
    found, is_sound = passbooks.opened(tracker)
    every = request.GET.get("all") == "1"
    pages = _pages(found, every) if found else []
    asked = request.GET.get("page", "1")
    place = int(asked) if asked.isdecimal() and len(asked) < 4 and 0 < int(asked) <= len(pages) else 1
    context = {
        **card(tracker),
        "passbook": found,
        "is_sound": is_sound,
        "rows": pages[place - 1] if pages else "",
        "pictures": _pictures(found) if found else "",
        "every": every,
        "earlier": place + 1 if place < len(pages) else None,
        "later": place - 1 if place > 1 else None,
        "today": tracker.book.today(),
        "disputes": own(Dispute.objects.select_related("receipt"), request.user).filter(tracker=tracker)[
            :DISPUTES_SHOWN
        ],
    }
    return page(request, "portal/passbook.html", context)


def _pages(found, every):
    """The rows of the day table as HTML, newest first, cut into pages. Made once per version and language."""
    key = translation.get_language(), every
    if key not in found.rendered:
        template, pages, size = get_template("portal/day_row.html"), [[]], 0
        for day in reversed(found.days):
            if every or day.is_filled:
                row = template.render({"day": day, "mode": mode_word(day.mode)})
                size += len(row.encode())
                if size > ROWS_BYTES:
                    pages.append([])
                    size = len(row.encode())
                pages[-1].append(row)
        found.rendered[key] = [mark_safe("".join(rows)) for rows in pages if rows]  # each row is a template's
    return found.rendered[key]


def _pictures(found):
    """The chart with its table as HTML. Made once per version and language."""
    key = translation.get_language()
    if key not in found.rendered:
        found.rendered[key] = get_template("portal/chart.html").render({"chart": found.chart, "months": found.months})
    return found.rendered[key]


@require_safe
@customer_page
def day(request, pk, day):
    """One day: what was paid, in which parts, and what was corrected."""
    tracker = own_tracker(request.user, pk)
    found, is_sound = passbooks.opened(tracker)
    place = number(day)
    line = found.days[place] if found and place < len(found.days) else None
    if line is None:
        raise no_such_page()
    parts = sorted(posting.parts_of(tracker, place).items())
    context = {
        "tracker": tracker,
        "day": line,
        "mode": mode_word(line.mode),
        "parts": [(entry.amount, mode_word(entry.payment_mode)) for _, entry in parts] if len(parts) > 1 else [],
        "is_sound": is_sound,
        "receipts": receipts.of_day(tracker, place),
    }
    return page(request, "portal/day.html", context)
