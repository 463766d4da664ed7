"""The pocket money that a workbook adds up to is cached beside its other sums, so that profit needs no file."""

from decimal import Decimal
from pathlib import Path

from django.conf import settings
from django.db import migrations

import shop.money_fields


def read_workbooks(apps, schema_editor):
    """Fill the column of the kind that has pocket money from its workbooks.

    A workbook that cannot be read now is left at 0: check_trackers names it, and the difference once it is back. The
    history says the same from the beginning: it never kept another figure, and the newest row of it is the row.
    """
    from trackers.workbook.errors import WorkbookError
    from trackers.workbook.read import read

    Tracker = apps.get_model("trackers", "Tracker")
    History = apps.get_model("trackers", "HistoricalTracker")
    for tracker in Tracker.objects.filter(tracker_type="1L").only("pk", "filename"):
        try:
            summary = read(Path(settings.DATA_DIR, "daily-trackers", tracker.filename).read_bytes()).summary()
        except (OSError, ValueError, WorkbookError):
            continue
        if summary["pocket_money"]:
            Tracker.objects.filter(pk=tracker.pk).update(pocket_money=summary["pocket_money"])
            History.objects.filter(id=tracker.pk).update(pocket_money=summary["pocket_money"])


def _column():
    return shop.money_fields.MoneyField(
        default=Decimal("0.00"), editable=False, help_text="Fresh money put in since; ₹1L only."
    )


class Migration(migrations.Migration):
    dependencies = [("trackers", "0005_receipts_by_day")]

    operations = [
        migrations.AddField(model_name="historicaltracker", name="pocket_money", field=_column()),
        migrations.AddField(model_name="tracker", name="pocket_money", field=_column()),
        migrations.RunPython(read_workbooks, migrations.RunPython.noop),
    ]
