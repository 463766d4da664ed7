"""Statements: upload, the columns where no layout fits, a look before anything comes in, and undo."""

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from expenses import services, uploads
from expenses.models import Statement
from expenses.statements import StatementError, UnknownLayout
from ledger import access
from ledger.models import Account
from ledger.pages import book_page, page

ROLES = (
    ("date", "Date"), ("narration", "Narration"), ("debit", "Debit"), ("credit", "Credit"), ("amount", "Amount"),
    ("type", "Dr / Cr"), ("balance", "Balance"), ("value_date", "Value date"), ("reference", "Reference"),
)  # fmt: skip
ORDERS = (("", "as the file shows"), ("dmy", "day first"), ("mdy", "month first"), ("ymd", "year first"))


class ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One or many files; each is checked as one would be."""

    widget = ManyFiles

    def clean(self, data, initial=None):
        files = data if isinstance(data, list) else [data]
        return [super(FilesField, self).clean(file, initial) for file in files or [None]]


class UploadForm(forms.Form):
    account = forms.ModelChoiceField(Account.objects.none(), empty_label=None)
    files = FilesField(label="Statements", help_text=".csv, .txt, .xlsx or .xls, 10 MB each")

    def __init__(self, *args, book, user, **kwargs):
        super().__init__(*args, label_suffix="", **kwargs)
        accounts = access.visible(Account, user, book).filter(kind__in=services.STATEMENT_KINDS, is_active=True)
        self.fields["account"].queryset = accounts


@book_page()
def statements(request, book):
    """All statements of the book, and the upload."""
    may_post = access.may(request.user, book, access.POST)
    form = UploadForm(request.POST or None, request.FILES or None, book=book, user=request.user)
    if request.method == "POST" and may_post and form.is_valid():
        kept = []
        for file in form.cleaned_data["files"]:
            try:
                kept.append(uploads.keep(book, form.cleaned_data["account"], file, request.user))
            except ValidationError as error:
                form.add_error("files", f"{file.name}: {' '.join(error.messages)}")
        if kept:
            return redirect("expenses:look", book.slug, kept[0])
    listed = access.visible(Statement, request.user, book).select_related("account", "uploaded_by")
    context = {
        "title": "Statements",
        "form": form,
        "statements": listed[:200],
        "waiting": uploads.waiting(book, request.user),
        "may_post": may_post,
        "has_accounts": form.fields["account"].queryset.exists(),
    }
    return page(request, "expenses/statements.html", context)


@book_page(access.POST)
def look(request, book, token):
    """What a kept file would bring; the columns are asked where no layout fits. POST brings it in, or drops it."""
    upload = uploads.find(book, request.user, token)
    mapping = {role: request.POST[f"map_{role}"] for role, _ in ROLES if request.POST.get(f"map_{role}")} or None
    dates = request.POST.get("dates") or None
    context = {"title": upload["file_name"], "upload": upload, "token": token, "roles": ROLES, "orders": ORDERS}
    if request.POST.get("do") == "drop":
        uploads.drop(token)
        return _next(request, book)
    try:
        parsed = services.parse(upload["account"], upload["content"], mapping=mapping, dates=dates)
    except UnknownLayout as error:
        proposal = error.proposal
        context |= {"error": str(error), "proposal": proposal, "fields": _fields(proposal, mapping), "dates": dates}
        return page(request, "expenses/mapping.html", context)
    except (StatementError, ValidationError) as error:
        words = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
        return page(request, "expenses/mapping.html", {**context, "error": words, "proposal": None})
    if request.method == "GET" and request.GET.get("rejected") == "csv":
        response = HttpResponse(parsed.rejected_csv(), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="rejected.csv"'
        return response
    if request.POST.get("do") == "import":
        report = uploads.bring_in(upload, token, mapping=mapping, dates=dates, user=request.user)
        messages.success(
            request,
            f"{upload['file_name']}: {report.imported} rows came in, {report.duplicate} were known, "
            f"{report.rejected} rejected.",
        )  # fmt: skip
        return _next(request, book)
    report = services.preview(upload["account"], parsed)
    context |= {
        "report": report,
        "parsed": parsed,
        "mapping": mapping or {},
        "dates": dates,
        "sample": list(_first(parsed)),
    }
    return page(request, "expenses/look.html", context)


def _fields(proposal, mapping):
    """[(role, label, chosen header)] of the mapping form."""
    chosen = mapping or (proposal.columns if proposal else {})
    return [(role, label, chosen.get(role, "")) for role, label in ROLES]


def _first(parsed, count=10):
    for number, row in enumerate(parsed.rows()):
        if number == count:
            return
        yield row


def _next(request, book):
    """The next kept file, else the list."""
    rest = uploads.waiting(book, request.user)
    if rest:
        return redirect("expenses:look", book.slug, rest[0]["token"])
    return redirect("expenses:statements", book.slug)


@book_page(access.POST)
@require_POST
def undo(request, book, pk):
    """Take a statement out again, whole."""
    statement = access.get_visible(Statement, request.user, book, pk=pk)
    try:
        count = services.undo_statement(statement, user=request.user)
        messages.success(request, f"{count} rows of {statement} were taken out.")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("expenses:statements", book.slug)
