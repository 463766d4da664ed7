"""Rows with more fields than the header: an empty field too many, or a narration with an unquoted delimiter."""

from __future__ import annotations

from itertools import combinations

from expenses.statements.amounts import BLANK, read_amount
from expenses.statements.dates import looks_like_date

#: More fields too many than this are not worth guessing at.
MAX_EXTRA = 4


def align(
    row: list[str], columns: dict[str, int], width: int, above: list[str] | None, below: list[str] | None
) -> list[str] | None:
    """The row with ``width`` fields, if exactly one way of dropping or joining fields makes it a row.

    Tried in this order: empty fields dropped, neighbouring fields joined into the narration. A way counts if the date
    looks like one and exactly one side is an amount; several ways are decided by the balance of the line above or
    below (statements run either way); None where that does not decide.
    """
    extra = len(row) - width
    if extra > MAX_EXTRA or any(cell.startswith('="') for cell in row):  # a formula's text cut in two: an amount may be
        return None
    blanks = [at for at, cell in enumerate(row) if cell == ""]
    dropped = [[cell for at, cell in enumerate(row) if at not in gone] for gone in combinations(blanks[:12], extra)]
    at = columns["narration"]
    joined = (
        []
        if "" in row[at : at + extra + 1]
        else [[*row[:at], ", ".join(row[at : at + extra + 1]), *row[at + extra + 1 :]]]
    )
    for ways in (dropped, joined):
        fits = {tuple(way) for way in ways if _is_row(way, columns)}
        if len(fits) > 1:
            fits = {way for way in fits if _follows(way, columns, above, below)}
            return list(fits.pop()) if len(fits) == 1 else None
        if fits:
            return list(fits.pop())
    return None


def _is_row(row: list[str], columns: dict[str, int]) -> bool:
    if not looks_like_date(row[columns["date"]]):
        return False
    sides = [_paise(row[columns[role]]) for role in ("debit", "credit", "amount") if role in columns]
    balance = _paise(row[columns["balance"]]) if "balance" in columns else None
    reference = row[columns["reference"]] if "reference" in columns else ""
    if reference not in BLANK and not any(map(str.isdigit, reference)):
        return False  # a piece of the narration in the reference's place
    return "bad" not in (*sides, balance) and sum(bool(side) for side in sides) == 1


def _follows(row: list[str], columns: dict[str, int], *neighbours: list[str] | None) -> bool:
    """Whether the row's balance follows from the line above or the line below."""
    if "balance" not in columns:
        return False
    debit, credit, amount = (
        _paise(row[columns[role]]) if role in columns else None for role in ("debit", "credit", "amount")
    )
    balance = _paise(row[columns["balance"]])
    net = (credit or 0) - abs(debit or 0) + (amount or 0)
    befores = [_paise(near[columns["balance"]]) for near in neighbours if near and len(near) > columns["balance"]]
    return isinstance(balance, int) and any(before == balance - net for before in befores)


def _paise(text: str) -> int | str | None:
    try:
        return None if text in BLANK else read_amount(text)
    except ValueError:
        return "bad"
