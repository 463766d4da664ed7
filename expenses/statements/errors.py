"""What can be wrong with a whole statement file; a fault of one row is a rejected row, never one of these."""

from __future__ import annotations

from dataclasses import dataclass


class StatementError(ValueError):
    """The file cannot be read as a statement. The message names the fault and the way out."""


@dataclass(frozen=True)
class Proposal:
    """What the mapping step shows: of a file that no layout fits the guessed columns, of another those it was read by.

    header_line  line of the likely header (first line of the file = 1)
    headers      its names as written, unnamed columns as ""
    columns      role -> header name, as far as the roles are known
    sample       up to ten lines below the header, cells as text
    dates        up to ten of the date column: (text, {order: ISO date or None}) for each order
    order        the order the file's own dates allow best: dmy, mdy or ymd
    """

    header_line: int
    headers: tuple[str, ...]
    columns: dict[str, str]
    sample: tuple[tuple[str, ...], ...]
    dates: tuple[tuple[str, dict[str, str | None]], ...]
    order: str


class UnknownLayout(StatementError):
    """No layout fits the header; ``proposal`` is what a person needs to map the columns (None without any header)."""

    def __init__(self, message: str, proposal: Proposal | None = None):
        super().__init__(message)
        self.proposal = proposal
