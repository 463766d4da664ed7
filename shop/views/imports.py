"""Imports and long work: a list of jobs, and the wizard File -> Columns -> Check -> Done that every importer uses."""

from django import forms
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from shop import access, dates, jobs
from shop.downloads import CONTENT_TYPES, attachment, table_response, template
from shop.imports import importing, wizard
from shop.imports.cells import shown
from shop.imports.tables import Unreadable
from shop.models import Job
from shop.money import parse_money, rupees
from shop.pages import book_page, page

JOBS_PER_PAGE = 30
ROWS_PER_PAGE = 50
SAMPLES = 5
SMALL_ROWS = 2000  # so few are done within the request: nobody waits for the worker
WAITED_LONG_SECONDS = 10


def _importer(kind):
    try:
        return importing.importer_of(kind)
    except KeyError:
        raise Http404 from None


def _job(request, book, pk, kind=None):
    """The job of that number in the book, or Http404."""
    job = access.get_visible(Job.objects.select_related("book", "created_by"), request.user, book, pk=pk)
    if kind and job.kind != kind:
        raise Http404
    return job


def _import_job(request, book, pk):
    job = _job(request, book, pk, wizard.KIND)
    return job, _importer(job.parameters["importer"])


def _page_of(job):
    return redirect(jobs.kind_of(job).page, job.book.slug, job.pk)


def run_if_quick(job):
    """Do what is small, or what no worker would do, within this request."""
    if job.total <= SMALL_ROWS or not jobs.is_worker_alive():
        jobs.run(job.pk)


# ------------------------------------------------------------------------------------------------ the list


@book_page(access.CLOSE)
@require_GET
def imports(request, book):
    """All imports and other long work of the book, the newest first."""
    rows = access.visible(Job.objects.select_related("created_by"), request.user, book)
    listed = Paginator(rows, JOBS_PER_PAGE).get_page(request.GET.get("page"))
    for job in listed:
        job.url = reverse(jobs.kind_of(job).page, args=[book.slug, job.pk])
        job.sentence = outcome(job)
    context = {
        "title": "Imports",
        "jobs": listed,
        "importers": importing.importers(),
        "pages": [(words, reverse(view, args=[book.slug])) for words, view in importing.pages()],
        "busy": any(map(is_busy, listed)),
    }
    return page(request, "shop/imports.html", context)


def is_busy(job):
    """Whether a page that shows the job should look again soon."""
    return job.state in (Job.State.WAITING, Job.State.RUNNING)


def outcome(job):
    """A job's result in a few words."""
    if job.error:
        return job.error
    result = job.result
    if job.state == Job.State.UNDONE:
        return result.get("undone", "")
    if "imported" not in result or job.state not in (Job.State.DONE, Job.State.ASKS):
        return "Choose the columns." if job.state == Job.State.ASKS else ""
    words = []
    for name, word in (
        ("imported", "imported"),
        ("held", "to import"),
        ("duplicate", "there already"),
        ("rejected", "rejected"),
    ):
        if result.get(name):
            words.append(f"{result[name]:,} {word}")
    return ", ".join(words) or "Nothing new."


@book_page(access.CLOSE)
@require_GET
def job_page(request, book, pk):
    """A job of a kind that has no page of its own."""
    job = _job(request, book, pk)
    context = {"title": job.title, "job": job, "busy": is_busy(job), "sentence": outcome(job), **waiting(job)}
    return page(request, "shop/job.html", context)


@book_page(access.CLOSE)
@require_GET
def progress(request, book, pk):
    """How far a job is, for the page that waits for it."""
    job = _job(request, book, pk)
    return JsonResponse({"busy": is_busy(job), "done": job.done, "total": job.total, "words": progress_words(job)})


def progress_words(job):
    """E.g. "4,000 of 10,000 rows"."""
    if job.state == Job.State.WAITING:
        return "Waiting for its turn"
    if not job.done:  # what is written in one transaction has no part that could be shown
        return "All in one go, a moment"
    return f"{job.done:,} of {job.total:,}" if job.done < job.total else "Nearly done"


def waiting(job):
    """What a page needs that waits for a job."""
    since = job.started_at or job.created_at
    waited = abs((timezone.now() - since).total_seconds())  # a moment ahead is of a clock that was wrong
    long = job.state == Job.State.WAITING and waited > WAITED_LONG_SECONDS
    return {"progress": progress_words(job), "waited_long": long}


@book_page(access.CLOSE)
@require_POST
def run_here(request, book, pk):
    """Do a waiting job within this request: for when the worker is not there."""
    job = _job(request, book, pk)
    jobs.run(job.pk)
    return _page_of(job)


