"""Nobody keeps another out from afar: what strangers try counts apart from what he tries, and a command clears it."""

import io
import json
import time

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from lendbook import audit, devices, login, second_factor
from shop.models import Tries
from tests import world

pytestmark = pytest.mark.django_db
SECRET = "JBSWY3DPEHPK3PXP" * 2
WAITS = "Wait a quarter of an hour"


@pytest.fixture
def cast(monkeypatch):
    return world.cast()


def tried(client, name="asha", password="wrong", where="/login/", **more):
    return client.post(where, {"username": name, "password": password}, **more)


def has_to_wait(response):
    return response.status_code == 200 and WAITS in response.content.decode()


@pytest.mark.parametrize("where", ["/login/", "/admin/login/"])
def test_a_strangers_wrong_passwords_keep_the_owner_waiting_nowhere_else(cast, where):
    for _ in range(login.TRIES_PER_LOGIN):
        assert not has_to_wait(tried(Client(), where=where, REMOTE_ADDR="203.0.113.7"))
    assert has_to_wait(tried(Client(), where=where, password=world.PASSWORD, REMOTE_ADDR="203.0.113.7"))
    assert tried(Client(), where=where, password=world.PASSWORD, REMOTE_ADDR="198.51.100.1").status_code == 302


def test_a_thousand_addresses_have_no_thousand_times_the_tries(cast):
    looked_at = sum(
        not has_to_wait(tried(Client(), REMOTE_ADDR=f"203.0.{number // 200}.{number % 200}")) for number in range(80)
    )
    assert looked_at == login.TRIES_OF_STRANGERS
    assert has_to_wait(tried(Client(), password=world.PASSWORD, REMOTE_ADDR="198.51.100.1"))
    assert tried(Client(), name="ravi", password=world.PASSWORD, REMOTE_ADDR="198.51.100.1").status_code == 302


@pytest.mark.parametrize("address", ["198.51.100.1", "203.0.113.7"])
def test_a_device_from_which_he_came_in_before_lets_him_in_whatever_strangers_try(cast, address):
    """Also from the strangers' own address: behind a proxy that tells nobody apart all have one."""
    own = Client(REMOTE_ADDR=address)
    assert tried(own, password=world.PASSWORD).status_code == 302
    own.post("/admin/logout/")
    for number in range(login.TRIES_OF_STRANGERS + 5):
        tried(Client(), REMOTE_ADDR=f"203.0.113.{number}")
    for number in range(login.TRIES_PER_ADDRESS + 5):
        tried(Client(), name=f"nobody-{number}", REMOTE_ADDR="203.0.113.7")
    assert tried(own, password=world.PASSWORD).status_code == 302


def test_a_known_device_has_ten_tries_itself(cast):
    own = Client()
    tried(own, password=world.PASSWORD)
    own.post("/admin/logout/")
    assert [has_to_wait(tried(own)) for _ in range(12)] == [False] * login.TRIES_PER_LOGIN + [True] * 2
    assert has_to_wait(tried(own, password=world.PASSWORD))


def test_a_device_is_known_for_who_came_in_and_nobody_else(cast, rf):
    own = Client()
    tried(own, name="ravi", password=world.PASSWORD)
    own.post("/admin/logout/")
    for _ in range(login.TRIES_PER_LOGIN):
        tried(own)
    assert has_to_wait(tried(own, password=world.PASSWORD))
    cookie = own.cookies["lendbook_testing_device"]
    assert cookie["httponly"]
    assert "ravi" not in cookie.value
    request = rf.get("/")
    for value, known in ((cookie.value, True), (cookie.value[:-2] + "xx", False), ("", False), ("a:b:c", False)):
        request.COOKIES["lendbook_testing_device"] = value
        assert bool(devices.device_of(request, "Ravi ")) == known
        assert not devices.device_of(request, "asha")


def test_eight_people_at_one_counter_keep_one_device(cast, rf):
    own, seen = Client(), set()
    for number in range(devices.LOGINS_KEPT + 2):
        name = world.person(f"clerk-{number}").username
        request = rf.get("/")
        request.COOKIES.update({key: morsel.value for key, morsel in own.cookies.items()})
        devices.came_in(request, name)
        own.cookies["lendbook_testing_device"] = devices.signing.dumps(request._device, salt=devices._SALT)
        seen.add(request._device["id"])
    assert len(seen) == 1
    assert len(request._device["of"]) == devices.LOGINS_KEPT


