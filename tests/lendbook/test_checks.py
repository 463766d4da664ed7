"""System checks: a setting that can lose data or open a door fails, with the way out."""

import pytest
from django.core.checks import run_checks
from django.db import connection


def faults(**options):
    return [fault.id for fault in run_checks(**options) if fault.id.startswith("lendbook.")]


def test_the_settings_as_they_are_have_no_fault():
    assert faults() == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"retry": 60, "timeout": 60}, "lendbook.E001"),
        ({"max_attempts": 0}, "lendbook.E002"),
        ({"catch_up": True}, "lendbook.E003"),
    ],
)
def test_a_queue_that_doubles_tasks_is_refused(settings, change, fault):
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, **change}
    assert faults() == [fault]


@pytest.mark.parametrize("name", ["secret_key", "db.sqlite3"])
def test_files_that_others_can_open_are_named_with_the_command_that_mends_them(settings, tmp_path, name):
    settings.DATA_DIR = tmp_path
    tmp_path.chmod(0o700)
    (tmp_path / name).touch(mode=0o600)
    assert faults() == []
    (tmp_path / name).chmod(0o640)
    assert faults() == ["lendbook.E004"]
    (hint,) = [fault.hint for fault in run_checks() if fault.id == "lendbook.E004"]
    assert hint == f"chmod go-rwx '{tmp_path / name}'"


def test_uploads_that_others_can_open_are_refused(settings):
    settings.FILE_UPLOAD_PERMISSIONS = 0o644
    assert faults() == ["lendbook.E005"]


def test_a_cache_that_processes_do_not_share_is_refused(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    assert faults() == ["lendbook.E006"]


@pytest.mark.django_db
def test_the_database_keeps_what_it_acknowledged():
    assert faults(databases=["default"]) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="SQLite's own setting")
def test_sqlite_that_may_forget_a_commit_is_refused():
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=NORMAL")
        try:
            assert faults(databases=["default"]) == ["lendbook.E007"]
        finally:
            cursor.execute("PRAGMA synchronous=FULL")


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="PostgreSQL's own setting")
def test_postgresql_that_may_forget_a_commit_is_refused_in_prod(settings):
    settings.PROD = True
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        try:
            assert "lendbook.E009" in faults(databases=["default"])
        finally:
            cursor.execute("RESET synchronous_commit")
