"""A whole Lendbook as a shop runs it, with servers of its own: web, worker, and PostgreSQL and Redis where the tests have them.

Everything lies in one folder and listens on free ports, so that anything of it can be stopped, killed and started again.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300  # seconds until a server counts as dead
WITH_SERVERS = bool(os.environ.get("TEST_DATABASE_URL"))
WITH_DJANGO = 'import os, django; os.environ["DJANGO_SETTINGS_MODULE"] = "lendbook.settings"; django.setup()\n'
SERVE = "import sys; from django.core.management import call_command; call_command('serve', port=int(sys.argv[1]))"
SET_UP = """
import json, sys
from datetime import date
from decimal import Decimal
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from tests import world
from ledger import services
from ledger.models import Account, Category
from trackers import services as trackers

owner = world.person("asha")
book = world.book(owner=owner)
opened = [
    trackers.open_tracker(
        customer=trackers.customer_for(book, f"customer-{n}", f"Customer {n}"),
        tracker_name=f"Scheme {n}", tracker_type="50K", start_date=date(2024, 1, 1),
    ).pk
    for n in range(int(sys.argv[1]))
]
cookies = []
for n in range(int(sys.argv[2])):
    clerk = world.person(f"clerk-{n}")
    services.set_member(book, clerk, "staff")
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(clerk.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = clerk.get_session_auth_hash()
    session.create()
    cookies.append(f"{settings.SESSION_COOKIE_NAME}={session.session_key}")
names = {row.name: row.pk for row in Category.objects.filter(book=book)}
accounts = {row.name: row.pk for row in Account.objects.filter(book=book)}
print(json.dumps({"trackers": opened, "cookies": cookies, "categories": names, "accounts": accounts}))
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Postgres:
    """A cluster of its own; `crash` is `pg_ctl -m immediate` and the start after it."""

    def __init__(self):
        tools = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not tools:
            pytest.skip("needs PostgreSQL's own programs (initdb, pg_ctl)")
        self.tools, self.port, self.as_user = tools[-1].parent, free_port(), []
        self.folder = Path(tempfile.mkdtemp(prefix="lendbook-postgres-"))  # tmp_path lies where only root may look
        if os.getuid() == 0:
            self.as_user = ["runuser", "-u", "postgres", "--"]
            shutil.chown(self.folder, "postgres")
        self._run(
            "initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "-D", self.folder / "data"
        )
        self.start()

    @property
    def url(self):
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def _run(self, program, *words):
        subprocess.run(
            [*self.as_user, self.tools / program, *words], check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE
        )

    def start(self):
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        wait, log = ("-w", "-t", str(PATIENCE)), ("-l", self.folder / "log")
        self._run("pg_ctl", "start", "-s", *wait, "-D", self.folder / "data", *log, "-o", options)

    def stop(self):
        self._run("pg_ctl", "stop", "-s", "-m", "immediate", "-D", self.folder / "data")

    def crash(self):
        self.stop()
        self.start()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Redis:
    """A queue that keeps nothing: stopped, all in it is gone."""

    def __init__(self, folder):
        if not shutil.which("redis-server"):
            pytest.skip("needs redis-server")
        folder.mkdir()
        self.folder, self.port, self.process = folder, free_port(), None
        self.start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        words = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--dir", self.folder]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Shop:
    """Lendbook served from `folder`, with one book, `trackers` trackers and `clerks` logged-in clerks.

    `workers` web processes answer. `taken_out` is Python that the served program runs first: how a test takes a
    protection out.
    """

    def __init__(self, folder, *, trackers, clerks, workers=1, taken_out=""):
        self.folder, self.taken_out = folder, taken_out
        self.postgres = Postgres() if WITH_SERVERS else None
        self.redis = Redis(folder / "redis") if WITH_SERVERS else None
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LENDBOOK_ENV_FILE") if name in os.environ}
        self.environment = {
            **kept,
            "LENDBOOK_DATA_DIR": str(folder / "instances"),
            "LENDBOOK_INSTANCE": "testing",
            "LENDBOOK_WORKERS": str(workers),
            "LENDBOOK_LOG_LEVEL": "CRITICAL",
            "DATABASE_URL": self.postgres.url if self.postgres else "",
            "REDIS_URL": self.redis.url if self.redis else "",
        }
        self.port, self.process = free_port(), None
        self.manage("migrate", "--verbosity", "0")
        told = self._python(SET_UP, str(trackers), str(clerks))
        self.known = json.loads(told.splitlines()[-1])
        self.start()

    def _python(self, code, *words):
        answer = subprocess.run(
            [sys.executable, "-c", WITH_DJANGO + code, *words],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def manage(self, *words):
        """Run a command of this instance; its standard output. Fails where it does not end well."""
        answer = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert answer.returncode == 0, f"{words}: {answer.stdout}{answer.stderr}"
        return answer.stdout

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", WITH_DJANGO + self.taken_out + SERVE, str(self.port)],
            cwd=ROOT, env=self.environment, stdout=subprocess.DEVNULL,
            stderr=(self.folder / "log").open("ab"), start_new_session=True,
        )  # fmt: skip
        self.await_answer()

    def await_answer(self):
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5).close()
                return
            time.sleep(0.1)
        raise AssertionError("Lendbook does not answer: " + (self.folder / "log").read_text()[-2000:])

    def processes(self, what):
        """Pids of this shop's `web` workers or of its `worker`'s processes, told apart by their parents."""
        below = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                below.setdefault(int((entry / "stat").read_text().rpartition(")")[2].split()[1]), []).append(
                    int(entry.name)
                )
        children = sorted(below.get(self.process.pid, []))  # the web server is forked first
        if len(children) < 2:
            return []
        arbiter, cluster = children[0], children[-1]
        return below.get(arbiter, []) if what == "web" else [*below.get(cluster, []), cluster]

    def kill(self, what, draw):
        """kill -9 one of the web workers, or one process of the worker; whether there was one."""
        pids = self.processes(what)
        if pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(draw.choice(pids), signal.SIGKILL)
        return bool(pids)

    def rows(self, question):
        """What a SELECT answers, asked of the database itself."""
        if self.postgres:
            with psycopg.connect(self.postgres.url) as database:
                return database.execute(question).fetchall()
        with contextlib.closing(sqlite3.connect(self.folder / "instances/testing/db.sqlite3")) as database:
            return database.execute(question).fetchall()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def close(self):
        self.stop()
        if self.redis:
            self.redis.stop()
        if self.postgres:
            self.postgres.close()
