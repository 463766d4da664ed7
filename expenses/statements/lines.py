"""Lines below the header that are no payments, taken out before rows are read: another account's, failed, an opening.

Each is told with its line. A row whose status or currency says that its amount cannot be taken for rupees that moved is
rejected like any other row that cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from expenses.statements.amounts import BLANK, read_amount
from expenses.statements.dates import looks_like_date
from expenses.statements.detect import Found
from expenses.statements.layout import names_rupees
from expenses.statements.rows import RejectedRow
from expenses.statements.text import Uniform

# fmt: off
_MOVED = frozenset((
    "success", "successful", "succeeded", "complete", "completed", "done", "ok", "paid", "settled", "posted", "approved",
    "processed", "captured", "credited", "debited", "received", "cleared", "reconciled",
))
_NOT_MOVED = frozenset((
    "fail", "failed", "failure", "pending", "declined", "reversed", "cancelled", "canceled", "rejected", "expired",
    "aborted", "dropped", "initiated", "processing", "inprogress", "inprocess", "timedout", "timeout", "unsuccessful",
    "notsuccessful", "incomplete", "scheduled", "awaited", "bounced", "void", "voided", "blocked", "paymentfailed",
    "transactionfailed",
))
_BALANCE_WORDS = frozenset((
    "opening", "open", "op", "closing", "close", "cl", "balance", "bal", "brought", "carried", "forward", "fwd", "b", "c",
    "f", "bf", "cf", "bfwd", "cfwd", "as", "on", "at", "of", "for", "to", "by", "the", "previous", "last", "statement",
    "account", "ac", "inr", "rs",
))
# fmt: on
_TELLING = re.compile(r"\b(?:opening|closing|op bal|cl bal|brought|carried|forward|fwd|b f|c f|bf|cf|bfwd|cfwd)\b")


class LeftOut(NamedTuple):
    """A line of the file that is no payment, and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class Sifted:
    """The statement without the lines that are no payments, and what became of those."""

    found: Found
    left_out: tuple[LeftOut, ...]
    rejected: tuple[RejectedRow, ...]


def sift(found: Found) -> Sifted:
    """Take out of a statement what is no payment."""
    left_out: dict[int, str] = {}
    rejected: dict[int, str] = {}
    if "status" in found.columns:
        _by_status(found, left_out, rejected)
    if "currency" in found.columns:
        _by_currency(found, rejected, left_out)
    opening = _openings(found, left_out)
    told = tuple(LeftOut(found.lines[at], reason) for at, reason in sorted(left_out.items()) if reason)
    left_out.pop(opening, None)  # its balance stays: the rows go on from it
    refused = tuple(RejectedRow(found.lines[at], why, tuple(found.body[at])) for at, why in sorted(rejected.items()))
    found = found if opening is None else _without_payment(found, opening)
    return Sifted(without(found, left_out.keys() | rejected.keys()), told, refused)


def column(found: Found, role: str) -> list[str]:
    """The cells of a role's column, "" where a line is too short or the statement has no such column."""
    at = found.columns.get(role)
    if at is None:
        return [""] * len(found.body)
    if isinstance(found.body, Uniform):
        return found.body.columns[at]
    return [row[at] if at < len(row) else "" for row in found.body]


def without(found: Found, gone: Iterable[int]) -> Found:
    """The statement without the lines at these positions."""
    gone = set(gone)
    return kept(found, [at for at in range(len(found.body)) if at not in gone]) if gone else found


def kept(found: Found, places: Sequence[int]) -> Found:
    """The statement with the lines at these positions alone."""
    if isinstance(found.body, Uniform):
        body: Sequence[list[str]] = Uniform([[cells[at] for at in places] for cells in found.body.columns])
    else:
        body = [found.body[at] for at in places]
    return replace(found, body=body, lines=[found.lines[at] for at in places])


# --- status and currency


def _plain(text: str) -> str:
    return re.sub(r"[\W_\d]+", "", text.casefold())


