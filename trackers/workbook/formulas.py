"""Whether the formulas in a file are still the sheet's own, however a spreadsheet program wrote them down.

Programs rewrite a formula on saving: Excel shares one text among a column, others add spaces. What counts is that it
computes the same; a formula that differs in anything else was altered by somebody.
"""

import html
import re
from functools import cached_property

from trackers.schedule import Terms
from trackers.workbook.figures import column_formulas, skipped_days, summary_formulas
from trackers.workbook.layouts import Layout
from trackers.workbook.sheetxml import FORMULA, decoded

_SHARED = re.compile(rb'\bt="shared"')
_SHARED_NUMBER = re.compile(rb'\bsi="(\d+)"')


def normal(formula: str) -> str:
    """A formula's text without what programs add: leading =, spaces outside texts, prefixes, quotes of sheet names, lower
    case."""
    parts = html.unescape(formula).lstrip("=+").split('"')
    parts[::2] = [
        part.replace(" ", "").replace("\n", "").replace("_xlfn.", "").replace("'", "").upper() for part in parts[::2]
    ]
    return '"'.join(parts)


def shared_number(content: bytes) -> bytes | None:
    """The number under which a cell's formula is shared with others, None if it is its own."""
    tag = content[: content.find(b">")]
    match = _SHARED_NUMBER.search(tag) if _SHARED.search(tag) else None
    return match[1] if match else None


class FormulaCheck:
    """Knows each formula cell of a sheet. Ask `holds` from the top row down: a text that cells share comes first."""

    def __init__(self, layout: Layout, terms: Terms, last_day: int, is_cut: bool) -> None:
        self._layout, self._terms, self._last_day, self._is_cut = layout, terms, last_day, is_cut
        self._shared: dict[bytes, str] = {}

    @cached_property
    def _known(self) -> dict[str, tuple[str, str]]:
        """Formula cell -> its formula and the pattern it follows; cells of one pattern may share one text."""
        layout, known = self._layout, {}
        skipped = skipped_days(self._terms, self._last_day)
        for column in layout.computed:
            formulas = column_formulas(layout.kind, column.field, self._last_day, skipped)
            for day, formula in enumerate(formulas):
                if column.field == "expected" and skipped and skipped[day]:
                    pattern = "above"
                else:
                    pattern = "each" if day or column.field == "date" else "first"
                known[f"{column.letter}{layout.row(day)}"] = formula, f"{column.letter} {pattern}"
        for cell, formula in summary_formulas(layout, self._last_day, self._is_cut).items():
            known[cell] = formula, cell
        return known

    @property
    def expected(self) -> dict[str, str]:
        """Formula cell -> the formula that belongs there, in reading order of each column."""
        return {cell: formula for cell, (formula, _) in self._known.items()}

    def holds(self, cell: str, content: bytes) -> bool:
        """Whether a formula cell's content is, in effect, the formula that belongs there."""
        match = FORMULA.search(content or b"")
        if match is None:
            return False
        attributes, text = match[1], decoded(match[2] or b"")
        formula, pattern = self._known[cell]
        if not _SHARED.search(attributes):
            return text == formula or normal(text) == normal(formula)
        number = _SHARED_NUMBER.search(attributes)
        if number is None:
            return False
        if not text:
            return self._shared.get(number[1]) == pattern
        if normal(text) != normal(formula):
            return False
        self._shared[number[1]] = pattern
        return True
