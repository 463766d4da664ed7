"""Whose passbook it is: the one rule of the customer's side, by which every page, file and receipt is fetched.

A customer sees what lies beneath his own Customer rows and nothing else; what is foreign answers as what does not
exist. A login that works in the office opens no passbook, even if it is a customer's too: whoever is both has a login
for each.
"""

import functools

from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.http import Http404
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _

from shop.access import works_in_the_office
from trackers.models import Customer, Dispute, Receipt, Tracker
from trackers.portal import logins

# model -> the lookup path from it to its Customer
_PATHS = {}


def register(model, customer):
    """Let customers see rows of `model` that lie beneath them by the lookup path `customer`."""
    _PATHS[model] = customer


register(Customer, "")
register(Tracker, "customer")
register(Receipt, "tracker__customer")
register(Dispute, "tracker__customer")


def is_customer(user):
    """Whether the login opens passbooks: a customer's, and not one that works in the office."""
    return user.is_authenticated and user.is_active and user.customers.exists() and not works_in_the_office(user)


def own(rows, user):
    """The part of a queryset (or model) that is this customer's; a book that he does no more business with is left out."""
    queryset = rows._default_manager.all() if isinstance(rows, type) else rows
    path = _PATHS[queryset.model]
    prefix = f"{path}__" if path else ""
    return queryset.filter(**{f"{prefix}user": user, f"{prefix}is_active": True})


def get_own(rows, user, **lookup):
    """The one own row of `lookup`, or Http404: what is foreign does not exist."""
    queryset = own(rows, user)
    try:
        return queryset.get(**lookup)
    except (queryset.model.DoesNotExist, ValidationError, ValueError, OverflowError, TypeError):
        raise no_such_page() from None


def own_tracker(user, pk):
    """This customer's Tracker of that number (any text), with its book and customer, or Http404."""
    return get_own(Tracker.objects.select_related("book", "customer"), user, pk=number(pk))


def number(text):
    """The number of an address, or Http404: digits only, and none that a database would choke on."""
    text = str(text)
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise no_such_page()
    return int(text)


def no_such_page():
    return Http404(_("There is no such page here."))


def customer_page(view):
    """Decorate view(request, …) of the customer's side: log-in first, whoever is no customer finds nothing (404)."""

    @functools.wraps(view)
    def page(request, *args, **kwargs):
        if request.user.is_authenticated:
            epoch = logins.epoch_of_customer(request.user)
            if epoch is None or works_in_the_office(request.user):
                raise no_such_page()
            if not logins.is_of_epoch(request, epoch):
                logout(request)
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), reverse("login"))
        response = view(request, *args, **kwargs)
        patch_cache_control(response, private=True, no_store=True)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    return page
