"""A statement file as a plain table of text cells, whatever it came as, with a limit on everything."""

from __future__ import annotations

from dataclasses import dataclass

from expenses.statements.errors import StatementError

MAX_BYTES = 10 * 1024 * 1024
MAX_ROWS = 200_000
MAX_COLUMNS = 200


@dataclass(frozen=True)
class Table:
    """One sheet: rows of stripped text cells, and the line (row number in a workbook) where each stands, from 1."""

    name: str
    rows: list[list[str]]
    lines: list[int]
    kind: str  # text, html, xlsx, xls
    encoding: str = ""
    delimiter: str = ""


def too_many_columns(line: int, count: int) -> StatementError:
    return StatementError(
        f"Line {line} has {count:,} columns, more than the {MAX_COLUMNS} a statement may have. "
        "Is this the bank's own export?"
    )


def too_many_rows() -> StatementError:
    return StatementError(f"The file has more than {MAX_ROWS:,} rows. Choose a shorter period and import it in parts.")
