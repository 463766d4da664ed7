"""Sums for the dashboard, and the outbox that says which of them to add up anew."""

from django.db import models

from expenses.models.payees import Tag
from ledger.models import Account
from shop.models import Book
from shop.money_fields import MoneyField


class Spent(models.Model):
    """What parts of debits add up to, one row for each account and tag and what the table names beside them.

    `tag` None is what is to be told. expenses.overview.spent keeps these tables right; nobody else writes them.
    """

    book = models.ForeignKey(Book, models.CASCADE, related_name="+", db_index=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    tag = models.ForeignKey(Tag, models.CASCADE, null=True, related_name="+", db_index=False)
    count = models.PositiveIntegerField()
    total = MoneyField()

    class Meta:
        abstract = True
        default_permissions = ()


class SpentMonth(Spent):
    """By month and mode."""

    month = models.DateField(help_text="Its first day.")
    mode = models.CharField(max_length=20)

    class Meta(Spent.Meta):
        indexes = [models.Index(fields=["book", "account", "month"], name="spent_month_book")]


class SpentWeekday(Spent):
    """By month and weekday (1 is Monday)."""

    month = models.DateField(help_text="Its first day.")
    weekday = models.PositiveSmallIntegerField()

    class Meta(Spent.Meta):
        indexes = [models.Index(fields=["book", "account", "month"], name="spent_weekday_book")]


class SpentPayeeMonth(Spent):
    """By month and payee, for payees of a range of months."""

    month = models.DateField(help_text="Its first day.")
    product = models.CharField(max_length=120)

    class Meta(Spent.Meta):
        indexes = [
            models.Index(fields=["book", "product", "month"], name="spent_payee_month_book"),
            models.Index(fields=["book", "month"], name="spent_payee_month_of"),
        ]


class SpentPayee(Spent):
    """By payee, of all time: what his months add up to."""

    product = models.CharField(max_length=120)

    class Meta(Spent.Meta):
        indexes = [models.Index(fields=["book", "product"], name="spent_payee_book")]


class SpentChange(models.Model):
    """The outbox of these tables: a month and payee whose debits changed. Written by triggers, append-only."""

    book = models.ForeignKey(Book, models.DO_NOTHING, related_name="+", db_constraint=False)
    account = models.ForeignKey(Account, models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False)
    month = models.DateField()
    product = models.CharField(max_length=120)

    class Meta:
        default_permissions = ()
