"""Reads a tracker's workbook: the repaired layout strictly and fast, a lender's own workbook leniently.

Figures are never read: they are computed from the inputs, so a stale or missing cached value cannot mislead anybody.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from shop.xlsx.formats import (
    DATE,
    DAYS_FROM_1900_TO_1904,
    FRACTION,
    NOTHING,
    NUMBER,
    OTHER,
    PERCENTAGE,
    POWER,
    ROUNDED,
    TIME,
    Shown,
    shown,
    why_not,
)
from trackers.schedule import MAX_DAY, Terms, TermsError
from trackers.workbook.amounts import from_serial, read_amount, read_count, read_date, read_moment
from trackers.workbook.contents import Contents, Refusal, Value, checked
from trackers.workbook.errors import InputError, NotATracker, WorkbookError
from trackers.workbook.formulas import FormulaCheck
from trackers.workbook.hidden import Hidden, mark_of_bytes, read_hidden
from trackers.workbook.layouts import AMOUNT, COUNT, DAY, HIDDEN_SHEET, LAYOUTS, MODE, ON, TEXT, Layout
from trackers.workbook.package import Package
from trackers.workbook.sheetxml import CELL, CellValue, Error, SheetXml, row_number, style_of, value_of

Cells = dict[str, tuple[bytes, bytes]]
_NAME_TO_BE = "[Enter Name Here]"
_NUMBERS_ALONE = frozenset((NUMBER,))
_OWN_COPY = frozenset((NUMBER, ROUNDED))
"""In a copy of a workbook of ours the template decides how many decimals an amount shows."""
_SEEN_ONCE = frozenset((NUMBER, ROUNDED, OTHER, NOTHING, DATE, TIME, PERCENTAGE, FRACTION, POWER))
"""What stands in a stored workbook of known sha256 was looked at when it came in, and is posted."""
_WANTED = {AMOUNT: "an amount", DAY: "a number of days", COUNT: "a number"}


@dataclass(slots=True)
class Opened:
    """A workbook opened: its package, the tracker's sheet and hidden sheet within it, and what they say."""

    package: Package
    sheet: SheetXml
    sheet_name: str
    sheet_path: str
    hidden_path: str | None
    contents: Contents


def read(data: bytes, *, thorough: bool = False) -> Contents:
    """What a workbook says, from its bytes.

    A stored workbook of known sha256 is read as it is. A file from outside is read with `thorough`: then every part is
    inspected, every formula and day number is checked (`Contents.altered`), and what was typed outside the table found.
    A lender's own workbook is read leniently either way. Raises UnsafeFile for what is no sound workbook, NotATracker
    when no tracker's sheet is found.
    """
    return open_workbook(data, thorough=thorough).contents


def open_workbook(data: bytes, *, thorough: bool = False) -> Opened:
    """Like `read`, with what is needed to change the file. Raises UnsafeFile and NotATracker."""
    package = Package(data)
    if thorough:
        package.inspect()
    hidden_path = package.sheets.get(HIDDEN_SHEET)
    if hidden_path is None:
        opened = _open_original(package)
        opened.contents = replace(opened.contents, trail=(mark_of_bytes(data),))
        return opened
    hidden = read_hidden(package, hidden_path, is_trusted=not thorough)
    hidden = replace(hidden, trail=(*hidden.trail, mark_of_bytes(data)))
    name = _sheet_name(package, hidden.layout)
    path = package.sheets[name]
    sheet = SheetXml.of(package, path, is_trusted=not thorough)
    contents = _check_all(sheet, hidden, package) if thorough else _read_inputs(sheet, hidden, package)
    return Opened(package, sheet, name, path, hidden_path, contents)


def _sheet_name(package: Package, layout: Layout) -> str:
    """The tracker's sheet, under the layout's name or, if somebody renamed it, known by its headers."""
    if layout.sheet_name in package.sheets:
        return layout.sheet_name
    for name, path in package.sheets.items():
        if name != HIDDEN_SHEET and has_headers(SheetXml.of(package, path).cells(), layout, package):
            return name
    raise NotATracker(
        f"The workbook has no sheet '{layout.sheet_name}' (its sheets: {', '.join(package.sheets)}): give the "
        "tracker's sheet its name back and try again."
    )


