"""A book's accounts, categories, payment modes and own settings in the admin. Retired instead of deleted."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.http import HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html

from ledger import book_setup, daybook, merging, services
from ledger.admin.forms import DayField, LineField, NameField
from ledger.admin.merging import MergesCategories
from ledger.models import Account, Category, PaymentMode, PaymentModeAccount
from shop import access
from shop.admin.base import BookAdmin, BookForm
from shop.models import Book
from shop.money import ZERO, rupees
from shop.pages import page


class MasterAdmin(BookAdmin):
    """Accounts and categories: the owner keeps them, everybody who reads the book may look at them."""

    actions = None
    list_per_page = 200
    empty_value_display = ""

    @admin.display(description="In use", boolean=False)
    def in_use(self, row):
        return "" if row.is_active else format_html('<span class="chip">Retired</span>')

    def get_fieldsets(self, request, obj=None):
        """A new one is in use; only an old one can be retired."""
        return [(None, {"fields": self.asked if obj else self.asked[:-1]})]


class AccountForm(BookForm):
    name = NameField(max_length=80)

    class Meta:
        help_texts = {"opening_balance": "What lay in it on the morning of the book's first day."}
        labels = {"is_active": "In use"}


@admin.register(Account)
class AccountAdmin(MasterAdmin):
    form = AccountForm
    list_display = ("name", "kind", "agent", "opening", "balance", "in_use")
    list_select_related = ("agent",)
    sortable_by = ()
    asked = ("name", "kind", "opening_balance", "agent", "is_active")

    @admin.display(description="Opening")
    def opening(self, row):
        return rupees(row.opening_balance)

    @admin.display(description="Now")
    def balance(self, row):
        return rupees(row.balance_now)

    def get_changelist_instance(self, request):
        """With every account's balance at the end of the book's today, what is pending finished."""
        changelist = super().get_changelist_instance(request)
        book = self.book_of(request)
        balances = daybook.account_balances(book, book.today())
        changelist.result_list = list(changelist.result_list)
        for account in changelist.result_list:
            account.balance_now = balances.get(account.pk, ZERO)
        return changelist

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "agent":
            field.empty_label = "Nobody: the shop's own"
        return field

    def save_row(self, request, row, form, change):
        book_setup.save_account(row, user=request.user, accepted=form.accepted)


class CategoryForm(BookForm):
    name = NameField(max_length=80)

    class Meta:
        help_texts = {
            "direction": "Changing it moves every day on which the category was used.",
            "nature": "What the money is in the accounts: loans given and collected are neither cost nor income, "
            "capital and drawings are the owners’ own, moved money only changes its pocket.",
        }
        labels = {"is_active": "In use"}


@admin.register(Category)
class CategoryAdmin(MergesCategories, MasterAdmin):
    form = CategoryForm
    may_see = (access.READ,)
    list_display = ("name", "direction", "told_nature", "in_use", "merge_link")
    sortable_by = ()
    asked = ("name", "direction", "nature", "is_active")
    change_list_template = "admin/ledger/category_list.html"

    @admin.display(description="Nature", ordering=None)
    def told_nature(self, row):
        if not row.nature_is_guessed:
            return row.get_nature_display()
        return format_html('{} <span class="chip act">Guessed</span>', row.get_nature_display())

    def get_list_display(self, request):
        """Whoever may not merge sees no link to it."""
        return self.list_display if self.has_change_permission(request) else self.list_display[:-1]

    @admin.display(description="")
    def merge_link(self, row):
        return format_html('<a href="{}">Merge</a>', reverse("admin:ledger_category_merge", args=[row.pk]))

    def get_urls(self):
        told = path("natures-told/", self.admin_site.admin_view(self.natures_told), name="ledger_category_natures_told")
        return [told, *super().get_urls()]

    def natures_told(self, request):
        """One press for all: the natures that were guessed are right as they stand."""
        book = self.book_of(request)
        if request.method != "POST" or not self.has_change_permission(request):
            raise PermissionDenied
        count = book_setup.accept_natures(book, user=request.user)
        self.message_user(request, f"{count} nature{'' if count == 1 else 's'} accepted.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:ledger_category_changelist"))

    def changelist_view(self, request, extra_context=None):
        book = self.book_of(request)
        guessed = access.visible(Category, request.user, book).filter(nature_is_guessed=True).count() if book else 0
        more = {
            "guessed": guessed,
            "merges": merging.merges_of(book) if book else (),
            "may_change": self.has_change_permission(request),
        }
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def save_row(self, request, row, form, change):
        row.nature_is_guessed = False
        book_setup.save_category(row, user=request.user)


class PaymentModesForm(forms.Form):
    """One account for every payment mode."""

    def __init__(self, data=None, *, book, user):
        super().__init__(data, label_suffix="")
        self.book, self.user = book, user
        kept = dict(book.mode_accounts.values_list("payment_mode", "account"))
        accounts = access.visible(Account, user, book)
        for number, mode in enumerate(PaymentMode.values):
            self.fields[f"mode_{number}"] = forms.ModelChoiceField(
                accounts.filter(Q(is_active=True) | Q(pk=kept.get(mode))),
                label=mode,
                required=False,
                empty_label="The book's first account",
                initial=kept.get(mode),
                error_messages={"invalid_choice": "There is no such account in this book."},
            )

    @transaction.atomic
    def save(self):
        for number, mode in enumerate(PaymentMode.values):
            name = f"mode_{number}"
            if name in self.changed_data:
                book_setup.map_payment_mode(self.book, mode, self.cleaned_data[name], user=self.user)


@admin.register(PaymentModeAccount)
class PaymentModeAccountAdmin(BookAdmin):
    """All seven modes on one page in place of a list."""

    may_add = ()
    actions = None

    def changelist_view(self, request, extra_context=None):
        book = self.book_of(request)
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)
        may_change = self.has_change_permission(request)
        form = PaymentModesForm(request.POST if request.method == "POST" else None, book=book, user=request.user)
        if form.is_bound and may_change and form.is_valid():
            form.save()
            self.message_user(request, "Saved.", messages.SUCCESS)
            return HttpResponseRedirect(request.path)
        for field in form.fields.values():
            field.disabled = not may_change
        history = book.mode_accounts.model.history.filter(book=book).select_related("history_user", "account")[:20]
        context = {"title": "Payment modes", "form": form, "may_change": may_change, "history": history, "book": book}
        return page(request, "admin/ledger/payment_modes.html", context)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        return HttpResponseRedirect(reverse("admin:ledger_paymentmodeaccount_changelist"))


class BookSettingsForm(BookForm):
    name = LineField(max_length=120)
    begins_on = DayField(
        required=False,
        help_text="Opening balances are as of the morning of this day; earlier entries are refused. "
        "Empty: nothing is too early.",
    )

    class Meta:
        labels = {"slug": "Short name"}
        help_texts = {"slug": "In addresses and commands: letters, digits and dashes, e.g. main-street. It stays."}


@admin.register(Book)
class BookSettingsAdmin(BookAdmin):
    """The book in hand: its list is the one row, so it opens at once."""

    form = BookSettingsForm
    may_see = (access.READ, access.POST)
    asked = ("name", "slug", "time_zone", "begins_on")

    def get_fieldsets(self, request, obj=None):
        return [(None, {"fields": self.asked})]

    def get_readonly_fields(self, request, obj=None):
        return ("slug",) if obj else ()

    def render_change_form(self, request, context, *args, **kwargs):
        context["show_save_and_add_another"] = False
        return super().render_change_form(request, context, *args, **kwargs)

    def changelist_view(self, request, extra_context=None):
        book = self.book_of(request)
        if book is None or "_book" in request.GET:
            return super().changelist_view(request, extra_context)
        return HttpResponseRedirect(reverse("admin:shop_book_change", args=[book.pk]))

    def save_form(self, request, form, change):
        """A new book is opened with all that belongs to it; whoever opens it owns it."""
        if change:
            return super().save_form(request, form, change)
        typed = {name: form.cleaned_data[name] for name in self.asked}
        return services.open_book(owner=request.user, **typed)

    def save_row(self, request, row, form, change):
        if change:
            book_setup.save_book(row, user=request.user)

    def save_related(self, request, form, formsets, change):
        """There is nothing related."""

    def response_add(self, request, obj, post_url_continue=None):
        del request.user._book_roles
        access.choose_book(request, obj)
        self.message_user(request, f"{obj} is open. Its cash box begins at 0; set what lies in it.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:ledger_account_changelist"))
