"""The ledger's rows: what a book holds, and the day book derived from it.

Book: one set of books with its own day book. Account: a cash box, bank account, UPI wallet or card, with an opening
balance. LedgerEntry: one receipt or payment; its category's direction says which. AccountTransfer: money that moved
between two accounts of one book, neither received nor spent. DayBook and DayBookDetail: a day's totals, derived from
the entries and stored. DayChange: the outbox; a row says "this day must be computed again". DayClose: a counted and
signed day; a book is closed *through* a date. Fault: what `verify` found wrong, which freezes what it concerns.

Two clocks: `date` is the business date, when the money moved, in the book's time zone; `…_at` is the moment somebody
typed it. Amounts are always above 0; direction and nature are
fields of Category, and a reversal counts against its category.
"""

from ledger.models.books import (
    Account,
    Book,
    BookMember,
    Category,
    Direction,
    PaymentMode,
    PaymentModeAccount,
    Role,
    TallyName,
    TransactionType,
    check_time_zone,
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
from ledger.models.running import Fault, Heartbeat, Job, Tries
from ledger.natures import Nature

__all__ = [
    "Account",
    "AccountDay",
    "AccountMonth",
    "AccountTransfer",
    "Book",
    "BookMember",
    "Category",
    "DayBook",
    "DayBookDetail",
    "DayChange",
    "DayClose",
    "DayCloseCount",
    "DaySeen",
    "Direction",
    "Fault",
    "Heartbeat",
    "Job",
    "LedgerEntry",
    "Merge",
    "MergedEntry",
    "Movement",
    "Nature",
    "PaymentMode",
    "PaymentModeAccount",
    "Role",
    "TallyName",
    "TransactionType",
    "Tries",
    "VoucherKind",
    "VoucherNumber",
    "check_time_zone",
]
