"""How a book runs its trackers: days without an instalment, approvals, what posts to the day book."""

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from ledger import services as ledger
from ledger.admin.forms import CategoryField, LineField
from ledger.models import Category
from shop import access, jobs
from shop.dates import parse_date
from shop.pages import book_page, page
from trackers import posting, services, tasks
from trackers.models import WEEKDAYS, Holiday, PostingColumn, Tracker

MOST_HOLIDAYS = 500


class SettingsForm(forms.Form):
    """The whole page; holidays are lines "15-08-2026 Independence Day"."""

    skipped_weekdays = forms.TypedMultipleChoiceField(
        choices=list(enumerate(WEEKDAYS)), coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )
    holidays = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="The date, then its name if you like: 15-08-2026 Independence Day",
    )
    agents_need_approval = forms.BooleanField(required=False)

    def __init__(self, data=None, *, book, user):
        self.book, self.user = book, user
        self.settings = posting.settings_of(book)
        self.columns = posting.columns_of(book)
        initial = {
            "skipped_weekdays": self.settings.skipped_weekdays,
            "agents_need_approval": self.settings.agents_need_approval,
            "holidays": "\n".join(f"{row.date:%d-%m-%Y} {row.name}".strip() for row in book.holidays.all()),
        }
        super().__init__(data, initial=initial)
        for column in PostingColumn.Column.values:
            row = self.columns.get(column)
            self.fields[f"{column}_category"] = CategoryField(
                access.visible(Category, user, book), thing="category", required=False, empty_label="Does not post",
                initial=row and row.category_id,
            )  # fmt: skip
            self.fields[f"{column}_subcategory"] = LineField(
                max_length=80, required=False, initial=row.subcategory if row else ""
            )

    @property
    def posting_rows(self):
        """[(heading, category box, subcategory box)]."""
        return [
            (column.label, self[f"{column.value}_category"], self[f"{column.value}_subcategory"])
            for column in PostingColumn.Column
        ]

    def clean_skipped_weekdays(self):
        days = self.cleaned_data["skipped_weekdays"]
        if len(days) == 7:
            raise ValidationError("One day of the week must carry an instalment.")
        return sorted(days)

    def clean_holidays(self):
        found = {}
        lines = [line.strip() for line in self.cleaned_data["holidays"].splitlines() if line.strip()]
        if len(lines) > MOST_HOLIDAYS:
            raise ValidationError(f"A book keeps {MOST_HOLIDAYS} holidays; take the oldest out.")
        for number, line in enumerate(lines, 1):
            first, _, name = line.partition(" ")
            try:
                found[parse_date(first)] = ledger.clean_text(name)[:80]
            except ValidationError as error:
                raise ValidationError(f"Line {number}: {' '.join(error.messages)}") from error
        return found

    @transaction.atomic
    def save(self):
        """Write what changed, each with who did it."""
        values, settings = self.cleaned_data, self.settings
        settings.skipped_weekdays = values["skipped_weekdays"]
        settings.agents_need_approval = values["agents_need_approval"]
        ledger.save(settings, self.user)
        kept = {row.date: row for row in self.book.holidays.all()}
        for on, row in kept.items():
            if on not in values["holidays"]:
                row._history_user = self.user
                row.delete()
        for on, name in values["holidays"].items():
            row = kept.get(on) or Holiday(book=self.book, date=on)
            if row.pk is None or row.name != name:
                row.name = name
                ledger.save(row, self.user)
        for column in PostingColumn.Column.values:
            self._save_column(column, values[f"{column}_category"], values[f"{column}_subcategory"])

    def _save_column(self, column, category, subcategory):
        row = self.columns.get(column)
        if category is None:
            if row:
                row._history_user = self.user
                row.delete()
            return
        subcategory = ledger.spelled_subcategory(category, subcategory)
        row = row or PostingColumn(book=self.book, column=column)
        if (row.category_id, row.subcategory, bool(row.pk)) != (category.pk, subcategory, True):
            row.category, row.subcategory = category, subcategory
            ledger.save(row, self.user)


@require_http_methods(["GET", "HEAD", "POST"])
@book_page(access.MANAGE)
def settings(request, book):
    form = SettingsForm(request.POST or None, book=book, user=request.user)
    if form.is_bound and form.is_valid():
        form.save()
        messages.success(request, "Saved.")
        return redirect("trackers:settings", book.slug)
    context = {"title": "", "form": form, "differing": _differing(book)}
    return page(request, "trackers/settings.html", context, status=422 if form.is_bound else 200)


def _differing(book):
    """How many running trackers go by other skipped days than the book's."""
    weekdays, holidays = services.skipping(book)
    running = Tracker.objects.filter(book=book, is_active=True)
    return sum(not tasks.has_skipped_days(tracker, weekdays, holidays) for tracker in running)


@require_POST
@book_page(access.MANAGE)
def apply_skipping(request, book):
    """Start the job that brings the book's skipped days into its running trackers."""
    job = tasks.start_skipping(book, user=request.user)
    if not jobs.is_worker_alive():
        jobs.run(job.pk)
    return redirect("shop:job", book.slug, job.pk)
