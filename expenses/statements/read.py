"""Bytes of a statement file -> rows, rejected rows and balance gaps: what the rest of Lendbook calls.

>>> statement = read_statement(content)          # doctest: +SKIP
>>> statement.rows_in == len(statement.frame) + len(statement.rejected)   # doctest: +SKIP
True
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from itertools import pairwise, repeat
from typing import NamedTuple

import pandas as pd

from expenses.statements.amounts import from_paise
from expenses.statements.balance import Chain, Gap, check_chain
from expenses.statements.dates import ORDERS, possible_orders, read_date, read_dates
from expenses.statements.detect import Found, find, proposal, propose, tables
from expenses.statements.errors import Proposal, StatementError
from expenses.statements.lines import LeftOut, sift
from expenses.statements.rows import Cells, Columns, RejectedRow, read_rows
from expenses.statements.sections import ALL, sections, together
from expenses.statements.sides import CHOICES, decide


class StatementRow(NamedTuple):
    """One row as it is stored: amounts in rupees, None on the empty side."""

    line: int
    transaction_date: date
    narration: str
    value_date: date | None
    reference: str
    debit_amount: Decimal | None
    credit_amount: Decimal | None
    closing_balance: Decimal | None
    fingerprint: str


@dataclass(frozen=True)
class ParsedStatement:
    """What a statement file says.

    layout       name of the layout, "mapping" where a person named the columns
    dates        order of the dates as read: dmy, mdy or ymd
    dates_sure   False where the file's dates read in more than one order and nothing in it decides
    dates_alone  True where the file's dates read in no other order
    columns      role -> header as written
    header_line  line of the header
    frame        one row per good row in file order: line, transaction_date, narration, value_date, reference,
                 debit, credit (int64 whole paise, 0 for the empty side), balance (paise or None), fingerprint
    rejected     rows that could not be read, with line and reasons
    chain        gaps, direction, opening and closing balance
    proposal     the columns as read, for a person who names others
    unread       names of the workbook's other sheets that hold a statement, which is not read
    left_out     lines that are no payment (failed, a balance carried forward), with their reason
    sections     titles of the file's parts where it holds several accounts
    section      number of the part that was read, from 1; 0 for all of them
    question     what a person must say before the rows may come in: which side the amounts are on; "" for nothing
    """

    layout: str
    dates: str
    dates_sure: bool
    dates_alone: bool
    columns: dict[str, str]
    headers: tuple[str, ...]
    header_line: int
    frame: pd.DataFrame
    rejected: tuple[RejectedRow, ...]
    chain: Chain
    proposal: Proposal
    unread: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    sections: tuple[str, ...] = ()
    section: int = 1
    question: str = ""

    @property
    def other_sections(self) -> tuple[str, ...]:
        """Titles of the parts that were not read."""
        return tuple(title for at, title in enumerate(self.sections, 1) if self.section not in (0, at))

    @property
    def rows_in(self) -> int:
        """Rows of the file: good and rejected; blank lines, preamble, continuations and footers are none."""
        return len(self.frame) + len(self.rejected)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        return self.chain.gaps

    @property
    def period(self) -> tuple[date, date] | None:
        days = self.frame["transaction_date"]
        return (min(days), max(days)) if len(days) else None

    @property
    def debits(self) -> Decimal:
        """Total of the good rows' debits in rupees."""
        return from_paise(int(self.frame["debit"].sum()))

    @property
    def credits(self) -> Decimal:
        return from_paise(int(self.frame["credit"].sum()))

    @property
    def opening_balance(self) -> Decimal | None:
        return None if self.chain.opening is None else from_paise(self.chain.opening)

    @property
    def closing_balance(self) -> Decimal | None:
        return None if self.chain.closing is None else from_paise(self.chain.closing)

    def rows(self) -> Iterator[StatementRow]:
        """The good rows with Decimal amounts, in file order."""
        for line, day, narration, value_date, reference, debit, credit, balance, fingerprint in zip(
            *(self.frame[name].tolist() for name in FRAME), strict=True
        ):
            yield StatementRow(
                line,
                day,
                narration,
                value_date,
                reference,
                from_paise(debit) if debit else None,
                from_paise(credit) if credit else None,
                None if balance is None else from_paise(balance),
                fingerprint,
            )

    def exchanged_fingerprints(self) -> list[str]:
        """What the good rows' fingerprints would be with debit and credit exchanged."""
        columns = (self.frame[name].tolist() for name in FRAME[:-1])
        line, day, narration, value_date, reference, debit, credit, balance = columns
        return _fingerprints(Columns(line, day, narration, value_date, reference, credit, debit, balance))

    def mendable(self) -> list[list[str]]:
        """The rejected rows' cells as they can be sent again by themselves: the few dates among them may not tell that
        the file wrote the month first, so those that can be read are written the way every order reads alike."""
        at = [self.headers.index(self.columns[role]) for role in ("date", "value_date") if role in self.columns]
        rows = [list(row.cells) for row in self.rejected]
        if self.dates != "dmy":
            for row in rows:
                for column in at:
                    with suppress(ValueError, IndexError):
                        row[column] = read_date(row[column], self.dates).isoformat()
        return rows


