"""One day of a tracker: recorded, corrected, cleared, or its payment moved to another tracker."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from ledger import shortfall
from ledger.daybook import ClosedDay
from ledger.payment_modes import CASH
from shop import access, faults
from shop.money import rupees
from shop.pages import book_page, page
from shop.questions import Unanswered, accepted_in, shown
from trackers import posted, posting, receipts, services, slips, store
from trackers.collect import collection
from trackers.collect.collection import REFUSALS, words
from trackers.collect.sheet import Filters
from trackers.forms import DayForm
from trackers.models import Draft, Tracker
from trackers.schedule import MAX_DAY
from trackers.views.tracker import readable, the_tracker
from trackers.workbook.layouts import LAYOUTS

OFFERED = 20


@require_http_methods(["GET", "HEAD", "POST"])
@book_page(access.CLOSE)
def day(request, book, pk, number):
    """A future day and a closed one ask first; what could not be written is kept as a draft and offered again."""
    row = the_tracker(request, book, pk)
    if number > MAX_DAY:
        raise Http404
    contents, fault = readable(row)
    held = dict(contents.days.get(number, {})) if contents else {}
    on = row.terms.date_of(number)
    draft = Draft.objects.filter(tracker=row, date=on, saved_by=request.user).first()
    form = _form(request, row, held, draft, contents)
    asks, doubts = [], {}
    if request.method == "POST" and form.is_valid():
        asks = _questions(request, book, on, form)
        if not asks:
            try:
                return _record(request, row, number, on, form)
            except Unanswered as unanswered:
                doubts = {**shown(unanswered, request.POST), "yes": _yes_to(unanswered)}
            except ClosedDay as closed:
                asks = [("adjust", f"{closed.messages[0].split('. Post')[0]}. Post it on "
                         f"{closed.first_open_date:%d-%m-%Y} as an adjustment; the tracker keeps {on:%d-%m-%Y}.")]  # fmt: skip
            except store.StoreError as error:
                _keep(request, row, on, form)
                messages.error(request, f"{error} What you typed is kept as a draft.")
                return redirect("trackers:tracker", book.slug, row.pk)
            except REFUSALS as error:
                form.add_error(None, words(error))
                if getattr(error, "code", "") == "meanwhile":
                    form.data = form.data.copy()
                    form.data["seen"] = Tracker.objects.values_list("version", flat=True).get(pk=row.pk)
    context = {
        "title": "",
        "tracker": row,
        "number": number,
        "date": on,
        "before": number - 1 if number else None,
        "after": number + 1 if number < MAX_DAY else None,
        "form": form,
        "asks": asks,
        "ticked": [name for name in ("adjust", "future") if request.POST.get(name)],
        "accepts": request.POST.get("accepted", ""),
        **doubts,
        "held": held,
        "fault": fault,
        "frozen": [*faults.concerning(book, faults.TRACKER, row.pk), *faults.concerning_day(book, on)],
        "draft": draft,
        "is_skipped": row.terms.is_skipped(number),
        "parts": sorted(posting.parts_of(row, number).items()),
        "receipts": receipts.of_day(row, number),
        "opened_by": store.opened_by(row),
    }
    return page(request, "trackers/day.html", context, status=422 if request.method == "POST" else 200)


def _form(request, row, held, draft, contents):
    layout = LAYOUTS[row.tracker_type]
    if request.method == "POST":
        return DayForm(request.POST, layout=layout)
    initial = {**held, "seen": contents.version if contents else row.version}
    if draft:
        initial |= {"paid": draft.amount, "mode": draft.mode, "notes": draft.note}
    return DayForm(initial=initial, layout=layout)


def _questions(request, book, on, form):
    """[(name of the tick, sentence)] that must be answered first."""
    if on > book.today() and form.cleaned_data.get("paid") is not None and not request.POST.get("future"):
        return [("future", f"{on:%d-%m-%Y} has not come yet; it was really paid for that day.")]
    return []


def _yes_to(unanswered):
    """What the button says: of an amount that looks like a slip that it was paid, of cash below zero what it does."""
    is_slip = any(question.key.startswith(slips.KEY) for question in unanswered.questions)
    return "Yes, that was paid" if is_slip else "Yes, save it"


def _record(request, row, number, on, form):
    values, accepted = form.values(), accepted_in(request.POST)
    watch = shortfall.watch(row.book, user=request.user, accepted=accepted)
    change = services.record_payment(
        row, number, user=request.user, clear=True, adjust=bool(request.POST.get("adjust")),
        seen=form.cleaned_data["seen"], accepted=accepted, also=watch.look, **values,
    )  # fmt: skip
    Draft.objects.filter(tracker=row, date=on, saved_by=request.user).delete()
    paid = values.get("paid")
    said = f"{rupees(paid)} recorded" if paid is not None else "Cleared" if not any(values.values()) else "Recorded"
    where = posted.words(posted.of_changes(row.book, change.days))
    messages.success(request, f"Day {number}, {on:%d-%m-%Y}: {said}{f', {where}' if where else ''}.")
    return redirect("trackers:tracker", row.book.slug, row.pk)


def _keep(request, row, on, form):
    """The typed payment as a draft, where the workbook could not be written."""
    values = form.values()
    collection.save_draft(
        row, on, user=request.user, amount=values.get("paid"), mode=values.get("mode") or CASH,
        note=values.get("notes") or "",
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@book_page(access.CLOSE)
def move(request, book, pk, number):
    """Move the payment of a day to another tracker: ?q= finds it, POST into= moves, on the same date."""
    row = the_tracker(request, book, pk)
    contents, fault = readable(row)
    held = contents.days.get(number, {}) if contents else {}
    on = row.terms.date_of(min(number, MAX_DAY))
    asks = []
    if not fault and not held.get("paid"):
        messages.error(request, f"Nothing was paid on {on:%d-%m-%Y}, so there is nothing to move.")
        return redirect("trackers:tracker", book.slug, row.pk)
    if request.method == "POST":
        into = access.get_visible(Tracker, request.user, book, pk=request.POST.get("into", ""))
        try:
            services.move_payment(
                row, number, into, into.terms.day_of(on), user=request.user, adjust=bool(request.POST.get("adjust"))
            )
        except ClosedDay as closed:
            asks = [("adjust", f"{on:%d-%m-%Y} is closed: post the move on {closed.first_open_date:%d-%m-%Y}.", into)]
        except REFUSALS as error:
            messages.error(request, f"Nothing was moved. {words(error)}")
            return redirect("trackers:move", book.slug, row.pk, number)
        else:
            messages.success(request, f"{rupees(held['paid'])} of {on:%d-%m-%Y} moved to {into}.")
            return redirect("trackers:tracker", book.slug, row.pk)
    context = {
        "title": "",
        "tracker": row,
        "number": number,
        "date": on,
        "held": held,
        "fault": fault,
        "frozen": faults.concerning(book, faults.TRACKER, row.pk),
        "asks": asks,
        "q": request.GET.get("q", "")[:60],
        "offered": _offered(request, book, row),
    }
    return page(request, "trackers/move.html", context)


def _offered(request, book, row):
    """Other running trackers: those that fit what was asked for, else the same customer's."""
    others = access.visible(Tracker, request.user, book).filter(is_active=True).exclude(pk=row.pk)
    filters = Filters.read({"q": request.GET.get("q", "")})
    others = filters.narrow(others) if filters.q else others.filter(customer=row.customer_id)
    return list(others.select_related("customer")[:OFFERED])
