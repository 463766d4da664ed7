"""Reading a statement line by line, each rule in its place: what the reader by columns must say too.

Slow and plain on purpose; only tests call it.
"""

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from expenses.statements.amounts import BLANK, read_amount, side_of
from expenses.statements.balance import Link, Links, are_debits
from expenses.statements.dates import looks_like_date, read_dates
from expenses.statements.rows import Cells, RejectedRow
from expenses.statements.text import NUL_MARK

TOTALS = (
    *("total", "grand", "subtotal", "sub total", "statement"),
    *("opening", "closing", "balance", "brought", "carried", "b/f", "bf", "c/f", "cf"),
)
"""How a bank begins the lines of its summary, whatever stands before the first letter."""


@dataclass
class Columns:
    """The good rows as parallel columns; amounts in paise, 0 for an empty side, None for no balance."""

    line: list[int] = field(default_factory=list)
    day: list[date] = field(default_factory=list)
    narration: list[str] = field(default_factory=list)
    value_date: list[date | None] = field(default_factory=list)
    reference: list[str] = field(default_factory=list)
    debit: list[int] = field(default_factory=list)
    credit: list[int] = field(default_factory=list)
    balance: list[int | None] = field(default_factory=list)

    def append(self, line, day, narration, value_date, reference, debit, credit, balance) -> None:
        self.line.append(line)
        self.day.append(day)
        self.narration.append(
            narration if "  " not in narration and narration.isprintable() else " ".join(narration.split())
        )
        self.value_date.append(value_date)
        self.reference.append(reference)
        self.debit.append(debit)
        self.credit.append(credit)
        self.balance.append(balance)


def read_rows(cells: Cells, order: str) -> tuple[Columns, list[RejectedRow], list[Link]]:
    """The good rows, the rejected ones and the balance chain's links, each in file order."""
    days = read_dates(cells.of("date"), order)
    value_days = read_dates(cells.of("value_date"), order)
    amounts = _amounts(cells, days)
    narrations, references, values = cells.of("narration"), cells.of("reference"), cells.of("value_date")
    good, rejected, links = Columns(), [], []
    above: Columns | RejectedRow | None = None  # whose narration a continuation continues
    for at in range(_last_row(cells, days, amounts) + 1):
        day, amount, value_day = days[at], amounts[at], value_days[at]
        reasons = []
        if isinstance(day, str) or isinstance(amount, str) or at in cells.too_wide:
            kind = _kind(cells, at, amount)
            if kind == "continuation":
                _continue(above, narrations[at], cells.rows[at])
                continue
            if kind == "rule":
                continue
            if kind == "brought forward":
                links.append(Link(cells.lines[at], None, None, _balance(cells, at)))
                continue
            reasons = _reasons(cells, at, day, amount)
        if isinstance(value_day, str):
            if values[at] in BLANK:
                value_day = None
            else:
                reasons.append("value " + value_day)
        if NUL_MARK in narrations[at] or NUL_MARK in references[at]:
            reasons.append("the line holds a NUL byte (shown as ␀): the file may be damaged here")
        if reasons:
            above = RejectedRow(cells.lines[at], "; ".join(reasons), tuple(cells.original[at]))
            rejected.append(above)
            net = None if isinstance(amount, str) else amount[1] - amount[0]
            links.append(Link(cells.lines[at], day if isinstance(day, date) else None, net, _balance(cells, at)))
            continue
        debit, credit, balance = amount
        good.append(cells.lines[at], day, narrations[at], value_day, references[at], debit, credit, balance)
        links.append(Link(cells.lines[at], day, credit - debit, balance))
        above = good
    if _is_unmarked(cells, days) and are_debits(_as_columns(links)):
        good.debit, good.credit = good.credit, good.debit
        links = [link._replace(net=link.net and -link.net) for link in links]
    return good, rejected, links


def _as_columns(links: list[Link]) -> Links:
    def numbers(values):
        return np.array([value or 0 for value in values], dtype=np.int64), np.array([v is not None for v in values])

    lines, days, nets, balances = ([getattr(link, name) for link in links] for name in Link._fields)
    return Links(np.array(lines), days, *numbers(nets), *numbers(balances))


