"""Money that moved: entries (received or spent) and transfers between two accounts of one book."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from simple_history.models import HistoricalRecords

from ledger.models.books import Account, Category, MovesDays, PaymentMode
from shop.models import Book
from shop.money import rupees
from shop.money_fields import MoneyField


class Movement(MovesDays):
    """What entries and transfers share: a dated amount in a book, typed by somebody, that can be binned or reversed."""

    book = models.ForeignKey(Book, models.PROTECT, related_name="%(class)s_set", db_index=False)
    date = models.DateField(help_text="The business date: when the money moved.")
    amount = MoneyField()
    narration = models.CharField(max_length=500, blank=True)
    reference = models.CharField(max_length=120, blank=True)
    source = models.CharField(max_length=20, blank=True, editable=False)
    source_ref = models.CharField(max_length=120, blank=True, editable=False)
    adjusts_date = models.DateField(
        null=True, blank=True, editable=False, help_text="The closed day this one mends, being posted on an open day."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    reversed_at = models.DateTimeField(null=True, blank=True, editable=False)
    reversal_of = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="reversals", editable=False
    )
    corrects = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="corrections",
        editable=False,
        db_index=False,
        help_text="The one of a closed day whose place this takes; its reversal is the other half of the correction.",
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        abstract = True

    @property
    def voucher(self):
        """The VoucherNumber under which it left for Tally, or None."""
        return self.voucher_numbers.filter(is_given_up=False).first()


def _corrections_index(name):
    """Corrections are few among a million rows."""
    return models.Index(fields=["corrects"], name=f"{name}_corrects", condition=Q(corrects__isnull=False))


def movement_constraints(name):
    """The invariants every Movement keeps; `name` makes them unique per table."""
    return [
        models.CheckConstraint(
            condition=Q(amount__gt=0),
            name=f"{name}_amount_above_zero",
            violation_error_message="The amount must be above 0.",
        ),
        models.UniqueConstraint(
            fields=["book", "source", "source_ref"],
            condition=~Q(source_ref="") & Q(deleted_at=None) & Q(reversed_at=None),
            name=f"{name}_source_once",
            violation_error_message="This was posted already.",
        ),
        models.UniqueConstraint(
            fields=["reversal_of"],
            condition=Q(deleted_at=None),
            name=f"{name}_reversed_once",
            violation_error_message="This was reversed already.",
        ),
    ]


class LedgerEntry(Movement):
    """One receipt or payment. Soft-deleted when `deleted_at` is set; a reversal counts against its category."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="entries", db_index=False)
    category = models.ForeignKey(Category, models.PROTECT, related_name="entries", db_index=False)
    subcategory = models.CharField(max_length=80, blank=True)
    payment_mode = models.CharField(max_length=20, choices=PaymentMode, default=PaymentMode.CASH)
    job = models.ForeignKey(
        "shop.Job",
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="entries",
        db_index=False,
        help_text="The import that posted it, so that an import can be undone as a whole.",
    )
    history = HistoricalRecords()

    class Meta:
        verbose_name = "entry"
        verbose_name_plural = "entries"
        ordering = ["-date", "-id"]
        constraints = movement_constraints("entry")
        indexes = [
            models.Index(fields=["book", "date", "id"], name="entry_book_date"),
            models.Index(  # all that the day book engine reads, in its order: it never touches the rows themselves
                fields=["book", "date", "category", "subcategory", "account", "amount", "reversal_of"],
                condition=Q(deleted_at=None),
                name="entry_counted",
            ),
            models.Index(fields=["account", "date"], name="entry_account_date"),
            models.Index(fields=["category", "date"], name="entry_category_date"),
            # Few rows among a million; without these the bin takes a look at every entry.
            models.Index(fields=["book", "date"], name="entry_in_bin", condition=Q(deleted_at__isnull=False)),
            models.Index(fields=["book", "date"], name="entry_adjusting", condition=Q(adjusts_date__isnull=False)),
            models.Index(
                fields=["book", "date"],
                name="entry_taken_back",
                condition=Q(reversed_at__isnull=False) | Q(reversal_of__isnull=False),
            ),
            # A tracker's entries begin alike; other than the unique key this finds them whatever the collation, taken
            # back or not.
            models.Index(
                fields=["source_ref"],
                name="entry_source_begins",
                opclasses=["varchar_pattern_ops"],
                condition=~Q(source_ref=""),
            ),
            models.Index(fields=["job"], name="entry_job", condition=Q(job__isnull=False)),
            _corrections_index("entry"),
        ]

    def __str__(self):
        return f"{self.date:%d-%m-%Y} {self.category} {rupees(self.amount)}"


class AccountTransfer(Movement):
    """Money moved between two accounts of one book: cash to bank, an agent handing over. Neither received nor spent."""

    from_account = models.ForeignKey(Account, models.PROTECT, related_name="transfers_out")
    to_account = models.ForeignKey(Account, models.PROTECT, related_name="transfers_in")
    history = HistoricalRecords()

    class Meta:
        verbose_name = "transfer"
        ordering = ["-date", "-id"]
        constraints = [
            *movement_constraints("transfer"),
            models.CheckConstraint(
                condition=~Q(from_account=F("to_account")),
                name="transfer_between_two_accounts",
                violation_error_message="A transfer needs two different accounts.",
            ),
        ]
        indexes = [
            models.Index(fields=["book", "date", "id"], name="transfer_book_date"),
            _corrections_index("transfer"),
        ]

    def __str__(self):
        return f"{self.date:%d-%m-%Y} {self.from_account} → {self.to_account} {rupees(self.amount)}"


class VoucherKind(models.TextChoices):
    RECEIPT = "Receipt", "Receipt"
    PAYMENT = "Payment", "Payment"
    CONTRA = "Contra", "Contra"


class VoucherNumber(models.Model):
    """The number under which an entry or transfer leaves for Tally (ledger.vouchers): 1, 2, 3 … per book, year and kind.

    `year` is the one whose April begins it (2024 for 2024-25), `date` the voucher's when it left last. Given up: the
    entry or transfer stands in another year or kind by now, and the number stays as a cancelled voucher.
    """

    book = models.ForeignKey(Book, models.CASCADE, related_name="voucher_numbers", db_index=False)
    year = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=VoucherKind)
    number = models.PositiveIntegerField()
    date = models.DateField()
    entry = models.ForeignKey(
        LedgerEntry, models.PROTECT, null=True, blank=True, related_name="voucher_numbers", db_index=False
    )
    transfer = models.ForeignKey(
        AccountTransfer, models.PROTECT, null=True, blank=True, related_name="voucher_numbers", db_index=False
    )
    is_given_up = models.BooleanField(default=False)
    given_at = models.DateTimeField(default=timezone.now)
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["book", "year", "kind", "number"], name="voucher_number_once"),
            models.UniqueConstraint(fields=["entry"], condition=Q(is_given_up=False), name="voucher_number_of_entry"),
            models.UniqueConstraint(
                fields=["transfer"], condition=Q(is_given_up=False), name="voucher_number_of_transfer"
            ),
            models.CheckConstraint(condition=Q(number__gt=0), name="voucher_number_above_zero"),
            models.CheckConstraint(
                condition=Q(kind="Contra", entry=None, transfer__isnull=False)
                | Q(kind__in=["Receipt", "Payment"], entry__isnull=False, transfer=None),
                name="voucher_number_of_one_of_its_kind",
            ),
        ]

    def __str__(self):
        return f"{self.kind} {self.number} of {self.year}-{(self.year + 1) % 100:02}"
