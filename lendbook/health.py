"""For load balancers and watchers: is the process up, and can it do its work. No secrets, no login, no cookies."""

from datetime import timedelta

from django.db import DatabaseError, connection
from django.http import JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from ledger.models import Heartbeat

SILENT_AFTER = timedelta(minutes=3)


@never_cache
def healthz(request):
    """200 as long as the web process answers."""
    return JsonResponse({"ok": True})


@never_cache
def readyz(request):
    """200 when the database answers; says whether the worker showed life lately. 503 where the database is away."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        beat = Heartbeat.objects.filter(name="worker").values_list("beat_at", flat=True).first()
    except DatabaseError:
        return JsonResponse({"ok": False, "database": False}, status=503)
    alive = beat is not None and timezone.now() - beat < SILENT_AFTER
    return JsonResponse({"ok": True, "database": True, "worker": alive})
