"""Which side an amount is on, where the file does not say it or its balances say otherwise.

Amounts without a sign are told by their balances, row by row. Headings that the balances speak against are never
exchanged by a program: an overdraft may print what is owed without a sign. What nothing decides is asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace

import numpy as np

from expenses.statements.balance import Links, check_chain, holds
from expenses.statements.rows import Columns, RejectedRow

AS_WRITTEN, EXCHANGED = "as-written", "exchanged"
CHOICES = (AS_WRITTEN, EXCHANGED)
_PAYMENT = re.compile(
    r"payment.{0,30}(?:received|thank)|thank\s*you|\bbppy\b|\bcash\s?back\b|\brefund\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Decided:
    """The rows with their sides, rows that no side was found for, the chain's links, and what a person must say first."""

    good: Columns
    rejected: tuple[RejectedRow, ...]
    links: Links
    question: str = ""


def decide(
    good: Columns, links: Links, cells: dict[int, tuple[str, ...]], *, unmarked: bool, is_card: bool, sides: str | None
):
    """Decide the sides of rows that were read as the file writes them; returns Decided.

    cells     line -> the row's cells as they stand, for a row that is rejected
    unmarked  no amount of the file names its side
    is_card   the statement is a card's, where the account's kind has decided already
    sides     what a person said: "as-written" or "exchanged"; None: nobody was asked
    """
    if sides == EXCHANGED:
        return Decided(_exchanged(good), (), links.turned())
    if sides == AS_WRITTEN or not good.line:
        return Decided(good, (), links)
    if is_card:
        return _of_card(good, links, cells, unmarked)
    if unmarked:
        return _unmarked(good, links, cells)
    return Decided(good, (), links, _against_the_balances(links))


def _exchanged(good: Columns) -> Columns:
    return replace(good, debit=good.credit, credit=good.debit)


# --- a card


def _of_card(good: Columns, links: Links, cells, unmarked: bool) -> Decided:
    """On a card a plain amount is a purchase. One that reads as a payment and has no mark is doubtful."""
    paid = [at for at, text in enumerate(good.narration) if good.debit[at] and _PAYMENT.search(text)]
    if not paid:
        return Decided(good, (), links)
    if unmarked:
        reason = "it reads as a payment or a refund, but has neither a minus nor Cr: write Cr behind the amount"
        return _without(good, links, paid, cells, reason)
    if any(credit and _PAYMENT.search(text) for credit, text in zip(good.credit, good.narration, strict=True)):
        return Decided(good, (), links)
    question = (
        f"Line {good.line[paid[0]]} ('{good.narration[paid[0]][:40]}') reads as a payment, but by its sign it is a "
        "purchase, and no other line with a minus or Cr reads as one. Say whether the file has debit and credit exchanged."
    )
    return Decided(good, (), links, question)


# --- amounts without a sign


def _unmarked(good: Columns, links: Links, cells) -> Decided:
    known = int(links.has_balance.sum())
    if known > 1 and holds(links):  # read as credits, or turned to debits, every balance follows
        return Decided(good, (), links)
    signs = _signs(links) if known > 1 else None
    if signs is None:
        question = (
            f"Nothing in the file says whether its amounts are money in or money out (line {good.line[0]}: "
            f"'{good.narration[0][:40]}'). Say so: as written they are money in, exchanged they are money out."
        )
        return Decided(good, (), links, question)
    sign = dict(zip(links.line.tolist(), signs.tolist(), strict=True))
    amounts = [debit or credit for debit, credit in zip(good.debit, good.credit, strict=True)]
    told = replace(
        good,
        debit=[amount if sign[line] < 0 else 0 for line, amount in zip(good.line, amounts, strict=True)],
        credit=[amount if sign[line] > 0 else 0 for line, amount in zip(good.line, amounts, strict=True)],
    )
    links = replace(links, net=np.abs(links.net) * signs, net_known=links.net_known & (signs != 0))
    untold = [at for at, line in enumerate(good.line) if not sign[line]]
    reason = (
        "nothing tells whether it is money in or out: the amount has no sign, and the balance before it is not in the "
        "file; write Dr or Cr behind the amount"
    )
    return _without(told, links, untold, cells, reason)


def _signs(links: Links) -> np.ndarray | None:
    """+1, -1 or (untold) 0 for each link by the step of its balance, in the direction that explains more; None where
    the balances explain less than half."""
    ways = [_steps(links), _steps(links[::-1])[::-1]]
    counts = [int(np.count_nonzero(way)) for way in ways]
    falls = bool(links.day) and bool(links.day[0] and links.day[-1]) and links.day[0] > links.day[-1]
    best = 1 if counts[1] > counts[0] or (counts[1] == counts[0] and falls) else 0
    if not counts[best] or 2 * counts[best] < len(links) - 1:
        return None
    return ways[best]


def _steps(links: Links) -> np.ndarray:
    signs = np.zeros(len(links), dtype=np.int64)
    step = np.diff(links.balance)
    told = links.has_balance[1:] & links.has_balance[:-1] & links.net_known[1:] & (step != 0)
    told &= np.abs(step) == np.abs(links.net[1:])
    signs[1:][told] = np.sign(step[told])
    return signs


# --- headings that the balances speak against


def _against_the_balances(links: Links) -> str:
    """What to ask where the balances follow with debit and credit exchanged, all or most of them; "" where not."""
    steps = int(links.has_balance.sum()) - 1
    if steps < 2 or holds(links):  # one step alone may as well be a row that is missing: it is told as a gap
        return ""
    if holds(links.turned()):
        fit = "every balance follows"
    else:
        as_read, turned = (steps - len(check_chain(one).gaps) for one in (links, links.turned()))
        if turned < 3 or 2 * turned <= steps or 4 * as_read > turned:
            return ""
        fit = f"{turned} of {steps} balances follow, as they stand {as_read}"
    return (
        f"With debit and credit exchanged {fit}. Look at a row you know and say whether the file has them exchanged, or "
        "is right as written."
    )


def _without(good: Columns, links: Links, gone: list[int], cells, reason: str) -> Decided:
    """The rows but for some, which are rejected; the balances go on over them."""
    out = set(gone)
    left = Columns(
        **{
            one.name: [value for at, value in enumerate(getattr(good, one.name)) if at not in out]
            for one in fields(Columns)
        }
    )
    rejected = tuple(RejectedRow(good.line[at], reason, cells[good.line[at]]) for at in gone)
    return Decided(left, rejected, links)
