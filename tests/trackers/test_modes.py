"""Payment modes of trackers: known alike everywhere, never guessed, and the account they went into is said."""

import json
import uuid
from datetime import date
from decimal import Decimal
from io import BytesIO, StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import translation
from openpyxl import load_workbook

from expenses.books import posting as expenses_posting
from ledger import services as ledger
from ledger.admin.forms import EntryForm
from ledger.models import Account, LedgerEntry, PaymentMode, PaymentModeAccount
from ledger.payment_modes import NAMES, PAYMENT_MODES
from shop.models import Job
from tests import world
from tests.trackers import pages
from tests.trackers.workbooks import original
from trackers import adopt, posting, services, store
from trackers.collect.collection import Typed, approve, record_payments
from trackers.forms import DayForm
from trackers.models import Approval, Draft, Tracker
from trackers.portal.words import mode_word
from trackers.workbook.build import TEMPLATE_PATH
from trackers.workbook.layouts import LAYOUTS, MODES
from trackers.workbook.read import read

pytestmark = pytest.mark.django_db
BANKED = {"GPay": "UPI", "PhonePe": "UPI", "Paytm": "UPI", "NEFT": "Bank Transfer", "D.D.": "Cheque", "card": "Card"}


@pytest.fixture
def cast():
    return pages.shop()


def command(*arguments):
    """(document, exit code) of a command with --json."""
    out = StringIO()
    try:
        call_command(*map(str, arguments), "--json", stdout=out, stderr=StringIO())
    except CommandError as error:
        return json.loads(out.getvalue() or "null"), error.returncode
    return json.loads(out.getvalue()), 0


def balances(book):
    """{account: what its live entries add up to}, for accounts that have any."""
    found = {}
    for entry in LedgerEntry.objects.filter(book=book, deleted_at=None, reversed_at=None).select_related("account"):
        found[entry.account.name] = found.get(entry.account.name, Decimal(0)) + entry.amount
    return found


# ------------------------------------------------------------------------------------------------ one table


def test_rows_forms_drop_downs_workbooks_and_statements_know_the_same_modes():
    assert tuple(PaymentMode.values) == NAMES == MODES
    assert PaymentMode.choices == [(name, name) for name in NAMES]
    for model, field in (
        (LedgerEntry, "payment_mode"),
        (PaymentModeAccount, "payment_mode"),
        (Draft, "mode"),
        (Approval, "mode"),
    ):
        assert [value for value, _ in model._meta.get_field(field).choices] == list(NAMES)
    assert [value for value, _ in EntryForm.base_fields["payment_mode"].choices] == list(NAMES)
    for layout in LAYOUTS.values():
        assert [value for value, _ in DayForm(layout=layout).fields["mode"].choices] == ["", *NAMES]
    assert set(expenses_posting._MODES.values()) <= set(NAMES)


def test_the_shipped_template_offers_every_mode():
    for sheet in load_workbook(TEMPLATE_PATH).worksheets:
        lists = [rule.formula1 for rule in sheet.data_validations.dataValidation if rule.type == "list"]
        assert lists == [f'"{",".join(NAMES)}"']


@pytest.mark.parametrize("language", ["ta", "hi"])
def test_every_mode_has_a_word_of_the_customer_s_language(language):
    with translation.override(language):
        words = [mode_word(name) for name in NAMES]
    assert len(set(words)) == len(NAMES)
    assert not {"Cash", "Card", "Cheque", "Bank Transfer", "Online", "Other"} & set(words)


def test_a_new_book_maps_each_mode_to_the_kind_of_account_that_the_table_names():
    accounts = [(kind.label, kind.value, Decimal(0)) for kind in Account.Kind]
    book = world.book("of-all-kinds", accounts=accounts)
    mapped = {row.payment_mode: row.account.kind for row in book.mode_accounts.select_related("account")}
    assert mapped == {mode.name: mode.pays_into[0] for mode in PAYMENT_MODES if mode.pays_into}


# ------------------------------------------------------------------------------------------------ Collect


@pytest.mark.parametrize("mode", NAMES)
def test_collect_saves_every_mode_it_offers_and_says_where_it_went(cast, client, mode):
    client.force_login(cast.ravi)
    shown = client.get(reverse("trackers:collect", args=[cast.main.slug]), {"date": str(pages.DAY)})
    assert f"<option>{mode}</option>" in shown.content.decode() or mode == "Cash"
    tracker = cast.trackers[1]
    sent = {"date": str(pages.DAY), "token": uuid.uuid4().hex, f"paid_{tracker.pk}": "500", f"mode_{tracker.pk}": mode}
    saved = client.post(reverse("trackers:save", args=[cast.main.slug]), sent)
    account = ledger.account_for_mode(cast.main, mode).name
    assert f"500.00 into {account}" in client.get(saved["Location"]).content.decode()
    assert balances(cast.main) == {account: Decimal(500)}
    assert services.contents_of(tracker).days[1]["mode"] == mode


