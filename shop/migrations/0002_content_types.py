"""What is kept about a kind of row by its name (permissions, the admin's log) goes along to the rows' new room."""

from django.db import migrations

MOVED = ("book", "bookmember", "fault", "heartbeat", "historicalbook", "historicalbookmember", "job", "tries")


def move(apps, schema_editor, before="ledger", now="shop"):
    """Rename the kinds of row; one that stands under its new name already stays. A second run changes nothing."""
    ContentType = apps.get_model("contenttypes", "ContentType")
    there = set(ContentType.objects.filter(app_label=now).values_list("model", flat=True))
    moving = ContentType.objects.filter(app_label=before, model__in=MOVED).exclude(model__in=there)
    moving.update(app_label=now)


def move_back(apps, schema_editor):
    move(apps, schema_editor, before="shop", now="ledger")


class Migration(migrations.Migration):
    dependencies = [
        ("shop", "0001_initial"),
        ("ledger", "0018_ground_floor"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(move, move_back)]
