"""Every formula of a tracker's sheet, and the value it computes to.

The two are written side by side so that a person with a spreadsheet and everything that does not calculate see the
same. Amounts are whole paise in here; formulas are given without their leading "=".

Profit counts what was really handed over. Where that is the whole investment it is the investment's own cell; where a
cut was kept back it is the amount that the hidden sheet keeps among the terms.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate

from trackers.schedule import Terms
from trackers.workbook.amounts import number_text, to_paise, to_serial
from trackers.workbook.layouts import HANDED_OVER, LAYOUTS, Layout

SUMMARY_TITLE_CELL = "E5"
FIRST_SUMMARY_ROW = 6


@lru_cache(maxsize=256)
def column_formulas(kind: str, field: str, last_day: int, skipped: tuple[bool, ...] | None) -> tuple[str, ...]:
    """The formulas of one computed column, day 0 to `last_day`; `skipped` as from skipped_days.

    Remembered, because trackers of one book are much alike and a thousand of them are saved at once.
    """
    return tuple(_column_formulas(LAYOUTS[kind], field, last_day, skipped))


def _column_formulas(layout: Layout, field: str, last_day: int, skipped: tuple[bool, ...] | None) -> list[str]:
    first, at = layout.first_row, layout.letter
    rows = range(first + 1, first + last_day + 1)
    me = at[field]
    match field:
        case "date":
            start = layout.parameter["start_date"].cell
            return [f"$B${start[1:]}+A{row}" for row in range(first, first + last_day + 1)]
        case "cumulative":
            paid = at["paid"]
            return [f"{paid}{first}", *(f"{me}{row - 1}+{paid}{row}" for row in rows)]
        case "balance":
            paid, withdrawn = at["paid"], at["withdrawn"]
            if "reinvest" in at:
                back, pocket = at["reinvest"], at["pocket_money"]
                return [
                    f"{paid}{first}-{withdrawn}{first}-({back}{first}-{pocket}{first})",
                    *(f"{me}{row - 1}+{paid}{row}-{withdrawn}{row}-({back}{row}-{pocket}{row})" for row in rows),
                ]
            return [
                f"{paid}{first}-{withdrawn}{first}",
                *(f"{me}{row - 1}+{paid}{row}-{withdrawn}{row}" for row in rows),
            ]
        case "total_invested":
            pocket = at["pocket_money"]
            return [f"$B$6+{pocket}{first}", *(f"{me}{row - 1}+{pocket}{row}" for row in rows)]
        case "expected":
            due = [f"MIN($B$7*$B$8,{me}{row - 1}+$B$8)" for row in rows]
            if skipped:
                due = [f"{me}{row - 1}" if skipped[row - first] else due[row - first - 1] for row in rows]
            return ["0", *due]
    raise KeyError(field)


def summary_formulas(layout: Layout, last_day: int, is_cut: bool = False) -> dict[str, str]:
    """The formulas of E5 and of the summary's values in column F, by cell.

    `is_cut`: another amount than the investment was handed over, and the hidden sheet holds it.
    """
    first, last, at = layout.first_row, layout.row(last_day), layout.letter
    paid = f"{at['paid']}{first}:{at['paid']}{last}"
    wanted = f"{at['expected']}{first}:{at['expected']}{last}"
    cell = {field: f"F{FIRST_SUMMARY_ROW + place}" for place, (field, _) in enumerate(layout.summary)}
    invested = cell.get("total_invested", cell["investment"])
    collected = cell.get("cumulative", f"{at['cumulative']}{last}")
    put_in = _put_in_formula(cell) if is_cut else invested
    formula = {
        "investment": "B6",
        "total_invested": f"{at.get('total_invested')}{last}",
        "cumulative": f"{at['cumulative']}{last}",
        "balance": f"{at['balance']}{last}",
        "pending": f'SUMPRODUCT(MAX(({paid}<>"")*{wanted}))-SUM({paid})',
        "profit": f"{collected}-{put_in}",
        "roi": f"IF({put_in}=0,0,{cell['profit']}/{put_in})",
    }
    return {SUMMARY_TITLE_CELL: '"SUMMARY (Day "&B7&")"'} | {cell[field]: formula[field] for field in cell}


def _put_in_formula(cell: Mapping[str, str]) -> str:
    """What the lender put in where the hidden sheet says what was handed over: pocket money comes on top of it."""
    if "total_invested" not in cell:
        return HANDED_OVER
    return f"({cell['total_invested']}-{cell['investment']}+{HANDED_OVER})"


def skipped_days(terms: Terms, last_day: int) -> tuple[bool, ...] | None:
    """For every day of the table whether it carries no instalment; None when day 0 alone is such a day."""
    if not terms.skipped_weekdays and not terms.holidays:
        return None
    skipped = tuple(terms.is_skipped(day) for day in range(last_day + 1))
    return skipped if any(skipped[1:]) else None


@dataclass(frozen=True, slots=True)
class Figures:
    """What the formulas compute to: columns by field with one number a day (paise; serial numbers for dates), and the
    summary in paise (the yield `roi` a fraction). `invested` is the face amount and `put_in` what was handed over, both
    with the pocket money on top."""

    columns: dict[str, list[int]]
    last_recorded_day: int | None
    days_paid: int
    days_recorded: int
    total_paid: int
    expected: int
    pending: int
    profit: int
    invested: int
    put_in: int

    @property
    def roi(self) -> float:
        """Profit over what was put in, 0 if nothing was: a ratio, as the spreadsheet divides it."""
        return self.profit / self.put_in if self.put_in else 0.0

    def summary_texts(self, layout: Layout, terms: Terms) -> dict[str, str]:
        """The cached values of the summary's formula cells, as stored in `<v>`."""
        value = {
            "investment": number_text(to_paise(terms.investment)),
            "total_invested": number_text(self.invested),
            "cumulative": number_text(self.columns["cumulative"][-1]),
            "balance": number_text(self.columns["balance"][-1]),
            "pending": number_text(self.pending),
            "profit": number_text(self.profit),
            "roi": repr(self.roi) if self.roi % 1 else str(int(self.roi)),
        }
        texts = {SUMMARY_TITLE_CELL: f"SUMMARY (Day {terms.scheme_period})"}
        for place, (field, _) in enumerate(layout.summary):
            texts[f"F{FIRST_SUMMARY_ROW + place}"] = value[field]
        return texts


