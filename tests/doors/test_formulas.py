"""What people type reaches spreadsheets as text, through every export, and no log."""

import csv
import io
import logging
import re
import zipfile

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command

from expenses.models import ProductTag, RejectedRow, Statement, Tag, Transaction
from expenses.tagging import corrections
from ledger.models import Account, AccountTransfer, Category, LedgerEntry
from lendbook import audit
from shop.imports import importing
from tests.doors import world
from tests.doors.test_doors import PREFIXES, harmless
from trackers import services as trackers
from trackers.models import Customer, Tracker

pytestmark = pytest.mark.django_db
HOME = "/books/main-street/"
MARK = "cmd|' /C calc'!A0"
# Where each text of the books comes out as a file.
EXPORTS = (
    "/admin/ledger/ledgerentry/export/csv/",
    "/admin/ledger/ledgerentry/export/xlsx/",
    "/admin/ledger/accounttransfer/export/csv/",
    "/admin/ledger/accounttransfer/export/xlsx/",
    f"{HOME}expenses/payees/?format=csv",
    f"{HOME}expenses/statements/{{statement}}/rejected.csv",
    f"{HOME}imports/{{job}}/rejected.csv",
    f"{HOME}collect/file/csv/?date=2024-10-18",
    f"{HOME}collect/file/xlsx/?date=2024-10-18",
    f"{HOME}record/?file=csv",
    f"{HOME}record/?file=xlsx",
    *(
        f"{HOME}{page}{name}={kind}"
        for page in (
            "day-book/range/?from=2024-10-01&to=2024-10-31&",
            "reports/account/{account}/?from=2024-10-01&to=2024-10-31&",
            "expenses/transactions/?",
        )
        for name in ("file", "format")
        for kind in ("csv", "xlsx")
    ),
)
PARTS = (
    "ledgerentry", "accounttransfer", "range", "expenses/transactions", "account/", "payees", "statements", "imports",
    "collect/file", "record",
)  # fmt: skip


@pytest.fixture
def cast():
    return world.build()


def plant(cast, text):
    """The text into every column of the book that a file may show, past all that forms would have cleaned."""
    main = cast.main
    LedgerEntry.objects.filter(book=main).update(narration=text, reference=text[:60], subcategory=text[:60])
    AccountTransfer.objects.filter(book=main).update(narration=text, reference=text[:60])
    Account.objects.filter(pk=cast.rows["main"].account.pk).update(name=text)
    Category.objects.filter(book=main, name="Collection").update(name=text)
    Transaction.objects.filter(book=main).update(narration=text, product=text, reference=text[:60])
    Tag.objects.filter(pk=cast.rows["main"].tag.pk).update(name=text)
    Customer.objects.filter(book=main).update(name=text, route=text[:40])
    Tracker.objects.filter(book=main).update(tracker_name=text)
    type(cast.asha).objects.filter(pk=cast.asha.pk).update(username=text)
    Statement.objects.filter(pk=cast.rows["main"].statement.pk).update(headers=["Date", text])
    RejectedRow.objects.filter(statement=cast.rows["main"].statement).update(reason=text, cells=[text, text])
    ProductTag.objects.filter(book=main).update(product=text)


