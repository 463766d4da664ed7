"""Customers' logins: found by name or phone, their language, and ending all their sessions at once."""

import re

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in
from django.db.models import F, OuterRef, Subquery
from django.dispatch import receiver

from ledger import services as ledger
from trackers.models import Customer, CustomerLogin

SESSION_KEY = "login_epoch"
_PHONE_DIGITS = 10


def phone_digits(text):
    """The last ten digits of a phone number however it is written ("+91 98400-12345"), "" for what is none."""
    if not re.fullmatch(r"[0-9+()./\s-]+", text):
        return ""
    digits = re.sub(r"\D", "", text)
    return digits[-_PHONE_DIGITS:] if _PHONE_DIGITS <= len(digits) <= 14 else ""


def dialled(phone):
    """A phone number as wa.me and sms: want it: digits with the country's in front, India's where none is told."""
    digits = re.sub(r"\D", "", phone)
    if phone.strip().startswith("+"):
        return digits
    digits = digits.lstrip("0")
    return f"91{digits}" if len(digits) == _PHONE_DIGITS else digits


def username_of(typed):
    """The user name that `typed` logs in: itself, or whose phone it is, where it is exactly one customer login's."""
    typed = typed.strip()
    User = get_user_model()
    digits = phone_digits(typed)
    if not digits or User.objects.filter(username=typed).exists():
        return typed
    rows = Customer.objects.filter(is_active=True).exclude(phone="").values_list("phone", "user__username")
    names = {name for phone, name in rows if phone_digits(phone) == digits}
    return names.pop() if len(names) == 1 else typed


# ------------------------------------------------------------------------------------------------ sessions


@receiver(user_logged_in)
def remember_epoch(sender, request, user, **kwargs):
    """A session belongs to the epoch in which it began."""
    request.session[SESSION_KEY] = epoch_of(user)


def epoch_of(user):
    return CustomerLogin.objects.filter(user=user).values_list("epoch", flat=True).first() or 0


def epoch_of_customer(user):
    """The epoch of a customer's login, None for a login that is no customer's. One query, as every page asks it."""
    epoch = CustomerLogin.objects.filter(user=OuterRef("user")).values("epoch")
    rows = Customer.objects.filter(user=user).order_by().values_list(Subquery(epoch), flat=True)[:1]
    return next((found or 0 for found in rows), None)


def is_of_epoch(request, epoch):
    """Whether the session is not from before the last "log out everywhere"."""
    return request.session.get(SESSION_KEY, 0) == epoch


def end_sessions(user):
    """Log the login out everywhere: every session of an earlier epoch is worth nothing. No password is needed."""
    CustomerLogin.objects.get_or_create(user=user)
    CustomerLogin.objects.filter(user=user).update(epoch=F("epoch") + 1)


# ------------------------------------------------------------------------------------------------ language


def language_of(user):
    """The language a customer has chosen, "" for a login that is no customer's."""
    return user.customers.order_by("pk").values_list("language", flat=True).first() or ""


def choose_language(user, language):
    """Keep the language in all of the login's customers; what is no language of ours is left alone."""
    if language not in Customer.Language.values:
        return
    for customer in user.customers.exclude(language=language):
        customer.language = language
        ledger.save(customer, user, "Language")


def keep_language(response, language):
    """Keep the language in the browser for a year."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
