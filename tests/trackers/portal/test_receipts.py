"""Receipts and what customers say of them: shown to whom they belong, proved to whoever scans one, told to the office."""

import re
import shutil
import subprocess
import uuid
from datetime import timedelta
from decimal import Decimal
from urllib.parse import unquote

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from tests import world
from tests.trackers.portal.cast import customers, tracker_of
from trackers import disputes, receipts, services, sharing
from trackers.models import Dispute, Receipt

pytestmark = pytest.mark.django_db
PUBLIC = "https://lend.example.in"
WORDS = ("Murugan", "murugan", "Scheme")


@pytest.fixture
def cast(settings):
    cache.clear()
    settings.PUBLIC_URL = PUBLIC
    settings.ALLOWED_HOSTS = ["*"]
    cast = customers()
    services.record_payment(cast.murugan.tracker, 1, paid=Decimal(500))
    cast.one = receipts.of_tracker(cast.murugan.tracker)[0]
    return cast


@pytest.fixture
def murugan(cast):
    return world.browser(cast.murugan.user)


def correct(cast, paid):
    services.record_payment(cast.murugan.tracker, 1, paid=paid)


def looked_at(cast, client=None):
    response = (client or Client()).get(f"/r/{cast.one.token}/")
    return response.status_code, response.content.decode()


def own(cast, page=""):
    return f"/passbook/{cast.murugan.tracker.pk}/{page}"


# ------------------------------------------------------------------------------------------------ whoever scans it


def test_who_scans_it_sees_number_date_and_amount_and_nothing_of_the_customer(cast):
    status, text = looked_at(cast)
    assert status == 200
    for wanted in ("Genuine", "Main Street", "17-10-2024", "₹500.00", cast.one.mark):
        assert wanted in text
    for hidden in (*WORDS, "main-street", f"/passbook/{cast.murugan.tracker.pk}"):
        assert hidden not in text


def test_who_scans_it_sees_what_was_corrected_and_cancelled_later(cast):
    correct(cast, Decimal(450))
    text = looked_at(cast)[1]
    assert "Genuine, and corrected later" in text
    assert "was ₹500.00 of 17-10-2024, is ₹450.00 of 17-10-2024" in text
    correct(cast, None)
    text = looked_at(cast)[1]
    assert "Cancelled later" in text
    assert "<s>₹450.00</s>" in text


def test_a_receipt_whose_row_was_changed_is_not_called_genuine(cast, monkeypatch):
    monkeypatch.setattr("trackers.seals.FORM", "another")
    assert "Cannot be proved" in looked_at(cast)[1]


def test_no_other_token_is_genuine(cast):
    correct(cast, Decimal(450))
    correction = Receipt.objects.get(kind="corrected")
    for token in (correction.token, cast.one.token[:-1], cast.one.token.swapcase(), "x" * 5000, "%00", "1", "é"):
        response = Client().get(f"/r/{token}/")
        assert response.status_code == 404, token
        assert "Not genuine" in response.content.decode()


def test_tokens_cannot_be_tried_by_the_hundred(cast):
    for _ in range(60):
        Client().get("/r/wrong/")
    status, text = looked_at(cast)
    assert status == 429
    assert "500.00" not in text
    assert Client(REMOTE_ADDR="10.1.1.1").get(f"/r/{cast.one.token}/").status_code == 200


def test_the_public_page_is_not_kept_and_asks_for_nothing_foreign(cast):
    response = Client().get(f"/r/{cast.one.token}/")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in response.content.decode()
    assert not response.cookies.get("sessionid")


def test_the_public_page_speaks_the_readers_language(cast):
    text = looked_at(cast, Client(headers={"accept-language": "ta"}))[1]
    assert '<html lang="ta"' in text


def test_without_a_public_address_there_is_no_code_and_no_link(cast, settings, murugan):
    settings.PUBLIC_URL = ""
    page = murugan.get(own(cast, "receipts/1/")).content.decode()
    assert '<svg class="qr"' not in page
    assert "/r/" not in sharing.text_of(cast.one, cast.murugan.tracker)


# ------------------------------------------------------------------------------------------------ the code


def test_the_code_reads_as_the_public_address(cast):
    svg = sharing.code_of(cast.one)
    side = int(re.search(r'viewBox="0 0 (\d+)', svg)[1])
    dark = set()
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1", svg):
        dark |= {(int(x) + step, int(y)) for step in range(int(length))}
    import qrcode

    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M)
    code.add_data(f"{PUBLIC}/r/{cast.one.token}/")
    rows = code.get_matrix()
    assert side == len(rows)
    assert dark == {(x, y) for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark}
    assert min(x for x, _ in dark) == 4