def has_headers(cells: Cells, layout: Layout, package: Package) -> bool:
    """Whether a sheet's header row reads as the layout's does (the Expected column may be missing)."""
    return not missing_headers(cells, layout, package)


def missing_headers(cells: Cells, layout: Layout, package: Package) -> list[str]:
    """The cells of labels and headers that do not read as the layout's do."""
    wanted = {
        f"{column.letter}{layout.header_row}": column.header for column in layout.columns if column.field != "expected"
    }
    missing = []
    for cell, label in wanted.items():
        found = value_of(*cells.get(cell, (b"", b"")), package)
        if not isinstance(found, str) or found.strip().casefold() != label.casefold():
            missing.append(f"{cell} should read '{label}'")
    return missing


# --- the repaired layout -------------------------------------------------------------------------------------------


def _read_inputs(sheet: SheetXml, hidden: Hidden, package: Package) -> Contents:
    """The inputs of a sheet whose form is known: one pass that looks at filled input cells only."""
    layout = hidden.layout
    head, _, table = sheet.body.partition(b'<row r="%d"' % layout.header_row)
    found = _filled_cells(b"B").findall(head)
    found += _filled_cells("".join(column.letter for column in layout.inputs).encode()).findall(table)
    return _strict_contents(found, hidden, package, _SEEN_ONCE)


@lru_cache(maxsize=8)
def _filled_cells(letters: bytes) -> re.Pattern[bytes]:
    return re.compile(rb'<c r="([%b])(\d+)"([^>/]*)>(.*?)</c>' % letters, re.DOTALL)


def _strict_contents(
    found: Iterable[tuple[bytes, bytes, bytes, bytes]],
    hidden: Hidden,
    package: Package,
    tolerated: frozenset[str],
) -> Contents:
    """The contents that cells say, given as (column, row, attributes, content)."""
    layout = hidden.layout
    parameter_at = {parameter.cell.encode(): parameter for parameter in layout.parameters}
    column_at = {column.letter.encode(): column for column in layout.inputs}
    parameters: dict[str, Value] = {}
    days: dict[int, dict[str, Value]] = {}
    unreadable, with_formula, refused_days = [], [], set()
    known: dict[tuple[str, bytes, bytes], Value | None] = {}
    first = layout.first_row
    for letter, row, attributes, content in found:
        day = int(row) - first
        in_table = day >= 0
        place = column_at.get(letter) if in_table else parameter_at.get(letter + row)
        if place is None or not content or day > hidden.last_day:
            continue
        if b"<f" in content:
            with_formula.append((letter + row).decode())
        seen = place.holds, attributes, content
        if seen not in known:
            cell = (letter + row).decode()
            try:
                known[seen] = strict_value(place.holds, cell, attributes, content, package, tolerated)
            except InputError as error:
                unreadable.append(_refusal(place.holds, cell, error))
                if place.holds == MODE:
                    refused_days.add(day)
                continue
        value = known[seen]
        if value is None:
            continue
        if in_table:
            days.setdefault(day, {})[place.field] = value
        else:
            parameters[place.field] = value
    return Contents(
        layout=layout,
        parameters=parameters,
        days={day: inputs for day, inputs in days.items() if day not in refused_days},
        last_day=hidden.last_day,
        skipped_weekdays=hidden.skipped_weekdays,
        holidays=hidden.holidays,
        tracker_id=hidden.tracker_id,
        version=hidden.version,
        baseline=hidden.baseline or None,
        disbursed=hidden.disbursed,
        unreadable=tuple(unreadable),
        foreign_formulas=tuple(with_formula),
        uses_1904_dates=package.counts_from_1904,
        refused_days=frozenset(refused_days),
        trail=hidden.trail,
    )


def _refusal(holds: str, cell: str, error: InputError) -> Refusal:
    """An input cell that cannot be read. Without its mode nobody knows where a row's money went: the row stays out."""
    return Refusal(cell, f"{error.reason} Nothing of its row is taken." if holds == MODE else error.reason)


