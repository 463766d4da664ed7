"""From a file's bytes to the table and header line of a known layout, or to a proposal that a person completes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from expenses.statements import (
    axis,
    bob,
    boi,
    canara,
    federal,
    hdfc,
    icici,
    idbi,
    idfc,
    indusind,
    kotak,
    original,
    paytm,
    pnb,
    sbi,
    union,
    yes,
)
from expenses.statements.amounts import BLANK, read_amount
from expenses.statements.dates import ORDERS, looks_like_date, possible_orders, read_date
from expenses.statements.errors import Proposal, StatementError, UnknownLayout
from expenses.statements.layout import ROLE_NAMES, ROLES, Layout, bare, common_columns, missing
from expenses.statements.table import MAX_BYTES, MAX_COLUMNS, MAX_ROWS, Table, too_many_rows
from expenses.statements.text import DELIMITERS, cut, cut_below, decode, lines_of
from expenses.statements.workbook import open_html, open_xls, open_xlsx

#: A preamble is no longer than this.
HEADER_WITHIN = 200
SAMPLE_ROWS = 10

_BANKS = (
    original,
    hdfc,
    sbi,
    icici,
    axis,
    kotak,
    federal,
    canara,
    boi,
    bob,
    idbi,
    indusind,
    yes,
    idfc,
    pnb,
    union,
    paytm,
)


def _all_names(role: str, *more: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*(n for bank in _BANKS for n in bank.LAYOUT.roles.get(role, ())), *more)))


#: Every bank's names together, for the many exports that mix them.
GENERIC = Layout(
    name="generic",
    title="Any bank with usual column names",
    roles={
        "date": _all_names("date", "Posting Date", "Transaction Dt", "Txn Dt"),
        "value_date": _all_names("value_date"),
        "narration": _all_names("narration", "Details", "Transaction Narration", "Transaction Particulars"),
        "reference": _all_names("reference", "Reference", "Reference No", "UTR", "Transaction Ref", "Ref"),
        "debit": _all_names("debit", "Debits", "Dr Amt", "Withdrawal Amt (INR)", "Paid Out", "Money Out"),
        "credit": _all_names("credit", "Credits", "Cr Amt", "Deposit Amt (INR)", "Paid In", "Money In"),
        "amount": _all_names("amount", "Transaction Amount", "Txn Amount", "Amt"),
        "type": _all_names(
            "type", "Dr/Cr", "Debit/Credit Type", "Debit / Credit", "Txn Type", "DrCr Indicator", "BillingAmountSign"
        ),
        "balance": _all_names("balance", "Available Balance", "Closing Bal", "Balance Amount"),
    },
)
LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (*(bank.LAYOUT for bank in _BANKS), GENERIC)}


@dataclass(frozen=True)
class Found:
    """A table, the position of its header row, the layout's name ("mapping" where a person named the columns), role ->
    column, and what stands below the header: rows of cells, and the line of each. Of a text file the table is only
    its head. `unread` names a workbook's other sheets that hold a statement."""

    table: Table
    at: int
    layout: str
    columns: dict[str, int]
    dates: str = "dmy"
    body: Sequence[list[str]] = ()
    lines: Sequence[int] = ()
    unread: tuple[str, ...] = ()

    @property
    def headers(self) -> list[str]:
        return self.table.rows[self.at]


def tables(content: bytes) -> list[Table]:
    """The file as tables, one per sheet; delimited text once per delimiter that it could have, likeliest first."""
    if len(content) > MAX_BYTES:
        raise StatementError(
            f"The file has {len(content):,} bytes, more than the {MAX_BYTES:,} allowed (10 MB). "
            "Choose a shorter period and import it in parts."
        )
    if not content.strip(b"\x00\r\n\t \xef\xbb\xbf"):
        raise StatementError("The file is empty. Download the statement again.")
    if content.lstrip()[:5] == b"%PDF-":
        raise StatementError(
            "This is a PDF. In net banking choose the statement as Excel (.xls, .xlsx) or delimited text (.csv, .txt) "
            "instead: a PDF holds pictures of rows, not rows."
        )
    if content.startswith(b"PK\x03\x04"):
        return open_xlsx(content)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        return open_xls(content)
    text, encoding = decode(content)
    head = text[:2000].lstrip().lower()
    if "urn:schemas-microsoft-com:office:spreadsheet" in head and not head.startswith("<html"):
        raise StatementError(
            "This is an XML spreadsheet. Open it in Excel or LibreOffice and save it as .xlsx or .csv."
        )
    if head.startswith(("<!doctype html", "<html", "<table", "<?xml", "<meta", "<head", "<body", "<style", "<div")):
        return open_html(text)
    return _delimited(lines_of(text), encoding)


