"""A tracker's workbook as any other program may write it reads the same or is refused, never differently; so does what
is patched."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineError

from tests.resaved import WRITERS, parts_of
from tests.trackers.workbooks import as_excel_saves, cell_of, new_workbook, original, values_of, with_sheet
from trackers.workbook.contents import Contents
from trackers.workbook.errors import CannotPatch, UnsafeFile
from trackers.workbook.patch import patch
from trackers.workbook.public import without_internals
from trackers.workbook.read import read

DAYS = {
    1: {"paid": Decimal(500), "mode": "UPI", "notes": "a<b & 'c' \"d\""},
    2: {"paid": Decimal("33.35"), "withdrawn": Decimal(10), "notes": " two\nlines 18 "},
    4: {"paid": Decimal(0)},
}
OURS = patch(new_workbook(scheme_period=20, skipped_weekdays=frozenset({6})), days=DAYS).data
THEIRS = original(
    filled={"B3": "Ramesh", "C14": 500, "E14": "upi", "C15": "₹1,500.50", "C16": "18", "H16": "see 18", "E17": "Cash"}
)
READ = {data: read(data, thorough=True) for data in (OURS, THEIRS)}


def said(contents: Contents) -> tuple:
    """Everything that a reading says."""
    return (
        contents.parameters,
        contents.days,
        contents.last_day,
        contents.baseline,
        contents.altered,
        contents.unreadable,
        contents.foreign_formulas,
    )


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("data", [OURS, THEIRS], ids=["ours", "theirs"])
def test_a_workbook_in_another_hand_reads_the_same(data, writer):
    assert said(read(WRITERS[writer](data), thorough=True)) == said(READ[data])


@pytest.mark.parametrize("writer", WRITERS)
def test_a_workbook_in_another_hand_is_patched_right_or_not_at_all(writer):
    edit = {3: {"paid": Decimal(750), "mode": "Cash", "notes": "late"}, 25: {"paid": Decimal(5)}}
    resaved = WRITERS[writer](OURS)
    try:
        patched = patch(resaved, days=edit)
    except CannotPatch:
        return
    if values_elsewhere(resaved) == values_of(OURS):
        assert values_elsewhere(patched.data) == values_of(patch(OURS, days=edit).data)
    again = read(patched.data, thorough=True)
    assert (again.altered, again.unreadable) == ((), ())
    assert again.cells == again.baseline == patch(OURS, days=edit).contents.cells


def values_elsewhere(data: bytes) -> list | None:
    """The sheet's values as a reader of another house tells them; None for the hands that it does not read."""
    try:
        return values_of(data)
    except CalamineError:
        return None


@pytest.mark.parametrize("writer", WRITERS)
def test_what_a_customer_takes_away_tells_nothing_of_the_hidden_sheet(writer):
    taken = without_internals(WRITERS[writer](OURS))
    assert "_lendbook" not in values_and_names(taken)


def values_and_names(data: bytes) -> str:
    """Every name and every text in a package."""
    parts = parts_of(data)
    texts = [part.decode("utf-16" if part[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8") for name, part in parts.items()
             if name.lower().endswith(("xml", "rels"))]  # fmt: skip
    assert len(read(data).days) == 3
    return " ".join(texts) + " ".join(parts)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(sorted(set(WRITERS) - {"65,000 styles"})), min_size=2, max_size=4), st.booleans())
def test_no_chain_of_programs_makes_a_workbook_say_something_else(writers, ours):
    data = whole = OURS if ours else THEIRS
    try:
        for writer in writers:
            data = WRITERS[writer](data)
    except (KeyError, TypeError, ValueError, AttributeError):
        return  # a writer that does not understand the one before
    try:
        contents = read(data, thorough=True)
    except UnsafeFile:
        return
    assert said(contents) == said(READ[whole])


def test_a_file_of_excels_in_another_hand_reads_the_same():
    data = as_excel_saves(OURS)
    for writer in ("single quotes", "all of these", "another prefix", "letters as numbers", "upper case parts"):
        assert said(read(WRITERS[writer](data), thorough=True)) == said(READ[OURS]), writer


def test_dates_written_as_iso_texts_are_dates():
    for kind in (
        b't="d"><v>2024-10-16T00:00:00</v>',
        b't="str"><v>2024-10-16T00:00:00</v>',
        b't="d"><v>2024-10-16</v>',
    ):
        cell = cell_of(OURS, "B10")
        other = with_sheet(OURS, cell, b'<c r="B10" s="31" %b</c>' % kind)
        assert read(other, thorough=True).terms.start_date == date(2024, 10, 16)
        assert read(other, thorough=True).is_as_written
