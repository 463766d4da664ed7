"""Closing the day: count each account, see expected against counted, sign off; the owner signs or reopens.

Every form may be sent twice: a day that is closed already is shown, not closed again.
"""

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ledger import closing, daybook
from ledger.models import Account, DayBook, DayClose
from ledger.views.day_book import ONE_DAY, refused
from shop import access
from shop.dates import parse_date
from shop.money import ZERO, rupees
from shop.money_fields import MoneyFormField
from shop.pages import book_page, page

UNCLOSED_SHOWN = 60
CLOSES_SHOWN = 500
MOST_PIECES = 1_000_000


class CountForm(forms.Form):
    """What was found in one account; all empty: not counted, and the account stays as the books say."""

    expected = MoneyFormField(required=False, widget=forms.HiddenInput)
    counted = MoneyFormField(required=False)
    charged_to = forms.ModelChoiceField(Account.objects.none(), required=False, empty_label="Cash Short / Cash Excess")

    def __init__(self, data, *, account, balance, agents_accounts):
        super().__init__(data, prefix=f"a{account.pk}", initial={"expected": balance})
        self.account, self.balance = account, balance
        self.has_notes = account.kind == Account.Kind.CASH
        self.fields["counted"].widget.attrs["aria-label"] = f"Counted in {account}"
        self.fields["charged_to"].queryset = agents_accounts.exclude(pk=account.pk)
        self.fields["charged_to"].widget.attrs["aria-label"] = f"Who answers for the difference of {account}"
        for note in closing.NOTES if self.has_notes else ():
            self.fields[f"n{note}"] = forms.IntegerField(
                required=False,
                min_value=0,
                max_value=MOST_PIECES,
                widget=forms.TextInput(
                    attrs={
                        "inputmode": "numeric",
                        "autocomplete": "off",
                        "data-note": note,
                        "aria-label": f"Pieces of ₹{note}",
                    }
                ),
            )

    def notes(self):
        """[(note, its box)] for the page."""
        return [(note, self[f"n{note}"]) for note in closing.NOTES] if self.has_notes else []

    def clean(self):
        values = super().clean()
        pieces = {note: values.get(f"n{note}") for note in closing.NOTES if values.get(f"n{note}") is not None}
        self.pieces = {note: number for note, number in pieces.items() if number}
        total = sum((note * number for note, number in pieces.items()), ZERO)
        if pieces and values.get("counted") is not None and values["counted"] != total:
            self.add_error("counted", f"The notes add up to {rupees(total)}, not {rupees(values['counted'])}.")
        elif pieces:
            values["counted"] = total
        if values.get("counted") is not None and values.get("expected") not in (None, self.balance):
            self.add_error(
                None,
                f"While you counted, the books of {self.account} moved from {rupees(values['expected'])} to "
                f"{rupees(self.balance)}. Look at the difference again, then close.",
            )
        return values

    def count(self):
        """The closing.Count, or None where nothing was counted."""
        values = self.cleaned_data
        if values["counted"] is None:
            return None
        return closing.Count(self.account, values["counted"], self.pieces, values["charged_to"])

    @property
    def difference(self):
        """Counted minus expected of a form that was sent, Decimal rupees or None."""
        counted = getattr(self, "cleaned_data", {}).get("counted")
        return None if counted is None else counted - self.balance


@require_safe
@book_page(access.READ)
def close_today(request, book):
    """The day to close next: today, or the day that the calendar asks for (?date=)."""
    try:
        date = parse_date(request.GET["date"]) if request.GET.get("date") else book.today()
    except ValidationError as error:
        return refused(request, error)
    return redirect("ledger:close_day", book.slug, date.isoformat())


@require_http_methods(["GET", "HEAD", "POST"])
@book_page(access.READ)
def close_day(request, book, text):
    try:
        date = parse_date(text)
    except ValidationError as error:
        return refused(request, error, status=404)
    if book.is_closed_on(date):
        return _closed(request, book, date)
    if request.method == "POST" and not access.may(request.user, book, access.CLOSE):
        raise PermissionDenied("Your role in this book does not close days; ask its staff or owner.")
    day = daybook.day_books(book, date, date, details=False)[0]
    agents = Account.objects.filter(book=book, agent__isnull=False, is_active=True)
    counts = [
        CountForm(
            request.POST if request.method == "POST" else None,
            account=on_day.account,
            balance=on_day.closing_balance,
            agents_accounts=agents,
        )
        for on_day in day.accounts
    ]
    reasons = []
    wrong = [form for form in counts if request.method == "POST" and not form.is_valid()]  # all of them are looked at
    if request.method == "POST" and not wrong:
        try:
            closing.close_day(
                book,
                date,
                user=request.user,
                counts=[count for count in (form.count() for form in counts) if count],
                note=request.POST.get("note", "")[:500],
            )
        except ValidationError as error:
            reasons = error.messages
        else:
            messages.success(request, f"Closed through {date:%d-%m-%Y}.")
            return redirect("ledger:close_day", book.slug, date.isoformat())
    for form in counts:  # the page shows what the books say now, whatever they said when counting began
        if form.is_bound:
            form.data = form.data.copy()
            form.data[form.add_prefix("expected")] = str(form.balance)
    return page(
        request,
        "ledger/close_day.html",
        {
            "day": day,
            "counts": counts,
            "reasons": reasons,
            "note": request.POST.get("note", ""),
            "may_close": access.may(request.user, book, access.CLOSE) and date <= book.today(),
            "left_behind": [closing.difference_in_words(row) for row in closing.left_behind(book, date)],
            "unclosed": unclosed_days(book),
            "closed_through": book.closed_through,
            "before": date - ONE_DAY,
            "after": date + ONE_DAY,
        },
        status=422 if request.method == "POST" else 200,
    )


