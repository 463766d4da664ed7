"""What lenders bring that is no tracker: every such file gets a sentence, and nothing is written."""

import io
import json
import zipfile
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from tests.trackers.workbooks import SHEET, new_workbook, parts, with_parts
from trackers import services
from trackers.models import Customer, Tracker

pytestmark = pytest.mark.django_db


def far_cell(data):
    sheet = parts(data)[SHEET].replace(
        b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    )
    return with_parts(data, {SHEET: sheet})


def zip_bomb(data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts(data).items():
            archive.writestr(name, part)
        archive.writestr("xl/media/bomb.xml", bytes(60 * 1024**2))
    return out.getvalue()


ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><worksheet>&b;</worksheet>'
BAD = {
    "macros.xlsm": (lambda data: with_parts(data, {"xl/vbaProject.bin": b"x"}), "macros"),
    "encrypted.xlsx": (
        lambda data: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le") + bytes(512),
        "password",
    ),
    "bomb.xlsx": (zip_bomb, "unpack"),
    "far.xlsx": (far_cell, ""),
    "entities.xlsx": (lambda data: with_parts(data, {SHEET: ENTITIES}), "entities"),
    "half.xlsx": (lambda data: data[: len(data) // 2], "cut off"),
    "empty.xlsx": (lambda data: b"", "0 bytes"),
    "csv.xlsx": (lambda data: b"day,paid\n1,500\n", "text file"),
    "large.xlsx": (lambda data: bytes(6 * 1024**2), "larger than 5 MB"),
    "photo.xlsx": (lambda data: b"\x89PNG\r\n\x1a\n" + bytes(900), "not a workbook"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("as_new", [True, False])
def test_file_that_is_no_tracker_gets_a_sentence_and_changes_nothing(johns, tmp_path, name, as_new):
    damage, reason = BAD[name]
    path, out = tmp_path / name, StringIO()
    path.write_bytes(damage(new_workbook(tracker_id=str(johns.uid))))
    whose = ["--book", johns.book.slug, "--user", "new"] if as_new else ["--tracker", str(johns.pk)]
    with pytest.raises(CommandError) as refused:
        call_command("adopt_workbook", str(path), *whose, "--apply", "--json", stdout=out, stderr=StringIO())
    assert refused.value.returncode == 1
    answer = json.loads(out.getvalue())
    assert reason in answer.get("error", "") or answer.get("refused")
    assert Tracker.objects.get().version == johns.version
    assert Customer.objects.count() == 1


def test_file_that_is_not_there_is_named(johns):
    with pytest.raises(CommandError, match="no file"):
        call_command("adopt_workbook", "/nowhere/x.xlsx", "--tracker", str(johns.pk))


@pytest.mark.parametrize("login", ["no blanks here", "semi;colon", "x" * 151, ""])
def test_login_that_django_refuses_is_told_so(book, login):
    with pytest.raises(ValidationError, match="cannot be used"):
        services.customer_for(book, login)
    assert not Customer.objects.exists()


def test_deactivated_customer_gets_no_tracker(johns, tmp_path):
    johns.customer.is_active = False
    johns.customer.save()
    with pytest.raises(ValidationError, match="deactivated"):
        services.customer_for(johns.book, "john")
    with pytest.raises(ValidationError, match="deactivated"):
        services.open_tracker(
            customer=johns.customer, tracker_name="K", tracker_type="50K", start_date=date(2024, 10, 16)
        )


@pytest.mark.parametrize(("day", "values"), [(-1, {"paid": Decimal(5)}), (1101, {"paid": Decimal(5)})])
def test_day_outside_the_table_is_refused(johns, day, values):
    with pytest.raises(ValidationError, match="outside the table"):
        services.record_payment(johns, day, **values)


@pytest.mark.parametrize(
    "options", [["--amount", "-5"], ["--amount", "five"], ["--amount", "5", "--mode", "Barter"], ["--reinvest", "5"]]
)
def test_wrong_value_on_the_command_is_exit_1_and_nothing_is_written(johns, options):
    with pytest.raises(CommandError) as refused:
        call_command("record_payment", str(johns.pk), "--day", "1", *options, stdout=StringIO(), stderr=StringIO())
    assert refused.value.returncode == 1
    assert Tracker.objects.get().version == johns.version
