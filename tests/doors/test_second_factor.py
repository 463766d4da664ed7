"""The second factor: what a session without it reaches, what a code is worth, and how a sole owner gets back in."""

import base64
import re
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client

from lendbook import audit, second_factor
from lendbook.models import AuditRow, SecondFactor
from tests import world

pytestmark = pytest.mark.django_db
HOME = "/books/main-street/"
ASKED = "/second-factor/"
SET_UP = "/second-factor/set-up/"
MOMENT = 1_700_000_000


@pytest.fixture
def cast():
    return world.cast()


@pytest.fixture
def compulsory(settings):
    settings.SECOND_FACTOR_COMPULSORY = True


def logged_in(name):
    client = Client()
    client.post("/login/", {"username": name, "password": world.PASSWORD})
    return client


def now_code(secret, at=MOMENT):
    return second_factor.code_at(secret, at // second_factor.PERIOD_SECONDS)


def with_factor(user, at=MOMENT - 3600):
    """(secret, recovery codes) of a factor made an hour ago."""
    secret = base64.b32encode(user.username.encode().ljust(20, b"-")).decode()
    with time_machine.travel(at, tick=False):
        return secret, second_factor.activate(user, secret, now_code(secret, at))


@pytest.fixture
def clock():
    with time_machine.travel(MOMENT, tick=False) as traveller:
        yield traveller


def test_codes_are_those_of_the_standard():
    secret = base64.b32encode(b"12345678901234567890").decode()
    for moment, code in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")):
        assert second_factor.code_at(secret, moment // 30) == code


def test_a_password_alone_reaches_only_the_question_and_the_log_out(cast, clock):
    with_factor(cast.ravi)
    client = logged_in("ravi")
    for address in ("/", HOME, "/admin/", f"{HOME}trackers/", SET_UP, "/admin/password_change/", "/passbook/"):
        response = client.get(address)
        assert response.status_code == 302, address
        assert response.url.startswith(ASKED), address
    assert client.post(f"{HOME}close/2024-01-15/").url == ASKED
    assert client.get(ASKED).status_code == 200
    assert client.post("/admin/logout/").status_code == 200
    assert "_auth_user_id" not in client.session


def test_the_right_code_opens_and_leads_where_one_was_going(cast, clock):
    secret, _ = with_factor(cast.ravi)
    client = logged_in("ravi")
    before = client.session.session_key
    assert client.post(ASKED, {"code": f" {now_code(secret)} ", "next": f"{HOME}trackers/"}).url == f"{HOME}trackers/"
    assert client.session.session_key != before
    assert client.get(HOME).status_code == 200
    elsewhere = logged_in("ravi")
    clock.shift(60)
    assert elsewhere.post(ASKED, {"code": now_code(secret, MOMENT + 60), "next": "https://evil.example/"}).url == "/"


def test_a_code_opens_once_and_an_older_one_never(cast, clock):
    secret, _ = with_factor(cast.ravi)
    earlier, code = now_code(secret, MOMENT - 30), now_code(secret)
    assert second_factor.refusal(cast.ravi, code) == ""
    assert second_factor.refusal(cast.ravi, code) == second_factor.WRONG
    assert second_factor.refusal(cast.ravi, earlier) == second_factor.WRONG
    clock.shift(40)
    assert second_factor.refusal(cast.ravi, code) == second_factor.WRONG


def test_a_code_more_than_a_period_away_is_too_old(cast, clock):
    secret, _ = with_factor(cast.ravi)
    assert second_factor.refusal(cast.ravi, now_code(secret, MOMENT - 61)) == second_factor.WRONG
    assert second_factor.refusal(cast.ravi, now_code(secret, MOMENT + 30)) == ""


def test_eight_wrong_codes_must_wait_in_every_session_and_the_wait_ends(cast, clock):
    secret, _ = with_factor(cast.ravi)
    for _ in range(second_factor.WRONG_CODES):
        page = logged_in("ravi").post(ASKED, {"code": "000000"})
        assert page.status_code == 403
    assert second_factor.refusal(cast.ravi, now_code(secret)) == second_factor.WAITING
    clock.shift(16 * 60)
    assert second_factor.refusal(cast.ravi, now_code(secret, MOMENT + 16 * 60)) == ""


def test_a_recovery_code_opens_once(cast, clock):
    _, codes = with_factor(cast.ravi)
    assert len(set(codes)) == second_factor.RECOVERY_CODES
    assert second_factor.refusal(cast.ravi, codes[3].upper()) == ""
    assert second_factor.refusal(cast.ravi, codes[3]) == second_factor.WRONG
    assert second_factor.refusal(cast.ravi, codes[4]) == ""


def test_the_database_holds_neither_secret_nor_codes(cast, clock):
    secret, codes = with_factor(cast.ravi)
    kept = SecondFactor.objects.values().get()
    for told in (secret, *codes, *(code.replace("-", "") for code in codes)):
        assert told not in str(kept)
    client = logged_in("asha")
    shown = re.search(r"<code>([A-Z2-7 ]{39})</code>", client.get(SET_UP).content.decode())[1].replace(" ", "")
    assert shown not in str(dict(client.session))


def test_an_owner_of_prod_is_led_to_set_it_up_before_anything_else(cast, compulsory, clock):
    client = logged_in("asha")
    assert client.get(HOME).url.startswith(SET_UP)
    page = client.get(SET_UP).content.decode()
    assert "<svg" in page
    assert "style=" not in page
    secret = re.search(r"<code>([A-Z2-7 ]{39})</code>", page)[1].replace(" ", "")
    assert "wrong, used or too old" in client.post(SET_UP, {"code": "123"}).content.decode()
    shown = client.post(SET_UP, {"code": now_code(secret)}).content.decode()
    codes = re.findall(r"<code>([a-z2-7-]{19})</code>", shown)
    assert len(codes) == second_factor.RECOVERY_CODES
    file = client.post("/second-factor/codes.txt", {"code": [*codes, "<not one>"]})
    assert file["Content-Disposition"].startswith("attachment")
    assert all(code in file.content.decode() for code in codes)
    assert "not one" not in file.content.decode()
    assert client.get(HOME).status_code == 200
    assert not any(code in client.get(SET_UP).content.decode() for code in codes)
    assert logged_in("asha").get(HOME).url.startswith(ASKED)


def test_staff_and_customers_need_none_in_prod(cast, compulsory):
    assert logged_in("ravi").get(HOME).status_code == 200


def test_a_superuser_of_prod_needs_one(cast, compulsory):
    world.person("boss", is_superuser=True)
    assert logged_in("boss").get("/admin/").url.startswith(SET_UP)


def test_staff_may_turn_it_off_with_a_code_and_an_owner_of_prod_may_not(cast, settings, clock):
    secret, _ = with_factor(cast.ravi)
    client = logged_in("ravi")
    client.post(ASKED, {"code": now_code(secret)})
    assert "wrong, used or too old" in client.post(SET_UP, {"code": "111111", "off": "1"}).content.decode()
    clock.shift(60)
    assert client.post(SET_UP, {"code": now_code(secret, MOMENT + 60), "off": "1"}).status_code == 302
    assert not second_factor.is_set_up(cast.ravi)
    settings.SECOND_FACTOR_COMPULSORY = True
    secret, codes = with_factor(cast.asha)
    client = logged_in("asha")
    client.post(ASKED, {"code": codes[0]})
    assert "Owners keep" in client.post(SET_UP, {"code": codes[1], "off": "1"}).content.decode()
    assert second_factor.is_set_up(cast.asha)


def test_a_sole_owner_who_lost_everything_gets_in_by_the_console_and_the_record_says_so(cast, compulsory, clock):
    with_factor(cast.asha)
    audit.take_in()
    said = StringIO()
    call_command("reset_second_factor", "asha", stdout=said)
    assert "taken away" in said.getvalue()
    audit.take_in()
    assert AuditRow.objects.filter(user=cast.asha, view="command:reset_second_factor").count() == 1
    assert logged_in("asha").get(HOME).url.startswith(SET_UP)
    for login, reason in (("asha", "has no second factor"), ("nobody", "There is no login")):
        with pytest.raises(CommandError, match=reason):
            call_command("reset_second_factor", login)


def test_a_session_that_passed_an_older_factor_is_asked_again(cast, clock):
    secret, _ = with_factor(cast.ravi)
    client = logged_in("ravi")
    client.post(ASKED, {"code": now_code(secret)})
    assert client.get(HOME).status_code == 200
    second_factor.reset(cast.ravi)
    with_factor(cast.ravi, at=MOMENT - 1800)
    assert client.get(HOME).url.startswith(ASKED)


def test_a_secret_that_cannot_be_read_any_more_is_a_wrong_code_not_a_fault(cast, clock):
    secret, _ = with_factor(cast.ravi)
    SecondFactor.objects.update(secret="x" * 100)
    assert second_factor.refusal(cast.ravi, now_code(secret)) == second_factor.WRONG
    for strange in ("", "١٢٣٤٥٦", "\x00", "a" * 9000, "६६६६६६"):
        assert second_factor.refusal(cast.ravi, strange) != ""
