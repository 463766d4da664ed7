"""What a book knows of its payees: tags, the memory of corrections, rules, and how it places expenses."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from simple_history.models import HistoricalRecords

from ledger.models import Account, Category
from shop.models import Book
from shop.money_fields import MoneyField

TBD = "TBD"  # the shipped tag of what nobody can tell
PLAIN = "#6b7280"  # of a tag that was given no colour, and of what is to be told


class Mode(models.TextChoices):
    """How the bank moved the money, as narrations tell."""

    UPI = "UPI", "UPI"
    NEFT = "NEFT", "NEFT"
    IMPS = "IMPS", "IMPS"
    RTGS = "RTGS", "RTGS"
    POS = "POS", "POS"
    DEBIT_CARD = "Debit Card", "Debit Card"
    CREDIT_CARD = "Credit Card", "Credit Card"
    ATM = "ATM", "ATM"
    CHEQUE = "Cheque", "Cheque"
    AUTO_DEBIT = "Auto-debit", "Auto-debit"
    CHARGES = "Charges", "Charges"
    INTEREST = "Interest", "Interest"
    OTHER = "Other", "Other"


class DecidedBy(models.TextChoices):
    """Who placed a transaction, strongest first."""

    MANUAL = "manual", "Staff"
    RULE = "rule", "Rule"
    PRODUCT = "product", "Payee"
    LEARNED = "learned", "Learned"
    LLM = "llm", "LLM"
    TBD = "tbd", "TBD"


class Tag(models.Model):
    """What a debit was for; `category` and `subcategory` are what it posts to (default Expense / its name)."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="tags", db_index=False)
    name = models.CharField(max_length=60)
    colour = models.CharField(
        max_length=7, default=PLAIN, validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", "A colour is like #0f766e.")]
    )
    category = models.ForeignKey(Category, models.PROTECT, null=True, blank=True, related_name="+")
    subcategory = models.CharField(max_length=80, blank=True)
    shipped_as = models.CharField(
        max_length=60, blank=True, editable=False, help_text="Which shipped tag this is, whatever staff calls it."
    )
    merged_into = models.ForeignKey(
        "self", models.SET_NULL, null=True, editable=False, related_name="+",
        help_text="Whose is what would be given this tag, since it was merged.",
    )  # fmt: skip
    is_active = models.BooleanField(default=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                "book",
                Lower("name"),
                name="tag_name_once",
                violation_error_message="The book has a tag of this name already.",
            )
        ]

    def __str__(self):
        return self.name

    @property
    def is_tbd(self):
        return self.shipped_as == TBD


class ProductTag(models.Model):
    """What the book remembers of a payee. An LLM's answer is unconfirmed until staff says so."""

    class Source(models.TextChoices):
        STAFF = "staff", "Staff"
        LLM = "llm", "LLM"

    book = models.ForeignKey(Book, models.CASCADE, related_name="product_tags", db_index=False)
    product = models.CharField(max_length=120)
    tag = models.ForeignKey(Tag, models.CASCADE, related_name="product_tags")
    source = models.CharField(max_length=8, choices=Source, default=Source.STAFF)
    updated_at = models.DateTimeField(auto_now=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["product"]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "product"],
                name="product_tag_once",
                violation_error_message="This payee has a tag already; change that one.",
            )
        ]

    def __str__(self):
        return f"{self.product} → {self.tag}"


class PayeeId(models.Model):
    """A UPI id and the product it is known as, so that one payee keeps one name however banks cut or spell it."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="+", db_index=False)
    upi_id = models.CharField(max_length=120)
    product = models.CharField(max_length=120)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["book", "upi_id"], name="payee_id_once")]


class Rule(models.Model):
    """Staff's own rule; the first in order that fits a transaction places it. Empty conditions fit everything."""

    class Kind(models.TextChoices):
        CONTAINS = "contains", "Contains"
        WORD = "word", "Has the word"
        REGEX = "regex", "Matches the pattern"

    book = models.ForeignKey(Book, models.CASCADE, related_name="rules", db_index=False)
    position = models.PositiveIntegerField(default=0)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.CONTAINS)
    text = models.CharField(max_length=200)
    min_amount = MoneyField(null=True, blank=True)
    max_amount = MoneyField(null=True, blank=True)
    mode = models.CharField(max_length=20, choices=Mode, blank=True)
    account = models.ForeignKey(Account, models.CASCADE, null=True, blank=True, related_name="+")
    tag = models.ForeignKey(Tag, models.CASCADE, null=True, blank=True, related_name="rules")
    rename_to = models.CharField(max_length=120, blank=True)
    excepted_products = models.JSONField(default=list, blank=True, help_text="Payees this rule leaves alone.")
    is_active = models.BooleanField(default=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["position", "id"]
        indexes = [models.Index(fields=["book", "position"], name="rule_book_position")]
        constraints = [
            models.CheckConstraint(
                condition=Q(min_amount=None) | Q(max_amount=None) | Q(min_amount__lte=F("max_amount")),
                name="rule_amounts_in_order",
                violation_error_message="The least amount is above the most.",
            ),
            models.CheckConstraint(
                condition=Q(tag__isnull=False) | ~Q(rename_to=""),
                name="rule_does_something",
                violation_error_message="A rule gives a tag, a payee's name, or both.",
            ),
        ]

    def __str__(self):
        return f"{self.get_kind_display()} “{self.text}”"


class AskedPayee(models.Model):
    """A payee that the LLM was asked about and could not tell, so that it is not asked again."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="+", db_index=False)
    product = models.CharField(max_length=120)
    asked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["book", "product"], name="asked_payee_once")]


class ExpenseSettings(models.Model):
    """How a book places its expenses."""

    book = models.OneToOneField(Book, models.CASCADE, related_name="expense_settings")
    asks_llm = models.BooleanField(default=False, help_text="Ask the LLM about payees not placed, at every import.")
    llm_calls = models.PositiveIntegerField(default=0, editable=False)
    llm_calls_on = models.DateField(null=True, editable=False)
    unlearned = models.PositiveIntegerField(
        default=0, editable=False, help_text="Rows settled since the last training."
    )
    history = HistoricalRecords(excluded_fields=["llm_calls", "llm_calls_on", "unlearned"])  # counted, not typed

    def clean(self):
        if self.asks_llm and not settings.OPENAI_API_KEY:
            raise ValidationError("No key is set: give OPENAI_API_KEY in the environment first.")


# The shipped tags with their colours, in the charts and wherever a tag is listed.
DEFAULT_TAGS = {
    "Rent": "#0f766e", "Bills": "#b3872a", "Groceries": "#5b8a2f", "Food": "#b4641e", "Dineout": "#d08a5b",
    "Travel": "#2f6fb3", "Fuel": "#a63d57", "Shopping": "#7a4fa3", "Services": "#3f8f8a", "Contact": "#5c6bc0",
    "Investments": "#2e7d4f", "Fun": "#c2559b", "Health": "#c0504d", "Education": "#4a7fb5", "Insurance": "#7d8c3c",
    "EMI": "#8d5a3b", "Cash": "#6d8f4e", "Bank Charges": "#96697f", "Salary": "#3b6c9e", TBD: PLAIN,
}  # fmt: skip
