"""What a workbook holds beside the first sheet's cells: other sheets are named, long numbers are taken as shown on request."""

import io
import json
from contextlib import nullcontext
from datetime import date, datetime
from decimal import Decimal

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from ledger.entry_import.importer import EntryImporter
from ledger.models import LedgerEntry
from shop.imports.cells import rounded_amount
from shop.models import Job
from tests import world

HEADER = ["date", "category", "amount", "narration"]


def workbook(*rows, others=(), number_format="0.00"):
    """The bytes of a workbook with these rows; `others` are (name, rows) of further sheets."""
    book = openpyxl.Workbook()
    for name, lines in ((None, [HEADER, *rows]), *others):
        sheet = book.active if name is None else book.create_sheet(name)
        for line in lines:
            sheet.append(line)
        for row in sheet.iter_rows():
            for cell in row:
                if isinstance(cell.value, float):
                    cell.number_format = number_format
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def opened(tmp_path, content):
    path = tmp_path / "list.xlsx"
    path.write_bytes(content)
    return EntryImporter(None).open(path)


ROW = [date(2024, 1, 15), "Expense", 10, "Oct"]


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ((), []),
        ((("Empty", []),), []),
        ((("Nov", [HEADER, ROW]),), ['Sheet "Nov" (1 row)']),
        ((("Nov", [HEADER, ROW, ROW]), ("Dec", [HEADER, *[ROW] * 1200])), ['Sheet "Nov" (2 rows)', 'Sheet "Dec" (1,200 rows)']),
        ((("Notes", [["see Murugan"]]),), ['Sheet "Notes" (1 row)']),
        ((("Gaps", [[], HEADER, [], ROW]),), ['Sheet "Gaps" (1 row)']),
        ((("அக்டோபர்", [HEADER, ROW]),), ['Sheet "அக்டோபர்" (1 row)']),
    ],
)  # fmt: skip
def test_other_sheets_with_rows_are_named(tmp_path, others, words):
    found = [sentence for _, sentence in opened(tmp_path, workbook(ROW, others=others)).warnings]
    assert [sentence.partition(" was not read")[0] for sentence in found] == words


def test_of_very_many_sheets_the_rest_is_counted(tmp_path):
    others = [(f"S{number}", [HEADER, ROW]) for number in range(13)]
    found = opened(tmp_path, workbook(ROW, others=others)).warnings
    assert (len(found), found[-1]) == (11, (None, "3 more sheets were not read."))


FORMATS = [
    ("0.00", "33.33"), ("#,##0.00", "33.33"), ("##,##,##0.00", "33.33"), ("₹ #,##0.00", "33.33"), ("0", "33.00"),
    ("0.0", "33.30"),
    ("#,##0", "33.00"), ('"Rs" 0.00', "33.33"), ("[$₹-4009] #,##0.00", "33.33"), ("0.00_);(0.00)", "33.33"),
    ("#,##0.00;[Red]-#,##0.00", "33.33"), ("_ * #,##0.00_ ", "33.33"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "shown"), FORMATS, ids=str)
def test_what_a_cell_shows_of_a_long_number_goes_along(tmp_path, code, shown):
    table = opened(tmp_path, workbook([date(2024, 1, 15), "Expense", 100 / 3, ""], number_format=code))
    (row,) = table.rows()
    assert rounded_amount(row.cells[2]) == Decimal(shown)


@pytest.mark.parametrize("code", ["General", "0.000", "0.00%", "0.00E+00", "yyyy-mm-dd", "# ?/?", "h:mm", "0.0,"])
def test_where_no_rounded_amount_is_shown_none_is_offered(tmp_path, code):
    table = opened(tmp_path, workbook([date(2024, 1, 15), "Expense", 100 / 3, ""], number_format=code))
    (row,) = table.rows()
    assert rounded_amount(row.cells[2]) is None


def test_an_amount_with_two_decimals_is_itself(tmp_path):
    (row,) = opened(tmp_path, workbook([date(2024, 1, 15), "Expense", 0.1 + 0.2, ""])).rows()
    assert type(row.cells[2]) is Decimal


# ------------------------------------------------------------------------------------------------ imported

LONG = (
    [date(2024, 1, 15), "Expense", 499.999, ""],
    [datetime(2024, 1, 15, 10, 30), "Expense", 100 / 3, ""],  # noqa: DTZ001  (a workbook knows no zone)
    [None, "Total", 533.33, ""],
)


@pytest.mark.django_db
def test_by_command_amounts_are_taken_as_shown_where_somebody_says_so(tmp_path):
    world.book()
    path = tmp_path / "list.xlsx"
    path.write_bytes(workbook(*LONG, others=[("Nov", [HEADER, ROW])]))
    answers = []
    for options in ((), ("--as-shown",)):
        out = io.StringIO()
        with nullcontext() if options else pytest.raises(CommandError):
            call_command("import_entries", str(path), "--book", "main-street", "--json", *options, stdout=out)
        answers.append(json.loads(out.getvalue()))
    refused, taken = answers
    reasons = [found["reason"] for found in refused["errors"]]
    assert "Excel shows 500.00. Round it in the sheet" in reasons[0]
    assert "Excel shows 33.33" in reasons[1]
    assert refused["warnings"][0]["line"] is None
    assert 'Sheet "Nov" (1 row) was not read' in refused["warnings"][0]["reason"]
    assert (taken["errors"], taken["imported"]) == ([], 2)
    assert any("total of 533.33 agrees" in found["reason"] for found in taken["warnings"])
    assert sorted(LedgerEntry.objects.values_list("amount", flat=True)) == [Decimal("33.33"), Decimal("500.00")]


@pytest.mark.django_db
def test_by_page_amounts_are_taken_as_shown_where_the_tick_is_set(client):
    client.force_login(world.cast().ravi)
    content = workbook(*LONG, others=[("Nov", [HEADER, ROW])])
    new = reverse("shop:new_import", args=["main-street", "entries"])
    client.post(new, {"file": SimpleUploadedFile("list.xlsx", content)})
    job = Job.objects.get()
    page = client.get(reverse("shop:import", args=["main-street", job.pk])).content.decode()
    assert "Excel shows 33.33" in page
    assert "Sheet &quot;Nov&quot; (1 row) was not read" in page
    client.post(reverse("shop:check_again", args=["main-street", job.pk]), {"as_shown": "on"})
    client.post(reverse("shop:confirm_import", args=["main-street", job.pk]))
    assert LedgerEntry.objects.count() == 2
