"""Run Lendbook: web server and worker together, as `make run` does."""

import io
import os
import signal
import socket

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from ledger import daybook
from lendbook import audit, holding, minding, processes, schedules, setup
from lendbook.management.commands import load_demo
from shop.models import Book
from trackers import store


class Command(BaseCommand):
    help = "Migrate, load the demo books the first time (dev), and start web server and worker. Ctrl-C stops both."

    def add_arguments(self, parser):
        parser.add_argument("--bind", default=settings.BIND, help="the address to listen on (LENDBOOK_BIND)")
        parser.add_argument("--port", type=int, default=settings.PORT, help="the port to listen on (PORT)")
        parser.add_argument(
            "--only",
            choices=("web", "worker"),
            help="one of the two, where each has a container; web prepares for both",
        )
        parser.add_argument(
            "--end-with-parent", action="store_true", help="stop when the program that started this one is gone"
        )

    def handle(self, *args, bind, port, only, end_with_parent, **options):
        if end_with_parent:
            processes.end_with_parent(os.getppid())
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        programs = {"web": [holding.WEB], "worker": [holding.WORKER]}.get(only, [holding.WEB, holding.WORKER])
        try:
            holding.hold(programs, "" if only == "worker" else public_address(bind, port))
        except holding.Held as held:
            raise CommandError(str(held)) from None
        children, listener = [], None
        if only != "worker":
            try:
                listener = listen(bind, port)
                self._prepare()
            except KeyboardInterrupt:
                self.stdout.write("Stopped before it was ready; the next start goes on from here.")
                return
            self._greet(bind, port)
            children.append(processes.Child("web server", lambda: serve_pages(listener), needed=True))
        if only != "web":
            children.append(processes.Child("worker", lambda: do_background_work(listener)))
        connections.close_all()  # a connection must not be shared across a fork
        fallen = processes.run_together(children, say=self.stderr.write)
        if fallen:
            raise CommandError(f"The {fallen.name} does not stay up; why stands above. Everything was stopped.")
        self.stdout.write("Stopped.")

    def _prepare(self):
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.stdout.write("Preparing the database …")
            self.stdout.flush()
            call_command("migrate", verbosity=0)
        schedules.write()
        minding.mind()
        if settings.PROD:
            call_command("collectstatic", interactive=False, verbosity=0)
        if settings.INSTANCE == "dev" and not Book.objects.exists():
            self.stdout.write("Loading the demo books …")
            self.stdout.flush()
            call_command("load_demo", stdout=io.StringIO())  # its logins are told below, at every start
        store.recover()
        daybook.finish_all_pending()

    def _greet(self, bind, port):
        address = public_address(bind, port)
        self.stdout.write(f"\nLendbook ({settings.INSTANCE}) is on {address}")
        token = setup.new_token()
        if token:
            self.stdout.write(f"It is empty. Set it up once, within a day, at {address}set-up/?token={token}")
        for login, password, what in demo_logins():
            self.stdout.write(f"  {login:<10} {password:<20} {what}")
        self.stdout.write("Ctrl-C stops it.\n")
        self.stdout.flush()


def listen(bind, port):
    """The listening socket. The parent holds it, so that a web server that falls loses no caller."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    try:
        return socket.create_server((bind, port), family=family, backlog=2048)
    except OverflowError:
        raise CommandError(f"PORT {port} is no port; take one from 1024 to 65535.") from None
    except OSError as error:
        raise CommandError(
            f"Port {port} on {bind} cannot be used ({os.strerror(error.errno)}). Stop what runs there, or start with "
            f"another port: PORT={port + 1} make run"
        ) from error


def public_address(bind, port):
    """Where a person opens this instance: the public address if one is set, else where it listens."""
    if settings.PUBLIC_URL:
        return settings.PUBLIC_URL + "/"
    if settings.PROD:
        return f"{'https' if settings.SECURE_SSL_REDIRECT else 'http'}://{settings.ALLOWED_HOSTS[0]}/"
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(bind, f"[{bind}]" if ":" in bind else bind)  # nosec B104
    return f"http://{host}:{port}/"


def serve_pages(listener):
    """The web server: gunicorn on a socket that listens already."""
    from django.core.wsgi import get_wsgi_application
    from gunicorn.app.base import BaseApplication

    class Web(BaseApplication):
        def load_config(self):
            options = {
                "bind": [f"fd://{os.dup(listener.fileno())}"],
                "workers": settings.WEB_WORKERS,
                "threads": settings.WEB_THREADS,
                "preload_app": True,
                "timeout": 120,
                "graceful_timeout": 5,
                "loglevel": "warning",
                "proc_name": f"lendbook-{settings.INSTANCE}",
                "worker_exit": lambda server, worker: audit.write_waiting(),
                "control_socket_disable": True,  # it would lie in the home folder, shared by every gunicorn there
            }
            if os.path.isdir("/dev/shm"):  # nosec B108  (gunicorn makes a file of its own there)
                options["worker_tmp_dir"] = "/dev/shm"  # nosec B108  # a heartbeat on a slow disk would stop a living worker
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self):
            return get_wsgi_application()

    Web().run()


def do_background_work(listener=None):
    """The worker: django-q2's cluster, which begins with a sweep of whatever is pending."""
    from django_q.cluster import Cluster
    from django_q.tasks import async_task

    if listener is not None:
        listener.close()
    async_task("ledger.tasks.sweep", task_name="sweep at the start")
    connections.close_all()
    cluster = Cluster()
    cluster.start()
    cluster.sentinel.join()


def demo_logins():
    """[(login, password, what for)] of the demo people that still have the demo password; none outside dev."""
    if settings.INSTANCE != "dev":
        return []
    logins = (*load_demo.LOGINS, load_demo.CUSTOMER)
    users = get_user_model().objects.in_bulk([row[0] for row in logins], field_name="username")
    return [row for row in logins if row[0] in users and users[row[0]].check_password(row[1])]
