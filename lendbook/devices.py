"""Browsers from which somebody has logged in before: a signed cookie says whose, so that strangers' tries do not count there.

A device is known for a login once that login came all the way in from it, its second factor included. The cookie opens
nothing: it only gives the device a count of wrong passwords and codes of its own.
"""

import hashlib
import secrets

from django.conf import settings
from django.core import signing

_SALT = "lendbook.devices"
DAYS, LOGINS_KEPT = 365, 8


def device_of(request, login: str) -> str:
    """The name of the device a request comes from, if it is known for `login`; else ""."""
    kept = _read(request)
    return kept["id"] if _mark(login) in kept["of"] else ""


def came_in(request, login: str) -> None:
    """Remember that `login` came all the way in; the answer takes the cookie along (DeviceMiddleware)."""
    kept = _read(request)
    mark = _mark(login)
    of = [mark, *(one for one in kept["of"] if one != mark)][:LOGINS_KEPT]
    if of != kept["of"]:
        request._device = {"id": kept["id"] or secrets.token_urlsafe(12), "of": of}


def _read(request):
    if request is None:
        return {"id": "", "of": []}
    if hasattr(request, "_device"):
        return request._device
    try:
        kept = signing.loads(request.COOKIES.get(settings.DEVICE_COOKIE_NAME, ""), salt=_SALT, max_age=DAYS * 86400)
        return {"id": str(kept["id"]), "of": [str(one) for one in kept["of"]]}
    except (signing.BadSignature, ValueError, KeyError, TypeError):
        return {"id": "", "of": []}


def _mark(login):
    """Names of people do not stand in a cookie in clear."""
    return hashlib.sha256(login.strip().casefold().encode()).hexdigest()[:12]


class DeviceMiddleware:
    """Gives a browser the cookie that says who came in from it."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if hasattr(request, "_device"):
            response.set_cookie(
                settings.DEVICE_COOKIE_NAME,
                signing.dumps(request._device, salt=_SALT),
                max_age=DAYS * 86400,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response
