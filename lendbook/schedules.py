"""What the worker does by the clock: one table for all apps, written into django-q2's schedule after every migrate."""

from datetime import timedelta

from django.utils import timezone

# name -> (function, django-q2 schedule type, minutes)
TABLE = {
    "Finish pending days": ("ledger.tasks.sweep", "I", 1),
    "Finish interrupted workbook saves": ("trackers.tasks.recover_workbooks", "I", 1),
    "Clear expired sessions": ("ledger.tasks.clear_sessions", "D", None),
}


def write(sender=None, **kwargs):
    """Make the schedules be as the table says: missing ones made, changed ones mended, others of ours removed."""
    from django_q.models import Schedule

    for name, (function, kind, minutes) in TABLE.items():
        wanted = {"func": function, "schedule_type": kind, "minutes": minutes, "repeats": -1}
        found = Schedule.objects.filter(name=name).first()
        if found is None:
            Schedule.objects.create(name=name, next_run=timezone.now() + timedelta(seconds=5), **wanted)
        elif any(getattr(found, field) != value for field, value in wanted.items()):
            Schedule.objects.filter(name=name).update(**wanted)
    Schedule.objects.exclude(name__in=TABLE).filter(func__regex=r"^(ledger|trackers|expenses|lendbook)\.").delete()
