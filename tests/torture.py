"""The long forms of the tests that want the books to break: how often, with which seed, and the table of what was tried.

`make test` runs each in its short form; `make torture` sets LENDBOOK_TORTURE=1 and runs the long one. A test that
draws at random takes the `seed` fixture: where it fails, the report says LENDBOOK_SEED=…, which draws the same again.
`tally(what, times)` puts a line into the table that the run ends with; `tally.caught(what)` one for a protection that
was taken out and missed.
"""

import json
import os
import random
from collections import Counter
from pathlib import Path
from zlib import crc32

import pytest

IS_LONG = os.environ.get("LENDBOOK_TORTURE") == "1"
_TRIED, _CAUGHT = "tried", "caught"


def count(short, long):
    """How often to try: `short` times in `make test`, `long` times in `make torture`."""
    return long if IS_LONG else short


class Tally:
    """What one test tried, for the table."""

    def __init__(self, record):
        self._record = record

    def __call__(self, what, times=1):
        self._record(_TRIED, [what, times])

    def caught(self, what):
        """Say that the tests noticed when the protection named `what` was taken out."""
        self._record(_CAUGHT, [what, 1])


@pytest.fixture
def tally(record_property):
    return Tally(record_property)


@pytest.fixture
def seed(request):
    """A number to draw from, another one in every run; LENDBOOK_SEED gives it back.

    A gate that sets CI says of the same code the same: there each test's short form has a seed of its own.
    """
    is_gate = os.environ.get("CI") and not IS_LONG
    drawn = crc32(request.node.nodeid.encode()) if is_gate else random.SystemRandom().randrange(10**9)
    chosen = int(os.environ.get("LENDBOOK_SEED") or drawn)
    request.node.add_report_section("setup", "seed", f"LENDBOOK_SEED={chosen} draws the same again.")
    return chosen


def pytest_terminal_summary(terminalreporter):
    """The table: what was tried how often, and which protections, taken out, were missed.

    LENDBOOK_TALLY names a file that keeps a run's counts, so that the table of the next one, on the other database,
    shows them beside its own.
    """
    tables = {_TRIED: Counter(), _CAUGHT: Counter()}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", []):
                if name in tables and report.when == "call":
                    tables[name][value[0]] += value[1]
    if not tables[_TRIED] or not (IS_LONG or terminalreporter.verbosity > 0):
        return
    database = "PostgreSQL" if os.environ.get("TEST_DATABASE_URL") else "SQLite"
    runs = _kept({database: tables})
    terminalreporter.section(f"tried on {' and '.join(runs)}")
    for what in sorted(set().union(*(run[_TRIED] for run in runs.values()))):
        counts = " | ".join(f"{run[_TRIED].get(what, 0):,}" for run in runs.values())
        terminalreporter.write_line(f"| {what} | {counts} |")
    for what in sorted(set().union(*(run[_CAUGHT] for run in runs.values()))):
        counts = " | ".join("yes" if what in run[_CAUGHT] else "" for run in runs.values())
        terminalreporter.write_line(f"| caught when taken out: {what} | {counts} |")


def _kept(run):
    """{database: tables} of `run` and of what LENDBOOK_TALLY's file kept before, which then keeps both."""
    if not (path := os.environ.get("LENDBOOK_TALLY")):
        return run
    file = Path(path)
    runs = (json.loads(file.read_text()) if file.exists() else {}) | run
    file.write_text(json.dumps(runs))
    return runs
