"""A selection of transactions: what the grid shows, narrowed by the same few questions as every bar of the dashboard."""

from dataclasses import dataclass
from decimal import Decimal

from django import forms
from django.db.models import Count, Q, Sum

from expenses import placing
from expenses.models import DecidedBy, Mode, Transaction
from ledger import access
from ledger.models import Account
from lendbook.money import ZERO, MoneyFormField

POSTED = (("", "All"), ("no", "Not posted"), ("yes", "Posted"))
SIDES = (("debit", "Debits"), ("credit", "Credits"), ("all", "Both"))
ORDERS = {"newest": ("-transaction_date", "-id"), "largest": ("-debit_amount", "-credit_amount", "-id")}


class SelectionForm(forms.Form):
    """The questions above the grid; all optional. `tag` takes a tag's id or "tbd"."""

    q = forms.CharField(label="Search", required=False, max_length=100)
    date_from = forms.DateField(label="From", required=False, localize=True)
    date_to = forms.DateField(label="To", required=False, localize=True)
    tag = forms.ChoiceField(label="Tag", required=False)
    account = forms.ModelChoiceField(Account.objects.none(), label="Account", required=False, empty_label="All")
    decided_by = forms.ChoiceField(label="Decided by", required=False, choices=[("", "All"), *DecidedBy.choices])
    mode = forms.ChoiceField(label="Mode", required=False, choices=[("", "All"), *Mode.choices])
    product = forms.CharField(label="Payee", required=False, max_length=120)
    amount_from = MoneyFormField(label="Amount from", required=False)
    amount_to = MoneyFormField(label="to", required=False)
    posted = forms.ChoiceField(label="Day book", required=False, choices=POSTED)
    side = forms.ChoiceField(label="Side", required=False, choices=SIDES)
    order = forms.ChoiceField(
        label="Order", required=False, choices=[("newest", "Newest first"), ("largest", "Largest first")]
    )

    def __init__(self, data, *, book, user):
        super().__init__(data, label_suffix="")
        tags = [(str(tag.pk), tag.name) for tag in placing.tags_of(book)]
        self.fields["tag"].choices = [("", "All"), ("tbd", "TBD: to be told"), *tags]
        self.fields["account"].queryset = access.visible(Account, user, book).exclude(kind=Account.Kind.CASH)
        self.book, self.user = book, user

    @property
    def is_narrowed(self):
        return any(self.data.get(name) for name in self.fields if name not in ("side", "order"))

    def rows(self):
        """The transactions that fit, in order; all of them where a question cannot be read (its field says why)."""
        self.is_valid()
        asked = self.cleaned_data
        rows = access.visible(Transaction, self.user, self.book)
        side = asked.get("side") or "debit"
        if side != "all":
            rows = rows.filter(**{f"{side}_amount__isnull": False})
        for name, lookup in _LOOKUPS.items():
            if asked.get(name) not in (None, ""):
                rows = rows.filter(**{lookup: asked[name]})
        for name, sign in (("amount_from", "gte"), ("amount_to", "lte")):
            if asked.get(name) is not None:
                rows = rows.filter(
                    Q(**{f"debit_amount__{sign}": asked[name]}) | Q(**{f"credit_amount__{sign}": asked[name]})
                )
        if asked.get("tag"):
            rows = rows.filter(decided_by=DecidedBy.TBD) if asked["tag"] == "tbd" else rows.filter(tag=asked["tag"])
        if asked.get("posted"):
            rows = rows.filter(_IS_POSTED) if asked["posted"] == "yes" else rows.exclude(_IS_POSTED)
        if asked.get("q"):
            rows = rows.filter(
                Q(narration__icontains=asked["q"])
                | Q(product__icontains=asked["q"])
                | Q(reference__icontains=asked["q"])
            )
        order = asked.get("order") or ("largest" if asked.get("tag") == "tbd" else "newest")
        return rows.select_related("tag", "account").order_by(*ORDERS[order])


_LOOKUPS = {
    "date_from": "transaction_date__gte",
    "date_to": "transaction_date__lte",
    "account": "account",
    "decided_by": "decided_by",
    "mode": "mode",
    "product": "product",
}
_IS_POSTED = Q(entry__isnull=False) | Q(transfer__isnull=False)


@dataclass(frozen=True)
class Totals:
    """Decimal rupees and rows of a selection."""

    count: int
    debits: Decimal
    credits: Decimal


def totals(rows):
    """The Totals of a queryset of transactions."""
    sums = rows.order_by().aggregate(count=Count("pk"), debits=Sum("debit_amount"), credits=Sum("credit_amount"))
    return Totals(sums["count"], sums["debits"] or ZERO, sums["credits"] or ZERO)
