"""The import wizard in the browser's eyes: File -> Columns -> Check -> Done, and Undo."""

import os
import stat
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from ledger import closing
from ledger.models import LedgerEntry
from shop import jobs
from shop.imports import tables, wizard
from shop.models import Job
from shop.views import imports
from tests import world

pytestmark = pytest.mark.django_db

ROWS = (
    "date,account,category,subcategory,direction,amount,payment_mode,narration,reference\n"
    '2024-01-15,Cash,Collection,Loan Payments,received,"1,23,456.50",Cash,Murugan,R-1\n'
    "15-01-2024,,Income,Interest,,1500,UPI,,\n"
)


@pytest.fixture
def cast():
    return world.cast()


@pytest.fixture
def staff(client, cast):
    client.force_login(cast.ravi)
    return client


@pytest.fixture(autouse=True)
def no_files_left_over():
    for path in wizard.folder().iterdir():
        path.unlink()


def at(name, *args, slug="main-street"):
    return reverse(f"shop:{name}", args=[slug, *args])


def upload(client, content=ROWS, name="entries.csv", **options):
    """Upload a file; returns the Job, or the response where the form refused it."""
    file = SimpleUploadedFile(name, content if isinstance(content, bytes) else content.encode())
    response = client.post(at("new_import", "entries"), {"file": file, **options})
    return Job.objects.latest("id") if response.status_code == 302 else response


def text(response):
    return response.content.decode()


def test_known_columns_go_straight_to_the_check_and_then_post(staff, cast):
    job = upload(staff)
    assert (job.state, job.step, job.created_by) == (Job.State.ASKS, wizard.CHECK, cast.ravi)
    page = text(staff.get(at("import", job.pk)))
    assert "Post 2 entries" in page
    assert "1,23,456.50" in page
    assert not LedgerEntry.objects.exists()
    staff.post(at("confirm_import", job.pk))
    page = text(staff.get(at("import", job.pk)))
    assert "Undo 2 entries" in page
    entry = LedgerEntry.objects.earliest("id")
    assert (entry.amount, entry.created_by, entry.job_id) == (Decimal("123456.50"), cast.ravi, job.pk)
    assert entry.history.get().history_user == cast.ravi


def test_upload_lies_under_a_name_of_ours_for_its_owner_only_and_goes_when_over(staff):
    job = upload(staff, name="../../etc/passwd")
    paths = list(wizard.folder().iterdir())
    assert len(paths) == 1 + len(wizard.FINDINGS)
    for path in paths:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert path.name.startswith(job.parameters["file"])
    assert job.file_name == "passwd"
    staff.post(at("confirm_import", job.pk))
    assert list(wizard.folder().iterdir()) == []
    staff.post(at("cancel_job", upload(staff).pk))
    assert list(wizard.folder().iterdir()) == []


def test_confirmed_twice_it_posts_once(staff):
    job = upload(staff)
    for _ in range(2):
        assert staff.post(at("confirm_import", job.pk)).status_code == 302
    assert LedgerEntry.objects.count() == 2


def test_the_same_file_again_shows_that_all_is_there(staff):
    staff.post(at("confirm_import", upload(staff).pk))
    page = text(staff.get(at("import", upload(staff).pk)))
    assert "in the book already" in page
    assert "confirm/" not in page


def test_undone_twice_is_one_undo(staff, cast):
    job = upload(staff)
    staff.post(at("confirm_import", job.pk))
    for _ in range(2):
        staff.post(at("undo_import", job.pk))
    assert LedgerEntry.objects.filter(deleted_at=None).count() == 0
    entry = LedgerEntry.objects.earliest("id")
    assert entry.history.count() == 2
    assert entry.history.latest().history_user == cast.ravi
    assert "2 entries put into the bin" in text(staff.get(at("import", job.pk)))


