"""Long work as rows: any app registers a kind with its steps; the worker, a command or a page runs them.

A run is claimed by a conditional update that counts the attempt before the work begins, and ends by another that
holds only for the run that claimed it: delivered twice, resumed after a killed worker or confirmed in two tabs, a
step is done once. Work that writes calls finish() inside its own transaction, so that what it wrote and the job's
end are one. A step that was stopped MAX_ATTEMPTS times is given up, and says so.
"""

import logging
import time
from dataclasses import dataclass
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from shop import clock
from shop.models import Heartbeat, Job

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
SILENT_FOR = timedelta(minutes=5)  # a run that shows no life for so long was killed
UNCLAIMED_FOR = timedelta(minutes=1)  # a task that nobody took for so long was lost
UNDO = "undo"  # the step that takes back what a job has done; where it fails the job stays done
ABANDONED_AFTER = timedelta(days=7)  # a question that nobody answered

_KINDS = {}


@dataclass(frozen=True)
class Kind:
    """A kind of long work: `steps` {name: work(job, progress)}, `page` the URL name of a job's page (slug, pk).

    Work returns (state, result) to end with, or None where it called finish() itself; it may run again from the
    start at any time until then. `over(job)` clears away what the job kept, e.g. files; a second call finds nothing.
    """

    name: str
    steps: dict
    page: str = "shop:job"
    over: object = None


class Cancelled(Exception):
    """Somebody asked the job to stop; its transaction rolls back."""


class Superseded(Exception):
    """Another run of the same job took over; this one's transaction rolls back."""


def register(kind):
    """Make a Kind known; apps call it from their ready()."""
    _KINDS[kind.name] = kind
    return kind


def kind_of(job):
    """The Kind of a job. Raises KeyError for a kind whose app is gone."""
    return _KINDS[job.kind]


# ------------------------------------------------------------------------------------------------ asking for work


def create(*, book, kind, title, step, user=None, file_name="", parameters=None, state=Job.State.WAITING, total=0):
    """Make a job; one that WAITS is queued after commit, one that ASKS waits for a person."""
    job = Job.objects.create(
        book=book,
        kind=kind,
        title=title[:200],
        step=step,
        created_by=user,
        file_name=file_name[:200],
        parameters=parameters or {},
        state=state,
        total=total,
    )
    if state == Job.State.WAITING:
        _wake_worker(job.pk)
    return job


def go_on(job, step, *, since=(Job.State.ASKS,), parameters=None):
    """Let a job take its next step, if it still is in one of the states `since`; False where it is not (any more).

    Two people who press the button at once start the step once.
    """
    changes = {"parameters": parameters} if parameters is not None else {}
    waiting = Job.objects.filter(pk=job.pk, state__in=since).update(
        step=step,
        state=Job.State.WAITING,
        attempts=0,
        done=0,
        cancel_requested=False,
        error="",
        started_at=timezone.now(),
        **changes,
    )
    if waiting:
        _wake_worker(job.pk)
    return bool(waiting)


def cancel(job):
    """Ask a job to stop; one that has not begun stops at once. False where it is over already, or is being undone."""
    this = Job.objects.filter(pk=job.pk).exclude(step=UNDO)
    begun = this.filter(state=Job.State.RUNNING).update(cancel_requested=True)
    idle = this.filter(state__in=[Job.State.WAITING, Job.State.ASKS])
    stopped = idle.update(state=Job.State.CANCELLED, finished_at=timezone.now())
    if stopped:
        _clear_away(job)
    return bool(begun or stopped)


def _wake_worker(pk):
    from django_q.tasks import async_task

    def wake():
        try:
            async_task("shop.tasks.run_job", pk, task_name=f"job {pk}")
        except Exception:
            logger.warning("The worker could not be told of job %s; the sweep will find it.", pk)

    transaction.on_commit(wake, robust=True)


# ------------------------------------------------------------------------------------------------ doing it


