"""So often and no oftener: counters that all processes share, and that no restart forgets.

A try is counted before it is made, in a transaction of its own: of those that come at the same instant no more pass
than may. They stand in the database, Redis or not; while that cannot write, each process counts for itself.
"""

import hashlib
import logging
import threading
import time
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from shop import clock
from shop.disk import CANNOT_WRITE, write_if_possible
from shop.models import Tries

logger = logging.getLogger(__name__)


def take(kind, name, limit, seconds):
    """Count one try of `name`; whether it is among the first `limit` of these `seconds`, which begin with the first."""
    key = _key(kind, name)
    try:
        return _take(key, limit, seconds)
    except CANNOT_WRITE as error:
        logger.warning("A try is counted in memory, since the database cannot write now (%s).", error)
        return _take_in_memory(key, limit, seconds)


def _take(key, limit, seconds):
    now = timezone.now()
    fresh = Tries(key=key, until=now + timedelta(seconds=seconds))
    with transaction.atomic():
        Tries.objects.bulk_create([fresh], ignore_conflicts=True)
        Tries.objects.filter(key=key, until__lte=now).update(count=0, until=fresh.until)
        # Counted under a clock that was ahead: what was tried still counts, but for no longer than it may.
        Tries.objects.filter(key=key, until__gt=fresh.until + clock.TOLERANCE).update(until=fresh.until)
        Tries.objects.filter(key=key).update(count=F("count") + 1)  # holds the row until the commit
        return Tries.objects.get(key=key).count <= limit


_in_memory, _lock = {}, threading.Lock()  # key -> (count, until when by time.monotonic)
_MOST_IN_MEMORY = 10_000


def _take_in_memory(key, limit, seconds):
    now = time.monotonic()
    with _lock:
        if len(_in_memory) >= _MOST_IN_MEMORY:
            for old in [old for old, (_, until) in _in_memory.items() if until <= now]:
                del _in_memory[old]
        if len(_in_memory) >= _MOST_IN_MEMORY and key not in _in_memory:
            return False
        count, until = _in_memory.get(key, (0, 0))
        if until <= now:
            count, until = 0, now + seconds
        _in_memory[key] = count + 1, until
        return count < limit


def give_back(kind, name):
    """The try was no try: it counts no more."""
    standing = Tries.objects.filter(key=_key(kind, name), count__gt=0)
    write_if_possible("A try that is given back", lambda: standing.update(count=F("count") - 1))


def forget(kind, name):
    """Forget all tries of `name`."""
    _in_memory.pop(_key(kind, name), None)
    write_if_possible("Tries that are forgotten", Tries.objects.filter(key=_key(kind, name)).delete)


def forget_all(kind, first):
    """Forget the tries of every name of a kind that begins with `first`; returns how many counters there were."""
    own = f"{kind}:{_hashed(first)}"
    for key in [key for key in _in_memory if key == own or key.startswith(f"{own}:")]:
        _in_memory.pop(key, None)
    return Tries.objects.filter(Q(key=own) | Q(key__startswith=f"{own}:")).delete()[0]


def sweep():
    """Delete what is over."""
    Tries.objects.filter(until__lt=timezone.now()).delete()


def _key(kind, name):
    """Names of people and addresses do not stand there in clear; a name may have parts."""
    parts = name if isinstance(name, tuple) else (name,)
    return ":".join((kind, *map(_hashed, parts)))


def _hashed(part):
    return hashlib.sha256(str(part).encode()).hexdigest()[:24]
