"""Long work as rows: done once, whoever runs it and however often, and never half."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from ledger.tasks import sweep
from shop import jobs
from shop.models import Heartbeat, Job
from shop.tasks import run_job
from tests import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def book():
    return world.book()


@pytest.fixture
def kind(monkeypatch):
    """kind(**steps) makes a kind of work known for the test; `cleared` lists the jobs cleared away."""
    monkeypatch.setattr(jobs, "_KINDS", dict(jobs._KINDS))
    cleared = []

    def make(**steps):
        return jobs.register(jobs.Kind("walk", steps, over=lambda job: cleared.append(job.pk)))

    make.cleared = cleared
    return make


def make(book, **fields):
    return jobs.create(book=book, kind="walk", title="A walk", step="go", **fields)


def test_work_is_done_once_however_often_it_is_delivered(book, kind):
    done = []
    kind(go=lambda job, progress: done.append(job.pk) or (Job.State.DONE, {"miles": 3}))
    job = make(book)
    for _ in range(3):
        run_job(job.pk)
    job.refresh_from_db()
    assert done == [job.pk]
    assert (job.state, job.result, job.attempts) == (Job.State.DONE, {"miles": 3}, 1)
    assert kind.cleared == [job.pk]


def test_the_attempt_counts_before_the_work(book, kind):
    seen = []

    def go(job, progress):
        seen.append(Job.objects.get(pk=job.pk).attempts)
        return Job.State.DONE, {}

    kind(go=go)
    jobs.run(make(book).pk)
    assert seen == [1]


def test_a_job_is_queued_after_the_commit(book, kind, django_capture_on_commit_callbacks, monkeypatch):
    queued = []
    monkeypatch.setattr("django_q.tasks.async_task", lambda task, pk, **options: queued.append((task, pk)))
    kind(go=lambda job, progress: (Job.State.DONE, {}))
    with django_capture_on_commit_callbacks(execute=True):
        job = make(book)
        assert queued == []
    assert queued == [("shop.tasks.run_job", job.pk)]


def test_a_queue_that_is_down_loses_nothing(book, kind, django_capture_on_commit_callbacks, monkeypatch):
    def down(*args, **options):
        raise ConnectionError

    monkeypatch.setattr("django_q.tasks.async_task", down)
    kind(go=lambda job, progress: (Job.State.DONE, {}))
    with django_capture_on_commit_callbacks(execute=True):
        job = make(book)
    assert jobs.run(job.pk).state == Job.State.DONE


def killed(job, attempts=1, **fields):
    """A job whose worker died long ago in the middle of it."""
    long_ago = timezone.now() - 2 * jobs.SILENT_FOR
    Job.objects.filter(pk=job.pk).update(
        state=Job.State.RUNNING, attempts=attempts, started_at=long_ago, seen_alive_at=long_ago, **fields
    )


def test_a_killed_worker_is_followed_by_another_run(book, kind):
    kind(go=lambda job, progress: (Job.State.DONE, {}))
    job = make(book)
    killed(job)
    jobs.resume()
    assert jobs.run(job.pk).attempts == 2
    job.refresh_from_db()
    assert job.state == Job.State.DONE


def test_work_that_kills_its_worker_is_given_up_after_three_attempts(book, kind):
    kind(go=lambda job, progress: (Job.State.DONE, {}))
    job = make(book)
    killed(job, attempts=jobs.MAX_ATTEMPTS)
    sweep()
    job.refresh_from_db()
    assert job.state == Job.State.FAILED
    assert "stopped 3 times" in job.error
    assert kind.cleared == [job.pk]


def test_a_run_that_shows_life_is_left_alone(book, kind):
    kind(go=lambda job, progress: None)
    job = make(book)
    killed(job)
    Job.objects.update(seen_alive_at=timezone.now())
    jobs.resume()
    job.refresh_from_db()
    assert job.state == Job.State.RUNNING


def test_a_run_that_was_believed_dead_cannot_end_the_job_of_its_successor(book, kind):
    def go(job, progress):
        if job.attempts == 1:
            killed(job)
            jobs.resume()
            assert jobs.run(job.pk).state == Job.State.DONE
        with transaction.atomic():
            Job.objects.filter(pk=job.pk).update(title=f"Walked {job.attempts}")
            jobs.finish(job, Job.State.DONE, {"by": job.attempts})

    kind(go=go)
    job = jobs.run(make(book).pk)
    assert (job.state, job.title, job.result) == (Job.State.DONE, "Walked 2", {"by": 2})


def test_a_lost_task_is_queued_again(book, kind, django_capture_on_commit_callbacks, monkeypatch):
    queued = []
    monkeypatch.setattr("django_q.tasks.async_task", lambda task, pk, **options: queued.append(pk))
    kind(go=lambda job, progress: (Job.State.DONE, {}))
    job = make(book)
    Job.objects.update(created_at=timezone.now() - 2 * jobs.UNCLAIMED_FOR)
    with django_capture_on_commit_callbacks(execute=True):
        jobs.resume()
    assert queued == [job.pk]


def test_progress_is_kept_and_a_request_to_stop_is_heard(book, kind, monkeypatch):
    monkeypatch.setattr(jobs.Progress, "EVERY_SECONDS", 0)
    monkeypatch.setattr(jobs, "connection", type("Outside", (), {"in_atomic_block": False}))
    seen = []

    def go(job, progress):
        progress(10, 100)
        seen.append(Job.objects.values_list("done", "total").get(pk=job.pk))
        jobs.cancel(job)
        progress(20, 100)
        raise AssertionError("it went on")

    kind(go=go)
    job = jobs.run(make(book).pk)
    assert seen == [(10, 100)]
    assert job.state == Job.State.CANCELLED
    assert kind.cleared == [job.pk]


def test_a_question_waits_for_one_answer(book, kind):
    kind(ask=lambda job, progress: (Job.State.ASKS, {}), go=lambda job, progress: (Job.State.DONE, {}))
    job = jobs.create(book=book, kind="walk", title="A walk", step="ask")
    assert jobs.run(job.pk).state == Job.State.ASKS
    assert kind.cleared == []
    assert jobs.go_on(job, "go")
    assert not jobs.go_on(job, "go")
    assert jobs.run(job.pk).state == Job.State.DONE


def test_a_question_that_nobody_answers_is_dropped(book, kind):
    kind(go=lambda job, progress: (Job.State.DONE, {}))
    job = make(book, state=Job.State.ASKS)
    Job.objects.update(created_at=timezone.now() - jobs.ABANDONED_AFTER - timedelta(hours=1))
    jobs.resume()
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED


def test_what_fails_says_so_and_hides_no_fault_of_ours(book, kind):
    def refuse(job, progress):
        raise ValidationError("The road is closed. Take another.")

    kind(go=refuse)
    job = jobs.run(make(book).pk)
    assert (job.state, job.error) == (Job.State.FAILED, "The road is closed. Take another.")
    kind(go=lambda job, progress: 1 / 0)
    job = jobs.run(make(book).pk)
    assert job.state == Job.State.FAILED
    assert "log" in job.error


def test_an_undo_that_fails_leaves_the_job_done(book, kind):
    kind(undo=lambda job, progress: 1 / 0)
    job = make(book, state=Job.State.DONE)
    assert jobs.go_on(job, "undo", since=[Job.State.DONE])
    assert not jobs.cancel(job)
    job = jobs.run(job.pk)
    assert job.state == Job.State.DONE
    assert job.error


def test_the_sweep_shows_that_the_worker_lives():
    assert not jobs.is_worker_alive()
    sweep()
    assert jobs.is_worker_alive()
    Heartbeat.objects.update(beat_at=timezone.now() - timedelta(minutes=4))
    assert not jobs.is_worker_alive()
