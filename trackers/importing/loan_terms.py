"""What a file of running loans says of one loan's money: its face amount, what was given in hand and what was cut.

Two of the three give the third, and all three must agree. Pure: no database, no files. Amounts are Decimal rupees.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from shop.money import rupees
from trackers.workbook.amounts import PAISA

_NUMBER = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*(?:%|percent|pct)", re.IGNORECASE)
_DAY_NAMES = re.compile(r"0?([1-9]|[12]\d|3[01])(?:\.0+)?")
_GRID_DAYS = 10
_OF_LOANS = {"customer", "customer name", "name", "party", "borrower", "per day", "daily"}


class Contradiction(ValueError):
    """The amounts of a row do not go together; the message says how they differ."""


@dataclass(frozen=True)
class Cut:
    """What was kept back when a loan was given: an amount in rupees, or a percentage of the face amount."""

    amount: Decimal
    is_percent: bool = False

    def of(self, face: Decimal) -> Decimal:
        """The cut of a face amount, in rupees."""
        return (face * self.amount / 100).quantize(PAISA) if self.is_percent else self.amount

    def face_of(self, given: Decimal) -> Decimal:
        """The face amount of which `given` was left. Raises Contradiction where nothing would be left of any."""
        if not self.is_percent:
            return given + self.amount
        if self.amount >= 100:
            raise Contradiction(f"a cut of {self} leaves nothing of a loan.")
        return (given * 100 / (100 - self.amount)).quantize(PAISA)

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} %" if self.is_percent else rupees(self.amount)


def percent_of(text: str) -> Decimal | None:
    """The percentage that a text such as "12 %" writes, None where it writes none."""
    match = _NUMBER.fullmatch(text.strip())
    try:
        return Decimal(match[1]) if match else None
    except InvalidOperation:
        return None


def face_and_given(face: Decimal | None, given: Decimal | None, cut: Cut | None) -> tuple[Decimal, Decimal]:
    """(face amount, what was given in hand) of those of the three that a row names; None is a blank cell.

    Raises Contradiction, also where neither the face amount nor the given one is there.
    """
    if face is None and given is None:
        raise Contradiction("the investment is missing: fill in the investment, or what was given.")
    if face is None:
        face = cut.face_of(given) if cut else given
    if given is None:
        given = face - cut.of(face) if cut else face
    elif cut and face - given != cut.of(face):
        raise Contradiction(
            f"the investment {rupees(face)} less a cut of {cut} is {rupees(face - cut.of(face))}, but given is "
            f"{rupees(given)}: correct one of the three, or leave one empty."
        )
    if face <= 0:
        raise Contradiction("the investment must be above 0.")
    if given < 0:
        raise Contradiction(f"a cut of {cut} is more than the investment {rupees(face)}.")
    if given > face:
        raise Contradiction(
            f"given is {rupees(given)}, more than the investment {rupees(face)}: are the two columns exchanged?"
        )
    return face, given


def what_sheet_this_is(header: list[str], next_line: list[str], titles: Sequence[str] = ()) -> str:
    """Why a sheet is no list of loans, where it is a month grid or one customer's passbook; else "".

    `next_line` are the cells below the header as text, `titles` those above it.
    """
    days = [int(match[1]) for name in header if (match := _DAY_NAMES.fullmatch(name.strip()))]
    if len(days) >= _GRID_DAYS and days == list(range(days[0], days[0] + len(days))):
        return (
            "This is a month grid: one row a customer, one column a day. Running loans are one row a loan: write "
            "customer, given on, investment, per day, period, and as paid so far what each has paid in all; the "
            "template of this import has these columns."
        )
    is_titled = any(
        re.match(r"(?:name|customer|loan)\s*[:\-]\s*\S", name.strip(), re.IGNORECASE) for name in (*header, *titles)
    )
    for names in (header, next_line):
        plain = {name.strip().casefold() for name in names}
        if plain >= {"date", "amount"} and (is_titled or "balance" in plain) and not plain & _OF_LOANS:
            return (
                "This is one customer's passbook: one row a payment. Running loans are one row a loan: write the "
                "customer, given on, investment, per day, period, and as paid so far what all these payments add up "
                "to; single days can then be recorded on the loan's page."
            )
    return ""
