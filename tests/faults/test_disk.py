"""A disk that is full, broken, read-only or not ours, at every file operation of every way to write.

The work is refused with a sentence or done; it never stands half, and once the disk is well the next try goes through.
"""

import errno
import itertools

import pytest

from ledger import daybook
from tests import world
from tests.crash import run_killed_at
from tests.faults.test_kills import AnEntryImport, AnOpening, APayment, ASheet, AStatementImport
from tests.torture import IS_LONG
from trackers import soundness, store

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.torture]

FAULTS = {"no space": errno.ENOSPC, "I/O error": errno.EIO, "read-only": errno.EROFS, "no permission": errno.EACCES}


def refuse_everywhere(path, faults):
    """Let the disk refuse every operation of the work in turn, each with the next of the faults; how often it did.

    An operation is refused before it is done (even steps of tests/crash.py).
    """
    for number, fault in enumerate(itertools.cycle(faults)):
        step = 2 * number
        outcome = run_killed_at(step, lambda number=number: path.work(number), fault=fault)
        assert not outcome.killed
        assert outcome.acknowledged or len(outcome.refusal.split()) > 4, (
            f"refused without a sentence: {outcome.refusal}"
        )
        assert not outcome.refusal.startswith(("OSError", "PermissionError", "FileNotFound")), outcome.refusal
        traces = path.traces(number)
        assert traces == 1 if outcome.acknowledged else traces == 0, f"step {step}: {outcome.refusal} and {traces}"
        if outcome.steps <= step:
            assert outcome.acknowledged, "the work itself failed"
            break
    return number


@pytest.mark.parametrize("fault", FAULTS if IS_LONG else ["all in turn"])
@pytest.mark.parametrize("kind", [AnEntryImport, AnOpening, APayment, ASheet, AStatementImport])
def test_a_disk_that_refuses_at_every_operation(kind, fault, tmp_path, tally):
    book = world.book()
    refused = refuse_everywhere(kind(book, tmp_path), [FAULTS[fault]] if IS_LONG else list(FAULTS.values()))
    store.recover()
    daybook.finish_pending(book.pk)
    assert daybook.differences(book) == []
    assert soundness.findings(book) == []
    tally("file operations refused by the disk", refused)
