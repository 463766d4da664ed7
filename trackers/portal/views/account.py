"""A customer's own login: his language, his password, logging out here and everywhere."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.shortcuts import redirect
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from trackers.models import Customer
from trackers.portal import logins
from trackers.portal.access import customer_page, own
from trackers.portal.forms import AnotherPassword
from trackers.portal.views.passbooks import page


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@customer_page
def account(request):
    """His login; a POST changes his password and ends his other sessions."""
    form = AnotherPassword(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        update_session_auth_hash(request, request.user)
        messages.success(request, _("The password is changed. Other phones are logged out."))
        return redirect("portal:account")
    context = {"form": form, "customers": own(Customer.objects.select_related("book"), request.user)}
    return page(request, "portal/account.html", context)


@require_POST
@customer_page
def language(request):
    """Keep another language, in the browser and with the customer."""
    chosen = request.POST.get("language", "")
    response = redirect("portal:home")
    if chosen in dict(settings.LANGUAGES):
        logins.choose_language(request.user, chosen)
        translation.activate(chosen)
        logins.keep_language(response, chosen)
    return response


@require_POST
def log_out(request):
    """Log out here, or with `everywhere` on every phone and computer. The browser forgets what it has kept."""
    if request.user.is_authenticated and request.POST.get("everywhere"):
        logins.end_sessions(request.user)
    logout(request)
    response = redirect("login")
    response["Clear-Site-Data"] = '"storage"'
    return response
