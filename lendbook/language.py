"""Which language a page speaks: the office English, everything else the reader's (his cookie, else his browser's)."""

from django.conf import settings
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

OFFICE = ("/admin/", "/books/", "/open-book/", "/set-up/", "/set-password/", "/second-factor/")


class LanguageMiddleware(LocaleMiddleware):
    """Django's, which would translate half of the office (the admin's own words) for a browser set to Tamil."""

    def process_request(self, request):
        if request.path.startswith(OFFICE):
            translation.activate(settings.LANGUAGE_CODE)
            request.LANGUAGE_CODE = settings.LANGUAGE_CODE
        else:
            super().process_request(request)