# ------------------------------------------------------------------------------------------------ his own pages


def test_his_passbook_leads_to_his_receipts(cast, murugan):
    assert "receipts/1/" in murugan.get(own(cast)).content.decode()
    assert "receipts/1/" in murugan.get(own(cast, "day/1/")).content.decode()
    page = murugan.get(own(cast, "receipts/1/")).content.decode()
    for wanted in ("Receipt 1", "₹500.00", "17-10-2024", '<svg class="qr"', cast.one.mark):
        assert wanted in page


OWN_PAGES = ("receipts/1/", "receipts/1/paper/", "say/", "say/?receipt=1", "say/?kind=paid&date=2024-10-17")


@pytest.mark.parametrize("page", OWN_PAGES)
def test_nobody_else_comes_to_his_receipts(cast, page):
    address = own(cast, page)
    assert world.browser(cast.murugan.user).get(address).status_code == 200
    assert Client().get(address).url.startswith("/login/")
    missing = world.browser(cast.selvi.user).get(f"/passbook/999999/{page}")
    assert missing.status_code == 404
    for stranger in (cast.selvi.user, cast.devi.user, cast.asha, cast.charlie):
        for method in ("get", "post"):
            response = getattr(world.browser(stranger), method)(address)
            assert response.status_code in (404, 405)
            if method == "get":
                assert response.content == missing.content


def test_a_number_of_another_tracker_is_not_under_his(cast, murugan):
    services.record_payment(cast.selvi.tracker, 1, paid=Decimal(500))
    theirs = receipts.of_tracker(cast.selvi.tracker)[0].number
    for number in (theirs, 0, "-1", 2**63, "9" * 30, "one", "..%2f"):
        assert murugan.get(own(cast, f"receipts/{number}/")).status_code == 404
        assert murugan.get(own(cast, f"say/?receipt={number}")).status_code == 404


def test_a_second_tracker_of_his_has_its_own(cast, murugan):
    other = tracker_of(cast.murugan.customer, "Second")
    assert murugan.get(f"/passbook/{other.pk}/receipts/1/").status_code == 404


def pdf_text(content, tmp_path):
    path = tmp_path / "receipt.pdf"
    path.write_bytes(content)
    sizes = subprocess.run(["pdfinfo", path], capture_output=True, text=True, check=True).stdout
    return subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True, check=True).stdout, sizes


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="needs poppler-utils")
@pytest.mark.parametrize(("language", "word"), [("en-in", "Receipt 1"), ("ta", None), ("hi", None)])
def test_the_paper_is_80_mm_wide_and_says_it_all(cast, murugan, tmp_path, language, word):
    cast.murugan.customer.language = language
    cast.murugan.customer.save()
    pytest.importorskip("weasyprint")
    correct(cast, Decimal(450))
    for client, address in (
        (murugan, own(cast, "receipts/1/paper/")),
        (world.browser(cast.ravi), "/books/main-street/receipts/1/paper/?pdf=1"),
    ):
        response = client.get(address)
        assert response.headers["Content-Type"] == "application/pdf"
        assert response.headers["Content-Disposition"] == 'attachment; filename="receipt-1.pdf"'
        assert "no-store" in response.headers["Cache-Control"]
        text, sizes = pdf_text(response.content, tmp_path)
        assert "450.00" in text
        assert "17-10-2024" in text
        assert re.search(r"Page size:\s+226\.\d+ x", sizes)  # 80 mm in points
        assert re.search(r"Pages:\s+1\n", sizes)


# ------------------------------------------------------------------------------------------------ the office


def test_staff_sends_it_to_the_customer(cast):
    customer = cast.murugan.customer
    customer.phone = "098400 12345"
    customer.save()
    page = world.browser(cast.ravi).get("/books/main-street/receipts/1/").content.decode()
    whatsapp = re.search(r'href="(https://wa\.me/[^"]+)"', page)[1]
    assert whatsapp.startswith("https://wa.me/919840012345?text=")
    assert f"{PUBLIC}/r/{cast.one.token}/" in unquote(whatsapp)
    assert "₹500.00" in unquote(whatsapp)
    assert re.search(r'href="sms:\+919840012345\?body=', page)


