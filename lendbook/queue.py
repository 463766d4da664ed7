"""Which functions the worker runs: only those of the project's tasks, whatever a row of the queue or schedule names.

A task's payload is signed, but a schedule's row names its function in plain text: who can write the database could
otherwise have the worker run any function of Python.
"""

import pydoc
from types import SimpleNamespace

MODULES = (
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
    """Let django-q2 find functions by our `locate` only."""
    from django_q import worker

    worker.pydoc = SimpleNamespace(locate=locate)
