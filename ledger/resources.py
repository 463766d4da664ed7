"""Entries as rows of a file, for django-import-export: the columns, and how a cell is read and written.

One declaration for both ways: admin and pages export with EntryResource, and the import (imports/entries.py) reads
its cells with the same widgets, so that an exported file can be imported again.
"""

from datetime import date
from decimal import Decimal

from django.core.exceptions import ValidationError
from import_export import fields, resources, widgets

from ledger.models import Direction, LedgerEntry
from ledger.payment_modes import CASH, find_mode, unknown_mode
from shop.dates import check_date, read_date
from shop.downloads import TextWidget
from shop.imports.cells import refuse_seen, rounded_amount, text_of
from shop.imports.tables import day_of
from shop.money import parse_money, plain

_WRITTEN_AS_ONE_NUMBER = 19_000_101  # 20261015: more days than any workbook counts

# How banks, tally sheets and other programs call the two directions.
_DIRECTIONS = {
    **dict.fromkeys(
        ("received", "collection", "receipt", "income", "in", "credit", "cr", "inflow"), Direction.RECEIVED
    ),
    **dict.fromkeys(("spent", "expense", "payment", "out", "debit", "dr", "outflow"), Direction.SPENT),
}


class DateWidget(widgets.Widget):
    """A date as people write it, or the number by which a workbook counts days; a date out (ISO in a CSV)."""

    def clean(self, value, row=None, **kwargs):
        refuse_seen(value, "a date")
        if isinstance(value, Decimal) and value < _WRITTEN_AS_ONE_NUMBER:
            value = day_of(value)
        if isinstance(value, date):
            return check_date(value)
        return read_date(text_of(value))

    def render(self, value, obj=None, **kwargs):
        return value or ""


class MoneyWidget(widgets.Widget):
    """Rupees: any grouping in, a Decimal of two places out. Never by way of a float."""

    def clean(self, value, row=None, **kwargs):
        sight = rounded_amount(value)
        if sight is not None:
            raise ValidationError(
                f"'{text_of(value)[:40]}' has more decimals than its cell {value.cell} shows; Excel shows {plain(sight)}. "
                "Round it in the sheet, or take what is shown (a command: --as-shown).",
                code="decimals",
            )
        refuse_seen(value, "an amount")
        if isinstance(value, date):
            raise ValidationError(f"'{value.isoformat()}' is a date, not an amount.")
        return parse_money(text_of(value))

    def render(self, value, obj=None, **kwargs):
        return "" if value is None else value


class DirectionWidget(TextWidget):
    """received | spent, with the words other programs use; empty stays empty."""

    def clean(self, value, row=None, **kwargs):
        text = text_of(value)
        if text and text.casefold() not in _DIRECTIONS:
            raise ValidationError(f"direction '{text[:40]}' is unknown; write received or spent.")
        return _DIRECTIONS.get(text.casefold(), "")


class ModeWidget(TextWidget):
    """A payment mode, however it is written (ledger.payment_modes); empty means Cash."""

    def clean(self, value, row=None, **kwargs):
        text = text_of(value) or CASH
        mode = find_mode(text)
        if mode is None:
            raise ValidationError(unknown_mode(text))
        return mode


def _text(name, attribute=None):
    return fields.Field(column_name=name, attribute=attribute or name, widget=TextWidget())


class EntryResource(resources.ModelResource):
    """The nine columns of an entry. A reversal leaves with a minus: it counts against its category."""

    date = fields.Field(column_name="date", attribute="date", widget=DateWidget())
    account = _text("account", "account__name")
    category = _text("category", "category__name")
    subcategory = _text("subcategory")
    direction = fields.Field(column_name="direction", attribute="category__direction", widget=DirectionWidget())
    amount = fields.Field(column_name="amount", attribute="amount", widget=MoneyWidget())
    payment_mode = fields.Field(column_name="payment_mode", attribute="payment_mode", widget=ModeWidget())
    narration = _text("narration")
    reference = _text("reference")

    class Meta:
        model = LedgerEntry
        fields = (
            "date",
            "account",
            "category",
            "subcategory",
            "direction",
            "amount",
            "payment_mode",
            "narration",
            "reference",
        )
        export_order = fields

    def filter_export(self, queryset, **kwargs):
        """Both joins at once: without them each row costs two queries."""
        return queryset.select_related("account", "category")

    def dehydrate_amount(self, entry):
        return -entry.amount if entry.reversal_of_id else entry.amount
