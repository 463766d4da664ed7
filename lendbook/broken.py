"""What a person is told where something broke: whether what he sent was saved before it, and whether the disk is full."""

import sys

from django.http import HttpResponseServerError
from django.template.loader import render_to_string
from django.views.decorators.csrf import requires_csrf_token

from shop import commits
from shop.disk import is_at_fault


class CommitsMiddleware:
    """Begins each request with nothing saved, so that a fault in it tells truly whether something was."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        commits.begin()
        return self.get_response(request)


@requires_csrf_token
def something_broke(request):
    """500: the page needs neither database nor disk."""
    context = {"is_saved": commits.has_saved(), "is_disk": is_at_fault(sys.exc_info()[1])}
    return HttpResponseServerError(render_to_string("500.html", context))
