"""A tracker's life: opened, its terms changed, closed, reopened, renewed, duplicated for a new period."""

from datetime import timedelta

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from ledger import shortfall
from ledger.daybook import ClosedDay
from shop import access
from shop.money import ZERO, rupees
from shop.pages import book_page, page
from shop.questions import Unanswered, accepted_in, shown
from trackers import handed_over, posted, posting, services
from trackers.collect.collection import REFUSALS, words
from trackers.forms import CloseForm, OpenForm, TermsForm
from trackers.models import Customer, Tracker
from trackers.views.tracker import the_tracker

_COPIED = ("tracker_type", "investment", "scheme_period", "per_day_payment", "strategy", "enhanced_count")


def _opened_already(request, book):
    """The tracker that this form has opened before, if it was sent twice."""
    uid = request.POST.get("uid", "")
    try:
        return Tracker.objects.filter(book=book, uid=uid).first() if uid else None
    except (ValueError, TypeError, *REFUSALS):
        return None


def _watch(request, book):
    """What looks for cash that cannot be there, and knows what this form's button said yes to."""
    return shortfall.watch(book, user=request.user, accepted=accepted_in(request.POST))


def _asking(request, doubts):
    """What the form's template wants beside its questions: the ticks and the answers that were given before."""
    ticked = ["adjust"] if request.POST.get("adjust") else []
    return {"ticked": ticked, "accepts": request.POST.get("accepted", ""), **doubts}


