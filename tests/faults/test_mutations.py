"""No workbook, however damaged or hostile, is read as other money than its cells show, or costs much time or memory.

The judges are two other readers: where Lendbook reads an amount that the sound workbook did not hold, one of them must
see that very amount in that cell, or Lendbook must have named the cell.
"""

import functools
import io
import json
import os
import random
import re
import resource
import signal
import time
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pytest
from openpyxl import load_workbook
from python_calamine import CalamineError, CalamineWorkbook

from tests.faults.mutations import BY_HAND, mutated
from tests.torture import count
from tests.trackers.workbooks import new_workbook
from trackers.workbook.errors import WorkbookError
from trackers.workbook.layouts import AMOUNT
from trackers.workbook.patch import patch
from trackers.workbook.read import read
from trackers.workbook.sheetxml import row_number

pytestmark = pytest.mark.torture

SECONDS, MEMORY = 2, 256 * 1024**2
BATCH = 250


@functools.cache
def sound(kind="50K"):
    """A workbook with three paid days."""
    data = new_workbook(kind)
    for day, amount in ((1, "500"), (2, "750.50"), (4, "1000")):
        data = patch(data, days={day: {"paid": Decimal(amount), "mode": "UPI", "notes": "paid at the shop"}}).data
    return data


def money_of(contents):
    """{(day, field): Decimal} of every amount that a workbook's contents hold."""
    layout = contents.layout
    return {
        (day, name): value
        for day, values in contents.days.items()
        for name, value in values.items()
        if layout.column[name].holds == AMOUNT and value is not None
    }


def complaint_about(data, was):
    """What is wrong with how Lendbook reads `data`, or None; `was` is the money of the sound workbook."""
    try:
        contents = read(data, thorough=True)
    except WorkbookError as error:
        return None if str(error).strip() else "refused without a word"
    now = money_of(contents)
    changed = {key for key in was | now if was.get(key) != now.get(key)}
    if not changed:
        return None
    named = " ".join(f"{refusal.cell}:{refusal.reason}" for refusal in (*contents.unreadable, *contents.altered))
    named += " " + " ".join(contents.foreign_formulas)
    unread = [row_number(refusal.cell) for refusal in contents.altered if "Nothing from this row on" in refusal.reason]
    judges = [judge(data, contents) for judge in (by_calamine, by_openpyxl)]
    for day, name in sorted(changed):
        cell = f"{contents.layout.letter[name]}{contents.layout.row(day)}"
        seen, amount = [cells.get(cell) for cells in judges if cells is not None], now.get((day, name))
        if contents.layout.row(day) >= min(unread, default=10**9) or re.search(rf"\b{cell}\b", named):
            continue
        if not any(same(amount, shown) for shown in seen):
            return f"{cell} is {seen} to the judges and {amount!r} to Lendbook"
    return None


def by_calamine(data, contents):
    """{cell: value} as one judge sees the tracker's sheet; None where it cannot open the file."""
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        name = contents.layout.sheet_name if contents.layout.sheet_name in book.sheet_names else book.sheet_names[0]
        rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except (CalamineError, ValueError, OSError):
        return None
    letters = {column.letter: ord(column.letter) - 65 for column in contents.layout.columns}
    return {
        f"{letter}{number}": row[at]
        for number, row in enumerate(rows, 1)
        for letter, at in letters.items()
        if at < len(row)
    }


def by_openpyxl(data, contents):
    """The same by the other judge, which takes XML at its word where the first is strict."""
    try:
        book = load_workbook(io.BytesIO(data), data_only=True)
        sheet = book[contents.layout.sheet_name] if contents.layout.sheet_name in book else book.worksheets[0]
        return {cell.coordinate: cell.value for row in sheet.iter_rows() for cell in row}
    except Exception:  # whatever it stumbles over, it does not open the file
        return None


def same(amount, shown):
    """Whether an amount is what a cell shows: an empty cell is none, a number to the paisa."""
    if shown is None or shown == "" or isinstance(shown, bool):
        return amount is None
    if isinstance(shown, date):  # a number in a cell that shows numbers as days
        shown = ((shown.date() if isinstance(shown, datetime) else shown) - date(1899, 12, 30)).days
    try:
        seen = Decimal(str(shown).replace(",", "").strip())
    except InvalidOperation:
        return amount is None
    return amount is not None and abs(seen - amount) < Decimal("0.01")


def judged(files, was):
    """Complaints about files, judged in a process of its own that may use MEMORY more and SECONDS for each."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 1
        try:
            with os.fdopen(writing, "w") as pipe:
                for name, complaint in _complaints(files, was):
                    pipe.write(json.dumps([name, complaint]) + "\n")
                pipe.write(json.dumps(["", "over"]) + "\n")
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = [json.loads(line) for line in pipe]
    _, status = os.waitpid(child, 0)
    if not told or told[-1] != ["", "over"]:
        told.append(["?", f"the reading process died with status {status}, after {told[-2:]}"])
    return [line for line in told if line != ["", "over"]]


def _complaints(files, was):
    used = int(re.search(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))

    def too_long(*args):
        raise TimeoutError

    signal.signal(signal.SIGPROF, too_long)
    for name, data in files:
        signal.setitimer(signal.ITIMER_PROF, SECONDS + 1)
        began = time.process_time()
        try:
            complaint = complaint_about(data, was)
        except TimeoutError:
            complaint = "takes too long"
        except MemoryError:
            complaint = "takes too much memory"
        except Exception as error:
            complaint = f"{type(error).__name__}: {error}"
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if time.process_time() - began > SECONDS:
            complaint = "takes too long"
        if complaint:
            yield name, complaint


@pytest.mark.parametrize("name", BY_HAND)
def test_hostile_workbook_made_by_hand(name, tally):
    assert judged([(name, BY_HAND[name](sound()))], money_of(read(sound()))) == []
    tally("hostile workbooks made by hand")


@pytest.mark.parametrize("kind", ["50K", "1L", "NO_REINVEST"])
def test_random_mutations(kind, seed, tally):
    times = count(170, 7000)
    was, draw = money_of(read(sound(kind))), random.Random(f"{seed}-{kind}")
    for begin in range(0, times, BATCH):
        batch = []
        for number in range(begin, min(begin + BATCH, times)):
            how, data = mutated(sound(kind), draw)
            batch.append((f"{number} {how}", data))
        assert judged(batch, was) == []
    tally("damaged and hostile workbooks at random", times)


def test_the_judge_notices_a_reader_that_reads_otherwise(monkeypatch, tally):
    """The protection taken out: a reader that takes the first of two cells for what counts."""
    was = money_of(read(sound()))
    assert complaint_about(sound(), was | {(1, "paid"): Decimal(5)}) is None  # the judge sees 500 there as well
    monkeypatch.setattr("tests.faults.test_mutations.same", lambda amount, shown: False)
    assert complaint_about(sound(), was | {(1, "paid"): Decimal(5)})
    tally.caught("the judge of workbooks' money")
