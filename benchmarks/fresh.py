"""An instance and a database of their own for one measurement, thrown away afterwards."""

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path


def databases():
    """{name: URL} to measure on: SQLite (""), and PostgreSQL where one answers; it is left out with a word."""
    server = os.environ.get("BENCH_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
    try:
        _on_server(server, "SELECT 1")
    except Exception as error:
        print(f"PostgreSQL is left out: {str(error).splitlines()[0]}")
        return {"SQLite": ""}
    return {"SQLite": "", "PostgreSQL": server}


@contextmanager
def instance(url):
    """The environment of a new instance; its database stands on the server of `url`, or is SQLite's file for ""."""
    with tempfile.TemporaryDirectory(prefix="lendbook-bench-") as folder, _database(url) as own:
        yield {
            "DJANGO_SETTINGS_MODULE": "lendbook.settings",
            "LENDBOOK_INSTANCE": "testing",
            "LENDBOOK_DATA_DIR": folder,
            "REDIS_URL": "",
            "DATABASE_URL": own,
        }


def output_of(module, *arguments, url, files=None):
    """What `python -m module` prints on a new instance, whose folder holds `files` (bytes by name); ends us if it fails."""
    with instance(url) as environment:
        for name, content in (files or {}).items():
            Path(environment["LENDBOOK_DATA_DIR"], name).write_bytes(content)
        environment = {**os.environ, **environment, "LENDBOOK_LOG_LEVEL": "CRITICAL"}
        command = [sys.executable, "-m", module, *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        return done.stdout


@contextmanager
def _database(url):
    """The URL of a new PostgreSQL database beside that of `url`; "" for SQLite."""
    if not url:
        yield ""
        return
    name, beside = f"lendbook_bench_{os.getpid()}", url.rpartition("/")[0]
    _on_server(f"{beside}/postgres", f"CREATE DATABASE {name}")
    try:
        yield f"{beside}/{name}"
    finally:
        _on_server(f"{beside}/postgres", f"DROP DATABASE {name} WITH (FORCE)")


def _on_server(url, statement):
    import psycopg

    with psycopg.connect(url, autocommit=True, connect_timeout=3) as connection:
        connection.execute(statement)