def _marks(cells: Cells, days: list[date | str]) -> set[str]:
    """The sides that the amounts of the dated lines name themselves: "dr" by Dr, minus or brackets, "cr" by Cr or plus."""
    marks = set()
    for at, (amount, text) in enumerate(zip(_read(cells.of("amount"), ""), cells.of("amount"), strict=True)):
        if isinstance(amount, int) and amount and isinstance(days[at], date) and at not in cells.too_wide:
            marks.add("dr" if amount < 0 else "cr" if "+" in text or side_of(text) == "cr" else "")
    return marks - {""}


def _is_unmarked(cells: Cells, days: list[date | str]) -> bool:
    return "amount" in cells.found.columns and "type" not in cells.found.columns and not _marks(cells, days)


def _amounts(cells: Cells, days: list[date | str]) -> list[tuple[int, int, int | None] | str]:
    """(debit, credit, balance) in paise for each line, or the reasons why there is none."""
    columns = cells.found.columns
    balances = _read(cells.of("balance"), "balance")
    if "balance_type" in columns:
        pairs = zip(balances, cells.of("balance_type"), strict=True)
        balances = [-abs(b) if isinstance(b, int) and side_of(kind) == "dr" else b for b, kind in pairs]
    if "amount" in columns:
        texts = cells.of("amount")
        plain = "dr" if _marks(cells, days) == {"cr"} else "cr"
        typed = ["type" in columns] * len(texts)
        sides = map(_from_signed, _read(texts, "amount"), texts, cells.of("type"), typed, [plain] * len(texts))
    else:
        debits, credits = cells.of("debit"), cells.of("credit")
        pairs = (_taken_back(cells, role, days) for role in ("debit", "credit"))
        sides = map(_from_two, _read(debits, "debit"), _read(credits, "credit"), debits, credits, *pairs)
    return [
        (side[0], side[1], balance)
        if not isinstance(side, str) and not isinstance(balance, str)
        else "; ".join(reason for reason in (side, balance) if isinstance(reason, str))
        for side, balance in zip(sides, balances, strict=True)
    ]


def _read(texts: list[str], name: str) -> list[int | str | None]:
    """Paise, None for a blank, or the reason."""
    amounts: list[int | str | None] = []
    seen: dict[str, int | str | None] = dict.fromkeys(BLANK)
    for text in texts:
        if text not in seen:
            try:
                seen[text] = read_amount(text)
            except ValueError as error:
                seen[text] = f"{name} {error}"
        amounts.append(seen[text])
    return amounts


def _taken_back(cells: Cells, role: str, days: list[date | str]) -> list[bool]:
    """Which amounts of a side's column are reversals: negative among others that are not, and without a Dr."""
    texts = cells.of(role)
    amounts = _read(texts, role)
    for at, (amount, text) in enumerate(zip(amounts, texts, strict=True)):
        told = isinstance(days[at], date) and at not in cells.too_wide
        if told and isinstance(amount, int) and amount > 0 and not _says_credit(role, amount, text):
            return [
                isinstance(amount, int) and amount < 0 and side_of(text) != "dr"
                for amount, text in zip(amounts, texts, strict=True)
            ]
    return [False] * len(texts)


def _says_credit(role: str, amount: int, text: str) -> bool:
    return role == "debit" and amount > 0 and side_of(text) == "cr"


def _from_two(debit, credit, debit_text: str, credit_text: str, debit_back: bool, credit_back: bool):
    """A debit and a credit column. A reversal in one is an amount of the other; else a minus or brackets in the debit
    column only repeat that money went out."""
    if isinstance(debit, str) or isinstance(credit, str):
        return "; ".join(reason for reason in (debit, credit) if isinstance(reason, str))
    if debit and credit:
        return f"both debit '{debit_text}' and credit '{credit_text}' are filled"
    if debit:
        if _says_credit("debit", debit, debit_text):
            return f"debit '{debit_text}' says Cr"
        return (0, -debit) if debit_back else (abs(debit), 0)
    if credit:
        if credit_back:
            return -credit, 0
        return f"credit '{credit_text}' is negative" if credit < 0 else (0, credit)
    return "neither debit nor credit is filled"


