"""Lines of a list that are no rows: totals, and balances brought or carried forward. Pure: no database.

A total is a check: it is compared with the amounts above it, and whether it agrees is told. Nothing is left out in
silence.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from django.core.exceptions import ValidationError

from shop.imports.cells import rounded_amount, shown, text_of
from shop.money import ZERO, parse_money, rupees
from shop.names import name_key

_TOTAL = re.compile(
    r"(?:(?:grand|sub|page|net|day|day's|daily|month|month's|monthly|overall|final)[\s-]*)*total(?:s|led)?"
    r"(?:\s*(?:rs\.?|inr|amount|(?:for|of|on|in) .{1,30}|\(.{0,20}\)))?\s*[:=.]*"
    r"|மொத்தம்|மொத்த தொகை|कुल|कुल योग|योग"
)
_FORWARD = r"(?:[bc][/.\s]?[dfo]|brought (?:forward|down)|carried (?:forward|down|over))"
_BALANCE = re.compile(
    rf"(?:to |by )?(?:"
    rf"(?:opening|closing)(?:\s+(?:cash|bank))?(?:\s+(?:balance|bal\.?|in hand|on hand))?(?:\s+\(?{_FORWARD}\)?)?"
    rf"|(?:op|cl|clo)\.?\s*bal(?:ance|\.)?|(?:balance|bal\.?)\s+\(?{_FORWARD}\)?|{_FORWARD}"
    r"|cash (?:in|on) hand|ஆரம்ப இருப்பு|இறுதி இருப்பு|आरंभिक शेष|अंतिम शेष)\s*[:=.]*"
)
_NOTHING = frozenset(("", "-", "--", "–", "—", "nil"))


def is_nothing(cell: object) -> bool:
    """Whether an amount's cell is empty, as shops leave it: blank, a dash, nil or zero."""
    text = shown(cell).casefold()
    if text in _NOTHING:
        return True
    try:
        return not parse_money(text)
    except ValidationError:
        return False


@lru_cache(maxsize=4096)
def is_total(text: str) -> bool:
    """Whether the words of a cell name a total."""
    return len(text) <= 60 and _TOTAL.fullmatch(name_key(text)) is not None


@lru_cache(maxsize=4096)
def is_balance(text: str) -> bool:
    """Whether the words of a cell name an opening or closing balance."""
    return len(text) <= 60 and _BALANCE.fullmatch(name_key(text)) is not None


class Asides:
    """Looks at each row of a table in order: `look` says in a sentence why a line is no row, "" for a row.

    columns: those the importer knows, of which `kind` says what is a date or an amount; `heads` the roles, best first,
    that say what a row is; `is_known(words)` whether such words are a real head of the book; `has_balances` whether
    lines of balances are expected.
    """

    def __init__(
        self,
        columns: Sequence,
        *,
        heads: Sequence[str] = (),
        is_known: Callable[[str], bool] = lambda words: False,
        has_balances: bool = False,
    ):
        self.kinds = {column.role: column.kind for column in columns}
        self.heads, self.is_known, self.has_balances = heads, is_known, has_balances
        self.all, self.part, self.beside, self.unread = {}, {}, {}, set()

    def look(self, named: dict) -> str:
        """Why this line is no row; a row's amounts are added up for the totals below it."""
        amounts = {role: cell for role, cell in named.items() if self.kinds.get(role) == "amount"}
        words = {role: shown(cell) for role, cell in named.items() if self.kinds.get(role) in ("", "date")}
        head = next((words[role] for role in self.heads if words.get(role)), "")
        known = bool(head) and self.is_known(head)
        if self.has_balances and is_balance(head) and not known:
            self._add(self.beside, amounts)
            return f"'{head}' is a balance and no entry; the line was left out."
        if not known and self._is_total(words, amounts, head):
            return self._compared(amounts)
        self._add(self.all, amounts, note=True)
        self._add(self.part, amounts)
        return ""

    def _is_total(self, words, amounts, head):
        filled = {role: text for role, text in words.items() if text}
        dates = [text for role, text in filled.items() if self.kinds[role] == "date" and not is_total(text)]
        if any(map(is_total, filled.values())) and (not dates or is_total(head)):
            return True
        # A sum without a word beside it, as Excel's Σ leaves it.
        return not filled and bool(amounts) and self._agrees(amounts) is True

    def _add(self, sums, amounts, note=False):
        for role, cell in amounts.items():
            try:
                sums[role] = sums.get(role, ZERO) + (_amount(cell) if not is_nothing(cell) else ZERO)
            except ValidationError:
                if note:
                    self.unread.add(role)

    def _agrees(self, amounts):
        """Whether every amount of a line is the sum above it; None where it holds none that could be compared."""
        answers = [self._is_sum(role, cell) for role, cell in amounts.items() if not is_nothing(cell)]
        return all(answers) if answers else None

    def _is_sum(self, role, cell):
        try:
            total = _amount(cell)
        except ValidationError:
            return False
        beside = self.beside.get(role, ZERO)
        return any(total in (sums.get(role, ZERO), sums.get(role, ZERO) + beside) for sums in (self.all, self.part))

    def _compared(self, amounts):
        filled = {role: cell for role, cell in amounts.items() if not is_nothing(cell)}
        said = " and ".join(_amount_shown(cell) for cell in filled.values())
        agrees = self._agrees(amounts)
        added_up = " and ".join(rupees(self.all.get(role, ZERO)) for role in filled)
        self.part = {}
        if agrees is None:
            return "A total without an amount; the line was left out."
        if agrees:
            return f"The total of {said} agrees with the rows above; the line is no row itself."
        if self.unread & filled.keys():
            return f"The total of {said} cannot be compared: an amount above it cannot be read."
        return f"The total says {said}, but the rows above add up to {added_up}: is a row missing, or one too many?"


def _amount(cell):
    sight = rounded_amount(cell)
    return parse_money(text_of(cell)) if sight is None else sight


def _amount_shown(cell):
    try:
        return rupees(_amount(cell))
    except ValidationError:
        return shown(cell)
