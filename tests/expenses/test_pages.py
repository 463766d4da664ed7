"""The expenses' pages: upload, look, correct, post; nobody sees another book's row."""

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from expenses import services, uploads
from expenses.models import ProductTag, Rule, Statement, Tag, Transaction
from ledger.models import Account, LedgerEntry
from lendbook import instance
from tests import world

pytestmark = pytest.mark.django_db
BASE = "/books/main-street/expenses/"
HEADER = "Date,Narration,Value Date,Debit Amount,Credit Amount,Chq/Ref Number,Closing Balance\n"
ROWS = (
    "01/09/26,UPI-SWIGGY-SWIGGY@ICICI-ICIC0000001-100000000001-FOOD,01/09/26,250.00,0.00,1,9750.00\n"
    "02/09/26,UPI-QWXZ TRADERS-QWXZ@OKAXIS-UTIB0000001-100000000002-PAY,02/09/26,500.00,0.00,2,9250.00\n"
    "03/09/26,UPI-MURUGAN K-MURUGAN@OKAXIS-UTIB0000001-100000000003-LOAN,03/09/26,0.00,500.00,3,9750.00\n"
)
CONTENT = (HEADER + ROWS).encode()


@pytest.fixture
def cast(settings, tmp_path):
    settings.DATA_DIR = instance.make_folders(tmp_path, "testing")
    return world.cast()


@pytest.fixture
def bank(cast):
    return Account.objects.get(book=cast.main, name="Bank")


@pytest.fixture
def rows(bank):
    services.import_statement(bank, CONTENT, file_name="september.csv")
    return Transaction.objects.order_by("line")


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def upload(client, bank, content=CONTENT, name="september.csv"):
    return client.post(f"{BASE}statements/", {"account": bank.pk, "files": SimpleUploadedFile(name, content)})


def test_a_statement_is_looked_at_before_it_comes_in_and_undone_whole(cast, bank):
    client = browser(cast.ravi)
    look = upload(client, bank).url
    page = client.get(look).content.decode()
    assert "3 new" in page
    assert "Bring in 3 rows" in page
    assert not Transaction.objects.exists()
    client.post(look, {"do": "import"})
    assert Transaction.objects.count() == 3
    assert client.get(look).status_code == 404
    assert list(uploads._folder().iterdir()) == []
    client.post(f"{BASE}statements/{Statement.objects.get().pk}/undo/")
    assert not Transaction.objects.exists()


def test_unknown_columns_are_asked_for_and_remembered(cast, bank):
    client = browser(cast.ravi)
    strange = b"Wann,Was,Raus,Rein\n05/09/26,SHOP,10.00,\n06/09/26,SHOP,12.00,\n"
    look = upload(client, bank, strange).url
    assert "which column is what" in client.get(look).content.decode()
    mapping = {"map_date": "Wann", "map_narration": "Was", "map_debit": "Raus", "map_credit": "Rein"}
    assert "2 new" in client.post(look, mapping).content.decode()
    client.post(look, {**mapping, "do": "import"})
    assert Transaction.objects.count() == 2
    again = upload(client, bank, strange.replace(b"12.00", b"13.00")).url
    assert "1 new" in client.get(again).content.decode()


def test_what_is_no_statement_says_so_and_can_be_dropped(cast, bank):
    client = browser(cast.ravi)
    look = upload(client, bank, b"%PDF-1.4 ...", "statement.pdf").url
    assert "PDF" in client.get(look).content.decode()
    client.post(look, {"do": "drop"})
    assert list(uploads._folder().iterdir()) == []


def test_rejected_rows_leave_as_csv_with_their_reasons(cast, bank):
    client = browser(cast.ravi)
    look = upload(client, bank, CONTENT + b"04/09/26,SHOP,04/09/26,abc,0.00,4,9750.00\n").url
    assert "1 rejected" in client.get(look).content.decode()
    assert "abc" in client.get(f"{look}?rejected=csv").content.decode()


def test_tagging_the_ticked_rows_for_the_payee_and_from_now_on(cast, rows):
    client = browser(cast.ravi)
    tag = services.tag_named(cast.main, "Groceries")
    client.post(f"{BASE}transactions/do/", {"do": "tag", "row": [rows[1].pk], "tag": tag.pk, "whole_payee": "1"})
    assert rows.get(line=rows[1].line).tag == tag
    assert ProductTag.objects.get().product == "QWXZ TRADERS"


