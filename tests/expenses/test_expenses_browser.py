"""A clerk's evening under a real browser: a statement in, its payees corrected by keyboard, posted, all of it undone."""

from pathlib import Path

import pytest

from expenses import services, work
from expenses.models import Correction, ProductTag, Rule, Statement, Transaction
from ledger.models import Account, LedgerEntry
from lendbook import instance
from shop import jobs
from shop.models import Job
from tests import world
from tests.expenses.test_pages import BASE, HEADER
from tests.trackers.test_collect_browser import CHROMIUM, chromium, logged_in  # noqa: F401

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium"),
]
ROWS = (
    "01/09/26,UPI-SWIGGY-SWIGGY@ICICI-ICIC0000001-100000000001-FOOD,01/09/26,250.00,0.00,1,9750.00\n"
    "02/09/26,UPI-QWXZ TRADERS-QWXZ@OKAXIS-UTIB0000001-100000000002-PAY,02/09/26,500.00,0.00,2,9250.00\n"
    "03/09/26,UPI-QWXZ TRADERS-QWXZ@OKAXIS-UTIB0000001-100000000003-PAY,03/09/26,70.00,0.00,3,9180.00\n"
    "04/09/26,UPI-ZZYX AGENCIES-ZZYX@OKAXIS-UTIB0000001-100000000004-PAY,04/09/26,80.00,0.00,4,9100.00\n"
)


@pytest.fixture
def cast(settings, tmp_path):
    settings.DATA_DIR = instance.make_folders(tmp_path, "testing")
    return world.cast()


@pytest.fixture(params=[1280, 360], ids=["desk", "phone"])
def page(request, chromium, live_server, client, cast):  # noqa: F811
    page = logged_in(chromium, live_server, client, cast.ravi, request.param)
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.base = live_server.url + BASE
    yield page
    assert faults == []


def upload(page, tmp_path):
    """Bring a statement in as a person does, whatever steps lie between."""
    path = Path(tmp_path, "september.csv")
    path.write_text(HEADER + ROWS)
    page.goto(f"{page.base}statements/")
    page.set_input_files("input[type=file]", str(path))
    page.click("main form:has(input[type=file]) button.primary")
    page.wait_for_load_state()
    for job in Job.objects.filter(state=Job.State.WAITING):
        jobs.run(job.pk)
        page.reload()
    page.click("button:has-text('Bring in 4 rows')")
    page.wait_for_load_state()
    for job in Job.objects.filter(state=Job.State.WAITING):
        jobs.run(job.pk)
    assert Statement.objects.get().imported == 4


PAID = "UPI-QWXZ TRADERS-QWXZ@OKAXIS-UTIB0000001-10000000000"
STRANGE = f"Wann,Was,Raus,Rein,Stand\n01/09/26,{PAID}1-PAY,10.00,,4990.00\n02/09/26,{PAID}2-PAY,20.00,,4970.00\n"


