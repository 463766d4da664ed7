"""Rewrites the rows of a tracker's sheet: changed inputs, every formula's cached value, and rows for later days.

The formulas of a sheet follow each other in a known order, so one pattern takes the sheet apart at all of them, one
comparison tells whether they are what they should be, and the new values are put in between. A sheet that another
program saved is first brought to that form, formula by formula.
"""

import re
from decimal import Decimal
from functools import lru_cache
from itertools import chain

from shop.xlsx.formats import DATE, DAYS_FROM_1900_TO_1904, NUMBER, ROUNDED, shown
from trackers.workbook.amounts import number_text, to_paise, to_serial
from trackers.workbook.contents import Contents, Value
from trackers.workbook.errors import CannotPatch
from trackers.workbook.figures import SUMMARY_TITLE_CELL, column_formulas, skipped_days, summary_formulas
from trackers.workbook.formulas import FormulaCheck, shared_number
from trackers.workbook.layouts import AMOUNT, COUNT, DAY, LAYOUTS, ON
from trackers.workbook.read import Opened
from trackers.workbook.sheetxml import CELL, ROW, column_number, escape, row_number, style_of, text_cell

_TYPE_AND_META = re.compile(rb' (?:t|cm|vm)="[^"]*"')
_DIMENSION = re.compile(rb'<dimension ref="[A-Z]+\d+:[A-Z]+(\d+)"')


