"""Who may see which entry, transfer, account and day: the one rule of shop.access, told about these rows."""

from django.db.models import Q

from ledger.models import (
    Account,
    AccountDay,
    AccountMonth,
    AccountTransfer,
    Category,
    DayBook,
    DayBookDetail,
    DayChange,
    DayClose,
    DayCloseCount,
    DaySeen,
    LedgerEntry,
    Merge,
    MergedEntry,
    PaymentModeAccount,
    TallyName,
    VoucherNumber,
)
from shop.access import POST, may, register, role_in
from shop.models import Role

register(Account, agents_own=lambda user: Q(agent=user))
register(PaymentModeAccount)
register(Category, agents_own=lambda user: Q())
register(TallyName)
register(Merge)
register(MergedEntry, book="merge__book")
register(VoucherNumber)
register(LedgerEntry, agents_own=lambda user: Q(created_by=user) | Q(account__agent=user))
register(
    AccountTransfer,
    agents_own=lambda user: Q(created_by=user) | Q(from_account__agent=user) | Q(to_account__agent=user),
)
register(DayBook)
register(DayBookDetail, book="day_book__book")
register(AccountDay, agents_own=lambda user: Q(account__agent=user))
register(AccountMonth, agents_own=lambda user: Q(account__agent=user))
register(DayChange)
register(DayClose)
register(DayCloseCount, book="day_close__book")
register(DaySeen, agents_own=lambda user: Q(user=user))


def may_correct(user, row):
    """Whether the user may edit, bin, restore or reverse an entry or transfer: an agent only his own, on open days."""
    if role_in(user, row.book_id) == Role.AGENT and (row.created_by_id != user.pk or row.book.is_closed_on(row.date)):
        return False
    return may(user, row.book_id, POST)
