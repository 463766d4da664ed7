"""The same import from several sides at once: posted once, undone once, on every database."""

import pytest
from django.test import Client
from django.urls import reverse

from ledger import daybook
from ledger.entry_import.importer import EntryImporter
from ledger.models import Category, LedgerEntry
from shop import jobs
from shop.imports import wizard
from shop.models import Job
from tests import world
from tests.ledger.test_concurrency import Thread

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = "date,category,direction,amount\n" + "".join(f"2024-01-{n % 28 + 1:02},Tea,spent,{n + 1}\n" for n in range(300))


@pytest.fixture
def book(monkeypatch):
    monkeypatch.setattr("django_q.tasks.async_task", lambda *args, **kwargs: None)
    return world.book(owner=world.person("asha"))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "entries.csv"
    path.write_text(ROWS)
    return path


def waiting(book, path):
    """The job of an upload that was checked and waits for a yes."""
    name = wizard.keep_upload([path.read_bytes()])
    owner = book.members.get().user
    job = wizard.receive(EntryImporter, book, user=owner, name=name, file_name="entries.csv", options={})
    return jobs.run(job.pk)


def together(work, count=4):
    return [thread.end() for thread in [Thread(work) for _ in range(count)]]


def test_one_file_imported_by_four_at_once_is_posted_once(book, path):
    reports = together(lambda: wizard.import_now(EntryImporter(type(book).objects.get(pk=book.pk)), path))
    assert sum(report.imported for report in reports) == 300
    assert all(report.imported + report.duplicate == 300 for report in reports)
    assert LedgerEntry.objects.count() == 300
    assert Category.objects.filter(book=book, name="Tea").count() == 1
    assert daybook.differences(book) == []


def test_confirmed_in_four_tabs_at_once_it_posts_once_and_undone_in_four_it_is_undone_once(book, path):
    job = waiting(book, path)

    def press(name):
        client = Client()
        client.force_login(book.members.get().user)
        return client.post(reverse(f"shop:{name}", args=[book.slug, job.pk])).status_code

    assert together(lambda: press("confirm_import")) == [302] * 4
    job.refresh_from_db()
    assert (job.state, job.attempts, job.result["imported"]) == (Job.State.DONE, 1, 300)
    assert LedgerEntry.objects.count() == 300
    assert together(lambda: press("undo_import")) == [302] * 4
    job.refresh_from_db()
    assert job.state == Job.State.UNDONE
    assert LedgerEntry.history.count() == 600
    assert daybook.differences(book) == []


def test_a_task_delivered_four_times_posts_once(book, path):
    job = waiting(book, path)
    jobs.go_on(job, wizard.POST)
    together(lambda: jobs.run(job.pk))
    assert LedgerEntry.objects.count() == 300
    assert Job.objects.get().attempts == 1


def test_a_worker_killed_while_posting_leaves_nothing_and_the_next_posts_all(book, path, monkeypatch):
    job = waiting(book, path)
    jobs.go_on(job, wizard.POST)
    post = EntryImporter.post

    class Killed(BaseException):
        pass

    def post_and_die(self, batch, job):
        post(self, batch, job)
        raise Killed

    monkeypatch.setattr(EntryImporter, "post", post_and_die)
    with pytest.raises(Killed):
        jobs.run(job.pk)
    assert not LedgerEntry.objects.exists()
    monkeypatch.setattr(EntryImporter, "post", post)
    Job.objects.update(seen_alive_at="2024-01-01T00:00Z")
    jobs.resume()
    assert jobs.run(job.pk).result["imported"] == 300
    assert LedgerEntry.objects.count() == 300
    assert list(wizard.folder().glob(f"{job.parameters['file']}.*")) == []
