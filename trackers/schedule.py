"""What a scheme asks for and how a customer stands: instalments, expected, due, arrears, days past due.

Pure arithmetic on terms, dates and amounts, without Django and without files, so that the workbook, the Collect page
and the portfolio figures all say the same.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

MAX_DAY = 1100
"""The last day a table may have; a scheme whose last instalment would fall later is refused."""
MAX_PERIOD = 1000
MAX_AMOUNT = Decimal("9999999999.99")
"""The largest amount of one cell: sums over all days stay exact in a spreadsheet's 15 digits."""
FIRST_START, LAST_START = date(1990, 1, 1), date(2190, 12, 31)
ZERO = Decimal("0.00")


class TermsError(ValueError):
    """Terms that make no scheme; the message names the term and the way out."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one tracker. Amounts are Decimal rupees; weekdays count from Monday 0 to Sunday 6.

    Day 0 is `start_date`, the day the money was handed over, and carries no instalment. Every later day carries one of
    `per_day_payment` until `scheme_period` of them have fallen, except skipped weekdays and holidays, by which the
    scheme ends as much later. Raises TermsError when the last instalment would fall after day 1100.
    """

    investment: Decimal
    scheme_period: int
    per_day_payment: Decimal
    start_date: date
    skipped_weekdays: frozenset[int] = frozenset()
    holidays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if not 1 <= self.scheme_period <= MAX_PERIOD:
            raise TermsError(f"Scheme period {self.scheme_period}: give a number of days from 1 to {MAX_PERIOD}.")
        check_amount("Investment", self.investment)
        check_amount("Per day payment", self.per_day_payment)
        if not self.per_day_payment:
            raise TermsError("Per day payment 0: an instalment must be more than 0.")
        if not FIRST_START <= self.start_date <= LAST_START:
            raise TermsError(f"Start date {self.start_date}: give a date from {FIRST_START} to {LAST_START}.")
        if not self.skipped_weekdays <= set(range(7)):
            raise TermsError("Skipped weekdays: name them by number, Monday 0 to Sunday 6.")
        instalment_days(self)

    @property
    def total(self) -> Decimal:
        """What the scheme asks for in all."""
        return self.per_day_payment * self.scheme_period

    @property
    def last_day(self) -> int:
        """The day on which the last instalment falls."""
        return instalment_days(self)[-1]

    @property
    def ends_on(self) -> date:
        return self.date_of(self.last_day)

    def date_of(self, day: int) -> date:
        return self.start_date + timedelta(days=day)

    def day_of(self, on: date) -> int:
        """The day number of a date; negative before the scheme starts."""
        return (on - self.start_date).days

    def is_skipped(self, day: int) -> bool:
        """Whether the day is a skipped weekday or a holiday of the book, or day 0: it carries no instalment."""
        on = self.date_of(day)
        return day < 1 or on.weekday() in self.skipped_weekdays or on in self.holidays


def check_amount(what: str, amount: Decimal) -> None:
    """Raise TermsError unless the amount is a whole number of paise from 0 to MAX_AMOUNT."""
    if not amount.is_finite() or not 0 <= amount <= MAX_AMOUNT:
        raise TermsError(f"{what} {amount}: give an amount from 0 to {MAX_AMOUNT:,}.")
    if amount != amount.quantize(ZERO):
        raise TermsError(f"{what} {amount}: an amount has at most two decimal places.")


@lru_cache(maxsize=4096)
def instalment_days(terms: Terms) -> Sequence[int]:
    """The days on which instalments number 1, 2, … fall, in order."""
    if not terms.skipped_weekdays and not terms.holidays:
        return range(1, terms.scheme_period + 1)
    days = [day for day in range(1, MAX_DAY + 1) if not terms.is_skipped(day)][: terms.scheme_period]
    if len(days) < terms.scheme_period:
        raise TermsError(
            f"With its skipped weekdays and holidays instalment {terms.scheme_period} of {terms.scheme_period} would "
            f"fall after day {MAX_DAY}. Shorten the scheme period or skip fewer days."
        )
    return days


def instalment(terms: Terms, on: date) -> Decimal:
    """What falls due on one date: the per-day payment, or 0 on day 0, on a skipped day and outside the term."""
    days, day = instalment_days(terms), terms.day_of(on)
    place = bisect_left(days, day)
    return terms.per_day_payment if place < len(days) and days[place] == day else ZERO


def expected(terms: Terms, day: int) -> Decimal:
    """The sum of instalments through a day (0 before the scheme starts), never past the scheme's total."""
    return terms.per_day_payment * bisect_right(instalment_days(terms), day)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a customer stands on a date; amounts are Decimal rupees, none below 0."""

    due: Decimal
    arrears: Decimal
    advance: Decimal
    outstanding: Decimal
    days_past_due: int
    next_due_on: date | None


def standing(terms: Terms, paid: Decimal, on: date) -> Standing:
    """How a customer who has paid `paid` in all stands on `on`.

    Needs no day rows, so a list of thousands opens no workbook. Payments settle the oldest instalment first;
    `days_past_due` counts from the day the oldest instalment not wholly paid fell due (0 on that day itself), and
    `next_due_on` is the first date from `on` on whose instalment is not wholly paid, None when none is left.
    For a date in the past pass what had been paid by then.
    """
    days, day = instalment_days(terms), terms.day_of(on)
    due = expected(terms, day)
    settled = min(int(paid // terms.per_day_payment), terms.scheme_period)
    oldest_unpaid = days[settled] if settled < len(days) else None
    coming = max(settled, bisect_left(days, day))
    return Standing(
        due=due,
        arrears=max(due - paid, ZERO),
        advance=max(paid - due, ZERO),
        outstanding=max(terms.total - paid, ZERO),
        days_past_due=max(day - oldest_unpaid, 0) if oldest_unpaid is not None else 0,
        next_due_on=terms.date_of(days[coming]) if coming < len(days) else None,
    )
