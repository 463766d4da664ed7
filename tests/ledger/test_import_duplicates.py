"""The duplicates rule as a law: any rows, in any files, imported twice: nothing doubles and nothing is lost."""

import itertools
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.entry_import.importer import EntryImporter
from ledger.models import LedgerEntry
from shop.imports import importing, wizard
from tests import world

HEADER = "date,category,direction,amount,payment_mode,narration,reference\n"

# Few values, so that equal rows and rows that differ in one column are both common; some categories are new.
ROW = st.tuples(
    st.sampled_from(["2024-01-15", "2024-01-16"]),
    st.sampled_from([("Collection", ""), ("Tea", "spent")]),
    st.sampled_from(["5.00", "7.50"]),
    st.sampled_from(["Cash", "UPI"]),
    st.sampled_from(["", 'a, "b"\nc', "அன்பு"]),
    st.sampled_from(["", "R-1"]),
)


def line(row):
    on, (category, direction), amount, mode, narration, reference = row
    quoted = '"' + narration.replace('"', '""') + '"'
    return f"{on},{category},{direction},{amount},{mode},{quoted},{reference}\n"


FILES = st.lists(st.lists(ROW, min_size=1, max_size=9), min_size=1, max_size=4)
TWICE = FILES.flatmap(lambda files: st.tuples(st.just(files), st.permutations(files * 2)))
NUMBERS = itertools.count()


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=TWICE)
def test_any_rows_in_any_files_twice(case, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(importing, "BATCH_ROWS", 3)
    files, twice = case
    book = world.book(f"book-{next(NUMBERS)}")
    path = tmp_path_factory.mktemp("files") / "entries.csv"
    held = Counter()
    for rows in twice:
        path.write_text(HEADER + "".join(map(line, rows)))
        report = wizard.import_now(EntryImporter(book), path)
        assert report.errors == []
        before, held = held, held | Counter(rows)
        assert report.imported == (held - before).total()
        assert report.imported + report.duplicate == len(rows)
    wanted = Counter()
    for rows in files:
        wanted |= Counter(rows)
    assert Counter(_rows_of(book)) == wanted


def _rows_of(book):
    for entry in LedgerEntry.objects.filter(book=book).select_related("category"):
        direction = "spent" if entry.category.name == "Tea" else ""
        narration = {'a, "b" c': 'a, "b"\nc'}.get(entry.narration, entry.narration)
        yield (
            entry.date.isoformat(),
            (entry.category.name, direction),
            str(entry.amount),
            entry.payment_mode,
            narration,
            entry.reference,
        )
