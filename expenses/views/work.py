"""Pages of the expenses' long work: how far it is, what came of it; asking the LLM and judging its answers; learning."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from expenses import work
from expenses.tagging import corrections
from expenses.views.knowledge import ANSWERS
from ledger import services as ledger
from shop import access
from shop.models import Job
from shop.pages import book_page, page
from shop.views.imports import is_busy, waiting


@book_page(access.CLOSE)
@require_GET
def job(request, book, pk):
    """A job of the expenses: its progress, or its end."""
    one = access.get_visible(Job.objects.select_related("book"), request.user, book, pk=pk)
    if one.kind not in (work.POST, work.ASK, work.LEARN):
        raise Http404
    context = {"title": one.title, "job": one, "busy": is_busy(one), **waiting(one)}
    return page(request, "expenses/work.html", context)


@book_page(access.CLOSE)
@require_POST
def ask(request, book):
    """Ask the LLM about the payees not placed, in the background."""
    try:
        queued = work.ask(book, user=request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("expenses:payees", book.slug)
    if queued is None:
        messages.info(request, "Every payee is placed, or was asked about already.")
        return redirect("expenses:payees", book.slug)
    return redirect("expenses:work", book.slug, queued.pk)


@book_page(access.MANAGE)
@require_POST
def ask_at_imports(request, book):
    """Switch asking after every import on or off."""
    chosen = work.settings_of(book)
    chosen.asks_llm = request.POST.get("asks_llm") == "1"
    try:
        chosen.full_clean()
        ledger.save(chosen, request.user, "LLM", fields=["asks_llm"])
        messages.success(
            request, "Every import asks from now on." if chosen.asks_llm else "Imports do not ask any more."
        )
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("expenses:payees", book.slug)


@book_page(access.CLOSE)
@require_POST
def judge(request, book):
    """Confirm or reject the LLM's answers: one, or all that the page showed."""
    answers = work.answers_of(book).select_related("tag", "book").order_by("pk")
    what, _, one = request.POST.get("do", "").partition(":")
    if one:
        answers = answers.filter(pk=int(one) if one.isascii() and one.isdigit() and len(one) < 19 else 0)
    answers = list(answers[:ANSWERS])
    act = {"confirm": corrections.confirm_answers, "reject": corrections.reject_answers}.get(what)
    if not answers or act is None:
        messages.info(request, "There is nothing to confirm any more.")
    else:
        done = act(answers, user=request.user)
        messages.success(request, f"{done.row.words if done.row else 'Nothing changed'}.")
    return redirect("expenses:payees", book.slug)


@book_page(access.CLOSE)
@require_POST
def learn(request, book):
    """Learn from what was settled, in the background."""
    return redirect("expenses:work", book.slug, work.learn(book, user=request.user).pk)
