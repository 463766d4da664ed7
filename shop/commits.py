"""Whether the request in hand has saved something already: a fault after that must not be told as "nothing was saved"."""

import threading

from django.db import transaction

_here = threading.local()


def begin() -> None:
    """A request begins: it has saved nothing yet."""
    _here.saved = False


def note() -> None:
    """Called by who writes people's work, in his transaction: it counts once that has committed."""
    transaction.on_commit(_remember, robust=True)


def _remember():
    _here.saved = True


def has_saved() -> bool:
    """Whether the request in hand has committed people's work."""
    return getattr(_here, "saved", False)
