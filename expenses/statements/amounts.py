"""Amounts as banks write them, read into whole paise; what is not an amount raises, and is never zero.

Read: ``1,23,456.50``, ``1,000.00 Dr``, ``500.00 (Dr)``, ``(500.00)``, ``₹ 500``, ``500.00-``, ``1,00.00`` (one bank's odd
grouping).
Nothing filled: blank, ``-``. No float takes part: a spreadsheet's number comes here as the text of its shortest
decimal form, and noise beyond the second decimal of less than a hundred-thousandth of a rupee
(``177448.30000000002``, which spreadsheets leave behind after a sum) is rounded away; more than that is an error.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal

#: Nothing stands in the cell, as banks write nothing.
BLANK = frozenset(("", "-", "--", "–", "—"))

#: Less than 10,000 crore rupees, as shop.money allows: sums of 200,000 such rows stay within 64 bits.
MAX_PAISE = 10**13 - 1
NOISE = Decimal("0.00001")

_AMOUNT = re.compile(
    r"(?P<open>\()?\s*(?P<sign>[+-])?\s*(?:₹|rs\.?|inr)?\s*(?P<sign2>[+-])?\s*"
    r"(?P<number>\d[\d,]*(?:\.\d*)?|\.\d+)\s*(?:₹|rs\.?|inr)?\s*(?P<close>\))?\s*(?P<after>-)?\s*"
    r"(?:(?P<side>[cd]r?\.?|credit|debit)|\(\s*(?P<inside>[cd]r?\.?|credit|debit)\s*\)|"
    r"\[\s*(?P<within>[cd]r?\.?|credit|debit)\s*\])?",
    re.IGNORECASE | re.ASCII,
)


def from_paise(paise: int) -> Decimal:
    """Whole paise as Decimal rupees with two places."""
    return Decimal(paise).scaleb(-2)


def read_amount(text: str) -> int | None:
    """The amount in paise, negative for ``-``, ``( )`` and ``Dr``; None where the cell is blank.

    Raises ValueError with a reason that quotes the text.
    """
    if text[-3:-2] == ".":  # the common shape, 1,23,456.50, without a regular expression
        digits = text[:-3].replace(",", "") + text[-2:]
        if digits.isascii() and digits.isdigit() and len(digits) <= 13:
            return int(digits)
    return None if text in BLANK else _read_unusual(text)


def _read_unusual(text: str) -> int | None:
    bare = text.replace("\xa0", " ").replace("−", "-").strip().lstrip("'").strip()
    if bare in BLANK:
        return None
    match = _AMOUNT.fullmatch(bare)
    if match is None or bool(match["open"]) != bool(match["close"]) or (match["sign"] and match["sign2"]):
        raise ValueError(f"'{_short(text)}' is not an amount")
    number, side = match["number"], (match["side"] or match["inside"] or match["within"] or "").lower()
    minus = "-" in (match["sign"], match["sign2"], match["after"]) or bool(match["open"])
    if minus and side.startswith("c"):
        raise ValueError(f"'{_short(text)}' is both negative and Cr")
    if "." not in number and "," in number and len(number.rsplit(",", 1)[1]) != 3:
        raise ValueError(f"'{_short(text)}' may have a decimal comma; write it with a point")
    exact = Decimal(number.replace(",", "")) * 100
    paise = exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN) if exact <= MAX_PAISE else None
    if paise is None:
        raise ValueError(f"'{_short(text)}' is too large")
    if abs(paise - exact) > NOISE * 100:
        raise ValueError(f"'{_short(text)}' has more than two decimals")
    return -int(paise) if minus or side.startswith("d") else int(paise)


def side_of(text: str) -> str:
    """ "dr" or "cr" where an amount or a type cell says it (``1,000.00 Dr``, ``CR``, ``Debit``, ``W``), else ""."""
    word = re.sub(r"[^a-z]", "", text.casefold().replace("inr", "").replace("rs", ""))
    if word in ("dr", "d", "debit", "debited", "withdrawal", "w", "db", "paid"):
        return "dr"
    return "cr" if word in ("cr", "c", "credit", "credited", "deposit", "received") else ""


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
