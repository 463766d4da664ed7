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
    """One account of the journal: `path` from the root, e.g. ("assets", "cash", "Cash") or ("income", "Interest")."""

    path: tuple
    tally_name: str = field(default="", compare=False)

    @property
    def name(self):
        return self.path[-1]

    @property
    def root(self):
        return self.path[0]


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
    """A book from `first` on. `openings` is {Ledger: Decimal rupees} on the morning of `first`, every account in it."""

    title: str
    first: Date
    openings: dict
    categories: list  # the Ledgers of category and subcategory that the days use
    days: Iterable

    @property
    def ledgers(self):
        return [OPENINGS, *self.openings, *self.categories]


def distinct_names(ledgers, spell):
    """{Ledger: spell(ledger)}; ledgers that one format would spell alike get " 2", " 3" … via spell(ledger, n)."""
    names, taken = {}, set()
    for ledger in ledgers:
        name, n = spell(ledger, 1), 1
        while name in taken:
            n += 1
            name = spell(ledger, n)
        taken.add(name)
        names[ledger] = name
    return names