def _delimited(lines: list[str], encoding: str) -> list[Table]:
    if len(lines) > 4 * MAX_ROWS:
        raise too_many_rows()
    head = lines[:HEADER_WITHIN]
    seen = {delimiter: sum(line.count(delimiter) for line in head) for delimiter in DELIMITERS}
    likely = sorted((d for d in DELIMITERS if seen[d]), key=lambda d: (d != "~|~", -seen[d]))
    if "~|~" in likely:
        likely = [delimiter for delimiter in likely if delimiter != "|"]
    return [cut(head, delimiter, encoding) for delimiter in likely or [","]]


def find(content: bytes, *, layout: str | None = None, mapping: dict[str, str] | None = None) -> Found:
    """The table, header line and columns of a statement.

    layout   try only this layout
    mapping  role -> header name, as a person mapped them; roles of layout.ROLES or the stored names
    Raises StatementError, or UnknownLayout with a proposal where no layout fits.
    """
    candidates = tables(content)
    wanted = _wanted(mapping) if mapping else None
    look = partial(_mapped, wanted=wanted) if wanted else partial(known, name=layout)
    found = look(candidates)
    if found is None:
        raise _unknown(candidates, layout, wanted)
    table = found.table
    if table.kind == "text":
        lines = lines_of(decode(content)[0])
        body, numbers = cut_below(lines, table.delimiter, table.lines[found.at] - 1, len(found.headers))
        return replace(found, body=body, lines=numbers)
    others = (other for other in candidates if other is not table)
    unread = tuple(other.name for other in others if _holds_statement(other, look))
    return replace(found, body=table.rows[found.at + 1 :], lines=table.lines[found.at + 1 :], unread=unread)


def _holds_statement(sheet: Table, look: Callable[[list[Table]], Found | None]) -> bool:
    """Whether a sheet has dated rows below a header. They are never read along with another sheet's: one that gathers
    the year would double every month's, and lines could not be told apart."""
    try:
        found = look([sheet])
    except StatementError:  # a header with a column doubled
        return True
    if found is None:
        return False
    at = found.columns["date"]
    return any(looks_like_date(cell) for row in sheet.rows[found.at + 1 :] for cell in row[at : at + 1])


def known(candidates: list[Table], name: str | None = None) -> Found | None:
    """The layout that explains most header cells, bank before generic, on the first row that any fits."""
    if name is not None and name not in LAYOUTS:
        raise StatementError(f"There is no layout '{name}'. Layouts: {', '.join(LAYOUTS)}.")
    layouts = [LAYOUTS[name]] if name else list(LAYOUTS.values())
    for table in candidates:
        for at, row in enumerate(table.rows[:HEADER_WITHIN]):
            if sum(map(bool, row)) < 3:
                continue
            best: Found | None = None
            doubled: StatementError | None = None
            for layout in layouts:
                try:
                    columns = layout.columns(row)
                except StatementError as error:
                    doubled = error
                    continue
                if not missing(columns) and (best is None or len(columns) > len(best.columns)):
                    best = Found(table, at, layout.name, columns, layout.dates)
            if best is not None:
                return best
            if doubled is not None:
                raise doubled
    return None


def _wanted(mapping: dict[str, str]) -> dict[str, str]:
    wanted = {ROLE_NAMES.get(role, role): header for role, header in mapping.items()}
    for role in wanted:
        if role not in ROLES:
            raise StatementError(f"'{role}' is no column of a statement. Map {', '.join(ROLES)}.")
    if lacking := missing(dict.fromkeys(wanted, 0)):
        raise StatementError(f"The mapping lacks {' and '.join(lacking)}.")
    return wanted


def _mapped(candidates: list[Table], wanted: dict[str, str]) -> Found | None:
    names = {role: bare(header) for role, header in wanted.items()}
    for table in candidates:
        for at, row in enumerate(table.rows[:HEADER_WITHIN]):
            bares = [bare(cell) for cell in row]
            if all(name and name in bares for name in names.values()):
                for role, name in names.items():
                    if bares.count(name) > 1:
                        raise StatementError(
                            f"Column '{wanted[role]}' stands {bares.count(name)} times in line {table.lines[at]}."
                        )
                columns = {role: bares.index(name) for role, name in names.items()}
                free = {role: at for role, at in common_columns(row).items() if at not in columns.values()}
                return Found(table, at, "mapping", free | columns)
    return None


def _unknown(candidates: list[Table], layout: str | None, wanted: dict[str, str] | None) -> StatementError:
    proposal = propose(candidates)
    if proposal is None:
        return UnknownLayout(
            "No header line was found: a line that names at least a date, a narration and an amount. "
            "Choose the bank's CSV or Excel export with its header."
        )
    named = ", ".join(f"'{header}'" for header in proposal.headers if header)
    if wanted:
        headers = {bare(header) for header in proposal.headers}
        lost = (
            ", ".join(f"'{header}'" for header in wanted.values() if bare(header) not in headers)
            or "all of them together"
        )
        return UnknownLayout(f"No line has the mapped headers; not found: {lost}. Headers found: {named}.", proposal)
    if layout:
        return UnknownLayout(f"Layout '{layout}' does not fit. Headers found: {named}.", proposal)
    lacking = missing(dict.fromkeys(proposal.columns, 0))
    no = f"no column is known for {' and '.join(lacking)}" if lacking else "its columns are not known"
    return UnknownLayout(
        f"No layout fits line {proposal.header_line}: {no}. Headers found: {named}. Map the columns by their headers.",
        proposal,
    )


