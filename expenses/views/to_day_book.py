"""From the grid to the day book: what would be posted, what is in the books already, and back again."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from expenses import work
from expenses.books import matching, posting
from expenses.views.transactions import back, back_address, chosen
from ledger.models import AccountTransfer, LedgerEntry
from shop import access, jobs
from shop.pages import book_page, page

AT_ONCE = 100  # so few are posted while the page waits


@book_page(access.CLOSE)
@require_POST
def post(request, book):
    """Say what posting would do; with `sure` do it: link what is in the books, post the rest, leave what is left out."""
    try:
        rows = [one for one in chosen(request, book) if not one.is_posted]
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return back(request, book)
    ready, proposals = posting.ready(rows), posting.proposals(rows)
    claims = matching.claimed([one for one in ready if one.debit_amount is None and one.pk not in proposals])
    if request.POST.get("sure") == "1":
        return _post(request, book, rows, proposals, claims)
    unsettled = [one for one in rows if one.debit_amount is not None and not posting.may_post(one)]
    closed = {one for one in ready if book.is_closed_on(one.transaction_date)}
    alike = [
        (one, proposals.get(one.pk, ()), claims.get(one.pk)) for one in ready if one.pk in proposals or one.pk in claims
    ]
    context = {
        "title": "Post to the day book",
        "rows": rows,
        "ready": ready,
        "sum": sum((one.amount for one in ready), 0),
        "unsettled": len(unsettled),
        "proving": len(rows) - len(ready) - len(unsettled),
        "closed": len(closed),
        "open": len(ready) - len(closed),
        "open_sum": sum((one.amount for one in ready if one not in closed), 0),
        "through": book.closed_through,
        "alike": alike,
        "back": back_address(request, book),
        "query": request.POST.get("query", ""),
        "every": request.POST.get("every") == "1",
    }
    return page(request, "expenses/post.html", context)


def _post(request, book, rows, proposals, claims):
    adjust = request.POST.get("adjust") == "1"
    linked, left = 0, set()
    for one in rows:
        answer = request.POST.get(f"alike_{one.pk}", "leave" if one.pk in proposals or one.pk in claims else "post")
        if answer == "post":
            continue
        left.add(one.pk)
        if answer != "leave":
            try:
                posting.link(one, _found(request, book, answer), user=request.user)
                linked += 1
            except ValidationError as error:
                messages.error(request, f"{one}: {' '.join(error.messages)}")
    to_post = [one for one in posting.ready(rows) if one.pk not in left]
    if not adjust:
        to_post = [one for one in to_post if not book.is_closed_on(one.transaction_date)]
    if linked:
        messages.success(request, f"{linked} linked to what is in the books.")
    if len(to_post) > AT_ONCE:
        job = jobs.create(
            book=book,
            kind=work.POST,
            title=f"Post {len(to_post):,} rows to the day book",
            step=work.POST,
            user=request.user,
            parameters={"rows": [one.pk for one in to_post], "adjust": adjust},
            total=len(to_post),
        )
        return redirect("expenses:work", book.slug, job.pk)
    tell(request, posting.post(to_post, user=request.user, adjust=adjust))
    return back(request, book)


def _found(request, book, answer):
    """The entry or transfer that an answer "entry:7" names, visible to this person."""
    kind, _, pk = answer.partition(":")
    model = {"entry": LedgerEntry, "transfer": AccountTransfer}.get(kind)
    if model is None:
        raise ValidationError("Choose what it is in the books.")
    return access.get_visible(model, request.user, book, pk=pk)


def tell(request, done):
    """Say what posting did, and the first ten that it did not do."""
    words = [f"{done.posted} posted to the day book"] + ([f"{done.known} were posted before"] if done.known else [])
    messages.success(request, ", ".join(words) + ".")
    for one, reason in done.refused[:10]:
        messages.error(
            request, f"{one.transaction_date:%d-%m-%Y} {one.product or one.narration[:40]} {one.amount}: {reason}"
        )
    if len(done.refused) > 10:
        messages.error(request, f"{len(done.refused) - 10} more were not posted.")


@book_page(access.CLOSE)
@require_POST
def unpost(request, book):
    """Take what was ticked back from the day book."""
    try:
        count = posting.unpost(chosen(request, book), user=request.user)
        messages.success(request, f"{count} row{'s' if count != 1 else ''} taken back from the day book.")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return back(request, book)
