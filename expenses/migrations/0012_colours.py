"""Shipped tags that were never of another colour than the plain one get the shipped one, each with its history.

A tag that had another and is plain again was made so by staff, and stays.
"""

from django.db import migrations
from django.utils import timezone

PLAIN = "#6b7280"
COLOURS = {
    "Rent": "#0f766e", "Bills": "#b3872a", "Groceries": "#5b8a2f", "Food": "#b4641e", "Dineout": "#d08a5b",
    "Travel": "#2f6fb3", "Fuel": "#a63d57", "Shopping": "#7a4fa3", "Services": "#3f8f8a", "Contact": "#5c6bc0",
    "Investments": "#2e7d4f", "Fun": "#c2559b", "Health": "#c0504d", "Education": "#4a7fb5", "Insurance": "#7d8c3c",
    "EMI": "#8d5a3b", "Cash": "#6d8f4e", "Bank Charges": "#96697f", "Salary": "#3b6c9e",
}  # fmt: skip


def paint(apps, schema_editor):
    tag, history = (apps.get_model("expenses", name) for name in ("Tag", "HistoricalTag"))
    chosen = history.objects.exclude(colour=PLAIN).values("id")
    rows = list(tag.objects.filter(shipped_as__in=COLOURS, colour=PLAIN).exclude(pk__in=chosen))
    for row in rows:
        row.colour = COLOURS[row.shipped_as]
    tag.objects.bulk_update(rows, ["colour"])
    own = [field.attname for field in tag._meta.concrete_fields]
    now = timezone.now()
    history.objects.bulk_create(
        history(
            **{name: getattr(row, name) for name in own},
            history_date=now,
            history_type="~",
            history_change_reason="Shipped colour",
        )
        for row in rows
    )


class Migration(migrations.Migration):
    dependencies = [("expenses", "0011_counters_without_history")]
    operations = [migrations.RunPython(paint, migrations.RunPython.noop)]
