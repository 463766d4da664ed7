"""A slip of the keyboard: an amount that is asked about once before it is taken.

Asked about is what is above all that is still to pay, and what is above ten times what is due: a zero too many, two
rows' figures in one. It may be right all the same, so a person says yes and it is taken. One rule for the collection
sheet, a day's page, commands and files.
"""

from dataclasses import dataclass
from decimal import Decimal

from shop.money import ZERO, rupees
from shop.questions import Question
from trackers.schedule import Terms, expected

TIMES = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """What a payment is measured by, Decimal rupees: all that is still to pay, and what is due by its day, which is at
    least one instalment."""

    outstanding: Decimal
    due: Decimal

    @property
    def most(self) -> Decimal:
        """The largest amount that is not asked about for what is due."""
        return self.due * TIMES


def limits(terms: Terms, paid: Decimal, day: int) -> Limits:
    """The Limits of a payment on a day of a tracker on which `paid` was paid in all beside it."""
    return Limits(
        outstanding=max(terms.total - paid, ZERO), due=max(expected(terms, day) - paid, terms.per_day_payment)
    )


def doubt(limits: Limits, amount: Decimal) -> str:
    """The sentence that asks about an amount, "" where nothing is asked."""
    if amount <= 0:
        return ""
    if amount > limits.outstanding:
        return f"{rupees(amount)} is more than all that is still to pay, {rupees(limits.outstanding)}."
    if amount > limits.most:
        return f"{rupees(amount)} is more than ten times what is due, {rupees(limits.due)}."
    return ""


#: What the keys of these questions begin with.
KEY = "slip:"
#: What an import's tick and a command's option say.
OPTION = "Take amounts above what is still to pay, or above ten times what is due"
HOW_TO_SAY_YES = f"If it is meant, tick “{OPTION}” (a command: --yes)."


def questions(limits: Limits, amount: Decimal, of: str) -> list[Question]:
    """The Question about an amount, if there is one; `of` says of which tracker and day."""
    sentence = doubt(limits, amount)
    return [Question(f"{KEY}{of}:{amount:.2f}", sentence)] if sentence else []
