"""The collection sheet under a real browser: typed with the keyboard alone, kept through a reload, saved."""

from pathlib import Path

import pytest

from tests.trackers import pages
from trackers.models import Draft, Tracker

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium"),
]


@pytest.fixture
def chromium(monkeypatch):
    """A page of the browser; playwright runs a loop of its own, which Django must not take for async code."""
    playwright = pytest.importorskip("playwright.sync_api")
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


def logged_in(chromium, server, client, user, width=1280):
    """A page with the session of `user`."""
    client.force_login(user)
    context = chromium.new_context(viewport={"width": width, "height": 800})
    cookies = [{"name": name, "value": cookie.value, "url": server.url} for name, cookie in client.cookies.items()]
    context.add_cookies(cookies)
    return context.new_page()


@pytest.mark.parametrize("width", [1280, 360])
def test_a_clerk_types_down_the_sheet_and_saves(chromium, live_server, client, width):
    cast = pages.shop(4)
    one, two, three, four = cast.trackers
    page = logged_in(chromium, live_server, client, cast.ravi, width)
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    address = f"{live_server.url}/books/main-street/collect/?date={pages.DAY}"
    page.goto(address)
    page.focus(f"[name=paid_{one.pk}]")
    for keys in (["5", "0", "0", "Enter"], ["=", "Enter"], ["1", "2", "x", "Enter"]):
        for key in keys:
            page.keyboard.press(key)
    assert page.evaluate("document.activeElement.name") == f"paid_{four.pk}"
    assert page.input_value(f"[name=paid_{two.pk}]") == "500"
    assert page.inner_text("[data-typed]") == "2 of 4"
    assert page.inner_text("[data-sum]") == "1,000.00"
    assert "not an amount" in page.inner_text(f"#fault-{three.pk}")
    page.wait_for_selector("[data-drafts]:has-text('saved drafts')")

    page.goto(address)  # the light went, and came back
    assert page.input_value(f"[name=paid_{one.pk}]") == "500"
    assert page.input_value(f"[name=paid_{three.pk}]") == "12x"
    page.fill("[data-counted]", "900")
    assert "100.00 too little" in page.inner_text("[data-difference]")
    page.click("[data-save]")
    page.wait_for_selector("[data-saved]")
    assert "Saved 2 payments, ₹1,000.00" in page.inner_text("[data-saved]")
    assert "12x" in page.input_value(f"[name=paid_{three.pk}]")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert faults == []
    assert [tracker.total_paid for tracker in Tracker.objects.order_by("pk")] == [500, 500, 0, 0]
    assert not Draft.objects.exists()


def test_what_is_typed_without_a_connection_is_sent_once_it_is_back(chromium, live_server, client):
    cast = pages.shop(2)
    tracker = cast.trackers[0]
    page = logged_in(chromium, live_server, client, cast.kumar, width=360)
    page.goto(f"{live_server.url}/books/main-street/collect/?date={pages.DAY}")
    page.context.set_offline(True)
    page.fill(f"[name=paid_{tracker.pk}]", "750")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-drafts]:has-text('no connection')")
    assert not Draft.objects.exists()
    assert "750" in page.evaluate("Object.values(localStorage).join()")
    page.context.set_offline(False)
    page.wait_for_selector("[data-drafts]:has-text('saved drafts')")
    assert [draft.amount for draft in Draft.objects.all()] == [750]
    assert "750" not in page.evaluate("Object.values(localStorage).join()")


def test_a_slip_is_asked_about_on_its_row_and_a_second_enter_says_yes(chromium, live_server, client):
    cast = pages.shop(3)
    one, two, three = cast.trackers
    page = logged_in(chromium, live_server, client, cast.ravi, width=360)
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    address = f"{live_server.url}/books/main-street/collect/?date={pages.DAY}"
    page.goto(address)
    page.focus(f"[name=paid_{one.pk}]")
    page.keyboard.type("50000")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.name") == f"paid_{one.pk}"
    assert "50,000.00 is more than ten times what is due, 500.00." in page.inner_text(f"#ask-{one.pk}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.fill(f"[name=paid_{one.pk}]", "60000")  # another amount: asked about anew
    assert page.is_hidden(f"#ask-{one.pk}")
    page.keyboard.press("Enter")
    assert "more than all that is still to pay, 50,000.00" in page.inner_text(f"#ask-{one.pk}")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.name") == f"paid_{two.pk}"
    assert page.is_checked(f"[name=sure_{one.pk}]")
    page.keyboard.type("9000")
    page.focus(f"[name=paid_{three.pk}]")  # gone on by the mouse: the question stands and nothing was said
    assert page.is_visible(f"#ask-{two.pk}")
    page.wait_for_selector("[data-drafts]:has-text('saved drafts')")
    page.click("[data-save]")
    page.wait_for_selector("[data-saved]")
    assert "1 not saved" in page.inner_text("[data-saved]")
    assert [tracker.total_paid for tracker in Tracker.objects.order_by("pk")] == [60_000, 0, 0]
    page.focus(f"[name=paid_{two.pk}]")
    page.keyboard.press("Enter")  # it was asked about, and this is the second time
    page.click("[data-save]")
    page.wait_for_selector("[data-saved]:has-text('Saved 1 payment, ₹9,000.00')")
    assert [tracker.total_paid for tracker in Tracker.objects.order_by("pk")] == [60_000, 9_000, 0]
    assert faults == []


def test_a_yes_that_was_said_without_a_connection_is_still_there_when_it_is_back(chromium, live_server, client):
    cast = pages.shop(1)
    tracker = cast.trackers[0]
    page = logged_in(chromium, live_server, client, cast.kumar, width=360)
    page.goto(f"{live_server.url}/books/main-street/collect/?date={pages.DAY}")
    page.context.set_offline(True)
    page.focus(f"[name=paid_{tracker.pk}]")
    page.keyboard.type("7500")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-drafts]:has-text('no connection')")
    assert "7,500.00" in page.evaluate("Object.values(localStorage).join()")
    page.context.set_offline(False)
    page.wait_for_selector("[data-drafts]:has-text('saved drafts')")
    page.click("[data-save]")
    page.wait_for_selector("[data-saved]:has-text('Saved 1 payment')")
    assert Tracker.objects.get().total_paid == 7_500