def test_an_agent_s_card_payment_is_approved_into_the_bank(cast):
    settings = posting.settings_of(cast.main)
    settings.agents_need_approval = True
    settings.save()
    rows = [Typed(cast.trackers[0].pk, Decimal(500), "Card")]
    record_payments(cast.main, pages.DAY, rows, user=cast.kumar, token="one")
    (line,) = approve(Approval.objects.all(), user=cast.ravi)
    assert (line["ok"], line["message"]) == (True, "Saved, 500.00 into Bank")
    assert balances(cast.main) == {"Bank": Decimal(500)}


def test_a_mode_that_nobody_knows_is_no_draft_and_no_payment(cast, client):
    client.force_login(cast.ravi)
    tracker = cast.trackers[1]
    sent = {"tracker": tracker.pk, "date": str(pages.DAY), "paid": "500", "mode": "Shells"}
    kept = client.post(reverse("trackers:draft", args=[cast.main.slug]), sent)
    assert (kept.status_code, Draft.objects.count()) == (422, 0)
    assert "no payment mode" in kept.json()["error"]
    sent = {
        "date": str(pages.DAY),
        "token": uuid.uuid4().hex,
        f"paid_{tracker.pk}": "500",
        f"mode_{tracker.pk}": "Shells",
    }
    answer = client.post(reverse("trackers:save", args=[cast.main.slug]), sent)
    assert "no payment mode" in answer.content.decode()
    assert balances(cast.main) == {}


def test_the_second_part_of_a_day_says_its_own_account(cast):
    rows = [Typed(cast.trackers[1].pk, Decimal(300))]
    record_payments(cast.main, pages.DAY, rows, user=cast.ravi, token="one")
    rows = [Typed(cast.trackers[1].pk, Decimal(200), "UPI", add=True)]
    (line,) = record_payments(cast.main, pages.DAY, rows, user=cast.ravi, token="two")
    assert line["message"] == "Saved, 200.00 into Bank"


# ------------------------------------------------------------------------------------------------ a day, by command and page


@pytest.mark.parametrize("written", BANKED)
def test_record_payment_reads_a_mode_as_people_write_it_and_names_the_account(johns, written):
    document, code = command("record_payment", johns.pk, "--day", 1, "--amount", 500, "--mode", written)
    assert (code, document["row"]["mode"]) == (0, BANKED[written])
    assert document["posted"] == [{"account": "Bank", "received": "500.00", "spent": "0.00"}]


def test_record_payment_refuses_a_mode_that_nobody_knows_and_names_the_cell(johns):
    document, code = command("record_payment", johns.pk, "--day", 1, "--amount", 500, "--mode", "Barter")
    assert code == 1
    assert document["error"].startswith("E14: 'Barter' is no payment mode")
    assert not LedgerEntry.objects.exists()


def test_the_day_s_page_takes_a_card_and_says_where_the_money_went(cast, client):
    client.force_login(cast.ravi)
    tracker = cast.trackers[0]
    sent = {"paid": "500", "mode": "Card", "seen": tracker.version}
    answer = client.post(reverse("trackers:day", args=[cast.main.slug, tracker.pk, 1]), sent, follow=True)
    assert "500.00 into Bank" in answer.content.decode()


# ------------------------------------------------------------------------------------------------ workbooks


def lenders_own(kind, rows):
    """A lender's own workbook with (day, amount, mode) rows."""
    layout, filled = LAYOUTS[kind], {"B3": "Murugan"}
    for day, amount, mode in rows:
        filled |= {layout.cell(day, "paid"): amount, layout.cell(day, "mode"): mode, layout.cell(day, "notes"): "seen"}
    return original(kind, filled=filled)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_adopting_a_lender_s_workbook_reads_his_modes(book, tmp_path, kind):
    path = tmp_path / "own.xlsx"
    modes = ["Cash", "GPay", "PhonePe", "Paytm", "NEFT", "chq", "murugan@okaxis"]
    path.write_bytes(lenders_own(kind, [(day, 300, mode) for day, mode in enumerate(modes, 1)]))
    document, code = command("adopt_workbook", path, "--book", book.slug, "--user", "murugan", "--apply")
    assert code == 0
    assert document["posted"] == [
        {"account": "Cash", "received": "300.00", "spent": "0.00"},
        {"account": "Bank", "received": "1800.00", "spent": "0.00"},
    ]
    assert balances(book) == {"Cash": Decimal(300), "Bank": Decimal(1800)}


