"""Settings of a book in one place, and opening another book."""

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.shortcuts import redirect, render
from django.utils.timezone import localdate

from ledger import services
from ledger.models import Account
from lendbook.site import address
from shop import access
from shop.money import ZERO
from shop.money_fields import MoneyFormField
from shop.pages import book_page, page

# (what it is, what for, URL name, what one must be allowed to do)
SETTINGS = (
    ("Accounts", "Cash boxes, banks, wallets and cards", "admin:ledger_account_changelist", access.READ),
    ("Categories", "What entries are for, and whether it came or went", "admin:ledger_category_changelist", access.READ),
    ("Payment modes", "Into which account each mode pays", "admin:ledger_paymentmodeaccount_changelist", access.READ),
    ("People", "Who works in this book, and as what", "admin:shop_bookmember_changelist", access.READ),
    ("Record", "Who saw, downloaded, exported and changed what", "record", access.MANAGE),
    ("This book", "Its name, time zone and first day", "admin:shop_book_changelist", access.MANAGE),
    ("Customers", "Whom the book lends to, their routes and agents", "admin:trackers_customer_changelist", access.POST),
    ("Trackers", "Skipped weekdays, holidays, approvals, what posts to the day book", "trackers:settings", access.MANAGE),
    ("Workbook template", "What new trackers look like: Lendbook’s workbook or your own", "trackers:template", access.MANAGE),
    ("Tags and rules", "How expenses are placed", "expenses:tags", access.READ),
    ("Backups", "How old the newest is, a backup now, and archives to take away", "backups", access.MANAGE),
    ("Tally's names", "What accounts and categories are called in Tally", "ledger:tally_names", access.READ),
)  # fmt: skip


@book_page(access.READ, access.POST)
def settings(request, book):
    """The way to everything that is set once."""
    lines = [
        (word, what, where)
        for word, what, view, action in SETTINGS
        if access.may(request.user, book, action) and (where := address(view, book))
    ]
    return page(request, "lendbook/settings.html", {"title": "Settings", "lines": lines})


class BookForm(forms.Form):
    """A new book with its cash box and, if named, its bank account."""

    name = forms.CharField(max_length=120)
    slug = forms.SlugField(label="Short name", help_text="Stands in addresses and commands, like main-street.")
    begins_on = forms.DateField(label="Begins on", initial=localdate, localize=True, required=False)
    cash = MoneyFormField(label="Cash that morning", initial="0", required=False)
    bank_name = forms.CharField(label="Bank account", max_length=80, required=False, help_text="Empty: none yet.")
    bank = MoneyFormField(label="Balance at the bank", initial="0", required=False)
    owner = forms.CharField(label="Owner's login", max_length=150, help_text="Somebody who can log in already.")

    def clean_owner(self):
        owner = get_user_model().objects.filter(username=self.cleaned_data["owner"]).first()
        if owner is None:
            raise ValidationError("There is no such login.")
        return owner


@login_required
def open_book(request):
    """A superuser opens a book; its owner does the rest."""
    if not request.user.is_superuser:
        raise PermissionDenied("Only who looks after this Lendbook opens books; ask him.")
    form = BookForm(request.POST or None, initial={"owner": request.user.username})
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        accounts = [("Cash", Account.Kind.CASH, values["cash"] or ZERO)]
        if values["bank_name"]:
            accounts.append((values["bank_name"], Account.Kind.BANK, values["bank"] or ZERO))
        try:
            book = services.open_book(
                accounts=accounts, **{name: values[name] for name in ("slug", "name", "owner", "begins_on")}
            )
        except ValidationError as error:
            for name, messages in getattr(error, "message_dict", {None: error.messages}).items():
                form.add_error(name if name in form.fields else None, messages)
        else:
            access.choose_book(request, book)
            return redirect("home", book.slug)
    context = {**admin.site.each_context(request), "title": "Open a book", "form": form}
    return render(request, "lendbook/open_book.html", context)
