"""What every test shares."""

import os

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Files marked `long` begin first: one that began last would leave the other worker with nothing to do."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_terminal_summary(terminalreporter, config):
    """Which database it was, since a run on the wrong one passes as well; and what gives the order of the tests again."""
    where = os.environ["DATABASE_URL"].partition(":")[0] or "sqlite"
    terminalreporter.write_line(f"Tried on {where}{' and redis' if os.environ['REDIS_URL'] else ''}.")
    if seed := config.getoption("randomly_seed", None):
        terminalreporter.write_line(f"Their order: PYTEST_ADDOPTS=--randomly-seed={seed}")


@pytest.fixture(autouse=True)
def fast_passwords(settings):
    """A test that logs in pays microseconds; the strong hash is Django's to test."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True, scope="session")
def flushed_past_the_triggers():
    """Between two tests SQLite empties its tables by DELETE, in any order: past the triggers, which refuse or note it."""
    from django.db import connection

    if connection.vendor != "sqlite":
        yield
        return
    operations = type(connection.ops)
    original = operations.execute_sql_flush

    def execute_sql_flush(self, statements):
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            triggers = cursor.fetchall()
        drops = [f"DROP TRIGGER {name}" for name, _ in triggers]
        original(self, [*drops, *statements, *(sql for _, sql in triggers)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "execute_sql_flush", execute_sql_flush)
        yield
