"""From a table with a known header to rows, rejected rows, and nothing in between.

Between the header and the last dated line every filled line is a row, imported or rejected, unless it continues the
row above (date and amounts blank) or is a rule of asterisks or dashes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

import numpy as np

from expenses.statements.amounts import BLANK
from expenses.statements.balance import Links, are_debits
from expenses.statements.columns import Amounts, read_amounts, read_days
from expenses.statements.dates import looks_like_date
from expenses.statements.detect import Found
from expenses.statements.ragged import align
from expenses.statements.table import MAX_ROWS, too_many_rows
from expenses.statements.text import NUL_MARK, Uniform

_RULE = re.compile(r"[*\-=_~.#\s]*")
#: A text that a download of ours kept from running as a formula in a spreadsheet.
_DISARMED = re.compile(r"'[=+\-@]")
_SUMMARY = re.compile(
    r"\W*(closing|opening|grand|total|sub ?total|b/?f|c/?f|brought|carried|statement|balance)\b", re.I
)


@dataclass(frozen=True)
class RejectedRow:
    """A row that could not be read: its line, every reason joined, and its cells as they stand."""

    line: int
    reason: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Columns:
    """The good rows as parallel columns; amounts in paise, 0 for an empty side, None for no balance."""

    line: list[int]
    day: list[date]
    narration: list[str]
    value_date: list[date | None]
    reference: list[str]
    debit: list[int]
    credit: list[int]
    balance: list[int | None]


class Cells:
    """The lines of a statement below its header, squared to the header's width, and the cells of each role."""

    def __init__(self, found: Found):
        self.found, self.original, self.lines = found, found.body, found.lines
        if len(self.original) > MAX_ROWS:
            raise too_many_rows()
        self.rows, self.too_wide = self.original, {}
        width = len(found.headers)
        if not isinstance(self.original, Uniform) and set(map(len, self.original)) != {width}:
            self.rows, self.too_wide = _squared(self.original, found, width)

    def of(self, role: str) -> list[str]:
        """The cells of a role's column; blanks where the statement has no such column."""
        at = self.found.columns.get(role)
        if at is None:
            return [""] * len(self.rows)
        column = self.rows.columns[at] if isinstance(self.rows, Uniform) else [row[at] for row in self.rows]
        if role in ("narration", "reference") and any(text.startswith("'") for text in column):
            return [text[1:] if _DISARMED.match(text) else text for text in column]
        return column


def _squared(raw: list[list[str]], found: Found, width: int) -> tuple[list[list[str]], dict[int, int]]:
    """Rows of the header's width, and position -> number of fields for those that no alignment fits."""
    trailing = width not in map(len, raw)  # then a delimiter at the end of every row is the bank's way
    rows = [row[:width] if trailing and not any(row[width:]) else row for row in raw]
    rows = [row + [""] * (width - len(row)) for row in rows]
    too_wide = {}
    for at, row in enumerate(rows):
        if len(row) > width:
            above, below = rows[at - 1] if at else None, rows[at + 1] if at + 1 < len(rows) else None
            aligned = align(row, found.columns, width, above, below)
            if aligned is None:
                too_wide[at] = len(row)
            rows[at] = aligned or row[:width]
    return rows, too_wide


def read_rows(cells: Cells, order: str, *, is_card: bool = False) -> tuple[Columns, list[RejectedRow], Links, bool]:
    """The good rows, the rejected ones and the balance chain's links, each in file order, and whether no amount of the
    file names its side.

    Columns are read whole; only lines with something unusual are looked at one by one. On a card's statement an amount
    without a mark is a purchase.
    """
    days, day_faults = read_days(cells.of("date"), order)
    value_days, value_faults = read_days(cells.of("value_date"), order, may_be_blank=True)
    dated = np.array([day is not None for day in days], dtype=bool)
    dated[list(cells.too_wide)] = False
    amounts = read_amounts(cells.found.columns, cells.of, dated, is_card=is_card)
    amounts.has_balance[list(cells.too_wide)] = False
    texts, references = cells.of("narration"), cells.of("reference")
    nul = {at for column in (texts, references) for at, text in enumerate(column) if NUL_MARK in text}
    count = _last_row(cells, days, amounts.faults) + 1
    odd = {at for faults in (day_faults, amounts.faults, cells.too_wide, value_faults, nul) for at in faults}
    narrations = [text if "  " not in text and text.isprintable() else " ".join(text.split()) for text in texts]
    good, linked = np.ones(count, dtype=bool), np.ones(count, dtype=bool)
    rejected: list[RejectedRow] = []
    above: int | None = None  # the good row that a continuation would continue
    for at in sorted(at for at in odd if at < count):
        above = at - 1 if at and at - 1 not in odd else above
        good[at] = False
        unread = at in day_faults or at in amounts.faults or at in cells.too_wide
        kind = _kind(cells, at, bool(amounts.has_balance[at])) if unread else "row"
        if kind == "row":
            above = None
            reasons = _reasons(cells, at, day_faults, amounts.faults)
            reasons += ["value " + value_faults[at]] if at in value_faults else []
            reasons += [_NUL] if at in nul else []
            rejected.append(RejectedRow(cells.lines[at], "; ".join(reasons), tuple(cells.original[at])))
        elif kind != "brought forward":
            linked[at] = False
        if kind == "continuation" and above is not None:
            more = texts[at] or " ".join(filter(None, cells.rows[at]))
            narrations[above] = f"{narrations[above]} {' '.join(more.split())}".strip()
    links = _links(cells, np.flatnonzero(linked), days, amounts)
    if amounts.unmarked and not is_card and are_debits(links):
        amounts, links = amounts.turned(), links.turned()
    columns = _columns(cells, np.flatnonzero(good), days, narrations, value_days, references, amounts)
    return columns, rejected, links, amounts.unmarked


