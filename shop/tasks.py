"""What the worker runs for every app. Every task may run twice (django-q2 delivers at least once); each docstring says
what then."""

from django.core.management import call_command

from shop import jobs, rate_limits
from shop.imports import wizard


def run_job(pk: int) -> None:
    """Run the step of a job that waits. A second run finds it claimed and changes nothing."""
    jobs.run(pk)


def clear_sessions() -> None:
    """Daily: delete expired sessions, counted tries, and uploads that no import claims. A second run finds none."""
    call_command("clearsessions")
    rate_limits.sweep()
    wizard.sweep_files()
