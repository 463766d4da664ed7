"""The set-up page: an empty instance is made ready in the browser, once, by whoever saw the token at the start."""

import hashlib
import secrets
import time
from pathlib import Path

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.utils.timezone import localdate
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from ledger import book_setup, services
from ledger.models import Account
from shop import clock
from shop.models import Role
from shop.money_fields import MoneyFormField

LIVES_SECONDS = 24 * 3600
STAFF_ROLES = [(Role.STAFF, "Staff"), (Role.AGENT, "Agent"), (Role.AUDITOR, "Auditor")]


# ------------------------------------------------------------------------------------------------ the token


def _token_path():
    return Path(settings.DATA_DIR, "setup_token")


def is_empty():
    """Whether nobody can log in yet."""
    return not get_user_model().objects.exists()


def new_token():
    """A fresh token for an empty instance that is not dev, its hash kept for a day; "" where nothing is to set up."""
    path = _token_path()
    path.unlink(missing_ok=True)
    if settings.INSTANCE == "dev" or not is_empty():
        return ""
    token = secrets.token_urlsafe(24)
    path.touch(mode=0o600)
    path.write_text(_hash(token))
    return token


def _hash(token):
    return hashlib.sha256(token.encode()).hexdigest()


def _is_valid(token):
    path = _token_path()
    try:
        age = time.time() - path.stat().st_mtime
        fresh = -clock.TOLERANCE.total_seconds() < age < LIVES_SECONDS
        return fresh and secrets.compare_digest(path.read_text(), _hash(token))
    except FileNotFoundError:
        return False


# ------------------------------------------------------------------------------------------------ the forms


class BookForm(forms.Form):
    """The owner and the book."""

    login = forms.CharField(
        label="Your login", max_length=150, help_text="Letters, digits and @ . + - _", widget=forms.TextInput
    )
    password = forms.CharField(
        label="Your password",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        strip=False,
        help_text="At least 10 characters, not a common word.",
    )
    again = forms.CharField(
        label="The password again", widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), strip=False
    )
    book = forms.CharField(label="Name of the book", max_length=120, help_text="The shop's name, for example.")
    begins_on = forms.DateField(
        label="The book begins on",
        localize=True,
        initial=localdate,
        help_text="What you count below is what was there on the morning of this day.",
    )

    def clean(self):
        values = super().clean()
        if {"password", "again"} <= values.keys() and values["password"] != values["again"]:
            self.add_error("again", "The two passwords differ; type the same one twice.")
        return values


class AccountForm(forms.Form):
    """An account and what was counted in it; a line without a name is left out."""

    name = forms.CharField(label="Account", max_length=80, required=False)
    kind = forms.ChoiceField(label="Kind", choices=Account.Kind)
    opening = MoneyFormField(label="Counted", required=False)

    def clean(self):
        values = super().clean()
        if values.get("name") and "opening" in values and values["opening"] is None:
            self.add_error("opening", "Count it; 0 is an answer too. Without this account, empty its name.")
        return values


class Accounts(forms.BaseFormSet):
    def clean(self):
        if any(self.errors):
            return
        names = [values["name"].casefold() for values in self.cleaned_data if values.get("name")]
        if not names:
            raise ValidationError("The book needs at least one account, such as a cash box.")
        if len(set(names)) < len(names):
            raise ValidationError("Two accounts have one name; each needs its own.")


class StaffForm(forms.Form):
    """Somebody who works in the book; a line without a login is left out."""

    login = forms.CharField(label="Login", max_length=150, required=False)
    role = forms.ChoiceField(label="Role", choices=STAFF_ROLES)
    password = forms.CharField(
        label="First password",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self):
        values = super().clean()
        if values.get("login") and not values.get("password"):
            self.add_error("password", "Give a first password; the person changes it after logging in.")
        return values


FIRST_ACCOUNTS = [{"name": "Cash", "kind": "cash"}, {"name": "Bank", "kind": "bank"}, {"kind": "upi"}, {"kind": "bank"}]
AccountLines = forms.formset_factory(AccountForm, formset=Accounts, extra=0, min_num=1, max_num=10, absolute_max=10)
StaffLines = forms.formset_factory(StaffForm, extra=3, max_num=10, absolute_max=10)


@transaction.atomic
def _make(book_form, account_lines, staff_lines):
    """Owner, book, accounts and staff, all or none; raises ValidationError with the form it belongs to in `.form`."""
    if not is_empty():
        raise ValidationError("Somebody has set Lendbook up a moment ago. Log in instead.")
    values = book_form.cleaned_data
    accounts = [
        (line["name"], line["kind"], line["opening"]) for line in account_lines.cleaned_data if line.get("name")
    ]
    name = services.clean_text(values["book"])
    with _errors_of(book_form, {"name": "book"}):
        book = services.open_book(
            slug=slugify(name)[:50] or "main", name=name, begins_on=values["begins_on"], accounts=accounts
        )
        member = book_setup.add_member(book, login=values["login"], role=Role.OWNER, password=values["password"])
    for form in staff_lines:
        line = form.cleaned_data
        if line.get("login"):
            with _errors_of(form, {}):
                book_setup.add_member(
                    book, login=line["login"], role=line["role"], password=line["password"], user=member.user
                )
    return member.user


class _errors_of:
    """Show a ValidationError of a service beside the form's fields it speaks of, and let it roll everything back."""

    def __init__(self, form, renamed):
        self.form, self.renamed = form, {"username": "login", **renamed}

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, ValidationError):
            by_field = error.message_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.messages}
            for field, messages in by_field.items():
                field = self.renamed.get(field, field)
                self.form.add_error(field if field in self.form.fields else None, messages)


# ------------------------------------------------------------------------------------------------ the pages


@never_cache
@sensitive_post_parameters()
def set_up(request):
    """Show and take the set-up form; 404 once somebody can log in, or without the token printed at the start."""
    if settings.INSTANCE == "dev" or not is_empty():
        raise Http404("There is no such page here.")
    if not _is_valid(request.GET.get("token", "")):
        return render(request, "lendbook/set_up.html", {}, status=403)
    posted = request.POST if request.method == "POST" else None
    plain = {"label_suffix": ""}
    book_form = BookForm(posted, **plain)
    account_lines = AccountLines(posted, prefix="account", initial=FIRST_ACCOUNTS, form_kwargs=plain)
    staff_lines = StaffLines(posted, prefix="staff", form_kwargs=plain)
    valid = [form.is_valid() for form in (book_form, account_lines, staff_lines)]  # all, so that every fault is shown
    if all(valid):
        owner = _take_turn(book_form, account_lines, staff_lines)
        if owner:
            login(request, owner, backend="django.contrib.auth.backends.ModelBackend")
            return redirect("front")
    context = {"book_form": book_form, "account_lines": account_lines, "staff_lines": staff_lines}
    return render(request, "lendbook/set_up.html", context)


def _take_turn(book_form, account_lines, staff_lines):
    """The owner made, or None where a form has errors now. Of two people who press at once, one takes the token."""
    taken = _token_path().with_suffix(".taken")
    try:
        _token_path().rename(taken)
    except FileNotFoundError:
        raise Http404("Somebody has set Lendbook up a moment ago.") from None
    try:
        owner = _make(book_form, account_lines, staff_lines)
    except ValidationError:
        taken.rename(_token_path())
        return None
    except BaseException:
        taken.rename(_token_path())
        raise
    taken.unlink()
    return owner