def compute(
    layout: Layout,
    terms: Terms,
    days: Mapping[int, Mapping[str, object]],
    last_day: int,
    handed_over: Decimal | None = None,
) -> Figures:
    """Compute every figure of a sheet whose filled-in days are `days` (day -> field -> Decimal or text).

    `handed_over` is in rupees; None: the whole investment.
    """
    amounts = {
        column: _paise_by_day(days, column, last_day)
        for column in ("paid", "withdrawn", "reinvest", "pocket_money")
        if column in layout.letter
    }
    paid, pocket = amounts["paid"], amounts.get("pocket_money")
    moves = [came - went for came, went in zip(paid, amounts["withdrawn"], strict=True)]
    if pocket is not None:
        moves = [move - (back - fresh) for move, back, fresh in zip(moves, amounts["reinvest"], pocket, strict=True)]
    start, instalment, total = to_serial(terms.start_date), to_paise(terms.per_day_payment), to_paise(terms.total)
    skipped = skipped_days(terms, last_day) or (True, *[False] * last_day)
    asked = accumulate(0 if no_instalment else instalment for no_instalment in skipped)
    columns = {
        "date": [start + day for day in range(last_day + 1)],
        "cumulative": list(accumulate(paid)),
        "balance": list(accumulate(moves)),
        "expected": [min(total, through) for through in asked],
    }
    invested = to_paise(terms.investment)
    if pocket is not None:
        columns["total_invested"] = [invested + through for through in accumulate(pocket)]
        invested = columns["total_invested"][-1]
    put_in = invested if handed_over is None else invested + to_paise(handed_over) - to_paise(terms.investment)
    recorded = [day for day, day_inputs in days.items() if day_inputs.get("paid") is not None]
    last_recorded_day = max(recorded, default=None)
    expected = columns["expected"][last_recorded_day] if recorded else 0
    total_paid = columns["cumulative"][-1]
    return Figures(
        columns=columns,
        last_recorded_day=last_recorded_day,
        days_paid=sum(1 for amount in paid if amount),
        days_recorded=len(recorded),
        total_paid=total_paid,
        expected=expected,
        pending=expected - total_paid,
        profit=total_paid - put_in,
        invested=invested,
        put_in=put_in,
    )


def _paise_by_day(days: Mapping[int, Mapping[str, object]], field: str, last_day: int) -> list[int]:
    row = [0] * (last_day + 1)
    for day, day_inputs in days.items():
        amount = day_inputs.get(field)
        if isinstance(amount, Decimal):
            row[day] = to_paise(amount)
    return row
