"""Delimited text: bytes -> characters -> one list of cells per line, with the number of the line in the file.

A quoted cell may run over several lines; a quote that nobody closes costs its own line only, never the rest of the
file.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence

from expenses.statements.dates import looks_like_date
from expenses.statements.errors import StatementError
from expenses.statements.table import MAX_COLUMNS, Table, too_many_columns

DELIMITERS = ("~|~", ",", "\t", ";", "|")
#: A narration in quotes wraps over a few lines at most.
MAX_WRAPPED_LINES = 20
#: csv reads one character as delimiter; this one stands for ~|~.
_UNIT = "\x1f"
#: Stands for a NUL byte, which no database text column takes; a row that holds one is rejected.
NUL_MARK = "␀"
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1e]")


def decode(content: bytes) -> tuple[str, str]:
    """(text, encoding): by byte order mark, then UTF-16 by its zero bytes, then UTF-8, then Windows-1252."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return _decoded(content, encoding)
    head = content[:4000]
    for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros = head[offset::2].count(0)
        if len(head) > 3 and zeros > len(head) // 5 and zeros > 4 * head[1 - offset :: 2].count(0):
            return _decoded(content, encoding)
    for encoding in ("utf-8", "cp1252"):
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1"), "latin-1"


def _decoded(content: bytes, encoding: str) -> tuple[str, str]:
    try:
        return content.decode(encoding), encoding
    except UnicodeDecodeError as error:
        raise StatementError(
            f"The file says it is {encoding.upper()} but byte {error.start + 1} does not fit: it is damaged or cut "
            "off. Download the statement again."
        ) from None


def lines_of(text: str) -> list[str]:
    """The file's lines without their ends; only CR LF, LF and CR end a line (not the other ends Unicode knows)."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if len(_CONTROL.findall(text, 0, 100_000)) > max(20, len(text[:100_000]) // 50):
        raise StatementError(
            "This is not a bank statement: the file holds binary data. Choose the bank's CSV or Excel export."
        )
    return text.replace("\x00", NUL_MARK).split("\n")


def cut(lines: list[str], delimiter: str, encoding: str = "", *, start: int = 0, width: int | None = None) -> Table:
    """The lines from position `start` on as cells, stripped of the padding around them.

    Lines without a quote are simply split; `width` (delimiters in a row) tells a wrapped narration from a row.
    """
    if width is None:
        width = next((line.count(delimiter) for line in lines if line.count(delimiter) > 1), 1)
    rows: list[list[str]] = []
    numbers: list[int] = []
    at, end = start, len(lines)
    while at < end:
        line = lines[at]
        number = at + 1
        if len(line) > MAX_COLUMNS and line.count(delimiter) >= MAX_COLUMNS:
            raise too_many_columns(number, line.count(delimiter) + 1)
        at += 1
        if '"' not in line:
            rows.append([cell.strip() for cell in line.split(delimiter)])
        else:
            wrapped = _wrapped(lines, at - 1, delimiter, width)
            at += len(wrapped) - 1
            rows.append(_quoted("\n".join(wrapped), delimiter))
        numbers.append(number)
    return Table("", rows, numbers, "text", encoding, delimiter)


class Uniform(Sequence):
    """Rows that are kept as columns: a tenth of the time and half of the memory of as many lists of cells."""

    def __init__(self, columns: list[list[str]]):
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns[0])

    def __getitem__(self, at):
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        return [column[at] for column in self.columns]


def cut_below(lines: list[str], delimiter: str, start: int, width: int) -> tuple[Sequence[list[str]], Sequence[int]]:
    """The rows below a header of `width` cells, and the line of each; `start` is the header's position.

    Where every line is one row of just that width without a quote, as banks' own exports are, they stay columns.
    """
    first = start + len(_wrapped(lines, start, delimiter, width - 1))
    end = len(lines)
    while end > first and not lines[end - 1].strip():
        end -= 1
    body = lines[first:end]
    if body and len(delimiter) == 1 and all(line.count(delimiter) == width - 1 for line in body):
        joined = delimiter.join(body)
        if '"' not in joined:
            cells = joined.split(delimiter)
            return Uniform([list(map(str.strip, cells[at::width])) for at in range(width)]), range(first + 1, end + 1)
    table = cut(lines, delimiter, start=first, width=width - 1)
    return table.rows, table.lines


def _wrapped(lines: list[str], at: int, delimiter: str, width: int) -> list[str]:
    """The line at ``at`` and those that its open quote takes in; alone where the quote is not closed soon.

    A following line that has all the delimiters of a row, or begins with a date, is a row of its own: the quote was a
    lone one.
    """
    if lines[at].count('"') % 2 == 0:
        return lines[at : at + 1]
    taken = [lines[at]]
    for line in lines[at + 1 : at + MAX_WRAPPED_LINES]:
        if line.count(delimiter) >= width or _starts_with_date(line, delimiter):
            break
        taken.append(line)
        if line.count('"') % 2:
            return taken
    return lines[at : at + 1]


def _starts_with_date(line: str, delimiter: str) -> bool:
    cell = line.split(delimiter, 1)[0].strip()
    return len(cell) <= 25 and looks_like_date(cell)


def _quoted(record: str, delimiter: str) -> list[str]:
    if record.count('"') % 2:  # a lone quote means itself
        return [cell.strip().strip('"').strip() for cell in record.split(delimiter)]
    if len(delimiter) > 1:
        record, delimiter = record.replace(delimiter, _UNIT), _UNIT
    if '="' in record:
        record = _without_formulas(record, delimiter)
    try:
        cells = next(csv.reader([record], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:  # a cell of more than 131,072 characters
        cells = record.split(delimiter)
    return [_unwrapped(cell.strip()) for cell in cells]


def _without_formulas(record: str, delimiter: str) -> str:
    """The record with ``="1,001.00"`` as ``"1,001.00"``: only a quote at its beginning keeps a cell together."""
    begins = re.compile(rf'(^|{re.escape(delimiter)})\s*="((?:[^"]|"")*)"(?=\s*(?:{re.escape(delimiter)}|$))')
    return begins.sub(r'\1"\2"', record)


def _unwrapped(cell: str) -> str:
    """``="000123"``, by which exports keep a spreadsheet from damaging a reference, is 000123."""
    match = re.fullmatch(r'="([^"]*)"', cell)
    return match[1] if match else cell
