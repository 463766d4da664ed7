"""Where a customer says that a payment is not as it should be, and reads what the shop answers."""

import uuid

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_http_methods

from shop.money import parse_money
from trackers import disputes, receipts
from trackers.models import Dispute
from trackers.portal.access import customer_page, own_tracker
from trackers.portal.views.passbooks import page
from trackers.portal.views.receipts import own_receipt

Kind = Dispute.Kind


class SayForm(forms.Form):
    """What he says: which day, how much, to whom. The kind decides what must be filled in."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    date = forms.DateField(label=gettext_lazy("Which day"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    amount = forms.CharField(
        label=gettext_lazy("How much you paid, ₹"),
        max_length=20,
        widget=forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}),
    )
    paid_to = forms.CharField(label=gettext_lazy("To whom"), max_length=120, required=False)
    note = forms.CharField(
        label=gettext_lazy("What else we should know"),
        max_length=500,
        required=False,
        widget=forms.Textarea({"rows": 3, "maxlength": 500}),
    )

    def __init__(self, *args, kind, book, **kwargs):
        super().__init__(*args, label_suffix="", **kwargs)
        self.kind, self.book = kind, book
        if kind == Kind.WRONG:
            self.fields["amount"].required = False
            self.fields["amount"].label = gettext("How much it should be, ₹")
            self.fields["note"].label = gettext("What is wrong")
        for field in self.fields.values():
            field.error_messages["required"] = gettext("Fill this in.")
        self.fields["date"].error_messages["invalid"] = gettext("Write the day like 17-10-2024.")

    def clean_date(self):
        on = self.cleaned_data["date"]
        if not on.year >= 2000 or on > self.book.today():
            raise ValidationError(gettext("That day has not come yet, or is long ago. Choose the day you paid."))
        return on

    def clean_amount(self):
        typed = self.cleaned_data["amount"].strip()
        if not typed:
            return None
        try:
            amount = parse_money(typed)
        except ValidationError:
            amount = None
        if amount is None or amount < 0 or (amount == 0 and self.kind != Kind.WRONG):
            raise ValidationError(gettext("Write the amount like 500 or 1,500.50."))
        return amount

    def clean(self):
        values = super().clean()
        says_nothing = values.get("amount") is None and not values.get("note", "").strip()
        if self.kind == Kind.WRONG and says_nothing and not self.errors:
            raise ValidationError(gettext("Say what is wrong, or how much it should be."))
        return values


@require_http_methods(["GET", "HEAD", "POST"])
@customer_page
def say(request, pk):
    """?kind=paid | wrong | missing, and ?date= or ?receipt= for what it is about; a POST sent twice says it once."""
    asked = request.GET
    if asked.get("receipt"):
        tracker, issued = own_receipt(request.user, pk, asked["receipt"])
    else:
        tracker, issued = own_tracker(request.user, pk), None
    kind = Kind.WRONG if issued else asked.get("kind", "")
    kind = Kind(kind) if kind in Kind.values else Kind.MISSING
    status = 200
    if request.method == "POST":
        form = SayForm(request.POST, kind=kind, book=tracker.book)
        status = 422
        if form.is_valid():
            try:
                disputes.say(tracker, user=request.user, kind=kind, receipt=issued, **form.cleaned_data)
            except disputes.TooOften as error:
                form.add_error(None, error)
                status = 429
            else:
                messages.success(request, gettext("The shop has been told. Its answer will stand here."))
                return redirect("portal:passbook", tracker.pk)
    else:
        day = receipts.standing_of(issued).date.isoformat() if issued else asked.get("date", "")[:10]
        form = SayForm(initial={"key": uuid.uuid4(), "date": day}, kind=kind, book=tracker.book)
    context = {"tracker": tracker, "form": form, "kind": kind, "receipt": issued}
    return page(request, "portal/say.html", context, status)
