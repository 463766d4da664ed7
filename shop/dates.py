"""Business dates as people write them: ISO (2024-01-15), day first (15-01-2024, 15/1/24), or with the month's name.

The day always comes before the month, unless the month is written in letters; nothing is guessed. Pure: no database.
"""

import re
import unicodedata
from datetime import date as Date

from django.core.exceptions import ValidationError

# What a book can hold. The ends leave room for "the day before" and "the day after" of every date in it.
FIRST_DATE, LAST_DATE = Date(1900, 1, 1), Date(2199, 12, 31)

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
            "sep sept september", "oct october", "nov november", "dec december",
        ), 1,
    )
    for name in names.split()
}  # fmt: skip
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY, _MONTH, _YEAR = r"(?P<day>\d{1,2})", r"(?P<month>\d{1,2})", r"(?P<year>\d{4}|\d{2})"
_NAME, _TH, _BETWEEN = r"(?P<name>[a-z]{3,9})\.?", r"(?:st|nd|rd|th)?", r"(?:\s?[-/.,]\s?|\s)?"
_SHAPES = [
    re.compile(shape, re.ASCII)
    for shape in (
        rf"(?P<year>\d{{4}})([-/.]){_MONTH}\2{_DAY}",  # 2026-10-15, 2026/10/15
        r"(?P<year>(?:19|20|21)\d\d)(?P<month>\d\d)(?P<day>\d\d)",  # 20261015
        rf"{_DAY}([-/.]){_MONTH}\2{_YEAR}",  # 15-10-2026, 15/10/26
        rf"{_DAY}{_TH}{_BETWEEN}{_NAME}{_BETWEEN}'?{_YEAR}",  # 15-Oct-26, 15th October, 2026
        rf"{_NAME}{_BETWEEN}{_DAY}{_TH}(?:\s?[-/,]\s?|\s)(?P<year>\d{{4}})",  # Oct 15 2026
        rf"(?P<year>\d{{4}}){_BETWEEN}{_NAME}{_BETWEEN}{_DAY}",  # 2026-Oct-15
    )
]
_WEEKDAY = re.compile(r"([a-z]{3,9})\.?,?\s+(?=\S)")
_TIME = re.compile(
    r"(?P<date>.*?\d)(?:\s*t|\s*,?\s+(?:at\s+)?)\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d{1,9})?)?"
    r"\s*(?:[ap]\.?m\.?|hrs\.?|hours)?\s*(?P<zone>z|utc|gmt|ist|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_OWN_ZONES = {None, "ist", "+05:30", "+0530"}
_NO_YEAR = re.compile(rf"{_DAY}(?:[-/.]\d{{1,2}}|{_TH}{_BETWEEN}[a-z]{{3,9}})", re.ASCII)


def parse_date(text: str) -> Date:
    """The date that `text` means; two-digit years are of this century.

    Raises ValidationError for what is no date, for 30 February, and for years outside 1900 to 2199.
    """
    shown = str(text).strip()
    return _date_in(_plain(shown), shown)


def read_date(text: str) -> Date:
    """The date in a cell of a file: as parse_date, and a time of day behind it is left out.

    A time of another zone than India's may be another day here, so it is refused.
    """
    shown = str(text).strip()
    plain = _plain(shown)
    if timed := _TIME.fullmatch(plain):
        if timed["zone"] not in _OWN_ZONES:
            raise ValidationError(
                f"'{shown[:40]}' is a time of another zone, where it may be another day. Write the day alone, like "
                "15-01-2024.",
                code="other_zone",
            )
        plain = timed["date"]
    return _date_in(plain, shown)


def _plain(shown):
    """Small letters, common blanks and dashes."""
    if shown.isascii():
        return shown.lower()
    return re.sub(r"[‐‑‒–—−]", "-", unicodedata.normalize("NFKC", shown)).strip().lower()


def _date_in(plain, shown):
    plain, weekday = _without_weekday(plain)
    found = next(filter(None, (shape.fullmatch(plain) for shape in _SHAPES)), None)
    parts = found.groupdict() if found else {}
    month = _MONTHS.get(parts["name"]) if parts.get("name") else int(parts.get("month") or 0)
    if found is None or month is None:
        raise _no_date(plain, shown)
    year = int(parts["year"]) + (2000 if len(parts["year"]) == 2 else 0)
    try:
        date = Date(year, month, int(parts["day"]))
    except ValueError:
        raise ValidationError(_no_such_day(year, month, int(parts["day"]), shown), code="no_such_day") from None
    if weekday is not None and weekday != date.weekday():
        raise ValidationError(
            f"'{shown[:40]}' is a {_DAYS[date.weekday()].capitalize()}: day and date do not agree.", code="weekday"
        )
    return check_date(date)


def _without_weekday(plain):
    """(the text without a day of the week before it, which one that was from 0 or None)."""
    found = _WEEKDAY.match(plain)
    if found:
        for number, day in enumerate(_DAYS):
            if day.startswith(found[1]):
                return plain[found.end() :], number
    return plain, None


def _no_date(plain, shown):
    if _NO_YEAR.fullmatch(plain):
        return ValidationError(f"'{shown[:40]}' has no year. Write it like 2024-01-15 or 15-01-2024.", code="no_year")
    return ValidationError(f"'{shown[:40]}' is not a date. Write it like 2024-01-15 or 15-01-2024.", code="not_a_date")


def _no_such_day(year, month, day, shown):
    sentence = f"There is no {shown} in the calendar."
    if month > 12 >= day:
        return f"{sentence} The day comes first: 15-01-2024."
    return sentence


def check_date(date: Date) -> Date:
    """`date`, if a book can hold it. Raises ValidationError."""
    if not FIRST_DATE <= date <= LAST_DATE:
        raise ValidationError(
            f"{date:%d-%m-%Y} is out of reach: a book holds the years {FIRST_DATE.year} to {LAST_DATE.year}.",
            code="out_of_reach",
        )
    return date
