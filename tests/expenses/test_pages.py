"""The expenses' pages: upload, look, correct, post; nobody sees another book's row."""

from decimal import Decimal
from importlib import import_module

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from expenses import services
from expenses.models import DEFAULT_TAGS, PLAIN, Correction, ProductTag, Rule, Tag, Transaction
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


def test_tagging_the_ticked_rows_for_the_payee_and_from_now_on(cast, rows):
    client = world.browser(cast.ravi)
    tag = world.tag(cast.main, "Groceries")
    client.post(f"{BASE}transactions/tag/", {"row": [rows[1].pk], "tag": tag.pk, "whole_payee": "1"})
    assert rows.get(line=rows[1].line).tag == tag
    assert ProductTag.objects.get().product == "QWXZ TRADERS"


def test_posting_from_the_grid_posts_once_and_takes_back(cast, rows):
    client = world.browser(cast.ravi)
    services.settle(rows[0], world.tag(cast.main, "Food"))
    ticked = {"row": [one.pk for one in rows[:2]]}
    page = client.post(f"{BASE}transactions/post/", ticked).content.decode()
    assert "1 ready" in page
    assert "1 not settled, left out" in page
    assert not LedgerEntry.objects.exists()
    for _ in range(2):
        client.post(f"{BASE}transactions/post/", {**ticked, "sure": "1"})
    assert LedgerEntry.objects.get().amount == Decimal(250)
    client.post(f"{BASE}transactions/unpost/", {"row": [rows[0].pk]})
    assert LedgerEntry.objects.get().deleted_at is not None


def test_a_credit_that_may_prove_collections_is_posted_only_when_asked_for(cast, rows, bank):
    credit = rows.filter(credit_amount__isnull=False).first()
    half, day = credit.credit_amount / 2, credit.transaction_date.isoformat()
    for _ in range(2):
        world.post(cast.main, day, amount=half, account=bank, narration=f"{credit.product.title()}: Shop")
    client, ticked = world.browser(cast.ravi), {"row": [credit.pk], "sure": "1"}
    page = client.post(f"{BASE}transactions/post/", {"row": [credit.pk]}).content.decode()
    assert "it may prove" in page
    assert "and 1 more" in page
    client.post(f"{BASE}transactions/post/", ticked)
    assert LedgerEntry.objects.count() == 2
    client.post(f"{BASE}transactions/post/", {**ticked, f"alike_{credit.pk}": "post"})
    assert LedgerEntry.objects.count() == 3


def test_what_is_to_be_told_comes_first_and_largest_first(cast, rows):
    page = world.browser(cast.ravi).get(f"{BASE}transactions/?tag=tbd").content.decode()
    assert "QWXZ TRADERS" in page
    assert "SWIGGY" not in page
    found = world.browser(cast.ravi).get(f"{BASE}transactions/?q=swiggy&amount_from=100&amount_to=300").content.decode()
    assert "SWIGGY" in found
    assert "QWXZ" not in found


