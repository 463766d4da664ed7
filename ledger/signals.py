"""Three receivers that record which day of which book a change touched; the work itself is daybook's.

bulk_create and queryset.update send no signals: services' bulk paths record their days themselves.
"""

from django.db.models.signals import post_delete, post_save, pre_save
from django.dispatch import receiver

from ledger import daybook
from ledger.models import Account, AccountTransfer, Category, LedgerEntry
from lendbook.money import ZERO

# The fields of each model whose change moves a figure of a day.
COUNTED = {
    LedgerEntry: (
        "book_id",
        "date",
        "account_id",
        "category_id",
        "subcategory",
        "amount",
        "deleted_at",
        "reversal_of_id",
    ),
    AccountTransfer: ("book_id", "date", "from_account_id", "to_account_id", "amount", "deleted_at", "reversal_of_id"),
    Account: ("book_id", "opening_balance"),
    Category: ("book_id", "direction"),
}


def _counted(row):
    return {name: getattr(row, name) for name in COUNTED[type(row)]}


@receiver(pre_save)
def remember_where_it_was(sender, instance, **kwargs):
    """A row that can move must tell where it was as well as where it is."""
    if sender in COUNTED:
        before = None if instance._state.adding else sender.objects.filter(pk=instance.pk).first()
        instance._was = before and _counted(before)


@receiver(post_save)
def record_saved(sender, instance, raw=False, **kwargs):
    if sender in COUNTED:
        was, now = instance._was, _counted(instance)
        if was != now:
            for place in filter(None, (was, now)):
                _record(sender, instance.pk, place, created=was is None)


@receiver(post_delete)
def record_deleted(sender, instance, **kwargs):
    if sender in COUNTED:
        _record(sender, instance.pk, _counted(instance), created=False)


def _record(sender, pk, place, *, created):
    if sender is Category:
        if not created:
            days = LedgerEntry.objects.filter(category=pk, deleted_at=None).values_list("date", flat=True).distinct()
            daybook.record_changes(place["book_id"], days.order_by())
    elif sender is Account:
        if place["opening_balance"] != ZERO or not created:
            daybook.record_changes(place["book_id"], [None])
    elif place["deleted_at"] is None:
        daybook.record_changes(place["book_id"], [place["date"]])
