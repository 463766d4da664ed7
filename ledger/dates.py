"""Business dates as people write them: ISO (2024-01-15) or day first (15-01-2024, 15/1/24). Pure: no database."""

import re
from datetime import date as Date

from django.core.exceptions import ValidationError

# What a book can hold. The ends leave room for "the day before" and "the day after" of every date in it.
FIRST_DATE, LAST_DATE = Date(1900, 1, 1), Date(2199, 12, 31)

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})", re.ASCII)


def parse_date(text):
    """The date that `text` means; two-digit years are of this century.

    Raises ValidationError for what is no date, for 30 February, and for years outside 1900 to 2199.
    """
    shown = str(text).strip()
    if match := _ISO.fullmatch(shown):
        year, month, day = (int(part) for part in match.groups())
    elif match := _DAY_FIRST.fullmatch(shown):
        day, month, year = int(match[1]), int(match[3]), int(match[4])
        year += 2000 if len(match[4]) == 2 else 0
    else:
        raise ValidationError(
            f"'{shown[:40]}' is not a date. Write it like 2024-01-15 or 15-01-2024.", code="not_a_date"
        )
    try:
        date = Date(year, month, day)
    except ValueError:
        raise ValidationError(f"There is no {shown} in the calendar.", code="no_such_day") from None
    return check_date(date)


def check_date(date):
    """`date`, if a book can hold it. Raises ValidationError."""
    if not FIRST_DATE <= date <= LAST_DATE:
        raise ValidationError(
            f"{date:%d-%m-%Y} is out of reach: a book holds the years {FIRST_DATE.year} to {LAST_DATE.year}.",
            code="out_of_reach",
        )
    return date
