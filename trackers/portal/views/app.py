"""What makes the customer's side a thing on the phone's home screen: its manifest and its service worker."""

from functools import cache

from django.contrib.staticfiles import finders
from django.http import HttpResponse, JsonResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe


@require_safe
def manifest(request):
    """The web app's manifest, in the reader's language."""
    icons = [
        ("icon.svg", "any", "image/svg+xml"),
        ("icon-192.png", "192x192", "image/png"),
        ("icon-512.png", "512x512", "image/png"),
    ]
    document = {
        "id": "/passbook/",
        "name": _("Passbook"),
        "short_name": _("Passbook"),
        "start_url": reverse("portal:home"),
        "scope": "/",
        "display": "standalone",
        "background_color": "#f4f6f7",
        "theme_color": "#0f766e",
        "icons": [{"src": static(name), "sizes": sizes, "type": kind} for name, sizes, kind in icons],
    }
    return JsonResponse(document, content_type="application/manifest+json")


@require_safe
def worker(request):
    """The service worker, from the folder whose pages it may keep; never an old one."""
    response = HttpResponse(_worker_source(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response


@cache
def _worker_source():
    with open(finders.find("portal_worker.js"), encoding="utf-8") as file:
        return file.read()
