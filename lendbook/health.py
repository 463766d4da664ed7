"""For load balancers and watchers: is the process up, and can it do its work. No secrets, no login, no cookies."""

from django.db import DatabaseError, connection
from django.http import JsonResponse
from django.views.decorators.cache import never_cache

from lendbook import disk, minding
from shop import jobs


@never_cache
def healthz(request):
    """200 as long as the web process answers."""
    return JsonResponse({"ok": True})


@never_cache
def readyz(request):
    """200 when the database answers; says whether the worker showed life lately, and what should be looked at.

    503 where the database is away.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        alive = jobs.is_worker_alive()
        warnings = [words for words in (*disk.alarms(), minding.sentence()) if words]
    except DatabaseError:
        return JsonResponse({"ok": False, "database": False}, status=503)
    return JsonResponse({"ok": True, "database": True, "worker": alive, "warnings": warnings})
