"""Sessions, headers, the admin's side doors, formulas, downloads' names, tasks: each door by itself."""

import csv
import io
import re

import openpyxl
import pytest
import time_machine
from django.contrib.admin.templatetags.admin_urls import admin_urlname
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django_q import worker

from ledger.models import Account, AccountTransfer, LedgerEntry, Movement
from lendbook import queue
from shop.downloads import csv_lines, disarmed, xlsx_file
from shop.models import BookMember
from tests import world
from tests.doors.world import text_of

pytestmark = pytest.mark.django_db
HOME = "/books/main-street/"
PREFIXES = ("=", "+", "-", "@", "\t=", "\r=", "\n=", "＝", "＋", "－", "＠", " =", '"=', "'=", "|", "\x0b=", "\ufeff=")


@pytest.fixture
def cast():
    return world.cast()


# ------------------------------------------------------------------------------------------------ sessions


def test_a_session_begins_anew_at_log_in_and_is_gone_at_log_out(cast):
    client = Client()
    client.cookies["lendbook_testing_session"] = "a" * 32
    client.post("/login/", {"username": "ravi", "password": world.PASSWORD})
    mine = client.cookies["lendbook_testing_session"].value
    assert mine != "a" * 32
    thief = Client()
    thief.cookies["lendbook_testing_session"] = mine
    assert thief.get(HOME).status_code == 200
    client.post("/admin/logout/")
    assert thief.get(HOME).status_code == 302
    assert world.browser(cast.ravi).get("/admin/logout/").status_code == 405


def test_a_changed_password_ends_the_other_sessions(cast):
    one, other = world.browser(cast.ravi), world.browser(cast.ravi)
    form = {"old_password": world.PASSWORD, "new_password1": "quite-another-9", "new_password2": "quite-another-9"}
    assert one.post("/admin/password_change/", form).status_code == 302
    assert one.get(HOME).status_code == 200
    assert other.get(HOME).status_code == 302


def test_an_office_session_ends_when_nobody_works_and_a_customers_does_not(cast, settings):
    with time_machine.travel(1_700_000_000, tick=False) as clock:
        client = world.browser(cast.ravi)
        for _ in range(3):
            assert client.get(HOME).status_code == 200
            clock.shift(settings.IDLE_MINUTES * 60 - 1)
        assert client.get(HOME).status_code == 200
        clock.shift(settings.IDLE_MINUTES * 60 + 61)
        assert client.get(HOME).status_code == 302
    with time_machine.travel(1_700_000_000, tick=False) as clock:
        customer = world.browser(world.person("murugan"))
        customer.get("/passbook/")
        clock.shift(settings.IDLE_MINUTES * 60 * 2)
        customer.get("/passbook/")
        assert "_auth_user_id" in customer.session


def test_a_member_who_leaves_is_out_at_once(cast):
    client = world.browser(cast.ravi)
    cast.ravi.book_members.all().delete()
    assert client.get(HOME).status_code != 200
    cast.meena.is_active = False
    client = world.browser(cast.meena)
    cast.meena.save()
    assert client.get(HOME).status_code == 302


# ------------------------------------------------------------------------------------------------ headers


@pytest.mark.parametrize(
    "address", ["/login/", HOME, "/admin/ledger/ledgerentry/", "/passbook/", "/nowhere/", "/healthz"]
)
def test_every_answer_carries_the_headers(cast, address):
    headers = world.browser(cast.asha).get(address).headers
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    for directive in (
        "default-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    ):
        assert directive in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]


def test_cookies_are_for_the_server_alone(cast):
    client = Client()
    client.get("/login/")
    client.post("/login/", {"username": "ravi", "password": world.PASSWORD})
    for cookie in client.cookies.values():
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert not cookie["domain"]


# ------------------------------------------------------------------------------------------------ the admin's side doors


@pytest.mark.parametrize(
    "query",
    [
        "account__book__members__user__password__startswith=a",
        "created_by__password__startswith=a",
        "book__members__user__username=charlie",
        "account__book__slug=other-road",
        "category__book__name__startswith=O",
        "created_by__sessions__key=1",
    ],
)
def test_a_query_string_asks_into_no_other_table(cast, query):
    world.post(cast.main, cast.main.today().isoformat(), narration="Mine")
    for model in (LedgerEntry, AccountTransfer, Account, BookMember):
        response = world.browser(cast.ravi).get(f"{reverse(admin_urlname(model._meta, 'changelist'))}?{query}")
        if issubclass(model, Movement):  # these read what they know, and say nothing about the rest
            assert ("Mine" in response.content.decode()) == (model is LedgerEntry)
            continue
        assert response.status_code == 400 or "e=1" in response.get("Location", ""), (model, query)


def test_autocomplete_tells_nothing(cast):
    for asked in (
        "app_label=auth&model_name=user&field_name=groups",
        "app_label=ledger&model_name=ledgerentry&field_name=account",
        "app_label=ledger&model_name=account&field_name=agent",
        "",
    ):
        response = world.browser(cast.ravi).get(f"/admin/autocomplete/?term=a&{asked}")
        assert response.status_code in (403, 404)