def test_a_strange_file_is_mapped_looked_at_brought_in_by_the_worker_tagged_and_posted(
    page, cast, tmp_path, monkeypatch
):
    monkeypatch.setattr("shop.jobs.is_worker_alive", lambda: True)
    monkeypatch.setattr("shop.views.imports.SMALL_ROWS", 0)
    path = Path(tmp_path, "auszug.csv")
    path.write_text(STRANGE + "31/09/26,SHOP,5.00,,4990.00\n")
    page.goto(f"{page.base}statements/")
    page.set_input_files("input[type=file]", str(path))
    page.click("text=Read the statement")
    page.wait_for_selector("text=Being read")  # the worker has it now; the page waits beside it
    assert jobs.run(Job.objects.get().pk).state == Job.State.ASKS
    page.wait_for_selector("text=which column is what")  # by itself
    assert page.locator("text=01-09-2026").count()  # the dates as understood
    for role, header in (
        ("date", "Wann"),
        ("narration", "Was"),
        ("debit", "Raus"),
        ("credit", "Rein"),
        ("balance", "Stand"),
    ):
        page.select_option(f"[name=map_{role}]", label=header)
    assert fits(page)
    page.click("text=Read it so")
    page.wait_for_selector("text=Being read")
    jobs.run(Job.objects.get().pk)
    page.wait_for_selector("text=2 new")
    assert " ".join(page.inner_text(".finding-chips").split()) == "3 rows = 2 new + 0 known + 1 rejected 1 gap"
    assert "31/09/26 · SHOP · 5.00 · 4990.00" in page.inner_text("main")
    assert not Transaction.objects.exists()
    assert fits(page)

    page.click("button:has-text('Bring in 2 rows')")
    page.wait_for_selector("text=Being brought in")
    assert page.locator("progress").count() == 1
    jobs.run(Job.objects.get().pk)
    page.click("text=Tell the 2 not placed, ₹30.00")
    assert chips(page) == ["TBD", "TBD"]
    assert "auszug.csv" in page.inner_text("main")
    page.locator("[data-all]:visible").check()
    page.select_option("#grid-tag", label="Groceries")
    page.click(".grid-actions button:text-is('Tag')")
    page.wait_for_selector("text=2 rows are Groceries now.")
    page.goto(f"{page.base}statements/")
    page.click(".statement-list th a")
    assert chips(page) == ["Groceries", "Groceries"]
    page.locator("[data-all]:visible").check()
    page.click("text=Post to day book")
    page.click("button:has-text('Post 2 rows, ₹30.00')")
    page.wait_for_selector("text=2 posted to the day book.")
    assert {entry.subcategory for entry in LedgerEntry.objects.all()} == {"Groceries"}

    page.goto(f"{page.base}statements/")
    page.click(".undo summary")
    assert fits(page)
    page.click("text=Take out 2 rows")
    page.wait_for_selector("text=2 of its rows are posted to the day book; take those back first.")
    assert Transaction.objects.count() == 2


def chips(page):
    """The tags of the grid's rows, once the page is there: a click waits for no more than its beginning."""
    page.wait_for_load_state()
    found = page.locator(".grid tbody td.tag .chip")
    found.first.wait_for()
    return found.all_inner_texts()


def there(page, words):
    """Wait for a page that says these words and for its scripts, which come after them."""
    page.wait_for_selector(f"text={words}")
    page.wait_for_load_state()


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def split_by_keyboard(page):
    """Divide the row in hand over two tags, wrongly at first, and take that back."""
    page.keyboard.press("s")
    page.wait_for_selector("[name=part_tag]:focus")
    page.wait_for_load_state()  # the focus is there before the script that adds up
    for tag, amount in (("Rent", "50"), ("Fun", "20")):
        page.keyboard.type(tag)
        page.keyboard.press("Tab")
        page.keyboard.type(amount)
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
    assert page.inner_text("[data-left]") == "10.00 left"
    page.click("text=Split over these")
    there(page, "The parts add up to 70.00, not 80.00.")
    assert page.locator("[name=part_amount]").nth(1).input_value() == "20"  # what was typed is still there
    page.locator("[name=part_amount]").nth(1).fill("30")
    assert page.inner_text("[data-left]") == "adds up"
    page.click("text=Split over these")
    page.wait_for_selector("text=Split over 2 tags.")
    assert fits(page)
    page.goto(f"{page.base}transactions/?q=zzyx")
    assert chips(page) == ["Rent"]
    page.keyboard.press("u")
    said(page, "Taken back")
    assert chips(page) == ["TBD"]


def said(page, words):
    page.wait_for_function("words => document.querySelector('[data-last]').textContent.includes(words)", arg=words)