@pytest.mark.parametrize(("phone", "number"), [("", ""), ("9840012345", "919840012345"), ("+1 555 0100", "15550100")])
def test_phones_are_dialled_as_they_are_written(cast, phone, number):
    cast.murugan.tracker.customer.phone = phone
    links = sharing.links_of(cast.one, cast.murugan.tracker)
    assert links["whatsapp"].startswith(f"https://wa.me/{number}?text=")


STAFF_PAGES = ("receipts/", "receipts/1/", "receipts/1/paper/", "disputes/")


@pytest.mark.parametrize("page", STAFF_PAGES)
def test_who_does_not_work_in_the_book_comes_to_no_page_of_it(cast, page):
    address = f"/books/main-street/{page}"
    assert world.browser(cast.asha).get(address).status_code == 200
    assert Client().get(address).status_code == 302
    for stranger in (cast.murugan.user, cast.charlie):
        assert world.browser(stranger).get(address).status_code == 404
    assert world.browser(cast.charlie).get("/books/other-road/receipts/1/").status_code == 404


def test_an_agent_sees_the_receipts_of_his_round_and_no_dispute(cast):
    kumar = world.browser(cast.kumar)
    assert kumar.get("/books/main-street/receipts/1/").status_code == 404
    assert kumar.get("/books/main-street/disputes/").status_code == 403
    cast.murugan.customer.agent = cast.kumar
    cast.murugan.customer.save()
    assert kumar.get("/books/main-street/receipts/1/").status_code == 200
    assert "Receipts" in kumar.get("/books/main-street/receipts/?date=2024-10-17").content.decode()


def test_the_receipts_of_a_day_and_one_by_its_number(cast):
    ravi = world.browser(cast.ravi)
    page = ravi.get("/books/main-street/receipts/?date=2024-10-17").content.decode()
    assert "/books/main-street/receipts/1/" in page
    assert "No payment of 18-10-2024" in ravi.get("/books/main-street/receipts/?date=2024-10-18").content.decode()
    assert ravi.get("/books/main-street/receipts/?number=1").url == "/books/main-street/receipts/1/"
    for wrong in ("x", "-1", "9" * 40):
        assert ravi.get(f"/books/main-street/receipts/?number={wrong}").status_code == 404
    assert ravi.get("/books/main-street/receipts/?date=yesterday").status_code in (400, 422)
    assert ravi.get("/books/main-street/receipts/?saved=nothing").status_code == 404


def test_the_tracker_its_day_and_the_sheet_lead_to_the_receipt(cast):
    ravi = world.browser(cast.ravi)
    pk = cast.murugan.tracker.pk
    for address in (f"trackers/{pk}/", f"trackers/{pk}/day/1/"):
        assert "/books/main-street/receipts/1/" in ravi.get(f"/books/main-street/{address}").content.decode()
    token = uuid.uuid4().hex
    sent = {"date": "2024-10-18", "token": token, f"paid_{pk}": "500", f"mode_{pk}": "Cash"}
    response = ravi.post("/books/main-street/collect/save/", sent)
    assert f"receipts/?saved={token}" in ravi.get(response.url).content.decode()
    page = ravi.get(f"/books/main-street/receipts/?saved={token}").content.decode()
    assert "/books/main-street/receipts/2/" in page
    assert "/books/main-street/receipts/1/" not in page


# ------------------------------------------------------------------------------------------------ what he says


def say(client, cast, page="say/?kind=missing", **fields):
    sent = {"key": uuid.uuid4(), "date": "2024-10-18", "amount": "500", "paid_to": "Kumar", "note": "at noon", **fields}
    return client.post(own(cast, page), sent)


def test_a_missing_payment_comes_to_the_office_and_its_answer_to_him(cast, murugan):
    assert say(murugan, cast).url == own(cast)
    said = Dispute.objects.get()
    assert (said.kind, said.amount, said.paid_to, said.note) == ("missing", 500, "Kumar", "at noon")
    assert "Waits for an answer" in murugan.get(own(cast)).content.decode()
    ravi = world.browser(cast.ravi)
    assert "1 customer says" in ravi.get("/books/main-street/").content.decode()
    assert "at noon" in ravi.get("/books/main-street/disputes/").content.decode()
    address = f"/books/main-street/disputes/{said.pk}/"
    for _ in range(2):
        assert ravi.post(address, {"answer": "Kumar had it; typed today", "outcome": "recorded"}).status_code == 302
    said.refresh_from_db()
    assert (said.outcome, said.answered_by) == ("recorded", cast.ravi)
    assert said.history.count() == 2
    page = murugan.get(own(cast)).content.decode()
    assert "Kumar had it; typed today" in page
    assert "The payment was recorded" in page
    assert "customer says" not in ravi.get("/books/main-street/").content.decode()
    assert "Settled last" in ravi.get("/books/main-street/disputes/").content.decode()


