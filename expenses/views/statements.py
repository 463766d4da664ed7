"""Statements: upload, the columns where no layout fits, a look before anything comes in, how far it is, and undo.

Each file is a job (expenses.incoming.uploads) with a page of its own; files uploaded together share one.
"""

from datetime import date
from decimal import Decimal

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from expenses import services
from expenses.books import links
from expenses.incoming import uploads
from expenses.models import DecidedBy, Statement, Transaction
from expenses.overview.selection import totals
from expenses.statements import StatementError
from ledger.models import Account
from shop import access, faults, jobs
from shop.downloads import table_response
from shop.models import Job
from shop.pages import book_page, page
from shop.views.imports import is_busy, run_if_quick, waiting

ROLES = (
    ("date", "Date"), ("narration", "Narration"), ("debit", "Debit"), ("credit", "Credit"), ("amount", "Amount"),
    ("type", "Dr / Cr"), ("balance", "Balance"), ("balance_type", "Balance Dr / Cr"), ("value_date", "Value date"),
    ("reference", "Reference"), ("status", "Status"), ("currency", "Currency"),
)  # fmt: skip
ORDERS = (("", "as the file shows"), ("dmy", "day first"), ("mdy", "month first"), ("ymd", "year first"))
SIDES = (("", "as the file tells"), ("as-written", "as written"), ("exchanged", "debit and credit exchanged"))
OPEN = (Job.State.WAITING, Job.State.RUNNING, Job.State.ASKS)


class ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One or many files. What is wrong with one of them is said of that one, later, and stops no other."""

    widget = ManyFiles

    def clean(self, data, initial=None):
        files = [file for file in (data if isinstance(data, list | tuple) else [data]) if file]
        if not files:
            raise ValidationError("Choose one or more files first.")
        if len(files) > uploads.MAX_FILES:
            raise ValidationError(f"These are {len(files)} files; choose up to {uploads.MAX_FILES} at once.")
        return files


class UploadForm(forms.Form):
    account = forms.ModelChoiceField(Account.objects.none(), empty_label=None)
    files = FilesField(label="Statements", help_text=".csv, .txt, .xlsx or .xls, one or many, 10 MB each")

    def __init__(self, *args, book, user, **kwargs):
        super().__init__(*args, label_suffix="", **kwargs)
        accounts = access.visible(Account, user, book).filter(kind__in=links.BANK_KINDS, is_active=True)
        self.fields["account"].queryset = accounts
        self.fields["files"].widget.attrs["accept"] = ".csv,.txt,.xlsx,.xls"


@book_page()
def statements(request, book):
    """All statements of the book, and the upload."""
    may_import = access.may(request.user, book, access.CLOSE)
    if request.method == "POST" and not may_import:
        raise PermissionDenied
    bound = (request.POST, request.FILES) if request.method == "POST" else ()
    form = UploadForm(*bound, book=book, user=request.user)
    if bound and form.is_valid():
        made = uploads.receive(form.cleaned_data["account"], form.cleaned_data["files"], user=request.user)
        for job in made:
            run_if_quick(job)
        if len(made) == 1:
            return redirect("expenses:upload", book.slug, made[0].pk)
        return redirect("expenses:uploads", book.slug, made[0].parameters["batch"])
    listed = list(access.visible(Statement, request.user, book).select_related("account", "uploaded_by")[:200])
    frozen = faults.frozen(book.pk, faults.STATEMENT)
    for statement in listed:
        statement.is_frozen = str(statement.pk) in frozen
    open_jobs = access.visible(Job, request.user, book).filter(kind=uploads.KIND, state__in=OPEN)
    context = {
        "title": "Statements",
        "form": form,
        "statements": listed,
        "waiting": open_jobs.order_by("pk")[:50] if may_import else [],
        "may_post": may_import,
        "has_accounts": form.fields["account"].queryset.exists(),
    }
    return page(request, "expenses/statements.html", context, status=400 if form.errors else 200)


# ------------------------------------------------------------------------------------------------ one file, or many


def _job(request, book, pk):
    jobs_here = access.visible(Job.objects.select_related("book", "created_by"), request.user, book)
    return access.get_visible(jobs_here.filter(kind=uploads.KIND), request.user, book, pk=pk)


def _batch(request, book, batch):
    found = list(uploads.of_batch(access.visible(Job.objects.select_related("book"), request.user, book), batch))
    if not found:
        raise Http404("There is no such upload in this book.")
    return found


def _shown(job):
    """What the pages show of an upload: its job, what stage it is at, and its figures as figures."""
    result = job.result
    stage = _stage(job)
    figures = {name: result[name] and Decimal(result[name]) for name in _FIGURES if name in result}
    period = [date.fromisoformat(day) for day in result.get("period", []) if day]
    fresh = result.get("held" if stage in _TO_LOOK_AT else "imported", 0)
    told = {**result, **figures, "imported": fresh, "period": period}
    shown = {"job": job, "stage": stage, "result": told, **waiting(job)}
    if stage == Job.State.DONE:
        rows = Transaction.objects.filter(book=job.book_id, statement=result.get("statement"))
        shown["to_be_told"] = totals(rows.filter(debit_amount__isnull=False, decided_by=DecidedBy.TBD))
    return shown


_FIGURES = ("debits", "credits", "opening", "closing")
_TO_LOOK_AT = ("check", "asks")


def _stage(job):
    """What a job wants of a person: "columns", an answer ("asks") or a yes ("check"); else "busy", or how it ended."""
    if is_busy(job):
        return "busy"
    if job.state != Job.State.ASKS:
        return job.state
    if "columns" in job.result:
        return "columns"
    return "asks" if job.result.get("question") else "check"


def _step_of(job, stage):
    """Which of the four steps File, Columns, Check, Done a job is at."""
    if stage == "busy":
        return 4 if job.step == uploads.BRING_IN else 3
    return {"columns": 2, "check": 3, "asks": 3}.get(stage, 4)


@book_page(access.CLOSE)
@require_GET
def upload(request, book, pk):
    """Where one file stands: its columns, a look at what it would bring, its progress or its end."""
    job = _job(request, book, pk)
    shown = _shown(job)
    together = uploads.of_batch(Job.objects.filter(book=book), job.parameters["batch"]).count()
    context = {
        "title": job.file_name,
        "one": shown,
        "account": uploads.account_of(job),
        "busy": shown["stage"] == "busy",
        "batch": job.parameters["batch"] if together > 1 else "",
        "together": together,
        "orders": ORDERS,
        "dates": job.parameters["dates"],
        "sides": job.parameters.get("sides", ""),
        "side_choices": SIDES,
        "section": job.parameters.get("section", ""),
        "step": _step_of(job, shown["stage"]),
    }
    if shown["stage"] == "columns":
        proposal = job.result["columns"]
        chosen = job.parameters["mapping"] or proposal["columns"]
        context |= {"proposal": proposal, "fields": [(role, label, chosen.get(role, "")) for role, label in ROLES]}
    if shown["stage"] in _TO_LOOK_AT:
        rows = shown["result"]["sample"]
        context["sample"] = [
            [line, date.fromisoformat(day), text, *(amount and Decimal(amount) for amount in amounts)]
            for line, day, text, *amounts in rows
        ]
    return page(request, "expenses/upload.html", context)


@book_page(access.CLOSE)
@require_GET
def batch(request, book, batch):
    """All files of one upload, each with what it would bring or brought."""
    shown = [_shown(job) for job in _batch(request, book, batch)]
    ready = [one for one in shown if one["stage"] == "check"]
    asking = any(one["stage"] in ("busy", "columns", "asks") for one in shown)
    context = {
        "title": f"{len(shown)} statements",
        "batch": batch,
        "uploads": shown,
        "busy": any(one["stage"] == "busy" for one in shown),
        "ready": len(ready),
        "rows": sum(one["result"]["imported"] for one in ready),
        "waiting": sum(one["job"].state == Job.State.ASKS for one in shown),
        "step": 3 if ready or asking else 4,
    }
    return page(request, "expenses/uploads.html", context)


@book_page(access.CLOSE)
@require_POST
def act(request, book, pk):
    """Bring a file in, drop it, or read it again with other columns or dates; pressed twice it is done once."""
    job, what = _job(request, book, pk), request.POST.get("do")
    if what == "import":
        _bring_in(job)
    elif what == "drop":
        jobs.cancel(job)
    elif what in ("read", "columns"):
        mapping = {role: request.POST[f"map_{role}"] for role, _ in ROLES if request.POST.get(f"map_{role}")}
        dates = request.POST.get("dates", "")
        dates = dates if dates in dict(ORDERS) else ""
        sides, section = request.POST.get("sides", ""), request.POST.get("section", "")
        told = {
            "mapping": mapping or job.parameters["mapping"],
            "dates": dates,
            "sides": sides if sides in dict(SIDES) else "",
            "section": section if section == "all" or section.isdecimal() else "",
        }
        changed = {**job.parameters, **told, "ask_columns": what == "columns"}
        if jobs.go_on(job, uploads.READ, parameters=changed):
            run_if_quick(job)
    if request.POST.get("back") == "batch":
        return redirect("expenses:uploads", book.slug, job.parameters["batch"])
    return redirect("expenses:upload", book.slug, job.pk)


def _bring_in(job):
    if job.result.get("question"):
        return  # the page asks it; nothing comes in before it is answered
    if job.step == uploads.READ and "columns" not in job.result and jobs.go_on(job, uploads.BRING_IN):
        run_if_quick(job)


@book_page(access.CLOSE)
@require_POST
def act_on_batch(request, book, batch):
    """Bring in, or drop, all files of an upload that wait for a yes; one that fails stops no other."""
    for job in _batch(request, book, batch):
        if request.POST.get("do") == "import":
            _bring_in(job)
        elif request.POST.get("do") == "drop" and job.state == Job.State.ASKS:
            jobs.cancel(job)
    return redirect("expenses:uploads", book.slug, batch)


@book_page(access.CLOSE)
@require_GET
def rejected(request, book, pk):
    """The rejected rows of an upload with line and reason, as CSV to mend and upload again."""
    job = _job(request, book, pk)
    try:
        headers, rows = uploads.rejected_rows(job)
    except (StatementError, ValidationError) as error:
        messages.error(request, " ".join(error.messages) if isinstance(error, ValidationError) else str(error))
        return redirect("expenses:upload", book.slug, job.pk)
    return table_response(f"rejected-rows-{job.pk}", headers, rows, "csv")


@book_page()
@require_GET
def rejected_of_statement(request, book, pk):
    """The same of a statement that is in."""
    statement = access.get_visible(Statement, request.user, book, pk=pk)
    return table_response(f"rejected-rows-of-{statement.pk}", *services.rejected_of_statement(statement), "csv")


@book_page(access.CLOSE)
@require_POST
def undo(request, book, pk):
    """Take a statement out again, whole; pressed twice it is taken out once."""
    statement = access.get_visible(Statement, request.user, book, pk=pk)
    try:
        count = services.undo_statement(statement, user=request.user)
        messages.success(request, f"{count:,} rows of {statement} were taken out.")
        if names := ", ".join(map(str, services.overlapping(statement)[:5])):
            messages.warning(
                request, f"Rows that {names} had in common with it went too; upload that again to keep them."
            )
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("expenses:statements", book.slug)
