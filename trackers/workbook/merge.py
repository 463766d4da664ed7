"""Compares a workbook that a person had in hand with the one Lendbook keeps, input cell by input cell.

Three values decide: the baseline (what Lendbook last wrote into the copy), the stored workbook's and the copy's.
Nothing is changed here; the result is shown whole, and what staff confirms goes to patch.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum

from shop.xlsx.formats import DAYS_FROM_1900_TO_1904
from trackers.schedule import TermsError
from trackers.workbook.contents import Contents, Refusal, Value, edited
from trackers.workbook.layouts import HIDDEN_SHEET
from trackers.workbook.sheetxml import row_number

_NEVER_BLANK = ("tracker_name", "investment", "scheme_period", "per_day_payment", "start_date")


class Descent(Enum):
    """How a copy is related to the stored workbook, which decides what its cells are compared with."""

    COPY = "taken from a version that the store had: its own baseline tells what was changed in it"
    LATER = "grown from the stored version, as after a database was put back: whatever differs is newer"
    PARTED = "went another way than the store: where both hold something else, a person decides"


@dataclass(frozen=True, slots=True)
class Change:
    """One input cell's old and new value, None for blank; `day` is None for a parameter above the table."""

    cell: str
    day: int | None
    field: str
    old: Value | None
    new: Value | None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A cell changed both in the copy and in the store since the copy was taken, to different values."""

    cell: str
    day: int | None
    field: str
    baseline: Value | None
    stored: Value | None
    uploaded: Value | None

    def taking_upload(self) -> Change:
        """The change that settles the conflict in the copy's favour; leaving the store as it is needs none."""
        return Change(self.cell, self.day, self.field, self.stored, self.uploaded)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a copy would change. `adjustments` are changes of closed days, to be posted on the first open day; `kept`
    are changes of the store that the copy does not have (old: baseline, new: stored). `formulas` are changes whose cell
    holds a formula in the copy (new: the value that it shows): they are written only where staff takes them, `closed`
    are those of them on closed days.
    `unread` are those of the refused cells in which something was typed that nobody would find again. All in the sheet's
    order."""

    to_apply: tuple[Change, ...] = ()
    adjustments: tuple[Change, ...] = ()
    kept: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    refused: tuple[Refusal, ...] = ()
    formulas: tuple[Change, ...] = ()
    closed: frozenset[str] = frozenset()
    unread: tuple[str, ...] = ()

    @property
    def holds_more(self) -> bool:
        """Whether the copy says anything that the store does not know, be it only to be asked about."""
        return bool(self.to_apply or self.adjustments or self.conflicts or self.formulas or self.unread)

    @property
    def changes_nothing(self) -> bool:
        """Whether there is nothing to confirm, to choose or to tell about the copy."""
        return not (self.to_apply or self.adjustments or self.conflicts or self.refused or self.formulas)

    def taking(self, cells: Container[str]) -> "Comparison":
        """The comparison with the formulas' values of some cells among what is to apply, or to adjust."""
        taken = [change for change in self.formulas if change.cell in cells]
        return replace(
            self,
            to_apply=_in_order(self.to_apply, (change for change in taken if change.cell not in self.closed)),
            adjustments=_in_order(self.adjustments, (change for change in taken if change.cell in self.closed)),
            formulas=tuple(change for change in self.formulas if change.cell not in cells),
        )


def _in_order(changes: Iterable[Change], more: Iterable[Change]) -> tuple[Change, ...]:
    """Changes in the sheet's order: parameters first, then day by day."""
    return tuple(sorted((*changes, *more), key=lambda change: (row_number(change.cell), change.cell)))


def compare(
    stored: Contents | None,
    uploaded: Contents,
    *,
    is_closed: Callable[[int], bool] = lambda day: False,
    descent: Descent = Descent.COPY,
) -> Comparison:
    """Compare a copy, read thoroughly, with the stored workbook (None: the tracker is new, every cell is to apply).

    A lender's own workbook has no baseline and is compared against an empty one. `is_closed` tells whether a day lies
    in a closed period, `descent` what the copy's cells are compared with.
    """
    if stored is not None and (reason := _foreign(stored, uploaded)):
        return Comparison(refused=(reason,))
    layout = uploaded.layout
    now = stored.cells if stored is not None else {}
    refused = [*uploaded.unreadable, *uploaded.altered]
    changes, kept, conflicts = [], [], []
    for cell, base, theirs in _pairs(uploaded, now):
        mine = now.get(cell)
        day, field = layout.place(cell)
        if descent is not Descent.COPY:
            base = mine if descent is Descent.LATER or theirs == mine else None
        if is_moved_to_1904(mine, theirs):
            refused.append(Refusal(cell, _moved_to_1904(mine, theirs)))
        elif descent is Descent.PARTED and theirs is None and mine is not None:
            conflicts.append(Conflict(cell, day, field, None, mine, None))
        elif theirs == base:
            if mine != base:
                kept.append(Change(cell, day, field, base, mine))
        elif theirs is None and field in _NEVER_BLANK:
            label = layout.parameter[field].label.rstrip(":")
            refused.append(Refusal(cell, f"{label} may not be blank: it stays as it is."))
        elif mine == base and mine != theirs:
            changes.append(Change(cell, day, field, mine, theirs))
        elif mine != theirs:
            conflicts.append(Conflict(cell, day, field, base, mine, theirs))
    changes, impossible = _possible(stored, changes)
    closed = {change.cell for change in changes if change.day is not None and is_closed(change.day)}
    formulas = [change for change in changes if change.cell in uploaded.foreign_formulas]
    changes = [change for change in changes if change.cell not in uploaded.foreign_formulas]
    return Comparison(
        to_apply=tuple(change for change in changes if change.cell not in closed),
        adjustments=tuple(change for change in changes if change.cell in closed),
        formulas=tuple(formulas),
        closed=frozenset(change.cell for change in formulas if change.cell in closed),
        kept=tuple(kept),
        conflicts=tuple(conflicts),
        refused=(*refused, *impossible),
        unread=tuple(refusal.cell for refusal in (*uploaded.unreadable, *impossible, *_rows_moved(uploaded))),
    )


