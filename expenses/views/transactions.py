"""The grid: look, correct in place, split, take corrections back. A correction is for the row, its payee, or its rule."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Count
from django.db.transaction import atomic
from django.http import Http404, HttpResponseRedirect, JsonResponse, QueryDict
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from expenses.books import links, posting
from expenses.models import Correction, DecidedBy, Tag, Transaction
from expenses.overview.selection import SelectionForm, read, totals
from expenses.tagging import corrections, placing
from expenses.tagging.narration import is_own_id
from ledger.models import AccountTransfer, LedgerEntry
from shop import access, faults
from shop.admin.base import history_steps
from shop.downloads import table_response
from shop.money import parse_money, rupees
from shop.pages import book_page, page

ROWS = 100
TICKED_AT_ONCE, SELECTED_AT_ONCE = 1000, 5000
SPLIT_LINES = 4
CORRECTIONS = 100
# (heading, class, the orders it switches between)
HEADS = (
    ("Date", "", ("newest", "oldest")),
    ("Payee", "", ("payee", "payee_down")),
    ("Narration", "", ()),
    ("Tag", "", ("tag", "tag_down")),
    ("Why", "", ()),
    ("Debit", "column-amount", ("largest", "smallest")),
    ("Credit", "column-amount", ()),
    ("Day book", "", ()),
)


class Counted(Paginator):
    """Pages of rows that were counted together with their sums."""

    def __init__(self, rows, per_page, count):
        super().__init__(rows, per_page)
        self._count = count

    @cached_property
    def count(self):
        return self._count


@book_page()
@require_GET
def transactions(request, book):
    """The grid, narrowed; ?format=csv|xlsx takes the selection away, ?edit=<pk> opens a row's correction."""
    form = SelectionForm(request.GET, book=book, user=request.user)
    rows = form.rows()
    if request.GET.get("format") in ("csv", "xlsx"):
        return _file(rows, request.GET["format"])
    sums = totals(rows)
    shown = Counted(rows, ROWS, sums.count).get_page(request.GET.get("page"))
    shown.object_list = read(shown.object_list)
    query = request.GET.copy()
    for name in ("page", "edit"):
        query.pop(name, None)
    context = {
        "title": "Transactions",
        "form": form,
        "rows": shown,
        "totals": sums,
        "tags": _tags(book),
        "query": query.urlencode(),
        "heads": list(_heads(query, form.order_asked)),
        "last": corrections.last_of(book),
        "limit": SELECTED_AT_ONCE,
        "asks_about_tbd": request.GET.get("tag") == "tbd",
        **_about(request, book, shown.object_list),
    }
    edited = request.GET.get("edit", "")
    context["edited"] = next((one for one in shown if str(one.pk) == edited and context["may_post"]), None)
    return page(request, "expenses/transactions.html", context)


def _tags(book):
    return [tag for tag in placing.tags_of(book) if tag.is_active]


def _heads(query, order):
    """[(heading, class, address that sorts by it, arrow)]."""
    for label, css, orders in HEADS:
        if not orders:
            yield label, css, "", ""
            continue
        asked = query.copy()
        asked["order"] = orders[1] if order == orders[0] else orders[0]
        arrow = {
            orders[0]: "↑" if label in ("Payee", "Tag") else "↓",
            orders[1]: "↓" if label in ("Payee", "Tag") else "↑",
        }
        yield label, css, f"?{asked.urlencode()}", arrow.get(order, "")


def _about(request, book, rows):
    """What rows of the grid say beside their own fields; each row learns how many its payee and its rule have."""
    rows = list(rows)
    debits = Transaction.objects.filter(book=book, debit_amount__isnull=False).order_by()
    products = {one.product for one in rows if one.product}
    payees = dict(debits.filter(product__in=products).values_list("product").annotate(Count("pk")))
    ruled = {(one.tag_id, one.why) for one in rows if one.decided_by == DecidedBy.RULE}
    placed = debits.filter(
        decided_by=DecidedBy.RULE, tag__in={tag for tag, _ in ruled}, why__in={why for _, why in ruled}
    )
    rules = dict(placed.values_list("why").annotate(Count("pk"))) if ruled else {}
    for one in rows:
        one.payee_count = payees.get(one.product, 0)
        one.rule_count = rules.get(one.why, 0) if one.decided_by == DecidedBy.RULE else 0
    return {"may_post": access.may(request.user, book, access.CLOSE)}


def _file(rows, kind):
    headers = (
        "date", "account", "narration", "payee", "mode", "tag", "decided by", "sure %", "debit", "credit", "posted",
    )  # fmt: skip
    lines = (
        (
            one.transaction_date, one.account.name, one.narration, one.product, one.mode,
            one.tag.name if one.tag_id else "", one.get_decided_by_display(), one.confidence,
            one.debit_amount, one.credit_amount, "yes" if one.is_posted else "no",
        )
        for one in rows.iterator(chunk_size=2000)
    )  # fmt: skip
    return table_response("transactions", headers, lines, kind)


