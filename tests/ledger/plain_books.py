"""A book in plain Python: what the ledger must say, worked out the slow and obvious way.

Nothing here comes from the ledger's own code: a day is computed from the list of all entries and transfers each time.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal


@dataclass
class PlainEntry:
    """An entry: direction follows from its category when somebody asks, never before."""

    date: date
    account: str
    category: str
    subcategory: str
    amount: Decimal
    narration: str = ""
    ref: str = ""
    job: int | None = None
    adjusts: date | None = None
    deleted: bool = False
    reverses: int | None = None
    is_reversed: bool = False


@dataclass
class PlainTransfer:
    date: date
    source: str
    target: str
    amount: Decimal
    adjusts: date | None = None
    deleted: bool = False
    reverses: int | None = None
    is_reversed: bool = False


@dataclass
class PlainDay:
    opening: Decimal
    received: Decimal
    spent: Decimal
    closing: Decimal
    details: dict  # {(transaction type, category, subcategory): (amount, count)}
    accounts: dict  # {name: (opening, received, spent, transferred, closing)}


@dataclass
class PlainBook:
    openings: dict  # {account: opening balance}
    directions: dict  # {category: received | spent}
    entries: dict = field(default_factory=dict)  # {id: PlainEntry}
    transfers: dict = field(default_factory=dict)  # {id: PlainTransfer}
    closed_through: date | None = None

    def is_closed(self, on):
        return self.closed_through is not None and on <= self.closed_through

    def first_open(self, on):
        return self.closed_through + timedelta(days=1) if self.is_closed(on) else on

    def closes_any(self, dates):
        return any(self.is_closed(on) for on in dates)

    def days_of_category(self, name):
        return {entry.date for entry in self.entries.values() if entry.category == name and not entry.deleted}

    def live_entries(self):
        return [entry for entry in self.entries.values() if not entry.deleted]

    def live_transfers(self):
        return [transfer for transfer in self.transfers.values() if not transfer.deleted]

    def balance(self, account, through):
        """The account's balance at the end of a day."""
        balance = self.openings[account]
        for entry in self.live_entries():
            if entry.account == account and entry.date <= through:
                balance += self._plus(entry)
        for transfer in self.live_transfers():
            if transfer.date <= through:
                balance += self._moved(transfer, account)
        return balance

    def day(self, on):
        """Everything the day book must say of a day."""
        received = spent = Decimal(0)
        details = defaultdict(lambda: (Decimal(0), 0))
        for entry in self.live_entries():
            if entry.date != on:
                continue
            amount = -entry.amount if entry.reverses else entry.amount
            kind = "COLLECTION" if self.directions[entry.category] == "received" else "EXPENSE"
            if kind == "COLLECTION":
                received += amount
            else:
                spent += amount
            sum_before, count_before = details[kind, entry.category, entry.subcategory]
            details[kind, entry.category, entry.subcategory] = (sum_before + amount, count_before + 1)
        opening = sum(self.balance(name, on - timedelta(days=1)) for name in self.openings)
        closing = sum(self.balance(name, on) for name in self.openings)
        accounts = {name: self._account_day(name, on) for name in self.openings}
        return PlainDay(opening, received, spent, closing, dict(details), accounts)

    def _account_day(self, name, on):
        received = spent = transferred = Decimal(0)
        for entry in self.live_entries():
            if entry.date == on and entry.account == name:
                amount = -entry.amount if entry.reverses else entry.amount
                if self.directions[entry.category] == "received":
                    received += amount
                else:
                    spent += amount
        for transfer in self.live_transfers():
            if transfer.date == on:
                transferred += self._moved(transfer, name)
        return (self.balance(name, on - timedelta(days=1)), received, spent, transferred, self.balance(name, on))

    def _plus(self, entry):
        amount = -entry.amount if entry.reverses else entry.amount
        return amount if self.directions[entry.category] == "received" else -amount

    def _moved(self, transfer, account):
        amount = -transfer.amount if transfer.reverses else transfer.amount
        return amount * ((transfer.target == account) - (transfer.source == account))
