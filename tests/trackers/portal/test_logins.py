"""Passwords by a link that staff sends, requests for one, logging out everywhere."""

import re
from datetime import timedelta
from urllib.parse import unquote

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from ledger import services as ledger
from tests import world
from tests.trackers.portal.cast import customers
from trackers.models import Customer

pytestmark = pytest.mark.django_db
PUBLIC = "https://books.example.in"
NEW = "another-long-one"


@pytest.fixture
def cast(settings):
    cache.clear()
    settings.PUBLIC_URL = PUBLIC
    return customers()


def staff_page(one, book="main-street"):
    return f"/books/{book}/customers/{one.customer.pk}/password/"


def link_for(one, by):
    page = world.browser(by).post(staff_page(one)).content.decode()
    return re.search(rf'value="({PUBLIC}/password/[^"]+)"', page)[1]


def follow(link):
    """(the browser, its answer) after the link was opened."""
    client = Client()
    return client, client.get(link.removeprefix(PUBLIC), follow=True)


def set_password(link, password=NEW):
    client, opened = follow(link)
    where = opened.redirect_chain[-1][0] if opened.redirect_chain else link.removeprefix(PUBLIC)
    return client, client.post(where, {"new_password1": password, "new_password2": password})


def test_a_link_sets_the_password_once_and_logs_in(cast):
    cast.murugan.user.set_unusable_password()
    cast.murugan.user.save()
    link = link_for(cast.murugan, cast.ravi)
    client, answer = set_password(link)
    assert answer.url == "/passbook/"
    assert "Next time log in as murugan" in client.get("/passbook/").content.decode()
    _, again = follow(link)
    assert "has been used or is too old" in again.content.decode()
    assert Client().post("/login/", {"username": "murugan", "password": NEW}).status_code == 302


def test_two_who_hold_a_link_set_one_password(cast):
    link = link_for(cast.murugan, cast.ravi)
    (first, opened), (second, _) = follow(link), follow(link)
    where = opened.redirect_chain[-1][0]
    assert first.post(where, {"new_password1": NEW, "new_password2": NEW}).status_code == 302
    late = second.post(where, {"new_password1": "the-thief-wins-now", "new_password2": "the-thief-wins-now"})
    assert late.status_code in (200, 409)
    cast.murugan.user.refresh_from_db()
    assert cast.murugan.user.check_password(NEW)


@pytest.mark.parametrize(("hours", "is_good"), [(47, True), (49, False)])
def test_a_link_lives_for_two_days(cast, hours, is_good):
    link = link_for(cast.murugan, cast.ravi)
    with time_machine.travel(timezone.localtime() + timedelta(hours=hours)):
        assert ("Set the password" in follow(link)[1].content.decode()) is is_good


@pytest.mark.parametrize(
    ("password", "word"),
    [("short", "Too short"), ("1234567890123", "Digits alone"), ("passwordpassword", "Too many people")],
)
def test_a_weak_password_is_refused_in_the_readers_words(cast, password, word):
    page = set_password(link_for(cast.murugan, cast.ravi), password)[1].content.decode()
    assert word in page or password == "passwordpassword"


def test_a_link_speaks_the_customers_language_and_goes_to_his_phone(cast):
    cast.murugan.customer.language, cast.murugan.customer.phone = "ta", "98400 12345"
    cast.murugan.customer.save()
    page = world.browser(cast.ravi).post(staff_page(cast.murugan)).content.decode()
    assert 'href="https://wa.me/919840012345?text=' in page
    assert 'href="sms:+919840012345?body=' in page
    assert "கடவுச்சொல்லை" in unquote(page)
    link = re.search(rf'value="({PUBLIC}/password/[^"]+)"', page)[1]
    assert '<html lang="ta">' in follow(link)[1].content.decode()


def test_a_get_makes_no_link_and_only_staff_of_the_book_makes_one(cast):
    assert "/password/" not in world.browser(cast.ravi).get(staff_page(cast.murugan)).content.decode().partition(
        "<main"
    )[2].replace(staff_page(cast.murugan), "")
    for stranger in (cast.kumar, cast.meena):
        assert world.browser(stranger).post(staff_page(cast.murugan)).status_code == 403
    for stranger in (cast.charlie, cast.murugan.user, cast.selvi.user):
        assert world.browser(stranger).post(staff_page(cast.murugan)).status_code == 404
    assert world.browser(cast.ravi).post(staff_page(cast.devi)).status_code == 404
    assert Client().post(staff_page(cast.murugan)).status_code == 302


