"""The grid: look, correct, split, post. A correction is offered for the row, or for all of its payee from now on."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from expenses import placing, posting, services
from expenses.models import Tag, Transaction
from expenses.selection import SelectionForm, totals
from ledger import access
from ledger.admin.base import history_steps
from ledger.exports import table_response
from ledger.models import AccountTransfer, LedgerEntry
from ledger.pages import book_page, page
from lendbook.money import parse_money

ROWS = 100
AT_ONCE = 1000
SPLIT_LINES = 4


@book_page()
@require_GET
def transactions(request, book):
    """The grid, narrowed; ?format=csv|xlsx takes the selection away."""
    form = SelectionForm(request.GET, book=book, user=request.user)
    rows = form.rows()
    if request.GET.get("format") in ("csv", "xlsx"):
        return _file(rows, request.GET["format"])
    paginator = Paginator(rows, ROWS)
    shown = paginator.get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "title": "Transactions",
        "form": form,
        "rows": shown,
        "totals": totals(rows),
        "tags": [tag for tag in placing.tags_of(book) if tag.is_active],
        "may_post": access.may(request.user, book, access.POST),
        "query": query.urlencode(),
        "payee_counts": _payee_counts(book, shown),
    }
    return page(request, "expenses/transactions.html", context)


def _payee_counts(book, rows):
    """{product: rows of it in the book} for the payees shown."""
    products = {one.product for one in rows if one.product}
    counted = Transaction.objects.filter(book=book, product__in=products, debit_amount__isnull=False)
    return dict(counted.order_by().values_list("product").annotate(Count("pk")))


def _file(rows, kind):
    headers = (
        "date",
        "account",
        "narration",
        "payee",
        "mode",
        "tag",
        "decided by",
        "sure %",
        "debit",
        "credit",
        "posted",
    )
    lines = (
        (
            one.transaction_date, one.account.name, one.narration, one.product, one.mode,
            one.tag.name if one.tag_id else "", one.get_decided_by_display(), one.confidence,
            one.debit_amount, one.credit_amount, "yes" if one.is_posted else "no",
        )
        for one in rows.iterator(chunk_size=2000)
    )  # fmt: skip
    return table_response("transactions", headers, lines, kind)


def _back(request, book):
    """To the grid as it was."""
    where = request.POST.get("back", "")
    grid = reverse("expenses:transactions", args=(book.slug,))
    safe = where.startswith(grid) and url_has_allowed_host_and_scheme(where, None)
    return HttpResponseRedirect(where if safe else grid)


def _chosen(request, book):
    """The visible transactions that were ticked. Raises ValidationError for none or too many."""
    ids = [pk for pk in request.POST.getlist("row") if pk.isascii() and pk.isdigit() and len(pk) < 19]
    if not ids:
        raise ValidationError("Tick the rows first.")
    if len(ids) > AT_ONCE:
        raise ValidationError(f"{len(ids)} rows at once are too many; {AT_ONCE} is the limit.")
    return list(
        access.visible(Transaction, request.user, book).filter(pk__in=ids).select_related("tag", "book", "account")
    )


def _tag(request, book, name="tag"):
    pk = request.POST.get(name, "")
    if not (pk.isascii() and pk.isdigit()):
        raise ValidationError("Choose a tag.")
    return access.get_visible(Tag, request.user, book, pk=pk)


@book_page(access.POST)
@require_POST
def act(request, book):
    """What was ticked: tag (these rows, or all of their payees from now on), post to the day book, or take back."""
    try:
        rows = _chosen(request, book)
        what = request.POST.get("do")
        if what == "tag":
            tag, whole = _tag(request, book), request.POST.get("whole_payee") == "1"
            seen, count = set(), 0
            for one in rows:
                if whole and one.product and one.product in seen:
                    continue
                seen.add(one.product)
                count += services.settle(one, tag, user=request.user, whole_payee=whole)
            messages.success(request, f"{count} row{'s are' if count != 1 else ' is'} {tag} now.")
        elif what == "post":
            _tell(request, posting.post(rows, user=request.user, adjust=request.POST.get("adjust") == "1"))
        elif what == "unpost":
            count = posting.unpost(rows, user=request.user)
            messages.success(request, f"{count} row{'s' if count != 1 else ''} taken back from the day book.")
        else:
            raise ValidationError("Choose what to do.")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return _back(request, book)


def _tell(request, done):
    words = [f"{done.posted} posted"] + ([f"{done.known} were posted before"] if done.known else [])
    messages.success(request, ", ".join(words) + ".")
    for one, reason in done.refused[:10]:
        messages.error(
            request, f"{one.transaction_date:%d-%m-%Y} {one.product or one.narration[:40]} {one.amount}: {reason}"
        )
    if len(done.refused) > 10:
        messages.error(request, f"{len(done.refused) - 10} more were not posted.")


@book_page()
def transaction(request, book, pk):
    """One transaction: what the bank says, its tag and why, its parts, where it is posted, and who changed what."""
    rows = Transaction.objects.select_related("tag", "account", "statement", "entry", "transfer", "book")
    one = access.get_visible(rows, request.user, book, pk=pk)
    may_post = access.may(request.user, book, access.POST)
    if request.method == "POST":
        if not may_post:
            raise Http404
        try:
            _change(request, book, one)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        return redirect("expenses:transaction", book.slug, one.pk)
    parts = list(one.splits.select_related("tag"))
    context = {
        "title": f"{one.transaction_date:%d-%m-%Y} {one.product or one.narration[:40]}",
        "one": one,
        "parts": parts + [None] * max(0, SPLIT_LINES - len(parts)) if may_post and not one.is_posted else parts,
        "proposals": posting.proposals([one]).get(one.pk, []),
        "same_payee": Transaction.objects.filter(book=book, product=one.product, debit_amount__isnull=False).count()
        if one.product
        else 0,
        "tags": [tag for tag in placing.tags_of(book) if tag.is_active],
        "may_post": may_post,
        "steps": history_steps(one, 20),
    }
    return page(request, "expenses/transaction.html", context)


def _change(request, book, one):
    what = request.POST.get("do")
    if what == "tag":
        tag = _tag(request, book)
        count = services.settle(one, tag, user=request.user, whole_payee=request.POST.get("whole_payee") == "1")
        messages.success(request, f"{count} row{'s are' if count != 1 else ' is'} {tag} now.")
    elif what == "product":
        services.rename_payee(one, request.POST.get("product", ""), user=request.user)
        messages.success(request, "The payee's name is kept.")
    elif what == "split":
        posting.split(one, list(_parts(request, book)), user=request.user)
        messages.success(request, "The parts are kept.")
    elif what == "link":
        kind, _, pk = request.POST.get("link", "").partition(":")
        model = {"entry": LedgerEntry, "transfer": AccountTransfer}.get(kind)
        if model is None or not pk.isdigit():
            raise ValidationError("Choose what it is in the books.")
        posting.link(one, access.get_visible(model, request.user, book, pk=pk), user=request.user)
        messages.success(request, "Linked; it will not be posted again.")
    elif what == "post":
        _tell(request, posting.post([one], user=request.user, adjust=request.POST.get("adjust") == "1"))
    elif what == "unpost":
        posting.unpost([one], user=request.user)
        messages.success(request, "Taken back from the day book.")
    else:
        raise ValidationError("Choose what to do.")


def _parts(request, book):
    """The filled-in lines of the split form as (Tag, Decimal, note)."""
    for pk, amount, note in zip(
        request.POST.getlist("part_tag"),
        request.POST.getlist("part_amount"),
        request.POST.getlist("part_note"),
        strict=False,
    ):
        if amount.strip():
            if not pk.isdigit():
                raise ValidationError("Choose a tag for each part.")
            yield access.get_visible(Tag, request.user, book, pk=pk), parse_money(amount), note
