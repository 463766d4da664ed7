"""One log-in for all: customers come to their passbooks, who works in a book to the office."""

import pytest
from django.core.cache import cache
from django.test import Client

from tests import world
from tests.trackers.portal.cast import customer_of, customers
from trackers.portal import logins

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    cache.clear()
    return customers()


def log_in(client, name, password=world.PASSWORD, query="", **more):
    return client.post(f"/login/{query}", {"username": name, "password": password, **more})


def test_the_front_leads_everybody_to_his_place(cast, client):
    assert client.get("/").url == "/login/"
    assert log_in(client, "murugan").url == "/"
    assert client.get("/").url == "/passbook/"
    assert client.get("/login/").url == "/"
    office = Client()
    assert log_in(office, "ravi").url == "/"
    assert office.get("/").url == "/admin/"


def test_a_login_that_opens_nothing_is_told_so_and_led_nowhere(cast, client):
    nobody = world.person("nobody")
    assert "no passbook here" in log_in(client, "nobody").content.decode()
    client.force_login(nobody)
    assert client.get("/").url == "/login/"
    assert client.get("/login/").status_code == 200


@pytest.mark.parametrize("typed", ["9840012345", "+91 98400 12345", "098400-12345"])
def test_a_phone_logs_in_where_it_is_one_customers_alone(cast, client, typed):
    cast.murugan.customer.phone = "98400 12345"
    cast.murugan.customer.save()
    assert log_in(client, typed).status_code == 302
    customer_of(cast.other, "namesake", phone="+919840012345")
    assert log_in(Client(), typed).status_code == 200


def test_one_person_in_two_books_has_one_phone_and_a_user_name_goes_before_it(cast):
    cast.murugan.customer.phone = "9840012345"
    cast.murugan.customer.save()
    cast.main.customers.model.objects.create(
        book=cast.other, user=cast.murugan.user, name="Murugan", phone="9840012345"
    )
    assert logins.username_of(" 9840012345 ") == "murugan"
    world.person("9840012345")
    assert logins.username_of("9840012345") == "9840012345"


@pytest.mark.parametrize("where", ["//evil.example/", "https://evil.example/", "javascript:alert(1)", "\\\\evil"])
def test_nobody_is_led_to_another_site(cast, where):
    assert log_in(Client(), "murugan", next=where).url == "/"


def test_ten_wrong_passwords_must_wait_by_name_and_phone_alike(cast, client):
    cast.murugan.customer.phone = "9840012345"
    cast.murugan.customer.save()
    for number in range(10):
        log_in(client, ("murugan", "9840012345")[number % 2], "wrong")
    for name in ("murugan", "98400 12345", "MURUGAN"):
        assert "Wait a quarter of an hour" in log_in(Client(), name).content.decode()
    assert log_in(Client(), "selvi").status_code == 302
    assert log_in(Client(REMOTE_ADDR="10.9.9.9"), "98400 12345").status_code == 302  # what strangers try stays there


def test_the_language_chosen_at_the_log_in_is_kept_with_the_customer(cast, client):
    assert 'lang="ta"' in client.get("/login/?language=ta").content.decode()
    log_in(client, "murugan", query="?language=ta")
    cast.murugan.customer.refresh_from_db()
    assert cast.murugan.customer.language == "ta"
    elsewhere = Client(headers={"accept-language": "hi"})
    assert '<html lang="hi">' in elsewhere.get("/login/").content.decode()
    log_in(elsewhere, "murugan")
    assert '<html lang="ta">' in elsewhere.get("/passbook/").content.decode()


def test_the_office_speaks_english_whatever_the_browser_asks(cast):
    client = Client(headers={"accept-language": "ta"})
    assert '<html lang="en-in">' in client.get("/admin/login/").content.decode()