def strict_value(
    holds: str,
    cell: str,
    attributes: bytes,
    content: bytes,
    package: Package,
    tolerated: frozenset[str] = _NUMBERS_ALONE,
) -> Value | None:
    """The value of an input cell, which must be of the kind that belongs there. Raises InputError.

    `tolerated` are the sights (of shop.xlsx.formats) that a number may offer and still be taken.
    """
    stored = value_of(attributes, content, package)
    if isinstance(stored, Error):
        raise InputError(f"The cell shows the error {stored}: type the value itself.", cell)
    if stored is None and b"<f" in content:
        raise InputError("The cell holds a formula without a value: type the value itself.", cell)
    if stored is None:
        return None
    if holds == ON:
        return checked(holds, _date_in(stored, attributes, package, tolerated), cell)
    if holds in (AMOUNT, DAY, COUNT):
        if fault := _seen_otherwise(cell, stored, attributes, package, _WANTED[holds], tolerated):
            raise InputError(fault, cell)
        return checked(holds, "TRUE" if stored is True else stored, cell)
    return checked(holds, _as_text(stored, attributes, package), cell)


def _date_in(stored: CellValue, attributes: bytes, package: Package, tolerated: frozenset[str]) -> Value:
    """The date of a cell that should hold one; what is none stays as it is, for `checked` to refuse."""
    if isinstance(stored, str):
        moment = read_moment(stored)
        return moment.date() if moment else stored
    if not isinstance(stored, Decimal):
        return stored
    sight = _sight(stored, attributes, package)
    if sight.kind != DATE and sight.kind not in tolerated:
        return sight.text or f"{stored.normalize():f}"
    days = DAYS_FROM_1900_TO_1904 if package.counts_from_1904 else 0
    return from_serial(float(stored) + days) or str(stored)


def _sight(stored: Decimal, attributes: bytes, package: Package) -> Shown:
    """What a cell shows of its number."""
    return shown(stored, package.number_format(style_of(attributes)), package.counts_from_1904)


def _seen_otherwise(
    cell: str, stored: CellValue, attributes: bytes, package: Package, wanted: str, tolerated: frozenset[str]
) -> str:
    """Why a cell's value may not be taken for a number, a person seeing something else in it; "" if it may."""
    if isinstance(stored, datetime):
        return f"{cell} shows {_moment_text(stored)}, a date, not {wanted}: type what it should hold."
    if not isinstance(stored, Decimal) or tolerated is _SEEN_ONCE:
        return ""
    sight = _sight(stored, attributes, package)
    return "" if sight.kind in tolerated else why_not(cell, stored, sight, wanted)


def _moment_text(moment: datetime) -> str:
    """A moment as text, its time of day only where it has one."""
    is_midnight = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return moment.date().isoformat() if is_midnight else f"{moment:%Y-%m-%d %H:%M}"


def _as_text(stored: CellValue, attributes: bytes, package: Package) -> str:
    """A value as a person reads it in a text cell: what a spreadsheet turned into a number becomes a date, a time or a
    percentage again."""
    if isinstance(stored, bool):
        return "TRUE" if stored else "FALSE"
    if isinstance(stored, datetime):
        return _moment_text(stored)
    if isinstance(stored, Decimal):
        sight = _sight(stored, attributes, package)
        return sight.text if sight.kind in (DATE, TIME, PERCENTAGE) else f"{stored.normalize():f}"
    return stored


def _check_all(sheet: SheetXml, hidden: Hidden, package: Package) -> Contents:
    """The inputs of a copy that a person had in hand, with every formula and day number checked.

    After a row was put in or taken out no cell stands where it should: nothing from there on is read.
    """
    layout, cells = hidden.layout, sheet.cells()
    moved = _wrong_day(cells, layout, hidden.last_day, package)
    last_row = row_number(moved.cell) - 1 if moved else layout.row(hidden.last_day)
    if moved:
        cells = {cell: held for cell, held in cells.items() if row_number(cell) <= last_row}
    found = (cell[1:] for cell in CELL.findall(sheet.body) if int(cell[2]) <= last_row)
    contents = _strict_contents(found, hidden, package, _OWN_COPY)
    package.tick()
    altered = [moved] if moved else []
    check = FormulaCheck(layout, _terms_as_written(hidden), hidden.last_day, hidden.disbursed is not None)
    for cell, expected in check.expected.items():
        # A moved row shifts the summary's ranges too: that is one fault, not ten.
        is_ours_to_check = (layout.first_row if moved else 0) <= row_number(cell) <= last_row
        if is_ours_to_check and not check.holds(cell, cells.get(cell, (b"", b""))[1]):
            altered.append(Refusal(cell, f"The formula was altered: it should be ={expected}. It is put back."))
    outside = () if moved else _outside(cells, layout, hidden.last_day, package)
    values = {name: getattr(contents, name) for name in contents.__dataclass_fields__}
    return Contents(
        **values
        | {
            "last_day": max(last_row - layout.first_row, 0),
            "unreadable": (*contents.unreadable, *outside),
            "altered": tuple(altered),
        }
    )


