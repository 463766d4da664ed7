"""No acknowledged payment is ever lost: killed at every step, power cut, disk full, folder read-only, two at once."""

import errno
import multiprocessing
import os
import resource
import signal
from datetime import date
from decimal import Decimal

import pytest
from django.db import connections

from ledger import daybook
from ledger.models import LedgerEntry
from tests import world
from tests.crash import power_cut, run_killed_at
from trackers import posting, services, soundness, store
from trackers.collect import collection
from trackers.models import Tracker
from trackers.workbook.read import read

pytestmark = pytest.mark.django_db(transaction=True)
AMOUNT = Decimal(500)


@pytest.fixture
def tracker():
    book = world.book()
    return services.open_tracker(
        customer=services.customer_for(book, "john", "John"),
        tracker_name="Scheme",
        tracker_type="50K",
        start_date=date(2024, 10, 16),
    )


def paid_days(tracker):
    return {day: values["paid"] for day, values in services.contents_of(tracker).days.items() if values.get("paid")}


def posted_days(tracker):
    return {day: amount for (day, column), amount in soundness.posted_of(tracker).amounts.items() if column == "paid"}


def assert_whole(tracker, day, acknowledged):
    """After the crash: a whole workbook at its name, and the day in both workbook and ledger or in neither."""
    assert read(store.path_of(tracker).read_bytes()).days is not None
    tracker = Tracker.objects.get(pk=tracker.pk)
    paid, posted = paid_days(tracker), posted_days(tracker)
    assert paid == posted
    assert (day in paid) >= acknowledged
    assert soundness.findings(tracker.book) == []
    assert not list(store.folder().glob(".*.waiting"))


def kill_everywhere(tracker, *, fsync=True, cut=False):
    """Record one payment per step of the protocol, killed there; returns how many steps there were."""
    step = 0
    while True:
        day = step + 1
        outcome = run_killed_at(step, lambda day=day: services.record_payment(tracker, day, paid=AMOUNT), fsync=fsync)
        if cut:
            power_cut(outcome, store.folder())
        assert_whole(tracker, day, outcome.acknowledged)
        if not outcome.killed:
            assert outcome.acknowledged
            return step
        step += 1


def test_killed_at_every_step_of_a_payment(tracker):
    assert kill_everywhere(tracker) > 15
    assert daybook.differences(tracker.book) == []


def test_power_cut_at_every_step_of_a_payment(tracker):
    assert kill_everywhere(tracker, cut=True) > 15


def test_without_fsync_the_power_cut_is_noticed(tracker):
    """The protection taken out: the test above must then fail."""
    with pytest.raises((AssertionError, store.StoreError)):
        kill_everywhere(tracker, fsync=False, cut=True)


def test_killed_at_every_step_of_opening(tracker):
    step, known = 0, 1
    while True:
        outcome = run_killed_at(
            step,
            lambda step=step: services.open_tracker(
                customer=tracker.customer, tracker_name=f"New {step}", tracker_type="1L", start_date=date(2024, 10, 16)
            ),
        )
        count = Tracker.objects.count()
        assert count - known in ((1,) if outcome.acknowledged else (0, 1))
        known = count
        assert soundness.findings(tracker.book) == []
        if not outcome.killed:
            break
        step += 1
    assert step > 10


def test_killed_at_every_step_of_a_collection_sheet(tracker):
    others = [
        services.open_tracker(
            customer=tracker.customer, tracker_name=f"S{n}", tracker_type="50K", start_date=date(2024, 10, 16)
        )
        for n in range(2)
    ]
    all_three = [tracker, *others]
    step = 0
    while True:
        day = step + 1
        on = tracker.terms.date_of(day)
        rows = [collection.Typed(one.pk, AMOUNT) for one in all_three]
        outcome = run_killed_at(
            step,
            lambda rows=rows, on=on, step=step: collection.record_payments(
                tracker.book, on, rows, user=None, token=f"press-{step}"
            ),
        )
        states = {day in paid_days(one) for one in all_three}
        assert len(states) == 1, "a sheet is saved whole or not at all"
        for one in all_three:
            assert_whole(one, day, outcome.acknowledged)
        if not outcome.killed:
            break
        step += 1
    assert step > 20


