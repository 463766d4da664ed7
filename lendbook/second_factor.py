"""The second factor of whoever works in a book: six digits of an authenticator app (TOTP, RFC 6238), or a recovery code.

A session that has not passed it reaches nothing but the question for it and the log-out. Owners and superusers of
prod must have one; others may. What is checked is checked on the locked row, so that a code counts once, and wrong ones
are counted, however many requests, processes or restarts there are.
"""

import base64
import hashlib
import hmac
import secrets
import struct
import time
from datetime import timedelta
from urllib.parse import quote

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db import transaction
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.http import urlencode
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from lendbook import audit, devices
from lendbook.front import safe_next
from lendbook.models import SecondFactor
from shop import access, clock, rate_limits
from shop.downloads import attachment
from shop.models import Role

PERIOD_SECONDS, DIGITS = 30, 6
RECOVERY_CODES = 10
WRONG_CODES, WAIT = 8, timedelta(minutes=15)
PASSED, PLANNED = "second_factor", "second_factor_planned"  # keys of the session
WRONG = "This code is wrong, used or too old. Codes change every 30 seconds; mind the phone's clock."
WAITING = "Too many wrong codes. Wait a quarter of an hour."
_SALT, CODE = "lendbook.second_factor", "code"


# ------------------------------------------------------------------------------------------------ codes