class SheetChange:
    """One rewriting of the sheet of `opened` so that it says `new`; `part` is the result."""

    def __init__(self, opened: Opened, new: Contents) -> None:
        self.opened, self.old, self.new, self.layout = opened, opened.contents, new, new.layout
        self.from_1904 = opened.package.counts_from_1904  # dates are written as the file counts them
        self.changed = self._changed_inputs()
        self.old_skipped = skipped_days(self.old.terms, self.old.last_day)
        self.new_skipped = skipped_days(new.terms, new.last_day)
        self.values = self._column_values()

    def part(self) -> bytes:
        """The sheet's new part. Raises CannotPatch when the sheet holds what could not be kept right."""
        sheet, old_last = self.opened.sheet, self.layout.row(self.old.last_day)
        end = self._table_end(sheet.body, old_last)
        table, beyond = sheet.body[:end], sheet.body[end:]
        table = self._with_inputs(self._with_figures(table))
        grown, beyond = self._grown(table, beyond)
        return _with_dimension(sheet.head, self.layout.row(self.new.last_day)) + table + grown + beyond + sheet.tail

    def _changed_inputs(self) -> dict[str, tuple[str, Value | None]]:
        """Input cell -> what it holds and its new value (None for blank), for the cells that change."""
        old, new, layout = self.old, self.new, self.layout
        changed = {
            parameter.cell: (parameter.holds, new.parameters.get(parameter.field))
            for parameter in layout.parameters
            if old.parameters.get(parameter.field) != new.parameters.get(parameter.field)
        }
        for day in sorted(old.days.keys() | new.days.keys()):
            before, after = old.days.get(day, {}), new.days.get(day, {})
            if before is after:
                continue
            for column in layout.inputs:
                if before.get(column.field) != after.get(column.field):
                    changed[layout.cell(day, column.field)] = column.holds, after.get(column.field)
        return changed

    def _column_values(self) -> dict[str, list[bytes]]:
        """The cached values of each computed column, by letter, day by day."""
        figures, later = self.new.figures.columns, DAYS_FROM_1900_TO_1904 if self.from_1904 else 0
        return {
            column.letter: (
                [b"%d" % (number - later) for number in figures["date"]]
                if column.field == "date"
                else [number_text(number).encode() for number in figures[column.field]]
            )
            for column in self.layout.computed
        }

    @staticmethod
    def _table_end(body: bytes, last_row: int) -> int:
        start = body.find(b'<row r="%d"' % last_row)
        match = ROW.match(body, start) if start >= 0 else None
        if match is None:
            raise CannotPatch(f"Row {last_row}, the table's last, is missing.")
        return match.end()

    # --- figures ---------------------------------------------------------------------------------------------------

    def _with_figures(self, table: bytes) -> bytes:
        """The rows through the old last day with every formula as it shall be and its new value."""
        kind, last = self.layout.kind, self.old.last_day
        pattern = _formula_pattern(kind)
        stood = list(_formulas(kind, last, self.old_skipped, last, self.old.is_cut))
        pieces = pattern.split(table)
        if pieces[2::3] != stood or b"".join(pieces[1::3]).count(b' t="') != 1:
            pieces = pattern.split(self._in_own_form(table))
            if pieces[2::3] != stood:
                raise CannotPatch("The formulas of the sheet are not in their order.")
        skipped = self.new_skipped and self.new_skipped[: last + 1]
        shall = _formulas(kind, last, skipped, self.new.last_day, self.new.is_cut)
        values = self._values_in_order()
        filled = [b"<v>"] * (5 * len(values) + 1)
        filled[0::5], filled[1::5], filled[2::5], filled[4::5] = pieces[0::3], pieces[1::3], shall, values
        return b"".join(filled)

    def _values_in_order(self) -> list[bytes]:
        """The values of the summary and of the old table's formulas, in the sheet's order."""
        rows = zip(*(values[: self.old.last_day + 1] for values in self.values.values()), strict=True)
        summary = self.new.figures.summary_texts(self.layout, self.new.terms)
        return [*(escape(value) for value in summary.values()), *chain.from_iterable(rows)]

    def _in_own_form(self, table: bytes) -> bytes:
        """The rows with every formula of ours written out in its own cell, once it is sure that it is still ours."""
        check = FormulaCheck(self.layout, self.old.terms, self.old.last_day, self.old.is_cut)
        ours, met, unshared = check.expected, set(), set()
        out, seen = [], 0
        for row_match in ROW.finditer(table):
            row, number = row_match[0], int(row_match[1])
            if number <= seen:
                raise CannotPatch(f"Row {number} of the sheet is out of order.")
            seen, cells = number, []
            for whole, letters, _, attributes, content in CELL.findall(row):
                cell = f"{letters.decode()}{number}"
                if cell in ours:
                    if not check.holds(cell, content):
                        raise CannotPatch(f"The formula of {cell} was altered.")
                    if (shared := shared_number(content)) is not None:
                        unshared.add(shared)
                    met.add(cell)
                    attributes = _TYPE_AND_META.sub(b"", attributes)
                    kind = b' t="str"' if cell == SUMMARY_TITLE_CELL else b""
                    formula = escape(ours[cell])
                    whole = b'<c r="%b"%b%b><f>%b</f><v></v></c>' % (cell.encode(), attributes, kind, formula)
                cells.append(whole)
            out.append(b"%b%b</row>" % (_opening_tag(row), b"".join(cells)) if cells else row)
        if missing := ours.keys() - met:
            raise CannotPatch(f"The formula of {min(missing)} is missing.")
        own = b"".join(out)
        rest = own + self.opened.sheet.body[len(table) :]
        if any(re.search(rb'<f\b[^>]*\bsi="%b"' % number, rest) for number in unshared):
            raise CannotPatch("Cells outside the tracker's columns share its formulas.")
        return own

    # --- inputs ----------------------------------------------------------------------------------------------------

    def _with_inputs(self, table: bytes) -> bytes:
        """The rows with changed inputs of the old table put in."""
        out, done = [], 0
        last_row = self.layout.row(self.old.last_day)
        for cell, (holds, value) in sorted(self.changed.items(), key=lambda item: _place(item[0])):
            if row_number(cell) > last_row:
                break
            start, end, style = self._spot(table, cell, done)
            style = self._fitting(cell, style, holds, value)
            out += table[done:start], _value_cell(cell.encode(), style, holds, value, self.from_1904)
            done = end
        return b"".join(out) + table[done:]

    def _spot(self, table: bytes, cell: str, after: int) -> tuple[int, int, bytes]:
        """Where an input cell stands, or where it belongs if the file leaves it out; and its style attribute."""
        start = table.find(b'<c r="%b"' % cell.encode(), after)
        if start >= 0:
            match = CELL.match(table, start)
            return start, match.end(), b' s="%d"' % style_of(match[4])
        row_start = table.find(b'<row r="%d"' % row_number(cell))
        row = ROW.match(table, row_start) if row_start >= 0 else None
        if row is None or row[0].endswith(b"/>"):
            raise CannotPatch(f"Row {row_number(cell)} is missing.")
        spot = row.end() - len(b"</row>")
        for match in CELL.finditer(table, row_start, row.end()):
            if _place(f"{match[2].decode()}{row_number(cell)}") > _place(cell):
                spot = match.start()
                break
        alike = re.compile(rb'<c r="%b\d+"[^>]*?( s="\d+")' % cell.rstrip("0123456789").encode())
        alike = alike.search(table, table.find(b'<row r="%d"' % self.layout.first_row))
        return spot, spot, alike[1] if alike else b""

    def _fitting(self, cell: str, style: bytes, holds: str, value: Value | None) -> bytes:
        """The cell's style, or one of its column's where its own would show something else than the value."""
        if value is None or holds not in (AMOUNT, DAY, COUNT, ON) or self._shows(style, holds, value):
            return style
        alike = re.compile(rb'<c r="%b\d+"[^>]*?( s="\d+")' % cell.rstrip("0123456789").encode())
        body = self.opened.sheet.body
        start = body.find(b'<row r="%d"' % self.layout.first_row)
        for other in dict.fromkeys(alike.findall(body, start)) if row_number(cell) >= self.layout.first_row else ():
            if self._shows(other, holds, value):
                return other
        raise CannotPatch(f"{cell} has a format that would show something else than {value}.")

    def _shows(self, style: bytes, holds: str, value: Value) -> bool:
        """Whether a style shows a value as what it is."""
        stored = Decimal(to_serial(value)) if holds == ON else Decimal(value)
        kind = shown(stored, self.opened.package.number_format(style_of(style))).kind
        return kind in (NUMBER, ROUNDED) or (holds == ON and kind == DATE)

    # --- days past the table's end ---------------------------------------------------------------------------------

    def _grown(self, table: bytes, beyond: bytes) -> tuple[bytes, bytes]:
        """Rows for the days past the old table, and what stood below it without the rows that they took up."""
        layout, first_new, last_new = self.layout, self.old.last_day + 1, self.new.last_day
        if first_new > last_new:
            return b"", beyond
        pattern = ROW.match(table, table.rfind(b"<row "))[0]
        tag = _opening_tag(pattern).partition(b'"')[2].partition(b'"')[2]
        styles = {cell[1].decode(): b' s="%d"' % style_of(cell[3]) for cell in CELL.findall(pattern)}
        letters = [letter for letter in styles if column_number(letter) <= len(layout.columns)]
        formulas = {
            column.letter: _column(layout.kind, column.field, last_new, self.new_skipped) for column in layout.computed
        }
        standing = {int(match[1]): match for match in ROW.finditer(beyond)}
        out, taken = [], 0
        for day in range(first_new, last_new + 1):
            number, cells = layout.row(day), []
            for letter in letters:
                reference, style = f"{letter}{number}".encode(), styles[letter]
                if letter in formulas:
                    filled = formulas[letter][day], self.values[letter][day]
                    cells.append(b'<c r="%b"%b>%b<v>%b</v></c>' % (reference, style, *filled))
                elif letter == "A":
                    cells.append(b'<c r="%b"%b><v>%d</v></c>' % (reference, style, day))
                else:
                    holds, value = self.changed.get(f"{letter}{number}", (None, None))
                    style = self._fitting(f"{letter}{number}", style, holds, value)
                    cells.append(_value_cell(reference, style, holds, value, self.from_1904))
            if number in standing:
                cells += self._beside(standing[number][0])
                taken = standing[number].end()
            out.append(b'<row r="%d"%b%b</row>' % (number, tag, b"".join(cells)))
        return b"".join(out), beyond[taken:]

    def _beside(self, row: bytes) -> list[bytes]:
        """The cells of a row below the table that stand beside its columns; within them it must be empty."""
        beside = []
        for whole, letters, number, _, content in CELL.findall(row):
            if column_number(letters.decode()) > len(self.layout.columns):
                beside.append(whole)
            elif content:
                raise CannotPatch(f"{(letters + number).decode()}, below the table, is filled in: it cannot grow.")
        return beside


