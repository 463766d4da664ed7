"""A column of amounts or days at once: numbers as int64 arrays, each distinct text read once, faults by position."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from expenses.statements.amounts import BLANK, read_amount, side_of
from expenses.statements.dates import read_date

#: Cells as most banks write them, one per line: 1,23,456.50 or nothing. Others go through read_amount.
_PLAIN = re.compile(r"(?:[0-9,]{0,14}\.[0-9]{2}\n|\n)*", re.ASCII)
#: As many digits as read_amount takes the short way.
_PLAIN_LIMIT = 10**13


@dataclass(frozen=True)
class Read:
    """A column of amounts: `paise` (0 where there is none), where the cell is `blank`, and position -> why it is no
    amount. `plain`: none has a sign, a word or brackets."""

    paise: np.ndarray
    blank: np.ndarray
    faults: dict[int, str]
    plain: bool


def read_column(texts: list[str], name: str) -> Read:
    """What read_amount says of each cell; `name` begins the faults."""
    return _read_plain(texts) or _read_distinct(texts, name)


def _read_plain(texts: list[str]) -> Read | None:
    joined = "\n".join(texts) + "\n"
    if not _PLAIN.fullmatch(joined):
        return None
    digits = joined.replace(",", "").replace(".", "").split("\n")
    if len(digits) != len(texts) + 1:  # a cell of several lines
        return None
    paise = np.array([int(number) if number else -1 for number in digits[:-1]], dtype=np.int64)
    if paise.max(initial=0) >= _PLAIN_LIMIT:
        return None
    blank = paise < 0
    paise[blank] = 0
    return Read(paise, blank, {}, True)


def _read_distinct(texts: list[str], name: str) -> Read:
    known: dict[str, int | None] = dict.fromkeys(BLANK)
    wrong: dict[str, str] = {}
    for text in set(texts) - BLANK:
        try:
            known[text] = read_amount(text)
        except ValueError as error:
            known[text], wrong[text] = None, f"{name} {error}"
    amounts = [known[text] for text in texts]
    blank = np.array([amount is None for amount in amounts], dtype=bool)
    faults = {at: wrong[text] for at, text in enumerate(texts) if text in wrong} if wrong else {}
    blank[list(faults)] = False
    return Read(np.array([amount or 0 for amount in amounts], dtype=np.int64), blank, faults, False)


@dataclass(frozen=True)
class Amounts:
    """Each line's debit, credit and balance in paise (0 for none), where a balance stands, and position -> why the
    line has no amount. `unmarked`: no amount tells its side, and all are taken for credits."""

    debit: np.ndarray
    credit: np.ndarray
    balance: np.ndarray
    has_balance: np.ndarray
    faults: dict[int, str]
    unmarked: bool

    def turned(self) -> Amounts:
        """The same with every debit a credit and every credit a debit."""
        return replace(self, debit=self.credit, credit=self.debit)


def read_amounts(columns: dict[str, int], of, dated: np.ndarray, *, is_card: bool = False) -> Amounts:
    """The amounts of each line of a statement whose roles are `columns`; `of(role)` gives a role's cells.

    What the signs in a column mean is told by its `dated` lines alone, never by a total below them. On a card's
    statement a plain amount, or one whose type is blank, is a purchase; a minus or Cr makes it a payment.
    """
    balances = read_column(of("balance"), "balance")
    paise = balances.paise
    if "balance_type" in columns:
        is_debit = {kind: side_of(kind) == "dr" for kind in set(of("balance_type"))}
        paise = np.where([is_debit[kind] for kind in of("balance_type")], -np.abs(paise), paise)
    unmarked = False
    if "amount" in columns:
        debit, credit, faults, unmarked = _from_signed(columns, of, dated, is_card)
    else:
        debit, credit, faults = _from_two(of, dated)
    for at, reason in balances.faults.items():
        faults[at] = f"{faults[at]}; {reason}" if at in faults else reason
    has_balance = ~balances.blank
    has_balance[list(balances.faults)] = False
    return Amounts(debit, credit, paise, has_balance, faults, unmarked)


def _from_two(of, dated: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """A debit and a credit column; what is reversed in the one is an amount of the other."""
    debit_texts, credit_texts = of("debit"), of("credit")
    debits, credits = read_column(debit_texts, "debit"), read_column(credit_texts, "credit")
    says_credit = np.zeros(len(debit_texts), dtype=bool)
    if not debits.plain:
        says_credit = np.fromiter((side_of(text) == "cr" for text in debit_texts), bool, len(debit_texts))
        says_credit &= debits.paise > 0
    no_debit = _reversed(debits, debit_texts, dated & ~says_credit)
    no_credit = _reversed(credits, credit_texts, dated)
    debit, credit = np.abs(debits.paise), np.abs(credits.paise)
    faults: dict[int, str] = {}
    odd = ((debit != 0) == (credit != 0)) | ((credits.paise < 0) & ~no_credit) | says_credit
    odd[[*debits.faults, *credits.faults]] = True
    for at in np.flatnonzero(odd).tolist():
        if at in debits.faults or at in credits.faults:
            reason = "; ".join(filter(None, (debits.faults.get(at), credits.faults.get(at))))
        elif debit[at] and credit[at]:
            reason = f"both debit '{debit_texts[at]}' and credit '{credit_texts[at]}' are filled"
        elif debit[at]:
            reason = f"debit '{debit_texts[at]}' says Cr"
        elif credit[at]:
            reason = f"credit '{credit_texts[at]}' is negative"
        else:
            reason = "neither debit nor credit is filled"
        faults[at] = reason
    other = no_debit | no_credit
    return np.where(other, credit, debit), np.where(other, debit, credit), faults


def _reversed(column: Read, texts: list[str], dated: np.ndarray) -> np.ndarray:
    """Where a side's column takes an amount back, by a minus or brackets. Where all its amounts have one, as some banks
    write their withdrawals, it takes none back; Dr only says what the column is."""
    if column.plain or not (column.paise[dated] > 0).any():
        return np.zeros(len(texts), dtype=bool)
    return (column.paise < 0) & np.array([side_of(text) != "dr" for text in texts], dtype=bool)


def _from_signed(columns: dict[str, int], of, dated, is_card) -> tuple[np.ndarray, np.ndarray, dict[int, str], bool]:
    """One amount column: the side is told by a type column, by Dr or Cr behind the amount, else by its sign. The last
    says that nothing tells it."""
    texts, kinds, typed = of("amount"), of("type"), "type" in columns
    amounts = read_column(texts, "amount")
    sides = {kind: side_of(kind) for kind in set(kinds)}
    if is_card and not (typed and any(sides.values())):
        return _of_card(amounts, texts)
    if is_card:
        sides |= {kind: "dr" for kind in sides if kind in BLANK}
    unmarked = False
    if typed:
        is_credit = np.array([sides[kind] == "cr" for kind in kinds], dtype=bool)
        odd = (amounts.paise <= 0) | np.array([not sides[kind] for kind in kinds], dtype=bool)
    else:
        is_credit, unmarked = _credits(amounts, texts, dated)
        odd = amounts.paise == 0
    faults = dict(amounts.faults)
    for at in np.flatnonzero(odd).tolist():
        if at not in faults:
            amount = None if amounts.blank[at] else int(amounts.paise[at])
            side = _side(amount, texts[at], kinds[at], sides[kinds[at]], typed)
            is_credit[at] = side == "cr"
            if side not in ("cr", "dr"):
                faults[at] = side
    paise = np.abs(amounts.paise)
    return np.where(is_credit, 0, paise), np.where(is_credit, paise, 0), faults, unmarked


def _of_card(amounts: Read, texts: list[str]) -> tuple[np.ndarray, np.ndarray, dict[int, str], bool]:
    """One amount column of a card: Dr and Cr mean what they say, a minus or a plus sets a payment off, and a plain
    amount is a purchase. The last says that no amount has a mark."""
    marks = {text: side_of(text) or ("cr" if "+" in text else "") for text in set(texts)}
    says = [marks[text] for text in texts]
    is_credit = np.array([mark == "cr" for mark in says], dtype=bool)
    is_credit |= (amounts.paise < 0) & np.array([mark != "dr" for mark in says], dtype=bool)
    faults = dict(amounts.faults)
    for at in np.flatnonzero(amounts.paise == 0).tolist():
        faults.setdefault(at, "the amount is blank" if amounts.blank[at] else "the amount is zero")
    paise = np.abs(amounts.paise)
    unmarked = not is_credit.any() and "dr" not in says
    return np.where(is_credit, 0, paise), np.where(is_credit, paise, 0), faults, unmarked


def _credits(amounts: Read, texts: list[str], dated: np.ndarray) -> tuple[np.ndarray, bool]:
    """Where a signed amount is a credit, and whether none has a mark.

    Banks mark both sides or one of them. Where only credits have a mark (Cr, +), as on a card's statement, an amount
    without one is a debit; where debits have one, or nothing has, it is a credit.
    """
    positive = amounts.paise > 0
    if amounts.plain:
        return positive, True
    says_credit = {text: "+" in text or side_of(text) == "cr" for text in set(texts)}
    marked = positive & np.array([says_credit[text] for text in texts], dtype=bool)
    if (amounts.paise[dated] < 0).any():
        return positive, False
    return (marked, False) if marked[dated].any() else (positive, True)


def _side(amount: int | None, text: str, kind: str, side: str, typed: bool) -> str:
    """ "dr", "cr", or the reason why neither can be told."""
    if not amount:
        return "the amount is blank" if amount is None else "the amount is zero"
    if typed and kind not in BLANK and not side:
        return f"type '{kind[:40]}' is neither Dr (D, Debit) nor Cr (C, Credit)"
    if side == "cr" and amount < 0 and text.lstrip()[:1] != "-":
        return f"amount '{text}' is Dr but its type is Cr"
    if side:
        return side
    if typed and text.lstrip()[:1] not in "+-(" and not side_of(text):
        return "the type, Dr or Cr, is blank"
    return "dr" if amount < 0 else "cr"


def read_days(texts: list[str], order: str, *, may_be_blank: bool = False) -> tuple[list[date | None], dict[int, str]]:
    """Each cell's day, None where it names none, and position -> the reason."""
    days: dict[str, date | None] = {}
    wrong: dict[str, str] = {}
    for text in set(texts):
        try:
            days[text] = read_date(text, order)
        except ValueError as error:
            days[text] = None
            if not (may_be_blank and text in BLANK):
                wrong[text] = str(error)
    faults = {at: wrong[text] for at, text in enumerate(texts) if text in wrong} if wrong else {}
    return [days[text] for text in texts], faults
