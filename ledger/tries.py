"""So often and no oftener: counters that all processes share, and that no restart forgets.

A try is counted before it is made, in a transaction of its own: of those that come at the same instant no more pass
than may. They stand in the database, Redis or not.
"""

import hashlib
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from ledger import clock
from ledger.models import Tries


def take(kind, name, limit, seconds):
    """Count one try of `name`; whether it is among the first `limit` of these `seconds`, which begin with the first."""
    key, now = _key(kind, name), timezone.now()
    fresh = Tries(key=key, until=now + timedelta(seconds=seconds))
    with transaction.atomic():
        Tries.objects.bulk_create([fresh], ignore_conflicts=True)
        Tries.objects.filter(key=key, until__lte=now).update(count=0, until=fresh.until)
        # Counted under a clock that was ahead: what was tried still counts, but for no longer than it may.
        Tries.objects.filter(key=key, until__gt=fresh.until + clock.TOLERANCE).update(until=fresh.until)
        Tries.objects.filter(key=key).update(count=F("count") + 1)  # holds the row until the commit
        return Tries.objects.get(key=key).count <= limit


def give_back(kind, name):
    """The try was no try: it counts no more."""
    Tries.objects.filter(key=_key(kind, name), count__gt=0).update(count=F("count") - 1)


def forget(kind, name):
    Tries.objects.filter(key=_key(kind, name)).delete()


def sweep():
    """Delete what is over."""
    Tries.objects.filter(until__lt=timezone.now()).delete()


def _key(kind, name):
    """Names of people and addresses do not stand there in clear."""
    return f"{kind}:{hashlib.sha256(str(name).encode()).hexdigest()[:32]}"