def test_a_rule_is_tested_on_the_whole_history_before_it_is_kept(cast, rows):
    client = world.browser(cast.ravi)
    form = {
        "kind": "contains",
        "text": "qwxz",
        "tag": world.tag(cast.main, "Travel").pk,
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
    client = world.browser(cast.ravi)
    food, fun = (world.tag(cast.main, name) for name in ("Food", "Fun"))
    client.post(f"{BASE}tags/{food.pk}/", {"do": "merge", "into": fun.pk})
    assert rows[0].tag == fun
    assert not Tag.objects.get(pk=food.pk).is_active
    client.post(f"{BASE}tags/new/", {"do": "save", "name": "Temple", "colour": "#123456", "is_active": "on"})
    assert Tag.objects.filter(book=cast.main, name="Temple").exists()


def test_tbd_is_no_rules_tag_and_keeps_its_name(cast, rows):
    client, tbd = world.browser(cast.ravi), world.tag(cast.main, "TBD")
    draft = {"do": "save", "kind": "contains", "text": "qwxz", "tag": tbd.pk, "is_active": "on"}
    assert "nobody knows" in client.post(f"{BASE}rules/new/", draft).content.decode()
    for changed in ({"name": "Unknown", "is_active": "on"}, {"name": "TBD"}):
        form = {"do": "save", "colour": tbd.colour, **changed}
        assert "keeps its name" in client.post(f"{BASE}tags/{tbd.pk}/", form).content.decode()
    assert not Rule.objects.exists()
    tbd.refresh_from_db()
    assert (tbd.name, tbd.is_active) == ("TBD", True)


def test_a_tag_has_its_colour_in_the_charts_and_a_new_one_a_free_colour(cast, rows):
    client = world.browser(cast.ravi)
    food = world.tag(cast.main, "Food")
    assert DEFAULT_TAGS["Food"] == food.colour
    form = {"do": "save", "name": "Food", "colour": "#12ab34", "is_active": "on"}
    assert client.post(f"{BASE}tags/{food.pk}/", form).status_code == 302
    for path in ("", "tags/"):
        assert 'fill="#12ab34"' in client.get(BASE + path).content.decode()
    offered = [client.get(f"{BASE}tags/new/").context["form"].initial["colour"]]
    client.post(f"{BASE}tags/new/", {"do": "save", "name": "Temple", "colour": offered[0], "is_active": "on"})
    offered.append(client.get(f"{BASE}tags/new/").context["form"].initial["colour"])
    assert len({*offered, *DEFAULT_TAGS.values()}) == len(DEFAULT_TAGS) + 2


def test_an_upgrade_paints_shipped_tags_that_nobody_painted(cast, rows):
    shipped = dict(Tag.objects.filter(book=cast.main).values_list("name", "pk"))
    Tag.objects.filter(pk__in=shipped.values()).update(colour=PLAIN)
    Tag.objects.filter(pk=shipped["Food"]).update(colour="#12ab34")
    for row in Tag.objects.filter(book=cast.main):
        row.history.update(colour=row.colour)
    fuel = Tag.objects.get(pk=shipped["Fuel"])
    for colour in ("#12ab34", PLAIN):  # on purpose, in the end
        fuel.colour = colour
        fuel.save()
    import_module("expenses.migrations.0012_colours").paint(apps, None)
    painted = {tag.name: tag for tag in Tag.objects.filter(book=cast.main)}
    assert {name: tag.colour for name, tag in painted.items()} == DEFAULT_TAGS | {"Food": "#12ab34", "Fuel": PLAIN}
    assert [tag.history.first().colour for tag in painted.values()] == [tag.colour for tag in painted.values()]
    assert [painted[name].history.count() for name in ("Food", "Fuel", "Rent")] == [1, 3, 2]


def test_a_merge_and_a_file_of_payees_are_taken_back_on_the_page_they_were_made_on(cast, rows):
    client = world.browser(cast.ravi)
    food, fun = (world.tag(cast.main, name) for name in ("Food", "Fun"))
    client.post(f"{BASE}tags/{food.pk}/", {"do": "merge", "into": fun.pk})
    page = client.get(f"{BASE}tags/").content.decode()
    assert "Food merged into Fun" in page
    assert "Take it back" not in world.browser(cast.meena).get(f"{BASE}tags/").content.decode()
    file = SimpleUploadedFile("payees.csv", b"Product,Tag\nqwxz traders,Rent\n")
    client.post(f"{BASE}payees/", {"do": "upload", "file": file})
    assert rows[1].tag.name == "Rent"
    assert "File of payees: 1 payee" in client.get(f"{BASE}payees/").content.decode()
    for where in ("payees", "tags"):
        done = Correction.objects.filter(undone_at=None).first()
        answer = client.post(f"{BASE}transactions/undo/", {"correction": done.pk, "back": where})
        assert answer.url == f"{BASE}{where}/"
    assert [one.tag.name for one in rows[:2]] == ["Food", "TBD"]
    assert Tag.objects.get(pk=food.pk).is_active
    assert not ProductTag.objects.exists()


def test_a_downloaded_file_of_payees_uploads_as_it_was(cast):
    client, names = world.browser(cast.ravi), ["-AMMA STORE", "QWXZ"]
    services.remember_all(cast.main, {name: world.tag(cast.main, "Food") for name in names})
    file = b"".join(client.get(f"{BASE}payees/?format=csv").streaming_content)
    assert b"'-AMMA STORE" in file
    ProductTag.objects.all().delete()
    client.post(f"{BASE}payees/", {"do": "upload", "file": SimpleUploadedFile("payees.csv", file)})
    assert sorted(ProductTag.objects.values_list("product", flat=True)) == names


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
    assert world.browser(cast.asha).get(address).status_code == 200
    assert world.browser(cast.meena).get(address).status_code == 200
    assert world.browser(cast.kumar).get(address).status_code == 403
    assert world.browser(cast.charlie).get(address).status_code == 404
    assert Client().get(address).status_code == 302


@pytest.mark.parametrize("path", ["tags/new/", "rules/new/", "payees/learn/", "payees/judge/", "transactions/undo/"])
def test_an_agent_who_posts_his_own_has_no_hand_in_expenses(cast, rows, path):
    assert (
        world.browser(cast.kumar).post(BASE + path, {"do": "save", "name": "Mine", "colour": "#111111"}).status_code
        == 403
    )
    assert not Tag.objects.filter(name="Mine").exists()


def test_an_auditor_changes_nothing_and_foreign_rows_do_not_exist(cast, bank, rows):
    tag = world.tag(cast.main, "Food")
    posted = {"row": [rows[1].pk], "tag": tag.pk}
    assert world.browser(cast.meena).post(f"{BASE}transactions/tag/", posted).status_code == 403
    other = "/books/other-road/expenses/"
    world.browser(cast.charlie).post(f"{other}transactions/tag/", {**posted, "tag": world.tag(cast.other, "Food").pk})
    assert rows.get(line=rows[1].line).decided_by == "tbd"
    assert world.browser(cast.charlie).get(f"{other}transactions/{rows[0].pk}/").status_code == 404


def test_exports_never_carry_a_live_formula(cast, bank):
    evil = CONTENT.replace(b"UPI-SWIGGY", b"=HYPERLINK(1)-SWIGGY")
    services.import_statement(bank, evil, file_name="evil.csv")
    text = b"".join(world.browser(cast.ravi).get(f"{BASE}transactions/?format=csv").streaming_content).decode()
    assert "HYPERLINK" in text
    assert ",=HYPERLINK" not in text
