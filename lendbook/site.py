"""The admin's front: who may enter, navigation by the trade's tasks, and what of the admin is for superusers only.

PLACES is the navigation, all of it: a place shows once its page is built and the person's role in the book may use it.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.forms import ModelMultipleChoiceField
from django.http import HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject


@dataclass(frozen=True)
class Place:
    """One line of the navigation. `view` is a URL name; a name outside the admin takes the book's slug.

    `needs`: the person may do one of these in the book; empty: whoever works in it. `key`: g, then this letter, goes
    there. `also`: further URL names that belong to the place. `of_the_five`: in the bar at a phone's foot.
    """

    word: str
    view: str
    icon: str
    key: str
    needs: tuple = ()
    of_the_five: bool = False
    also: tuple = ()

    def address(self, book):
        """Where it is for `book`; "" while the page is not built."""
        return address(self.view, book)


PLACES = (
    Place("Home", "home", "home", "h", of_the_five=True),
    Place("Collect", "trackers:collect", "collect", "c", ("post",), of_the_five=True),
    Place(
        "Entries",
        "admin:ledger_ledgerentry_changelist",
        "entries",
        "e",
        ("read", "post"),
        of_the_five=True,
        also=("admin:ledger_accounttransfer_changelist",),
    ),
    Place("Day book", "ledger:day_book", "book", "d", ("read", "post"), of_the_five=True),
    Place("Close the day", "ledger:close_day", "close", "l", ("close",), of_the_five=True),
    Place("Trackers", "trackers:list", "tracker", "t", ("read", "post")),
    Place("Expenses", "expenses:dashboard", "expenses", "x", ("read",)),
    Place("Imports", "shop:imports", "import", "i", ("close",)),
    Place("Reports", "ledger:reports", "report", "r", ("read",)),
    Place(
        "Settings",
        "settings",
        "settings",
        "s",
        also=(
            "admin:ledger_account_changelist",
            "admin:ledger_category_changelist",
            "admin:ledger_paymentmodeaccount_changelist",
            "admin:shop_bookmember_changelist",
            "admin:shop_book_changelist",
        ),
    ),
)


def address(view, book, *args):
    """The address of a page by its URL name, in `book` where it lies in one; "" while the page is not built."""
    return _address(view, *args) if view.startswith("admin:") else _address(view, book.slug, *args)


@functools.lru_cache(maxsize=4096)
def _address(view, *args):
    """Addresses never change while the process lives, and every page asks for some twenty of them."""
    try:
        return reverse(view, args=args)
    except NoReverseMatch:
        return ""


def navigation(request):
    """[(Place, address, whether it is the place one stands in)] of what the person may use in the book in hand."""
    from shop import access  # the site is made before the apps' models are loaded

    book = request.book
    if book is None:
        return []
    lines, here, longest = [], None, 0
    for place in PLACES:
        where = place.address(book)
        if not where or (place.needs and not any(access.may(request.user, book, need) for need in place.needs)):
            continue
        lines.append((place, where))
        for prefix in (where, *(address(view, book) for view in place.also)):
            # Home's address begins every other's, so it counts only when it is the whole.
            stands = request.path == prefix if place.view == "home" else prefix and request.path.startswith(prefix)
            if stands and len(prefix) > longest:
                here, longest = place, len(prefix)
    return [(place, where, place is here) for place, where in lines]


class BoundedSearch:
    """Mixed into every admin with a search box: a database refuses a question of a thousand words."""

    def get_search_results(self, request, queryset, search_term):
        return super().get_search_results(request, queryset, search_term[:100])


class ManyRowsField(ModelMultipleChoiceField):
    """A choice of rows; a number that no row can have is no choice, where SQLite would fall over it."""

    def _check_values(self, value):
        try:
            return super()._check_values(value)
        except OverflowError as error:
            raise ValidationError(self.error_messages["invalid_choice"] % {"value": "…"}) from error


class SuperusersOnly:
    """Mixed into every admin that is not scoped to a book: a model someone forgot to scope never leaks a row."""

    def get_object(self, request, object_id, from_field=None):
        """A NUL names no row; a key of text with one in it is nothing that PostgreSQL can be asked for."""
        return None if "\x00" in object_id else super().get_object(request, object_id, from_field)

    def formfield_for_manytomany(self, db_field, request, **kwargs):
        return super().formfield_for_manytomany(db_field, request, form_class=ManyRowsField, **kwargs)

    def response_action(self, request, queryset):
        """Ticks that are no ids at all are somebody's doing by hand; Django would fall over them."""
        try:
            for ticked in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(ticked)
        except ValidationError:
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset)

    def has_module_permission(self, request):
        return request.user.is_active and request.user.is_superuser

    def has_view_permission(self, request, obj=None):
        return self.has_module_permission(request) and super().has_view_permission(request, obj)

    def has_add_permission(self, request, *args):
        return self.has_module_permission(request) and super().has_add_permission(request, *args)

    def has_change_permission(self, request, obj=None):
        return self.has_module_permission(request) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request, obj=None):
        return self.has_module_permission(request) and super().has_delete_permission(request, obj)


class LendbookAdminSite(admin.AdminSite):
    """Django's admin for those who work in a book; a login without a book (a customer's) stays outside."""

    site_header = site_title = "Lendbook"
    index_title = "Home"
    enable_nav_sidebar = False

    def register(self, model_or_iterable, admin_class=None, **options):
        from shop.admin.base import BookAdmin

        models = model_or_iterable if isinstance(model_or_iterable, Iterable) else [model_or_iterable]
        # Whoever writes a schedule or a queued task names a function that the worker runs: no page does that.
        if {model._meta.label for model in models} & {"django_q.Schedule", "django_q.OrmQ"}:
            return
        admin_class = admin_class or admin.ModelAdmin
        mixed_in = (BoundedSearch,) if issubclass(admin_class, BookAdmin) else (BoundedSearch, SuperusersOnly)
        admin_class = type(admin_class.__name__, (*mixed_in, admin_class), {})
        super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request):
        from shop import access

        return access.works_in_the_office(request.user)

    def each_context(self, request):
        """What the frame needs on every page; lists of apps and models are made only where a page shows them."""
        from lendbook import disk
        from shop import access
        from shop.models import Role

        inside = self.has_permission(request)
        book = request.book if inside else None
        return {
            "site_title": self.site_title,
            "site_header": self.site_header,
            "site_url": self.site_url,
            "has_permission": inside,
            "available_apps": SimpleLazyObject(lambda: self.get_app_list(request)) if inside else [],
            "is_popup": False,
            "is_nav_sidebar_enabled": False,
            "book": book,
            "books": access.books_for(request.user) if inside else [],
            "today": book.today() if book else None,
            "alarms": disk.alarms() if inside else [],
            "role_word": Role(access.role_in(request.user, book)).label if book else "",
            "places": navigation(request) if inside else [],
            "new_entry": address("admin:ledger_ledgerentry_add", book)
            if book and access.may(request.user, book, access.POST)
            else "",
        }

    def login(self, request, extra_context=None):
        """The log-in page; in dev it shows who the demo people are."""
        from lendbook.login import LoginForm

        self.login_form, demo = LoginForm, []
        if settings.INSTANCE == "dev":
            from lendbook.management.commands.serve import demo_logins

            demo = demo_logins()
        return super().login(request, {**(extra_context or {}), "demo_logins": demo})

    def index(self, request, extra_context=None):
        """The admin's first page is the home page of the book in hand."""
        if request.book is None:
            return super().index(request, extra_context)
        where = address("home", request.book)
        return redirect(where) if where else super().index(request, extra_context)