def _place(cell: str) -> tuple[int, int, str]:
    """Sorts references as cells stand in a sheet."""
    letters = cell.rstrip("0123456789")
    return int(cell[len(letters) :]), len(letters), letters


def _opening_tag(row: bytes) -> bytes:
    return row[: row.index(b">") + 1].replace(b"/>", b">")


def _value_cell(reference: bytes, style: bytes, holds: str | None, value: Value | None, from_1904: bool) -> bytes:
    """An input cell; text is always text, whatever it looks like."""
    if value is None:
        return b'<c r="%b"%b/>' % (reference, style)
    if holds == AMOUNT:
        stored = number_text(to_paise(value))
    elif holds == ON:
        stored = str(to_serial(value, from_1904=from_1904))
    elif holds in (DAY, COUNT):
        stored = str(value)
    else:
        return text_cell(reference, style, value)
    return b'<c r="%b"%b><v>%b</v></c>' % (reference, style, stored.encode())


@lru_cache(maxsize=256)
def _column(kind: str, field: str, last_day: int, skipped: tuple[bool, ...] | None) -> tuple[bytes, ...]:
    """The formulas of a column as elements of the sheet's XML."""
    return tuple(b"<f>%b</f>" % escape(formula) for formula in column_formulas(kind, field, last_day, skipped))