def cells_of(response):
    """Every cell of a CSV or XLSX answer, as (text, whether it is a formula)."""
    content = b"".join(response.streaming_content) if response.streaming else response.content
    if content[:2] != b"PK":
        text = content.decode().removeprefix("\ufeff")
        return [(cell, False) for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    rows = openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows()
    return [(str(cell.value), cell.data_type == "f") for row in rows for cell in row if cell.value is not None]


def test_no_export_lets_a_typed_formula_live(cast, tally):
    owner, rows = cast.browsers["o"], cast.rows["main"]
    ProductTag.objects.create(book=cast.main, product="X", tag=rows.tag, source=ProductTag.Source.STAFF)
    RejectedRow.objects.create(statement=rows.statement, line=1, reason="x", cells=["x"])
    seen = set()
    for prefix in PREFIXES:
        plant(cast, f"{prefix}{MARK}")
        table = f'date,category,amount,narration\n2024-10-18,Nowhere,x,"{prefix}{MARK}"\n'
        upload = SimpleUploadedFile("a.csv", table.encode())
        job = owner.post(f"{HOME}imports/new/entries/", {"file": upload}).url.strip("/").split("/")[-1]
        audit.take_in()
        for where in EXPORTS:
            response = owner.get(where.format(account=rows.account.pk, statement=rows.statement.pk, job=job))
            if response["Content-Type"].startswith("text/html"):
                continue
            for text, lives in cells_of(response):
                assert not lives, (where, text)
                if MARK in text:
                    seen.add(where)
                    assert harmless(text), (where, text)
        out = io.StringIO()
        call_command("export_transactions", book="main-street", format="csv", stdout=out)
        assert all(harmless(cell) for row in csv.reader(io.StringIO(out.getvalue())) for cell in row if MARK in cell)
    for part in PARTS:
        assert any(part in where for where in seen), f"no text came out of {part}: {sorted(seen)}"
    tally("texts × exports that a spreadsheet would run", len(PREFIXES) * len(seen))


def test_no_workbook_lets_a_typed_formula_live(cast, tally):
    owner, customer = cast.browsers["o"], cast.browsers["c"]
    tracker, told = cast.murugan.tracker, 0
    for day, prefix in enumerate(PREFIXES, 2):
        tracker.refresh_from_db()
        trackers.record_payment(tracker, day, paid=5, notes=f"{prefix}{MARK}", user=cast.asha)
    for where, client in (
        (f"{HOME}trackers/{tracker.pk}/workbook/", owner),
        (f"/passbook/{tracker.pk}/workbook/", customer),
    ):
        response = client.get(where)
        content = b"".join(response.streaming_content) if response.streaming else response.content
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                part = archive.read(name).decode(errors="replace")
                assert not any("calc" in formula for formula in re.findall(r"<f\b[^>]*>(.*?)</f>", part, re.S)), name
        cells = openpyxl.load_workbook(io.BytesIO(content))
        kinds = {
            cell.data_type for sheet in cells for row in sheet.iter_rows() for cell in row if "calc" in str(cell.value)
        }
        told += sum("calc" in str(cell.value) for sheet in cells for row in sheet.iter_rows() for cell in row)
        assert kinds == {"s"}
    assert told >= 2 * 12
    tally("texts × exports that a spreadsheet would run", told)


def test_no_name_phone_or_narration_stands_in_a_log(cast, caplog):
    caplog.set_level(logging.DEBUG)
    owner, tracker = cast.browsers["o"], cast.murugan.tracker
    main = cast.rows["main"]
    caplog.clear()
    for where in (
        HOME, f"{HOME}search/?q=CANARYMAIN", f"{HOME}day-book/2024-10-17/", f"{HOME}trackers/", f"{HOME}trackers/{tracker.pk}/",
        f"{HOME}trackers/{tracker.pk}/day/1/", f"{HOME}collect/?date=2024-10-18", f"{HOME}expenses/transactions/?q=CANARYMAIN",
        f"{HOME}expenses/payees/?q=CANARYMAIN", f"{HOME}expenses/transactions/{main.transaction.pk}/", f"{HOME}receipts/",
        f"{HOME}imports/{main.job.pk}/", f"{HOME}imports/{main.job.pk}/rejected.csv", f"{HOME}record/",
        "/admin/ledger/ledgerentry/?q=CANARYMAIN",
        f"/admin/trackers/customer/{main.customer.pk}/change/", f"{HOME}nowhere/", "/admin/ledger/ledgerentry/export/xlsx/",
    ):  # fmt: skip
        response = owner.get(where)
        assert response.status_code in (200, 404), where
    cast.browsers["c"].get(f"/passbook/{tracker.pk}/")
    cast.browsers["c"].post(f"/passbook/{tracker.pk}/say/", {"kind": "missing", "note": "CANARYMAIN", "day": "1"})
    owner.post("/login/", {"username": "CANARYMAIN", "password": "CANARYMAIN"})
    owner.post(f"{HOME}trackers/{tracker.pk}/day/1/", {"paid": "CANARYMAIN", "notes": "CANARYMAIN"})
    for content in (b"Date,Narration\nCANARYMAIN,CANARYMAIN\n", b"PK\x03\x04CANARYMAIN"):
        upload = SimpleUploadedFile("CANARYMAIN.csv", content)
        owner.post(f"{HOME}expenses/statements/", {"account": main.statement.account.pk, "files": [upload]})
    told = [
        record.getMessage() + str(record.exc_text or "")
        for record in caplog.records
        if record.name != "django.db.backends"
    ]
    phone = main.customer.phone
    assert not [line for line in told if "CANARYMAIN" in line or phone in line]


# ------------------------------------------------------------------------------------------------ files naming foreign rows


def sentences(importer, table, folder):
    path = folder / "a.csv"
    path.write_text(table)
    table = importer.open(path)
    return importing.check(importer, table, importing.match_columns(importer.columns, table.header).roles).errors


def test_a_file_that_names_another_books_rows_hears_what_it_hears_of_rows_that_are_nowhere(cast, tmp_path):
    theirs, main, asha = cast.rows["other"], cast.main, cast.asha
    Tag.objects.filter(pk=theirs.tag.pk).update(name="THEIRS")
    Account.objects.filter(pk=theirs.account.pk).update(name="THEIRS")
    Category.objects.filter(pk=theirs.category.pk).update(name="THEIRS")
    Customer.objects.filter(pk=theirs.customer.pk).update(name="THEIRS")
    theirs.tracker.refresh_from_db()
    before = theirs.tracker.version
    for table, kind, names in (
        ("date,category,account,amount\n2024-10-18,Collection,{},5\n", "entries", ("THEIRS", "NOWHERE")),
        ("date,category,amount\n2024-10-18,{},5\n", "entries", ("THEIRS", "NOWHERE")),
        ("tracker,day,amount\n{},1,5\n", "payments", (theirs.tracker.filename, "tracker_x_20241016_090000.xlsx")),
        ("tracker,day,amount\n{},1,5\n", "payments", (str(theirs.tracker.pk), "99999")),
    ):
        told = []
        for name in names:
            importer = importing.importer_of(kind)(main, user=asha)
            errors = sentences(importer, table.format(name), tmp_path)
            assert errors, (kind, name)
            told.append(str(errors).replace(name, "?"))
        assert told[0] == told[1], kind
    told = [corrections.take_product_tags(main, f"Product,Tag\nX,{name}\n".encode()) for name in ("THEIRS", "NOWHERE")]
    assert str(told[0]).replace("THEIRS", "?") == str(told[1]).replace("NOWHERE", "?")
    assert told[0]["imported"] == 0
    theirs.tracker.refresh_from_db()
    assert theirs.tracker.version == before
    assert not LedgerEntry.objects.filter(book=main, amount=5).exists()