def _from_signed(amount: int | str | None, text: str, kind: str, typed: bool, plain: str):
    """One amount column: the side is told by a type column, by Dr or Cr behind the amount, else by its sign; without
    any it is `plain`."""
    if isinstance(amount, str):
        return amount
    if not amount:
        return "the amount is blank" if amount is None else "the amount is zero"
    side = side_of(kind)
    if typed and kind not in BLANK and not side:
        return f"type '{kind[:40]}' is neither Dr (D, Debit) nor Cr (C, Credit)"
    if side == "cr" and amount < 0 and text.lstrip()[:1] != "-":
        return f"amount '{text}' is Dr but its type is Cr"
    if not side:
        if typed and text.lstrip()[:1] not in "+-(" and not side_of(text):
            return "the type, Dr or Cr, is blank"
        side = "dr" if amount < 0 else "cr" if typed or "+" in text or side_of(text) == "cr" else plain
    return (abs(amount), 0) if side == "dr" else (0, abs(amount))


def _balance(cells: Cells, at: int) -> int | None:
    """A rejected line's balance, if it can be read: the chain goes on from it."""
    column = cells.found.columns.get("balance")
    if column is None or at in cells.too_wide:
        return None
    balance = _read([cells.rows[at][column]], "")[0]
    if isinstance(balance, int) and side_of(cells.of("balance_type")[at]) == "dr":
        return -abs(balance)
    return balance if isinstance(balance, int) else None


def _last_row(cells: Cells, days: list[date | str], amounts: list) -> int:
    """Position of the last line that is a row; -1 without any.

    The last dated line, the narration that continues below it, and lines straight below that are rows but for their
    unreadable date; what comes after is the bank's summary.
    """
    dates = cells.of("date")
    last = len(days) - 1
    while last >= 0 and not isinstance(days[last], date) and not looks_like_date(dates[last]):
        last -= 1
    at = last + 1
    while 0 < at < len(days) and any(cells.rows[at]):
        kind = _kind(cells, at, amounts[at])
        narration = cells.rows[at][cells.found.columns["narration"]]
        row = kind == "row" and not isinstance(amounts[at], str) and not _is_summary(cells, at)
        wrapped = kind == "continuation" and narration and sum(map(bool, cells.rows[at])) == 1
        if not row and not (wrapped and cells.found.columns["narration"] > 0 and not _is_total(narration)):
            break
        last, at = at, at + 1
    return last


def _is_summary(cells: Cells, at: int) -> bool:
    """A total below the rows: it says nothing, has no balance where the statement has them, or calls itself one."""
    date_text, narration, balance = (cells.of(role)[at] for role in ("date", "narration", "balance"))
    if "balance" in cells.found.columns and balance in BLANK:
        return True
    return not narration or _is_total(narration) or _is_total(date_text)


def _is_total(text: str) -> bool:
    """Whether a cell begins with one of the words for totals, as a whole word."""
    while text and not _in_word(text[0]):
        text = text[1:]
    return any(text.lower().startswith(word) and not _in_word(text[len(word) :][:1]) for word in TOTALS)


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _kind(cells: Cells, at: int, amount: tuple | str) -> str:
    """Row, continuation, rule (asterisks, dashes, nothing) or brought forward (an opening balance above the rows)."""
    row, columns = cells.rows[at], cells.found.columns
    if all(character in "*-=_~.#" or character.isspace() for text in row for character in text):
        return "rule"
    if at in cells.too_wide or row[columns["date"]] not in BLANK:
        return "row"
    if any(row[columns[role]] not in BLANK for role in ("debit", "credit", "amount") if role in columns):
        return "row"
    if "balance" not in columns or row[columns["balance"]] in BLANK:
        return "continuation"
    first = not any(any(above) for above in cells.rows[:at])
    return "brought forward" if first and _balance(cells, at) is not None else "row"


def _continue(above: Columns | RejectedRow | None, narration: str, row: list[str]) -> None:
    """Add a wrapped narration to the row above; below a rejected row it stays with that row's other lines."""
    if isinstance(above, Columns):
        more = narration or " ".join(filter(None, row))
        above.narration[-1] = f"{above.narration[-1]} {' '.join(more.split())}".strip()


def _reasons(cells: Cells, at: int, day: date | str, amount: tuple | str) -> list[str]:
    if at in cells.too_wide:
        return [f"{cells.too_wide[at]} fields where the header has {len(cells.found.headers)}; is a comma unquoted?"]
    reasons = []
    if isinstance(day, str):
        reasons.append("the date is blank" if cells.rows[at][cells.found.columns["date"]] in BLANK else day)
    if isinstance(amount, str):
        reasons.append(amount)
    return reasons
