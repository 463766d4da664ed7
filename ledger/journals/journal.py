"""What a journal holds, whatever its format. Pure: no database.

A voucher is one entry or transfer as two or more legs that add up to zero; a leg above zero is a debit (an asset
grows), below zero a credit. Closings are what the stored day book says, so that the reader of a journal proves them
against the vouchers.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date as Date
from enum import StrEnum


class Kind(StrEnum):
    RECEIPT = "Receipt"
    PAYMENT = "Payment"
    CONTRA = "Contra"


@dataclass(frozen=True)
class Ledger:
    """One account of the journal: `path` from the root, e.g. ("assets", "cash", "Cash") or ("income", "Interest").

    Several categories may stand on one path (all loans on "assets:loans"); `of` then tells them apart, e.g.
    "Collection / Loan Payments", and is empty where the path says it all. In Tally each keeps a ledger of its own.
    """

    path: tuple
    tally_name: str = field(default="", compare=False)
    of: str = ""


OPENINGS = Ledger(("equity", "Opening balances"))


@dataclass
class Voucher:
    """One entry or transfer. `number` is its short id within the book ("e12", "t3"), `guid` stable everywhere."""

    number: str
    guid: str
    date: Date
    kind: Kind
    legs: list  # [(Ledger, Decimal rupees)]; they add up to zero
    narration: str = ""
    reference: str = ""
    payment_mode: str = ""
    adjusts_date: Date | None = None
    voucher_number: int | None = None  # of its year and kind, where numbers were given
    is_cancelled: bool = False  # it left once and stands no longer; it has no legs

    @property
    def sentence(self):
        """Narration and reference in one line."""
        return " ".join(filter(None, (self.narration, self.reference and f"(ref {self.reference})")))


@dataclass
class JournalDay:
    """A day with vouchers; `closings` is {Ledger: Decimal rupees} of every account that the day touched."""

    date: Date
    vouchers: list
    closings: dict


@dataclass
class Journal:
    """A book from `first` on. `openings` is {Ledger: Decimal rupees} on the morning of `first`: every account, and what
    loans, capital, drawings and moved money had come to by then."""

    title: str
    first: Date
    openings: dict
    categories: list  # the Ledgers of category and subcategory that the days use
    days: Iterable
    cancelled: Iterable = ()  # Vouchers, by date

    @property
    def ledgers(self):
        return list(dict.fromkeys([OPENINGS, *self.openings, *self.categories]))

    def opened(self, names):
        """{name: Decimal rupees} of what is not zero on the morning of `first`, in the names of a format."""
        sums = {}
        for ledger, amount in self.openings.items():
            sums[names[ledger]] = sums.get(names[ledger], 0) + amount
        return {name: amount for name, amount in sums.items() if amount}


def distinct_names(ledgers, spell):
    """{Ledger: spell(path)}; paths that one format would spell alike get " 2", " 3" … via spell(path, n)."""
    names, taken = {}, set()
    for path in dict.fromkeys(ledger.path for ledger in ledgers):
        name, n = spell(path, 1), 1
        while name in taken:
            n += 1
            name = spell(path, n)
        taken.add(name)
        names[path] = name
    return {ledger: names[ledger.path] for ledger in ledgers}
