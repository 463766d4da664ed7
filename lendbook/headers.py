"""What every answer carries beside its content, and which requests come in at all."""

from django.http import HttpResponseBadRequest, HttpResponseNotAllowed

METHODS = ("GET", "HEAD", "OPTIONS", "POST")
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer",
        "microphone", "midi", "payment", "usb",
    )
)  # fmt: skip


class HeadersMiddleware:
    """Lendbook's forms know GET and POST; any other method changes nothing, whatever a view would make of it.

    A NUL in a query or a cookie is nobody's typing, and PostgreSQL cannot be asked with one: it goes no further.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.method not in METHODS:
            response = HttpResponseNotAllowed(METHODS)
        elif _holds_nul(request):
            response = HttpResponseBadRequest("This address holds a NUL.", content_type="text/plain")
        else:
            response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response


def _holds_nul(request):
    asked = request.META.get("QUERY_STRING", "")
    return "%00" in asked or any("\x00" in text for text in (asked, *request.COOKIES.values()))
