"""What a tracker's workbook says, free of its file: terms, filled-in days, and the figures that follow from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property

from ledger.payment_modes import find_mode, unknown_mode
from trackers.schedule import MAX_AMOUNT, MAX_DAY, MAX_PERIOD, Standing, Terms, standing
from trackers.workbook.amounts import PAISA, to_rupees
from trackers.workbook.errors import InputError, NotATracker
from trackers.workbook.figures import Figures, compute
from trackers.workbook.layouts import AMOUNT, COUNT, DAY, LAYOUTS, MODE, ON, Layout

Value = Decimal | int | str | date
MAX_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Refusal:
    """A cell that cannot be taken as it is, and why."""

    cell: str
    reason: str


@dataclass(frozen=True)
class Contents:
    """One tracker's sheet as values.

    `parameters` and each of `days` map a field of the layout to its value and leave out what is blank; amounts are
    Decimal rupees. `days` holds only days on which something is filled in; `last_day` is the last day of the table.
    A lender's own workbook has `tracker_id` "", `version` 0 and `baseline` None; otherwise `baseline` maps input cells
    to their values as Lendbook last wrote them (None when the file was read without being thorough). `unreadable` lists
    cells that were left out, `altered` formula cells that do not hold their formula and days that are not where they
    belong, `foreign_formulas` input cells that hold a formula. `uses_1904_dates` tells that the file read counts its days
    from 1904, as Excel for Mac once did: the dates here are right, a serial number written into it is 1462 less.
    `disbursed` is what was handed over where the workbook keeps another amount than the investment, else None.
    `refused_days`: days whose payment mode is not understood; they are left out of `days`, for nobody could tell into
    which account their money goes.
    `trail` names the files that it grew from, oldest first, and last the file itself (hidden.py).
    """

    layout: Layout
    parameters: Mapping[str, Value]
    days: Mapping[int, Mapping[str, Value]] = field(default_factory=dict)
    last_day: int = 0
    skipped_weekdays: frozenset[int] = frozenset()
    holidays: frozenset[date] = frozenset()
    tracker_id: str = ""
    version: int = 0
    baseline: Mapping[str, Value] | None = None
    unreadable: tuple[Refusal, ...] = ()
    altered: tuple[Refusal, ...] = ()
    foreign_formulas: tuple[str, ...] = ()
    uses_1904_dates: bool = False
    disbursed: Decimal | None = None
    refused_days: frozenset[int] = frozenset()
    trail: tuple[str, ...] = field(default=(), compare=False)

    @cached_property
    def terms(self) -> Terms:
        """The scheme's terms. Raises NotATracker when one of them is missing, TermsError when they make no scheme."""
        for name in ("investment", "scheme_period", "per_day_payment", "start_date"):
            if self.parameters.get(name) is None:
                parameter = self.layout.parameter[name]
                raise NotATracker(
                    f"{parameter.cell} ({parameter.label.rstrip(':')}) holds nothing that can be read: fill it in."
                )
        return Terms(
            investment=self.parameters["investment"],
            scheme_period=self.parameters["scheme_period"],
            per_day_payment=self.parameters["per_day_payment"],
            start_date=self.parameters["start_date"],
            skipped_weekdays=self.skipped_weekdays,
            holidays=self.holidays,
        )

    @property
    def is_cut(self) -> bool:
        """Whether another amount than the investment was handed over."""
        return self.disbursed is not None

    @property
    def handed_over(self) -> Decimal:
        """What was really given to the customer, in rupees."""
        return self.terms.investment if self.disbursed is None else self.disbursed

    @cached_property
    def figures(self) -> Figures:
        return compute(self.layout, self.terms, self.days, self.last_day, self.disbursed)

    @cached_property
    def cells(self) -> dict[str, Value]:
        """The input cells that hold something, parameters and days alike."""
        layout = self.layout
        cells = {layout.parameter[name].cell: value for name, value in self.parameters.items()}
        letter, first = layout.letter, layout.first_row
        for day in sorted(self.days):
            row = first + day
            for name, value in self.days[day].items():
                cells[f"{letter[name]}{row}"] = value
        return cells

    @property
    def is_as_written(self) -> bool:
        """Whether a file read thoroughly says what Lendbook last wrote into it, every input and every formula: then a
        spreadsheet program merely saved it, and it is simply the tracker's next version."""
        is_sound = not (self.altered or self.unreadable or self.foreign_formulas)
        return is_sound and self.baseline is not None and self.cells == self.baseline

    @cached_property
    def as_last_written(self) -> "Contents":
        """What Lendbook last wrote into a file that was read thoroughly, whatever somebody typed into it since."""
        parameters, days = {}, {}
        for cell, value in (self.baseline or {}).items():
            day, name = self.layout.place(cell)
            (parameters if day is None else days.setdefault(day, {}))[name] = value
        return replace(self, parameters=parameters, days=days, last_day=max(self.last_day, *days, 0))

    def rows(self) -> list[dict[str, object]]:
        """One mapping a day, with the fields of every kind; amounts Decimal with two places, None where blank."""
        figures, layout = self.figures, self.layout
        rows = []
        for day in range(self.last_day + 1):
            filled = self.days.get(day, {})
            row: dict[str, object] = {"day": day, "date": self.terms.date_of(day), "paid": filled.get("paid")}
            for name in ("mode", "withdrawn", "reinvest", "reinvest_from", "pocket_money", "details"):
                row[name] = filled.get(name)
            for name in ("cumulative", "balance", "expected", "total_invested"):
                row[name] = to_rupees(figures.columns[name][day]) if name in layout.letter else None
            row["notes"] = filled.get("notes")
            rows.append(row)
        return rows

    def summary(self) -> dict[str, object]:
        """The workbook's own summary, amounts Decimal with two places, `roi` a fraction with four.

        `expected` is what was expected through the last recorded day, so expected - total_paid = pending. `profit` is
        what was paid less what was handed over and the pocket money put in since, `roi` that over the same.
        """
        figures = self.figures
        last = figures.last_recorded_day
        paid_days = [day for day, filled in self.days.items() if filled.get("paid")]
        return {
            "days_paid": figures.days_paid,
            "days_recorded": figures.days_recorded,
            "total_paid": to_rupees(figures.total_paid),
            "cumulative": to_rupees(figures.columns["cumulative"][-1]),
            "balance": to_rupees(figures.columns["balance"][-1]),
            "expected": to_rupees(figures.expected),
            "pending": to_rupees(figures.pending),
            "total_invested": to_rupees(figures.invested),
            "pocket_money": to_rupees(figures.invested) - self.terms.investment,
            "profit": to_rupees(figures.profit),
            "roi": _fraction(figures.profit, figures.put_in),
            "last_recorded_day": last,
            "last_day": self.last_day,
            "last_paid_on": self.terms.date_of(max(paid_days)) if paid_days else None,
        }

    def standing(self, on: date) -> Standing:
        """How the customer stands on a date, all payments of the workbook counted."""
        return standing(self.terms, to_rupees(self.figures.total_paid), on)


