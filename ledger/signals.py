"""Three receivers that record which day of which book a change touched; the work itself is daybook's.

They run in the transaction of the change (models.books.MovesDays). bulk_create and queryset.update send no signals:
services' bulk paths record their days themselves.
"""

from django.db.models.signals import post_delete, post_save, pre_save
from django.dispatch import receiver

from ledger import daybook
from ledger.models import Account, AccountTransfer, Category, DayChange, LedgerEntry, Movement
from shop import faults
from shop.models import Book
from shop.money import ZERO

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
def remember_where_it_was(sender, instance, raw=False, **kwargs):
    """A row that can move must tell where it was as well as where it is; locked, so that it cannot move again.

    A new direction also takes the book's lock alone: an entry that is being posted in the category either is seen
    here, or comes after and is computed with the new direction.
    """
    if sender not in COUNTED:
        return
    instance._was = None
    if not raw and not instance._state.adding:
        before = sender.objects.select_for_update(no_key=True).filter(pk=instance.pk).first()
        instance._was = before and _counted(before)
        if sender is Category and before and before.direction != instance.direction:
            daybook.lock_book(before.book_id, whole=True)


@receiver(post_save)
def record_saved(sender, instance, raw=False, **kwargs):
    if sender in COUNTED:
        was, now = instance._was, _counted(instance)
        if was != now:
            _record(sender, instance.pk, [place for place in (was, now) if place], raw=raw)
        elif isinstance(instance, Movement) and not raw:
            faults.refuse_days(instance.book_id, [instance.date])  # no figure changes, but the day is read-only


@receiver(post_delete)
def record_deleted(sender, instance, origin=None, **kwargs):
    """A book that is deleted takes its outbox with it."""
    if sender in COUNTED and getattr(origin, "model", type(origin)) is not Book:
        _record(sender, instance.pk, [_counted(instance)])


def _record(sender, pk, places, *, raw=False):
    """Record the days of the places where a row was and is, per book. A loaded fixture (`raw`) is not questioned."""
    dates_of = {}
    for place in places:
        dates_of.setdefault(place["book_id"], set()).update(_dates(sender, pk, place))
    for book_id, dates in dates_of.items():
        if raw:
            DayChange.objects.bulk_create([DayChange(book_id=book_id, date=date) for date in dates])
        else:
            daybook.record_changes(book_id, dates)


def _dates(sender, pk, place):
    """The dates whose figures a row in this place moves; None stands for every day, by an opening balance."""
    if sender is Category:
        days = LedgerEntry.objects.filter(category=pk, deleted_at=None).values_list("date", flat=True)
        return set(days.distinct().order_by())
    if sender is Account:
        return {None} if place["opening_balance"] != ZERO else set()
    return {place["date"]} if place["deleted_at"] is None else set()
