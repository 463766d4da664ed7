"""Restoring an archive in a test, and looking at what came back with Lendbook's own eyes, in a process of its own."""

import io
import itertools
import json
import os
import subprocess
import sys
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from tests import world
from trackers import services

_NUMBERS = itertools.count(1)
_ASK = """
import json, django
django.setup()
from ledger.models import LedgerEntry
from trackers import services
from trackers.models import Tracker
print(json.dumps({
    "entries": sorted(LedgerEntry.objects.filter(source="").values_list("reference", flat=True)),
    "payments": {
        one.pk: {day: str(v["paid"]) for day, v in services.contents_of(one).days.items() if v.get("paid")}
        for one in Tracker.objects.select_related("book")
    },
}))
"""


def told(name, *arguments, **options):
    """The JSON answer of a command."""
    out = io.StringIO()
    call_command(name, *map(str, arguments), json=True, stdout=out, stderr=io.StringIO(), **options)
    return json.loads(out.getvalue())


def refused(name, *arguments, **options):
    """The sentence of a command that refuses (exit 1)."""
    with pytest.raises(CommandError) as error:
        told(name, *arguments, **options)
    assert error.value.returncode == 1
    return str(error.value)


def begun_books():
    """A book with one tracker that has no payment yet; returns the tracker."""
    book = world.book()
    return another_tracker(services.customer_for(book, "john", "John"))


def another_tracker(customer, name="Scheme"):
    return services.open_tracker(
        customer=customer, tracker_name=name, tracker_type="50K", start_date=date(2024, 10, 16)
    )


@dataclass
class Found:
    """What a restored instance holds: references of entries, and {tracker id: {day: amount}} of its workbooks."""

    entries: list
    payments: dict


@contextmanager
def empty_database():
    """The address of an empty database where the tests run on PostgreSQL, gone afterwards; "" for SQLite."""
    if connection.vendor != "postgresql":
        yield ""
        return
    own = connection.settings_dict
    name = f"{own['NAME']}_back_{os.getpid()}_{next(_NUMBERS)}"
    try:
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}"')
        yield f"postgres://{own['USER']}:{own['PASSWORD']}@{own['HOST']}:{own['PORT']}/{name}"
    finally:
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def restored(path, into, *, faults=False):
    """(the instance's folder, the command's answer) of an archive restored under `into`."""
    with empty_database() as url:
        out = io.StringIO()
        options = {"database_url": url} if url else {}
        with suppress(CommandError) if faults else nullcontext():
            call_command("restore", str(path), into=str(into), json=True, stdout=out, stderr=io.StringIO(), **options)
        report = json.loads(out.getvalue())
        assert bool(report["faults"]) == faults, report
        yield Path(report["folder"]), {**report, "url": url}


def books_in(folder, report):
    """What a restored instance Found holds, asked of it in a process of its own."""
    environment = {
        **os.environ,
        "LENDBOOK_DATA_DIR": str(folder.parent),
        "LENDBOOK_INSTANCE": report["instance"],
        "DATABASE_URL": report["url"],
        "DJANGO_SETTINGS_MODULE": "lendbook.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", _ASK], env=environment, capture_output=True, text=True, timeout=600, check=True,
        cwd=Path(__file__).resolve().parent.parent,
    )  # fmt: skip
    held = json.loads(done.stdout)
    payments = {
        int(pk): {int(day): Decimal(amount) for day, amount in days.items()} for pk, days in held["payments"].items()
    }
    return Found(held["entries"], payments)