def test_the_same_form_sent_twice_says_it_once(cast, murugan):
    key = uuid.uuid4()
    for _ in range(2):
        say(murugan, cast, key=key)
    assert Dispute.objects.count() == 1


def test_what_is_wrong_names_its_receipt(cast, murugan):
    assert "About receipt 1." in murugan.get(own(cast, "say/?receipt=1")).content.decode()
    say(murugan, cast, "say/?receipt=1", amount="", note="I paid 600")
    said = Dispute.objects.get()
    assert (said.kind, said.receipt.number, said.amount) == ("wrong", 1, None)


@pytest.mark.parametrize(
    ("page", "fields"),
    [
        ("say/?kind=missing", {"amount": ""}),
        ("say/?kind=missing", {"amount": "0"}),
        ("say/?kind=paid", {"amount": "-5"}),
        ("say/?kind=paid", {"amount": "lots"}),
        ("say/?kind=paid", {"amount": "9" * 15}),
        ("say/?kind=missing", {"date": "2999-01-01"}),
        ("say/?kind=missing", {"date": "1899-01-01"}),
        ("say/?kind=missing", {"date": "31-02-2024"}),
        ("say/?kind=missing", {"note": "x" * 501}),
        ("say/?kind=missing", {"key": "not one"}),
        ("say/?kind=missing", {"note": "\x00"}),
        ("say/?kind=wrong", {"amount": "", "note": " "}),
    ],
)
def test_what_cannot_be_meant_is_asked_again(cast, murugan, page, fields):
    assert say(murugan, cast, page, **fields).status_code == 422
    assert Dispute.objects.count() == 0


def test_who_says_too_much_is_asked_to_call(cast, murugan):
    for _ in range(disputes.PER_DAY):
        assert say(murugan, cast).status_code == 302
    assert say(murugan, cast).status_code == 429
    assert Dispute.objects.count() == disputes.PER_DAY
    Dispute.objects.update(said_at=timezone.now() - timedelta(days=2))
    assert say(murugan, cast).status_code == 302


def test_a_dispute_of_another_book_does_not_exist(cast, murugan):
    say(murugan, cast)
    said = Dispute.objects.get()
    charlie = world.browser(cast.charlie)
    sent = {"answer": "mine", "outcome": "stands"}
    for slug in ("main-street", "other-road"):
        assert charlie.post(f"/books/{slug}/disputes/{said.pk}/", sent).status_code == 404
    assert world.browser(cast.meena).post(f"/books/main-street/disputes/{said.pk}/", sent).status_code == 403
    for wrong in (0, 2**63, 10**18):
        assert world.browser(cast.asha).post(f"/books/main-street/disputes/{wrong}/", sent).status_code == 404
    assert world.browser(cast.selvi.user).get(f"/passbook/{cast.selvi.tracker.pk}/").status_code == 200
    assert b"at noon" not in world.browser(cast.selvi.user).get(f"/passbook/{cast.selvi.tracker.pk}/").content
    said.refresh_from_db()
    assert said.answer == ""


def test_an_answer_needs_words_and_a_settled_one_stays(cast, murugan):
    say(murugan, cast)
    said = Dispute.objects.get()
    asha, address = world.browser(cast.asha), f"/books/main-street/disputes/{said.pk}/"
    assert asha.post(address, {"answer": " ", "outcome": "stands"}).status_code == 422
    assert asha.post(address, {"answer": "x", "outcome": "bribed"}).status_code == 422
    asha.post(address, {"answer": "Which agent was it?", "outcome": ""})
    said.refresh_from_db()
    assert (said.answer, said.settled_at) == ("Which agent was it?", None)
    assert "Which agent was it?" in murugan.get(own(cast)).content.decode()
    asha.post(address, {"answer": "As it is", "outcome": "stands"})
    asha.post(address, {"answer": "Another word", "outcome": "recorded"})
    said.refresh_from_db()
    assert (said.answer, said.outcome) == ("As it is", "stands")


def test_what_he_says_is_shown_as_text(cast, murugan):
    say(murugan, cast, note="<script>alert(1)</script>", paid_to='"><b>')
    page = world.browser(cast.asha).get("/books/main-street/disputes/").content.decode()
    assert "<script>alert" not in page
    assert "<b>" not in page.partition("said-")[2]
