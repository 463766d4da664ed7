"""The forms in which staff type entries and transfers, and narrow a list of them."""

import uuid
from datetime import date

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.forms.models import ModelChoiceIterator

from ledger import origins, services
from ledger.daybook import ClosedDay
from ledger.models import Account, AccountTransfer, Category, Direction, LedgerEntry, PaymentMode
from ledger.selection import Selection
from shop import access
from shop.admin.base import BookForm
from shop.dates import parse_date
from shop.models import Job, Role
from shop.money_fields import MoneyFormField
from shop.names import clean_name


class PostedAlready(ValidationError):
    """The form was sent before and posted something else, or what it posted is in the bin now."""


class DayField(forms.DateField):
    """A date as people type it: 21-11-2026, 21/11/26 or 2026-11-21."""

    widget = forms.DateInput(attrs={"class": "date", "placeholder": "dd-mm-yyyy", "autocomplete": "off"})

    def to_python(self, value):
        if value in self.empty_values or isinstance(value, date):
            return value or None
        return parse_date(value)


class LineField(forms.CharField):
    """One line of text; control characters become spaces, as everywhere in the books."""

    def to_python(self, value):
        return services.clean_text(super().to_python(value))


class NameField(LineField):
    """A name: single blanks, and nothing in it that does not show."""

    def to_python(self, value):
        return clean_name(super().to_python(value))


class OwnChoiceField(forms.ModelChoiceField):
    """A choice among rows of one book; whatever is not among them does not exist."""

    def __init__(self, queryset, *, thing, **kwargs):
        super().__init__(queryset, **kwargs)
        self.error_messages["invalid_choice"] = f"There is no such {thing} in this book."


class CategoryIterator(ModelChoiceIterator):
    """Categories under the headings Received and Spent."""

    def __iter__(self):
        if self.field.empty_label is not None:
            yield ("", self.field.empty_label)
        rows = list(self.queryset)
        for direction, name in Direction.choices:
            yield (name, [self.choice(row) for row in rows if row.direction == direction])


class CategoryField(OwnChoiceField):
    iterator = CategoryIterator


class MovementForm(BookForm):
    """What the forms of entries and transfers share; the rules are the services', a form only turns text into values.

    A new form carries a `token`: what it posts is posted once, however often it is sent. An edit carries the `version`
    that was read. `_adjust` and `_allow_future` are the buttons that answer the two questions a refusal may ask; each
    holds the date it was asked about, so that an answer never counts for a date typed later.
    """

    begins_at = "date"  # where the keyboard stands in a new form

    date = DayField()
    amount = MoneyFormField(error_messages={"required": "Type the amount."})
    narration = LineField(required=False, widget=forms.TextInput(attrs={"maxlength": 500}))
    reference = LineField(
        required=False, widget=forms.TextInput(attrs={"maxlength": 120, "placeholder": "Bill, cheque or UPI number"})
    )
    token = forms.UUIDField(required=False, widget=forms.HiddenInput)
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self.is_bound and not self.instance.pk:
            self.fields[self.begins_at].widget.attrs["autofocus"] = True

    def clean(self):
        """A form without its marks comes from a page that is too old."""
        mark = "version" if self.instance.pk else "token"
        if not self.cleaned_data.get(mark):
            raise ValidationError("This page has grown old. Look over what you typed and save again.", code="old")
        return self.cleaned_data

    def _post_clean(self):
        """Instead of the model's own checks: what the service said."""
        self.typed_date = self.cleaned_data.get("date")  # a refused field loses its cleaned value
        if self.refusal is not None:
            self._refuse(self.refusal)

    def values(self):
        """What was typed, as keyword arguments of the service."""
        return {name: self.cleaned_data[name] for name in self.Meta.fields}

    def answered(self, question):
        """Whether the button `question` was pressed for the date that stands in the form."""
        return self.data.get(question) == self.typed_date.isoformat()

    @property
    def answers(self):
        """[(button, its date)] of the two questions about the date that were answered, to be sent along with the next."""
        return [(name, self.data[name]) for name in ("_adjust", "_allow_future") if name in self.data]

    @property
    def shown_token(self):
        """The token to send along: the form's own until it has been used."""
        used = isinstance(self.refusal, PostedAlready) or "token" in self.errors
        return (not used and self.data.get("token")) or uuid.uuid4().hex

    @property
    def shown_version(self):
        """The version to send along: what was read, or what stands now once the editor has been told of it."""
        told = isinstance(self.refusal, services.EditedMeanwhile)
        return (not told and self.data.get("version")) or self.instance.version

    @property
    def closed(self):
        """The ClosedDay that refused the form, if one did."""
        return self.refusal if isinstance(self.refusal, ClosedDay) else None

    @property
    def future_date(self):
        """The date that lies in the future and waits for a yes, if one does."""
        faults = getattr(self.refusal, "error_dict", {}).get("date", ())
        return self.typed_date if any(fault.code == "future" for fault in faults) else None

    def _own_accounts(self, chosen):
        """Active accounts that the user may post to, and the one already chosen even if it is retired."""
        return access.visible(Account, self.user, self.book).filter(Q(is_active=True) | Q(pk=chosen))


