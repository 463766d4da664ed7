"""Logging in, throttled: too many wrong passwords must wait, and nobody can make somebody else wait from afar.

Wrong passwords count per login and address, so that a stranger's tries are the stranger's. A device from which the login
came in before has a count of its own, which nobody else can use up. For all others together there is a ceiling per
login, so that a thousand addresses do not have a thousand times the tries.
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

from lendbook import devices
from lendbook.addresses import address_of, counted_as
from lendbook.models import SecondFactor
from shop import access, rate_limits
from shop.disk import write_if_possible

WAIT_SECONDS = 15 * 60
TRIES_PER_LOGIN, TRIES_PER_ADDRESS = 10, 100
TRIES_OF_STRANGERS = 50  # for one login, from all addresses together
ASKS_PER_ADDRESS = 20
LOGIN, DEVICE, STRANGERS, ADDRESS, ASKS = "login", "device", "strangers", "address", "asks"  # kinds of counters


def _own_counter(login, request):
    """(kind, name, limit) of the login's counter on this device, or from this address."""
    login = login.strip().casefold()
    device = devices.device_of(request, login)
    if device:
        return DEVICE, (login, device), TRIES_PER_LOGIN
    return LOGIN, (login, _counted(request)), TRIES_PER_LOGIN


def _shared_counters(login, request):
    """(kind, name, limit) of what strangers use up together; a known device has no part in it."""
    if devices.device_of(request, login):
        return
    yield STRANGERS, (login.strip().casefold(),), TRIES_OF_STRANGERS
    address = _counted(request)
    if address:
        yield ADDRESS, (address,), TRIES_PER_ADDRESS


def _counted(request):
    return counted_as(address_of(request)) if request else ""


def take_a_try(login, request):
    """Count a password about to be tried; whether it may be. One that may not uses up nothing that others share."""
    if not rate_limits.take(*_own_counter(login, request), WAIT_SECONDS):
        return False
    return all(rate_limits.take(*counter, WAIT_SECONDS) for counter in _shared_counters(login, request))


def clear(login):
    """Forget every wrong password of a login, wherever it was tried; returns how many counters there were."""
    login = login.strip().casefold()
    return sum(rate_limits.forget_all(kind, login) for kind in (LOGIN, DEVICE, STRANGERS))


def clear_address(address):
    """Forget what was tried and asked for from an address, whichever logins it was."""
    name = counted_as(address)
    return sum(rate_limits.forget_all(kind, name) for kind in (ADDRESS, ASKS))


def may_ask(request):
    """Whether this address may ask for a new password once more; it is counted."""
    return rate_limits.take(ASKS, (_counted(request),), ASKS_PER_ADDRESS, WAIT_SECONDS)


def note_log_in(sender, user, **kwargs):
    """Django's note of the last log-in; a database that cannot write lets people in without it."""
    user.last_login = timezone.now()
    write_if_possible("When somebody logged in last", lambda: user.save(update_fields=["last_login"]))


def connect():
    """Take the place of Django's own note of the last log-in, which it leaves to who has its name."""
    user_logged_in.connect(note_log_in, dispatch_uid="update_last_login")


@receiver(user_logged_in)
def forget_tries(sender, request, user, **kwargs):
    """The right password clears the count of who typed it; what strangers tried stays. Who came all the way in has made
    his device known; where a second factor is set up, that is still to come (second_factor).
    """
    name = user.get_username()
    kind, own, _ = _own_counter(name, request)
    rate_limits.forget(kind, own)
    for kind, shared, _ in _shared_counters(name, request):
        rate_limits.give_back(kind, shared)
    if not SecondFactor.objects.filter(user=user).exists():
        devices.came_in(request, name)


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
        "throttled": "Too many wrong passwords. Wait a quarter of an hour, or have whoever looks after the machine run: "
        "manage.py clear_wrong_passwords, with your login.",
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
