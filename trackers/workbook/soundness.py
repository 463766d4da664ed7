"""Whether a stored workbook is whole: each formula that Lendbook owns stands in its cell, and shows what it computes to.

Written again with nothing changed, a sound sheet is the same sheet, byte for byte: that is the quick way to tell. What
another program saved is told cell by cell.
"""

from collections.abc import Iterator
from decimal import Decimal

from shop.xlsx.formats import DAYS_FROM_1900_TO_1904
from trackers.workbook.amounts import number_text, read_number
from trackers.workbook.contents import Contents, Refusal
from trackers.workbook.errors import CannotPatch
from trackers.workbook.formulas import FormulaCheck
from trackers.workbook.hidden import read_hidden
from trackers.workbook.layouts import HIDDEN_SHEET
from trackers.workbook.read import Opened
from trackers.workbook.rows import SheetChange
from trackers.workbook.sheetxml import value_of

_TOLERANCE = Decimal("1e-9")  # beyond what binary fractions can tell of a ratio; amounts are whole paise


def wrong_cells(opened: Opened) -> list[Refusal]:
    """The cells of a workbook of ours that are not what Lendbook wrote or would write; [] when it is whole."""
    wrong = [*opened.contents.unreadable, *_wrong_baseline(opened)]
    if _is_the_same_again(opened):
        return wrong
    contents, cells = opened.contents, opened.sheet.cells()
    check = FormulaCheck(contents.layout, contents.terms, contents.last_day, contents.is_cut)
    for cell, formula in check.expected.items():
        if not check.holds(cell, cells.get(cell, (b"", b""))[1]):
            wrong.append(Refusal(cell, f"The formula should be ={formula}."))
    return [*wrong, *wrong_values(opened, contents)]


def wrong_values(opened: Opened, contents: Contents) -> Iterator[Refusal]:
    """The formula cells of `opened` that show another value than `contents` compute to."""
    cells = opened.sheet.cells()
    for cell, text in shown_values(contents, from_1904=opened.package.counts_from_1904).items():
        stored = value_of(*cells.get(cell, (b"", b"")), opened.package)
        number = read_number(text)
        if isinstance(stored, Decimal) and number is not None:
            is_right = abs(stored - number) <= _TOLERANCE
        else:
            is_right = stored == text
        if not is_right:
            shown = "nothing" if stored is None else stored
            yield Refusal(cell, f"The cell shows {shown}, it computes to {text}.")


def shown_values(contents: Contents, *, from_1904: bool = False) -> dict[str, str]:
    """Formula cell -> the value it shall show, as stored in a file that counts its dates from 1900 or from 1904."""
    layout, figures = contents.layout, contents.figures
    values = dict(figures.summary_texts(layout, contents.terms))
    for column in layout.computed:
        numbers = figures.columns[column.field]
        as_text = str if column.field == "date" else number_text
        earlier = DAYS_FROM_1900_TO_1904 if from_1904 and column.field == "date" else 0
        for day, number in enumerate(numbers):
            values[f"{column.letter}{layout.row(day)}"] = as_text(number - earlier)
    return values


def _is_the_same_again(opened: Opened) -> bool:
    sheet = opened.sheet
    try:
        return SheetChange(opened, opened.contents).part() == sheet.head + sheet.body + sheet.tail
    except CannotPatch:
        return False


def _wrong_baseline(opened: Opened) -> Iterator[Refusal]:
    """Whether the hidden sheet remembers the inputs as they stand: the next edited copy is compared with that."""
    if opened.hidden_path is None:
        yield Refusal("A1", "The workbook has no hidden sheet of Lendbook's.")
        return
    hidden = read_hidden(opened.package, opened.hidden_path, is_trusted=False)
    if hidden.baseline != opened.contents.cells:
        differing = hidden.baseline.items() ^ opened.contents.cells.items()
        cell = min(cell for cell, _ in differing)
        yield Refusal(
            f"{HIDDEN_SHEET}!{cell}", f"The hidden sheet remembers another value of {cell} than stands there."
        )
