"""What the worker runs for backups; each docstring says what a second run does."""

import logging
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.utils import timezone

from lendbook.backups import make
from lendbook.backups.archive import ArchiveError
from shop import jobs
from shop.models import Job

KIND = "backup"
DUE_AFTER = timedelta(hours=23)

logger = logging.getLogger(__name__)


def back_up_when_due():
    """Hourly: a backup where the newest is a day old, and its second copy where that disk is back.

    So a machine that is off at night, or a disk that was full, costs hours and not a day. A second run finds both.
    """
    newest = make.newest()
    try:
        if newest is None or timezone.now() - newest.made_at > DUE_AFTER:
            make.back_up()
        else:
            make.catch_up_second_copy(newest)
    except ArchiveError as error:
        logger.error("No backup was made: %s", error)  # the home page tells it until one is


def start(book, *, user):
    """The Job of a backup that somebody asked for in `book`; of two who ask at once the second sees the first's."""
    running = Job.objects.filter(kind=KIND, state__in=[Job.State.WAITING, Job.State.RUNNING], book=book).first()
    return running or jobs.create(
        book=book, kind=KIND, title="Backup of this Lendbook", step="make", user=user, total=100
    )


def make_step(job, progress):
    """Make a backup. A second run, after a killed one, clears away what that left and makes another."""
    try:
        report = make.back_up(progress=progress)
    except ArchiveError as error:
        raise ValidationError(str(error)) from error
    return Job.State.DONE, {"archive": report.path.name, "warnings": report.warnings}


jobs.register(jobs.Kind(KIND, {"make": make_step}, page="backup"))