@pytest.mark.parametrize("strange", ["Barter", "Cash or UPI", "=1/0", 500, True, date(2024, 1, 5), "x@gmail.com"])
@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_row_whose_mode_nobody_knows_is_refused_with_its_cell_and_nothing_of_it_is_posted(
    book, tmp_path, kind, strange
):
    path, layout = tmp_path / "own.xlsx", LAYOUTS[kind]
    path.write_bytes(lenders_own(kind, [(1, 300, "Cash"), (2, 1500, strange), (3, 200, "UPI")]))
    document, code = command("adopt_workbook", path, "--book", book.slug, "--user", "murugan", "--apply")
    assert (code, [one["cell"] for one in document["refused"]]) == (1, [layout.cell(2, "mode")])
    assert "Nothing of its row is taken" in document["refused"][0]["reason"]
    assert not [one for one in document["to_apply"] if one["cell"].endswith(str(layout.row(2)))]
    assert balances(book) == {"Cash": Decimal(300), "Bank": Decimal(200)}
    contents = services.contents_of(Tracker.objects.get())
    assert 2 not in contents.days
    assert contents.summary()["total_paid"] == 500


def test_two_rows_of_one_day_are_not_made_one_by_leaving_the_strange_one_out(book):
    layout = LAYOUTS["50K"]
    filled = {"A20": 3, "C16": 100, "E16": "Barter", "C20": 200, "E20": "Cash"}
    contents = read(original(filled=filled))
    assert layout.row(3) == 16
    assert 3 not in contents.days
    assert {one.cell for one in contents.unreadable} == {"E16", "A20"}


def copy_with_mode(tracker, day, text, amount=None):
    """The tracker's workbook with a mode, and perhaps an amount, typed over as a spreadsheet program would."""
    book = load_workbook(BytesIO(store.path_of(tracker).read_bytes()))
    sheet, layout = book[LAYOUTS[tracker.tracker_type].sheet_name], LAYOUTS[tracker.tracker_type]
    sheet[layout.cell(day, "mode")] = text
    if amount is not None:
        sheet[layout.cell(day, "paid")] = amount
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def test_a_copy_with_a_strange_mode_leaves_the_row_as_it_stands(johns):
    tracker = services.record_payment(johns, 1, paid=Decimal(500), mode="UPI").tracker
    compared = adopt.compare_copy(tracker, copy_with_mode(tracker, 1, "Barter", 900))
    assert [one.cell for one in compared.comparison.refused] == ["E14"]
    assert compared.comparison.to_apply == compared.comparison.conflicts == ()
    tracker, changes = adopt.adopt_copy(tracker, compared.uploaded)
    assert (changes, tracker.total_paid) == ([], 500)
    assert balances(johns.book) == {"Bank": Decimal(500)}


def test_a_copy_with_a_mode_of_the_trade_moves_the_payment_to_its_account(johns, tmp_path):
    tracker = services.record_payment(johns, 1, paid=Decimal(500)).tracker
    path = tmp_path / "copy.xlsx"
    path.write_bytes(copy_with_mode(tracker, 1, "G-Pay"))
    document, code = command("adopt_workbook", path, "--tracker", tracker.pk, "--apply")
    assert (code, document["to_apply"]) == (0, [{"cell": "E14", "old": "Cash", "new": "UPI"}])
    assert document["posted"] == [{"account": "Bank", "received": "500.00", "spent": "0.00"}]
    assert balances(johns.book) == {"Bank": Decimal(500)}


# ------------------------------------------------------------------------------------------------ files


def test_a_file_of_payments_reads_modes_and_says_where_they_went(cast, client, django_capture_on_commit_callbacks):
    client.force_login(cast.ravi)
    lines = [
        f"{tracker.pk},1,500,{mode}" for tracker, mode in zip(cast.trackers, ("GPay", "neft", "", "Card"), strict=True)
    ]
    upload = SimpleUploadedFile("p.csv", "\n".join(["tracker,day,amount,mode", *lines]).encode())
    client.post(reverse("shop:new_import", args=[cast.main.slug, "payments"]), {"file": upload})
    job = Job.objects.get()
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("shop:confirm_import", args=[cast.main.slug, job.pk]))
    job.refresh_from_db()
    assert job.state == Job.State.DONE
    assert job.result["said"] == "Posted: 1,500.00 into Bank, 500.00 into Cash."
    page = client.get(reverse("shop:import", args=[cast.main.slug, job.pk])).content.decode()
    assert "1,500.00 into Bank" in page