def run(pk):
    """Run the step that waits, if no other run has claimed it; returns the Job as it then stands."""
    claimed = Job.objects.filter(pk=pk, state=Job.State.WAITING).update(
        state=Job.State.RUNNING,
        attempts=F("attempts") + 1,
        started_at=timezone.now(),
        seen_alive_at=timezone.now(),
    )
    job = Job.objects.select_related("book", "created_by").get(pk=pk)
    if not claimed:
        return job
    try:
        ended = kind_of(job).steps[job.step](job, Progress(job))
        if ended is not None:
            finish(job, *ended)
    except Superseded:
        logger.warning("Job %s was taken over by another run.", pk)
    except Cancelled:
        _end(job, state=Job.State.CANCELLED)
    except ValidationError as error:
        _end(job, state=_after_a_fault(job), error=" ".join(error.messages))
    except Exception:
        logger.exception("Job %s (%s) failed.", pk, job.kind)
        _end(job, state=_after_a_fault(job), error="It stopped at a fault of Lendbook's own; the log names it.")
    job.refresh_from_db()
    if job.is_over:
        _clear_away(job)
    return job


def finish(job, state, result=None):
    """End this run, in the caller's transaction if there is one. Raises Superseded where another run took over."""
    values = {} if result is None else {"result": result}
    if not _end(job, state=state, **values):
        raise Superseded


def _end(job, **values):
    mine = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, started_at=job.started_at)
    return mine.update(finished_at=timezone.now(), seen_alive_at=timezone.now(), **values)


def _after_a_fault(job):
    return Job.State.DONE if job.step == UNDO else Job.State.FAILED


def _clear_away(job):
    over = _KINDS[job.kind].over if job.kind in _KINDS else None
    if not over:
        return
    try:
        over(job)
    except OSError as error:  # what became of the job is saved; its files go with the daily sweep
        logger.warning("What job %s kept could not be cleared away (%s).", job.pk, error)


class Progress:
    """Called by work as progress(done, total): shows life, and raises Cancelled where somebody asked to stop.

    Inside a transaction nothing is written, since nobody could see it before the commit.
    """

    EVERY_SECONDS = 0.5

    def __init__(self, job):
        self.job, self.last = job, 0.0

    def __call__(self, done, total=None):
        if time.monotonic() - self.last < self.EVERY_SECONDS:
            return
        self.last = time.monotonic()
        mine = Job.objects.filter(pk=self.job.pk, started_at=self.job.started_at, state=Job.State.RUNNING)
        if not connection.in_atomic_block:
            total = max(done, self.job.total if total is None else total)
            if not mine.update(done=done, total=total, seen_alive_at=timezone.now()):
                raise Superseded
        if mine.filter(cancel_requested=True).exists():
            raise Cancelled


# ------------------------------------------------------------------------------------------------ what got lost


def resume():
    """Every minute: wake what a lost task or a killed worker left, give up what failed too often or was abandoned.

    A second run finds nothing more to do.
    """
    now = timezone.now()
    ahead = now + clock.TOLERANCE
    Job.objects.filter(state=Job.State.RUNNING, seen_alive_at__gt=ahead).update(seen_alive_at=now)
    silent = Job.objects.filter(state=Job.State.RUNNING, seen_alive_at__lt=now - SILENT_FOR)
    for job in silent.filter(attempts__gte=MAX_ATTEMPTS):
        message = f"It was stopped {MAX_ATTEMPTS} times in the middle; nothing was left half done. Start it again."
        if silent.filter(pk=job.pk).update(state=_after_a_fault(job), error=message, finished_at=now):
            _clear_away(job)
    for job in silent.filter(cancel_requested=True):
        if silent.filter(pk=job.pk).update(state=Job.State.CANCELLED, finished_at=now):
            _clear_away(job)
    for job in silent.all():
        if silent.filter(pk=job.pk).update(state=Job.State.WAITING):
            _wake_worker(job.pk)
    waiting_since = Coalesce("started_at", "created_at")
    waiting = Job.objects.filter(state=Job.State.WAITING).annotate(waiting_since=waiting_since)
    for job in waiting.filter(Q(waiting_since__lt=now - UNCLAIMED_FOR) | Q(waiting_since__gt=ahead)):
        _wake_worker(job.pk)
    abandoned = Job.objects.filter(state=Job.State.ASKS, created_at__lt=now - ABANDONED_AFTER)
    if abandoned.exists() and clock.is_settled():
        for job in abandoned:
            cancel(job)


def is_worker_alive():
    """Whether a worker has shown life in the last three minutes (it beats every minute)."""
    beat = Heartbeat.objects.filter(name="worker").values_list("beat_at", flat=True).first()
    return beat is not None and clock.is_within(beat, timedelta(minutes=3))