def test_rejected_rows_come_first_hold_all_and_can_be_downloaded(staff):
    job = upload(staff, ROWS + "2024-01-16,,Collection,,,=1+1,,,\n")
    page = text(staff.get(at("import", job.pk)))
    assert page.index("is not an amount") < page.index("1,23,456.50")
    assert "all rows or none" in page
    staff.post(at("confirm_import", job.pk))
    assert not LedgerEntry.objects.exists()
    answer = staff.get(at("rejected_rows", job.pk))
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert lines[0].startswith("line,reason,date,account")
    assert lines[1].startswith("4,")
    assert "'=1+1,," in lines[1]


def test_preview_is_paged(staff):
    rows = "".join(f"2024-01-15,,Collection,,,{amount},,,\n" for amount in range(1, 121))
    job = upload(staff, ROWS.splitlines()[0] + "\n" + rows)
    first = text(staff.get(at("import", job.pk)))
    last = text(staff.get(at("import", job.pk), {"page": 3}))
    assert first.count("<tbody>") == imports.ROWS_PER_PAGE
    assert last.count("<tbody>") == 20
    assert "Page 3 of 3" in last
    assert text(staff.get(at("import", job.pk), {"show": "rejected"})).count("<tbody>") == 0


def test_unknown_columns_are_asked_for_with_samples_as_understood(staff):
    job = upload(staff, 'Tag,Summe,Topf,Extra\n16/1/2024,"1,23,456",Collection,x\n')
    assert (job.state, job.step) == (Job.State.ASKS, wizard.COLUMNS)
    page = text(staff.get(at("import", job.pk)))
    assert "= 16-01-2024" in page
    assert "= 1,23,456.00" in page
    answer = staff.post(at("import_columns", job.pk), {"role_0": "date", "role_1": "date"})
    assert answer.status_code == 400
    assert "Date was chosen for 2 columns" in text(answer)
    assert "Choose the column that holds the amount" in text(answer)
    staff.post(at("import_columns", job.pk), {"role_0": "date", "role_1": "amount", "role_2": "category"})
    staff.post(at("confirm_import", job.pk))
    assert LedgerEntry.objects.get().amount == Decimal("123456")


def test_closed_days_can_be_checked_again_as_adjustments(staff, cast):
    closing.close_day(cast.main, LedgerEntry._meta.get_field("date").to_python("2024-01-31"))
    job = upload(staff)
    assert "is closed" in text(staff.get(at("import", job.pk)))
    staff.post(at("check_again", job.pk), {"adjust": "on"})
    staff.post(at("confirm_import", job.pk))
    assert LedgerEntry.objects.filter(adjusts_date="2024-01-15").count() == 2


def test_a_book_that_changed_since_the_check_is_asked_again(staff, cast):
    job = upload(staff)
    closing.close_day(cast.main, LedgerEntry._meta.get_field("date").to_python("2024-01-31"))
    staff.post(at("confirm_import", job.pk))
    page = text(staff.get(at("import", job.pk)))
    assert "The book changed since" in page
    assert "is closed" in page
    assert not LedgerEntry.objects.exists()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "The file is empty"),
        (b"date,category,amount\n", "no rows"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 100, "password"),
        (b"x" * (tables.MAX_BYTES + 1), "10 MB"),
        (b"date,category,amount\n1,\x01,2\n", "control characters"),
    ],
)
def test_unusable_uploads_say_why_and_leave_nothing(staff, content, word):
    answer = upload(staff, content)
    assert answer.status_code == 400
    assert word in text(answer)
    assert not Job.objects.exists()
    assert list(wizard.folder().iterdir()) == []


def test_no_file_is_said(staff):
    answer = staff.post(at("new_import", "entries"))
    assert "Choose a file first" in text(answer)


def test_templates_are_offered_in_both_forms(staff):
    page = text(staff.get(at("new_import", "entries")))
    for kind in ("csv", "xlsx"):
        url = at("import_template", "entries", kind)
        assert url in page
        answer = staff.get(url)
        assert f'filename="entries.{kind}"' in answer["Content-Disposition"]
        job = upload(staff, answer.content, name=f"entries.{kind}")
        assert job.result["rejected"] == 0
    assert staff.get(at("import_template", "entries", "pdf")).status_code == 404


