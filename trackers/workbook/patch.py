"""Changes a workbook in place: the named inputs, and every figure that follows from them, formula and cached value.

Only the tracker's sheet, the hidden sheet and the chart's cached points are written anew (and, when the table grows,
the list of formula cells that Excel keeps); every other part of the file stays byte for byte as it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from trackers.workbook.contents import Contents, Value, edited
from trackers.workbook.errors import CannotPatch
from trackers.workbook.hidden import Hidden, hidden_xml
from trackers.workbook.parts import calculation_chain, charts
from trackers.workbook.read import Opened, open_workbook
from trackers.workbook.rows import SheetChange


@dataclass(frozen=True, slots=True)
class Patched:
    """A changed workbook: its whole bytes, and what it says now."""

    data: bytes
    contents: Contents


def patch(
    data: bytes,
    *,
    days: Mapping[int, Mapping[str, Value | None]] | None = None,
    parameters: Mapping[str, Value | None] | None = None,
    version: int | None = None,
    skipped_weekdays: frozenset[int] | None = None,
    holidays: frozenset[date] | None = None,
) -> Patched:
    """Change inputs of a workbook that Lendbook keeps, and nothing else in it.

    `days` maps a day to the fields to change ({3: {"paid": Decimal("500"), "mode": "UPI"}}), None clears one, what is
    not named stays. A day after the table's last makes the table longer; so do longer terms. `version` is the number
    after the change, by default one more. Raises InputError for a value that may not stand in its cell, TermsError for
    terms that make no scheme, CannotPatch for a file to be built anew instead, UnsafeFile for a damaged one.
    """
    opened = open_workbook(data)
    old = opened.contents
    if opened.hidden_path is None:
        raise CannotPatch("The workbook was not written by Lendbook: adopt it first.")
    replaced = {"version": old.version + 1 if version is None else version}
    if skipped_weekdays is not None:
        replaced["skipped_weekdays"] = skipped_weekdays
    if holidays is not None:
        replaced["holidays"] = holidays
    new = edited(old, days=days, parameters=parameters, **replaced)
    return write(opened, new)


def write(opened: Opened, new: Contents) -> Patched:
    """Make an opened workbook say `new`.

    It may differ from what the workbook says in inputs, terms, what was handed over and the table's length, no more.

    Raises CannotPatch when the file holds what could not be kept right.
    """
    if opened.contents.unreadable:
        refusal = opened.contents.unreadable[0]
        raise CannotPatch(f"{refusal.cell} cannot be read ({refusal.reason}) and would be lost.")
    package = opened.package
    if package.is_strict:
        raise CannotPatch(
            "The file was saved in the Strict form of the format, which Lendbook reads and does not write."
        )
    parts = {opened.sheet_path: SheetChange(opened, new).part()}
    if opened.hidden_path:
        parts[opened.hidden_path] = hidden_xml(
            Hidden(
                layout=new.layout,
                tracker_id=new.tracker_id,
                version=new.version,
                last_day=new.last_day,
                skipped_weekdays=new.skipped_weekdays,
                holidays=new.holidays,
                baseline=new.cells,
                disbursed=new.disbursed,
                trail=new.trail,
            )
        )
    parts |= charts(package, opened.sheet_path, opened.sheet_name, opened.contents, new)
    if new.last_day > opened.contents.last_day:
        parts |= calculation_chain(package, opened.sheet_name, opened.contents, new)
    return Patched(package.replaced(parts), new)
