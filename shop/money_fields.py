"""Money as Django's fields: typed in a form, kept in a column. Decimal rupees outside, whole paise in the database.

SQLite keeps a DecimalField as a binary float, whose sums drift and whose correct check constraints refuse correct rows;
whole paise are exact on every database.
"""

from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.expressions import Combinable, register_combinable_fields

from shop.money import from_paise, money_fault, parse_money, plain, rupees, to_paise


class MoneyFormField(forms.CharField):
    """A text box for an amount in rupees that accepts Indian and western grouping."""

    def __init__(self, **kwargs):
        kwargs.pop("max_length", None)
        super().__init__(**kwargs)
        self.widget.attrs.setdefault("inputmode", "decimal")
        self.widget.attrs.setdefault("autocomplete", "off")
        self.widget.attrs.setdefault("class", "money")

    def prepare_value(self, value):
        return rupees(value).replace("−", "-") if isinstance(value, Decimal) else value

    def to_python(self, value):
        text = super().to_python(value)
        return parse_money(text) if text else None

    def has_changed(self, initial, data):
        try:
            return self.to_python(data) != initial
        except ValidationError:
            return True


class MoneyField(models.Field):
    """Decimal rupees in Python, signed 64-bit whole paise in the database.

    A plain Field on purpose: as an IntegerField its sums would come back in paise and import-export would pick an
    integer widget. Literals in expressions must be wrapped: Value(Decimal("5"), output_field=MoneyField()).
    """

    description = "Rupees (whole paise)"

    def db_type(self, connection):
        return "bigint"

    def from_db_value(self, value, expression, connection):
        return None if value is None else from_paise(value)

    def to_python(self, value):
        if value is None or isinstance(value, Decimal):
            return value
        if isinstance(value, float):
            raise ValidationError("Money is never a float.", code="float")
        return parse_money(value)

    def validate(self, value, model_instance):
        super().validate(value, model_instance)
        fault = None if value is None else money_fault(value)
        if fault:
            raise ValidationError(fault, code="amount")

    def get_prep_value(self, value):
        value = super().get_prep_value(value)
        return None if value is None else to_paise(value)

    def value_to_string(self, obj):
        return plain(self.value_from_object(obj)) or ""

    def formfield(self, **kwargs):
        return super().formfield(**{"form_class": MoneyFormField, **kwargs})


for _sign in (Combinable.ADD, Combinable.SUB):
    register_combinable_fields(MoneyField, _sign, MoneyField, MoneyField)