def _fraction(profit: int, put_in: int) -> Decimal:
    return (Decimal(profit) / put_in if put_in else Decimal(0)).quantize(Decimal("0.0001"))


def new_contents(
    kind: str,
    *,
    tracker_name: str,
    start_date: date,
    investment: Decimal | None = None,
    scheme_period: int | None = None,
    per_day_payment: Decimal | None = None,
    strategy: str | None = None,
    enhanced_count: int | None = None,
    skipped_weekdays: frozenset[int] = frozenset(),
    holidays: frozenset[date] = frozenset(),
    tracker_id: str = "",
    version: int = 1,
) -> Contents:
    """The contents of a tracker that is opened now; what is not given is the kind's default.

    Raises InputError for a value that may not stand in its cell, TermsError for terms that make no scheme.
    """
    layout = LAYOUTS[kind]
    given = {
        "tracker_name": tracker_name,
        "investment": layout.investment if investment is None else investment,
        "scheme_period": scheme_period or layout.scheme_period,
        "per_day_payment": layout.per_day_payment if per_day_payment is None else per_day_payment,
        "strategy": layout.strategy if strategy is None else strategy,
        "enhanced_count": layout.enhanced_count if enhanced_count is None else enhanced_count,
        "start_date": start_date,
    }
    if "enhanced_count" not in layout.parameter:
        given.pop("enhanced_count")
    return edited(
        Contents(
            layout=layout,
            parameters={},
            skipped_weekdays=skipped_weekdays,
            holidays=holidays,
            tracker_id=tracker_id,
            version=version,
        ),
        parameters=given,
    )


