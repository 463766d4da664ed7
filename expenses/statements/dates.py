"""Dates as banks write them. The order of day, month and year belongs to a whole file, never to one cell.

India writes the day first: 01/02/25 is 1 February. ISO dates, months in letters and spreadsheet serial numbers read
the same in every order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

ORDERS = ("dmy", "mdy", "ymd")
FIRST_YEAR, LAST_YEAR = 1990, 2099
#: Day 0 of the serial numbers in spreadsheets (their 1900 was a leap year, so day 0 is one day early).
SERIAL_ZERO = date(1899, 12, 30)

_TAIL = r"(?:(?:T|,?\s+)\s*\d{1,2}[:.]\d{2}.{0,20})?"
_NUMBERS = re.compile(rf"(\d{{1,4}})\s?[-/.]\s?(\d{{1,2}})\s?[-/.]\s?(\d{{1,4}}){_TAIL}", re.ASCII)
_DAY_MONTH = re.compile(rf"(\d{{1,2}})(?:st|nd|rd|th)?[-/\s.,]*([a-z]{{3,9}})[-/\s.,']*(\d{{4}}|\d{{2}}){_TAIL}", re.I)
_MONTH_DAY = re.compile(rf"([a-z]{{3,9}})[-/\s.]*(\d{{1,2}})(?:st|nd|rd|th)?[-/\s,]+(\d{{4}}|\d{{2}}){_TAIL}", re.I)
_SERIAL = re.compile(r"(\d{5})(?:\.\d+)?", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_LOOKS = re.compile(
    r"\s*\d{1,4}\s?[-/.]\s?(?:\d{1,2}|[a-z]{3,9})\s?[-/.]\s?\d{1,4}\b|\s*\d{1,2}[-\s]*[a-z]{3,9}[-\s,']*\d{2}", re.I
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAMES = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "sept",
]


def looks_like_date(text: str) -> bool:
    """Whether the cell holds something meant as a date, readable or not (30/02/2025 does, "Total" does not)."""
    return bool(_LOOKS.match(text)) or _is_serial(text)


def read_date(text: str, order: str) -> date:
    """The day that ``text`` names, a time of day behind it left out. ValueError says what is wrong."""
    year, month, day = _parts(text, order)
    if year < 100:
        year += 2000
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"date '{text}' is not between {FIRST_YEAR} and {LAST_YEAR}")
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueError(f"date '{text}' is not a day of the calendar (read as {_NAMES[order]})") from None


_NAMES = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}


def _parts(text: str, order: str) -> tuple[int, int, int]:
    """Year (two digits below 100), month, day; the month may be 0 or 13."""
    if match := _NUMBERS.fullmatch(text):
        first, second, third = match.groups()
        if len(first) == 4:
            return int(first), int(second), int(third)
        if len(first) <= 2 and len(third) in (2, 4):
            a, b, c = int(first), int(second), int(third)
            if order == "ymd" and len(third) == 2:
                return a, b, c
            if order != "ymd":
                return (c, a, b) if order == "mdy" else (c, b, a)
    elif match := _DAY_MONTH.fullmatch(text):
        return int(match[3]), _month(match[2], text), int(match[1])
    elif match := _MONTH_DAY.fullmatch(text):
        return int(match[3]), _month(match[1], text), int(match[2])
    elif match := _COMPACT.fullmatch(text):
        return int(match[1]), int(match[2]), int(match[3])
    elif _is_serial(text):
        day = SERIAL_ZERO + timedelta(days=int(text.partition(".")[0]))
        return day.year, day.month, day.day
    raise ValueError(f"date '{text[:40]}' cannot be read (expected {_NAMES[order]})")


def _is_serial(text: str) -> bool:
    """A spreadsheet's day number between 1990 and 2099: what one bank's exports show when a date lost its format."""
    match = _SERIAL.fullmatch(text)
    return match is not None and 32874 <= int(match[1]) <= 73050


def _month(word: str, text: str) -> int:
    word = word.lower()
    if word in _MONTHS:
        return _MONTHS.index(word) + 1
    if word in _MONTH_NAMES:
        return _MONTHS.index(word[:3]) + 1
    raise ValueError(f"date '{text[:40]}' cannot be read: '{word}' is no month")


def read_dates(texts: Iterable[str], order: str) -> list[date | str]:
    """Each text as a date, or the reason (str) why it is none; equal texts are read once."""
    seen: dict[str, date | str] = {}
    days = []
    for text in texts:
        day = seen.get(text)
        if day is None:
            try:
                day = read_date(text, order)
            except ValueError as error:
                day = str(error)
            seen[text] = day
        days.append(day)
    return days


def possible_orders(texts: Sequence[str], preferred: str) -> list[str]:
    """The orders that the file's own dates leave possible, best first; none where the file mixes formats.

    An order is disproved by a date that it cannot read and another order can (a 13th month).
    """
    dated = {text for text in set(texts) if looks_like_date(text)}
    # a year of two digits in front (25/04/01 for 1 April) is not written in India: only who asks for ymd gets it
    orders = [preferred, *(order for order in ("dmy", "mdy") if order != preferred)]
    good = {order: {text for text in dated if _readable(text, order)} for order in orders}
    readable = set().union(*good.values())
    return [order for order in orders if good[order] == readable]


def _readable(text: str, order: str) -> bool:
    try:
        read_date(text, order)
    except ValueError:
        return False
    return True