#: Words that hint at a role where no known name stands; the first that occurs in a header wins.
_HINTS = (
    ("value_date", ("value", "effective")),
    ("date", ("date", "day", "dt")),
    ("balance", ("balance", "bal")),
    ("debit", ("debit", "withdraw", "paidout", "moneyout", "spent", "outgoing")),
    ("credit", ("credit", "deposit", "paidin", "moneyin", "received", "incoming")),
    ("reference", ("ref", "cheque", "chq", "utr", "rrn", "txnid", "transactionid")),
    (
        "narration",
        ("narration", "description", "particular", "remark", "detail", "payee", "purpose", "merchant", "text"),
    ),
    ("type", ("type", "drcr", "crdr")),
    ("amount", ("amount", "amt", "inr", "sum")),
)


def propose(candidates: list[Table]) -> Proposal | None:
    """What to show a person who maps the columns: the line above the first row with a date and an amount."""
    for table in sorted(candidates, key=_first_row):
        first = _first_row(table)
        if first == _NOWHERE:
            first = next((i + 1 for i, row in enumerate(table.rows) if sum(map(bool, row)) > 2), 0)
        above = [i for i in range(first) if sum(map(bool, table.rows[i])) > 1]
        if not above:
            continue
        at = above[-1]
        below = [row for row in table.rows[at + 1 :] if any(row)]
        return proposal(Found(table, at, "", _guess(table.rows[at], below), body=below))
    return None


def proposal(found: Found) -> Proposal:
    """What to show a person who maps the columns, by the lines straight below the header."""
    below = [row for row in found.body[:HEADER_WITHIN] if any(row)]
    dated = found.columns.get("date", MAX_COLUMNS)
    texts = [cell for row in below for cell in row[dated : dated + 1] if looks_like_date(cell)]
    return Proposal(
        header_line=found.table.lines[found.at],
        headers=tuple(found.headers),
        columns={role: found.headers[at] for role, at in found.columns.items()},
        sample=tuple(tuple(row) for row in below[:SAMPLE_ROWS]),
        dates=tuple((text, {order: _iso(text, order) for order in ORDERS}) for text in texts[:SAMPLE_ROWS]),
        order=next(iter(possible_orders(texts, "dmy")), "dmy"),
    )


_NOWHERE = 10**9


def _first_row(table: Table) -> int:
    """Position of the first row that holds a date and an amount."""
    for at, row in enumerate(table.rows[:HEADER_WITHIN]):
        if any(map(looks_like_date, row)) and any(map(_is_amount, row)):
            return at
    return _NOWHERE


def _is_amount(text: str) -> bool:
    if text in BLANK or looks_like_date(text) or "." not in text:
        return False
    try:
        return read_amount(text) is not None
    except ValueError:
        return False


def _guess(headers: list[str], below: list[list[str]]) -> dict[str, int]:
    known = {bare(name): role for role, names in GENERIC.roles.items() for name in names}
    columns: dict[str, int] = {}
    for at, header in enumerate(headers):
        role = known.get(bare(header))
        if role and role not in columns and header:
            columns[role] = at
    for role, hints in _HINTS:
        for at, header in enumerate(headers):
            if role not in columns and at not in columns.values() and any(hint in bare(header) for hint in hints):
                columns[role] = at
    if "date" not in columns:  # the column with the most dates
        dated = {at: sum(looks_like_date(row[at]) for row in below[:50] if at < len(row)) for at in range(len(headers))}
        free = {at: count for at, count in dated.items() if at not in columns.values() and headers[at]}
        if free and max(free.values()) > 0:
            columns["date"] = max(free, key=free.__getitem__)
    if "narration" not in columns:  # the column with the longest texts
        free = [at for at in range(len(headers)) if at not in columns.values() and headers[at]]
        texts = {at: [row[at] for row in below[:50] if at < len(row)] for at in free}
        size = {at: sum(len(t) for t in texts[at] if not (_is_amount(t) or looks_like_date(t))) for at in free}
        if size and max(size.values()) > 0:
            columns["narration"] = max(size, key=size.__getitem__)
    if columns.keys() & {"debit", "credit"}:
        columns.pop("amount", None)
        columns.pop("type", None)
    return columns


def _iso(text: str, order: str) -> str | None:
    try:
        return read_date(text, order).isoformat()
    except ValueError:
        return None