def test_a_customer_of_two_lenders_is_handed_to_neither(cast):
    Customer.objects.create(book=cast.other, user=cast.murugan.user, name="Murugan")
    page = world.browser(cast.ravi).post(staff_page(cast.murugan))
    assert page.status_code == 422
    assert "a customer of another book too" in page.content.decode()
    ledger.set_member(cast.other, cast.ravi, "staff")
    assert link_for(cast.murugan, cast.ravi)


def test_no_link_leads_into_the_office(cast):
    link = link_for(cast.murugan, cast.ravi)
    ledger.set_member(cast.other, cast.murugan.user, "staff")
    assert "has been used or is too old" in follow(link)[1].content.decode()
    assert "works in the office" in world.browser(cast.ravi).post(staff_page(cast.murugan)).content.decode()


def test_without_a_public_address_there_are_no_links(cast, settings):
    settings.PUBLIC_URL = ""
    page = world.browser(cast.ravi).post(staff_page(cast.murugan))
    assert page.status_code == 422
    assert "LENDBOOK_PUBLIC_URL" in page.content.decode()


def test_who_has_forgotten_asks_the_shop_which_sends_a_link(cast):
    world.post(cast.main, "2024-01-15")
    answers = {
        Client().post("/login/forgotten/", {"username": name}).content.decode().partition("<main")[2]
        for name in ("murugan", "nobody-at-all", "ravi")
    }
    assert len(answers) == 1
    assert "Murugan asks for a new password" in world.browser(cast.ravi).get("/books/main-street/").content.decode()
    assert "asks for" not in world.browser(cast.charlie).get("/books/other-road/").content.decode()
    Client().post("/login/forgotten/", {"username": "selvi"})
    home = world.browser(cast.ravi).get("/books/main-street/").content.decode()
    assert "2 customers ask for a new password" in home
    listed = world.browser(cast.ravi).get("/admin/trackers/customer/?asks=1").content.decode()
    assert "Murugan" in listed
    assert "Selvi" in listed
    link_for(cast.murugan, cast.ravi)
    assert "Selvi asks for a new password" in world.browser(cast.ravi).get("/books/main-street/").content.decode()


def test_asking_has_an_end(cast):
    world.post(cast.main, "2024-01-15")
    client = Client()
    for _ in range(25):
        client.post("/login/forgotten/", {"username": "nobody"})
    client.post("/login/forgotten/", {"username": "murugan"})
    assert "asks for" not in world.browser(cast.ravi).get("/books/main-street/").content.decode()


def test_logging_out_everywhere_ends_every_session_and_needs_no_password(cast):
    here, there, office = world.browser(cast.murugan.user), world.browser(cast.murugan.user), world.browser(cast.ravi)
    other = world.browser(cast.selvi.user)
    here.post("/passbook/log-out/", {"everywhere": "1"})
    assert here.get("/passbook/").url == "/login/?next=/passbook/"
    assert there.get("/passbook/").url == "/login/?next=/passbook/"
    assert other.get("/passbook/").status_code == office.get("/books/main-street/").status_code == 200
    assert world.browser(cast.murugan.user).get("/passbook/").status_code == 200
    assert there.get("/passbook/").status_code == 302


def test_logging_out_here_leaves_the_others_and_clears_what_the_browser_kept(cast):
    here, there = world.browser(cast.murugan.user), world.browser(cast.murugan.user)
    assert here.post("/passbook/log-out/").headers["Clear-Site-Data"] == '"storage"'
    assert here.get("/passbook/").status_code == 302
    assert there.get("/passbook/").status_code == 200
    assert here.get("/passbook/log-out/").status_code == 405


def test_another_password_ends_the_other_sessions(cast):
    here, there = world.browser(cast.murugan.user), world.browser(cast.murugan.user)
    form = {"old_password": world.PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert "This is not your password" in here.post("/passbook/me/", {**form, "old_password": "x"}).content.decode()
    assert here.post("/passbook/me/", form).url == "/passbook/me/"
    assert here.get("/passbook/").status_code == 200
    assert there.get("/passbook/").status_code == 302


def test_the_language_is_changed_on_any_page_and_kept(cast):
    client = world.browser(cast.murugan.user)
    client.post("/passbook/language/", {"language": "hi"})
    assert '<html lang="hi">' in client.get("/passbook/").content.decode()
    cast.murugan.customer.refresh_from_db()
    assert cast.murugan.customer.language == "hi"
    client.post("/passbook/language/", {"language": "../../etc"})
    cast.murugan.customer.refresh_from_db()
    assert cast.murugan.customer.language == "hi"
