"""The front: one log-in for all, from which a customer comes to his passbooks and who works in a book to the office."""

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.core.exceptions import ValidationError
from django.http import HttpResponseNotFound
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.defaults import page_not_found

from lendbook import language, setup
from lendbook.login import LoginForm, may_ask
from shop import access
from trackers.portal import links, logins
from trackers.portal.access import is_customer


class FrontForm(LoginForm):
    """User name or phone, and password, of a customer or of somebody who works in a book."""

    error_messages = {
        **LoginForm.error_messages,
        "invalid_login": _("This name and password do not go together. Mind capital letters."),
        "throttled": _("Too many wrong passwords. Wait a quarter of an hour, or ask the shop for a new one."),
        "nowhere": _("This login has no passbook here. Ask the shop."),
    }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.fields["username"].label = _("User name or phone number")
        self.fields["password"].label = _("Password")
        for field in self.fields.values():
            field.error_messages["required"] = _("Fill this in.")

    def clean(self):
        if self.cleaned_data.get("username"):
            self.cleaned_data["username"] = logins.username_of(self.cleaned_data["username"])
        return super().clean()

    def confirm_login_allowed(self, user):
        if not has_a_place(user):
            raise ValidationError(self.error_messages["nowhere"], code="nowhere")


def has_a_place(user):
    """Whether there is anything here for the login to open."""
    return access.works_in_the_office(user) or is_customer(user)


def front(request):
    """The first page: set-up where nobody can log in yet, else the log-in, the office or the customer's home."""
    if settings.INSTANCE != "dev" and setup.is_empty():
        return redirect("set_up")
    if access.works_in_the_office(request.user):
        return redirect("admin:index")
    return redirect("portal:home" if is_customer(request.user) else "login")


@never_cache
@sensitive_post_parameters()
@csrf_protect
def log_in(request):
    """The log-in of all. ?language=ta chooses the language, which the customer keeps once he is in."""
    if settings.INSTANCE != "dev" and setup.is_empty():
        return redirect("set_up")
    chosen = request.GET.get("language", "")
    if chosen in dict(settings.LANGUAGES):
        translation.activate(chosen)
        request.LANGUAGE_CODE = chosen
    else:
        chosen = ""
    where = safe_next(request)
    if request.method == "GET" and has_a_place(request.user):
        return redirect(where or "front")
    form = FrontForm(request, data=request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        user = form.get_user()
        login(request, user)
        response = redirect(where or "front")
        if is_customer(user):
            if chosen:
                logins.choose_language(user, chosen)
            logins.keep_language(response, logins.language_of(user))
        return response
    context = {"form": form, "next": where, "chosen": chosen, "languages": settings.LANGUAGES, "demo_logins": _demo()}
    response = render(request, "portal/login.html", context)
    if chosen:
        logins.keep_language(response, chosen)
    return response


class NameForm(forms.Form):
    """Who has forgotten his password."""

    username = forms.CharField(
        label=_("User name or phone number"), max_length=150, error_messages={"required": _("Fill this in.")}
    )


@never_cache
@csrf_protect
def forgotten(request):
    """A customer asks the shop for a link; the answer is the same whether there is such a name or not."""
    form = NameForm(request.POST or None, label_suffix="")
    is_done = request.method == "POST" and form.is_valid()
    if is_done and may_ask(request):
        name = logins.username_of(form.cleaned_data["username"])
        user = get_user_model().objects.filter(username=name).first()
        if user is not None and is_customer(user):
            links.ask(user)
    return render(request, "portal/forgotten.html", {"form": form, "done": is_done})


def safe_next(request):
    """Where the request says it wants to go afterwards, if that is a page of this site; else ""."""
    where = request.POST.get("next", request.GET.get("next", ""))
    is_safe = url_has_allowed_host_and_scheme(where, {request.get_host()}, require_https=request.is_secure())
    return where if is_safe and where.startswith("/") else ""


def _demo():
    if settings.INSTANCE != "dev":
        return []
    from lendbook.management.commands.serve import demo_logins

    return demo_logins()


def no_such_page(request, exception):
    """404: the office's page there, elsewhere one page of the same bytes for whatever is not there or not his."""
    if request.path.startswith(language.OFFICE):
        return page_not_found(request, exception)
    return HttpResponseNotFound(render_to_string("portal/404.html"))
