"""Receipts in the office: those of a day or of a save, one of them with what to do with it, and its paper."""

from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import redirect
from django.utils import translation
from django.views.decorators.http import require_safe

from ledger.views.day_book import refused
from shop import access, paper
from shop.dates import parse_date
from shop.pages import book_page, page
from trackers import posting, receipts, sharing
from trackers.models import CollectionSave, Receipt, Tracker
from trackers.portal.words import mode_word

MOST_ROWS = 1000


@require_safe
@book_page(access.READ, access.POST)
def of_day(request, book):
    """The receipts of ?date= (today), or of the collection sheet ?saved=; ?number= leads to one."""
    asked = request.GET
    if asked.get("number", "").strip():
        return redirect("trackers:receipt", book.slug, _number(asked["number"]))
    links, save = access.visible(Receipt, request.user, book), None
    try:
        if asked.get("saved"):
            save = access.get_visible(CollectionSave, request.user, book, token=asked["saved"][:64])
            done = [line["tracker"] for line in save.result.get("rows", []) if line["ok"]]
            links = links.filter(tracker_id__in=done)
        on = save.date if save else parse_date(asked["date"]) if asked.get("date") else book.today()
    except ValidationError as error:
        return refused(request, error)
    payments = list(links.filter(date=on).values_list("payment", flat=True).distinct()[: MOST_ROWS + 1])
    found = [one for one in receipts.of_payments(book, payments[:MOST_ROWS]) if one.date == on]
    trackers = Tracker.objects.select_related("customer").in_bulk({one.issued.tracker_id for one in found})
    context = {
        "title": "",
        "date": on,
        "saved": save,
        "rows": [(one, trackers[one.issued.tracker_id]) for one in found],
        "most": MOST_ROWS if len(payments) > MOST_ROWS else 0,
    }
    return page(request, "trackers/receipts.html", context)


def _number(text):
    text = text.strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Http404
    return int(text)


def the_receipt(request, book, number):
    """(Standing, Tracker) of a receipt that the person may see, or Http404."""
    issued = access.get_visible(Receipt, request.user, book, number=number, kind=Receipt.Kind.ISSUED)
    tracker = Tracker.objects.select_related("book", "customer").get(pk=issued.tracker_id)
    return receipts.standing_of(issued), tracker


@require_safe
@book_page(access.READ, access.POST)
def receipt(request, book, number):
    """One receipt: what it says, what became of it, and how it goes to the customer."""
    standing, tracker = the_receipt(request, book, number)
    context = {
        "title": "",
        "standing": standing,
        "tracker": tracker,
        "mode": mode_of(standing, tracker),
        "code": sharing.code_of(standing),
        "address": sharing.address_of(standing),
        "links": sharing.links_of(standing, tracker),
        "message": sharing.text_of(standing, tracker),
    }
    return page(request, "trackers/receipt.html", context)


@require_safe
@book_page(access.READ, access.POST)
def on_paper(request, book, number):
    """The receipt for an 80 mm roll, in the customer's language; ?pdf=1 as a PDF of that width."""
    standing, tracker = the_receipt(request, book, number)
    with translation.override(tracker.customer.language):
        return paper_of(request, standing, tracker, as_pdf=bool(request.GET.get("pdf")))


def paper_of(request, standing, tracker, *, as_pdf):
    """The receipt as a page to print or, `as_pdf`, as a file (the page where no PDF can be made), in the language in use."""
    context = {
        "standing": standing,
        "tracker": tracker,
        "mode": mode_word(mode_of(standing, tracker)),
        "code": sharing.code_of(standing),
        "language": translation.get_language(),
    }
    name = f"receipt-{standing.number}" if as_pdf else None
    return paper.answer(request, "portal/receipt_paper.html", context, name, stylesheet="receipt.css")


def mode_of(standing, tracker):
    """How it was paid, as its ledger entry says now; "" where the payment was taken back."""
    entry = posting.live_payment(tracker, standing.payment)
    return entry.payment_mode if entry and not standing.is_cancelled else ""
