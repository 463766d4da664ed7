"""Bringing a running business over: a zip of workbooks, what each of them is, then a tracker each."""

from datetime import date

from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from ledger import services as ledger
from shop import access, jobs
from shop.imports import wizard
from shop.models import Job
from shop.money import parse_money
from shop.pages import book_page, page
from shop.views.imports import is_busy, run_if_quick, waiting
from trackers.importing import workbooks as over


@require_http_methods(["GET", "HEAD", "POST"])
@book_page(access.CLOSE)
def bring_over(request, book):
    """Choose the zip."""
    fault = ""
    if request.method == "POST":
        upload = request.FILES.get("file")
        try:
            if upload is None:
                raise ValidationError("Choose a zip first.")
            name = wizard.keep_upload(upload.chunks(), limit=over.MAX_ZIP_BYTES)
            job = over.receive(book, user=request.user, name=name, file_name=upload.name)
        except ValidationError as error:
            fault = " ".join(error.messages)
        else:
            run_if_quick(job)
            return redirect("trackers:brought_over", book.slug, job.pk)
    return page(request, "trackers/bring_over.html", {"title": "", "fault": fault}, status=422 if fault else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@book_page(access.CLOSE)
def brought_over(request, book, pk):
    """What was found in the zip, to be mended and confirmed; then what came of it."""
    job = access.get_visible(
        Job.objects.select_related("book", "created_by"), request.user, book, pk=pk, kind=over.KIND
    )
    if request.method == "POST" and job.state == Job.State.ASKS:
        parameters = {
            **job.parameters,
            "choices": [_choice(request, at, line) for at, line in enumerate(job.result["files"])],
            "adjust": "adjust" in request.POST,
            "by": request.user.pk,
        }
        if jobs.go_on(job, over.ADOPT, parameters=parameters):
            run_if_quick(job)
        return redirect("trackers:brought_over", book.slug, job.pk)
    context = {"title": "", "job": job, "busy": is_busy(job), **waiting(job)}
    if not context["busy"]:
        files = [_for_page(at, line) for at, line in enumerate(job.result.get("files", ()))]
        context |= {
            "files": [line for line in files if not line["fault"]],
            "faulty": [line for line in files if line["fault"]],
            "closed": sum(line["closed"] for line in files),
            "outcomes": job.result.get("outcomes", ()),
        }
    return page(request, "trackers/brought_over.html", context)


def _choice(request, at, line):
    """{login, name, formulas: whether the values that formulas show are taken} of a file that shall come in, else None."""
    if line["fault"] or f"take_{at}" not in request.POST:
        return None
    return {
        "login": ledger.clean_text(request.POST.get(f"login_{at}", ""))[:150],
        "name": ledger.clean_text(request.POST.get(f"name_{at}", ""))[:120],
        "formulas": f"formulas_{at}" in request.POST,
    }


def _for_page(at, line):
    if line["fault"]:
        return line
    return {**line, "at": at, "start": date.fromisoformat(line["start"]), "total": parse_money(line["total"])}
