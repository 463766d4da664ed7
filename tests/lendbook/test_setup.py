"""The set-up page: an empty instance is made ready in the browser, once."""

import os
import time
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.contrib.auth import get_user_model
from django.db import connections
from django.test import Client

from ledger import daybook
from ledger.models import Account
from lendbook import setup
from shop.models import Book, BookMember
from tests import world


@pytest.fixture
def form():
    return {
        "login": "asha",
        "password": world.PASSWORD,
        "again": world.PASSWORD,
        "book": "Main Street",
        "begins_on": "01-11-2026",
        "account-TOTAL_FORMS": "3",
        "account-INITIAL_FORMS": "3",
        "account-0-name": "Cash",
        "account-0-kind": "cash",
        "account-0-opening": "54,500.00",
        "account-1-name": "Canara",
        "account-1-kind": "bank",
        "account-1-opening": "1,00,000",
        "account-2-name": "",
        "account-2-kind": "upi",
        "account-2-opening": "",
        "staff-TOTAL_FORMS": "3",
        "staff-INITIAL_FORMS": "0",
        "staff-0-login": "ravi",
        "staff-0-role": "staff",
        "staff-0-password": world.PASSWORD,
        "staff-1-login": "kumar",
        "staff-1-role": "agent",
        "staff-1-password": world.PASSWORD,
        "staff-2-login": "",
        "staff-2-role": "staff",
        "staff-2-password": "",
    }


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.mark.django_db
def test_an_empty_instance_leads_to_set_up_and_is_set_up_once(client, form):
    token = setup.new_token()
    assert client.get("/").url == "/set-up/"
    assert client.get("/set-up/").status_code == 403
    assert client.get(f"/set-up/?token={token}").status_code == 200
    response = client.post(f"/set-up/?token={token}", form)
    assert response.status_code == 302
    assert [(account.name, account.opening_balance) for account in Account.objects.all()] == [
        ("Cash", Decimal("54500.00")),
        ("Canara", Decimal("100000.00")),
        ("kumar's cash", Decimal("0.00")),
    ]
    book = Book.objects.get()
    assert (book.slug, book.begins_on.isoformat()) == ("main-street", "2026-11-01")
    assert daybook.day_book_on(book, book.begins_on).opening_balance == Decimal("154500.00")
    assert sorted(BookMember.objects.values_list("user__username", "role")) == [
        ("asha", "owner"),
        ("kumar", "agent"),
        ("ravi", "staff"),
    ]
    assert client.get("/", follow=True).status_code == 200
    assert Client().login(username="ravi", password=world.PASSWORD)
    assert client.get(f"/set-up/?token={token}").status_code == 404
    assert setup.new_token() == ""


@pytest.mark.django_db
def test_wrong_and_stale_tokens_open_nothing(client, form):
    token = setup.new_token()
    assert client.post("/set-up/?token=guess", form).status_code == 403
    stale = time.time() - setup.LIVES_SECONDS - 1
    os.utime(setup._token_path(), (stale, stale))
    assert client.post(f"/set-up/?token={token}", form).status_code == 403
    assert not get_user_model().objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("account-0-opening", "1,2,3", "is not an amount"),
        ("account-0-opening", "", "Count it"),
        ("account-0-name", "canara", "each needs its own"),
        ("begins_on", "30-02-2026", "Enter a valid date"),
        ("again", "another-password", "The two passwords differ"),
        ("login", "a b", "valid username"),
        ("staff-0-login", "asha", "There is a login"),
        ("staff-0-login", "a b", "valid username"),
        ("staff-0-password", "short", "too short"),
        ("staff-0-password", "", "Give a first password"),
    ],
)
def test_wrong_figures_are_named_and_nothing_is_made(client, form, field, value, words):
    token = setup.new_token()
    response = client.post(f"/set-up/?token={token}", {**form, field: value})
    assert words in response.content.decode()
    assert not get_user_model().objects.exists()
    assert client.post(f"/set-up/?token={token}", form).status_code == 302


@pytest.mark.django_db
def test_a_book_without_any_account_is_not_opened(client, form):
    token = setup.new_token()
    response = client.post(f"/set-up/?token={token}", {**form, "account-0-name": "", "account-1-name": ""})
    assert "needs at least one account" in response.content.decode()
    assert not Book.objects.exists()


@pytest.mark.django_db
def test_a_book_named_in_tamil_has_an_address_too(client, form):
    assert client.post(f"/set-up/?token={setup.new_token()}", {**form, "book": "முதன்மை"}).status_code == 302
    assert Book.objects.get().slug == "main"


@pytest.mark.django_db(transaction=True)
def test_two_who_press_at_once_make_one_owner(form):
    token, ready, codes = setup.new_token(), Barrier(2), []

    def press(owner):
        ready.wait()
        codes.append(Client().post(f"/set-up/?token={token}", {**form, "login": owner}).status_code)
        connections.close_all()

    people = [Thread(target=press, args=(name,)) for name in ("asha", "charlie")]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert min(codes) == 302
    assert max(codes) in (403, 404)
    assert BookMember.objects.filter(role="owner").count() == 1