FRAME = (
    "line",
    "transaction_date",
    "narration",
    "value_date",
    "reference",
    "debit",
    "credit",
    "balance",
    "fingerprint",
)


def read_statement(
    content: bytes,
    *,
    layout: str | None = None,
    mapping: dict[str, str] | None = None,
    dates: str | None = None,
    is_card: bool = False,
    sides: str | None = None,
    section: str | None = None,
) -> ParsedStatement:
    """Read a bank's file (CSV, text, .xlsx, .xls, HTML under an Excel name), at most 10 MB and 200,000 rows.

    layout   name of the only layout to try; None finds it by the header
    mapping  role -> header name for files that no layout fits (roles: layout.ROLES or the stored column names)
    dates    dmy, mdy or ymd where a person decided it
    is_card  the account is a card: a plain amount is a purchase, a minus or Cr a payment
    sides    as-written or exchanged where a person said which side the amounts are on
    section  number (from 1) of the part to read where the file holds several accounts, or "all"; None: the first
    Raises StatementError with the way out, UnknownLayout with a proposal where the columns are not known.
    """
    if dates is not None and dates not in ORDERS:
        raise StatementError(f"'{dates}' is no order of dates. Orders: {', '.join(ORDERS)}.")
    if sides is not None and sides not in CHOICES:
        raise StatementError(f"'{sides}' is no way to take the sides. Ways: {', '.join(CHOICES)}.")
    found, titles, chosen = _section(find(content, layout=layout, mapping=mapping), section)
    sifted = sift(found)
    found = sifted.found
    cells = Cells(found)
    possible = _orders(cells)
    # where the file mixes formats, the rows that the layout's order cannot read are rejected
    orders = [dates] if dates else possible or [found.dates]
    good, rejected, links, unmarked = read_rows(cells, orders[0], is_card=is_card)
    chain = check_chain(links)
    order, sure = orders[0], True
    if len(orders) > 1:
        order, sure = _decide(good.day, orders, chain, cells)
        if order != orders[0]:
            good, rejected, links, unmarked = read_rows(cells, order, is_card=is_card)
    if not good.line and not rejected and not sifted.rejected and not sifted.left_out:
        raise StatementError(
            f"The file has a header (line {found.table.lines[found.at]}) but no rows below it. "
            "Choose a period with transactions."
        )
    standing = dict(zip(cells.lines, map(tuple, cells.original), strict=True)) if unmarked else {}
    decided = decide(good, links, standing, unmarked=unmarked, is_card=is_card, sides=sides)
    good, chain = decided.good, check_chain(decided.links)
    rejected = sorted((*rejected, *sifted.rejected, *decided.rejected), key=lambda row: row.line)
    return ParsedStatement(
        layout=found.layout,
        dates=order,
        dates_sure=sure,
        dates_alone=len(possible) == 1,
        columns={role: found.headers[at] for role, at in found.columns.items()},
        headers=tuple(found.headers),
        header_line=found.table.lines[found.at],
        frame=_frame(good),
        rejected=tuple(rejected),
        chain=chain,
        proposal=proposal(found),
        unread=found.unread,
        left_out=sifted.left_out,
        sections=titles,
        section=chosen,
        question=decided.question,
    )


