"""The front: home, search, settings, and who gets in."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.test import Client, RequestFactory

from ledger import closing, daybook
from lendbook import login
from tests import world

pytestmark = pytest.mark.django_db
HOME = "/books/main-street/"


@pytest.fixture
def cast():
    cache.clear()
    return world.cast()


def seen_by(user, address):
    return world.browser(user).get(address, follow=True)


def test_home_shows_the_figures_of_the_day_book(cast):
    today = cast.main.today()
    world.post(cast.main, today.isoformat(), amount="61200")
    world.post(cast.main, today.isoformat(), "Expense", "12400")
    page = seen_by(cast.ravi, HOME).content.decode()
    day = daybook.day_book_on(cast.main, today)
    assert (day.opening_balance, day.closing_balance) == (Decimal(50000), Decimal(98800))
    for figure in ("50,000.00", "+61,200.00", "−12,400.00", "₹98,800.00"):
        assert figure in page
    assert f"date_from={today}" in page


def test_an_empty_book_says_what_to_do_first(cast):
    assert "Post the first entry" in seen_by(cast.ravi, HOME).content.decode()


def test_home_names_days_that_are_not_closed_and_closes_that_wait_for_the_owner(cast):
    today = cast.main.today()
    world.post(cast.main, (today - timedelta(days=3)).isoformat())
    world.post(cast.main, (today - timedelta(days=2)).isoformat())
    assert f"2 days since {today - timedelta(days=3):%d-%m} are not closed" in seen_by(cast.ravi, HOME).content.decode()
    closing.close_day(cast.main, today - timedelta(days=1), user=cast.ravi)
    page = seen_by(cast.asha, HOME).content.decode()
    assert "are not closed" not in page
    assert "1 close waits for your signature" in page


def test_an_agent_is_led_to_his_own_cash_and_strangers_find_nothing(cast):
    assert "/day-book/" in seen_by(cast.kumar, HOME).redirect_chain[-1][0]
    assert seen_by(cast.charlie, HOME).status_code == 404
    assert Client().get(HOME).status_code == 302


def test_search_finds_days_amounts_and_texts_of_this_book_only(cast):
    world.post(cast.main, "2024-01-15", amount="1500", narration="Shop rent of Selvi")
    world.post(cast.other, "2024-01-15", amount="1500", narration="Shop rent of a stranger")
    for text in ("selvi", "1,500"):
        page = seen_by(cast.ravi, f"{HOME}search/?q={text}").content.decode()
        assert "Shop rent of Selvi" in page
        assert "stranger" not in page
    assert "Day book of Mon 15-01-2024" in seen_by(cast.ravi, f"{HOME}search/?q=15-01-2024").content.decode()
    assert "Nothing in this book fits" in seen_by(cast.ravi, f"{HOME}search/?q=zzz").content.decode()
    assert "Shop rent" not in seen_by(cast.kumar, f"{HOME}search/?q=rent").content.decode()


def test_settings_lead_to_what_the_role_may_use(cast):
    assert "Its name, time zone" in seen_by(cast.asha, f"{HOME}settings/").content.decode()
    assert "Its name, time zone" not in seen_by(cast.meena, f"{HOME}settings/").content.decode()


def test_ten_wrong_passwords_must_wait_and_other_people_need_not(cast, client):
    for _ in range(login.TRIES_PER_LOGIN):
        client.post("/admin/login/", {"username": "ravi", "password": "wrong"})
    page = client.post("/admin/login/", {"username": "ravi", "password": world.PASSWORD}).content.decode()
    assert "Too many wrong passwords" in page
    assert client.post("/admin/login/", {"username": "asha", "password": world.PASSWORD}).status_code == 302


def test_an_address_that_tries_many_names_must_wait(cast, client):
    request = RequestFactory(REMOTE_ADDR="10.1.1.1").post("/admin/login/")
    for number in range(login.TRIES_PER_ADDRESS):
        assert login.take_a_try(f"name{number}", request)
    guessed = client.post("/admin/login/", {"username": "asha", "password": world.PASSWORD}, REMOTE_ADDR="10.1.1.1")
    assert "Too many wrong passwords" in guessed.content.decode()
    assert client.post("/admin/login/", {"username": "asha", "password": world.PASSWORD}).status_code == 302


def test_a_login_that_works_nowhere_stays_outside(cast, client):
    world.person("john")
    page = client.post("/admin/login/", {"username": "john", "password": world.PASSWORD}).content.decode()
    assert "works in no book" in page


def test_only_a_superuser_opens_books(cast):
    assert seen_by(cast.asha, "/open-book/").status_code == 403
    boss = world.person("boss", is_superuser=True)
    client = Client()
    client.force_login(boss)
    form = {
        "name": "Third",
        "slug": "third",
        "begins_on": "",
        "cash": "5,000",
        "bank_name": "",
        "bank": "",
        "owner": "asha",
    }
    assert client.post("/open-book/", form).url == "/books/third/"
    assert "is there already" in client.post("/open-book/", form).content.decode()


def test_pages_carry_a_strict_policy_and_are_never_stored(cast):
    response = seen_by(cast.ravi, HOME)
    policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'self'" in policy
    assert "no-store" in response.headers["Cache-Control"]