def test_posting_from_the_grid_posts_once_and_takes_back(cast, rows):
    client = browser(cast.ravi)
    services.settle(rows[0], services.tag_named(cast.main, "Food"))
    for _ in range(2):
        client.post(f"{BASE}transactions/do/", {"do": "post", "row": [one.pk for one in rows[:2]]})
    assert LedgerEntry.objects.get().amount == Decimal(250)
    page = client.get(f"{BASE}transactions/").content.decode()
    assert "settle it first" in page
    client.post(f"{BASE}transactions/do/", {"do": "unpost", "row": [rows[0].pk]})
    assert LedgerEntry.objects.get().deleted_at is not None


def test_what_is_to_be_told_comes_first_and_largest_first(cast, rows):
    page = browser(cast.ravi).get(f"{BASE}transactions/?tag=tbd").content.decode()
    assert "QWXZ TRADERS" in page
    assert "SWIGGY" not in page
    found = browser(cast.ravi).get(f"{BASE}transactions/?q=swiggy&amount_from=100&amount_to=300").content.decode()
    assert "SWIGGY" in found
    assert "QWXZ" not in found


def test_a_rule_is_tested_on_the_whole_history_before_it_is_kept(cast, rows):
    client = browser(cast.ravi)
    form = {
        "kind": "contains",
        "text": "qwxz",
        "tag": services.tag_named(cast.main, "Travel").pk,
        "position": 1,
        "is_active": "on",
    }
    assert "Would change 1 row" in client.post(f"{BASE}rules/new/", {**form, "do": "test"}).content.decode()
    assert not Rule.objects.exists()
    client.post(f"{BASE}rules/new/", {**form, "do": "save"})
    assert rows.get(line=rows[1].line).tag.name == "Travel"
    bad = client.post(f"{BASE}rules/new/", {**form, "kind": "regex", "text": "(", "do": "save"}).content.decode()
    assert "errornote" in bad
    assert Rule.objects.count() == 1


def test_tags_are_renamed_merged_and_retired(cast, rows):
    client = browser(cast.ravi)
    food, fun = (services.tag_named(cast.main, name) for name in ("Food", "Fun"))
    client.post(f"{BASE}tags/{food.pk}/", {"do": "merge", "into": fun.pk})
    assert rows[0].tag == fun
    assert not Tag.objects.get(pk=food.pk).is_active
    client.post(f"{BASE}tags/new/", {"do": "save", "name": "Temple", "colour": "#123456", "is_active": "on"})
    assert Tag.objects.filter(book=cast.main, name="Temple").exists()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "transactions/",
        "statements/",
        "tags/",
        "rules/",
        "payees/",
        "credits/",
        "bank/{bank}/",
        "transactions/{row}/",
    ],
)
def test_who_sees_what(cast, bank, rows, path):
    address = BASE + path.format(bank=bank.pk, row=rows[0].pk)
    assert browser(cast.asha).get(address).status_code == 200
    assert browser(cast.meena).get(address).status_code == 200
    assert browser(cast.kumar).get(address).status_code == 403
    assert browser(cast.charlie).get(address).status_code == 404
    assert Client().get(address).status_code == 302


def test_an_auditor_changes_nothing_and_foreign_rows_do_not_exist(cast, bank, rows):
    tag = services.tag_named(cast.main, "Food")
    posted = {"do": "tag", "row": [rows[1].pk], "tag": tag.pk}
    assert browser(cast.meena).post(f"{BASE}transactions/do/", posted).status_code == 403
    other = "/books/other-road/expenses/"
    browser(cast.charlie).post(f"{other}transactions/do/", {**posted, "tag": services.tag_named(cast.other, "Food").pk})
    assert rows.get(line=rows[1].line).decided_by == "tbd"
    assert browser(cast.charlie).get(f"{other}transactions/{rows[0].pk}/").status_code == 404
    look = upload(browser(cast.ravi), bank).url
    assert browser(cast.asha).get(look).status_code == 404


def test_exports_never_carry_a_live_formula(cast, bank):
    evil = CONTENT.replace(b"UPI-SWIGGY", b"=HYPERLINK(1)-SWIGGY")
    services.import_statement(bank, evil, file_name="evil.csv")
    text = b"".join(browser(cast.ravi).get(f"{BASE}transactions/?format=csv").streaming_content).decode()
    assert "HYPERLINK" in text
    assert ",=HYPERLINK" not in text