def test_a_statement_is_sorted_by_keyboard_posted_and_all_of_it_undone(page, cast, tmp_path):
    upload(page, tmp_path)
    page.goto(f"{page.base}transactions/?tag=tbd")
    assert chips(page) == ["TBD", "TBD", "TBD"]
    for key in ("ArrowDown", "t"):
        page.keyboard.press(key)
    page.keyboard.type("ren")
    assert page.locator(".tag-box [aria-selected=true]").inner_text() == "Rent"
    page.keyboard.press("Enter")
    assert "all 2 of QWXZ TRADERS, and from now on" in page.inner_text(".how-far")
    page.keyboard.press("Enter")
    said(page, "2 rows are Rent now.")
    assert chips(page) == ["Rent", "TBD", "Rent"]
    assert "ZZYX" in page.inner_text("tr.selected")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert page.locator(".tag-box").count() == 0
    page.keyboard.press("p")
    page.keyboard.type("Zed shop")
    page.keyboard.press("Enter")
    said(page, "ZZYX AGENCIES is ZED SHOP.")
    page.keyboard.press("u")
    said(page, "Taken back")
    assert "ZZYX AGENCIES" in page.inner_text("tr.selected")
    assert fits(page)
    split_by_keyboard(page)

    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") in ("q", "")  # folded away on a phone
    page.goto(f"{page.base}transactions/?posted=ready")
    for box in page.locator("input[name=row]").all():
        box.check()
    page.click("text=Post to day book")
    page.wait_for_selector("text=2 ready")
    assert fits(page)
    page.click("button:has-text('Post 2 rows')")
    page.wait_for_selector("text=2 posted to the day book.")
    assert LedgerEntry.objects.filter(deleted_at=None).count() == 2

    page.click("[data-undo] button")
    page.wait_for_selector("text=posted to the day book; take those back first")
    assert ProductTag.objects.exists()
    page.goto(f"{page.base}transactions/?posted=yes")
    for box in page.locator("input[name=row]").all():
        box.check()
    page.click(".grid-actions button:has-text('Take back')")
    page.wait_for_selector("text=2 rows taken back")
    page.goto(f"{page.base}transactions/?q=qwxz")
    page.click("[data-undo] button")
    said(page, "Taken back: QWXZ TRADERS: Rent (2 rows).")
    assert chips(page) == ["TBD", "TBD"]
    assert not ProductTag.objects.exists()
    assert not Correction.objects.filter(undone_at=None).exists()
    assert not LedgerEntry.objects.filter(deleted_at=None).exists()

    page.goto(f"{page.base}transactions/?q=swiggy")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("c")
    said(page, "1 row is Food now.")
    assert Transaction.objects.get(product="SWIGGY").is_confirmed


def test_a_rule_is_written_tested_moved_and_asked_about_when_its_payee_is_corrected(page, cast, tmp_path):
    upload(page, tmp_path)
    for text, tag in (("upi", "Fun"), ("qwxz", "Travel")):
        page.goto(f"{page.base}rules/new/")
        page.fill("[name=text]", text)
        page.select_option("[name=tag]", label=tag)
        page.click("text=Test on all rows")
        page.wait_for_selector(f"text=Would change {4 if text == 'upi' else 0} row")
        page.click("text=Keep the rule")
        there(page, "The rule is kept")
    assert {one.tag.name for one in Transaction.objects.all()} == {"Fun"}
    page.focus("tr:has-text('qwxz') button:enabled")
    page.keyboard.press("Alt+ArrowUp")
    page.wait_for_selector("text=2 rows changed with the order.")
    assert [rule.text for rule in Rule.objects.all()] == ["qwxz", "upi"]
    assert fits(page)

    page.goto(f"{page.base}transactions/?q=zzyx")
    page.click("[data-edit]")
    page.keyboard.type("bill")
    page.keyboard.press("Enter")
    asked = page.inner_text(".how-far")
    assert "ZZYX AGENCIES, and from now on" in asked
    assert "change the rule: all 2 rows it places" in asked
    page.click(".how-far button:has-text('change the rule')")
    said(page, "2 rows are Bills now.")
    assert Rule.objects.get(text="upi").tag.name == "Bills"
    page.keyboard.press("u")
    said(page, "Taken back")
    assert Rule.objects.get(text="upi").tag.name == "Fun"


def test_the_grid_works_without_a_script(chromium, live_server, client, cast, tmp_path):  # noqa: F811
    bank = Account.objects.get(book=cast.main, name="Bank")
    services.import_statement(bank, (HEADER + ROWS).encode(), file_name="september.csv")
    client.force_login(cast.ravi)
    context = chromium.new_context(java_script_enabled=False)
    cookies = [{"name": name, "value": one.value, "url": live_server.url} for name, one in client.cookies.items()]
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(f"{live_server.url}{BASE}transactions/?q=qwxz")
    page.click("td.tag a >> nth=0")
    page.select_option("#edit-tag", label="Rent")
    page.click("text=Keep")
    assert chips(page) == ["Rent", "Rent"]
    page.click("[data-undo] button")
    assert chips(page) == ["TBD", "TBD"]
    assert Job.objects.filter(kind=work.ASK).count() == 0