def code_at(secret, period):
    """The code of a 30-second period (seconds since 1970 // 30); `secret` in base32."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", period), hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def period_of(secret, code, after=0):
    """The period a code belongs to: now, the one before or the next (phones' clocks), later than `after`; else None."""
    now = int(time.time()) // PERIOD_SECONDS
    for period in (now, now - 1, now + 1):
        if period > after and constant_time_compare(code_at(secret, period), code):
            return period
    return None


def _lock():
    key = salted_hmac(_SALT, "secret", algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(key))


def _hash(code):
    return salted_hmac(_SALT, code, algorithm="sha256").hexdigest()


def _typed(code):
    return "".join(code.split()).replace("-", "").lower()[:32]


def new_recovery_codes(factor):
    """Ten codes ("abcd-efgh-ijkl-mnop", 80 bits each) that are shown now and never again; the old ones are void."""
    codes = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    factor.recovery_codes = [_hash(code) for code in codes]
    factor.save(update_fields=["recovery_codes"])
    return ["-".join(code[at : at + 4] for at in range(0, 16, 4)) for code in codes]


def is_set_up(user):
    return SecondFactor.objects.filter(user=user).exists()


def is_compulsory(user):
    """Whether the person must have one: whoever may do everything in a book, in prod."""
    if not settings.SECOND_FACTOR_COMPULSORY:
        return False
    mine = access.roles(user)
    return mine is None or Role.OWNER in mine.values()


@transaction.atomic
def activate(user, secret, code):
    """Make it the person's factor if `code` belongs to it; returns the recovery codes, or None."""
    period = period_of(secret, _typed(code))
    if period is None:
        return None
    values = {"secret": _lock().encrypt(secret.encode()).decode(), "used_period": period, "wrong_codes": 0}
    factor, _ = SecondFactor.objects.update_or_create(user=user, defaults={**values, "made_at": timezone.now()})
    return new_recovery_codes(factor)


@transaction.atomic
def refusal(user, code, device=""):
    """Take a code: "" where it is right and new, else why it is refused. A recovery code is used up.

    A `device` from which the person came all the way in before (devices.device_of) has a count of wrong codes of its
    own: whoever knows the password cannot use up his.
    """
    factor = SecondFactor.objects.select_for_update().filter(user=user).first()
    if factor is None:
        return WRONG
    _mind_the_clock(factor)
    if factor.wrong_at and factor.wrong_at < timezone.now() - WAIT:
        factor.wrong_codes = 0
    own = user.get_username().casefold(), device
    if device:
        may_try = rate_limits.take(CODE, own, WRONG_CODES, WAIT.total_seconds())
    else:
        may_try = factor.wrong_codes < WRONG_CODES
    if not may_try:
        return WAITING
    is_right = _take(factor, _typed(code))
    if is_right and device:
        rate_limits.forget(CODE, own)
    elif is_right:
        factor.wrong_codes = 0
    elif not device:
        factor.wrong_codes += 1
        factor.wrong_at = timezone.now()
    factor.save()
    return "" if is_right else WRONG


def clear(user):
    """Forget the person's wrong codes, wherever they were typed."""
    SecondFactor.objects.filter(user=user).update(wrong_codes=0)
    rate_limits.forget_all(CODE, user.get_username().casefold())


def _mind_the_clock(factor):
    """What was kept under a clock that was ahead begins to wait now, and no code has been used later than now."""
    now, period = timezone.now(), int(time.time()) // PERIOD_SECONDS
    is_late = bool(factor.wrong_at) and clock.is_ahead(factor.wrong_at, now)
    if is_late:
        factor.wrong_at = now
    if factor.used_period > period + 1:
        factor.used_period, is_late = period, True
    if is_late:
        factor.save(update_fields=["wrong_at", "used_period"])


def _take(factor, code):
    if len(code) != DIGITS:
        taken = _hash(code)
        left = [kept for kept in factor.recovery_codes if not constant_time_compare(kept, taken)]
        used, factor.recovery_codes = len(left) < len(factor.recovery_codes), left
        return used
    try:
        secret = _lock().decrypt(factor.secret.encode()).decode()
    except InvalidToken:  # restored without the instance's key; `reset_second_factor` helps
        return False
    period = period_of(secret, code, after=factor.used_period)
    factor.used_period = period or factor.used_period
    return period is not None


# ------------------------------------------------------------------------------------------------ the door


def must_pass(request):
    """The name of the page that the session must pass first, or ""."""
    user = request.user
    if not user.is_authenticated:
        return ""
    made = SecondFactor.objects.filter(user=user).values_list("made_at", flat=True).first()
    if made is not None:
        return "" if request.session.get(PASSED) == made.isoformat() else "second_factor"
    return "second_factor_set_up" if is_compulsory(user) else ""


def _device(request):
    return devices.device_of(request, request.user.get_username())


def _has_passed(request):
    request.session.cycle_key()
    request.session[PASSED] = SecondFactor.objects.get(user=request.user).made_at.isoformat()
    devices.came_in(request, request.user.get_username())


class SecondFactorMiddleware:
    """Leads a session that has not passed its second factor to the page that asks for it, whatever it asked for."""

    ALWAYS = ("admin:logout", "healthz", "readyz")

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        page = must_pass(request)
        if page and request.path not in self._open(page):
            back = urlencode({"next": request.get_full_path()}) if request.method == "GET" else ""
            return redirect(f"{reverse(page)}?{back}" if back else page)
        return self.get_response(request)

    def _open(self, page):
        return {reverse(name) for name in (page, *self.ALWAYS)}


# ------------------------------------------------------------------------------------------------ the pages


def _page(request, template, context, status=200):
    from django.contrib import admin

    is_in = not must_pass(request)
    frame = admin.site.each_context(request) if is_in else {}
    return render(request, template, {**frame, "is_in": is_in, "next": safe_next(request), **context}, status=status)


@never_cache
@sensitive_post_parameters()
def ask(request):
    """The question for the code; a right one opens the session."""
    if not request.user.is_authenticated:
        return redirect("login")
    if must_pass(request) != "second_factor":
        return redirect("front")
    error = ""
    if request.method == "POST":
        error = refusal(request.user, request.POST.get("code", ""), _device(request))
        if not error:
            _has_passed(request)
            return redirect(safe_next(request) or "front")
    return _page(request, "lendbook/second_factor.html", {"error": error}, status=403 if error else 200)


@never_cache
@sensitive_post_parameters()
def set_up(request):
    """Show a new secret as a picture and take its first code; with a factor already: new recovery codes, or turn off."""
    if not access.works_in_the_office(request.user):
        return redirect("login")
    if is_set_up(request.user):
        return _change(request)
    planned = _planned(request)
    error = ""
    if request.method == "POST":
        codes = activate(request.user, planned, request.POST.get("code", ""))
        if codes:
            del request.session[PLANNED]
            _has_passed(request)
            audit.note(request.user, "second_factor:made")
            return _codes(request, codes)
        error = WRONG
    context = {
        "title": "Second factor",
        "error": error,
        "picture": picture(request.user, planned),
        "secret": " ".join(planned[at : at + 4] for at in range(0, 32, 4)),
        "compulsory": is_compulsory(request.user),
    }
    return _page(request, "lendbook/second_factor_set_up.html", context)


def _planned(request):
    """The secret this session has been shown, encrypted also there; a new one where there is none."""
    try:
        return _lock().decrypt(request.session[PLANNED].encode()).decode()
    except (KeyError, InvalidToken):
        secret = base64.b32encode(secrets.token_bytes(20)).decode()
        request.session[PLANNED] = _lock().encrypt(secret.encode()).decode()
        return secret


def _change(request):
    error = ""
    if request.method == "POST":
        error = refusal(request.user, request.POST.get("code", ""), _device(request))
        wants_off = "off" in request.POST
        if not error and not wants_off:
            audit.note(request.user, "second_factor:new_codes")
            return _codes(request, new_recovery_codes(request.user.second_factor))
        if not error and is_compulsory(request.user):
            error = "Owners keep their second factor. On the server `reset_second_factor` lets you set up another."
        if not error:
            reset(request.user)
            audit.note(request.user, "second_factor:off")
            return redirect("front")
    context = {
        "title": "Second factor",
        "error": error,
        "factor": request.user.second_factor,
        "compulsory": is_compulsory(request.user),
    }
    return _page(request, "lendbook/second_factor_change.html", context)


def _codes(request, codes):
    return _page(request, "lendbook/recovery_codes.html", {"title": "Recovery codes", "codes": codes})


@require_POST
@never_cache
@sensitive_post_parameters()
def codes_file(request):
    """The codes just shown as a file: sent by that page, since Lendbook no longer knows them."""
    if must_pass(request) or not request.user.is_authenticated or not is_set_up(request.user):
        return redirect("front")
    kept = set(request.user.second_factor.recovery_codes)
    codes = [code for code in request.POST.getlist("code")[:RECOVERY_CODES] if _hash(_typed(code)) in kept]
    text = "\n".join(["Lendbook: recovery codes, each good once.", *codes, ""])
    return attachment(text, "text/plain; charset=utf-8", "lendbook-recovery-codes.txt")


def picture(user, secret):
    """The QR code of the secret as SVG, for authenticator apps."""
    import qrcode
    from qrcode.image.svg import SvgPathImage

    label = quote(f"Lendbook:{user.get_username()}")
    code = qrcode.make(f"otpauth://totp/{label}?secret={secret}&issuer=Lendbook", image_factory=SvgPathImage, border=2)
    return mark_safe(code.to_string(encoding="unicode"))


def reset(user):
    """Take the person's second factor away; False where there was none."""
    return bool(SecondFactor.objects.filter(user=user).delete()[0])
