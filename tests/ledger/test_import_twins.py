"""An import makes no twins: what it would make is named, what reads the same is one, what looks like known is told."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from ledger import daybook, services
from ledger.entry_import.importer import EntryImporter
from ledger.models import Category, LedgerEntry
from shop.imports import importing, wizard
from shop.models import Job
from tests import world

pytestmark = pytest.mark.django_db
HEADER = "date,category,subcategory,amount,direction,narration\n"
LOOK_ALIKES = [
    "collection", "COLLECTION", " Collection ", "\u00a0Collection", "Collection\u200b", "\u200bCollection", "Col\u200blection",
    "\ufeffCollection", "Collection\u200d", "Coll\u00adection", "\u200eCollection", "C\u043ellection", "\u0421ollection",
    "Coll\u0435ction", "COLLECT\u0399ON", "\uff23ollection", "Collection\ufe0f", "Collect\u0131on", "Coll\u034fection",
]  # fmt: skip


@pytest.fixture
def book():
    return world.book()


@pytest.fixture
def load(book, tmp_path):
    """load(rows) -> the Report of importing them; `into` another book."""

    def run(rows, into=None, **options):
        path = tmp_path / "entries.csv"
        path.write_text(HEADER + rows)
        return wizard.import_now(EntryImporter(into or book, **options), path)

    return run


def reasons(report):
    return [found["reason"] for found in report.shape()["warnings"]]


def test_spellings_that_read_the_same_fall_on_the_category_there_is(book, load):
    rows = "".join(f'2024-01-15,"{name}",,{number},received,\n' for number, name in enumerate(LOOK_ALIKES, 1))
    before = Category.objects.count()
    report = load(rows)
    assert (report.errors, report.imported, reasons(report)) == ([], len(LOOK_ALIKES), [])
    assert Category.objects.count() == before
    assert world.category(book, "Collection").entries.count() == len(LOOK_ALIKES)
    assert load(rows).duplicate == len(LOOK_ALIKES)


def test_a_new_category_is_made_once_and_kept_without_what_does_not_show(book, load):
    report = load("2024-01-15,Te\u200ba,,1,spent,\n2024-01-15,TEA,,2,spent,\n2024-01-15,T\u0435a\u00a0,,3,,\n")
    assert report.errors == []
    assert world.category(book, "Tea").entries.count() == 3


def test_subcategories_that_read_the_same_are_one_line_of_the_day(book, load):
    rows = "".join(
        f'2024-01-15,Collection,"{name}",500,received,\n'
        for name in (
            "Loan  Payments",
            "loan payments",
            "Loan\u00a0Payments",
            "LOAN PAYMENTS ",
            "Loan P\u0430yments",
            "Loan\u200b Payments",
        )
    )
    assert load(rows).imported == 6
    daybook.finish_pending(book.pk)
    day = daybook.day_book_on(book, LedgerEntry.objects.first().date)
    (line,) = day.details
    assert (line.subcategory, line.amount, line.transaction_count) == ("Loan Payments", 3000, 6)
    assert load(rows).duplicate == 6


def test_a_subcategory_is_spelled_as_the_book_spells_it_pending_days_included(book, load):
    world.post(book, "2024-01-10", subcategory="Loan Payments")
    load("2024-01-15,Collection,loan  payments,500,received,\n")
    assert set(LedgerEntry.objects.values_list("subcategory", flat=True)) == {"Loan Payments"}
    assert services.spelled_subcategory(world.category(book, "Collection"), " LOAN payments") == "Loan Payments"


def test_a_twin_of_earlier_days_keeps_its_rows_and_their_duplicates(book, load):
    twin = Category.objects.create(book=book, name="Collection\u200b", direction="received")
    for imported in (1, 0):
        assert load("2024-01-15,Collection\u200b,,500,received,\n").imported == imported
    assert twin.entries.count() == 1


@pytest.mark.parametrize("name", ["வசூல்", "वसूली", "क्\u200dष", "क्\u200cष", "ക്\u200d", "శ్రీ", "কিস্তি"], ids=ascii)
def test_names_in_indian_scripts_are_made_as_they_are(book, load, name):
    assert load(f"2024-01-15,{name},{name},1,received,\n").errors == []
    entry = LedgerEntry.objects.get()
    assert (entry.category.name, entry.subcategory) == (name, name)
    assert load(f"2024-01-16,{name},{name},1,received,\n").imported == 1
    assert Category.objects.filter(name=name).count() == 1


def test_new_categories_are_named_with_what_they_are_near(load):
    report = load("2024-01-15,Colection,,500,received,a\n2024-01-15,Expence,,20,spent,b\n")
    assert report.imported == 2
    assert {
        "line": 2,
        "reason": "This file makes 2 new categories: Colection (received; near Collection), Expence (spent; near Expense).",
    } in report.shape()["warnings"]


def test_of_many_new_categories_the_first_are_named(load):
    rows = "".join(f"2024-01-15,Head {chr(65 + n) * 9},,1,spent,\n" for n in range(26))
    assert any("makes 26 new categories: " in reason and "and 6 more." in reason for reason in reasons(load(rows)))


def test_a_new_subcategory_is_told_and_asked_about_where_it_is_near_another(book, load):
    world.post(book, "2024-01-10", subcategory="Loan Payments")
    report = load("2024-01-15,Collection,Loan Paymnets,5,,\n2024-01-15,Collection,Bills,5,,\n")
    assert "This file makes 1 new subcategory: Loan Paymnets (Collection; near Loan Payments)." in reasons(report)
    assert report.notes == ["New subcategories: Bills (Collection)."]


def test_the_check_page_names_what_would_be_made_before_anything_is(client):
    cast = world.cast()
    client.force_login(cast.ravi)
    file = SimpleUploadedFile("entries.csv", f"{HEADER}2024-01-15,Colection,Bills,500,received,a\n".encode())
    client.post(reverse("shop:new_import", args=["main-street", "entries"]), {"file": file})
    page = client.get(reverse("shop:import", args=["main-street", Job.objects.get().pk])).content.decode()
    assert "This file makes 1 new category: Colection (received; near Collection)." in page
    assert "New subcategories: Bills (Colection)." in page
    assert not Category.objects.filter(name="Colection").exists()


def test_an_account_is_found_however_it_is_typed(book, tmp_path):
    path = tmp_path / "entries.csv"
    path.write_text(
        "date,account,category,amount\n"
        + "".join(
            f'2024-01-15,"{name}",Collection,5\n'
            for name in ("bank", "Bank\u200b", "\u00a0BANK", "B\u0430nk", "\uff22ank")
        )
    )
    report = wizard.import_now(EntryImporter(book), path)
    assert report.errors == []
    assert set(LedgerEntry.objects.values_list("account__name", flat=True)) == {"Bank"}


# ------------------------------------------------------------------------------------------------ looks like known


ROW = "2024-01-15,Collection,,500,received,Murugan\n"


@pytest.mark.parametrize("narration", ["Murugan", "murugan", "Murugan ", "", "Murugan\u200b"])
def test_a_row_equal_to_one_typed_by_hand_is_told_and_taken(book, load, narration):
    typed = world.post(book, "2024-01-15", narration=narration, source="staff", user=world.person("asha"))
    report = load(ROW)
    assert report.imported == 1
    assert [found["line"] for found in report.warnings] == [2]
    assert "has an equal entry already, typed by asha" in report.warnings[0]["reason"]
    assert f"number {typed.pk}" in report.warnings[0]["reason"]


@pytest.mark.parametrize(
    "other",
    [
        {"narration": "Selvi"},
        {"amount": "501"},
        {"on": "2024-01-16"},
        {"name": "Income"},
        {"subcategory": "x", "narration": "y"},
    ],
)
def test_another_entry_tells_nothing(book, load, other):
    world.post(book, **{"on": "2024-01-15", "source": "staff", **other})
    assert load(ROW).warnings == []


def test_each_entry_is_told_once_and_what_is_reversed_not_at_all(book, load):
    world.post(book, "2024-01-15", narration="Murugan", source="staff")
    gone = world.post(book, "2024-01-15", narration="Murugan", source="staff")
    services.reverse(gone, date=gone.date)
    report = load(ROW * 3)
    assert (report.imported, [found["line"] for found in report.warnings]) == (3, [2])


def test_a_row_equal_to_one_in_the_bin_is_told(book, load):
    load(ROW)
    services.delete(LedgerEntry.objects.get())
    report = load(ROW)
    assert (report.imported, report.duplicate) == (1, 0)
    assert "An equal entry lies in the bin" in report.warnings[0]["reason"]


def test_an_import_that_was_undone_as_a_whole_comes_again_without_a_word(book, load):
    load(ROW)
    services.undo_entries(book=book, job=Job.objects.get())
    Job.objects.update(state=Job.State.UNDONE)
    assert load(ROW).warnings == []


def test_what_is_equal_is_told_by_the_check_as_well(book, tmp_path):
    world.post(book, "2024-01-15", narration="Murugan", source="staff")
    path = tmp_path / "entries.csv"
    path.write_text(HEADER + ROW)
    importer = EntryImporter(book)
    table = importer.open(path)
    report = importing.check(importer, table, importer.match(table.header).roles)
    assert "has an equal entry already" in report.warnings[0]["reason"]
