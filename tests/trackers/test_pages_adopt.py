"""The pages on which workbooks come back or come in: compare and confirm, a zip of them, the owner's template."""

import io
import re
import zipfile
from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from ledger.models import LedgerEntry
from shop.imports import wizard
from shop.models import Job
from tests.trackers.pages import shop
from tests.trackers.test_adopt import FILLED, ledger_total, typed_over, with_formula
from tests.trackers.workbooks import original
from trackers import adopt, services, soundness, store
from trackers.importing import workbooks
from trackers.models import Draft, Tracker
from trackers.workbook.build import build_workbook, shipped_template
from trackers.workbook.contents import new_contents

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(client):
    cast = shop(2)
    client.force_login(cast.ravi)
    cast.johns = services.record_payment(cast.trackers[0], 1, paid=Decimal(500)).tracker
    return cast


def upload(client, cast, content, name="edited.xlsx"):
    url = f"/books/{cast.main.slug}/trackers/{cast.johns.pk}/compare/"
    return client.post(url, {"file": SimpleUploadedFile(name, content)}, follow=True)


def test_upload_shows_every_cell_and_writes_nothing_before_it_is_confirmed(client, cast):
    page = upload(client, cast, typed_over(store.path_of(cast.johns).read_bytes(), {"day2": "700"}))
    assert "C15" in page.content.decode()
    assert "700.00" in page.content.decode()
    assert Tracker.objects.get(pk=cast.johns.pk).total_paid == 500
    job = Job.objects.get(kind=adopt.KIND)
    assert wizard.upload_path(job).exists()
    client.post(page.request["PATH_INFO"], {"seen": cast.johns.version})
    tracker = Tracker.objects.get(pk=cast.johns.pk)
    assert (tracker.total_paid, ledger_total(tracker)) == (1200, 1200)
    assert not wizard.upload_path(job).exists()
    client.post(page.request["PATH_INFO"], {"seen": tracker.version})
    assert Tracker.objects.get(pk=cast.johns.pk).version == tracker.version


def test_what_a_formula_shows_is_offered_with_a_box_that_is_not_ticked(client, cast):
    page = upload(client, cast, with_formula(store.path_of(cast.johns).read_bytes(), "C15"))
    assert '<input type="checkbox" name="take" value="C15">' in page.content.decode()
    assert re.search(r"Take\s+₹?\s?500\.00", page.content.decode())
    where = page.request["PATH_INFO"]
    client.post(where, {"seen": cast.johns.version, "take": "C15"})
    tracker = Tracker.objects.get(pk=cast.johns.pk)
    assert (tracker.total_paid, ledger_total(tracker)) == (1000, 1000)


def test_what_a_formula_shows_is_left_out_without_a_tick(client, cast):
    page = upload(client, cast, with_formula(store.path_of(cast.johns).read_bytes(), "C15"))
    client.post(page.request["PATH_INFO"], {"seen": cast.johns.version})
    assert Tracker.objects.get(pk=cast.johns.pk).total_paid == 500


def test_conflict_needs_a_choice(client, cast):
    content = typed_over(store.path_of(cast.johns).read_bytes(), {"day1": "700"})
    services.record_payment(cast.johns, 1, paid=Decimal(600))
    page = upload(client, cast, content)
    where = page.request["PATH_INFO"]
    answer = client.post(where, {"seen": cast.johns.version + 1})
    assert answer.status_code == 422
    assert "Choose which value counts in C14" in answer.content.decode()
    client.post(where, {"seen": cast.johns.version + 1, "cell_C14": "file"})
    assert Tracker.objects.get(pk=cast.johns.pk).total_paid == 700


def test_round_trip_says_that_nothing_differs_and_leaves_nothing_behind(client, cast):
    page = upload(client, cast, store.path_of(cast.johns).read_bytes())
    assert "nothing to write" in page.content.decode()
    assert not Job.objects.exists()


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PK\x03\x04broken", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1old"])
def test_file_that_is_no_workbook_is_told_so(client, cast, content):
    page = upload(client, cast, content)
    assert page.status_code in (200, 422)
    assert "note fault" in page.content.decode()
    assert not Job.objects.exists()


def test_copy_of_another_tracker_is_refused(client, cast):
    page = upload(client, cast, store.path_of(cast.trackers[1]).read_bytes())
    assert "belongs to tracker" in page.content.decode()