@lru_cache(maxsize=64)
def _formulas(
    kind: str, last_day: int, skipped: tuple[bool, ...] | None, summary_through: int, is_cut: bool
) -> tuple[bytes, ...]:
    """Every formula through `last_day` in the sheet's order; the summary reaches to the day `summary_through`."""
    layout = LAYOUTS[kind]
    summed = summary_formulas(layout, summary_through, is_cut).values()
    summary = [b"<f>%b</f>" % escape(formula) for formula in summed]
    columns = [_column(kind, column.field, last_day, skipped) for column in layout.computed]
    return *summary, *chain.from_iterable(zip(*columns, strict=True))


@lru_cache(maxsize=8)
def _formula_pattern(kind: str) -> re.Pattern[bytes]:
    """Takes rows apart at the formula cells of one layout: (opening tag, formula) with the value dropped."""
    layout = LAYOUTS[kind]
    summary = "|".join(summary_formulas(layout, 1))
    letters = "".join(column.letter for column in layout.computed)
    tens, units = divmod(layout.first_row, 10)
    table = rf"[{letters}](?:{tens}[{units}-9]|[{tens + 1}-9]\d|\d{{3,}})"
    cell = rf'(<c r="(?:{summary}|{table})"[^>/]*>)(<f>[^<]*</f>)<v>[^<]*(?=</v></c>)'
    return re.compile(cell.encode())


def _with_dimension(head: bytes, last_row: int) -> bytes:
    """The sheet's head with the extent it names reaching at least to `last_row`."""
    match = _DIMENSION.search(head)
    if match is None or int(match[1]) >= last_row:
        return head
    return head[: match.start(1)] + str(last_row).encode() + head[match.end(1) :]
