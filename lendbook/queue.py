"""Which functions the worker runs: only those of the project's tasks, whatever a row of the queue or schedule names.

A task's payload is signed, but a schedule's row names its function in plain text: who can write the database could
otherwise have the worker run any function of Python.
"""

import logging
import pydoc
from types import SimpleNamespace

from django_q.scheduler import scheduler
from django_q.utils import close_old_django_connections

logger = logging.getLogger(__name__)

MODULES = (
    "shop.tasks",
    "ledger.tasks",
    "trackers.tasks",
    "expenses.tasks",
    "lendbook.tasks",
    "lendbook.audit",
    "lendbook.backups.tasks",
)


def locate(path):
    """The task of that dotted path, or None, which django-q2 reports as a failed task. What it imports is none."""
    module = str(path).rpartition(".")[0]
    found = pydoc.locate(path) if module in MODULES else None
    return found if getattr(found, "__module__", None) == module else None


def guard():
    """Let django-q2 find functions by our `locate` only, and mind the clock before it looks what is due."""
    from django_q import cluster, worker

    worker.pydoc = SimpleNamespace(locate=locate)
    if cluster.scheduler is scheduler:
        cluster.scheduler = mindful


def mindful(broker=None):
    """django-q2's scheduler, every half minute; before it what a wrong clock left is put right."""
    from lendbook import minding

    try:
        close_old_django_connections()
        minding.mind()
    except Exception:
        logger.exception("The clock could not be minded; what is due is looked for all the same.")
    scheduler(broker=broker)
