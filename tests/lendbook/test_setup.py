"""The set-up page: an empty instance is made ready in the browser, once."""

import os
import time
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.contrib.auth import get_user_model
from django.db import connections
from django.test import Client

from ledger.models import Account, Book, BookMember
from lendbook import setup
from tests import world


@pytest.fixture
def form():
    return {
        "owner": "asha",
        "password": world.PASSWORD,
        "book": "Main Street",
        "begins_on": "01-11-2026",
        "cash": "54,500.00",
        "bank_name": "Canara",
        "bank": "1,00,000",
        "upi_name": "",
        "upi": "",
        "staff_1": "ravi",
        "staff_1_password": world.PASSWORD + "2",
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
    ]
    assert Book.objects.get().begins_on.isoformat() == "2026-11-01"
    assert sorted(BookMember.objects.values_list("user__username", "role")) == [("asha", "owner"), ("ravi", "staff")]
    assert client.get("/", follow=True).status_code == 200
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
        ("cash", "1,2,3", "is not an amount"),
        ("begins_on", "30-02-2026", "Enter a valid date"),
        ("password", "short", "too short"),
        ("owner", "a b", "valid username"),
        ("staff_1", "asha", "login of his own"),
    ],
)
def test_wrong_figures_are_named_and_nothing_is_made(client, form, field, value, words):
    token = setup.new_token()
    response = client.post(f"/set-up/?token={token}", {**form, field: value})
    assert words in response.content.decode()
    assert not get_user_model().objects.exists()
    assert client.post(f"/set-up/?token={token}", form).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_two_who_press_at_once_make_one_owner(form):
    token, ready, codes = setup.new_token(), Barrier(2), []

    def press(owner):
        ready.wait()
        codes.append(Client().post(f"/set-up/?token={token}", {**form, "owner": owner}).status_code)
        connections.close_all()

    people = [Thread(target=press, args=(name,)) for name in ("asha", "charlie")]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert min(codes) == 302
    assert max(codes) in (403, 404)
    assert BookMember.objects.filter(role="owner").count() == 1