def _answer_form(request, book, form, do, context):
    """Run `do(adjust)` for a form that holds; a question, a refusal or a closed day shows at the form."""
    asks, doubts = [], {}
    if form.is_bound and form.is_valid():
        try:
            made, said = do(bool(request.POST.get("adjust")))
        except Unanswered as unanswered:
            doubts = shown(unanswered, request.POST)
        except ClosedDay as closed:
            asks = [("adjust", f"{words(closed)} Tick to post on {closed.first_open_date:%d-%m-%Y}.")]
        except REFUSALS as error:
            for name, faults in getattr(error, "error_dict", {None: [words(error)]}).items():
                form.add_error(name if name in form.fields else None, faults)
        else:
            messages.success(request, said)
            return redirect("trackers:tracker", book.slug, made.pk)
    context = {"title": "", "form": form, "asks": asks, **_asking(request, doubts), **context}
    return page(request, "trackers/form.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@book_page(access.CLOSE)
def open_tracker(request, book):
    """A new tracker; ?customer= names whose, ?like= another one to take the terms of."""
    if already := _opened_already(request, book):
        return redirect("trackers:tracker", book.slug, already.pk)
    initial, like = {"start_date": f"{book.today():%d-%m-%Y}"}, None
    if request.GET.get("customer"):
        customer = access.get_visible(Customer, request.user, book, pk=request.GET["customer"])
        initial["customer"] = customer.pk
    if request.GET.get("like"):
        like = access.get_visible(Tracker, request.user, book, pk=request.GET["like"])
        initial |= {name: getattr(like, name) for name in (*_COPIED, "tracker_name", "disbursed_amount")}
        after = max(like.terms.ends_on, like.closed_on or like.start_date) + timedelta(days=1)
        initial |= {"customer": like.customer_id, "start_date": f"{after:%d-%m-%Y}"}
    form = OpenForm(request.POST or None, initial=initial, book=book, user=request.user)

    def do(adjust):
        watch = _watch(request, book)
        made = services.open_tracker(user=request.user, adjust=adjust, also=lambda made: watch.look(), **form.values())
        entry = posting.disbursement_of(made)
        where = f"Handed over: {posted.words([entry])}." if entry else handed_over.words(made)
        return made, f"{made} is open, with its workbook {made.filename}. {where}"

    title = f"{like} once more, for a new period" if like else "Open a tracker"
    context = {"heading": title, "verb": "Open", "defaults": OpenForm.defaults(), "tracker": like}
    return _answer_form(request, book, form, do, context)


@require_http_methods(["GET", "HEAD", "POST"])
@book_page(access.CLOSE)
def renew(request, book, pk):
    """Settle what is owed out of a new tracker of the same customer."""
    row = the_tracker(request, book, pk)
    if already := _opened_already(request, book):
        return redirect("trackers:tracker", book.slug, already.pk)
    initial = {name: getattr(row, name) for name in (*_COPIED, "tracker_name")}
    initial |= {"start_date": f"{book.today():%d-%m-%Y}", "post_disbursement": True}
    form = OpenForm(request.POST or None, initial=initial, book=book, user=request.user, customer=row.customer)

    def do(adjust):
        values = form.values()
        values.pop("customer")
        watch = _watch(request, book)
        made = services.renew(row, user=request.user, adjust=adjust, also=lambda made: watch.look(), **values)
        return made, f"{row} is settled out of {made}, which is open."

    owed = rupees(row.standing().outstanding, "₹")
    note = f"{owed} is still to pay on {row}. It is paid off out of the new one on the day it is given."
    context = {"heading": f"Renew {row}", "verb": "Renew", "note": note, "tracker": row}
    return _answer_form(request, book, form, do, context)


@require_http_methods(["GET", "HEAD", "POST"])
@book_page(access.CLOSE)
def terms(request, book, pk):
    """Change the terms; the workbook follows, and a moved start date moves every day."""
    row = the_tracker(request, book, pk)
    names = [*_COPIED[1:], "tracker_name", "disbursed_amount"]
    initial = {name: getattr(row, name) for name in names} | {"start_date": f"{row.start_date:%d-%m-%Y}"}
    form = TermsForm(request.POST or None, initial=initial, tracker=row)

    def do(adjust):
        watch = _watch(request, book)
        services.edit_terms(row, user=request.user, adjust=adjust, also=watch.look, **form.cleaned_data)
        return row, "The terms are changed, in the workbook too."

    note = "Moving the day it was given moves every recorded day with it." if row.days_paid else ""
    return _answer_form(
        request, book, form, do, {"heading": f"Terms of {row}", "verb": "Save", "tracker": row, "note": note}
    )


@require_http_methods(["GET", "HEAD", "POST"])
@book_page(access.CLOSE)
def close(request, book, pk):
    """Close as paid, settled or written off; its workbook and entries stay."""
    row = the_tracker(request, book, pk)
    owed = row.standing().outstanding
    initial = {"closing": Tracker.Closing.SETTLED if owed else Tracker.Closing.PAID}
    form = CloseForm(request.POST or None, initial=initial)

    def do(adjust):
        values = form.cleaned_data
        closed = services.close_tracker(
            row, closing=values["closing"], on=values["on"], waived_amount=values["waived_amount"] or ZERO,
            user=request.user,
        )  # fmt: skip
        return closed, f"{row} is closed: {closed.get_closing_display().lower()}."

    note = f"{rupees(owed, '₹')} is still to pay." if owed else "All is paid."
    return _answer_form(
        request, book, form, do, {"heading": f"Close {row}", "verb": "Close", "tracker": row, "note": note}
    )


@require_POST
@book_page(access.CLOSE)
def post_disbursement(request, book, pk):
    """Post what was handed over, of a tracker that was opened without. Sent twice it is posted once."""
    row = the_tracker(request, book, pk)
    accepted, adjust = accepted_in(request.POST), bool(request.POST.get("adjust"))
    try:
        with shortfall.watched(book, user=request.user, accepted=accepted):
            entry = handed_over.post_later(row, user=request.user, adjust=adjust)
    except Unanswered as unanswered:
        context = {"heading": f"Post what was handed over on {row}", "verb": "", "tracker": row, "form": forms.Form()}
        context |= {"title": "", **_asking(request, shown(unanswered, request.POST))}
        return page(request, "trackers/form.html", context, status=422)
    except ValidationError as error:
        messages.error(request, f"Nothing was posted. {words(error)}")
    else:
        messages.success(request, f"Handed over: {posted.words([entry])}, on {entry.date:%d-%m-%Y}.")
    return redirect("trackers:tracker", book.slug, row.pk)


@require_POST
@book_page(access.CLOSE)
def reopen(request, book, pk):
    """Open a closed tracker again. Sent twice it is open once."""
    row = the_tracker(request, book, pk)
    try:
        services.reopen_tracker(row, user=request.user)
    except ValidationError as error:
        messages.error(request, words(error))
    else:
        messages.success(request, f"{row} runs again.")
    return redirect("trackers:tracker", book.slug, row.pk)