def back_address(request, book):
    """The grid as it was, whatever else a form says."""
    where = request.POST.get("back", "")
    grid = reverse("expenses:transactions", args=(book.slug,))
    return where if where.startswith(grid) and url_has_allowed_host_and_scheme(where, None) else grid


def back(request, book):
    return HttpResponseRedirect(back_address(request, book))


def chosen(request, book):
    """The visible transactions that were ticked, or all of the selection. Raises ValidationError for none or too many."""
    related = ("tag", "book", "account")
    if request.POST.get("every") == "1":
        form = SelectionForm(QueryDict(request.POST.get("query", "")), book=book, user=request.user)
        rows = list(form.rows().select_related(*related)[: SELECTED_AT_ONCE + 1])
        if len(rows) > SELECTED_AT_ONCE:
            raise ValidationError(f"More than {SELECTED_AT_ONCE:,} rows fit; narrow the list first.")
        return rows
    ids = [pk for pk in request.POST.getlist("row") if pk.isascii() and pk.isdigit() and len(pk) < 19]
    if not ids:
        raise ValidationError("Tick the rows first.")
    if len(ids) > TICKED_AT_ONCE:
        raise ValidationError(f"{len(ids)} rows at once are too many; {TICKED_AT_ONCE} is the limit.")
    return list(access.visible(Transaction, request.user, book).filter(pk__in=ids).select_related(*related))


def _tag(request, book, name="tag"):
    pk = request.POST.get(name, "")
    if not (pk.isascii() and pk.isdigit()):
        raise ValidationError("Choose a tag.")
    return access.get_visible(Tag, request.user, book, pk=pk)


@book_page(access.CLOSE)
@require_POST
def tag_many(request, book):
    """Tag what was ticked, or confirm its tags: these rows, or all of their payees from now on. One correction."""
    try:
        rows = [one for one in chosen(request, book) if one.debit_amount is not None]
        if not rows:
            raise ValidationError("Only debits have a tag; tick some.")
        scope = corrections.PAYEE if request.POST.get("whole_payee") == "1" else corrections.ROW
        if request.POST.get("do") == "confirm":
            done = corrections.confirm(rows, scope=scope, user=request.user)
            messages.success(request, f"{done.words}." if done.row else "They were confirmed before.")
        else:
            tag = _tag(request, book)
            messages.success(request, _said(corrections.correct(rows, tag, scope=scope, user=request.user), tag))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return back(request, book)


def _said(done, tag):
    left = f" {done.split} split row{'s stay' if done.split != 1 else ' stays'} as before." if done.split else ""
    return f"{done.count} row{'s are' if done.count != 1 else ' is'} {tag} now.{left}"


@book_page(access.CLOSE)
@require_POST
def correct(request, book, pk):
    """Correct one row in place: its payee's name, its tag and how far that goes. A script gets JSON, others the grid."""
    one = access.get_visible(Transaction.objects.select_related("book"), request.user, book, pk=pk)
    wants_json = request.accepts("application/json") and not request.accepts("text/html")
    try:
        words = _correct(request, book, one)
    except ValidationError as error:
        words = " ".join(error.messages)
        if wants_json:
            return JsonResponse({"error": words}, status=409)
        messages.error(request, words)
        return back(request, book)
    if wants_json:
        return JsonResponse({"words": words, **_rows_as_json(request, book)})
    messages.success(request, words or "Nothing changed.")
    return back(request, book)


@atomic
def _correct(request, book, one):
    """Do what a correction form asks, all of it or nothing; returns what was done, in words."""
    done = []
    name = request.POST.get("product")
    if name is not None and " ".join(name.upper().split()) != one.product and (name.strip() or one.product):
        done.append(f"{corrections.rename(one, name, user=request.user).words}.")
        one.refresh_from_db()
    if request.POST.get("tag"):
        scope = request.POST.get("scope") or ""
        if scope not in (corrections.ROW, corrections.PAYEE, corrections.RULE):
            raise ValidationError("Choose how far the correction goes: this row, its payee, or the rule.")
        tag = _tag(request, book)
        is_as_it_was = scope == corrections.ROW and one.is_confirmed and tag.pk == one.tag_id  # the form had chosen it
        if not is_as_it_was:
            done.append(_said(corrections.correct([one], tag, scope=scope, user=request.user), tag))
    return " ".join(done)


def _rows_as_json(request, book):
    """The rows that the page shows, as they are now, and what can be taken back."""
    ids = [pk for pk in request.POST.get("shown", "").split(",") if pk.isascii() and pk.isdigit() and len(pk) < 19][
        :ROWS
    ]
    rows = access.visible(Transaction, request.user, book).filter(pk__in=ids).select_related("tag", "account")
    rows = list(rows)
    context = {"book": book, **_about(request, book, rows)}
    last = corrections.last_of(book)
    return {
        "rows": {
            one.pk: render_to_string("expenses/row.html", {**context, "one": one}, request).strip() for one in rows
        },
        "last": [{"pk": one.pk, "words": str(one), "count": one.count} for one in last],
    }


