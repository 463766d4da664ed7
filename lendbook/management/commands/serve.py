"""Run Lendbook: web server and worker together, as `make run` does."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from ledger import daybook
from ledger.models import Book
from lendbook import setup
from trackers import store

STOP_SECONDS = 10
_DIE_WITH_PARENT = 1  # Linux's PR_SET_PDEATHSIG


class Command(BaseCommand):
    help = "Migrate, load the demo books the first time (dev), and start web server and worker. Ctrl-C stops both."

    def add_arguments(self, parser):
        env = settings.ENV
        parser.add_argument("--bind", default=env.str("LENDBOOK_BIND", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=env.int("PORT", 8000))

    def handle(self, *args, bind, port, **options):
        os.umask(0o077)  # whatever is written here is its owner's alone
        _refuse_taken_port(bind, port)
        try:
            self._prepare()
        except KeyboardInterrupt:
            self.stdout.write("Stopped before it was ready; the next start goes on from here.")
            return
        address = f"http://{'127.0.0.1' if bind == '0.0.0.0' else bind}:{port}/"
        self._greet(address)
        connections.close_all()
        self._run(bind, port)

    def _prepare(self):
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", verbosity=0)
        if settings.PROD:
            call_command("collectstatic", interactive=False, verbosity=0)
        if settings.INSTANCE == "dev" and not Book.objects.exists() and "load_demo" in get_commands():
            self.stdout.write("Loading the demo books …")
            call_command("load_demo", stdout=self.stdout)
        store.recover()
        daybook.finish_all_pending()

    def _greet(self, address):
        self.stdout.write(f"\nLendbook ({settings.INSTANCE}) is on {address}")
        token = setup.new_token()
        if token:
            self.stdout.write(f"It is empty. Set it up once, within a day, at {address}set-up/?token={token}")
        elif settings.INSTANCE == "dev":
            for login, password, what in demo_logins():
                self.stdout.write(f"  {login:<10} {password:<20} {what}")
        self.stdout.write("Ctrl-C stops it.\n")
        self.stdout.flush()

    def _run(self, bind, port):
        env = {**os.environ, "DJANGO_SETTINGS_MODULE": "lendbook.settings"}
        web = [
            sys.executable, "-m", "gunicorn", "lendbook.wsgi", "--bind", f"{bind}:{port}",
            "--workers", settings.ENV.str("LENDBOOK_WEB_WORKERS", "2"), "--threads", "4",
            "--timeout", "120", "--graceful-timeout", "5", "--log-level", "warning",
        ]  # fmt: skip
        if os.path.isdir("/dev/shm"):
            web += ["--worker-tmp-dir", "/dev/shm"]
        worker = [sys.executable, str(settings.BASE_DIR / "manage.py"), "qcluster"]
        stopped = []
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, lambda *_: stopped.append(True))
        children = {
            name: subprocess.Popen(
                command,
                env=env,
                cwd=settings.BASE_DIR,
                stdout=None if name == "web server" else subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C reaches the parent alone: signalled as a group, django-q2 hangs
                preexec_fn=_die_with_parent,
            )
            for name, command in (("web server", web), ("worker", worker))
        }
        fallen = ""
        while not stopped and not fallen:
            time.sleep(0.1)
            fallen = next((name for name, child in children.items() if child.poll() is not None), "")
        _stop(children.values())
        if fallen and not stopped:
            raise CommandError(f"The {fallen} stopped by itself; what it said stands above. Everything was stopped.")
        self.stdout.write("Stopped.")


def _die_with_parent():
    """Ask Linux to end this child if its parent is killed, so that nothing is left behind."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)


def _stop(children):
    """End each child by its own first process; whoever has not ended after STOP_SECONDS goes with its whole session."""
    for child in children:
        if child.poll() is None:
            child.terminate()
    until = time.monotonic() + STOP_SECONDS
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(max(0.1, until - time.monotonic()))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _refuse_taken_port(bind, port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} on {bind} cannot be used ({error.strerror}). Stop what runs there, or start with "
                f"PORT={port + 1}."
            ) from error


def demo_logins():
    """[(login, password, what for)] of the demo people, where they still have the demo password."""
    try:
        from lendbook.management.commands.load_demo import LOGINS
    except ImportError:
        return []
    users = {user.username: user for user in get_user_model().objects.filter(username__in=[row[0] for row in LOGINS])}
    return [row for row in LOGINS if row[0] in users]