def is_moved_to_1904(mine: Value | None, theirs: Value | None) -> bool:
    """Whether two dates lie as far apart as the two ways in which workbooks count them: then nobody moved the date."""
    return isinstance(mine, date) and isinstance(theirs, date) and abs((theirs - mine).days) == DAYS_FROM_1900_TO_1904


def _moved_to_1904(mine: date, theirs: date) -> str:
    return (
        f"The date reads {theirs}, four years and a day from {mine}: the workbook's option “Use 1904 date system” was "
        "switched. It stays as it is; a start date that is really meant is changed on the tracker's page."
    )


def _rows_moved(uploaded: Contents) -> list[Refusal]:
    """The day from which on nothing was compared, as rows were put in or taken out."""
    return [refusal for refusal in uploaded.altered if refusal.cell[0] == "A"]


def edits_of(changes: Iterable[Change]) -> tuple[dict[int, dict[str, Value | None]], dict[str, Value | None]]:
    """Confirmed changes as patch takes them: (days, parameters)."""
    days: dict[int, dict[str, Value | None]] = {}
    parameters: dict[str, Value | None] = {}
    for change in changes:
        if change.day is None:
            parameters[change.field] = change.new
        else:
            days.setdefault(change.day, {})[change.field] = change.new
    return days, parameters


def _foreign(stored: Contents, uploaded: Contents) -> Refusal | None:
    """Why the copy is not one of this tracker, if it is not."""
    if uploaded.tracker_id and uploaded.tracker_id != stored.tracker_id:
        return Refusal(
            f"{HIDDEN_SHEET}!B1",
            f"The workbook belongs to tracker {uploaded.tracker_id}, not to tracker {stored.tracker_id}: upload it on "
            "that tracker's page.",
        )
    if uploaded.layout is not stored.layout:
        return Refusal(
            "A1",
            f"The workbook is a {uploaded.layout.kind} tracker, this one is a {stored.layout.kind} tracker: open a "
            f"tracker of kind {uploaded.layout.kind} for it.",
        )
    return None


def _pairs(uploaded: Contents, now: Mapping[str, Value]) -> Iterator[tuple[str, Value | None, Value | None]]:
    """(cell, baseline, copy's value) of every cell that can be compared, in the sheet's order."""
    layout, baseline, theirs = uploaded.layout, uploaded.baseline or {}, uploaded.cells
    unread = {refusal.cell for refusal in uploaded.unreadable}
    # A row put in or taken out makes every cell from there on stand for another day: the reader stopped before it.
    cut = min((row_number(refusal.cell) for refusal in _rows_moved(uploaded)), default=None)
    for cell in sorted(baseline.keys() | theirs.keys() | now.keys(), key=layout.place_in_sheet):
        is_read = cell not in unread and (cut is None or row_number(cell) < cut)
        if is_read and layout.place(cell)[0] not in uploaded.refused_days:
            yield cell, baseline.get(cell), theirs.get(cell)


def _possible(stored: Contents | None, changes: list[Change]) -> tuple[list[Change], list[Refusal]]:
    """The changes without those that would make no scheme, or pocket money above what was reinvested."""
    if stored is None:
        return changes, []
    refused = []
    _, parameters = edits_of(change for change in changes if change.day is None)
    try:
        edited(stored, parameters=parameters)
    except TermsError as error:
        refused += [Refusal(change.cell, str(error)) for change in changes if change.day is None]
    days, _ = edits_of(change for change in changes if change.day is not None)
    for day, fields in days.items():
        after = {**stored.days.get(day, {}), **fields}
        pocket, back = after.get("pocket_money") or 0, after.get("reinvest") or 0
        if pocket > back:
            reason = f"Pocket Money {pocket} would be more than Reinvest {back} of day {day}: correct one of them."
            refused += [
                Refusal(change.cell, reason)
                for change in changes
                if change.day == day and change.field in ("pocket_money", "reinvest")
            ]
    cells = {refusal.cell for refusal in refused}
    return [change for change in changes if change.cell not in cells], refused
