"""What a category is in the accounts: its nature, beside the direction that says whether money came or went.

Received and spent make the day book; the nature says what the money is. Loans given are no cost and capital is no
income: what is lent stays the lender's own, what an owner puts in or takes out is no profit.

- income, cost: earned and used up; the profit is made of these two.
- loans: handed out to customers and collected from them again. A Collection is principal and interest in one, so all of
  it counts as loans, and interest shows as income only where it has a category of its own: until instalments are split,
  what is earned inside of collections stands in "loans" as collected beyond what was lent.
- capital, drawings: put in by the owners, taken out by them. Withdrawal, money taken out of a tracker's pot, is drawings.
- moved: from one pocket to another by way of two entries; together they come to nothing.

Pure: no database.
"""

import re
from typing import NamedTuple

from django.db.models import TextChoices

RECEIVED, SPENT = "received", "spent"


class Nature(TextChoices):
    INCOME = "income", "Income"
    COST = "cost", "Cost"
    LOANS = "loans", "Loans"
    CAPITAL = "capital", "Capital"
    DRAWINGS = "drawings", "Drawings"
    MOVED = "moved", "Moved"


# Natures that go one way; loans, capital and moved money come and go.
ONE_WAY = {Nature.INCOME: RECEIVED, Nature.COST: SPENT, Nature.DRAWINGS: SPENT}
# Natures whose money is counted from April to March; the others carry their balance from year to year.
OF_THE_YEAR = (Nature.INCOME, Nature.COST)

# The names of the trade, the shipped ones among them.
_KNOWN = {
    Nature.LOANS: (
        "collection collections loan-collection loan-payment loan-payments loan-repayment principal loan loans "
        "loan-given loans-given loan-disbursement disbursement disbursements"
    ),
    Nature.CAPITAL: "capital capital-received capital-introduced",
    Nature.DRAWINGS: "drawings drawing withdrawal withdrawals",
    Nature.INCOME: "income interest cash-excess",
    Nature.COST: "expense expenses bank-charges cash-short",
    Nature.MOVED: "contra",
}
_NATURE_OF = {name.replace("-", " "): nature for nature, names in _KNOWN.items() for name in names.split()}


class Guess(NamedTuple):
    """A nature; `is_known` where the name says it, not the direction alone."""

    nature: Nature
    is_known: bool


def fits(nature: str, direction: str) -> bool:
    """Whether a category of this direction may have this nature."""
    return ONE_WAY.get(nature, direction) == direction


def guess(name: str, direction: str) -> Guess:
    """The nature of a category that nobody was asked about: as its name says, else income or cost by its direction."""
    plain = re.sub(r"\s*\((received|spent)\)$", "", " ".join(name.casefold().split()))
    known = _NATURE_OF.get(plain)
    if known and fits(known, direction):
        return Guess(known, True)
    return Guess(Nature.INCOME if direction == RECEIVED else Nature.COST, False)
