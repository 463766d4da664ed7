"""Who works in a book: the owner adds staff by login, gives roles, hands out set-password links."""

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from ledger import book_setup
from ledger.admin.forms import LineField
from shop import access
from shop.admin.base import BookAdmin, BookForm
from shop.models import BookMember, Role
from shop.tokens import staff_tokens

ROLE_HELP = "Owner: everything. Staff: post, edit open days, close. Agent: records only what is his. Auditor: reads."


class NewMemberForm(BookForm):
    login = forms.CharField(max_length=150, help_text="Letters, digits and @ . + - _; somebody's own, or a new one.")
    name = LineField(max_length=150, required=False, help_text="How he is called; for a new login.")
    password = forms.CharField(
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Empty: you get a link by which he sets it himself.",
    )

    class Meta:
        help_texts = {"role": ROLE_HELP}

    def _post_clean(self):
        """The service checks, and says what it refuses."""
        if self.refusal is not None:
            self._refuse(self.refusal)


class MemberForm(BookForm):
    class Meta:
        help_texts = {"role": ROLE_HELP}


@admin.register(BookMember)
class MemberAdmin(BookAdmin):
    form = MemberForm
    may_delete = (access.MANAGE,)
    change_form_template = "admin/ledger/member_form.html"
    change_list_template = "admin/ledger/member_list.html"
    list_display = ("login", "name", "role", "last_seen")
    list_select_related = ("user",)
    sortable_by = ()
    empty_value_display = ""
    actions = None

    @admin.display(description="Login")
    def login(self, row):
        return row.user.get_username()

    @admin.display(description="Name")
    def name(self, row):
        return row.user.get_full_name()

    @admin.display(description="Last log-in", empty_value="never")
    def last_seen(self, row):
        return row.user.last_login

    def get_fieldsets(self, request, obj=None):
        return [(None, {"fields": ("role",) if obj else ("login", "name", "role", "password")})]

    def get_form(self, request, obj=None, change=False, **kwargs):
        if obj is None:
            kwargs |= {"form": NewMemberForm, "fields": ("role",)}
        return super().get_form(request, obj, change=change, **kwargs)

    def save_form(self, request, form, change):
        if change:
            return book_setup.change_role(form.instance, form.cleaned_data["role"], user=request.user)
        typed = {name: form.cleaned_data[name] for name in ("login", "name", "role", "password")}
        return book_setup.add_member(form.book, user=request.user, **typed)

    def save_model(self, request, obj, form, change):
        """save_form has done it."""

    def save_related(self, request, form, formsets, change):
        """There is nothing related."""

    def delete_model(self, request, obj):
        book_setup.remove_member(obj, user=request.user)

    def response_add(self, request, obj, post_url_continue=None):
        self.message_user(request, f"{obj.user} works in {obj.book} now.", messages.SUCCESS)
        needs_link = obj.made_login and not obj.user.has_usable_password()
        where = reverse("admin:shop_bookmember_change", args=[obj.pk])
        return HttpResponseRedirect(f"{where}?link=1" if needs_link else "../")

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        may_reset = (
            obj is not None and self.has_change_permission(request, obj) and book_setup.may_reset(obj, request.user)
        )
        context |= {
            "may_reset": may_reset,
            "link": may_reset and "link" in request.GET and set_password_link(request, obj.user),
            "delete_word": "Remove from the book",
            "show_save_and_add_another": False,
            "show_save_and_continue": False,
        }
        return super().render_change_form(request, context, add, change, form_url, obj)

    def changelist_view(self, request, extra_context=None):
        left = BookMember.history.filter(book=self.book_of(request), history_type="-")
        names = dict(Role.choices)
        extra_context = {
            "left": [
                (row.user, names[row.role], row.history_date, row.history_user)
                for row in left.select_related("user", "history_user")[:20]
            ],
            **(extra_context or {}),
        }
        return super().changelist_view(request, extra_context)


def set_password_link(request, person):
    """An address by which `person` sets his password: good until he has, or for two days."""
    who = urlsafe_base64_encode(force_bytes(person.pk))
    address = reverse("set_password", args=[who, staff_tokens.make_token(person)])
    return settings.PUBLIC_URL + address if settings.PUBLIC_URL else request.build_absolute_uri(address)