def _section(found: Found, wanted: str | None) -> tuple[Found, tuple[str, ...], int]:
    """(the part of the file to read, the titles of all parts where it has several, the number of the part)."""
    parts = sections(found)
    titles = tuple(f"{part.title} ({part.rows:,} {'row' if part.rows == 1 else 'rows'})" for part in parts)
    if len(parts) == 1:
        return parts[0].found, (), 1
    if wanted == ALL:
        return together(parts), titles, 0
    if wanted is None:
        return parts[0].found, titles, 1
    if not (wanted.isascii() and wanted.isdecimal() and 0 < int(wanted[:6]) <= len(parts)):
        listed = "; ".join(f"{at}: {title}" for at, title in enumerate(titles, 1))
        raise StatementError(
            f"The file has no part '{wanted[:20]}'. Its parts: {listed}. Name one by its number, or all."
        )
    return parts[int(wanted) - 1].found, titles, int(wanted)


def propose_mapping(content: bytes) -> Proposal | None:
    """What the mapping step shows for a file: headers, sample rows, guessed columns, dates as understood."""
    return propose(tables(content))


def _orders(cells: Cells) -> list[str]:
    """The orders that the dates leave possible; where they leave several, the value dates, written alike, may not."""
    preferred = cells.found.dates
    orders = possible_orders(cells.of("date"), preferred)
    if len(orders) > 1:
        left = possible_orders(cells.of("value_date"), preferred)
        orders = [order for order in orders if order in left] or orders
    return orders


def _decide(days: list[date], orders: list[str], chain: Chain, cells: Cells) -> tuple[str, bool]:
    """Among orders that all read the file: the one whose dates run the way the balance chain runs.

    The layout's own order stands unless its dates run against the chain and another's do not. Sure where the chain
    speaks for one order alone, or where the orders name the same days.
    """
    texts = cells.of("date")
    readings = {order: [day for day in read_dates(texts, order) if isinstance(day, date)] for order in orders}
    distinct = [order for order in orders if readings[order] != readings[orders[0]]]
    if not distinct:
        return orders[0], True
    if chain.opening is None or chain.gaps:
        return orders[0], False
    running = [order for order in orders if _runs(readings[order], chain)]
    if orders[0] in running or not running:
        return orders[0], running == [orders[0]]
    return running[0], len(running) == 1


def _runs(days: list[date], chain: Chain) -> bool:
    ordered = days[::-1] if chain.newest_first else days
    return all(before <= after for before, after in pairwise(ordered))


def _frame(good: Columns) -> pd.DataFrame:
    """The good rows as a frame, each with its fingerprint."""
    return pd.DataFrame(
        {
            "line": pd.Series(good.line, dtype="int64"),
            "transaction_date": pd.Series(good.day, dtype=object),
            "narration": pd.Series(good.narration, dtype=object),
            "value_date": pd.Series(good.value_date, dtype=object),
            "reference": pd.Series(good.reference, dtype=object),
            "debit": pd.Series(good.debit, dtype="int64"),
            "credit": pd.Series(good.credit, dtype="int64"),
            "balance": pd.Series(good.balance, dtype=object),
            "fingerprint": pd.Series(_fingerprints(good), dtype=object),
        }
    )


def _fingerprints(good: Columns) -> list[str]:
    """What tells a row from every other of its account.

    It covers every column that the bank repeats from one export to the next, the closing balance included, and the
    row's occurrence number among identical rows: of two truly identical rows both stay, and an overlapping statement
    adds only what is new. A serial number is left out: it starts anew in every export.
    """
    iso = {day: str(day) for day in {*good.day, *good.value_date}}
    keys = list(
        map(
            "\x1f".join,
            zip(
                map(iso.__getitem__, good.day),
                good.narration,
                map(iso.__getitem__, good.value_date),
                good.reference,
                map(str, good.debit),
                map(str, good.credit),
                map(str, good.balance),
                strict=True,
            ),
        )
    )
    if len(set(keys)) == len(keys):
        numbers = repeat(0)
    else:
        seen: Counter[str] = Counter()
        numbers = []
        for key in keys:
            numbers.append(seen[key])
            seen[key] += 1
    return [
        blake2b(f"{key}\x1f{n}".encode(), digest_size=16).hexdigest() for key, n in zip(keys, numbers, strict=False)
    ]