class EntryForm(MovementForm):
    begins_at = "category"

    category = CategoryField(Category.objects.none(), thing="category", empty_label="Choose")
    subcategory = LineField(
        required=False, widget=forms.TextInput(attrs={"maxlength": 80, "list": "subcategories", "autocomplete": "off"})
    )
    payment_mode = forms.ChoiceField(choices=PaymentMode.choices)
    account = OwnChoiceField(Account.objects.none(), thing="account", required=False, empty_label="By payment mode")

    class Meta:
        model = LedgerEntry
        fields = ("date", "category", "subcategory", "amount", "payment_mode", "account", "narration", "reference")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        categories = access.visible(Category, self.user, self.book)
        self.fields["category"].queryset = categories.filter(Q(is_active=True) | Q(pk=self.instance.category_id))
        account = self.fields["account"]
        account.queryset = self._own_accounts(self.instance.account_id)
        if access.role_in(self.user, self.book) == Role.AGENT:
            account.required, account.empty_label = True, "Choose"
            own = list(account.queryset[:2])
            if len(own) == 1 and not self.instance.pk:
                self.initial["account"] = own[0].pk

    def clean(self):
        """A subcategory is spelled as the category's entries spell it: blanks and letter case make no second one."""
        values = super().clean()
        if values.get("category") and values.get("subcategory"):
            values["subcategory"] = services.spelled_subcategory(values["category"], values["subcategory"])
        return values

    def clean_account(self):
        """Where nobody names an account, the payment mode does."""
        chosen = self.cleaned_data["account"]
        return chosen or services.account_for_mode(self.book, self.cleaned_data.get("payment_mode", PaymentMode.CASH))


class TransferForm(MovementForm):
    begins_at = "amount"

    from_account = OwnChoiceField(Account.objects.none(), thing="account", label="From", empty_label="Choose")
    to_account = OwnChoiceField(Account.objects.none(), thing="account", label="To", empty_label="Choose")

    class Meta:
        model = AccountTransfer
        fields = ("date", "from_account", "to_account", "amount", "narration", "reference")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["from_account"].queryset = self._own_accounts(self.instance.from_account_id)
        to_account = self._own_accounts(self.instance.to_account_id)
        if access.role_in(self.user, self.book) == Role.AGENT:
            # An agent hands over to the shop: its accounts he may name as the receiver, though he sees none of them.
            shops = Account.objects.filter(book=self.book, is_active=True, agent=None)
            to_account = to_account | shops
        self.fields["to_account"].queryset = to_account


