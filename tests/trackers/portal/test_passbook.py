"""What a customer reads: his figures, his days, what was corrected, and a workbook that is gone."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache

from tests import world
from tests.trackers.portal.cast import START, customer_of, customers, tracker_of
from trackers import services, store
from trackers.models import Tracker
from trackers.portal import passbook
from trackers.workbook import package

pytestmark = pytest.mark.django_db
PAGE_BYTES = 60 * 1024


@pytest.fixture
def cast():
    cache.clear()
    passbook._passbooks.clear()
    return customers()


def pay(tracker, *days, amount="500", **fields):
    for day in days:
        services.record_payment(tracker, day, paid=Decimal(amount), **fields)


def page_of(one, address="", **more):
    return world.browser(one.user).get(f"/passbook/{one.tracker.pk}/{address}", **more)


def read(one, address=""):
    response = page_of(one, address)
    assert response.status_code == 200
    return response.content.decode()


def test_home_shows_a_card_for_every_tracker_and_closed_ones_below(cast):
    today = cast.main.today()
    customer = cast.murugan.customer
    ahead = tracker_of(customer, "Ahead", start_date=today - timedelta(days=2))
    pay(ahead, 1, amount="2500")
    done = tracker_of(customer, "Done", scheme_period=2, start_date=today - timedelta(days=9))
    pay(done, 1, 2)
    services.close_tracker(done, closing=Tracker.Closing.PAID)
    page = world.browser(cast.murugan.user).get("/passbook/").content.decode()
    assert "Ahead by ₹1,500.00" in page
    assert "Paid <b>₹2,500.00</b> of ₹50,000.00" in page
    assert "Behind by ₹50,000.00" in page  # the first scheme, never paid, long over
    assert page.index("Closed</h2>") < page.index("Done</a>")
    assert "Paid in full" in page
    assert f"{today - timedelta(days=1):%d-%m-%Y}" in page  # last payment
    assert "Next due" in page


def test_a_customer_without_trackers_finds_a_kind_page(cast):
    page = world.browser(customer_of(cast.main, "newcomer").user).get("/passbook/").content.decode()
    assert "You have no passbook yet." in page


def test_three_figures_stand_first_and_the_days_with_something_on_them(cast):
    pay(cast.murugan.tracker, 1, 2, 5, mode="UPI", notes="Gave it to Kumar")
    page = read(cast.murugan)
    figures = page[page.index('class="figures"') : page.index("</dl>")]
    assert "₹1,500.00" in figures
    assert figures.count("₹48,500.00") == 2  # behind, as the term is over, and still to pay
    assert "17-10-2024" in page
    assert "21-10-2024" in page
    assert "19-10-2024" not in page[page.index('id="days"') :]
    assert "Gave it to Kumar" in page
    every = read(cast.murugan, "?all=1")
    assert "19-10-2024" in every[every.index('id="days"') :]
    assert "not paid" in every


def test_what_was_corrected_says_was_now_and_when(cast):
    one = cast.murugan
    pay(one.tracker, 1, 2)
    assert "corrected" not in read(one)
    pay(one.tracker, 1, amount="450")
    page = read(one)
    assert f"corrected {cast.main.today():%d-%m-%Y}: was 500.00, now 450.00" in page
    assert page.count("corrected ") == 1
    services.record_payment(one.tracker, 1, clear=True)
    day = read(one, "day/1/")
    assert day.index("500.00") < day.index("450.00") < day.index("0.00", day.index("450.00") + 6)
    assert "17-10-2024" in read(one)  # a day that was emptied still tells what stood there


def test_a_second_payment_on_a_day_is_no_correction(cast):
    one = cast.murugan
    pay(one.tracker, 1)
    services.record_payment(one.tracker, 1, paid=Decimal(300), mode="UPI", add=True)
    page = read(one, "day/1/")
    assert "Corrected" not in page
    assert "Paid in parts" in page
    assert "₹800.00" in page
    services.record_payment(one.tracker, 1, paid=Decimal(700))
    assert "Corrected" in read(one, "day/1/")


@pytest.mark.parametrize("wrong", ["-1", "101", "5000", "x", "1.0", str(2**63), "..%2f1"])
def test_a_day_that_is_none_is_not_found(cast, wrong):
    tracker = tracker_of(cast.murugan.customer, start_date=cast.main.today())
    client = world.browser(cast.murugan.user)
    missing = client.get("/passbook/999999/day/1/")
    assert missing.status_code == 404
    response = client.get(f"/passbook/{tracker.pk}/day/{wrong}/")
    assert (response.status_code, response.content) == (404, missing.content)


def test_one_page_opens_the_workbook_once_at_most_and_one_version_once_at_all(cast, monkeypatch):
    opened = []
    begin = package.Package.__init__
    monkeypatch.setattr(
        package.Package, "__init__", lambda self, data: (opened.append(len(data)), begin(self, data))[1]
    )
    pay(cast.murugan.tracker, 1, 2)
    opened.clear()
    read(cast.murugan)
    assert len(opened) == 1
    read(cast.murugan)
    assert len(opened) == 1


def test_a_payment_shows_at_once(cast):
    assert "17-10-2024" not in read(cast.murugan)[4000:]
    pay(cast.murugan.tracker, 1)
    assert "17-10-2024" in read(cast.murugan)


@pytest.mark.parametrize("has_copy", [True, False])
def test_a_workbook_that_is_gone_is_told_and_the_staff_knows(cast, has_copy):
    one = cast.murugan
    pay(one.tracker, 1)
    one.tracker.refresh_from_db()
    content = store.path_of(one.tracker).read_bytes()
    store.path_of(one.tracker).unlink()
    if not has_copy:
        store.version_path(one.tracker, one.tracker.version).unlink()
    page = read(one)
    assert "cannot be read just now" in page
    assert "₹500.00" in page
    assert ("17-10-2024" in page[page.index('class="figures"') :].partition("Details")[0].replace(
        "Last payment</dt><dd>17-10-2024", "")) is has_copy  # fmt: skip
    home = world.browser(cast.ravi).get("/books/main-street/").content.decode()
    assert "The workbook of Scheme (Murugan) cannot be read" in home
    assert "cannot be read" not in world.browser(cast.charlie).get("/books/other-road/").content.decode()
    store.path_of(one.tracker).write_bytes(content)
    assert "cannot be read" not in read(one)
    assert "cannot be read" not in world.browser(cast.ravi).get("/books/main-street/").content.decode()


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\3\4 half a zip"])
def test_a_workbook_that_is_damaged_is_told_and_nothing_breaks(cast, content):
    one = cast.murugan
    pay(one.tracker, 1)
    store.path_of(one.tracker).write_bytes(content)
    assert "cannot be read just now" in read(one)
    assert "₹500.00" in read(one)
    assert page_of(one, "workbook/").status_code == 200  # the kept copy


@pytest.mark.parametrize("language", ["en-in", "ta", "hi"])
def test_every_page_is_below_sixty_kilobytes(cast, language, settings):
    customer = customer_of(cast.main, "daily", language=language)
    tracker = tracker_of(customer, scheme_period=365, start_date=date(2024, 1, 1))
    book = services.current(tracker)
    days = {
        day: {"paid": Decimal(500), "mode": "Cash", "notes": "By hand to Kumar at the shop"} for day in range(1, 366)
    }
    with store.locked(tracker.book_id, tracker.pk):
        services.commit([services.changed(tracker, book, days=days)], user=None, reason="Filled")
    client = world.browser(customer.user)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    where, seen = f"/passbook/{tracker.pk}/", ""
    for address in (where, f"{where}?all=1", f"{where}?page=2", "/passbook/", "/passbook/me/", f"{where}day/7/"):
        response = client.get(address)
        assert response.status_code == 200
        assert f'<html lang="{language}">' in response.content.decode()
        assert len(response.content) < PAGE_BYTES, address
        seen += response.content.decode() if "day/7" not in address else ""
    assert all(f'href="day/{day}/"' in seen for day in range(1, 366))


def test_the_workbook_is_taken_away_without_what_is_lendbooks(cast):
    one = cast.murugan
    pay(one.tracker, 1)
    response = page_of(one, "workbook/")
    assert response.headers["Content-Disposition"] == f'attachment; filename="passbook-{one.tracker.pk}.xlsx"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert b"_lendbook" not in response.content
    assert str(one.tracker.uid).encode() not in response.content


def test_a_statement_names_the_days_of_its_period_alone(cast):
    pay(cast.murugan.tracker, 1, 2, 3)
    from trackers.portal.views import papers

    tracker = cast.murugan.tracker
    tracker.refresh_from_db()
    found, _ = passbook.opened(tracker)
    figures = papers._figures(tracker, found, START + timedelta(days=2), START + timedelta(days=2))
    assert [day.number for day, _ in figures["rows"]] == [2]
    assert (figures["before"], figures["sum"], figures["paid"]) == (Decimal(500), Decimal(500), Decimal(1000))
    assert figures["standing"].arrears == 0
    response = page_of(cast.murugan, "statement/?from=2024-10-17&to=2024-10-18")
    if response.headers["Content-Type"] == "application/pdf":
        assert response.content.startswith(b"%PDF")
        name = f"passbook-{tracker.pk}-20241017-20241018.pdf"
        assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert response.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    "period", ["", "?from=x&to=y", "?from=2024-10-18&to=2024-10-17", "?from=2024-02-30&to=2024-03-01", "?from=&to=y"]
)
def test_a_period_that_is_none_is_named(cast, period):
    response = page_of(cast.murugan, f"statement/{period}")
    assert response.status_code == 422
    assert "day" in response.content.decode()


def test_statements_have_an_end(cast, monkeypatch):
    from trackers.portal.views import papers

    monkeypatch.setattr("shop.paper.make_pdf", lambda *args: b"%PDF")
    client, where = world.browser(cast.murugan.user), f"/passbook/{cast.murugan.tracker.pk}/statement/"
    codes = {client.get(f"{where}?from=2024-10-16&to=2024-10-17").status_code for _ in range(papers.PAPERS)}
    assert codes == {200}
    assert client.get(f"{where}?from=2024-10-16&to=2024-10-17").status_code == 429
