"""A selection of transactions: what the grid shows, narrowed by the same few questions as every bar of the dashboard."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django import forms
from django.core.validators import RegexValidator
from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce

from expenses.books import posting
from expenses.models import IS_POSTED, DecidedBy, Mode, Split, Statement, Transaction
from expenses.overview.figures import WEEKDAYS
from expenses.tagging import placing
from ledger.admin.forms import DayField
from ledger.models import Account
from shop import access
from shop.money import ZERO
from shop.money_fields import MoneyFormField

POSTED = (("", "All"), ("ready", "Ready to post"), ("no", "Not posted"), ("yes", "Posted"))
SIDES = (("debit", "Debits"), ("credit", "Credits"), ("all", "Both"))
# What each order sorts by, after it the newest first; "amount" is the side's.
ORDERS = {
    "newest": ("-transaction_date",),
    "oldest": ("transaction_date",),
    "largest": ("-amount",),
    "smallest": ("amount",),
    "payee": ("product",),
    "payee_down": ("-product",),
    "tag": ("tag__name",),
    "tag_down": ("-tag__name",),
}
FURTHER = ("month", "date_from", "date_to", "amount_from", "amount_to", "mode", "weekday", "product", "posted", "side")


class SelectionForm(forms.Form):
    """The questions above the grid; all optional. `tag` takes a tag's id or "tbd"."""

    q = forms.CharField(label="Search", required=False, max_length=100)
    month = forms.CharField(
        label="Month",
        required=False,
        widget=forms.TextInput(attrs={"type": "month", "placeholder": "yyyy-mm"}),
        validators=[RegexValidator(r"^(19|20)\d\d-(0[1-9]|1[0-2])$", "Write the month as yyyy-mm.")],
    )
    date_from = DayField(label="From", required=False, localize=True)
    date_to = DayField(label="To", required=False, localize=True)
    tag = forms.ChoiceField(label="Tag", required=False)
    account = forms.ModelChoiceField(Account.objects.none(), label="Account", required=False, empty_label="All")
    decided_by = forms.ChoiceField(label="Decided by", required=False, choices=[("", "All"), *DecidedBy.choices])
    mode = forms.ChoiceField(label="Mode", required=False, choices=[("", "All"), *Mode.choices])
    weekday = forms.ChoiceField(label="Weekday", required=False, choices=[("", "All"), *enumerate(WEEKDAYS, 1)])
    product = forms.CharField(label="Payee", required=False, max_length=120)
    amount_from = MoneyFormField(label="Amount from", required=False)
    amount_to = MoneyFormField(label="to", required=False)
    posted = forms.ChoiceField(label="Day book", required=False, choices=POSTED)
    side = forms.ChoiceField(label="Side", required=False, choices=SIDES)
    statement = forms.ModelChoiceField(Statement.objects.none(), required=False, widget=forms.HiddenInput)
    order = forms.ChoiceField(required=False, choices=[(name, name) for name in ORDERS], widget=forms.HiddenInput)

    def __init__(self, data, *, book, user):
        super().__init__(data, label_suffix="")
        tags = [(str(tag.pk), tag.name) for tag in placing.tags_of(book)]
        self.fields["tag"].choices = [("", "All"), ("tbd", "TBD: to be told"), *tags]
        self.fields["account"].queryset = access.visible(Account, user, book).exclude(kind=Account.Kind.CASH)
        self.fields["statement"].queryset = access.visible(Statement, user, book)
        self.book, self.user = book, user

    @property
    def is_narrowed(self):
        return any(self.data.get(name) for name in self.fields if name not in ("side", "order"))

    @property
    def first(self):
        """The questions always seen."""
        return [field for field in self.visible_fields() if field.name not in FURTHER]

    @property
    def further(self):
        return [self[name] for name in FURTHER]

    @property
    def further_is_asked(self):
        told = {"side"} if self.data.get("statement") else set()  # its rows are both debits and credits
        return any(self.data.get(name) for name in FURTHER if name not in told)

    @property
    def order_asked(self):
        """The order in force: of what is to be told the largest comes first."""
        asked = getattr(self, "cleaned_data", {})
        return asked.get("order") or ("largest" if asked.get("tag") == "tbd" else "newest")

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
        if asked.get("month"):
            first = date.fromisoformat(f"{asked['month']}-01")
            last = first.replace(day=monthrange(first.year, first.month)[1])
            rows = rows.filter(transaction_date__range=(first, last))
        for name, sign in (("amount_from", "gte"), ("amount_to", "lte")):
            if asked.get(name) is not None:
                rows = rows.filter(
                    Q(**{f"debit_amount__{sign}": asked[name]}) | Q(**{f"credit_amount__{sign}": asked[name]})
                )
        if asked.get("tag"):
            rows = rows.filter(_is_tagged(asked["tag"]))
        if asked.get("posted"):
            rows = rows.filter(IS_POSTED) if asked["posted"] == "yes" else rows.exclude(IS_POSTED)
        if asked.get("posted") == "ready":
            rows = rows.filter(Q(is_confirmed=True) | Q(decided_by__in=posting.SETTLED))
            rows = rows.exclude(tag__shipped_as=posting.TO_BE_TOLD)
        if asked.get("q"):
            rows = rows.filter(
                Q(narration__icontains=asked["q"])
                | Q(product__icontains=asked["q"])
                | Q(reference__icontains=asked["q"])
            )
        return rows.select_related("tag", "account").order_by(*self._order(side))

    def _order(self, side):
        (by,) = ORDERS[self.order_asked]
        down, name = by.startswith("-"), by.removeprefix("-")
        if name == "amount" and side == "all":
            amount = Coalesce("debit_amount", "credit_amount")
            return [amount.desc() if down else amount.asc(), "-id"]
        field = f"{side}_amount" if name == "amount" else name
        return ["-" + field if down else field, "id" if self.order_asked == "oldest" else "-id"]


def _is_tagged(tag):
    """The Q of rows of a tag's id or "tbd"; a split row has the tags of its parts."""
    if tag == "tbd":
        return Q(decided_by=DecidedBy.TBD)
    split = list(Split.objects.filter(tag=tag).values_list("transaction", flat=True))
    return Q(tag=tag) | Q(pk__in=split) if split else Q(tag=tag)  # as a subquery it would keep the index from its work


_LOOKUPS = {
    "date_from": "transaction_date__gte",
    "date_to": "transaction_date__lte",
    "account": "account",
    "statement": "statement",
    "decided_by": "decided_by",
    "mode": "mode",
    "weekday": "transaction_date__iso_week_day",
    "product": "product",
}


def read(rows):
    """A page's transactions, read in two steps: so the database sorts numbers and not whole rows."""
    pks = list(rows.values_list("pk", flat=True))
    found = Transaction.objects.select_related("tag", "account").in_bulk(pks)
    return [found[pk] for pk in pks if pk in found]


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
