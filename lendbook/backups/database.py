"""The database at one moment: held fast while its workbooks are gathered, saved whole, and brought back elsewhere.

SQLite is copied by its backup API out of a read transaction, which no writer waits for; PostgreSQL by pg_dump out of
an exported snapshot. Both so hold the same moment as the rows that were asked for beforehand.
"""

import os
import re
import sqlite3
import subprocess
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from django.db import DatabaseError, connection
from django.db.utils import ConnectionHandler

from lendbook.backups.archive import POSTGRESQL, SQLITE, ArchiveError

# Logins in force, what can be asked for again, and tasks that only wake the worker: of no use in another place.
EMPTIED = ("django_session", "usersessions_usersession", "lendbook_cache", "django_q_ormq")
RESTORING = "lendbook_restoring"  # a table that says whose restore into this database is not finished
_PAGES = 2000


@contextmanager
def moment():
    """Hold the database as it is now, for reading: a Moment with `rows(sql)` and `save(path, progress)`."""
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None, timeout=20)) as source:
            source.execute("BEGIN")
            yield _SqliteMoment(source)
    else:
        source = connection.copy()
        try:
            with source.cursor() as cursor:
                cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                cursor.execute("SELECT pg_export_snapshot()")
                yield _PostgresqlMoment(source, cursor, cursor.fetchone()[0])
        finally:
            source.close()


class _SqliteMoment:
    name = SQLITE

    def __init__(self, source):
        self._source = source
        self.rows("SELECT 1 FROM django_migrations LIMIT 1")  # the first reading sets the moment

    def rows(self, sql):
        return self._source.execute(sql).fetchall()

    def save(self, path, progress):
        """Copy the database to a new file, its journal folded in."""
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(path, isolation_level=None)) as copy:
            copy.execute("PRAGMA synchronous=OFF")  # what was not finished is made again; the archive is made durable
            self._source.backup(
                copy, pages=_PAGES, progress=lambda _, left, total: progress(total - left, total), sleep=0
            )
            copy.execute("PRAGMA journal_mode=DELETE")
            copy.execute("PRAGMA secure_delete=ON")
            there = {row[0] for row in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for table in there & set(EMPTIED):
                copy.execute(f'DELETE FROM "{table}"')


class _PostgresqlMoment:
    name = POSTGRESQL

    def __init__(self, source, cursor, snapshot):
        self._source, self._cursor, self._snapshot = source, cursor, snapshot

    def rows(self, sql):
        self._cursor.execute(sql)
        return self._cursor.fetchall()

    def save(self, path, progress):
        """Have pg_dump write the database of this moment to a new file, in its custom format."""
        options = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={self._snapshot}", f"--file={path}"]
        options += [f"--exclude-table-data=*.{table}" for table in EMPTIED]
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        size = self.rows("SELECT pg_database_size(current_database())")[0][0]
        _run("pg_dump", options, self._source, lambda: progress(min(path.stat().st_size, size), size))


def check_saved(path):
    """Open a saved database and look at all of it. Raises ArchiveError with the first fault."""
    path = Path(path)
    if path.name.endswith(POSTGRESQL):
        _run("pg_restore", ["--file=/dev/null", str(path)])
        return
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as copy:
            found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        raise ArchiveError(f"The copy of the database is damaged ({found}). Nothing was kept; look at the disk.")


def _run(tool, options, database=None, tick=lambda: None):
    """Run a PostgreSQL tool on `database` (a Django connection); its password never shows among the processes."""
    arguments, environment = [], {}
    if database is not None:
        (_, *arguments), environment = database.client.settings_to_cmd_args_env(database.settings_dict, [])
        if arguments:
            arguments.insert(-1, "--dbname")
    try:
        process = subprocess.Popen(
            [tool, *options, *arguments],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError:
        raise ArchiveError(
            f"{tool} is not on this machine. Install PostgreSQL's client (on Debian: apt install postgresql-client), "
            "of the server's version or later."
        ) from None
    try:
        while process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
            tick()
        said = process.stderr.read().decode("utf-8", "replace").strip()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stderr.close()
    if process.returncode:
        line = re.sub(r"^\w+: ", "", said.splitlines()[0]) if said else f"it ended with {process.returncode}"
        raise ArchiveError(f"{tool}: {line}")


# ------------------------------------------------------------------------------------------------ the way back


def other_database(config):
    """A connection to the database of a settings dict (environ's db_url)."""
    return ConnectionHandler({"default": {**config, "CONN_MAX_AGE": 0}})["default"]


class Target:
    """A PostgreSQL database that an archive goes into: empty, or left by an interrupted restore of the same archive."""

    def __init__(self, config, archive_sha256):
        self.database, self.archive = other_database(config), archive_sha256
        self.name = self.database.settings_dict["NAME"]

    def check_is_free(self):
        """Raises ArchiveError unless the archive may go in; returns whether it is in already."""
        try:
            tables = self._tables()
            whose = self._rows(f"SELECT archive FROM {RESTORING}") if RESTORING in tables else []
        except DatabaseError as error:
            first = str(error).strip().splitlines()[0]
            raise ArchiveError(
                f"The database {self.name} cannot be opened ({first}). Make an empty one: createdb {self.name}"
            ) from error
        others = tables - {RESTORING}
        if whose and whose != [(self.archive,)]:
            raise ArchiveError(
                f"The database {self.name} holds an unfinished restore of another archive. Take an empty database."
            )
        if others and not whose:
            raise ArchiveError(
                f"The database {self.name} is not empty; nothing is written over it. Make an empty one, e.g. "
                f"createdb {self.name}_restored, and name it with --database-url."
            )
        return bool(others)

    def fill(self, dump):
        """Bring the dump in, all or nothing; until `finish` a table of its own says that it is not finished."""
        with self.database.cursor() as cursor:
            cursor.execute(f"CREATE TABLE IF NOT EXISTS {RESTORING} (archive text PRIMARY KEY)")
            cursor.execute(f"INSERT INTO {RESTORING} VALUES (%s) ON CONFLICT DO NOTHING", [self.archive])
        options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", str(dump)]
        _run("pg_restore", options, self.database)

    def finish(self):
        with self.database.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {RESTORING}")
        self.database.close()

    def _tables(self):
        return {
            name
            for (name,) in self._rows(
                "SELECT tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            )
        }

    def _rows(self, sql):
        with self.database.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()
