"""The forms in which staff open trackers, correct their days and end them; the rules are the services'."""

import uuid

from django import forms
from django.core.exceptions import ValidationError

from ledger.admin.forms import DayField, LineField, OwnChoiceField
from ledger.models import Account
from ledger.payment_modes import CASH
from shop import access
from shop.money import rupees
from shop.money_fields import MoneyFormField
from trackers.models import Customer, Tracker
from trackers.workbook.contents import MAX_TEXT
from trackers.workbook.layouts import AMOUNT, LAYOUTS, MODE, MODES


class DayForm(forms.Form):
    """One day of a tracker: the input columns of its kind of sheet. Blank clears."""

    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args, layout, **kwargs):
        super().__init__(*args, label_suffix="", **kwargs)
        for column in layout.inputs:
            if column.holds == AMOUNT:
                field = MoneyFormField(required=False, label=column.header)
            elif column.holds == MODE:
                field = forms.ChoiceField(
                    required=False, label=column.header, choices=[("", "–"), *((mode, mode) for mode in MODES)]
                )
            else:
                field = LineField(
                    required=False,
                    label=column.header,
                    max_length=MAX_TEXT,
                    widget=forms.TextInput(attrs={"maxlength": MAX_TEXT, "autocomplete": "off"}),
                )
            self.fields[column.field] = field
        self.names = [column.field for column in layout.inputs]
        self.fields["paid"].widget.attrs["autofocus"] = True

    @property
    def shown(self):
        return [self[name] for name in self.names]

    def values(self):
        """The day's inputs, None where blank; a payment without a mode is cash."""
        values = {name: self.cleaned_data[name] if self.cleaned_data[name] != "" else None for name in self.names}
        if values.get("paid") is not None and not values.get("mode"):
            values["mode"] = CASH
        return values


class TermsForm(forms.Form):
    """The terms of a running tracker."""

    tracker_name = LineField(max_length=120, label="Name")
    investment = MoneyFormField()
    scheme_period = forms.IntegerField(label="Period, days")
    per_day_payment = MoneyFormField(label="Per day")
    start_date = DayField(label="Given on")
    strategy = LineField(required=False, max_length=120)
    enhanced_count = forms.IntegerField(required=False, min_value=0, label="Enhanced count")
    disbursed_amount = MoneyFormField(label="Handed over")

    def __init__(self, *args, tracker, **kwargs):
        super().__init__(*args, label_suffix="", **kwargs)
        if "enhanced_count" not in LAYOUTS[tracker.tracker_type].parameter:
            del self.fields["enhanced_count"]


class OpenForm(forms.Form):
    """A new tracker; what is left empty is the kind's default. `uid` makes a form sent twice open one tracker."""

    uid = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
    customer = OwnChoiceField(Customer.objects.none(), thing="customer", empty_label="Choose")
    tracker_name = LineField(max_length=120, label="Name of the tracker")
    tracker_type = forms.ChoiceField(label="Kind", choices=Tracker.Type.choices)
    start_date = DayField(label="Given on", help_text="Day 0; the first instalment falls the day after.")
    investment = MoneyFormField(required=False)
    scheme_period = forms.IntegerField(required=False, label="Period, days")
    per_day_payment = MoneyFormField(required=False, label="Per day")
    strategy = LineField(required=False, max_length=120)
    enhanced_count = forms.IntegerField(required=False, min_value=0, label="Enhanced count", help_text="₹1L only.")
    disbursed_amount = MoneyFormField(required=False, label="Handed over", help_text="Empty: the whole investment.")
    disbursed_account = OwnChoiceField(
        Account.objects.none(), thing="account", required=False, label="Out of", empty_label="The cash box"
    )
    post_disbursement = forms.BooleanField(
        required=False,
        initial=True,
        label="Post it to the day book as Loan Disbursement",
        help_text="Without, the cash box does not know that the money was handed over.",
    )

    def __init__(self, *args, book, user, customer=None, **kwargs):
        super().__init__(*args, label_suffix="", **kwargs)
        customers = access.visible(Customer, user, book).filter(is_active=True)
        if customer is not None:
            self.fields["customer"].queryset = customers.filter(pk=customer.pk)
            self.initial["customer"] = customer.pk
        else:
            self.fields["customer"].queryset = customers
        self.fields["disbursed_account"].queryset = access.visible(Account, user, book).filter(is_active=True)
        self.fields["enhanced_count"].widget.attrs["class"] = "short"

    @staticmethod
    def defaults():
        """[(kind, its default terms in words)]."""
        return [
            (Tracker.Type(kind).label, f"{rupees(layout.investment)}, {layout.scheme_period} days, "
             f"{rupees(layout.per_day_payment)} a day") for kind, layout in LAYOUTS.items()
        ]  # fmt: skip

    def values(self):
        """Keyword arguments for services.open_tracker."""
        values = dict(self.cleaned_data)
        if values["tracker_type"] != Tracker.Type.ENHANCED_1L:
            values["enhanced_count"] = None
        values["strategy"] = values["strategy"] or None
        return values


class CloseForm(forms.Form):
    """How a tracker ends."""

    closing = forms.ChoiceField(
        label="As", choices=[choice for choice in Tracker.Closing.choices if choice[0] != Tracker.Closing.RENEWED]
    )
    on = DayField(label="On", required=False, help_text="Empty: today.")
    waived_amount = MoneyFormField(required=False, label="Waived", help_text="Settled: what is let off.")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, label_suffix="", **kwargs)

    def clean(self):
        values = super().clean()
        if values.get("waived_amount") and values.get("closing") != Tracker.Closing.SETTLED:
            raise ValidationError("Only a settled tracker has an amount waived.")
        return values
