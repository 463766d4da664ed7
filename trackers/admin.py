"""Customers in the admin: with login, agent, round, phone and language; agents see their own only."""

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.urls import reverse
from django.utils.html import format_html

from ledger import services as ledger
from ledger.admin.forms import LineField
from shop import access
from shop.admin.base import BookAdmin, BookForm
from shop.models import Role
from trackers.models import Customer
from trackers.portal import links


class CustomerForm(BookForm):
    """A customer; a new one names the login he gets (made without a password; the portal invites him)."""

    name = LineField(max_length=120, help_text="In any script.")
    phone = LineField(max_length=20, required=False)
    address = LineField(max_length=300, required=False)
    route = LineField(max_length=60, required=False)
    login = forms.CharField(max_length=150, help_text="His own, for the portal: letters, digits and @ . + - _")

    class Meta:
        help_texts = {"position": "His place on the route."}
        labels = {"is_active": "Does business with us"}

    def clean_login(self):
        """A login that is free, or a customer's of another book."""
        login = self.cleaned_data["login"].strip()
        found = get_user_model().objects.filter(username=login).first()
        if found is None:
            made = get_user_model()(username=login)
            try:
                made.full_clean(exclude=["password"])
            except ValidationError as error:
                raise ValidationError(" ".join(error.messages)) from error
            self.chosen_user = made
        elif found.is_superuser or found.book_members.exists():
            raise ValidationError(f"'{login}' works in the office; a customer needs a login of his own.")
        elif not found.customers.exists():
            raise ValidationError(f"'{login}' is somebody else's login.")
        else:
            self.chosen_user = found
        return login

    def _post_clean(self):
        if not self.instance.pk and getattr(self, "chosen_user", None) is not None and self.chosen_user.pk:
            self.instance.user = self.chosen_user
        super()._post_clean()


class AsksForPassword(admin.SimpleListFilter):
    """Who has forgotten his password and waits for a link."""

    title = parameter_name = "asks"

    def lookups(self, request, model_admin):
        return [("1", "for a new password")]

    def queryset(self, request, queryset):
        return queryset.filter(pk__in=links.asking(request.user)) if self.value() == "1" else queryset


@admin.register(Customer)
class CustomerAdmin(BookAdmin):
    form = CustomerForm
    may_see = (access.READ, access.POST)
    may_add = may_change = (access.CLOSE,)
    list_display = ("name", "phone", "route", "position", "agent", "language", "trackers_run", "in_use")
    list_filter = ("agent", "language", "is_active", AsksForPassword)
    list_select_related = ("agent",)
    search_fields = ("name", "phone", "route", "user__username")
    actions = None
    list_per_page = 100
    asked = ("name", "phone", "language", "address", "agent", "route", "position")

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(running=Count("trackers", filter=Q(trackers__is_active=True)))

    @admin.display(description="Running", empty_value="")
    def trackers_run(self, row):
        return row.running or None

    @admin.display(description="", empty_value="")
    def in_use(self, row):
        return None if row.is_active else format_html('<span class="chip">Deactivated</span>')

    @admin.display(description="Login")
    def login_name(self, row):
        return row.user.get_username()

    @admin.display(description="Password")
    def password_link(self, row):
        where = reverse("trackers:password_link", args=[row.book.slug, row.pk])
        return format_html('<a href="{}">Send a link to set the password</a>', where)

    @admin.display(description="Trackers")
    def his_trackers(self, row):
        where = reverse("trackers:list", args=[row.book.slug])
        opening = reverse("trackers:open", args=[row.book.slug])
        return format_html(
            '<a href="{}?state=all&amp;q={}">Show</a> · <a href="{}?customer={}">Open one</a>',
            where, row.name, opening, row.pk,
        )  # fmt: skip

    def get_fieldsets(self, request, obj=None):
        """A login is chosen once; whoever left is deactivated, never deleted."""
        if obj is None:
            return [(None, {"fields": ("name", "login", *self.asked[1:])})]
        return [(None, {"fields": (*self.asked, "is_active", "login_name", "password_link", "his_trackers")})]

    def get_readonly_fields(self, request, obj=None):
        return ("login_name", "password_link", "his_trackers") if obj else ()

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "agent":
            field.queryset = field.queryset.filter(book_members__role=Role.AGENT).distinct()
            field.empty_label = "Nobody"
        return field

    def save_row(self, request, row, form, change):
        if not change:
            user = form.chosen_user
            if user.pk is None:
                user.set_unusable_password()
                user.save()
            row.user = user
        ledger.save(row, request.user)
