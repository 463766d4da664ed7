"""Values as cells hold them: amounts between Decimal rupees and whole paise, dates between `date` and serial numbers.

Lenient readers for what people typed ("₹1,23,456.50", "120 (Days)", "14/10/2025") stand here too; each returns None
for what it cannot read and never guesses.
"""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from shop.xlsx.formats import DAYS_FROM_1900_TO_1904

PAISA = Decimal("0.01")
_EPOCH = date(1899, 12, 30)
_AMOUNT = re.compile(
    r"(?:₹|rs\.?|inr)?\s*(-?)\s*(?:₹|rs\.?|inr)?\s*(\d[\d,]*(?:\.\d+)?|\.\d+)\s*(?:/-|₹|rs\.?|inr)?", re.IGNORECASE
)
_COUNT = re.compile(r"(\d{1,5})(?:\.0+)?\s*\(?(?:days?)?\)?", re.IGNORECASE)
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?Z?)?")
_DATES = ("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%Y-%m-%d %H:%M:%S")


def to_paise(rupees: Decimal) -> int:
    return int(rupees.scaleb(2))


def to_rupees(paise: int) -> Decimal:
    return Decimal(paise).scaleb(-2)


def number_text(paise: int) -> str:
    """An amount as a spreadsheet stores it: "500", "-12.5" written "-12.50"; exact, no binary fraction involved."""
    if paise % 100 == 0:
        return str(paise // 100)
    sign, paise = ("-", -paise) if paise < 0 else ("", paise)
    return f"{sign}{paise // 100}.{paise % 100:02d}"


def to_serial(on: date, *, from_1904: bool = False) -> int:
    """The spreadsheet's number of a date, in the 1900 system (right from March 1900 on) or the one that counts from 1904."""
    return (on - _EPOCH).days - (DAYS_FROM_1900_TO_1904 if from_1904 else 0)


def from_serial(serial: float) -> date | None:
    """The date of a spreadsheet's number, its time of day dropped; None outside 1900 to 2199."""
    return _EPOCH + timedelta(days=int(serial)) if 61 <= serial < 109_575 else None


def read_moment(text: str) -> datetime | None:
    """The moment of an ISO date as the format's date cells and other programs write it: "2026-10-16T00:00:00"."""
    if not _ISO.fullmatch(text.strip()):
        return None
    try:
        return datetime.fromisoformat(text.strip().removesuffix("Z"))
    except ValueError:
        return None


def read_number(text: str) -> Decimal | None:
    """The number in a cell's `<v>`, to the 15 digits a spreadsheet keeps (499.99999999999994 is 500)."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite() or number.adjusted() > 17:
        return None
    if len(number.as_tuple().digits) > 15:
        number = Decimal(f"{number:.14e}")
    return number


def read_amount(text: str) -> Decimal | None:
    """An amount typed as text: "500", "₹1,23,456.50", "Rs. 500/-", "-20"."""
    match = _AMOUNT.fullmatch(text.strip())
    return Decimal(match[1] + match[2].replace(",", "")) if match else None


def read_count(text: str) -> int | None:
    """A count of days typed as text: "120", "120 (Days)", "120 days"."""
    match = _COUNT.fullmatch(text.strip())
    return int(match[1]) if match else None


def read_date(text: str) -> date | None:
    """A date typed as text, ISO or day first; never month first."""
    for form in _DATES:
        try:
            return datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 (a date has no time zone)
        except ValueError:
            continue
    return None
