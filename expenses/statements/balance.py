"""The balance chain: does each closing balance follow from the row before?

Statements come oldest first or newest first, some with the rows of one day in any order. A break is a warning with its
line, never a refusal.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

import numpy as np

from expenses.statements.amounts import from_paise


@dataclass(frozen=True)
class Gap:
    """A closing balance that does not follow: the line where it stands, and the reason."""

    line: int
    reason: str


@dataclass(frozen=True)
class Chain:
    """gaps in file order; whether the file runs newest first; balances at both ends in paise (None if unknown)."""

    gaps: tuple[Gap, ...]
    newest_first: bool
    opening: int | None
    closing: int | None


class Link(NamedTuple):
    """One line as the chain sees it: net = credit - debit in paise, None where the line's amounts are unreadable;
    balance in paise or None."""

    line: int
    day: date | None
    net: int | None
    balance: int | None


@dataclass(frozen=True)
class Links:
    """Many lines as parallel columns: net and balance int64 paise, 0 where `net_known` or `has_balance` says no."""

    line: np.ndarray
    day: list[date | None]
    net: np.ndarray
    net_known: np.ndarray
    balance: np.ndarray
    has_balance: np.ndarray

    def __len__(self) -> int:
        return len(self.day)

    def __getitem__(self, part: slice) -> Links:
        return Links(*(column[part] for column in vars(self).values()))

    def turned(self) -> Links:
        """The same with every debit a credit and every credit a debit."""
        return replace(self, net=-self.net)

    def one_by_one(self) -> list[Link]:
        """The lines as Link tuples, in order."""
        nets, balances = self.net.tolist(), self.balance.tolist()
        return [
            Link(line, day, net if known else None, balance if there else None)
            for line, day, net, known, balance, there in zip(
                self.line.tolist(), self.day, nets, self.net_known, balances, self.has_balance, strict=True
            )
        ]


def check_chain(links: Links) -> Chain:
    """Walk the chain in file order and in reversed order and keep the way with fewer breaks.

    A day whose rows are merely out of order is no gap: its rows lead, in some order, from the balance before to the
    balance after it exactly if the opening balances of its rows (balance - net) are their closing balances but for
    the first and the last.
    """
    forward = _breaks(links)
    if not forward and not _falls(links):
        walked, broken, newest_first = links, forward, False
    else:
        backward = _breaks(links[::-1])
        newest_first = len(backward) < len(forward) or (len(backward) == len(forward) and _falls(links))
        walked, broken = (links[::-1], backward) if newest_first else (links, forward)
    if broken:
        broken_days = _breaks_by_day(walked.one_by_one())
        gaps = [Gap(int(walked.line[at]), _reason(int(walked.line[before]), off)) for at, before, off in broken_days]
    else:
        gaps = []
    opening, closing = _ends(walked, out_of_order=bool(broken))
    return Chain(tuple(sorted(gaps, key=lambda gap: gap.line)), newest_first, opening, closing)


def are_debits(links: Links) -> bool:
    """Whether the balances prove amounts to be debits that were taken for credits: the chain holds only with each turned."""
    return holds(links.turned()) and not holds(links)


def holds(links: Links) -> bool:
    """Whether the chain is whole, and runs the way its dates run: equal debits read upwards look like credits."""
    chain = check_chain(links)
    return not chain.gaps and not _falls(links if not chain.newest_first else links[::-1])


def _falls(links: Links) -> bool:
    """Newest first by its dates; decides only where the balances cannot tell."""
    days = [day for day in (*links.day[:50], *links.day[-50:]) if day]
    return bool(days) and days[0] > days[-1]


def _ends(walked: Links, *, out_of_order: bool) -> tuple[int | None, int | None]:
    """Opening and closing balance: the first and the last known one, carried outwards over the amounts beyond them.

    A day written out of order at either end is put in order first.
    """
    known = np.flatnonzero(walked.has_balance)
    if not len(known):
        return None, None
    first, last = int(known[0]), int(known[-1])
    opening = int(walked.balance[first] - walked.net[: first + 1].sum())
    closing = int(walked.balance[last] + walked.net[last + 1 :].sum())
    if out_of_order:
        links = walked.one_by_one()
        if ends := day_ends([link for link in links if link.day == links[0].day], None):
            opening = ends[0]
        if ends := day_ends([link for link in links if link.day == links[-1].day], None):
            closing = ends[1]
    return opening, closing


def _breaks(links: Links) -> list[tuple[int, int, int]]:
    """(position, position of the balance before, paise off) of each balance that does not follow.

    Lines without a balance are bridged by their amounts; a line whose amounts are unknown starts the chain anew.
    """
    at = np.flatnonzero(links.has_balance)
    if len(at) < 2:
        return []
    unknown = np.cumsum(~links.net_known)
    start = links.balance[at] - np.cumsum(links.net)[at]
    off = np.diff(start)
    broken = np.flatnonzero((off != 0) & (np.diff(unknown[at]) == 0))
    return [(int(at[i + 1]), int(at[i]), int(off[i])) for i in broken]


def _breaks_by_day(links: list[Link]) -> list[tuple[int, int, int]]:
    """The breaks that stay when the rows of one day may stand in any order."""
    found: list[tuple[int, int, int]] = []
    balance: int | None = None  # where the chain stands
    before = 0  # position of the line that brought it there
    start = 0
    while start < len(links):
        end = start + 1
        while end < len(links) and links[end].day == links[start].day:
            end += 1
        day = links[start:end]
        ends = day_ends(day, balance)
        if ends is not None:
            balance, before = ends[1], end - 1
        else:
            for at in range(start, end):
                link = links[at]
                if balance is not None and link.net is not None:
                    balance += link.net
                if link.balance is not None:
                    if balance is not None and link.net is not None and balance != link.balance:
                        found.append((at, before, link.balance - balance))
                    balance, before = link.balance, at
                elif link.net is None:
                    balance = None
        start = end
    return found


def day_ends(day: list[Link], start: int | None) -> tuple[int, int] | None:
    """(opening, closing) if the day's rows form one path in some order that begins at ``start`` (None: anywhere)."""
    if any(link.net is None or link.balance is None for link in day):
        return None
    opens = Counter(link.balance - link.net for link in day)
    closes = Counter(link.balance for link in day)
    first, last = list((opens - closes).elements()), list((closes - opens).elements())
    if not first:  # the day ends where it began
        here = start if start is not None else day[0].balance - day[0].net
        return (here, here) if here in opens else None
    if len(first) > 1 or (start is not None and first[0] != start):
        return None
    return first[0], last[0]


def _reason(before: int, off: int) -> str:
    more = "more" if off > 0 else "less"
    return (
        f"closing balance does not follow from line {before}: 1 or more rows may be missing "
        f"({from_paise(abs(off)):.2f} {more} than it should be)"
    )