def test_the_right_password_does_not_clear_what_strangers_tried(cast):
    for number in range(login.TRIES_OF_STRANGERS):
        tried(Client(), REMOTE_ADDR=f"203.0.113.{number}")
    Tries.objects.filter(key__startswith=f"{login.STRANGERS}:").update(count=login.TRIES_OF_STRANGERS - 1)
    assert tried(Client(), password=world.PASSWORD).status_code == 302
    assert not has_to_wait(tried(Client(REMOTE_ADDR="10.1.1.1")))
    assert has_to_wait(tried(Client(REMOTE_ADDR="10.1.1.2")))


# ------------------------------------------------------------------------------------------------ codes


def code():
    return second_factor.code_at(SECRET, int(time.time()) // second_factor.PERIOD_SECONDS + 1)


def with_a_factor(user):
    second_factor.activate(user, SECRET, second_factor.code_at(SECRET, int(time.time()) // 30 - 1))


def test_who_knows_the_password_cannot_use_up_the_codes_of_the_owners_device(cast):
    with_a_factor(cast.asha)
    own, stranger = Client(), Client()
    tried(own, password=world.PASSWORD)
    assert "lendbook_testing_device" not in own.cookies  # not all the way in yet
    codes = second_factor.new_recovery_codes(cast.asha.second_factor)
    assert own.post("/second-factor/", {"code": codes[0]}).status_code == 302
    assert "lendbook_testing_device" in own.cookies
    own.post("/admin/logout/")
    tried(stranger, password=world.PASSWORD)
    for _ in range(second_factor.WRONG_CODES + 2):
        answer = stranger.post("/second-factor/", {"code": "000000"})
    assert second_factor.WAITING in answer.content.decode()
    assert second_factor.WAITING in stranger.post("/second-factor/", {"code": codes[1]}).content.decode()
    tried(own, password=world.PASSWORD)
    assert own.post("/second-factor/", {"code": codes[1]}).status_code == 302


def test_a_known_device_has_eight_codes_itself(cast):
    with_a_factor(cast.asha)
    codes = second_factor.new_recovery_codes(cast.asha.second_factor)
    own = Client()
    tried(own, password=world.PASSWORD)
    own.post("/second-factor/", {"code": codes[0]})
    own.post("/admin/logout/")
    tried(own, password=world.PASSWORD)
    answers = [own.post("/second-factor/", {"code": "000000"}).content.decode() for _ in range(10)]
    assert [second_factor.WAITING in one for one in answers] == [False] * 8 + [True] * 2
    assert own.post("/second-factor/", {"code": codes[1]}).status_code == 403


# ------------------------------------------------------------------------------------------------ the command


def cleared(*words, **options):
    out = io.StringIO()
    call_command("clear_wrong_passwords", *words, json=True, stdout=out, **options)
    return json.loads(out.getvalue())


def test_the_command_lets_him_in_at_once_and_the_record_says_so(cast):
    with_a_factor(cast.asha)
    for number in range(login.TRIES_OF_STRANGERS + 5):
        tried(Client(), REMOTE_ADDR=f"203.0.113.{number // 10}")
    for _ in range(second_factor.WRONG_CODES):
        second_factor.refusal(cast.asha, "000000")
    other = Tries.objects.filter(key__startswith=login.ADDRESS).count()
    assert has_to_wait(tried(Client(), password=world.PASSWORD))
    assert cleared("ASHA")["cleared"] >= 6
    assert tried(Client(), password=world.PASSWORD).status_code == 302
    codes = second_factor.new_recovery_codes(cast.asha.second_factor)
    assert second_factor.refusal(cast.asha, codes[0]) == ""
    assert Tries.objects.filter(key__startswith=login.ADDRESS).count() >= other
    audit.take_in()
    assert audit.AuditRow.objects.filter(view="command:clear_wrong_passwords", user=cast.asha).count() == 1


def test_the_command_clears_an_address(cast):
    for number in range(login.TRIES_PER_ADDRESS):
        tried(Client(), name=f"nobody-{number}", REMOTE_ADDR="203.0.113.7")
    assert has_to_wait(tried(Client(), password=world.PASSWORD, REMOTE_ADDR="203.0.113.7"))
    assert cleared(address="203.0.113.7")["cleared"] == 1
    assert tried(Client(), password=world.PASSWORD, REMOTE_ADDR="203.0.113.7").status_code == 302


@pytest.mark.parametrize(("words", "code_"), [(["nobody"], 1), ([], 2)])
def test_the_command_names_what_it_cannot_find(cast, words, code_):
    with pytest.raises(CommandError) as error:
        cleared(*words)
    assert error.value.returncode == code_