def test_large_files_wait_for_the_worker_and_the_page_shows_how_far(staff, monkeypatch):
    monkeypatch.setattr(imports, "SMALL_ROWS", 1)
    monkeypatch.setattr(jobs, "is_worker_alive", lambda: True)
    job = upload(staff)
    assert job.state == Job.State.WAITING
    page = text(staff.get(at("import", job.pk)))
    assert "<progress" in page
    assert '<meta http-equiv="refresh"' in page
    assert at("job_progress", job.pk) in page
    assert staff.get(at("job_progress", job.pk)).json()["busy"] is True
    Job.objects.update(created_at="2024-01-01T00:00Z", started_at=None)
    assert "Do it now" in text(staff.get(at("import", job.pk)))
    staff.post(at("run_job", job.pk))
    assert staff.get(at("job_progress", job.pk)).json()["busy"] is False
    assert "Post 2 entries" in text(staff.get(at("import", job.pk)))


def test_without_a_worker_the_page_does_the_work(staff, monkeypatch):
    monkeypatch.setattr(imports, "SMALL_ROWS", 1)
    assert upload(staff).state == Job.State.ASKS


def test_a_waiting_import_can_be_stopped(staff, monkeypatch):
    monkeypatch.setattr(imports, "SMALL_ROWS", 1)
    monkeypatch.setattr(jobs, "is_worker_alive", lambda: True)
    job = upload(staff)
    staff.post(at("cancel_job", job.pk))
    assert jobs.run(job.pk).state == Job.State.CANCELLED
    assert "Nothing was posted" in text(staff.get(at("import", job.pk)))


def test_the_list_shows_imports_and_an_empty_one_says_what_to_do(staff):
    assert "Nothing was imported yet" in text(staff.get(at("imports")))
    job = upload(staff)
    page = text(staff.get(at("imports")))
    assert at("import", job.pk) in page
    assert "2 to import" in page


def test_foreign_imports_do_not_exist_and_agents_and_auditors_may_not(client, cast):
    client.force_login(cast.ravi)
    job = upload(client)
    client.force_login(cast.charlie)
    for name in ("import", "rejected_rows", "job_progress", "job", "choose_columns"):
        assert client.get(at(name, job.pk)).status_code == 404
        assert client.get(at(name, job.pk, slug="other-road")).status_code == 404
    for name in ("confirm_import", "undo_import", "cancel_job", "check_again", "run_job", "import_columns"):
        assert client.post(at(name, job.pk)).status_code == 404
        assert client.post(at(name, job.pk, slug="other-road")).status_code == 404
    for user in (cast.kumar, cast.meena):
        client.force_login(user)
        assert client.get(at("imports")).status_code == 403
        assert client.get(at("new_import", "entries")).status_code == 403
        assert client.post(at("confirm_import", job.pk)).status_code == 403
    assert not LedgerEntry.objects.exists()


def test_the_list_of_entries_leads_to_the_import_and_to_what_it_posted(client, cast):
    client.force_login(cast.ravi)
    listed = reverse("admin:ledger_ledgerentry_changelist")
    door = reverse("admin:ledger_ledgerentry_import")
    assert door in text(client.get(listed))
    assert client.get(door)["Location"] == at("new_import", "entries")
    job = upload(client)
    client.post(at("confirm_import", job.pk))
    assert f"{listed}?job={job.pk}" in text(client.get(at("import", job.pk)))
    for user in (cast.kumar, cast.meena):
        client.force_login(user)
        assert door not in text(client.get(listed))
        assert client.get(door).status_code == 403


def test_uploads_that_no_import_claims_are_swept_away(staff):
    job = upload(staff)
    stray = wizard.folder() / "0123.upload"
    stray.write_text("x")
    wizard.sweep_files()
    assert stray.exists()
    for path in wizard.folder().iterdir():
        os.utime(path, (0, 0))
    wizard.sweep_files()
    assert not stray.exists()
    assert wizard.upload_path(job).exists()