@book_page(access.CLOSE)
@require_POST
def cancel(request, book, pk):
    """Stop a job; what it had begun is rolled back."""
    job = _job(request, book, pk)
    jobs.cancel(job)
    return _page_of(job)


# ------------------------------------------------------------------------------------------------ 1 File


class FileForm(forms.Form):
    """A file and the importer's ticks."""

    file = forms.FileField(
        label="File",
        help_text="CSV or XLSX, up to 10 MB. One of its first lines names the columns.",
        error_messages={"required": "Choose a file first.", "empty": "The file is empty."},
    )

    def __init__(self, importer, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["file"].widget.attrs["accept"] = ".csv,.xlsx,.txt,text/csv"
        for name, sentence in importer.options.items():
            self.fields[name] = forms.BooleanField(label=sentence, required=False)

    @property
    def ticks(self):
        return [field for field in self if field.name != "file"]

    def options(self):
        return {name: value for name, value in self.cleaned_data.items() if name != "file"}


@book_page(access.CLOSE)
def new_import(request, book, kind):
    """Step 1: choose a file."""
    importer = _importer(kind)
    form = FileForm(importer, *((request.POST, request.FILES) if request.method == "POST" else ()))
    if form.is_bound and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            job = wizard.receive(
                importer,
                book,
                user=request.user,
                name=wizard.keep_upload(upload.chunks()),
                file_name=upload.name,
                options=form.options(),
            )
        except ValidationError as error:
            form.add_error("file", error)
        else:
            run_if_quick(job)
            return _page_of(job)
    context = {"title": f"Import {importer.noun[1]}", "step": 1, "form": form, "importer": importer}
    return page(request, "shop/import_file.html", context, status=400 if form.errors else 200)


@book_page(access.CLOSE)
@require_GET
def import_template(request, book, kind, file_type):
    """An empty file with the right columns and two example rows."""
    importer = _importer(kind)
    if file_type not in CONTENT_TYPES:
        raise Http404
    content = template(importer.columns, importer.example, file_type)
    return attachment(content, CONTENT_TYPES[file_type], f"{importer.kind}.{file_type}")


# ------------------------------------------------------------------------------------------------ 2 to 4


@book_page(access.CLOSE)
@require_GET
def import_page(request, book, pk):
    """Where an import stands: its columns, its check, its progress or its end."""
    job, importer = _import_job(request, book, pk)
    context = {"title": f"Import {importer.noun[1]}", "job": job, "importer": importer, "sentence": outcome(job)}
    if is_busy(job):
        return page(request, "shop/import_wait.html", {**context, "step": 3, "busy": True, **waiting(job)})
    if job.state != Job.State.ASKS:
        url = importer(book).result_url(job) if job.state == Job.State.DONE else ""
        return page(request, "shop/import_done.html", {**context, "step": 4, "result_url": url})
    if job.step == wizard.COLUMNS:
        return _columns_page(request, job, importer, job.parameters["roles"], [])
    return _check_page(request, job, importer, context)


def _columns_page(request, job, importer, roles, faults):
    """Step 2: which column is what, with sample values as they are understood."""
    try:
        samples = [row.cells for _, row in zip(range(SAMPLES), wizard.table_of(job).rows(), strict=False)]
    except Unreadable as error:
        samples, faults = [], [*faults, *error.messages]
    columns = []
    for index, (name, role) in enumerate(zip(job.parameters["header"], roles, strict=True)):
        cells = [shown(row[index]) if index < len(row) else "" for row in samples]
        columns.append(
            {"index": index, "name": name or f"Column {index + 1}", "role": role, "cells": understood(cells)}
        )
    context = {
        "title": f"Import {importer.noun[1]}",
        "job": job,
        "importer": importer,
        "step": 2,
        "columns": columns,
        "known": [column for column in importer.known_columns() if column.kind not in ("ignored", "export")],
        "asks": [(ask, job.parameters["options"].get(ask.name, "")) for ask in wizard.importer_for(job).asks()],
        "faults": faults,
    }
    return page(request, "shop/import_columns.html", context, status=400 if faults else 200)


def understood(cells):
    """[(cell, its meaning)] of sample values: as dates where all are dates, as rupees where all are amounts."""
    for read, write in ((dates.parse_date, lambda date: f"{date:%d-%m-%Y}"), (parse_money, rupees)):
        meanings = []
        for cell in cells:
            try:
                meanings.append(write(read(cell)) if cell else "")
            except ValidationError:
                break
        if len(meanings) == len(cells) and any(meanings):
            return list(zip(cells, meanings, strict=True))
    return [(cell, "") for cell in cells]


@book_page(access.CLOSE)
@require_POST
def import_columns(request, book, pk):
    """Take the chosen columns and check the rows."""
    job, importer = _import_job(request, book, pk)
    if job.state != Job.State.ASKS:
        return _page_of(job)
    known = {column.role for column in importer.known_columns()}
    roles = [request.POST.get(f"role_{index}", "") for index in range(len(job.parameters["header"]))]
    roles = [role if role in known else "" for role in roles]
    job.parameters = {**job.parameters, "options": {**job.parameters["options"], **_answers(request, job)}}
    match = wizard.importer_for(job).match(job.parameters["header"], roles)
    if not match.is_known:
        return _columns_page(request, job, importer, roles, match.faults)
    if jobs.go_on(job, wizard.CHECK, parameters={**job.parameters, "roles": match.roles}):
        run_if_quick(job)
    return _page_of(job)


def _answers(request, job):
    """{name: value} of what was answered about the file; only what was offered counts."""
    asks = wizard.importer_for(job).asks()
    given = {ask.name: request.POST.get(ask.name, "") for ask in asks}
    return {ask.name: given[ask.name] for ask in asks if given[ask.name] in ("", *(value for value, _ in ask.choices))}


@book_page(access.CLOSE)
@require_GET
def choose_columns(request, book, pk):
    """Back from the check to the columns."""
    job, importer = _import_job(request, book, pk)
    if job.state != Job.State.ASKS:
        return _page_of(job)
    return _columns_page(request, job, importer, job.parameters["roles"], [])


def _check_page(request, job, importer, context):
    """Step 3: what would happen, the rejected rows first."""
    found = job.result["found"]
    show = request.GET.get("show")
    states = [show] if show in wizard.FINDINGS else list(wizard.FINDINGS)
    counted = _Counted(
        sum(found[state] for state in states), lambda start, count: wizard.findings(job, states, start, count)
    )
    rows = Paginator(counted, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    good = found[importing.NEW] + found[wizard.WARNED]
    blocked = bool(found[importing.REJECTED]) and importer.all_or_none
    context |= {
        "step": 3,
        "found": found,
        "show": show if show in wizard.FINDINGS else "",
        "rows": rows,
        "good": good,
        "noun": importer.noun[0] if good == 1 else importer.noun[1],
        "blocked": blocked,
        "may_post": good and not blocked,
        "ticks": [(name, words, job.parameters["options"].get(name)) for name, words in importer.options.items()],
    }
    return page(request, "shop/import_check.html", context)


class _Counted:
    """Rows of which a Paginator needs the count and one slice."""

    def __init__(self, count, cut):
        self.length, self.cut = count, cut

    def __len__(self):
        return self.length

    def __getitem__(self, part):
        return list(self.cut(part.start, part.stop - part.start))


@book_page(access.CLOSE)
@require_GET
def rejected_rows(request, book, pk):
    """The rejected rows with line and reason, as CSV to mend and import again."""
    job, importer = _import_job(request, book, pk)
    return table_response(f"rejected-{importer.kind}-{job.pk}", *wizard.rejected_rows(job), "csv")


@book_page(access.CLOSE)
@require_POST
def check_again(request, book, pk):
    """Check once more with other ticks."""
    job, importer = _import_job(request, book, pk)
    options = {**job.parameters["options"], **{name: name in request.POST for name in importer.options}}
    if jobs.go_on(job, wizard.CHECK, parameters={**job.parameters, "options": options}):
        run_if_quick(job)
    return _page_of(job)


@book_page(access.CLOSE)
@require_POST
def confirm(request, book, pk):
    """Post what was checked; pressed twice, or in two tabs, it posts once."""
    job, importer = _import_job(request, book, pk)
    blocked = importer.all_or_none and job.result.get("rejected")
    if job.step in (wizard.CHECK, wizard.POST) and not blocked and jobs.go_on(job, wizard.POST):
        run_if_quick(job)
    return _page_of(job)


@book_page(access.CLOSE)
@require_POST
def undo(request, book, pk):
    """Take back a whole import; pressed twice it is undone once."""
    job, _ = _import_job(request, book, pk)
    parameters = {**job.parameters, "undone_by": request.user.pk}
    if jobs.go_on(job, wizard.UNDO, since=[Job.State.DONE], parameters=parameters):
        run_if_quick(job)
    return _page_of(job)