_NUL = f"the line holds a NUL byte (shown as {NUL_MARK}): the file may be damaged here"


def _columns(cells: Cells, at_good, days, narrations, value_days, references, amounts: Amounts) -> Columns:
    """The columns at the good positions."""
    at_list = at_good.tolist()
    balances = zip(amounts.balance[at_good].tolist(), amounts.has_balance[at_good].tolist(), strict=True)
    return Columns(
        line=[cells.lines[at] for at in at_list],
        day=[days[at] for at in at_list],
        narration=[narrations[at] for at in at_list],
        value_date=[value_days[at] for at in at_list],
        reference=[references[at] for at in at_list],
        debit=amounts.debit[at_good].tolist(),
        credit=amounts.credit[at_good].tolist(),
        balance=[paise if there else None for paise, there in balances],
    )


def _links(cells: Cells, at_links, days, amounts: Amounts) -> Links:
    """The balance chain of the lines at these positions; one whose amounts cannot be read moves an unknown sum."""
    known = np.ones(len(days), dtype=bool)
    known[list(amounts.faults)] = False
    return Links(
        line=np.array(cells.lines, dtype=np.int64)[at_links],
        day=[days[at] for at in at_links.tolist()],
        net=np.where(known, amounts.credit - amounts.debit, 0)[at_links],
        net_known=known[at_links],
        balance=amounts.balance[at_links],
        has_balance=amounts.has_balance[at_links],
    )


def _last_row(cells: Cells, days: list[date | None], amount_faults: dict[int, str]) -> int:
    """Position of the last line that is a row; -1 without any.

    The last dated line, the narration that continues below it, and lines straight below that are rows but for their
    unreadable date; what comes after is the bank's summary.
    """
    dates = cells.of("date")
    last = len(days) - 1
    while last >= 0 and days[last] is None and not looks_like_date(dates[last]):
        last -= 1
    at = last + 1
    while 0 < at < len(days) and any(cells.rows[at]):
        kind = _kind(cells, at, False)
        narration = cells.rows[at][cells.found.columns["narration"]]
        row = kind == "row" and at not in amount_faults and not _is_summary(cells, at)
        wrapped = kind == "continuation" and narration and sum(map(bool, cells.rows[at])) == 1
        if not row and not (wrapped and cells.found.columns["narration"] > 0 and not _SUMMARY.match(narration)):
            break
        last, at = at, at + 1
    return last


def _is_summary(cells: Cells, at: int) -> bool:
    """A total below the rows: it has no balance where the statement has them, or calls itself one."""
    row, columns = cells.rows[at], cells.found.columns
    if not row[columns["narration"]] or ("balance" in columns and row[columns["balance"]] in BLANK):
        return True
    return any(_SUMMARY.match(row[columns[role]]) for role in ("date", "narration"))


def _kind(cells: Cells, at: int, has_balance: bool) -> str:
    """Row, continuation, rule (asterisks, dashes, nothing) or brought forward (an opening balance above the rows)."""
    row, columns = cells.rows[at], cells.found.columns
    if all(map(_RULE.fullmatch, row)):
        return "rule"
    if at in cells.too_wide or row[columns["date"]] not in BLANK:
        return "row"
    if any(row[columns[role]] not in BLANK for role in ("debit", "credit", "amount") if role in columns):
        return "row"
    if "balance" not in columns or row[columns["balance"]] in BLANK:
        return "continuation"
    return "brought forward" if has_balance and not any(any(above) for above in cells.rows[:at]) else "row"


def _reasons(cells: Cells, at: int, day_faults: dict[int, str], amount_faults: dict[int, str]) -> list[str]:
    if at in cells.too_wide:
        return [f"{cells.too_wide[at]} fields where the header has {len(cells.found.headers)}; is a comma unquoted?"]
    reasons = []
    if at in day_faults:
        blank = cells.rows[at][cells.found.columns["date"]] in BLANK
        reasons.append("the date is blank" if blank else day_faults[at])
    return [*reasons, amount_faults[at]] if at in amount_faults else reasons
