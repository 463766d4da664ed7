"""The collection sheet, the page of the day: typed down the column, kept as drafts at once, saved together.

Wrong figures mark their row and hold nothing else up. The form carries a token, so that pressing Save twice saves
once; many rows are saved by the worker as a job, with a page that shows how far it is.
"""

import uuid
from datetime import timedelta
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from ledger.daybook import ClosedDay, account_balances
from ledger.models import Account
from ledger.payment_modes import CASH, NAMES, find_mode, unknown_mode
from ledger.views.day_book import refused
from shop import access, jobs, paper
from shop.dates import parse_date
from shop.downloads import table_response
from shop.models import Job, Role
from shop.money import ZERO, parse_money
from shop.pages import book_page, page
from shop.views.imports import is_busy, progress_words
from trackers import posted, posting, tasks
from trackers.collect import collection, sheet
from trackers.models import Approval, CollectionSave, Tracker

QUICK_ROWS = 100  # so few are saved within the request: nobody waits for the worker


def first_open_day(book):
    """The first day that is not closed, today in a book that was never closed; it may lie in the future."""
    return book.closed_through + timedelta(days=1) if book.closed_through else book.today()


def unclosed_day(book):
    """The earliest day before today that still waits to be closed; None where every one is, or none ever was."""
    return first_open_day(book) if first_open_day(book) < book.today() else None


def _asked_day(book, asked):
    """The day the sheet is asked for; without one it opens today, whatever was closed."""
    return parse_date(asked["date"]) if asked.get("date") else book.today()


def sheet_address(book, on, filters=None, **more):
    """Where the sheet of a day is, narrowed as before."""
    asked = {"date": on.isoformat(), **(filters.address() if filters else {}), **more}
    return f"{reverse('trackers:collect', args=[book.slug])}?{urlencode(asked)}"


@require_safe
@book_page(access.POST)
def collect(request, book):
    """The sheet of ?date=, today without, with the drafts of the person and, after a save, its report."""
    try:
        on = _asked_day(book, request.GET)
    except ValidationError as error:
        return refused(request, error)
    filters = sheet.Filters.read(request.GET)
    rows = sheet.rows(book, request.user, on, filters)
    sheet.restore(rows, book, request.user, on)
    saved = _saved(request, book, request.GET["saved"]) if request.GET.get("saved") else None
    if saved:
        _mark(rows, saved)
    return _page(request, book, on, filters, rows, saved=saved)


def _page(request, book, on, filters, rows, *, saved=None, token="", asks=(), status=200):
    agents, routes = sheet.choices(book, request.user)
    is_agent = access.role_in(request.user, book) == Role.AGENT
    filled = [row for row in rows if row.is_filled]
    context = {
        "title": "",
        "date": on,
        "before": on - timedelta(days=1),
        "after": on + timedelta(days=1),
        "rows": rows,
        "filters": filters,
        "is_narrowed": bool(filters.address()),
        "agents": [] if is_agent else [(str(pk), name) for pk, name in agents],
        "routes": routes,
        "modes": NAMES,
        "is_closed": book.is_closed_on(on),
        "closed_through": book.closed_through,
        "today": book.today(),
        "days_ago": (book.today() - on).days,
        "unclosed": unclosed_day(book),
        "is_future": on > book.today(),
        "may_adjust": access.may(request.user, book, access.CLOSE),
        "asks": asks,
        "token": token or uuid.uuid4().hex,
        "filled": len(filled),
        "filled_sum": sum((row.held["paid"] for row in filled), ZERO),
        "due_count": sum(1 for row in rows if row.due),
        "due_sum": sum((row.due for row in rows), ZERO),
        "needs_approval": collection.asks_for_approval(book, request.user),
        "waiting": _waiting_count(request.user, book),
        "saved": saved,
        "most": sheet.MOST_ROWS if len(rows) == sheet.MOST_ROWS else 0,
        "has_trackers": bool(rows) or access.visible(Tracker, request.user, book).exists(),
        "narrowing": urlencode(filters.address()),
    }
    return page(request, "trackers/collect.html", context, status=status)


def _waiting_count(user, book):
    waiting = access.visible(Approval, user, book).filter(state=Approval.State.WAITING)
    return waiting.count()


# ------------------------------------------------------------------------------------------------ drafts


