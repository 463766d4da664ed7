"""What a new user does first, in a real browser, with a desk's screen and a phone's."""

import os
import shutil

import pytest
from django.test import override_settings

from lendbook import setup
from tests import world

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed"),
]


@pytest.fixture(params=[(1280, 800), (360, 740)], ids=["desk", "phone"])
def page(request, live_server, monkeypatch):
    """A page of a fresh browser that fails the test on any script error or refused content."""
    from playwright.sync_api import sync_playwright

    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright's loop runs in this thread
    width, height = request.param
    faults = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-quic", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": width, "height": height}, base_url=live_server.url, locale="en-IN")
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: message.type == "error" and faults.append(message.text))
        yield page
        browser.close()
    assert faults == []


def no_wider_than_the_screen(page):
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def log_in(page, login="asha"):
    page.goto("/")
    page.fill("[name=username]", login)
    page.fill("[name=password]", world.PASSWORD)
    page.click("button[type=submit]")


def type_entry(page, date, category, subcategory, amount):
    page.fill("[name=date]", date)
    page.select_option("[name=category]", label=category)
    page.fill("[name=subcategory]", subcategory)
    page.fill("[name=amount]", amount)
    with page.expect_navigation():
        page.click("text=Save and add another")


def test_the_worked_example_is_typed_and_a_late_entry_moves_the_closing(page):
    world.cast()
    log_in(page)
    page.wait_for_load_state()
    with page.expect_navigation():
        page.keyboard.press("n")
    type_entry(page, "15-01-2024", "Collection", "Loan Payments", "5,000")
    assert page.input_value("[name=date]") == "15-01-2024"
    type_entry(page, "15-01-2024", "Income", "Interest", "1500")
    type_entry(page, "15-01-2024", "Expense", "Office Supplies", "2000")
    page.goto("/books/main-street/day-book/15-01-2024/")
    assert "54,500.00" in page.inner_text("main")
    assert no_wider_than_the_screen(page)
    page.goto("/admin/ledger/ledgerentry/add/")
    type_entry(page, "10-01-2024", "Collection", "Loan Payments", "1,000")
    page.goto("/books/main-street/day-book/15-01-2024/")
    assert "Closing was 54,500.00 when you last looked" in page.inner_text("main")
    assert "55,500.00" in page.inner_text("main")


def test_an_empty_instance_is_set_up_and_leads_home(page, tmp_path):
    with override_settings(DATA_DIR=tmp_path):
        page.goto(f"/set-up/?token={setup.new_token()}")
        assert no_wider_than_the_screen(page)
        page.fill("[name=login]", "asha")
        page.fill("[name=password]", world.PASSWORD)
        page.fill("[name=again]", world.PASSWORD)
        page.fill("[name=book]", "Main Street")
        page.fill("[name=account-0-opening]", "54,500")
        page.fill("[name=account-1-opening]", "1,00,000")
        page.click("text=Open the book")
        page.wait_for_url("**/books/main-street/")
        assert "1,54,500.00" in page.inner_text("main")
        assert no_wider_than_the_screen(page)
