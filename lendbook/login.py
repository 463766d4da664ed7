"""Logging in, throttled: too many wrong passwords for one login or from one address must wait.

A try is counted before the password is looked at, where all web processes see it and a restart forgets nothing.
"""

import time

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ValidationError
from django.dispatch import receiver
from django.utils import timezone

from ledger import access, tries
from ledger.disk import spared

WAIT_SECONDS = 15 * 60
TRIES_PER_LOGIN, TRIES_PER_ADDRESS = 10, 100
ASKS_PER_ADDRESS = 20


def address_of(request):
    """Where a request comes from: behind a proxy that speaks TLS for us, what the proxy itself saw."""
    seen = request.META.get("HTTP_X_FORWARDED_FOR", "") if request.is_secure() else ""
    return seen.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", "")


def _counters(login, request):
    """(kind, name, limit) of the two counters."""
    for kind, name, limit in (
        ("login", login.strip().casefold(), TRIES_PER_LOGIN),
        ("address", address_of(request) if request else "", TRIES_PER_ADDRESS),
    ):
        if name:
            yield kind, name, limit


def take_a_try(login, request):
    """Count a password about to be tried; whether it may be."""
    return all(tries.take(*counter, WAIT_SECONDS) for counter in _counters(login, request))


def may_ask(request):
    """Whether this address may ask for a new password once more; it is counted."""
    return tries.take("asks", address_of(request), ASKS_PER_ADDRESS, WAIT_SECONDS)


def note_log_in(sender, user, **kwargs):
    """Django's note of the last log-in; a database that cannot write lets people in without it."""
    with spared("When somebody logged in last"):
        user.last_login = timezone.now()
        user.save(update_fields=["last_login"])


def connect():
    """Take the place of Django's own note of the last log-in, which it leaves to who has its name."""
    user_logged_in.connect(note_log_in, dispatch_uid="update_last_login")


@receiver(user_logged_in)
def forget_tries(sender, request, user, **kwargs):
    """The right password clears the login's count; the address keeps what others there tried."""
    login, *address = _counters(user.get_username(), request)
    tries.forget(*login[:2])
    for kind, name, _ in address:
        tries.give_back(kind, name)


class IdleMiddleware:
    """Logs out whoever works in a book and asked for nothing for IDLE_MINUTES: a counter is left unattended."""

    SEEN = "seen_at"  # seconds since 1970, written into the session once a minute

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if access.works_in_the_office(request.user):
            now, seen = int(time.time()), request.session.get(self.SEEN)
            if seen is not None and now - seen > settings.IDLE_MINUTES * 60:
                logout(request)
            elif seen is None or abs(now - seen) >= 60:  # a moment ahead is of a clock that was wrong
                request.session[self.SEEN] = now
        return self.get_response(request)


class LoginForm(AuthenticationForm):
    """Name and password of whoever works in a book; Django's staff flag says nothing here."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "This name and password do not go together. Mind capital letters.",
        "throttled": "Too many wrong passwords. Wait a quarter of an hour, or ask the book's owner for a new one.",
    }

    def confirm_login_allowed(self, user):
        super().confirm_login_allowed(user)
        if not access.works_in_the_office(user):
            raise ValidationError("This login works in no book. Ask the owner of your book to add you.", code="no_book")

    def clean(self):
        name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if name and password and not take_a_try(name, self.request):
            raise ValidationError(self.error_messages["throttled"], code="throttled")
        return super().clean()