def _by_status(found: Found, left_out: dict[int, str], rejected: dict[int, str]) -> None:
    """A failed or waiting payment moved no money. A column without one known word says something else."""
    statuses, dates = column(found, "status"), column(found, "date")
    known = {text: _plain(text) for text in set(statuses)}
    if not any(word in _MOVED or word in _NOT_MOVED for word in known.values()):
        return
    for at, text in enumerate(statuses):
        word = known[text]
        if not word or word in _MOVED or not looks_like_date(dates[at]):
            continue
        if word in _NOT_MOVED:
            left_out[at] = f"status '{text[:40]}': no money moved, so it is not imported"
        else:
            rejected[at] = f"status '{text[:40]}' does not say whether money moved"


def _by_currency(found: Found, rejected: dict[int, str], left_out: dict[int, str]) -> None:
    """An amount in another currency is no amount in rupees, unless its column says that it holds those."""
    sides = [found.columns[role] for role in ("debit", "credit", "amount") if role in found.columns]
    if all(names_rupees(found.headers[at]) for at in sides):
        return
    dates = column(found, "date")
    for at, text in enumerate(column(found, "currency")):
        word = _plain(text)
        if word and word not in ("inr", "rs", "rupee", "rupees") and looks_like_date(dates[at]) and at not in left_out:
            rejected[at] = f"the amount is in {text[:20]}, not in rupees"


# --- opening and closing balances


def _openings(found: Found, left_out: dict[int, str]) -> int | None:
    """Find dated lines that carry a balance forward. Returns the position of an opening above all rows, which the
    balances go on from; the others are left out.

    Such a line has no amount, or (the first and the last line) its balance as the amount.
    """
    dates = column(found, "date")
    places = [at for at, text in enumerate(dates) if at not in left_out and text and looks_like_date(text)]
    ends = set(places[:1] + places[-1:])
    narrations = column(found, "narration")
    known = {text: _carries_balance(text) for text in set(narrations)}
    if not any(known.values()):
        return None
    opening, balances = None, column(found, "balance")
    sides = [column(found, role) for role in ("debit", "credit", "amount") if role in found.columns]
    for at in places:
        if not known[narrations[at]]:
            continue
        amounts, balance = _amounts_of([cells[at] for cells in sides]), _balance_of(balances[at])
        if amounts is None or (amounts and not (at in ends and amounts == {balance})):
            continue
        reason = f"'{narrations[at][:60]}' is a balance carried forward, no payment" if amounts else ""
        if at == places[0] and balance is not None and not any(any(row) for row in found.body[:at]):
            opening = at
        left_out[at] = reason
    return opening


def _carries_balance(text: str) -> bool:
    words = re.sub(r"[\W_\d]+", " ", text.casefold()).strip()
    return bool(words) and bool(_TELLING.search(words)) and set(words.split()) <= _BALANCE_WORDS


def _amounts_of(texts: list[str]) -> set[int] | None:
    """The amounts of a line other than zero, in paise without their signs; None where one cannot be read."""
    try:
        read = [read_amount(text) for text in texts]
    except ValueError:
        return None
    return {abs(amount) for amount in read if amount}


def _balance_of(text: str) -> int | None:
    try:
        balance = None if text in BLANK else read_amount(text)
    except ValueError:
        return None
    return None if balance is None else abs(balance)


def _without_payment(found: Found, at: int) -> Found:
    """The statement with one line's date and amounts blank: what is left of it is its balance."""
    blank = [found.columns[role] for role in ("date", "debit", "credit", "amount") if role in found.columns]
    if isinstance(found.body, Uniform):
        columns = [
            [*cells[:at], "", *cells[at + 1 :]] if place in blank else cells
            for place, cells in enumerate(found.body.columns)
        ]
        return replace(found, body=Uniform(columns))
    row = ["" if place in blank else cell for place, cell in enumerate(found.body[at])]
    return replace(found, body=[*found.body[:at], row, *found.body[at + 1 :]])
