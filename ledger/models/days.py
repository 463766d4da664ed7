"""What is derived from the movements, day by day, the outbox that says which days to derive anew, and closes."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from simple_history.models import HistoricalRecords

from ledger.models.books import Account, Category, TransactionType
from shop.models import Book
from shop.money import ZERO
from shop.money_fields import MoneyField


class DayChange(models.Model):
    """The outbox: this day of this book must be computed again. `date` empty: an opening balance changed.

    Append-only and without a unique key, so that writers never wait for each other; daybook.refresh deletes exactly
    the rows it has read.
    """

    book = models.ForeignKey(Book, models.CASCADE, related_name="day_changes")
    date = models.DateField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()


class DayBook(models.Model):
    """A day's totals, derived: closing = opening + received − spent; opening = the closing of the day before."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="days", db_index=False)
    date = models.DateField()
    opening_balance = MoneyField(default=ZERO)
    total_received = MoneyField(default=ZERO)
    total_spent = MoneyField(default=ZERO)
    closing_balance = MoneyField(default=ZERO)
    calculated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        ordering = ["date"]
        constraints = [
            models.UniqueConstraint(fields=["book", "date"], name="day_book_once"),
            models.CheckConstraint(
                condition=Q(closing_balance=F("opening_balance") + F("total_received") - F("total_spent")),
                name="day_book_closing_adds_up",
            ),
        ]

    def __str__(self):
        return f"{self.date:%d-%m-%Y}"


class DayBookDetail(models.Model):
    """A day's sum of one category and subcategory; `transaction_count` counts entries, reversals too."""

    day_book = models.ForeignKey(DayBook, models.CASCADE, related_name="details", db_index=False)
    transaction_type = models.CharField(max_length=10, choices=TransactionType)
    category = models.ForeignKey(Category, models.PROTECT, related_name="+", db_index=False)
    subcategory = models.CharField(max_length=80, blank=True)
    amount = MoneyField()
    transaction_count = models.PositiveIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["day_book", "transaction_type", "category", "subcategory"], name="day_book_detail_once"
            )
        ]


class AccountDay(models.Model):
    """What one account received, spent and moved on one day, derived; its balance is the opening plus all before."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="+", db_index=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="days", db_index=False)
    date = models.DateField()
    received = MoneyField(default=ZERO)
    spent = MoneyField(default=ZERO)
    transferred = MoneyField(default=ZERO)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["book", "date", "account"], name="account_day_once")]


class AccountMonth(models.Model):
    """What one account gained in one month, derived, so that no balance has to be added up over years of days."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="+", db_index=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    month = models.DateField(help_text="Its first day.")
    moved = MoneyField(default=ZERO)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["book", "month", "account"], name="account_month_once")]


class DayClose(models.Model):
    """A close of the book through `date`: who counted, who signed, and whether it was opened again."""

    book = models.ForeignKey(Book, models.PROTECT, related_name="closes", db_index=False)
    date = models.DateField()
    note = models.CharField(max_length=500, blank=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    closed_at = models.DateTimeField(default=timezone.now)
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    signed_at = models.DateTimeField(null=True, blank=True)
    reopened_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    reopened_at = models.DateTimeField(null=True, blank=True)
    reopen_reason = models.CharField(max_length=500, blank=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["-date", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "date"],
                condition=Q(reopened_at=None),
                name="day_close_once",
                violation_error_message="This day is closed already.",
            )
        ]

    def __str__(self):
        return f"{self.book} closed through {self.date:%d-%m-%Y}"


class DayCloseCount(models.Model):
    """One account counted at a close: what the books expected, what was there, note by note."""

    day_close = models.ForeignKey(DayClose, models.CASCADE, related_name="counts")
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    expected = MoneyField()
    counted = MoneyField()
    denominations = models.JSONField(default=dict, blank=True, help_text='Pieces per note or coin: {"500": 12}.')

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["day_close", "account"], name="day_close_count_once")]

    @property
    def difference(self):
        return self.counted - self.expected

    @property
    def pieces(self):
        """[(note or coin, pieces)], the largest first; a database keeps JSON in an order of its own."""
        return sorted(((int(note), number) for note, number in self.denominations.items()), reverse=True)


class DaySeen(models.Model):
    """What a person last saw of a day, so that the page can tell what changed meanwhile."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    book = models.ForeignKey(Book, models.CASCADE, related_name="+")
    date = models.DateField()
    closing_balance = MoneyField()
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "book", "date"], name="day_seen_once")]