class ReversalForm(forms.Form):
    """When and why something is reversed."""

    date = DayField(required=False, help_text="Empty: today, or the first open day.")
    reason = LineField(required=False, max_length=100, widget=forms.TextInput(attrs={"maxlength": 100}))


class SelectionForm(forms.Form):
    """The questions above a list of entries or transfers; read from the address, so that a list can be kept."""

    q = LineField(required=False, label="Search", widget=forms.TextInput(attrs={"placeholder": "Narration, reference"}))
    date_from = DayField(required=False, label="From")
    date_to = DayField(required=False, label="To")
    account = OwnChoiceField(Account.objects.none(), thing="account", required=False, empty_label="All")
    amount_from = MoneyFormField(required=False, label="Amount from")
    amount_to = MoneyFormField(required=False, label="Amount to")
    source = forms.ChoiceField(required=False)
    by = OwnChoiceField(None, thing="person", required=False, empty_label="All", label="Typed by")
    state = forms.ChoiceField(
        required=False,
        label="Show",
        choices=[("", "Standing"), ("reversed", "Reversed"), ("adjusted", "Adjustments"), ("bin", "Bin")],
    )
    model = AccountTransfer
    BLANK = (None, "")
    FIRST = ("q", "date_from", "date_to", "account", "state")

    def __init__(self, data, *, book, user):
        super().__init__(data, label_suffix="")
        self.book, self.user = book, user
        self.fields["account"].queryset = access.visible(Account, user, book)
        # A source of "" is a real one (by command); a list that asks for none sends nothing.
        named = [(source or "command", name) for source, name in origins.choices()]
        self.fields["source"].choices = [("", "All"), *named]
        self.fields["by"].queryset = people_of(book, user)

    @property
    def shown(self):
        """The questions that always show; the rest opens."""
        return [self[name] for name in self.FIRST]

    @property
    def further(self):
        return [self[name] for name in self.fields if name not in self.FIRST]

    @property
    def further_is_asked(self):
        return any(field.data for field in self.further)

    @property
    def is_narrowed(self):
        """Whether anything is asked for."""
        return any(self.data.get(name) for name in self.fields)

    def selection(self):
        """The Selection asked for; an answer that is wrong (its field says so) selects nothing."""
        if not self.is_valid():
            return None
        asked = {name: value for name, value in self.cleaned_data.items() if value not in self.BLANK}
        state, search = asked.pop("state", ""), asked.pop("q", "")
        if asked.get("source") == "command":
            asked["source"] = ""
        if asked.get("subcategory") == "-":
            asked["subcategory"] = ""
        return Selection(self.book, self.user, self.model, asked, state, search)


class EntrySelectionForm(SelectionForm):
    category = CategoryField(Category.objects.none(), thing="category", required=False, empty_label="All")
    subcategory = LineField(required=False, help_text="- for none")
    direction = forms.ChoiceField(required=False, choices=[("", "Both"), *Direction.choices])
    mode = forms.ChoiceField(required=False, choices=[("", "All"), *PaymentMode.choices])
    job = OwnChoiceField(Job.objects.none(), thing="import", required=False, empty_label="All", label="Import")
    model = LedgerEntry
    FIRST = ("q", "date_from", "date_to", "account", "category", "mode", "state")

    def __init__(self, data, *, book, user):
        super().__init__(data, book=book, user=user)
        self.fields["category"].queryset = access.visible(Category, user, book)
        if not data.get("job"):
            del self.fields["job"]  # asked by the page of an import only
            return
        jobs = access.visible(Job, user, book)
        self.fields["job"].queryset = jobs.filter(pk=data["job"]) if data["job"].isdecimal() else jobs.none()


def people_of(book, user):
    """Those who type in the book, as far as `user` may know of them."""
    from django.contrib.auth import get_user_model

    members = access.visible(book.members.model, user, book)
    return get_user_model().objects.filter(pk__in=members.values("user")).order_by("username")
