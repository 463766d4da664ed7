"""What the worker does by the clock: one table for all apps, written into django-q2's schedule after every migrate."""

from datetime import time, timedelta

from django.utils import timezone

# name -> (function, django-q2 schedule type, minutes)
TABLE = {
    "Finish pending days": ("ledger.tasks.sweep", "I", 1),
    "Finish interrupted workbook saves": ("trackers.tasks.recover_workbooks", "I", 1),
    "Add up the expenses": ("expenses.tasks.add_up", "I", 1),
    "Back up": ("lendbook.backups.tasks.back_up_when_due", "H", None),
    "Clear expired sessions": ("shop.tasks.clear_sessions", "D", None),
    "Seal the record": ("lendbook.audit.take_in", "I", 1),
    "Prune the record": ("lendbook.audit.prune", "D", None),
    "Check the books": ("lendbook.tasks.verify_books", "D", None),
}
_PERIODS = {"H": timedelta(hours=1), "D": timedelta(days=1)}  # the others' is in minutes
# Daily work that waits for the shop to be asleep; a machine that was off then does it when it comes up.
AT = {"Check the books": time(2, 30)}


def _first_run(name):
    now = timezone.localtime()
    if name not in AT:
        return now + timedelta(seconds=5)
    run = now.replace(hour=AT[name].hour, minute=AT[name].minute, second=0, microsecond=0)
    return run if run > now else run + timedelta(days=1)


def put_right():
    """Let no schedule wait for what a wrong clock wrote, and none count minute by minute what a machine slept through.

    django-q2 looks for the next run by adding one period after another, while it holds the write lock. Begun from just
    now it adds one. A second run changes nothing.
    """
    from django_q.models import Schedule

    now = timezone.now()
    for one in Schedule.objects.filter(name__in=TABLE, next_run__isnull=False):
        period = _PERIODS.get(one.schedule_type) or timedelta(minutes=one.minutes or 1)
        if one.next_run > now + period:
            next_run = _first_run(one.name)
        elif one.next_run < now - period:
            next_run = _first_run(one.name) - timedelta(days=1) if one.name in AT else now - timedelta(seconds=1)
        else:
            continue
        Schedule.objects.filter(pk=one.pk, next_run=one.next_run).update(next_run=next_run)


def write(sender=None, **kwargs):
    """Make the schedules be as the table says: missing ones made, changed ones mended, others of ours removed."""
    from django_q.models import Schedule

    for name, (function, kind, minutes) in TABLE.items():
        wanted = {"func": function, "schedule_type": kind, "minutes": minutes, "repeats": -1}
        found = Schedule.objects.filter(name=name).first()
        if found is None:
            Schedule.objects.create(name=name, next_run=_first_run(name), **wanted)
        elif any(getattr(found, field) != value for field, value in wanted.items()):
            Schedule.objects.filter(name=name).update(**wanted)
    put_right()
    Schedule.objects.exclude(name__in=TABLE).filter(func__regex=r"^(ledger|trackers|expenses|lendbook)\.").delete()
