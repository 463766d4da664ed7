"""A customer with a phone, in a real browser: three languages, no JavaScript, no network."""

import os
import shutil
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache

from tests import world
from tests.trackers.portal.cast import customer_of, tracker_of
from trackers import services
from trackers.models import Customer, Dispute, Receipt

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed"),
]
# language: (log in, still to pay, log out, no network)
WORDS = {
    "en-in": ("Log in", "Still to pay", "Log out", "No network"),
    "ta": ("உள்நுழைக", "மீதி கட்ட வேண்டியது", "வெளியேறு", "இணைய இணைப்பு இல்லை"),
    "hi": ("लॉग इन", "अभी देना बाकी", "लॉग आउट", "इंटरनेट नहीं है"),
}


@pytest.fixture
def new_context(live_server, monkeypatch, settings):
    """A function that gives a fresh phone; any script error or refused content fails the test."""
    from playwright.sync_api import sync_playwright

    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright's loop runs in this thread
    settings.PUBLIC_URL = live_server.url  # with an address, receipts carry a code to scan
    cache.clear()
    faults = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-quic", "--disable-background-networking"]
        )

        def new(**more):
            context = browser.new_context(
                viewport={"width": 360, "height": 740}, base_url=live_server.url, locale="en-IN", **more
            )
            context.on("weberror", lambda error: faults.append(str(error.error)))
            context.on("console", lambda message: message.type == "error" and faults.append(message.text))
            return context

        yield new
        browser.close()
    assert [fault for fault in faults if "ERR_INTERNET_DISCONNECTED" not in fault] == []


@pytest.fixture
def tracker():
    """Murugan's running scheme, three payments, one of them corrected."""
    book = world.book(owner=world.person("asha"))
    customer = customer_of(book, "murugan", phone="98400 12345")
    tracker = tracker_of(customer, "Idli shop", start_date=book.today() - timedelta(days=10))
    for day in (1, 2, 3):
        services.record_payment(tracker, day, paid=Decimal(500), mode="Cash")
    services.record_payment(tracker, 2, paid=Decimal(450))
    return tracker


