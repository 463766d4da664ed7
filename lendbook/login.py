"""Logging in, throttled: too many wrong passwords for one login or from one address must wait.

Counted in the cache that all web processes share, so that a restart or a second process forgets nothing.
"""

import hashlib

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.dispatch import receiver

from ledger import access

WAIT_SECONDS = 15 * 60
TRIES_PER_LOGIN, TRIES_PER_ADDRESS = 10, 100


def address_of(request):
    """Where a request comes from: behind a proxy that speaks TLS for us, what the proxy itself saw."""
    seen = request.META.get("HTTP_X_FORWARDED_FOR", "") if request.is_secure() else ""
    return seen.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", "")


def _counters(login, request):
    """(cache key, limit) of the two counters; people's names do not stand in the cache in clear."""
    for kind, name, limit in (
        ("login", login.strip().casefold(), TRIES_PER_LOGIN),
        ("address", address_of(request) if request else "", TRIES_PER_ADDRESS),
    ):
        if name:
            yield f"tries:{kind}:{hashlib.sha256(name.encode()).hexdigest()[:32]}", limit


def is_throttled(login, request):
    """Whether this login or address has used up its tries for now."""
    return any(cache.get(key, 0) >= limit for key, limit in _counters(login, request))


@receiver(user_login_failed)
def count_failure(sender, credentials, request=None, **kwargs):
    for key, _ in _counters(str(credentials.get("username", "")), request):
        if not cache.add(key, 1, WAIT_SECONDS):
            cache.incr(key)


@receiver(user_logged_in)
def forget_failures(sender, request, user, **kwargs):
    key, _ = next(_counters(user.get_username(), request))
    cache.delete(key)


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
        if is_throttled(self.cleaned_data.get("username") or "", self.request):
            raise ValidationError(self.error_messages["throttled"], code="throttled")
        return super().clean()
