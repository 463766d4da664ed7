"""One payment saved and one workbook read, each against openpyxl on the same file in the same run.

    python -m benchmarks.workbook

Every line: what, our milliseconds, openpyxl's, and how many times faster. Saving includes fsync and leaves every cached
value right; openpyxl neither syncs nor computes, and drops the cached values.
"""

import os
import tempfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from statistics import median
from time import perf_counter

from openpyxl import load_workbook

from trackers.workbook.build import build_workbook
from trackers.workbook.contents import new_contents
from trackers.workbook.patch import patch
from trackers.workbook.read import read

ROUNDS = 30
PAYMENT = {"paid": Decimal(500), "mode": "UPI", "notes": "Daily payment received"}


def half_paid(days: int) -> bytes:
    """A 50K tracker of so many days, the first half of them paid."""
    contents = new_contents(
        "50K", tracker_name="John", start_date=date(2024, 10, 16), scheme_period=days, tracker_id="1"
    )
    return patch(build_workbook(contents).data, days=dict.fromkeys(range(1, days // 2), PAYMENT)).data


def saved_by_us(path: Path, day: int) -> None:
    data = patch(path.read_bytes(), days={day: PAYMENT}).data
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def saved_by_openpyxl(path: Path, day: int) -> None:
    book = load_workbook(path)
    sheet = book.worksheets[0]
    sheet[f"C{13 + day}"], sheet[f"E{13 + day}"], sheet[f"H{13 + day}"] = 500, "UPI", PAYMENT["notes"]
    book.save(path)


def read_by_us(path: Path) -> None:
    read(path.read_bytes()).summary()


def read_by_openpyxl(path: Path) -> None:
    book = load_workbook(path, data_only=True)
    list(book.worksheets[0].iter_rows(values_only=True))


def milliseconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return (perf_counter() - start) * 1000


def compared(what: str, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
    """Print the medians of both, taken in turns so that a busy machine slows both alike."""
    times = [(milliseconds(ours), milliseconds(theirs)) for _ in range(ROUNDS)]
    we, they = median(pair[0] for pair in times), median(pair[1] for pair in times)
    print(f"{what:<44}{we:9.2f} ms   openpyxl {they:9.2f} ms   {they / we:5.1f} times")


def compared_at(days: int, folder: str) -> None:
    ours, theirs = Path(folder, "ours.xlsx"), Path(folder, "theirs.xlsx")
    for path in (ours, theirs):
        path.write_bytes(half_paid(days))
    compared(f"read one workbook of {days} days", lambda: read_by_us(ours), lambda: read_by_openpyxl(theirs))
    day = days // 2
    compared(f"save one payment, {days} days", lambda: saved_by_us(ours, day), lambda: saved_by_openpyxl(theirs, day))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for days in (100, 400):
            compared_at(days, folder)
    contents = new_contents("50K", tracker_name="John", start_date=date(2024, 10, 16), tracker_id="1")
    build_workbook(contents)
    opening = median(milliseconds(lambda: build_workbook(contents)) for _ in range(ROUNDS))
    print(f"{'build the workbook of a new 100 days tracker':<44}{opening:9.2f} ms")


if __name__ == "__main__":
    main()
