"""Statements and their rows, and what became of a row: its tag, its parts, what it is linked to or proves."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from simple_history.models import HistoricalRecords

from expenses.models.payees import DecidedBy, Mode, Tag
from expenses.tables import ForeignKeyOfColumns, HistoryOfOne
from ledger.models import Account, AccountTransfer, LedgerEntry
from shop.models import Book, Job
from shop.money import ZERO
from shop.money_fields import MoneyField


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
    headers = models.JSONField(default=list, blank=True, help_text="Names of its columns, as written.")
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
                condition=Q(rows_in=F("imported") + F("duplicate") + F("rejected")),
                name="statement_rows_add_up",
                violation_error_message="Every row of the file is imported, known or rejected.",
            ),
            models.UniqueConstraint(fields=["id", "account", "book"], name="statement_of_account"),  # its rows' key
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

    # These three are the statement's own: one constraint holds them together, see Meta.
    book = models.ForeignKey(Book, models.PROTECT, related_name="transactions", db_index=False, db_constraint=False)
    account = models.ForeignKey(
        Account, models.PROTECT, related_name="transactions", db_index=False, db_constraint=False
    )
    statement = models.ForeignKey(Statement, models.CASCADE, related_name="transactions", db_constraint=False)
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
    own_product = models.CharField(
        max_length=120, blank=True, help_text="What the payee is called where no rule calls it otherwise."
    )
    upi_id = models.CharField(max_length=120, blank=True)
    tag = models.ForeignKey(Tag, models.PROTECT, null=True, blank=True, related_name="transactions", db_index=False)
    decided_by = models.CharField(max_length=8, choices=DecidedBy, default=DecidedBy.TBD)
    confidence = models.PositiveSmallIntegerField(default=0, help_text="How sure, in percent.")
    why = models.CharField(max_length=300, blank=True)
    is_confirmed = models.BooleanField(default=False, help_text="Staff has looked at it and settled it.")

    entry = models.ForeignKey(LedgerEntry, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    transfer = models.ForeignKey(
        AccountTransfer, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    is_linked = models.BooleanField(default=False, help_text="The entry was in the books before.")
    history = HistoryOfOne(no_db_index=["book", "account", "statement", "tag", "entry", "transfer"])

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
            ForeignKeyOfColumns(
                columns=["statement_id", "account_id", "book_id"],
                to="expenses_statement",
                to_columns=["id", "account_id", "book_id"],
                name="transaction_of_statement",
                violation_error_message="A row is of its statement's account and book.",
            ),
        ]
        indexes = [
            models.Index(fields=["book", "transaction_date", "id"], name="transaction_book_date"),
            models.Index(fields=["book", "product", "debit_amount"], name="transaction_book_payee"),
            models.Index(fields=["book", "decided_by", "debit_amount"], name="transaction_book_decided"),
            models.Index(fields=["book", "debit_amount", "credit_amount"], name="transaction_book_amount"),
            models.Index(fields=["book", "tag", "transaction_date"], name="transaction_book_tag"),
            models.Index(fields=["account", "transaction_date"], name="transaction_account_date"),
            models.Index(fields=["entry"], condition=Q(entry__isnull=False), name="transaction_entry"),
            models.Index(fields=["transfer"], condition=Q(transfer__isnull=False), name="transaction_transfer"),
        ]

    def __str__(self):
        return f"{self.transaction_date:%d-%m-%Y} {self.narration[:60]}"

    @property
    def is_posted(self):
        return self.entry_id is not None or self.transfer_id is not None

    @property
    def is_fixed(self):
        """Posted as it stands: its tag changes only after it is taken back. A linked one's entry says nothing of tags."""
        return self.is_posted and not self.is_linked

    @property
    def amount(self):
        """The amount moved, Decimal rupees above 0."""
        return self.debit_amount if self.debit_amount is not None else self.credit_amount


IS_POSTED = Q(entry__isnull=False) | Q(transfer__isnull=False)  # what Transaction.is_posted says, to filter by


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


class LostLink(models.Model):
    """What a transaction was linked to, or proved, until that was binned, reversed or changed.

    expenses.books.links restores it.

    Rows of one `group` were one link or one match, and come back together.
    """

    transaction = models.ForeignKey(Transaction, models.CASCADE, related_name="lost_links")
    entry = models.ForeignKey(LedgerEntry, models.CASCADE, null=True, related_name="+")
    transfer = models.ForeignKey(AccountTransfer, models.CASCADE, null=True, related_name="+")
    group = models.CharField(max_length=16, db_index=True)
    is_match = models.BooleanField(default=False, help_text="It proved a collection; else it was linked.")
    evidence = models.JSONField(default=list)
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    lost_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        default_permissions = ()


class Correction(models.Model):
    """What staff changed in one go, with everything that followed, as it was before and after."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="corrections", db_index=False)
    words = models.CharField(max_length=200)
    count = models.PositiveIntegerField(default=0, help_text="Transactions that changed.")
    changes = models.JSONField(default=dict, help_text="As expenses.tagging.corrections writes it.")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    undone_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ()
        indexes = [models.Index(fields=["book", "-id"], name="correction_book")]

    def __str__(self):
        return self.words
