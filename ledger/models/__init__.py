"""The ledger's rows: what a book holds, and the day book derived from it.

Account: a cash box, bank account, UPI wallet or card, with an opening
balance. LedgerEntry: one receipt or payment; its category's direction says which. AccountTransfer: money that moved
between two accounts of one book, neither received nor spent. DayBook and DayBookDetail: a day's totals, derived from
the entries and stored. DayChange: the outbox; a row says "this day must be computed again". DayClose: a counted and
signed day; a book is closed *through* a date.

Two clocks: `date` is the business date, when the money moved, in the book's time zone; `…_at` is the moment somebody
typed it. Amounts are always above 0; direction and nature are
fields of Category, and a reversal counts against its category.
"""

from ledger.models.books import (
    Account,
    Category,
    Direction,
    PaymentMode,
    PaymentModeAccount,
    TallyName,
    TransactionType,
)
from ledger.models.days import (
    AccountDay,
    AccountMonth,
    DayBook,
    DayBookDetail,
    DayChange,
    DayClose,
    DayCloseCount,
    DaySeen,
)
from ledger.models.merges import Merge, MergedEntry
from ledger.models.movements import AccountTransfer, LedgerEntry, Movement, VoucherKind, VoucherNumber
from ledger.natures import Nature

__all__ = [
    "Account",
    "AccountDay",
    "AccountMonth",
    "AccountTransfer",
    "Category",
    "DayBook",
    "DayBookDetail",
    "DayChange",
    "DayClose",
    "DayCloseCount",
    "DaySeen",
    "Direction",
    "LedgerEntry",
    "Merge",
    "MergedEntry",
    "Movement",
    "Nature",
    "PaymentMode",
    "PaymentModeAccount",
    "TallyName",
    "TransactionType",
    "VoucherKind",
    "VoucherNumber",
]