def _terms_as_written(hidden: Hidden) -> Terms:
    """The terms that the copy's formulas were written for, whatever its parameters say now."""
    written = {
        parameter.field: hidden.baseline[parameter.cell]
        for parameter in hidden.layout.parameters
        if parameter.cell in hidden.baseline
    }
    return Contents(
        layout=hidden.layout,
        parameters=written,
        skipped_weekdays=hidden.skipped_weekdays,
        holidays=hidden.holidays,
    ).terms


def _wrong_day(cells: Cells, layout: Layout, last_day: int, package: Package) -> Refusal | None:
    """The first day number that is not where it belongs, if any: below it everything has moved."""
    for day in range(last_day + 1):
        cell = f"A{layout.row(day)}"
        found = value_of(*cells.get(cell, (b"", b"")), package)
        if found != day:
            held = "nothing" if found is None else found
            return Refusal(
                cell,
                f"Day {day} should stand here, the cell holds {held}: a row was inserted, deleted or moved. Nothing "
                "from this row on was compared; undo that and upload again.",
            )
    return None


def _outside(cells: Cells, layout: Layout, last_day: int, package: Package) -> Iterator[Refusal]:
    """Input typed below the table."""
    letters = {column.letter: column for column in layout.inputs}
    for cell, (attributes, content) in cells.items():
        column = letters.get(cell.rstrip("0123456789"))
        if (
            column
            and row_number(cell) > layout.row(last_day)
            and value_of(attributes, content, package) not in (None, "")
        ):
            day = row_number(cell) - layout.first_row
            yield Refusal(
                cell,
                f"The cell is below the table, whose last day is {last_day}: record day {day} on the tracker's page, "
                "which makes the table longer.",
            )


# --- lenders' own workbooks ----------------------------------------------------------------------------------------


def _open_original(package: Package) -> Opened:
    """A workbook made from a template by hand: the one sheet that is a tracker's, its faults overlooked."""
    candidates = []
    for layout in LAYOUTS.values():
        for name, path in package.sheets.items():
            sheet = SheetXml.of(package, path)
            cells = sheet.cells()
            package.tick()
            if has_headers(cells, layout, package):
                contents = _lenient_contents(cells, layout, package)
                candidates.append(Opened(package, sheet, name, path, None, contents))
    if not candidates:
        raise NotATracker(
            f"None of the workbook's sheets ({', '.join(package.sheets)}) is a tracker's: its headers ("
            f"{', '.join(column.header for column in LAYOUTS['50K'].columns[:5])} …) should stand in row 12 or 13."
        )
    filled = [opened for opened in candidates if opened.contents.days]
    if len(filled) > 1:
        raise NotATracker(
            f"The sheets {' and '.join(opened.sheet_name for opened in filled)} are both filled in: keep one tracker "
            "in a workbook, delete the other sheet and try again."
        )
    return (filled or candidates)[0]


