"""A clock that was wrong for one run: afterwards nothing waits for the day it showed, and everybody is told."""

import io
import json
import os
import uuid
from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.utils import timezone
from django_q import cluster
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule

from ledger.models import DaySeen
from ledger.tasks import sweep
from lendbook import audit, minding, queue, schedules, second_factor, setup
from lendbook.backups import keep, make, tasks
from lendbook.models import AuditRow, AuditSeal, SecondFactor
from shop import clock, jobs, rate_limits
from shop.models import Job, Tries
from shop.tokens import staff_tokens
from tests import world
from tests.trackers.portal.cast import customers
from trackers import disputes
from trackers.portal.links import tokens

pytestmark = pytest.mark.django_db

AHEAD = [timedelta(minutes=10), timedelta(hours=5), timedelta(days=1), timedelta(days=40), timedelta(days=4000)]


@pytest.fixture
def now():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def worker(monkeypatch):
    """What the worker does every half minute, without a cluster: the functions that it queued."""
    asked = []
    monkeypatch.setattr("django_q.scheduler.async_task", lambda func, *args, **kwargs: asked.append(func) or "ab" * 16)
    monkeypatch.setattr("django_q.scheduler.close_old_django_connections", lambda: None)
    monkeypatch.setattr(queue, "close_old_django_connections", lambda: None)
    monkeypatch.setattr(minding, "_last", None)

    def turn():
        asked.clear()
        cluster.scheduler(broker=object())
        return list(asked)

    return turn


def test_the_worker_minds_the_clock_before_it_looks_what_is_due():
    assert cluster.scheduler is queue.mindful


@pytest.mark.parametrize("ahead", AHEAD, ids=str)
def test_after_a_run_ahead_every_schedule_runs_as_if_nothing_had_been(now, worker, ahead):
    now.shift(ahead)
    worker()
    now.shift(timedelta(minutes=2))
    assert worker()
    now.shift(-ahead)
    now.shift(timedelta(minutes=1))
    worker()
    period = {"I": timedelta(minutes=1), "H": timedelta(hours=1), "D": timedelta(days=1)}
    for one in Schedule.objects.all():
        assert one.next_run <= timezone.now() + period[one.schedule_type], one.name
    now.shift(timedelta(minutes=2))
    by_the_minute = {function for function, kind, _ in schedules.TABLE.values() if kind == "I"}
    assert by_the_minute <= set(worker())


def test_a_start_alone_puts_schedules_right(now):
    Schedule.objects.update(next_run=timezone.now() + timedelta(days=300))
    schedules.write()
    assert not Schedule.objects.filter(next_run__gt=timezone.now() + timedelta(days=1)).exists()
    before = list(Schedule.objects.order_by("pk").values())
    schedules.put_right()
    assert list(Schedule.objects.order_by("pk").values()) == before


def test_a_machine_that_was_off_for_months_adds_one_period_and_not_each(now, worker, monkeypatch):
    worker()
    now.shift(timedelta(days=200))
    counted = []
    original = Schedule.calculate_next_run
    monkeypatch.setattr(
        Schedule, "calculate_next_run", lambda self, since=None: counted.append(1) or original(self, since)
    )
    asked = worker()
    assert len(counted) <= 2 * len(schedules.TABLE)
    assert set(asked) == {function for function, _, _ in schedules.TABLE.values()}
    nightly = Schedule.objects.get(name="Check the books")
    assert timezone.localtime(nightly.next_run).time() == schedules.AT["Check the books"]


# ------------------------------------------------------------------------------------------------ it is told


def test_that_the_clock_went_back_is_told_for_a_week(now, worker, client, home):
    cast = world.cast()
    world.post(cast.main, "2024-01-15")
    asha = world.browser(cast.asha)
    assert client.get("/readyz").json()["warnings"] == []
    now.shift(timedelta(days=1))
    sweep()
    worker()
    now.shift(timedelta(days=-1))
    assert client.get("/readyz").json()["worker"] is False  # the beat lies in the future
    assert not jobs.is_worker_alive()
    worker()
    sweep()
    answer = client.get("/readyz").json()
    assert answer["worker"] is True
    assert "The clock went back" in answer["warnings"][0]
    assert "The clock went back" in asha.get("/books/main-street/").content.decode()
    assert "The clock went back" in asha.get("/books/main-street/faults/").content.decode()
    out = io.StringIO()
    call_command("verify", json=True, stdout=out)
    report = json.loads(out.getvalue())
    assert report["sound"] is True
    assert "The clock went back" in report["notes"][0]
    now.shift(timedelta(days=2))
    worker()
    assert client.get("/readyz").json()["warnings"]
    now.shift(timedelta(days=2))
    worker()
    now.shift(timedelta(days=2))
    worker()
    now.shift(timedelta(days=2))
    worker()
    assert client.get("/readyz").json()["warnings"] == []


def test_a_clock_that_goes_on_is_told_of_by_nobody(now, worker, client):
    for step in (30, 30, 3600, 86400, 10 * 86400, -60):
        now.shift(timedelta(seconds=step))
        worker()
        assert client.get("/readyz").json()["warnings"] == [], step