def test_rows_of_another_book_cannot_be_named_in_a_form(cast):
    theirs = Account.objects.get(book=cast.other, name="Cash")
    category = world.category(cast.other, "Collection")
    mine = Account.objects.get(book=cast.main, name="Cash")
    good = {"date": "15-01-2024", "amount": "5", "payment_mode": "Cash", "_book": "main-street"}
    client = world.browser(cast.ravi)
    for account, kind, book in (
        (theirs.pk, world.category(cast.main, "Collection").pk, "main-street"),
        (mine.pk, category.pk, "main-street"),
        (theirs.pk, category.pk, "other-road"),
    ):
        form = {**good, "account": account, "category": kind, "_book": book}
        assert client.post("/admin/ledger/ledgerentry/add/", form).status_code in (200, 404)
    form = {
        "date": "15-01-2024",
        "amount": "5",
        "from_account": mine.pk,
        "to_account": theirs.pk,
        "_book": "main-street",
    }
    assert client.post("/admin/ledger/accounttransfer/add/", form).status_code == 200
    form = {"name": "Bag", "kind": "cash", "opening_balance": "0", "agent": cast.charlie.pk, "_book": "main-street"}
    assert world.browser(cast.asha).post("/admin/ledger/account/add/", form).status_code == 200
    assert not LedgerEntry.objects.exists()
    assert not Account.objects.filter(agent=cast.charlie).exists()


def test_an_action_on_rows_of_another_book_does_nothing(cast):
    theirs = world.post(cast.other, "2024-01-15", narration="Theirs")
    actions = [name for name, _ in _actions(world.browser(cast.asha), "/admin/ledger/ledgerentry/")] or [
        "delete_selected"
    ]
    for action in {*actions, "delete_selected"}:
        for more in ({}, {"select_across": "1"}, {"post": "yes"}):
            form = {"action": action, "_selected_action": [theirs.pk], "index": "0", "_book": "main-street", **more}
            world.browser(cast.asha).post("/admin/ledger/ledgerentry/", form)
    theirs.refresh_from_db()
    assert theirs.deleted_at is None


def _actions(client, address):
    page = client.get(address).content.decode()
    return re.findall(r'<option value="(\w+)">([^<]+)</option>', page)


def test_the_queue_has_no_page_even_for_superusers(cast):
    boss = world.browser(world.person("boss", is_superuser=True))
    for model in ("schedule", "ormq"):
        assert boss.get(f"/admin/django_q/{model}/").status_code == 404
    assert world.browser(cast.asha).get("/admin/django_q/failure/").status_code == 403


# ------------------------------------------------------------------------------------------------ formulas, names


def harmless(cell):
    """Whether a spreadsheet shows the cell as text: nothing that Excel, LibreOffice or Sheets begins a formula with."""
    return not cell.lstrip().startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠", "|", "%"))


@pytest.mark.parametrize("prefix", PREFIXES)
def test_text_that_a_spreadsheet_would_run_leaves_disarmed(prefix):
    text = f'{prefix}cmd|" /C calc"!A0'
    assert harmless(disarmed(text))
    rows = [[text, "plain - text"]]
    lines = "".join(csv_lines(["a", "b"], rows))
    assert "plain - text" in lines
    assert harmless(next(iter(csv.reader([lines.split("\r\n", 1)[1]])))[0])
    sheet = openpyxl.load_workbook(io.BytesIO(xlsx_file(["a", "b"], rows).read())).active
    assert sheet["A2"].data_type == "s"
    assert harmless(sheet["A2"].value)


def test_what_was_disarmed_is_imported_as_it_was():
    from shop.downloads import TextWidget

    for prefix in PREFIXES:
        text = f"{prefix}x".strip()
        assert TextWidget().clean(disarmed(text)) == TextWidget().clean(text)


def test_downloads_are_attachments_whose_names_break_no_header(cast):
    cast.main.slug = "main-street"
    cast.main.name = 'Main"; x=\r\nSet-Cookie: a=b ஸ்ட்ரீட்'
    cast.main.save()
    client = world.browser(cast.asha)
    for address in (
        "/admin/ledger/ledgerentry/export/csv/",
        "/admin/ledger/ledgerentry/export/xlsx/",
        f"{HOME}reports/journal/hledger/",
        f"{HOME}reports/journal/tally/",
        f"{HOME}record/?file=csv",
        f"{HOME}day-book/range/?from=2024-01-01&to=2024-01-31&file=csv",
    ):
        response = client.get(address)
        if response.status_code != 200 or "Content-Disposition" not in response:
            continue
        assert response["Content-Disposition"].startswith("attachment")
        assert "Set-Cookie" not in response["Content-Disposition"]
        assert response["X-Content-Type-Options"] == "nosniff"
        text_of(response)


@pytest.mark.parametrize(
    "path", ["../../secret_key", "%2e%2e%2fsecret_key", "..%5csecret_key", "/etc/passwd", "a%00b", "％2e"]
)
def test_no_path_leads_out_of_a_folder(cast, path):
    client = world.browser(cast.asha)
    for before in ("/static/", f"{HOME}trackers/template/", f"{HOME}expenses/statements/look/", "/admin/"):
        response = client.get(f"{before}{path}")
        assert response.status_code in (301, 302, 400, 404), (before, path)


# ------------------------------------------------------------------------------------------------ tasks


def test_the_worker_runs_no_function_but_the_projects_tasks():
    for path in ("ledger.tasks.sweep", "trackers.tasks.recover_workbooks", "lendbook.audit.take_in"):
        assert callable(queue.locate(path))
    imported = ("shop.tasks.call_command", "ledger.tasks.daybook.os.system", "lendbook.audit.os.remove")
    for path in ("os.system", "subprocess.run", "ledger.tasks.", "ledger.tasks.no_such", "", *imported):
        assert queue.locate(path) is None
    assert worker.pydoc.locate is queue.locate


def test_no_password_hash_leaves(cast):
    hashes = set(get_user_model().objects.values_list("password", flat=True))
    for address in ("/admin/shop/bookmember/", HOME, f"{HOME}record/"):
        page = world.browser(cast.asha).get(address).content.decode()
        assert not any(kept in page for kept in hashes)
