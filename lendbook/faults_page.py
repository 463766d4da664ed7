"""The page Faults: what `verify` found wrong with a book, what it made read-only, and the ways out."""

from datetime import timedelta

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from lendbook import minding, verifying
from shop import access, clock, faults, jobs
from shop.models import Fault, Heartbeat, Job
from shop.pages import book_page, page
from shop.views.imports import is_busy, outcome, run_if_quick, waiting

SHOWN = 200
MENDED_FOR = timedelta(days=30)


@require_safe
@book_page()
def found(request, book):
    """Every standing fault, and those mended lately; whoever reads the book sees them, its owner may lift one."""
    rows = verifying.standing_for(request.user, book).select_related("book", "lifted_by")
    standing = rows.filter(mended_at=None).order_by("pk")
    more = max(standing.count() - SHOWN, 0)
    standing = [_with_address(fault) for fault in standing[:SHOWN]]
    last = Job.objects.filter(book=book, kind=verifying.KIND, state=Job.State.DONE).first()
    nightly = Heartbeat.objects.filter(name=verifying.HEARTBEAT).first()
    moments = [at for at in (last and last.finished_at, nightly and nightly.beat_at) if at and not clock.is_ahead(at)]
    checked_at = max(moments, default=None)
    context = {
        "title": "Faults",
        "standing": standing,
        "more": more,
        "mended": rows.filter(mended_at__gte=timezone.now() - MENDED_FOR).order_by("-mended_at")[:SHOWN],
        "checked_at": checked_at,
        "notes": minding.notes([book]),
        "may_check": access.may(request.user, book, access.CLOSE),
        "may_lift": access.may(request.user, book, access.MANAGE),
    }
    return page(request, "lendbook/faults.html", context)


def _with_address(fault):
    """The fault with the page of what it concerns."""
    slug, ref = fault.book.slug if fault.book else "", fault.ref
    if fault.freezes == faults.DAYS:
        fault.address = reverse("ledger:day_book", args=[slug, fault.first_date.isoformat()])
    elif fault.freezes == faults.TRACKER:
        fault.address = reverse("trackers:tracker", args=[slug, ref])
    elif fault.freezes == faults.STATEMENT:
        fault.address = f"{reverse('expenses:transactions', args=[slug])}?statement={ref}"
    else:
        fault.address = ""
    return fault


@require_POST
@book_page(access.CLOSE)
def check(request, book):
    """Check the book now; two presses check it twice, which changes nothing."""
    job = jobs.create(
        book=book, kind=verifying.KIND, title="The books, checked", step=verifying.LOOK, user=request.user, total=2
    )
    run_if_quick(job)
    return redirect("checked", book.slug, job.pk)


@require_safe
@book_page(access.CLOSE)
def checked(request, book, pk):
    """Waits for a check, then leads back to what it found."""
    job = access.get_visible(Job, request.user, book, pk=pk, kind=verifying.KIND)
    if is_busy(job) or job.state != Job.State.DONE:
        context = {"title": job.title, "job": job, "busy": is_busy(job), "sentence": outcome(job), **waiting(job)}
        return page(request, "shop/job.html", context)
    messages.add_message(request, messages.ERROR if job.result["faults"] else messages.SUCCESS, job.result["said"])
    return redirect("faults", book.slug)


@require_POST
@book_page(access.MANAGE)
def lift(request, book, pk):
    """The owner lets what is frozen be written to again, and says why."""
    fault = get_object_or_404(Fault, book=book, pk=pk, mended_at=None)
    try:
        faults.lift(fault, user=request.user, reason=request.POST.get("reason", ""))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, "It may be written to again. The fault stands until it is mended.")
    return redirect("faults", book.slug)
