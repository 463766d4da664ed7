"""A book and what it is made of: its people, accounts, categories, and how they are called elsewhere."""

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Lower
from simple_history.models import HistoricalRecords

from ledger.natures import ONE_WAY, Nature, fits, guess
from ledger.payment_modes import PAYMENT_MODES
from shop.models import Book
from shop.money import ZERO
from shop.money_fields import MoneyField


class Direction(models.TextChoices):
    RECEIVED = "received", "Received"
    SPENT = "spent", "Spent"


# PaymentMode.CASH, .UPI and so on, as the one table of them has it.
PaymentMode = models.TextChoices("PaymentMode", [(mode.key, (mode.name, mode.name)) for mode in PAYMENT_MODES])


class TransactionType(models.TextChoices):
    COLLECTION = "COLLECTION", "Collection"
    EXPENSE = "EXPENSE", "Expense"


class MovesDays(models.Model):
    """A row whose change moves days. It and its outbox rows (signals.py) are written together, or neither is."""

    class Meta:
        abstract = True

    def save(self, *args, **kwargs):
        with transaction.atomic():
            super().save(*args, **kwargs)


class Account(MovesDays):
    """Where money lies. `opening_balance` stands on the morning of the book's first day."""

    class Kind(models.TextChoices):
        CASH = "cash", "Cash box"
        BANK = "bank", "Bank account"
        UPI = "upi", "UPI wallet"
        CARD = "card", "Card"

    book = models.ForeignKey(Book, models.CASCADE, related_name="accounts", db_index=False)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.CASH)
    opening_balance = MoneyField(default=ZERO)
    is_active = models.BooleanField(default=True)
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="cash_accounts",
        help_text="The agent who carries this cash; empty for the shop's own accounts.",
    )
    history = HistoricalRecords()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                "book",
                Lower("name"),
                name="account_name_once",
                violation_error_message="The book has an account of this name already.",
            )
        ]

    def __str__(self):
        return self.name


class PaymentModeAccount(models.Model):
    """Into which account a payment mode pays, where nobody names one."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="mode_accounts", db_index=False)
    payment_mode = models.CharField(max_length=20, choices=PaymentMode)
    account = models.ForeignKey(Account, models.CASCADE, related_name="modes")
    history = HistoricalRecords()

    class Meta:
        ordering = ["payment_mode"]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "payment_mode"],
                name="payment_mode_account_once",
                violation_error_message="This payment mode has an account already.",
            )
        ]

    def __str__(self):
        return f"{self.payment_mode} → {self.account}"


class Category(MovesDays):
    """What an entry is for. Its direction, and nothing else, says whether money came or went; its nature, what that
    money is in the accounts (ledger.natures). A nature that nobody told is guessed and waits for somebody to look."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="categories", db_index=False)
    name = models.CharField(max_length=80)
    direction = models.CharField(max_length=10, choices=Direction)
    nature = models.CharField(max_length=10, choices=Nature)
    nature_is_guessed = models.BooleanField(default=False, editable=False)
    is_active = models.BooleanField(default=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "categories"
        constraints = [
            models.UniqueConstraint(
                "book",
                Lower("name"),
                name="category_name_once",
                violation_error_message="The book has a category of this name already.",
            ),
            models.CheckConstraint(condition=Q(direction__in=Direction.values), name="category_direction_known"),
            models.CheckConstraint(condition=Q(nature__in=Nature.values), name="category_nature_known"),
            models.CheckConstraint(
                condition=Q(nature__in=[nature for nature in Nature.values if nature not in ONE_WAY])
                | Q(*(Q(nature=nature, direction=way) for nature, way in ONE_WAY.items()), _connector=Q.OR),
                name="category_nature_fits_direction",
                violation_error_message="Income is received, cost and drawings are spent; choose the nature that fits.",
            ),
        ]

    def __str__(self):
        return self.name

    def save(self, *args, **kwargs):
        """A nature that was not told, or that the direction does not allow (any more), is guessed."""
        if not self.nature or not fits(self.nature, self.direction):
            self.nature, is_known = guess(self.name, self.direction)
            self.nature_is_guessed = not is_known
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "nature", "nature_is_guessed"}
        super().save(*args, **kwargs)

    @property
    def transaction_type(self):
        return TransactionType.COLLECTION if self.direction == Direction.RECEIVED else TransactionType.EXPENSE


class TallyName(models.Model):
    """How the accountant's Tally company calls an account, a category, or one subcategory of it."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="tally_names", db_index=False)
    account = models.ForeignKey(Account, models.CASCADE, null=True, blank=True, related_name="+")
    category = models.ForeignKey(Category, models.CASCADE, null=True, blank=True, related_name="+")
    subcategory = models.CharField(max_length=80, blank=True)
    name = models.CharField(max_length=120)
    history = HistoricalRecords()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["book", "account"], name="tally_name_of_account_once"),
            models.UniqueConstraint(fields=["book", "category", "subcategory"], name="tally_name_of_category_once"),
            models.CheckConstraint(
                condition=Q(account=None, category__isnull=False) | Q(account__isnull=False, category=None),
                name="tally_name_of_account_or_category",
            ),
        ]

    def __str__(self):
        return self.name