@require_POST
@book_page(access.POST)
def draft(request, book):
    """Keep one typed row: POST tracker, date, paid, mode, note, how. Answers JSON; sent twice it is kept once."""
    sent = request.POST
    try:
        on = parse_date(sent.get("date", ""))
        tracker = access.get_visible(Tracker, request.user, book, pk=sent.get("tracker", ""))
        text = sent.get("paid", "").strip()
        amount = parse_money(text) if text else None
        if amount is not None and amount < 0:
            raise ValidationError("An amount is never below 0. 0 means: came, and paid nothing.")
        mode = find_mode(sent["mode"]) if sent.get("mode") else CASH
        if mode is None:
            raise ValidationError(unknown_mode(sent["mode"]))
        note, is_added = sent.get("note", ""), sent.get("how") == sheet.ADD
        collection.save_draft(tracker, on, user=request.user, amount=amount, mode=mode, note=note, add=is_added)
    except ValidationError as error:
        return JsonResponse({"error": collection.words(error)}, status=422)
    return JsonResponse({"kept": f"{timezone.localtime():%H:%M:%S}"})


# ------------------------------------------------------------------------------------------------ saving


@require_POST
@book_page(access.POST)
def save(request, book):
    """Save what was typed. A day that is closed or has not come asks first; what cannot be read is told at its row."""
    sent = request.POST
    try:
        on = parse_date(sent.get("date", ""))
        token = uuid.UUID(sent.get("token", "")).hex
    except (ValidationError, ValueError):
        return refused(request, ValidationError("This page has grown old. Open the sheet again; drafts are kept."))
    filters = sheet.Filters.read(sent)
    if CollectionSave.objects.filter(token=token, book=book).exists():
        return redirect(sheet_address(book, on, filters, saved=token))
    pks = sheet.typed_pks(sent)
    rows = sheet.rows(book, request.user, on, pks=pks)
    if len(rows) < len(set(pks)):
        raise Http404("There is no such tracker here.")
    sheet.take_typed(rows, sent)
    good, wrong = sheet.split(rows)
    asks = _questions(request, book, on, sent)
    if asks or not good:
        if not asks and not wrong:
            messages.info(request, "Nothing was typed yet.")
        whole = sheet.rows(book, request.user, on, filters)
        judged = {row.pk: row for row in rows}
        sheet.take_typed(whole, sent)
        for row in whole:
            if row.pk in judged:
                row.fault, row.ask = judged[row.pk].fault or row.fault, judged[row.pk].ask
                row.typed = judged[row.pk].typed
        return _page(request, book, on, filters, whole, token=token, asks=asks, status=422)
    adjust = book.is_closed_on(on)
    if len(good) > QUICK_ROWS and access.may(request.user, book, access.READ) and jobs.is_worker_alive():
        job = tasks.start_save(book, on, good, wrong, user=request.user, token=token, adjust=adjust)
        return redirect("trackers:saving", book.slug, job.pk)
    try:
        collection.record_payments(book, on, good, user=request.user, token=token, adjust=adjust, refused=wrong)
    except collection.REFUSALS as error:
        messages.error(request, f"Nothing was saved. {collection.words(error)} What you typed is kept as drafts.")
        _keep(request.user, on, rows, good)
        return redirect(sheet_address(book, on, filters))
    return redirect(sheet_address(book, on, filters, saved=token))


def _questions(request, book, on, sent):
    """[(name of the tick, sentence)] that must be answered before this day can be saved."""
    asks = []
    if book.is_closed_on(on) and not collection.asks_for_approval(book, request.user):
        first = first_open_day(book)
        if not access.may(request.user, book, access.CLOSE):
            there = f"Collect on {first:%d-%m-%Y}, or ask the office to adjust." if first <= book.today() else (
                "Ask the office to reopen it, or to save it as an adjustment.")  # fmt: skip
            asks.append(("", f"{on:%d-%m-%Y} is closed. {there}"))
        elif not sent.get("adjust"):
            sentence = f"{on:%d-%m-%Y} is closed: post to the books on {first:%d-%m-%Y}, as adjustments."
            asks.append(("adjust", sentence))
    if on > book.today() and not sent.get("future"):
        asks.append(("future", f"{on:%d-%m-%Y} has not come yet; it was really paid for that day."))
    return asks


def _keep(user, on, rows, good):
    """Drafts of rows that could not be saved, also where no JavaScript kept them."""
    by_pk = {row.pk: row.tracker for row in rows}
    for one in good:
        collection.save_draft(
            by_pk[one.tracker_id], on, user=user, amount=one.amount, mode=one.mode, note=one.note, add=one.add
        )


