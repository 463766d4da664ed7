"""An upload whose worker is killed, or that comes twice at once: in whole, or not at all, and nothing left over."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from expenses.incoming import uploads
from expenses.models import PayeeId, RejectedRow, Statement, StatementMapping, Transaction
from ledger.models import Account
from lendbook import instance
from shop import jobs
from shop.imports import wizard
from shop.models import Job
from tests import world
from tests.crash import run_killed_at
from tests.expenses.test_uploads import BASE, MAPPING, STRANGE, press
from tests.ledger.test_concurrency import Thread

pytestmark = pytest.mark.django_db(transaction=True)
CONTENT = (
    "Date,Narration,Value Date,Debit Amount,Credit Amount,Chq/Ref Number,Closing Balance\n"
    + "".join(f"01/09/26,UPI-SHOP {n}-SHOP{n}@YBL-100000000001-X,,{n + 1}.00,,{n},\n" for n in range(50))
    + "01/09/26,SHOP,,x,,51,\n"
).encode()


@pytest.fixture
def bank(settings, tmp_path, monkeypatch):
    monkeypatch.setattr("django_q.tasks.async_task", lambda *args, **options: None)
    settings.DATA_DIR = instance.make_folders(tmp_path, "testing")
    return Account.objects.get(book=world.book(owner=world.person("asha")), name="Bank")


def received(bank, content=CONTENT):
    """The job of an upload that was read and asks for a yes."""
    (job,) = uploads.receive(bank, [SimpleUploadedFile("a.csv", content)], user=bank.book.members.get().user)
    return jobs.run(job.pk)


def confirmed(bank, content=CONTENT):
    job = received(bank, content)
    assert jobs.go_on(job, uploads.BRING_IN)
    return job


def rows():
    return [model.objects.count() for model in MODELS]


HISTORY = Transaction.history.model
MODELS = (Statement, Transaction, HISTORY, RejectedRow, PayeeId)


NOTHING, ALL = [0, 0, 0, 0, 0], [1, 50, 50, 1, 50]


def after_the_kill(job):
    """Let the sweep find the killed run, and the next worker do it."""
    Job.objects.filter(state=Job.State.RUNNING).update(seen_alive_at="2024-01-01T00:00Z")
    jobs.resume()
    return jobs.run(job.pk)


def test_a_worker_killed_at_any_durable_step_leaves_all_or_nothing_and_the_next_finishes(bank):
    seen, step, killed = set(), 0, True
    while killed:
        job = confirmed(bank, CONTENT + b"\n" * step)  # other bytes, so that each is another file
        outcome = run_killed_at(step, lambda job=job: jobs.run(job.pk))
        killed, found = outcome.killed, rows()
        assert found in (NOTHING, ALL), f"half an import after step {step}"
        state = Job.objects.get(pk=job.pk).state
        assert state == (Job.State.RUNNING if found == NOTHING else Job.State.DONE)
        seen.add(state)
        assert after_the_kill(job).state == Job.State.DONE
        assert rows() == ALL
        wizard.sweep_files()
        for model in (Transaction, HISTORY, RejectedRow, Statement, PayeeId):
            model.objects.all().delete()
        step += 1
    assert seen == {Job.State.RUNNING, Job.State.DONE}
    assert step > 3


def test_an_upload_killed_at_any_durable_step_is_a_job_or_nothing(bank, monkeypatch):
    monkeypatch.setattr(
        "shop.imports.wizard.timezone.now", lambda now=wizard.timezone.now: now() + jobs.SILENT_FOR * 24
    )
    step, killed = 0, True
    while killed:
        outcome = run_killed_at(step, lambda: received(bank))
        killed = outcome.killed
        for job in Job.objects.all():
            assert after_the_kill(job).state == Job.State.ASKS
            jobs.cancel(job)
        assert rows() == NOTHING
        wizard.sweep_files()
        assert list(wizard.folder().iterdir()) == []
        Job.objects.all().delete()
        step += 1
    assert step > 2


def test_one_file_of_two_people_at_once_comes_in_once(bank):
    both = [confirmed(bank), confirmed(bank)]
    for thread in [Thread(lambda job=job: jobs.run(job.pk)) for job in both]:
        thread.end()
    found = sorted(
        [job.result[name] for name in ("rows_in", "imported", "duplicate", "rejected")] for job in Job.objects.all()
    )
    assert found == [[51, 0, 50, 1], [51, 50, 0, 1]]
    assert rows() == ALL


def test_one_yes_in_four_tabs_at_once_brings_in_once_and_four_times_undone_is_once(bank):
    job, client = received(bank), world.browser(bank.book.members.get().user)
    look = f"{BASE}upload/{job.pk}/"
    for thread in [
        Thread(lambda: press(world.browser(job.created_by), look, do="import").status_code) for _ in range(4)
    ]:
        assert thread.end() == 302
    assert rows() == ALL
    address = f"{BASE}{Statement.objects.get().pk}/undo/"
    for thread in [Thread(lambda: world.browser(job.created_by).post(address).status_code) for _ in range(4)]:
        assert thread.end() == 302
    assert rows() == [1, 0, 100, 1, 50]
    assert client.get(look).status_code == 200


def test_a_mapping_of_an_import_that_failed_is_not_remembered(bank, monkeypatch):
    job, client = received(bank, STRANGE), world.browser(bank.book.members.get().user)
    look = f"{BASE}upload/{job.pk}/"
    press(client, look, do="read", **MAPPING)

    def fail(*args, **options):
        raise OSError("the disk is full")

    monkeypatch.setattr("expenses.incoming.history.write", fail)
    press(client, look, do="import")
    assert Job.objects.get().state == Job.State.FAILED
    assert "Lendbook&#x27;s own" in client.get(look).content.decode()
    assert rows() == NOTHING
    assert not StatementMapping.objects.exists()
    assert list(wizard.folder().iterdir()) == []