def test_disk_full_refuses_the_payment_and_leaves_everything_as_it_was(tracker):
    services.record_payment(tracker, 1, paid=AMOUNT)

    def with_a_full_disk():
        tracker.refresh_from_db()  # the database's own files are made before the disk is full
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # the kernel refuses to let a file grow further
        with pytest.raises(store.StoreError, match="Nothing was saved"):
            services.record_payment(tracker, 2, paid=AMOUNT)

    connections.close_all()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with_a_full_disk()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert paid_days(tracker) == posted_days(tracker) == {1: AMOUNT}
    assert not list(store.folder().glob(".*.waiting"))


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("function", ["open", "fsync"])
def test_a_disk_that_refuses_before_the_commit_loses_nothing(tracker, monkeypatch, function, fault):
    original = getattr(os, function)

    def refusing(*args, **kwargs):
        if function == "fsync" or ".waiting" in os.fspath(args[0]):
            raise OSError(fault, os.strerror(fault))
        return original(*args, **kwargs)

    monkeypatch.setattr(store.os, function, refusing)
    with pytest.raises(store.StoreError, match="Nothing was saved"):
        services.record_payment(tracker, 1, paid=AMOUNT)
    monkeypatch.undo()
    assert paid_days(tracker) == posted_days(tracker) == {}


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_the_move_after_the_commit_costs_no_payment(tracker, monkeypatch, fault):
    def refusing(*args):
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(store.os, "rename", refusing)
    services.record_payment(tracker, 1, paid=AMOUNT)
    monkeypatch.undo()
    assert paid_days(tracker) == posted_days(tracker) == {1: AMOUNT}


def _pay_in_a_process(tracker_id, day, locked, ready, answers):
    connections.close_all()
    if not locked:
        import contextlib

        store.locked = lambda *args: contextlib.nullcontext()
    try:
        tracker = Tracker.objects.get(pk=tracker_id)
        ready.wait(60)  # a busy machine may let one have paid before the next is begun
        services.record_payment(tracker, day, paid=AMOUNT)
        answers.put((day, True))
    except Exception:
        answers.put((day, False))


def pay_at_once(tracker, days, *, locked=True):
    """Record all days in processes of their own at once; returns the days acknowledged."""
    connections.close_all()
    fork = multiprocessing.get_context("fork")
    ready, answers = fork.Barrier(len(days)), fork.Queue()
    writers = [fork.Process(target=_pay_in_a_process, args=(tracker.pk, day, locked, ready, answers)) for day in days]
    for writer in writers:
        writer.start()
    told = [answers.get(timeout=120) for _ in writers]
    for writer in writers:
        writer.join()
    return {day for day, acknowledged in told if acknowledged}


def test_many_at_once_are_all_acknowledged_and_all_there(tracker):
    days = set(range(1, 13))
    assert pay_at_once(tracker, days) == days
    assert set(paid_days(tracker)) == set(posted_days(tracker)) == days
    assert daybook.differences(tracker.book) == []


def test_without_the_lock_writers_get_in_each_others_way_and_are_refused_rather_than_lost(tracker):
    """The protection taken out: not every payment is taken any more, yet none that was acknowledged is lost."""
    days = set(range(1, 13))
    acknowledged = pay_at_once(tracker, days, locked=False)
    assert acknowledged < days
    assert acknowledged <= set(posted_days(tracker))


def test_a_payment_sent_twice_posts_once(tracker):
    for _ in range(2):
        services.record_payment(tracker, 1, paid=AMOUNT)
    assert LedgerEntry.objects.filter(source=posting.SOURCE).count() == 1