def edited(
    contents: Contents,
    *,
    days: Mapping[int, Mapping[str, Value | None]] | None = None,
    parameters: Mapping[str, Value | None] | None = None,
    **replaced: object,
) -> Contents:
    """The contents with some inputs changed (None clears one) and the table long enough for them.

    `replaced` names other attributes of Contents, such as `version` or `holidays`. The table never gets shorter.
    Raises InputError naming the first value that may not stand in its cell, TermsError for terms that make no scheme.
    """
    layout = contents.layout
    new_parameters = dict(contents.parameters)
    for name, value in (parameters or {}).items():
        if name not in layout.parameter:
            raise InputError(f"A {layout.kind} tracker has no parameter '{name}'.")
        _put(new_parameters, name, checked(layout.parameter[name].holds, value, layout.parameter[name].cell))
    new_days = dict(contents.days)
    for day, changes in (days or {}).items():
        day_inputs = _edited_day(layout, day, new_days.get(day, {}), changes)
        if day_inputs:
            new_days[day] = day_inputs
        else:
            new_days.pop(day, None)
    kept = {name: getattr(contents, name) for name in contents.__dataclass_fields__} | replaced
    result = Contents(**kept | {"parameters": new_parameters, "days": new_days})
    last_day = max(contents.last_day, result.terms.last_day, *new_days, 0)
    return Contents(**kept | {"parameters": new_parameters, "days": new_days, "last_day": last_day})


def _edited_day(layout: Layout, day: int, old: Mapping[str, Value], changes: Mapping[str, Value | None]) -> dict:
    if not 0 <= day <= MAX_DAY:
        raise InputError(f"Day {day} is outside the table: give a day from 0 to {MAX_DAY}.")
    new = dict(old)
    for name, value in changes.items():
        column = layout.column.get(name)
        if column is None or not column.is_input:
            raise InputError(f"A {layout.kind} tracker has no input column '{name}'.")
        _put(new, name, checked(column.holds, value, layout.cell(day, name)))
    if changes and new.get("pocket_money", Decimal(0)) > new.get("reinvest", Decimal(0)):
        raise InputError(
            f"Pocket Money {new['pocket_money']} is more than Reinvest {new.get('reinvest', Decimal(0))} of day {day}: "
            "it is the part of it that is fresh money.",
            layout.cell(day, "pocket_money"),
        )
    return new


def _put(inputs: dict, name: str, value: Value | None) -> None:
    if value is None:
        inputs.pop(name, None)
    else:
        inputs[name] = value


def checked(holds: str, value: Value | None, cell: str) -> Value | None:
    """The value as it may stand in a cell that holds `holds`, None for blank. Raises InputError naming the cell.

    Amounts get two places, modes their usual spelling, blank text becomes None and line ends become "\\n".
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if holds == AMOUNT:
        return _checked_amount(value, cell)
    if holds in (DAY, COUNT):
        if isinstance(value, Decimal) and value == value.to_integral_value():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise InputError(f"'{value}' is not a whole number: type one such as 100.", cell)
        least = 1 if holds == DAY else 0
        if not least <= value <= MAX_PERIOD:
            raise InputError(f"{value} is out of range: type a number from {least} to {MAX_PERIOD}.", cell)
        return value
    if holds == ON:
        if isinstance(value, datetime):
            value = value.date()
        if not isinstance(value, date):
            raise InputError(f"'{value}' is not a date: type one such as 2024-10-16.", cell)
        return value
    text = _checked_text(value, cell)
    if holds == MODE:
        mode = find_mode(text)
        if mode is None:
            raise InputError(unknown_mode(text), cell)
        return mode
    return text


def _checked_amount(value: Value, cell: str) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if not isinstance(value, Decimal):
        raise InputError(f"'{str(value)[:40]}' is not an amount: type a number such as 500.", cell)
    if not value.is_finite() or value > MAX_AMOUNT:
        raise InputError(f"{value} is more than an amount may be ({MAX_AMOUNT:,}).", cell)
    if value < 0:
        raise InputError(f"{value} is negative: type an amount of 0 or more.", cell)
    if value != (rounded := value.quantize(PAISA)):
        raise InputError(f"{value} has more than two decimal places: type whole paise.", cell)
    return rounded


def _checked_text(value: Value, cell: str) -> str:
    text = str(value).replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > MAX_TEXT:
        raise InputError(f"The text has {len(text):,} characters; {MAX_TEXT:,} is the most. Shorten it.", cell)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError("The text holds half a character that cannot be stored: type it again.", cell) from None
    return text