def test_entries_of_days_that_have_not_come_yet_are_named(now):
    book = world.book()
    with time_machine.travel(timezone.now() + timedelta(days=3), tick=False):
        world.post(book, book.today().isoformat())
    (note,) = minding.notes([book])
    assert "1 entry bears a day that has not come yet" in note


# ------------------------------------------------------------------------------------------------ each stored moment


@pytest.mark.parametrize("ahead", AHEAD, ids=str)
def test_a_backup_is_due_today_whatever_lies_in_the_folder_from_tomorrow(now, home, monkeypatch, ahead):
    made = []
    monkeypatch.setattr(make, "back_up", lambda *args, **kwargs: made.append(1))
    moment = timezone.localtime() + ahead
    (make.folder() / f"lendbook-testing-{moment:%Y%m%d-%H%M%S}.zip").write_bytes(b"x")
    tasks.back_up_when_due()
    assert made == [1]
    assert make.newest() is None


def test_home_and_the_page_of_backups_say_nothing_of_today_by_an_archive_from_tomorrow(now, home):
    cast = world.cast()
    world.post(cast.main, "2024-01-15")
    moment = timezone.localtime() + timedelta(days=1)
    (make.folder() / f"lendbook-testing-{moment:%Y%m%d-%H%M%S}.zip").write_bytes(b"x")
    asha = world.browser(cast.asha)
    words = asha.get("/books/main-street/").content.decode()
    assert "Backup today" not in words
    assert "No backup yet" in words
    page = asha.get("/books/main-street/backups/").content.decode()
    assert "from the future: the clock was wrong" in page
    assert "None of today’s time" in page


def test_archives_from_the_future_stay_and_take_no_others_place():
    now = timezone.now()
    past = [now - timedelta(days=days, hours=2) for days in range(30)]
    ahead = [now + timedelta(days=days) for days in range(1, 20)]
    assert keep.kept(past + ahead, now) == keep.kept(past, now) | set(ahead)


@pytest.mark.parametrize("ahead", AHEAD, ids=str)
def test_a_count_of_tries_waits_no_longer_than_it_may(now, ahead):
    now.shift(ahead)
    assert [rate_limits.take("look", "a", 2, 900) for _ in range(3)] == [True, True, False]
    now.shift(-ahead)
    assert not rate_limits.take("look", "a", 2, 900)  # counted all the same
    assert Tries.objects.get().until <= timezone.now() + timedelta(seconds=900) + clock.TOLERANCE
    now.shift(timedelta(seconds=901) + clock.TOLERANCE)
    assert rate_limits.take("look", "a", 2, 900)


@pytest.mark.parametrize("ahead", AHEAD, ids=str)
def test_wrong_codes_and_a_used_one_of_tomorrow_lock_nobody_out(now, ahead):
    user = world.person("asha")
    secret = "JBSWY3DPEHPK3PXP" * 2
    now.shift(ahead)
    period = int(timezone.now().timestamp()) // 30
    second_factor.activate(user, secret, second_factor.code_at(secret, period))
    for _ in range(second_factor.WRONG_CODES):
        second_factor.refusal(user, "000000")
    now.shift(-ahead)
    assert second_factor.refusal(user, "000000") == second_factor.WAITING
    assert SecondFactor.objects.get().wrong_at <= timezone.now() + second_factor.WAIT
    now.shift(second_factor.WAIT + timedelta(seconds=60))
    period = int(timezone.now().timestamp()) // 30
    assert second_factor.refusal(user, second_factor.code_at(secret, period)) == ""


def test_a_code_is_good_once_however_the_clock_goes(now):
    user = world.person("asha")
    secret = "JBSWY3DPEHPK3PXP" * 2
    period = int(timezone.now().timestamp()) // 30
    code = second_factor.code_at(secret, period)
    second_factor.activate(user, secret, code)
    SecondFactor.objects.update(used_period=period + 3000)
    assert second_factor.refusal(user, code) == second_factor.WRONG


def test_who_was_seen_tomorrow_is_logged_out_after_an_idle_hour_of_today(now, settings):
    cast = world.cast()
    client = world.browser(cast.ravi)
    now.shift(timedelta(hours=5))
    client.get("/books/main-street/")
    now.shift(timedelta(hours=-5))
    assert client.get("/books/main-street/").status_code == 200
    now.shift(timedelta(minutes=settings.IDLE_MINUTES + 1))
    assert client.get("/books/main-street/").status_code == 302


def test_a_session_of_tomorrow_lives_no_longer_than_one_of_today(now, settings):
    now.shift(timedelta(days=40))
    world.browser(world.person("asha"))
    now.shift(timedelta(days=-40))
    minding.put_right()
    latest = timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE)
    assert Session.objects.get().expire_date <= latest + clock.TOLERANCE


