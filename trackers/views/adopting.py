"""A tracker's workbook comes back edited: uploaded, compared cell by cell, confirmed; and the owner's own template."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import redirect
from django.utils.formats import date_format
from django.views.decorators.http import require_http_methods, require_safe

from shop import access, jobs
from shop.downloads import CONTENT_TYPES, attachment
from shop.models import Job
from shop.money import rupees
from shop.pages import book_page, page
from trackers import adopt, services, store
from trackers.collect.collection import REFUSALS, words
from trackers.views.tracker import the_tracker
from trackers.workbook.build import blank_workbook, shipped_template, template_faults
from trackers.workbook.errors import WorkbookError
from trackers.workbook.layouts import LAYOUTS

_HAPPENS = {
    "adjustment": "Waits for your yes: its day is closed",
    "apply": "Is written",
    "kept": "Stays as Lendbook has it",
}


# ------------------------------------------------------------------------------------------------ upload and compare


@require_http_methods(["GET", "HEAD", "POST"])
@book_page(access.CLOSE)
def compare(request, book, pk):
    """Upload an edited copy, or take up the file that was changed in its place."""
    row = the_tracker(request, book, pk)
    fault = ""
    if request.method == "POST":
        try:
            if "rebuild" in request.POST:
                return _rebuilt(request, book, row)
            job = _received(request, row)
        except REFUSALS as error:
            fault = words(error)
        else:
            if job is not None:
                return redirect("trackers:comparison", book.slug, job.pk)
            messages.info(request, "The file says what Lendbook has: nothing to write.")
            return redirect("trackers:tracker", book.slug, row.pk)
    outside, outside_fault = _outside(row)
    beside = adopt.files_beside(row)
    context = {
        "title": "",
        "tracker": row,
        "fault": fault,
        "outside": outside,
        "outside_fault": outside_fault,
        "beside": beside,
        "holding": [(one.path.name, one.compared, services.told_of(one.compared)) for one in beside.holding],
        "days_from_ledger": _days_from_ledger(beside),
        "opened_by": store.opened_by(row),
        "drafts": [(draft, row.terms.day_of(draft.date)) for draft in adopt.drafts_of(row)],
    }
    return page(request, "trackers/compare.html", context, status=422 if fault else 200)


def _rebuilt(request, book, row):
    """Build the workbook anew from what is kept, as the page has shown it. Raises one of REFUSALS."""
    beside = adopt.files_beside(row)
    ledger = bool(beside.stored and beside.stored.is_from_ledger)
    _, source = services.rebuild_workbook(row, user=request.user, ledger=ledger)
    messages.success(request, f"The workbook was built anew from {source}.")
    return redirect("trackers:tracker", book.slug, row.pk)


def _days_from_ledger(beside):
    """The filled days of a workbook that would be built from the ledger, for the page to show."""
    if not (beside.can_be_built and beside.stored.is_from_ledger):
        return []
    contents = beside.stored.opened.contents
    return [row for row in contents.rows() if row["day"] in contents.days]


def _received(request, row):
    """The job of an uploaded or changed file, None where it changes nothing. Raises one of REFUSALS."""
    if "outside" in request.POST:
        content, name = store.read_outside(row), row.filename
    elif "holding" in request.POST:
        content, name = _content_of(request.POST["holding"], row)
    else:
        upload = request.FILES.get("file")
        if upload is None:
            raise ValidationError("Choose a file first.")
        if upload.size > store.MAX_BYTES:
            raise ValidationError(f"{upload.name} is larger than 5 MB; no tracker is.")
        content, name = upload.read(), upload.name
    compared = adopt.compare_copy(row, content or b"")
    if compared.is_foreign:
        raise ValidationError(compared.comparison.refused[0].reason)
    return None if compared.changes_nothing else adopt.receive(row, content, user=request.user, file_name=name)


def _content_of(name, row):
    """(bytes, name) of one of the files beside the row that say more; the name only picks among these."""
    for one in adopt.files_beside(row).holding:
        if one.path.name == name:
            return store.bytes_at(one.path), name
    raise ValidationError("That file says nothing more by now. Look at the page again.")


def _outside(row):
    """(whether the file in its place is another's, why it cannot be read or "")."""
    try:
        return adopt.compare_outside(row) is not None, ""
    except REFUSALS as error:
        return True, words(error)


@require_http_methods(["GET", "HEAD", "POST"])
@book_page(access.CLOSE)
def comparison(request, book, pk):
    """The whole comparison; nothing is written before it is confirmed here."""
    job = access.get_visible(Job.objects.select_related("book"), request.user, book, pk=pk, kind=adopt.KIND)
    row = the_tracker(request, book, job.parameters["tracker"])
    if job.is_over:
        return redirect("trackers:tracker", book.slug, row.pk)
    if "drop" in request.POST:
        jobs.cancel(job)
        return redirect("trackers:tracker", book.slug, row.pk)
    try:
        _, compared = adopt.waiting_copy(job)
    except REFUSALS as error:
        messages.error(request, words(error))
        jobs.cancel(job)
        return redirect("trackers:compare", book.slug, row.pk)
    fault = ""
    if request.method == "POST":
        fault = _confirmed(request, job, compared)
        if not fault:
            return _after(request, book, row, job)
    found = compared.comparison
    context = {
        "title": "",
        "tracker": row,
        "job": job,
        "compared": compared,
        "fault": fault,
        "conflicts": [_line(compared, one, one.baseline, one.stored, one.uploaded) for one in found.conflicts],
        "chosen": {one.cell: request.POST.get(f"cell_{one.cell}") for one in found.conflicts},
        "formulas": [_line(compared, one, one.old, one.old, one.new) for one in found.formulas],
        "taken": request.POST.getlist("take"),
        "refused": found.refused,
        "lines": [
            *(_line(compared, one, one.old, one.old, one.new, "adjustment") for one in found.adjustments),
            *(_line(compared, one, one.old, one.old, one.new, "apply") for one in found.to_apply),
            *(_line(compared, one, one.old, one.new, one.old, "kept") for one in found.kept),
        ],
        "writes": len(found.to_apply),
        "may_leave": compared.is_from_elsewhere and bool(found.adjustments or found.unread or found.formulas),
    }
    return page(request, "trackers/comparison.html", context, status=422 if fault else 200)


def _confirmed(request, job, compared):
    """Write what was chosen; returns why it could not be, or ""."""
    conflicts = [one.cell for one in compared.comparison.conflicts]
    choices = {cell: request.POST.get(f"cell_{cell}") for cell in conflicts}
    if open_ones := [cell for cell, choice in choices.items() if choice not in ("here", "file")]:
        return f"Choose which value counts in {', '.join(open_ones)}."
    take = [cell for cell, choice in choices.items() if choice == "file"] + request.POST.getlist("take")
    leave = ["all"] if "leave" in request.POST else [cell for cell, choice in choices.items() if choice == "here"]
    found = compared.comparison
    if compared.is_from_elsewhere and (cells := adopt.undecided(found, take, leave, "adjust" in request.POST)):
        return f"Decide about {', '.join(cells)}: this file is put aside when the others are written."
    parameters = {
        **job.parameters,
        "take": take,
        "leave": leave,
        "adjust": "adjust" in request.POST,
        "seen": int(request.POST["seen"]) if request.POST.get("seen", "").isdecimal() else compared.version,
        "by": request.user.pk,
    }
    if not jobs.go_on(job, adopt.ADOPT, parameters=parameters):
        return ""
    return jobs.run(job.pk).result.get("fault", "")


def _after(request, book, row, job):
    job.refresh_from_db()
    cells = job.result.get("cells", 0)
    if job.state == Job.State.DONE:
        told = f"{cells} {'cell' if cells == 1 else 'cells'} written." if cells else "The workbook is Lendbook's again."
        where = job.result.get("posted")
        messages.success(request, f"{told} {where}." if where else told)
    elif job.error:
        messages.error(request, job.error)
    return redirect("trackers:compare" if adopt.drafts_of(row) else "trackers:tracker", book.slug, row.pk)


def _line(compared, one, was, here, there, happens=""):
    layout = compared.uploaded.layout
    head = layout.parameter[one.field].label.rstrip(":") if one.day is None else layout.column[one.field].header
    place = head if one.day is None else f"Day {one.day}, {head}"
    return {
        "cell": one.cell,
        "place": place,
        "was": _shown(was),
        "here": _shown(here),
        "there": _shown(there),
        "kind": happens,
        "happens": _HAPPENS.get(happens, ""),
    }


def _shown(value):
    """A cell's value as people read it."""
    if value is None:
        return "–"
    if hasattr(value, "isoformat"):
        return date_format(value, "d-m-Y")
    return value if isinstance(value, str) else (str(value) if isinstance(value, int) else rupees(value))


# ------------------------------------------------------------------------------------------------ the owner's template


@require_http_methods(["GET", "HEAD", "POST"])
@book_page(access.MANAGE)
def template(request, book):
    """The workbook that new trackers of the book are made from: Lendbook's, or the owner's own."""
    faults = []
    if request.method == "POST":
        if "remove" in request.POST:
            store.keep_template(book.pk, None)
            messages.success(request, "New trackers are made from Lendbook's template again.")
            return redirect("trackers:template", book.slug)
        upload = request.FILES.get("file")
        faults = ["Choose a file first."] if upload is None else _template_faults(upload)
        if not faults:
            upload.seek(0)
            try:
                store.keep_template(book.pk, upload.read())
            except store.StoreError as error:
                faults = [str(error)]
            else:
                messages.success(request, "New trackers are made from your template.")
                return redirect("trackers:template", book.slug)
    context = {"title": "", "has_own": store.template_of(book.pk) is not None, "faults": faults}
    return page(request, "trackers/template.html", context, status=422 if faults else 200)


def _template_faults(upload):
    """Why the file does not serve as a template; empty when all three kinds can be made from it."""
    if upload.size > store.MAX_BYTES:
        return ["The file is larger than 5 MB; take pictures out of it."]
    content = upload.read()
    try:
        faults = template_faults(content)
        for kind in () if faults else LAYOUTS:
            blank_workbook(content, kind)
    except WorkbookError as error:
        return [str(error)]
    except Exception:  # what openpyxl cannot take raises whatever it likes
        return ["The file cannot be worked with. Begin from Lendbook's template, and change looks only."]
    return faults


@require_safe
@book_page(access.READ)
def template_file(request, book, which):
    """The template to take away: "own" the owner's, "lendbook" the shipped one."""
    content = {"own": store.template_of(book.pk), "lendbook": shipped_template()}.get(which)
    if content is None:
        raise Http404
    return attachment(content, CONTENT_TYPES["xlsx"], "DailyTrackerTemplate.xlsx")