def _lenient_contents(cells: Cells, layout: Layout, package: Package) -> Contents:
    unreadable: list[Refusal] = []
    parameters: dict[str, Value] = {}
    for parameter in layout.parameters:
        value = _lenient(parameter.holds, parameter.cell, cells, package, unreadable)
        if value is not None and value != _NAME_TO_BE:
            parameters[parameter.field] = value
    days: dict[int, dict[str, Value]] = {}
    rows_of: dict[int, int] = {}
    refused_days: set[int] = set()
    rows = sorted({row_number(cell) for cell in cells})
    for row in rows:
        if row < layout.first_row:
            continue
        filled, before = {}, len(unreadable)
        for column in layout.inputs:
            value = _lenient(column.holds, f"{column.letter}{row}", cells, package, unreadable)
            if value is not None:
                filled[column.field] = value
        has_strange_mode = any(refusal.cell == f"{layout.letter['mode']}{row}" for refusal in unreadable[before:])
        if not filled and not has_strange_mode:
            continue
        day = _lenient_day(cells, row, layout, package)
        if isinstance(day, str):
            unreadable.append(Refusal(f"A{row}", day))
        elif day in rows_of:
            reason = f"Day {day} stands in rows {rows_of[day]} and {row}: the second was left out."
            unreadable.append(Refusal(f"A{row}", reason))
        elif has_strange_mode:
            refused_days.add(day)
            rows_of[day] = row
        elif filled.get("pocket_money", 0) > filled.get("reinvest", 0):
            reason = (
                f"Pocket Money {filled['pocket_money']} is more than Reinvest {filled.get('reinvest', 0)}: left out."
            )
            unreadable.append(Refusal(f"J{row}", reason))
            del filled["pocket_money"]
            days[day], rows_of[day] = filled, row
        else:
            days[day], rows_of[day] = filled, row
    contents = Contents(layout=layout, parameters=parameters, days=days, unreadable=tuple(unreadable))
    try:
        last_day = contents.terms.last_day
    except (WorkbookError, TermsError):
        last_day = 1
    return Contents(
        layout=layout,
        parameters=parameters,
        days=days,
        last_day=max(last_day, *days, 1),
        unreadable=tuple(unreadable),
        foreign_formulas=_formulas_of_inputs(cells, layout, contents, rows_of),
        uses_1904_dates=package.counts_from_1904,
        refused_days=frozenset(refused_days),
    )


def _formulas_of_inputs(cells: Cells, layout: Layout, contents: Contents, rows_of: dict[int, int]) -> tuple[str, ...]:
    """The input cells whose value is a formula's, named by the places that the layout has for them."""
    parameters = [layout.parameter[name].cell for name in contents.parameters]
    found = [cell for cell in parameters if b"<f" in cells[cell][1]]
    for day, filled in contents.days.items():
        for name in filled:
            if b"<f" in cells[f"{layout.letter[name]}{rows_of[day]}"][1]:
                found.append(layout.cell(day, name))
    return tuple(found)


def _lenient_day(cells: Cells, row: int, layout: Layout, package: Package) -> int | str:
    """The day of a filled row from its column A, or why it has none."""
    attributes, content = cells.get(f"A{row}", (b"", b""))
    stored = value_of(attributes, content, package)
    if stored is None and b"<f" in content:
        return row - layout.first_row
    if isinstance(stored, str):
        stored = Decimal(stored.strip()) if stored.strip().isdecimal() else stored
    if fault := _seen_otherwise(f"A{row}", stored, attributes, package, "a day", _NUMBERS_ALONE):
        return f"The row is filled in, but was left out. {fault}"
    if not isinstance(stored, Decimal) or stored != int(stored):
        return f"The row is filled in, but its Day is {stored or 'blank'}: it was left out."
    return int(stored) if 0 <= stored <= MAX_DAY else f"Day {stored} is outside 0 to {MAX_DAY}: it was left out."


def _lenient(holds: str, cell: str, cells: Cells, package: Package, unreadable: list[Refusal]) -> Value | None:
    """A cell's value however it was typed; what cannot be read goes on the list."""
    attributes, content = cells.get(cell, (b"", b""))
    if not content:
        return None
    try:
        stored = value_of(attributes, content, package)
        if isinstance(stored, str) and not isinstance(stored, Error) and holds not in (TEXT,):
            read_as = {AMOUNT: read_amount, DAY: read_count, COUNT: read_count, ON: read_date}.get(holds)
            value = read_as(stored) if read_as and stored.strip() else None
            if value is not None:
                return checked(holds, value, cell)
        return strict_value(holds, cell, attributes, content, package)
    except InputError as error:
        unreadable.append(_refusal(holds, cell, error))
        return None
