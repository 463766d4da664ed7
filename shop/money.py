"""Money: the only room that knows paise.

Outside, an amount is a `Decimal` of rupees with two places; inside the database it is a whole number of paise in a
signed 64-bit column. SQLite keeps a DecimalField as a binary float, whose sums drift and whose correct check
constraints refuse correct rows; whole paise are exact on every database.
"""

import re
from decimal import ROUND_HALF_EVEN, Decimal

from django.core.exceptions import ValidationError

# A row holds less than this many rupees, so that 64-bit sums of 900,000 of the largest rows still fit.
MAX_RUPEES = Decimal(10) ** 11
ZERO = Decimal("0.00")
_PAISA = Decimal("0.01")
_MOST_RUPEES = Decimal(2**63 - 1).scaleb(-2)

# 1234.5 | 1,234.50 | 1,23,456.50 | 123,456.50: grouped the Indian way, the western way, or not at all.
_AMOUNT = re.compile(r"(?:\d+|\d{1,2}(?:,\d{2})*,\d{3}|\d{1,3}(?:,\d{3})+)(?:\.\d{0,2})?|\.\d{1,2}")

# What people write around the digits of an amount: "Rs. 500/-", "INR 500", "500 rupees only".
_WRITTEN = re.compile(
    r"(?P<minus>[-−])?\s*(?:(?:₹|₨|rs\.?|inr|rupees)\s*)?(?P<inner>[-−])?\s*(?P<bare>[0-9.,]+)"
    r"\s*(?:rs\.?|inr|rupees)?\s*(?:/[-=–])?\s*(?:only)?\.?",
    re.IGNORECASE,
)


def parse_money(text: object) -> Decimal:
    """Rupees as `Decimal` with two places from what a person wrote, e.g. "1,23,456.50", "₹ 500", "Rs 500/-", "-20".

    Raises ValidationError for anything else: three decimals, "1,2,3", NaN, exponents, amounts past MAX_RUPEES.
    """
    shown = str(text).strip()
    bare, is_minus = _bare(shown)
    if not re.fullmatch(r"[0-9.,]+", bare):  # \d would take digits of every script, that Decimal mixes at will
        raise ValidationError(f"'{shown[:40]}' is not an amount. Write it like 500 or 1,23,456.50.", code="amount")
    if re.search(r"\.\d{3,}$", bare):
        raise ValidationError(f"'{shown[:40]}' has more than two decimals: paise are the smallest.", code="decimals")
    if not _AMOUNT.fullmatch(bare):
        raise ValidationError(f"'{shown[:40]}' is not an amount. Write it like 500 or 1,23,456.50.", code="amount")
    amount = Decimal(bare.replace(",", ""))
    if amount >= MAX_RUPEES:  # before quantize, which fails on more digits than Decimal's precision
        raise ValidationError(f"'{shown[:40]}' is too large: the limit is {rupees(MAX_RUPEES)}.", code="large")
    return (-amount if is_minus else amount).quantize(ZERO)


def _bare(shown):
    """(the digits of an amount with what groups them, whether a minus stands before them)."""
    if shown.isascii() and shown.isdecimal():
        return shown, False
    found = _WRITTEN.fullmatch(shown)
    if found is None or (found["minus"] and found["inner"]):
        return shown, False
    return found["bare"], bool(found["minus"] or found["inner"])


def money_fault(amount):
    """What is wrong with `amount` as rupees that a row can hold, as a sentence; None where nothing is."""
    if not isinstance(amount, Decimal) or not amount.is_finite():
        return f"'{amount}' is not an amount."
    if abs(amount) >= MAX_RUPEES:
        return f"{rupees(amount)} is too large: the limit is {rupees(MAX_RUPEES)}."
    if amount != amount.quantize(ZERO):
        return f"'{amount}' has more than two decimals: paise are the smallest."
    return None


def rupees(amount, symbol=""):
    """`Decimal` rupees as India writes them: 123456.5 -> "1,23,456.50"; a minus is the sign "−" before the symbol."""
    whole, _, paise = f"{abs(amount):.2f}".partition(".")
    head, tail = whole[:-3], whole[-3:]
    pairs = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)][::-1]
    return ("−" if amount < 0 else "") + symbol + ",".join([*pairs, tail]) + "." + paise


def plain(amount):
    """Rupees for scripts and files: two places, no grouping ("54500.00"); None stays None."""
    return None if amount is None else f"{amount:.2f}"


def to_paise(amount):
    """Whole paise of a Decimal or int of rupees. Raises TypeError for a float.

    Raises ValueError where paise would be lost, and for what a signed 64-bit column cannot hold.
    """
    if isinstance(amount, bool | float):
        raise TypeError("Money is Decimal rupees, never a float.")
    amount = Decimal(amount)
    if not amount.is_finite() or abs(amount) > _MOST_RUPEES:
        raise ValueError(f"{amount} is not an amount that 64 bits of paise can hold.")
    paise = amount.scaleb(2)
    if paise != paise.to_integral_value():
        raise ValueError(f"{amount} is finer than a paisa.")
    return int(paise)


def from_paise(paise):
    """Decimal rupees with two places from paise: an int, or what a database makes of one (a sum, an average).

    An average lies between two paise; it is rounded to the nearer, a tie to the even one.
    """
    if not isinstance(paise, int):
        paise = Decimal(paise).quantize(Decimal(1), ROUND_HALF_EVEN)
    return paise * _PAISA  # exact, and five times as fast as scaleb
