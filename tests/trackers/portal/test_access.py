"""Nobody sees another's byte: what is foreign answers exactly as what does not exist."""

import pytest
from django.core.cache import cache
from django.test import Client

from tests import world
from tests.trackers.portal.cast import customer_of, customers, tracker_of

pytestmark = pytest.mark.django_db
# Addresses below /passbook/<id>/ that exist for a tracker of one's own.
PAGES = ("", "?all=1", "day/0/", "workbook/", "statement/?from=2024-10-16&to=2024-10-20")
NO_IDS = ("0", "-1", str(2**63), "9" * 30, "text", "..%2f", "%00", "1.5", "１")


@pytest.fixture
def cast():
    cache.clear()
    return customers()


def answer(client, address):
    response = client.get(address)
    return response.status_code, response.content


@pytest.mark.parametrize("page", PAGES)
def test_a_foreign_passbook_answers_as_one_that_does_not_exist(cast, page):
    pk = cast.murugan.tracker.pk
    assert answer(world.browser(cast.murugan.user), f"/passbook/{pk}/{page}")[0] == 200
    for stranger in (cast.selvi.user, cast.devi.user, cast.asha, cast.ravi, cast.charlie):
        client = world.browser(stranger)
        missing = answer(client, f"/passbook/999999/{page}")
        assert missing[0] == 404
        assert answer(client, f"/passbook/{pk}/{page}") == missing
        assert b"Scheme" not in missing[1]
        for wrong in NO_IDS:
            assert answer(client, f"/passbook/{wrong}/{page}") == missing, wrong


@pytest.mark.parametrize("page", PAGES)
def test_who_is_not_logged_in_is_led_to_the_log_in_whatever_the_id(cast, page):
    for pk in (cast.murugan.tracker.pk, 999999, "text"):
        response = Client().get(f"/passbook/{pk}/{page}")
        assert response.status_code == 302
        assert response.url.startswith("/login/?next=/passbook/")


def test_a_customer_opens_no_page_of_the_office(cast):
    client = world.browser(cast.murugan.user)
    for address in ("/admin/", "/admin/trackers/customer/", "/books/main-street/", "/books/main-street/trackers/"):
        assert client.get(address).status_code in (302, 404), address
        assert b"Main Street" not in client.get(address, follow=True).content


def test_who_works_in_the_office_opens_no_passbook_even_if_he_is_a_customer_too(cast):
    customer = customer_of(cast.main, "both")
    tracker = tracker_of(customer)
    client = world.browser(customer.user)
    assert client.get(f"/passbook/{tracker.pk}/").status_code == 200
    world.services.set_member(cast.other, customer.user, "agent")
    assert world.browser(customer.user).get(f"/passbook/{tracker.pk}/").status_code == 404


def test_who_does_no_more_business_with_a_book_sees_nothing_of_it(cast):
    cast.murugan.customer.is_active = False
    cast.murugan.customer.save()
    client = world.browser(cast.murugan.user)
    assert client.get(f"/passbook/{cast.murugan.tracker.pk}/").status_code == 404
    assert b"Scheme" not in client.get("/passbook/").content


def test_pages_are_never_stored_and_keep_the_strict_policy(cast):
    response = world.browser(cast.murugan.user).get("/passbook/")
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "unsafe" not in response.headers["Content-Security-Policy"]
