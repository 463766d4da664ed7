"""The three kinds of tracker as data: where every cell of their sheets stands, what it says and who fills it.

Staff and customers know these sheets by heart, so a cell never moves; everything else in this package (formulas,
reading, patching, comparing) asks a Layout where things are.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from ledger import payment_modes

MODES = payment_modes.NAMES
HIDDEN_SHEET = "_lendbook"
HANDED_OVER = f"{HIDDEN_SHEET}!$B$7"
"""The hidden sheet's cell of what was handed over, where that is not the whole investment."""

CURRENCY = "₹#,##0.00;[Red]-₹#,##0.00"
DATE = "yyyy-mm-dd"
PERCENT = "0.00%"
DAYS = '0 "(Days)"'

# What a column or a parameter holds.
DAY, AMOUNT, TEXT, MODE, ON, COUNT = "day", "amount", "text", "mode", "date", "count"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the day table: its letter, the field of a day it holds and how it looks."""

    letter: str
    field: str
    header: str
    width: float
    holds: str
    is_input: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """One term of the scheme above the table: its label in column A, its value in column B."""

    cell: str
    field: str
    label: str
    holds: str


@dataclass(frozen=True)
class Layout:
    """One kind of sheet. `summary` pairs each field of E6:F11 with its label, from row 6 down."""

    kind: str
    sheet_name: str
    title: str
    colour: str
    strategy: str
    investment: Decimal
    per_day_payment: Decimal
    scheme_period: int
    enhanced_count: int | None
    parameters: tuple[Parameter, ...]
    header_row: int
    columns: tuple[Column, ...]
    summary: tuple[tuple[str, str], ...]

    @property
    def first_row(self) -> int:
        """The row of day 0."""
        return self.header_row + 1

    @cached_property
    def inputs(self) -> tuple[Column, ...]:
        """The columns that people fill in."""
        return tuple(column for column in self.columns if column.is_input)

    @cached_property
    def computed(self) -> tuple[Column, ...]:
        """The columns that hold formulas."""
        return tuple(column for column in self.columns if not column.is_input and column.holds != DAY)

    @cached_property
    def column(self) -> dict[str, Column]:
        """Columns by field."""
        return {column.field: column for column in self.columns}

    @cached_property
    def letter(self) -> dict[str, str]:
        """Column letters by field."""
        return {column.field: column.letter for column in self.columns}

    @cached_property
    def parameter(self) -> dict[str, Parameter]:
        """Parameters by field."""
        return {parameter.field: parameter for parameter in self.parameters}

    @cached_property
    def last_letter(self) -> str:
        return self.columns[-1].letter

    def row(self, day: int) -> int:
        return self.first_row + day

    def cell(self, day: int, field: str) -> str:
        """The cell of one field of one day: `cell(3, "paid")` is "C16" on a 50K sheet."""
        return f"{self.letter[field]}{self.first_row + day}"

    @cached_property
    def _field_at(self) -> dict[str, str]:
        return {column.letter: column.field for column in self.columns} | {
            parameter.cell: parameter.field for parameter in self.parameters
        }

    def place(self, cell: str) -> tuple[int | None, str]:
        """The day and field of an input cell; the day is None for a parameter above the table."""
        if cell in self._field_at:
            return None, self._field_at[cell]
        letter, row = cell[0], int(cell[1:])
        return row - self.first_row, self._field_at[letter]

    def place_in_sheet(self, cell: str) -> tuple[int, str]:
        """Sorts input cells as they stand in the sheet: by row, then by column."""
        return int(cell[1:]), cell[0]


def _parameters(investment_label: str, strategy_label: str, *, enhanced: bool) -> tuple[Parameter, ...]:
    counted = (Parameter("B10", "enhanced_count", "Enhanced Count:", COUNT),) if enhanced else ()
    return (
        Parameter("B3", "tracker_name", "Tracker Name:", TEXT),
        Parameter("B6", "investment", investment_label, AMOUNT),
        Parameter("B7", "scheme_period", "Scheme Period:", DAY),
        Parameter("B8", "per_day_payment", "Per Day Payment:", AMOUNT),
        Parameter("B9", "strategy", strategy_label, TEXT),
        *counted,
        Parameter("B11" if enhanced else "B10", "start_date", "Start Date:", ON),
    )


_DAY = Column("A", "day", "Day", 8, DAY)
_DATE = Column("B", "date", "Date (Auto)", 12, ON)
_PAID = Column("C", "paid", "Daily Payments", 15, AMOUNT, is_input=True)
_MODE = Column("E", "mode", "Payment Mode", 15, MODE, is_input=True)


def _notes(letter: str) -> Column:
    return Column(letter, "notes", "Notes", 30, TEXT, is_input=True)


def _expected(letter: str) -> Column:
    return Column(letter, "expected", "Expected", 12, AMOUNT)


LAYOUTS: dict[str, Layout] = {
    layout.kind: layout
    for layout in (
        Layout(
            kind="50K",
            sheet_name="50K Reinvest Tracker",
            title="🎯 INVESTMENT TRACKER - ₹50K REINVESTMENT STRATEGY",
            colour="4472C4",
            strategy="Reinvest ₹50K",
            investment=Decimal(50000),
            per_day_payment=Decimal(500),
            scheme_period=100,
            enhanced_count=None,
            parameters=_parameters("Investment:", "Strategy:", enhanced=False),
            header_row=12,
            columns=(
                _DAY,
                _DATE,
                _PAID,
                Column("D", "cumulative", "Cumulative", 12, AMOUNT),
                _MODE,
                Column("F", "balance", "Balance", 12, AMOUNT),
                Column("G", "withdrawn", "Withdrawn", 12, AMOUNT, is_input=True),
                _notes("H"),
                _expected("I"),
            ),
            summary=(
                ("investment", "Investment:"),
                ("balance", "Balance (Latest):"),
                ("pending", "Pending Payment:"),
                ("profit", "Profit:"),
                ("roi", "ROI:"),
            ),
        ),
        Layout(
            kind="1L",
            sheet_name="1L Enhanced Tracker",
            title="🚀 INVESTMENT TRACKER - ₹1L ENHANCED STRATEGY",
            colour="FF6600",
            strategy="₹1L (₹50K+₹50K pocket)",
            investment=Decimal(300000),
            per_day_payment=Decimal(1000),
            scheme_period=200,
            enhanced_count=6,
            parameters=_parameters("Initial Investment:", "Reinvest Amount:", enhanced=True),
            header_row=13,
            columns=(
                _DAY,
                _DATE,
                _PAID,
                Column("D", "cumulative", "Cumulative", 12, AMOUNT),
                _MODE,
                Column("F", "balance", "Balance", 12, AMOUNT),
                Column("G", "withdrawn", "Withdrawn", 12, AMOUNT, is_input=True),
                Column("H", "reinvest", "Reinvest", 12, AMOUNT, is_input=True),
                Column("I", "reinvest_from", "Reinvest From", 15, TEXT, is_input=True),
                Column("J", "pocket_money", "Pocket Money", 15, AMOUNT, is_input=True),
                Column("K", "total_invested", "Total Invested", 15, AMOUNT),
                _notes("L"),
                _expected("M"),
            ),
            summary=(
                ("investment", "Initial Investment:"),
                ("total_invested", "Total Invested (Latest):"),
                ("balance", "Balance (Latest):"),
                ("pending", "Pending Payment:"),
                ("profit", "Profit:"),
                ("roi", "ROI:"),
            ),
        ),
        Layout(
            kind="NO_REINVEST",
            sheet_name="No Reinvest Tracker",
            title="💰 INVESTMENT TRACKER - NO REINVESTMENT",
            colour="7030A0",
            strategy="No Reinvestment",
            investment=Decimal(300000),
            per_day_payment=Decimal(3000),
            scheme_period=100,
            enhanced_count=None,
            parameters=_parameters("Investment:", "Strategy:", enhanced=False),
            header_row=12,
            columns=(
                _DAY,
                _DATE,
                _PAID,
                Column("D", "details", "Transaction Details", 20, TEXT, is_input=True),
                _MODE,
                Column("F", "cumulative", "Cumulative", 12, AMOUNT),
                Column("G", "balance", "Balance", 12, AMOUNT),
                Column("H", "withdrawn", "Withdrawn", 12, AMOUNT, is_input=True),
                _notes("I"),
                _expected("J"),
            ),
            summary=(
                ("investment", "Investment:"),
                ("cumulative", "Cumulative (Latest):"),
                ("balance", "Balance (Latest):"),
                ("pending", "Pending Payment:"),
                ("profit", "Profit:"),
                ("roi", "ROI:"),
            ),
        ),
    )
}