@book_page(access.CLOSE)
@require_POST
def undo(request, book):
    """Take a correction back, once. A script gets JSON, others the page they came from."""
    one = access.get_visible(Correction, request.user, book, pk=request.POST.get("correction") or 0)
    wants_json = request.accepts("application/json") and not request.accepts("text/html")
    try:
        count = corrections.take_back(one, user=request.user)
        rows = f" ({count} row{'s' if count != 1 else ''})" if count else ""
        words = "Taken back already." if count is None else f"Taken back: {one}{rows}."
    except ValidationError as error:
        words = " ".join(error.messages)
        if wants_json:
            return JsonResponse({"error": words}, status=409)
        messages.error(request, words)
    else:
        if wants_json:
            return JsonResponse({"words": words, **_rows_as_json(request, book)})
        messages.success(request, words)
    if request.POST.get("back") in ("corrections", "tags", "payees"):
        return redirect(f"expenses:{request.POST['back']}", book.slug)
    return back(request, book)


@book_page()
@require_GET
def corrections_made(request, book):
    """The newest corrections, each to be taken back."""
    rows = access.visible(Correction, request.user, book).select_related("made_by", "undone_by")
    context = {
        "title": "Corrections",
        "corrections": rows[:CORRECTIONS],
        "may_post": access.may(request.user, book, access.CLOSE),
    }
    return page(request, "expenses/corrections.html", context)


@book_page()
def transaction(request, book, pk):
    """One transaction: what the bank says, its tag and why, its parts, where it is posted, and who changed what."""
    rows = Transaction.objects.select_related("tag", "account", "statement", "entry", "transfer", "book")
    one = access.get_visible(rows, request.user, book, pk=pk)
    may_post, typed = access.may(request.user, book, access.CLOSE), None
    if request.method == "POST":
        if not may_post:
            raise Http404
        try:
            messages.success(request, _change(request, book, one))
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            typed = list(_typed_parts(request)) if request.POST.get("do") == "split" else None
        if typed is None:
            return redirect("expenses:transaction", book.slug, one.pk)
    parts = list(one.splits.select_related("tag"))
    lines = [(str(part.tag_id), rupees(part.amount), part.note) for part in parts] if typed is None else typed
    context = {
        "title": f"{one.transaction_date:%d-%m-%Y} {one.product or one.narration[:40]}",
        "one": one,
        "frozen": faults.concerning(book, faults.STATEMENT, one.statement_id),
        "has_own_id": is_own_id(one.upi_id),
        "parts": parts,
        "lines": lines + [("", "", "")] * max(SPLIT_LINES - len(lines), 1),
        "proposals": posting.proposals([one]).get(one.pk, []),
        "lost": links.lost(one),
        "tags": _tags(book),
        "is_closed": book.is_closed_on(one.transaction_date),
        "steps": [
            {**step, "changes": [] if step["what"] == "Imported" else step["changes"]}
            for step in history_steps(one, 20)
        ],
        **_about(request, book, [one]),
    }
    return page(request, "expenses/transaction.html", context)


def _change(request, book, one):
    """Do what a form of the transaction's page asks; returns what was done, in words."""
    what = request.POST.get("do")
    if what == "correct":
        return _correct(request, book, one) or "Nothing changed."
    if what == "split":
        parts = list(_parts(request, book))
        corrections.split(one, parts, user=request.user)
        return f"Split over {len(parts)} tags." if parts else "It is in one piece again."
    if what == "link":
        kind, _, pk = request.POST.get("link", "").partition(":")
        model = {"entry": LedgerEntry, "transfer": AccountTransfer}.get(kind)
        if model is None or not (pk.isascii() and pk.isdigit()):
            raise ValidationError("Choose what it is in the books.")
        posting.link(one, access.get_visible(model, request.user, book, pk=pk), user=request.user)
        return "Linked; it will not be posted again."
    if what == "post":
        done = posting.post([one], user=request.user, adjust=request.POST.get("adjust") == "1")
        if done.refused:
            raise ValidationError(done.refused[0][1])
        return "Posted to the day book." if done.posted else "It was posted before."
    if what == "unpost":
        posting.unpost([one], user=request.user)
        return "Taken back from the day book."
    raise ValidationError("Choose what to do.")


def _typed_parts(request):
    """The lines of the split form as they were typed: (tag's id, amount, note), empty ones left out."""
    lines = zip(*(request.POST.getlist(f"part_{name}") for name in ("tag", "amount", "note")), strict=False)
    return (line for line in lines if any(text.strip() for text in line))


def _parts(request, book):
    """The filled-in lines of the split form as (Tag, Decimal, note)."""
    for pk, amount, note in _typed_parts(request):
        if amount.strip():
            if not (pk.isascii() and pk.isdigit()):
                raise ValidationError("Choose a tag for each part.")
            yield access.get_visible(Tag, request.user, book, pk=pk), parse_money(amount), note
