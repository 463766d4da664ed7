"""The other way: the day book as a good Django developer writes it over model objects, day by day.

Each day is one recalculation: its entries are read as objects (their categories joined, no query per row), summed in
Python, and the day, its details and its accounts' movements are written back, details in bulk, all in one transaction.
It gives the very figures that the engine gives; benchmarks/ledger.py compares them.
"""

from collections import defaultdict

from django.db import transaction

from ledger.models import Account, AccountDay, AccountTransfer, DayBook, DayBookDetail, LedgerEntry
from shop.money import ZERO


@transaction.atomic
def recalculate_day(book, date):
    """Compute one day of a book from its entries and from the day before it."""
    before = DayBook.objects.filter(book=book, date__lt=date).order_by("-date").first()
    if before is not None:
        opening = before.closing_balance
    else:
        opening = sum((account.opening_balance for account in Account.objects.filter(book=book)), ZERO)
    received = spent = ZERO
    details, moves = defaultdict(lambda: [ZERO, 0]), defaultdict(lambda: [ZERO, ZERO, ZERO])
    entries = LedgerEntry.objects.filter(book=book, date=date, deleted_at=None).select_related("category")
    for entry in entries:
        amount = -entry.amount if entry.reversal_of_id else entry.amount
        if entry.category.direction == "received":
            received += amount
            moves[entry.account_id][0] += amount
        else:
            spent += amount
            moves[entry.account_id][1] += amount
        detail = details[entry.category.transaction_type, entry.category_id, entry.subcategory]
        detail[0] += amount
        detail[1] += 1
    for transfer in AccountTransfer.objects.filter(book=book, date=date, deleted_at=None):
        amount = -transfer.amount if transfer.reversal_of_id else transfer.amount
        moves[transfer.from_account_id][2] -= amount
        moves[transfer.to_account_id][2] += amount
    totals = {
        "opening_balance": opening,
        "total_received": received,
        "total_spent": spent,
        "closing_balance": opening + received - spent,
    }
    day, _ = DayBook.objects.update_or_create(book=book, date=date, defaults=totals)
    day.details.all().delete()
    DayBookDetail.objects.bulk_create(
        DayBookDetail(
            day_book=day,
            transaction_type=kind,
            category_id=category,
            subcategory=subcategory,
            amount=amount,
            transaction_count=count,
        )
        for (kind, category, subcategory), (amount, count) in details.items()
    )
    AccountDay.objects.filter(book=book, date=date).delete()
    AccountDay.objects.bulk_create(
        AccountDay(book=book, date=date, account_id=account, received=into, spent=out_of, transferred=transferred)
        for account, (into, out_of, transferred) in moves.items()
    )
    return day


def rebuild(book, dates):
    """A full rebuild: day after day."""
    for date in dates:
        recalculate_day(book, date)


def late_entry_made_correct(book, date):
    """A late entry, all later days right: this day and each after it is recalculated."""
    dates = DayBook.objects.filter(book=book, date__gte=date).order_by("date").values_list("date", flat=True)
    rebuild(book, list(dates))


@transaction.atomic
def late_entry_carried(book, date):
    """A kinder way to the same: the day is recalculated, the later ones only take over the balance and are saved."""
    balance = recalculate_day(book, date).closing_balance
    for day in DayBook.objects.filter(book=book, date__gt=date).order_by("date"):
        day.opening_balance = balance
        balance = day.closing_balance = balance + day.total_received - day.total_spent
        day.save(update_fields=["opening_balance", "closing_balance"])


def late_entry_next_day_only(book, date):
    """What is often seen: the day and the one after it are recalculated; every later day is left wrong."""
    recalculate_day(book, date)
    after = DayBook.objects.filter(book=book, date__gt=date).order_by("date").first()
    if after is not None:
        recalculate_day(book, after.date)
