"""One cell of a table as text: what an importer reads, and what a preview shows. Pure: no database."""

from datetime import date
from decimal import Decimal

from django.core.exceptions import ValidationError

from shop.imports.tables import Faulty
from shop.money import parse_money
from shop.xlsx.formats import PERCENTAGE, ROUNDED, TIME
from shop.xlsx.rows import Seen


def text_of(cell: object) -> str:
    """A cell as one line of text. A Decimal from a workbook loses its empty places ("123", not "123.0").

    Raises ValidationError for a cell that cannot be used.
    """
    if isinstance(cell, Faulty):
        raise ValidationError(str(cell))
    if isinstance(cell, Seen) and cell.sight.kind in (PERCENTAGE, TIME):
        return cell.sight.text
    if isinstance(cell, Decimal):
        return format(cell.normalize(), "f") if cell else "0"
    if isinstance(cell, date):
        return cell.isoformat()
    return cell.strip()


def refuse_seen(cell: object, wanted: str) -> None:
    """Raise ValidationError for a workbook's number that shows as something else than `wanted` ("an amount")."""
    if isinstance(cell, Seen):
        raise ValidationError(cell.why_not(wanted), code="seen")


def rounded_amount(cell: object) -> Decimal | None:
    """The amount that a workbook's cell shows of a number with more decimals; None for every other cell."""
    if not isinstance(cell, Seen) or cell.sight.kind != ROUNDED:
        return None
    try:
        return parse_money(cell.sight.text)
    except ValidationError:
        return None


def shown(cell: object) -> str:
    """A cell as the preview and the file of rejected rows show it."""
    try:
        return text_of(cell)[:500]
    except ValidationError as error:
        return error.message