def test_file_changed_outside_is_taken_up_and_the_drafts_are_offered(client, cast):
    path = store.path_of(cast.johns)
    path.write_bytes(typed_over(path.read_bytes(), {"day2": "900"}))
    Draft.objects.create(tracker=cast.johns, date=date(2024, 10, 19), amount=Decimal(450), saved_by=cast.ravi)
    where = f"/books/{cast.main.slug}/trackers/{cast.johns.pk}/compare/"
    assert "changed outside" in client.get(where).content.decode()
    page = client.post(where, {"outside": "1"}, follow=True)
    answer = client.post(page.request["PATH_INFO"], {"seen": cast.johns.version}, follow=True)
    assert "450.00" in answer.content.decode()
    tracker = Tracker.objects.get(pk=cast.johns.pk)
    assert (tracker.total_paid, ledger_total(tracker)) == (1400, 1400)
    assert soundness.findings(cast.main) == []


def test_agents_and_strangers_do_not_upload(client, cast):
    for user, status in ((cast.kumar, 403), (cast.meena, 403), (cast.charlie, 404)):
        client.force_login(user)
        assert client.get(f"/books/{cast.main.slug}/trackers/{cast.johns.pk}/compare/").status_code == status


# ------------------------------------------------------------------------------------------------ a zip of workbooks


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def bring(client, cast, content):
    url = f"/books/{cast.main.slug}/trackers/bring-over/"
    return client.post(url, {"file": SimpleUploadedFile("all.zip", content)}, follow=True)


def test_zip_of_workbooks_is_shown_mended_and_brought_over(client, cast):
    files = {
        "old/tracker_murugan_20241016_101010.xlsx": original("50K", filled=FILLED),
        "old/Selvi shop.xlsx": original("NO_REINVEST", filled={"B3": "Selvi", "A13": 0, "C14": 300}),
        "old/notes.xlsx": b"hello",
        "__MACOSX/old/._x.xlsx": b"",
    }
    page = bring(client, cast, zipped(files)).content.decode()
    assert 'value="murugan"' in page
    assert 'value="selvi"' in page
    assert "notes.xlsx" in page
    job = Job.objects.get(kind=workbooks.KIND)
    assert [line["fault"] != "" for line in job.result["files"]] == [False, False, True]
    where = f"/books/{cast.main.slug}/trackers/bring-over/{job.pk}/"
    choices = {"take_0": "on", "login_0": "murugan", "name_0": "Murugan K", "take_1": "on", "login_1": "no way!"}
    answer = client.post(where, choices, follow=True).content.decode()
    assert "cannot be used" in answer
    tracker = Tracker.objects.get(customer__user__username="murugan")
    assert (tracker.customer.name, tracker.total_paid, ledger_total(tracker)) == ("Murugan K", 1000, 1000)
    assert not wizard.upload_path(job).exists()
    job = Job.objects.get(kind=workbooks.KIND)
    assert (job.result["imported"], job.result["rejected"]) == (1, 1)


def test_the_same_zip_twice_opens_nothing_twice(client, cast):
    content = zipped({"tracker_murugan_20241016_101010.xlsx": original("50K", filled=FILLED)})
    for _ in range(2):
        bring(client, cast, content)
        job = Job.objects.filter(kind=workbooks.KIND).first()
        choices = {"take_0": "on", "login_0": "murugan", "name_0": "Murugan K"}
        client.post(f"/books/{cast.main.slug}/trackers/bring-over/{job.pk}/", choices)
    assert Tracker.objects.filter(customer__user__username="murugan").count() == 1
    assert LedgerEntry.objects.filter(narration__startswith="Murugan").count() == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no zip", "no zip"),
        (zipped({"readme/": b""}), "no workbook"),
        (zipped({"big.xlsx": bytes(300 * 1024**2)}), "unpack"),
        (zipped({f"{n}.xlsx": b"x" for n in range(501)}), "500 is the most"),
    ],
)
def test_zip_beyond_the_caps_is_refused(client, cast, content, reason):
    assert reason in bring(client, cast, content).content.decode()
    assert not Job.objects.exists()


# ------------------------------------------------------------------------------------------------ the owner's template


def test_owner_puts_his_template_in_place_and_takes_it_away(client, cast):
    client.force_login(cast.asha)
    where = f"/books/{cast.main.slug}/trackers/template/"
    answer = client.post(where, {"file": SimpleUploadedFile("t.xlsx", original("50K"))})
    assert answer.status_code == 422
    assert "No Reinvest Tracker" in answer.content.decode()
    client.post(where, {"file": SimpleUploadedFile("t.xlsx", shipped_template())})
    assert store.template_of(cast.main.pk) == shipped_template()
    contents = new_contents("1L", tracker_name="J", start_date=date(2024, 10, 16))
    assert build_workbook(contents, store.template_of(cast.main.pk)).contents.parameters["tracker_name"] == "J"
    client.post(where, {"remove": "1"})
    assert store.template_of(cast.main.pk) is None
    client.force_login(cast.ravi)
    assert client.get(where).status_code == 403
