"""The set-up page: an empty instance is made ready in the browser, once, by whoever saw the token at the start."""

import hashlib
import secrets
import time
from pathlib import Path

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.timezone import localdate
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from ledger import services
from ledger.models import Account, Role
from lendbook.money import ZERO, MoneyFormField

LIVES_SECONDS = 24 * 3600


def _token_path():
    return Path(settings.DATA_DIR, "setup_token")


def is_empty():
    """Whether nobody can log in yet."""
    return not get_user_model().objects.exists()


def new_token():
    """A fresh token for an empty instance that is not dev, its hash kept for a day; "" where there is nothing to set up."""
    if settings.INSTANCE == "dev" or not is_empty():
        return ""
    token = secrets.token_urlsafe(24)
    path = _token_path()
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(_hash(token))
    return token


def _hash(token):
    return hashlib.sha256(token.encode()).hexdigest()


def _is_valid(token):
    path = _token_path()
    try:
        fresh = time.time() - path.stat().st_mtime < LIVES_SECONDS
        return fresh and secrets.compare_digest(path.read_text(), _hash(token))
    except FileNotFoundError:
        return False


class SetupForm(forms.Form):
    """Owner, book, what was counted, and the first people; empty staff lines are left out."""

    owner = forms.CharField(label="Your login", max_length=150)
    password = forms.CharField(label="Your password", widget=forms.PasswordInput, strip=False)
    book = forms.CharField(label="Name of the book", max_length=120, initial="Main book")
    begins_on = forms.DateField(label="The book begins on", initial=localdate, localize=True)
    cash = MoneyFormField(label="Cash counted that morning", initial="0", required=False)
    bank_name = forms.CharField(label="Bank account", max_length=80, required=False, help_text="Empty: none yet.")
    bank = MoneyFormField(label="Balance at the bank that morning", initial="0", required=False)
    upi_name = forms.CharField(label="UPI wallet", max_length=80, required=False, help_text="Empty: none.")
    upi = MoneyFormField(label="Balance in the wallet that morning", initial="0", required=False)
    staff_1 = forms.CharField(label="Login of a clerk", max_length=150, required=False)
    staff_1_password = forms.CharField(
        label="Password for the clerk", widget=forms.PasswordInput, required=False, strip=False
    )

    def clean_owner(self):
        return _new_login(self.cleaned_data["owner"])

    def clean_staff_1(self):
        return _new_login(self.cleaned_data["staff_1"]) if self.cleaned_data["staff_1"] else ""

    def clean(self):
        values = super().clean()
        for name, password in (("owner", "password"), ("staff_1", "staff_1_password")):
            if values.get(name) and password in values:
                try:
                    validate_password(values[password], get_user_model()(username=values[name]))
                except ValidationError as error:
                    self.add_error(password, error)
        if values.get("staff_1") and values.get("staff_1") == values.get("owner"):
            self.add_error("staff_1", "The clerk needs a login of his own.")
        return values


def _new_login(name):
    return get_user_model()._meta.get_field("username").clean(name, None)


def _make(values):
    """Owner, book and clerk in one transaction; raises ValidationError. Nobody may have been first."""
    User = get_user_model()
    with transaction.atomic():
        if not is_empty():
            raise ValidationError("Somebody has set Lendbook up a moment ago. Log in instead.")
        owner = User.objects.create_user(values["owner"], password=values["password"])
        accounts = [("Cash", Account.Kind.CASH, values["cash"] or ZERO)]
        if values["bank_name"]:
            accounts.append((values["bank_name"], Account.Kind.BANK, values["bank"] or ZERO))
        if values["upi_name"]:
            accounts.append((values["upi_name"], Account.Kind.UPI, values["upi"] or ZERO))
        book = services.open_book(
            slug="main", name=values["book"], owner=owner, begins_on=values["begins_on"], accounts=accounts
        )
        if values["staff_1"]:
            clerk = User.objects.create_user(values["staff_1"], password=values["staff_1_password"])
            services.set_member(book, clerk, Role.STAFF)
    return owner


@never_cache
@sensitive_post_parameters()
def set_up(request):
    """Show and take the set-up form; 404 once somebody can log in, or without the token printed at the start."""
    if settings.INSTANCE == "dev" or not is_empty():
        raise Http404("There is no such page here.")
    if not _is_valid(request.GET.get("token", "")):
        return render(request, "lendbook/set_up.html", {"form": None}, status=403)
    form = SetupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        # One of two people who press at once takes the token away; the other finds the page gone.
        taken = _token_path().with_suffix(".taken")
        try:
            _token_path().rename(taken)
        except FileNotFoundError:
            raise Http404("Somebody has set Lendbook up a moment ago.") from None
        try:
            owner = _make(form.cleaned_data)
        except BaseException as error:
            taken.rename(_token_path())
            if not isinstance(error, ValidationError):
                raise
            form.add_error(None, error)
        else:
            taken.unlink()
            login(request, owner, backend="django.contrib.auth.backends.ModelBackend")
            return redirect("front")
    return render(request, "lendbook/set_up.html", {"form": form})


def front(request):
    """The first page: set-up where nobody can log in yet, else the admin's front."""
    if settings.INSTANCE != "dev" and is_empty():
        return redirect("set_up")
    return redirect("admin:index")