def _closed(request, book, date):
    """A closed day: what was counted, by whom; the owner signs or reopens. A close sent again ends here."""
    if request.method == "POST":
        messages.info(request, f"{date:%d-%m-%Y} is closed already.")
        return redirect("ledger:close_day", book.slug, date.isoformat())
    close = (
        DayClose.objects.filter(book=book, date__gte=date, reopened_at=None)
        .select_related("closed_by", "signed_by")
        .order_by("date")
        .first()
    )
    return page(
        request,
        "ledger/closed_day.html",
        {
            "date": date,
            "close": close,
            "counts": close.counts.select_related("account") if close else [],
            "first_open": book.closed_through + ONE_DAY,
            "is_owner": access.may(request.user, book, access.MANAGE),
            "unclosed": unclosed_days(book),
            "before": date - ONE_DAY,
            "after": date + ONE_DAY,
        },
    )


def unclosed_days(book):
    """The DayBooks with money moved that no close covers, newest first, at most UNCLOSED_SHOWN."""
    daybook.finish_pending(book.pk)
    days = DayBook.objects.filter(book=book, date__lte=book.today(), details__isnull=False)
    if book.closed_through:
        days = days.filter(date__gt=book.closed_through)
    return list(days.distinct().order_by("-date")[:UNCLOSED_SHOWN])


def _standing(book, date):
    """The close of exactly that date that stands, or None."""
    return DayClose.objects.filter(book=book, date=date, reopened_at=None).first()


@require_POST
@book_page(access.MANAGE)
def sign(request, book, text):
    """The owner's signature; sent twice it stands once."""
    try:
        close = _standing(book, parse_date(text))
        if close is None:
            raise ValidationError("No close of this day stands; close it once more first.")
        closing.sign_close(close, user=request.user)
    except ValidationError as error:
        return refused(request, error)
    messages.success(request, f"Signed through {close.date:%d-%m-%Y}.")
    return redirect("ledger:close_day", book.slug, close.date.isoformat())


@require_POST
@book_page(access.MANAGE)
def reopen(request, book, text):
    """Reopen the day and all after it; sent twice it finds the day open and says so."""
    try:
        date = parse_date(text)
        if not book.is_closed_on(date):
            messages.info(request, f"{date:%d-%m-%Y} is open already.")
        else:
            closes = closing.reopen_day(book, date, user=request.user, reason=request.POST.get("reason", "")[:500])
            messages.success(
                request, f"Open again from {date:%d-%m-%Y} on.{_in_the_bin(closing.withdrawn_with(closes))}"
            )
    except ValidationError as error:
        return refused(request, error)
    return redirect("ledger:close_day", book.slug, date.isoformat())


@require_POST
@book_page(access.CLOSE)
def withdraw(request, book, text):
    """Withdraw differences whose close was opened again; sent twice it finds none and says so."""
    try:
        date = parse_date(text)
        gone = closing.withdraw_left_behind(book, user=request.user)
    except ValidationError as error:
        return refused(request, error)
    words = _in_the_bin([closing.difference_in_words(row) for row in gone]).strip()
    messages.info(request, words or "Nothing of a close that was opened again stands, or a fault keeps its day.")
    return redirect("ledger:close_day", book.slug, date.isoformat())


def _in_the_bin(differences):
    """A sentence that follows another one; "" for none."""
    return f" Put into the bin: {'; '.join(differences)}." if differences else ""


@require_safe
@book_page()
def closes(request, book):
    """The history of closes, newest first."""
    found = (
        DayClose.objects.filter(book=book)
        .select_related("closed_by", "signed_by", "reopened_by")
        .prefetch_related("counts__account")
        .order_by("-closed_at", "-id")[:CLOSES_SHOWN]
    )
    return page(
        request,
        "ledger/closes.html",
        {"closes": found, "unclosed": unclosed_days(book), "back": reverse("ledger:close_day", args=[book.slug])},
    )