@pytest.mark.parametrize("kept", [staff_tokens, tokens])
def test_a_link_from_the_future_is_worth_nothing_and_one_of_today_is(now, kept):
    user = world.person("asha")
    of_today = kept.make_token(user)
    now.shift(timedelta(days=5))
    of_tomorrow = kept.make_token(user)
    now.shift(timedelta(days=-5))
    assert kept.check_token(user, of_today)
    assert not kept.check_token(user, of_tomorrow)
    assert not kept.check_token(user, "nonsense")
    now.shift(timedelta(seconds=-60))
    assert kept.check_token(user, of_today)  # another process's clock


def test_the_token_of_the_set_up_is_not_good_for_longer(now, home):
    token = setup.new_token()
    assert token
    assert setup._is_valid(token)
    ahead = timezone.now().timestamp() + 7200
    os.utime(setup._token_path(), (ahead, ahead))
    assert not setup._is_valid(token)


def test_a_task_queued_tomorrow_is_taken_today(now):
    now.shift(timedelta(days=1))
    OrmQ.objects.create(key="x", payload="", lock=timezone.now() - timedelta(seconds=Conf.RETRY))
    now.shift(timedelta(days=-1))
    minding.put_right()
    assert OrmQ.objects.get().lock < timezone.now() - timedelta(seconds=Conf.RETRY)


def test_a_job_begun_or_asked_for_tomorrow_goes_on_today(now, monkeypatch):
    woken = []
    monkeypatch.setattr(jobs, "_wake_worker", woken.append)
    book = world.book()
    with time_machine.travel(timezone.now() + timedelta(days=1), tick=False):
        waiting = jobs.create(book=book, kind="x", title="X", step="y")
        running = jobs.create(book=book, kind="x", title="X", step="y")
        Job.objects.filter(pk=running.pk).update(
            state="running", started_at=timezone.now(), seen_alive_at=timezone.now(), attempts=1
        )
    woken.clear()
    jobs.resume()
    assert woken == [waiting.pk]
    now.shift(jobs.SILENT_FOR + timedelta(seconds=1))
    jobs.resume()
    assert running.pk in woken


def test_what_a_person_saw_tomorrow_he_saw_now(now):
    book, user = world.book(), world.person("kumar")
    DaySeen.objects.create(
        user=user, book=book, date=book.today(), closing_balance=1, seen_at=timezone.now() + timedelta(days=2)
    )
    minding.put_right()
    assert DaySeen.objects.get().seen_at == timezone.now()


def test_what_customers_said_tomorrow_takes_no_say_of_today(now):
    murugan = customers().murugan
    tracker, user = murugan.tracker, murugan.user
    asked = {"kind": "missing", "date": tracker.book.today(), "amount": None}
    with time_machine.travel(timezone.now() + timedelta(days=2), tick=False):
        for _ in range(disputes.PER_DAY):
            disputes.say(tracker, user=user, key=str(uuid.uuid4()), **asked)
    for _ in range(disputes.PER_DAY):
        disputes.say(tracker, user=user, key=str(uuid.uuid4()), **asked)
    with pytest.raises(disputes.TooOften):
        disputes.say(tracker, user=user, key=str(uuid.uuid4()), **asked)


# ------------------------------------------------------------------------------------------------ nothing old is lost


def test_a_clock_years_ahead_deletes_no_record_backup_or_question(now, worker, home):
    user = world.person("asha")
    audit.note(user, "home")
    audit.take_in()
    worker()
    book = world.book()
    job = jobs.create(book=book, kind="x", title="X", step="y", state=Job.State.ASKS)
    names = []
    for days in range(40):
        moment = timezone.localtime() - timedelta(days=days)
        names.append(f"lendbook-testing-{moment:%Y%m%d-%H%M%S}.zip")
        (make.folder() / names[-1]).write_bytes(b"x")
    now.shift(timedelta(days=800))
    worker()
    audit.prune()
    jobs.resume()
    assert make.let_go(make.folder()) == []
    assert AuditSeal.objects.count() == AuditRow.objects.count() == 1
    job.refresh_from_db()
    assert job.state == Job.State.ASKS
    now.shift(timedelta(days=-800))
    worker()
    assert clock.is_settled()
    assert make.let_go(make.folder())


def test_a_machine_that_was_off_for_long_clears_away_a_day_later(now, worker, home):
    now.shift(timedelta(days=-1000))  # the database's own clock, which guards the record, does not travel
    audit.note(world.person("asha"), "home")
    audit.take_in()
    worker()
    now.shift(timedelta(days=500))
    for _ in range(26):
        worker()
        now.shift(timedelta(hours=1))
    audit.prune()
    assert not AuditRow.objects.exists()


def test_what_was_pruned_by_a_clock_a_little_ahead_is_no_fault_afterwards(now, worker, home):
    now.shift(timedelta(days=-1000))
    user = world.person("asha")
    for _ in range(2):
        audit.note(user, "home")
        audit.take_in()
        now.shift(timedelta(days=1))
    now.shift(timedelta(days=364, hours=12))
    worker()
    now.shift(timedelta(days=2))
    audit.note(user, "home")
    audit.take_in()
    first = AuditSeal.objects.order_by("pk").first()
    audit.prune()
    assert not AuditSeal.objects.filter(pk=first.pk).exists()
    now.shift(timedelta(days=-2))
    assert list(audit.unproved()) == []
