"""Bank statements as they were read, their transactions, and what the book has learned about its payees.

Statement: one file of one account (bank, UPI or card), with what was read of it: rows in = imported + duplicate +
rejected. Transaction: one row of it, a debit or a credit, with the payee its narration names (`product`), its tag and
who decided it, how sure and why. Tag: what a debit was for. ProductTag: the memory, product -> tag. Rule: what staff
wrote. Split: a transaction divided over several tags. CreditMatch: the collection that a credit proves.
"""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from simple_history.models import HistoricalRecords

from ledger.models import Account, AccountTransfer, Book, Category, Job, LedgerEntry
from lendbook.money import ZERO, MoneyField


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
        max_length=7, default="#6b7280", validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", "A colour is like #0f766e.")]
    )
    category = models.ForeignKey(Category, models.PROTECT, null=True, blank=True, related_name="+")
    subcategory = models.CharField(max_length=80, blank=True)
    shipped_as = models.CharField(
        max_length=60, blank=True, editable=False, help_text="Which shipped tag this is, whatever staff calls it."
    )
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


class StatementMapping(models.Model):
    """The columns a person named for an account's statements, remembered for the next one."""

    account = models.OneToOneField(Account, models.CASCADE, related_name="statement_mapping")
    columns = models.JSONField(default=dict, help_text="Role -> header as written.")
    dates = models.CharField(max_length=3, blank=True, help_text="dmy, mdy or ymd.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        default_permissions = ()


class Statement(models.Model):
    """One file of one account as it was read. Undone statements keep their row; their transactions are gone."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        IMPORTED = "imported", "Imported"
        UNDONE = "undone", "Undone"

    book = models.ForeignKey(Book, models.PROTECT, related_name="statements", db_index=False)
    account = models.ForeignKey(Account, models.PROTECT, related_name="statements")
    file_name = models.CharField(max_length=200, help_text="As the person named it; never a path.")
    sha256 = models.CharField(max_length=64)
    layout = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, blank=True, related_name="+")
    rows_in = models.PositiveIntegerField(default=0)
    imported = models.PositiveIntegerField(default=0)
    duplicate = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    debits = MoneyField(default=ZERO)
    credits = MoneyField(default=ZERO)
    opening_balance = MoneyField(null=True, blank=True)
    closing_balance = MoneyField(null=True, blank=True)
    first_date = models.DateField(null=True, blank=True)
    last_date = models.DateField(null=True, blank=True)
    gaps = models.JSONField(default=list, help_text="[{line, reason}] where the balance chain breaks.")
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    uploaded_at = models.DateTimeField(default=timezone.now)
    undone_at = models.DateTimeField(null=True, blank=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["-last_date", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "sha256"],
                condition=~Q(state="undone"),
                name="statement_file_once",
                violation_error_message="This very file was imported into the account already.",
            ),
            models.CheckConstraint(
                condition=Q(rows_in=F("imported") + F("duplicate") + F("rejected")), name="statement_rows_add_up"
            ),
        ]

    def __str__(self):
        return self.file_name


class RejectedRow(models.Model):
    """A row of a statement that could not be read, kept with its line and reason."""

    statement = models.ForeignKey(Statement, models.CASCADE, related_name="rejected_rows")
    line = models.PositiveIntegerField()
    reason = models.TextField()
    cells = models.JSONField(default=list)

    class Meta:
        ordering = ["line"]
        default_permissions = ()


class Transaction(models.Model):
    """One row of a statement: a debit or a credit, never both.

    `fingerprint` is made of all the row's columns, the closing balance included, and its occurrence number among
    identical rows, so that the same row of two statements is one and two truly identical rows stay two.
    """

    book = models.ForeignKey(Book, models.PROTECT, related_name="transactions", db_index=False)
    account = models.ForeignKey(Account, models.PROTECT, related_name="transactions", db_index=False)
    statement = models.ForeignKey(Statement, models.CASCADE, related_name="transactions")
    line = models.PositiveIntegerField()
    transaction_date = models.DateField()
    value_date = models.DateField(null=True, blank=True)
    narration = models.TextField(blank=True)
    reference = models.CharField(max_length=200, blank=True)
    debit_amount = MoneyField(null=True, blank=True)
    credit_amount = MoneyField(null=True, blank=True)
    closing_balance = MoneyField(null=True, blank=True)
    fingerprint = models.CharField(max_length=64)

    mode = models.CharField(max_length=20, choices=Mode, default=Mode.OTHER)
    product = models.CharField(max_length=120, blank=True)
    upi_id = models.CharField(max_length=120, blank=True)
    tag = models.ForeignKey(Tag, models.PROTECT, null=True, blank=True, related_name="transactions", db_index=False)
    decided_by = models.CharField(max_length=8, choices=DecidedBy, default=DecidedBy.TBD)
    confidence = models.PositiveSmallIntegerField(default=0, help_text="How sure, in percent.")
    why = models.CharField(max_length=300, blank=True)
    is_confirmed = models.BooleanField(default=False, help_text="Staff has looked at it and settled it.")

    entry = models.ForeignKey(LedgerEntry, models.SET_NULL, null=True, blank=True, related_name="+")
    transfer = models.ForeignKey(AccountTransfer, models.SET_NULL, null=True, blank=True, related_name="+")
    is_linked = models.BooleanField(default=False, help_text="The entry was in the books before.")
    history = HistoricalRecords()

    class Meta:
        ordering = ["-transaction_date", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "fingerprint"],
                name="transaction_once",
                violation_error_message="This row is in the account already.",
            ),
            models.CheckConstraint(
                condition=Q(debit_amount__gt=0, credit_amount=None) | Q(credit_amount__gt=0, debit_amount=None),
                name="transaction_debit_or_credit",
                violation_error_message="A row is a debit or a credit, above 0, never both.",
            ),
            models.CheckConstraint(condition=Q(confidence__lte=100), name="transaction_confidence_percent"),
        ]
        indexes = [
            models.Index(fields=["book", "transaction_date", "id"], name="transaction_book_date"),
            models.Index(fields=["book", "product"], name="transaction_book_product"),
            models.Index(fields=["book", "tag", "transaction_date"], name="transaction_book_tag"),
            models.Index(fields=["account", "transaction_date"], name="transaction_account_date"),
        ]

    def __str__(self):
        return f"{self.transaction_date:%d-%m-%Y} {self.narration[:60]}"

    @property
    def is_posted(self):
        return self.entry_id is not None or self.transfer_id is not None

    @property
    def amount(self):
        """The amount moved, Decimal rupees above 0."""
        return self.debit_amount if self.debit_amount is not None else self.credit_amount


class Split(models.Model):
    """A part of a transaction with a tag of its own; the parts of one transaction add up to it."""

    transaction = models.ForeignKey(Transaction, models.CASCADE, related_name="splits")
    tag = models.ForeignKey(Tag, models.PROTECT, related_name="+")
    amount = MoneyField()
    note = models.CharField(max_length=200, blank=True)
    entry = models.ForeignKey(LedgerEntry, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0),
                name="split_amount_above_zero",
                violation_error_message="Each part must be above 0.",
            )
        ]


class CreditMatch(models.Model):
    """A credit and a collection in the ledger that staff confirmed to be the same money (many to many)."""

    transaction = models.ForeignKey(Transaction, models.CASCADE, related_name="matches")
    entry = models.ForeignKey(LedgerEntry, models.CASCADE, related_name="+")
    evidence = models.JSONField(default=list)
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    confirmed_at = models.DateTimeField(default=timezone.now)
    history = HistoricalRecords()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["transaction", "entry"], name="credit_match_once")]


class ExpenseSettings(models.Model):
    """How a book places its expenses."""

    book = models.OneToOneField(Book, models.CASCADE, related_name="expense_settings")
    asks_llm = models.BooleanField(default=False, help_text="Ask the LLM about payees not placed, at every import.")
    llm_calls = models.PositiveIntegerField(default=0, editable=False)
    llm_calls_on = models.DateField(null=True, editable=False)
    history = HistoricalRecords()

    def clean(self):
        if self.asks_llm and not settings.OPENAI_API_KEY:
            raise ValidationError("No key is set: give OPENAI_API_KEY in the environment first.")


DEFAULT_TAGS = (
    "Rent", "Bills", "Groceries", "Food", "Dineout", "Travel", "Fuel", "Shopping", "Services", "Contact", "Investments",
    "Fun", "Health", "Education", "Insurance", "EMI", "Cash", "Bank Charges", "Salary", "TBD",
)  # fmt: skip
