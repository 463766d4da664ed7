"""One file, several accounts: the parts of a statement file that belong to different accounts or cards.

Banks put a savings account and a deposit, or a card and its add-on card, below each other. Each part begins with a line
that names another account, or with a header of another form; parts are never read as one unless a person says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from expenses.statements.dates import looks_like_date
from expenses.statements.detect import GENERIC, Found, known
from expenses.statements.errors import StatementError
from expenses.statements.layout import COMMON, bare
from expenses.statements.lines import column, kept, without
from expenses.statements.table import Table

ALL = "all"
_MASKED = re.compile(r"[Xx*•]{2,}[Xx*•\d -]*\d{2,6}|\d{2,6}[Xx*• -]{3,}\d{2,6}")
_NUMBER = re.compile(rf"(?:{_MASKED.pattern}|\d{{9,18}})")
_NAMED = re.compile(rf"(?:a/?c|acct|account|card|loan|deposit|ppf|wallet)\D{{0,60}}?({_NUMBER.pattern})", re.IGNORECASE)
_TITLE = re.compile(
    r"\W*(?:statement|transaction|account|a/?c\b|acct|card|saving|current|loan|deposit|ppf)", re.IGNORECASE
)
_TITLE_CELLS = 3
_HEADER_WORDS = {bare(name) for names in (*GENERIC.roles.values(), *COMMON.values()) for name in names}


@dataclass(frozen=True)
class Section:
    """One part: its title for a person, the number that names its account ("" unknown), and its rows. `found` is the
    statement cut down to it."""

    title: str
    number: str
    found: Found
    rows: int


def sections(found: Found) -> list[Section]:
    """The parts of a statement that have dated rows, in file order; one where all rows belong together.

    A card's or account's number alone on its line is no row, and is taken out.
    """
    parts, titles = _cut(found)
    made = []
    for part in parts:
        places = [at for at in range(part.first, part.last) if at not in titles]
        cut = kept(replace(found, **part.header), places) if len(parts) > 1 else without(found, titles)
        dated = sum(map(looks_like_date, column(cut, "date")))
        if dated or len(parts) == 1:
            made.append(Section(part.title or _place_of(part, found), part.number, cut, dated))
    return made or [Section("", "", found, 0)]


def _place_of(part: _Part, found: Found) -> str:
    """What a part without a title is called: the line where its rows begin, where it has any."""
    return f"the rows from line {found.lines[part.first]}" if part.first < part.last else ""


def together(parts: list[Section]) -> Found:
    """All parts as one statement. Raises StatementError where their columns differ."""
    first = parts[0].found
    if any(part.found.columns != first.columns for part in parts):
        raise StatementError(
            "The parts of this file have different columns, so they cannot be read together: read one."
        )
    body = [row for part in parts for row in part.found.body]
    return replace(first, body=body, lines=[line for part in parts for line in part.found.lines])


@dataclass
class _Part:
    title: str
    number: str
    first: int
    last: int
    header: dict


def _cut(found: Found) -> tuple[list[_Part], set[int]]:
    """The parts by position, and the positions of lines that only name a card or an account."""
    title, number = _above(found)
    parts, alone = [_Part(title, number, 0, len(found.body), {})], set()
    named: tuple[int, str, str] | None = None  # the last line that named an account: (position, title, number)
    has_rows = False
    headed = [bare(cell) for cell in found.headers]
    for at, is_dated in _worth_a_look(found):
        if is_dated:
            if named and has_rows and parts[-1].number and _is_title(found, named[0]):
                parts[-1].last = named[0]
                parts.append(_Part(named[1], named[2], at, len(found.body), parts[-1].header))
            has_rows, named = True, None
            continue
        row = list(found.body[at])
        filled = [cell for cell in row if cell]
        header = _header(found, at, row, headed)
        said = _account_in(filled)
        if header is not None and has_rows and (header or named):
            where, title, number = named or (at, "", "")
            parts[-1].last = where
            parts.append(_Part(title, number, at + 1, len(found.body), header or parts[-1].header))
            has_rows, named = False, None
        elif said and len(filled) == 1 and _MASKED.fullmatch(filled[0].strip()) and not _in_narration(found, row):
            alone.add(at)
            if has_rows and _tail(said[1]) != _tail(parts[-1].number):
                parts[-1].last = at
                parts.append(_Part(said[0], said[1], at, len(found.body), parts[-1].header))
                has_rows = False
            elif not has_rows:
                parts[-1].title, parts[-1].number = said
        elif said and _tail(said[1]) != _tail(parts[-1].number):
            named = at, *said
    return parts, alone


def _in_narration(found: Found, row: list[str]) -> bool:
    """Whether what is filled stands in the narration's column: then it continues the row above."""
    at = found.columns["narration"]
    return at < len(row) and bool(row[at])


def _is_title(found: Found, at: int) -> bool:
    """Whether a line that names an account without a header below it begins as such titles do."""
    row = list(found.body[at])
    return not _in_narration(found, row) and bool(_TITLE.match(next(filter(None, row), "")))


def _worth_a_look(found: Found):
    """(position, whether it is dated) of the lines that end a part or begin one; of dated ones the first of a run."""
    dates, was_dated = column(found, "date"), False
    known_dates = {text: bool(text) and looks_like_date(text) for text in set(dates)}
    for at, text in enumerate(dates):
        is_dated = known_dates[text]
        if not is_dated or not was_dated:
            yield at, is_dated
        was_dated = is_dated


def _above(found: Found) -> tuple[str, str]:
    """The title and number of the account that the lines straight above the header name."""
    for row in reversed(found.table.rows[: found.at]):
        if said := _account_in([cell for cell in row if cell], several=True):
            return said
    return "", ""


def _account_in(filled: list[str], several: bool = False) -> tuple[str, str] | None:
    """(the text, the number) where a line names an account by its number, and is no row of amounts."""
    if not filled or (len(filled) > _TITLE_CELLS and not several) or any(map(looks_like_date, filled)):
        return None
    text = " ".join(filled)
    alone = _NUMBER.fullmatch(text.strip())
    match = alone or _NAMED.search(text)
    if match is None:
        return None
    return text[:120], match[0] if alone else match[1]


def _tail(number: str) -> str:
    """The last four digits, by which differently masked numbers of one account are told to be the same."""
    return re.sub(r"\D", "", number)[-4:]


def _header(found: Found, at: int, row: list[str], headed: list[str]) -> dict | None:
    """{} for the header once more, the changes of Found for a header of another form, None for what is no header."""
    bares = [bare(cell) for cell in row]
    while bares and not bares[-1] and len(bares) > len(headed):
        bares.pop()
    if bares == headed:
        return {}
    if sum(name in _HEADER_WORDS for name in bares) < 3:
        return None
    table = Table(found.table.name, [row], [found.lines[at]], found.table.kind)
    try:
        other = known([table])
    except StatementError:
        return None
    if other is None:
        return None
    return {"table": table, "at": 0, "layout": other.layout, "columns": other.columns, "dates": other.dates}