def log_in(page, language):
    page.goto("/")
    page.click(f".languages [lang={language}]")
    page.fill("[name=username]", "9840012345")
    page.fill("[name=password]", world.PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/passbook/")


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def unlabelled(page):
    """Controls without a name, pictures without a text, headings that skip a level, small touch targets of buttons."""
    return page.evaluate(
        """() => {
        const faults = [];
        for (const one of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
          if (!one.labels.length && !one.getAttribute("aria-label")) faults.push("no label: " + one.name);
        for (const one of document.querySelectorAll("a, button, summary"))
          if (!one.textContent.trim() && !one.getAttribute("aria-label")) faults.push("no name: " + one.outerHTML);
        for (const one of document.querySelectorAll("img:not([alt]), svg:not([aria-hidden]):not([aria-label])"))
          faults.push("no text: " + one.outerHTML.slice(0, 80));
        let last = 0;
        for (const one of document.querySelectorAll("h1, h2, h3, h4")) {
          if (+one.tagName[1] > last + 1) faults.push("heading skips: " + one.textContent);
          last = +one.tagName[1];
        }
        for (const one of document.querySelectorAll("button, .button"))
          if (one.getBoundingClientRect().height < 44) faults.push("small: " + one.textContent);
        return faults;
        }"""
    )


def scan_a_receipt(page, tracker):
    """From the passbook to a receipt, and to the page that its QR code leads anybody to."""
    receipt = Receipt.objects.filter(tracker=tracker, kind="issued").first()
    page.goto(f"/passbook/{tracker.pk}/receipts/{receipt.number}/")
    assert "500.00" in page.inner_text("main")
    assert page.locator(".code svg").count() == 1
    page.goto(f"/r/{receipt.token}/")
    assert "500.00" in page.inner_text("main")
    assert "Murugan" not in page.inner_text("body")


def say_that_one_is_missing(page, tracker):
    page.goto(f"/passbook/{tracker.pk}/say/?kind=missing")
    page.fill("[name=date]", (tracker.start_date + timedelta(days=5)).isoformat())
    page.fill("[name=amount]", "500")
    page.fill("[name=paid_to]", "Kumar")
    page.click("main form .primary")
    page.wait_for_url(f"**/passbook/{tracker.pk}/**")
    assert "Kumar" in page.inner_text("main")
    assert Dispute.objects.filter(tracker=tracker).count() == 1


@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("with_scripts", [True, False], ids=["scripts", "no_scripts"])
def test_a_customer_logs_in_reads_and_takes_away_in_his_language(new_context, tracker, language, with_scripts):
    context = new_context(java_script_enabled=with_scripts, accept_downloads=True)
    page = context.new_page()
    _, still, log_out, _ = WORDS[language]
    log_in(page, language)
    assert Customer.objects.get().language == language
    addresses = ["/passbook/", "/passbook/me/", f"/passbook/{tracker.pk}/", f"/passbook/{tracker.pk}/?all=1"]
    for address in [*addresses, f"/passbook/{tracker.pk}/day/2/", "/login/forgotten/"]:
        page.goto(address)
        if with_scripts:
            assert fits(page), address
            assert unlabelled(page) == [], address
        assert page.locator("html").get_attribute("lang") == language
        assert page.locator("h1").count() == 1
    page.goto(f"/passbook/{tracker.pk}/")
    assert still in page.inner_text("main")
    assert "₹1,450.00" in page.inner_text("main .figures")
    assert "450.00" in page.inner_text(".was")
    with page.expect_download() as workbook:
        page.click(f'a[href="/passbook/{tracker.pk}/workbook/"]')
    assert workbook.value.suggested_filename == f"passbook-{tracker.pk}.xlsx"
    scan_a_receipt(page, tracker)
    say_that_one_is_missing(page, tracker)
    page.click(f"footer >> text={log_out}")
    page.wait_for_url("**/login/")
    assert WORDS[language][0] in page.inner_text("main")  # the log-in speaks the language that was chosen
    context.close()


def kept(page):
    """What the service worker keeps: the paths of its pages."""
    return page.evaluate(
        """async () => {
        const cache = await caches.open("passbooks");
        const paths = (await cache.keys()).map((request) => new URL(request.url).pathname);
        return paths.filter((path) => !path.startsWith("/static"));
        }"""
    )


def wait_until_kept(page, path):
    for _ in range(1200):
        if path in kept(page):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{path} is not kept, only {kept(page)}")


@pytest.mark.parametrize("language", WORDS)
def test_without_a_network_the_last_seen_passbook_says_when_it_was_and_logging_out_forgets_it(
    new_context, tracker, language
):
    context = new_context()
    page = context.new_page()
    log_in(page, language)
    where, no_network = f"/passbook/{tracker.pk}/", WORDS[language][3]
    wait_until_kept(page, "/passbook/")
    page.goto(where)
    wait_until_kept(page, where)
    assert not page.locator(".offline").is_visible()
    context.set_offline(True)
    page.reload()
    assert page.locator(".offline").is_visible()
    assert no_network in page.inner_text(".offline")
    assert f"{tracker.book.today():%d-%m-%Y}" in page.inner_text(".offline")
    assert "₹1,450.00" in page.inner_text(".figures")
    assert page.evaluate("getComputedStyle(document.body).fontSize") == "16px"
    page.goto("/passbook/")
    assert "Idli shop" in page.inner_text("main")
    context.set_offline(False)
    page.goto(where)
    assert not page.locator(".offline").is_visible()
    page.click(f"footer >> text={WORDS[language][2]}")
    page.wait_for_url("**/login/")
    assert kept(page) == []
    context.set_offline(True)
    with pytest.raises(Exception, match="ERR_INTERNET_DISCONNECTED"):
        page.goto(where)
    context.close()


def test_a_session_that_was_ended_elsewhere_leaves_nothing_behind(new_context, tracker):
    from trackers.portal import logins

    context = new_context()
    page = context.new_page()
    log_in(page, "en-in")
    wait_until_kept(page, "/passbook/")
    logins.end_sessions(tracker.customer.user)
    page.goto(f"/passbook/{tracker.pk}/")
    page.wait_for_url("**/login/**")
    for _ in range(1200):
        if not kept(page):
            break
        page.wait_for_timeout(50)
    assert kept(page) == []
    context.close()


def test_it_can_be_put_on_the_home_screen(new_context, tracker):
    context = new_context()
    page = context.new_page()
    log_in(page, "ta")
    address = page.get_attribute("link[rel=manifest]", "href")
    answer = context.request.get(address)
    assert answer.headers["content-type"] == "application/manifest+json"
    manifest = answer.json()
    assert manifest["name"] == "பாஸ்புக்"
    assert manifest["start_url"] == "/passbook/"
    for icon in manifest["icons"]:
        found = context.request.get(icon["src"])
        assert found.ok
        assert found.headers["content-type"].startswith(icon["type"])
    worker = context.request.get("/passbook/worker.js")
    assert worker.headers["content-type"].startswith("text/javascript")
    context.close()