def _saved(request, book, token):
    """The save of a token with what its report says, or None: a token of somebody else's shows nothing."""
    save = access.visible(CollectionSave, request.user, book).filter(token=token[:64]).first()
    if save is None:
        return None
    report = save.result.get("rows", [])
    done = [line for line in report if line["ok"]]
    save.report, save.done = report, done
    save.failed = [line for line in report if not line["ok"]]
    save.amount = sum((parse_money(line["amount"]) for line in done), ZERO)
    save.where = posted.in_words(one for line in done for one in line.get("posted", ()))
    save.may_undo = bool(done) and not save.result.get("undone") and not save.result.get("asked")
    return save


def _mark(rows, saved):
    """Show at its row what the save could not take."""
    failed = {line["tracker"]: line for line in saved.failed}
    for row in rows:
        line = failed.get(row.pk)
        if line and not saved.result.get("undone"):
            row.typed = line.get("typed") or row.typed or line["amount"]
            row.mode, row.note = line.get("mode") or row.mode, line.get("note") or row.note
            row.how = line.get("how") or row.how
            row.fault, row.ask = ("", line["message"]) if line.get("asks") else (line["message"], "")


@require_safe
@book_page(access.POST)
def saving(request, book, pk):
    """A save that the worker does: how far it is; then the sheet with its report."""
    job = access.get_visible(Job.objects.select_related("book"), request.user, book, pk=pk, kind=tasks.SAVE_KIND)
    save = CollectionSave.objects.filter(job=job).first()
    if job.is_over and save:
        return redirect(sheet_address(book, save.date, saved=save.token))
    context = {
        "title": job.title,
        "job": job,
        "busy": is_busy(job),
        "progress": progress_words(job),
        "sentence": job.error,
        "waited_long": False,
    }
    return page(request, "shop/job.html", context)


@require_POST
@book_page(access.POST)
def undo(request, book, token):
    """Put the days of one save back as they were; what was changed since stays and is named."""
    save = access.get_visible(CollectionSave, request.user, book, token=token)
    may_adjust = access.may(request.user, book, access.CLOSE)
    try:
        undone = collection.undo_save(save, user=request.user, adjust=may_adjust)
    except (*collection.REFUSALS, ClosedDay) as error:
        messages.error(request, f"Nothing was undone. {collection.words(error)}")
    else:
        messages.success(request, f"{undone.put_back} put back as before.")
        for sentence in undone.left[:20]:
            messages.warning(request, sentence)
    return redirect(sheet_address(book, save.date))


# ------------------------------------------------------------------------------------------------ on paper, offline


@require_safe
@book_page(access.POST)
def on_paper(request, book):
    """The sheet to print and fill in by hand."""
    return _taken_away(request, book, lambda on, rows: paper.answer(
        request, "trackers/collect_paper.html", {"book": book, "date": on, "rows": rows}
    ))  # fmt: skip


@require_safe
@book_page(access.POST)
def as_file(request, book, kind):
    """The sheet as CSV or XLSX to fill in offline; the import of payments reads it back."""
    if kind not in ("csv", "xlsx"):
        raise Http404
    headers = ["tracker", "customer", "tracker_name", "date", "due", "behind", "amount", "mode", "notes"]

    def answer(on, rows):
        blank = ("", "", "")
        lines = (
            (row.tracker.filename, row.tracker.customer.name, row.tracker.tracker_name, on, row.due, row.behind, *blank)
            for row in rows
        )
        return table_response(f"{book.slug}-collect-{on}", headers, lines, kind)

    return _taken_away(request, book, answer)


def _taken_away(request, book, answer):
    try:
        on = _asked_day(book, request.GET)
    except ValidationError as error:
        return refused(request, error)
    return answer(on, sheet.rows(book, request.user, on, sheet.Filters.read(request.GET)))


# ------------------------------------------------------------------------------------------------ an agent's own view


@require_safe
@book_page(access.POST)
def mine(request, book):
    """What an agent carries: his cash in the books, and what waits for approval on top of it."""
    accounts = access.visible(Account, request.user, book).filter(is_active=True)
    balances = account_balances(book, book.today())
    asked = access.visible(Approval, request.user, book).select_related("tracker__customer")
    waiting = list(asked.filter(state=Approval.State.WAITING))
    cash = sum((row.amount for row in waiting if row.mode == CASH), ZERO)
    carried = sum((balances.get(account.pk, ZERO) for account in accounts if account.agent_id == request.user.pk), ZERO)
    context = {
        "title": "My collections",
        "carried": carried,
        "waiting": waiting,
        "waiting_cash": cash,
        "waiting_sum": sum((row.amount for row in waiting), ZERO),
        "in_hand": carried + cash,
        "decided": asked.exclude(state=Approval.State.WAITING)[:50],
        "needs_approval": posting.settings_of(book).agents_need_approval,
    }
    return page(request, "trackers/mine.html", context)
