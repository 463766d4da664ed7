"""The record of who saw and did what: every request a line, every line a row once, every row under a seal that proves it."""

import io
import json
import logging
import re
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as project
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from lendbook import audit
from lendbook.models import AuditRow, AuditSeal
from tests import world

pytestmark = pytest.mark.django_db
HOME = "/books/main-street/"
CANARY = "Zanzibar Murugan"
PHONE = "9876501234"


@pytest.fixture(autouse=True)
def nothing_written():
    for path in Path(project.DATA_DIR, "audit").glob("*"):
        path.unlink()


@pytest.fixture
def cast():
    return world.cast()


def told():
    audit.take_in()
    return list(AuditRow.objects.order_by("at").values_list("user_id", "book_id", "kind", "view", "object", "status"))


def test_each_kind_of_request_is_told_with_who_what_and_where(cast):
    client = world.browser(cast.ravi)
    client.get(HOME)
    client.get(f"{HOME}day-book/2024-01-15/")
    client.get(f"{HOME}reports/journal/hledger/?from=2024-01-01&to=2024-01-31")
    client.get(f"{HOME}trackers/template/blank.xlsx")
    client.get(f"{HOME}trackers/12345/")
    client.post(f"{HOME}collect/draft/")
    world.browser(cast.charlie).get(HOME)
    ravi, main = cast.ravi.pk, cast.main.pk
    rows = told()
    assert (ravi, main, "saw", "home", "", 200) in rows
    assert (ravi, main, "saw", "ledger:day_book", "2024-01-15", 200) in rows
    assert (ravi, main, "exported", "ledger:journal", "hledger", 200) in rows
    assert (ravi, main, "refused", "trackers:tracker", "12345", 404) in rows
    assert (cast.charlie.pk, main, "refused", "home", "", 404) in rows
    assert any(row[2] in ("changed", "refused") and row[3] == "trackers:draft" for row in rows)


def test_log_ins_are_told_right_and_wrong_and_by_address(cast):
    Client().post("/login/", {"username": "ravi", "password": "wrong"}, REMOTE_ADDR="10.0.0.7")
    Client().post("/login/", {"username": "ravi", "password": world.PASSWORD}, REMOTE_ADDR="10.0.0.7")
    assert [(row[0], row[2]) for row in told()] == [(None, "refused"), (cast.ravi.pk, "entered")]
    marks = set(AuditRow.objects.values_list("address", flat=True))
    assert len(marks) == 1
    assert not any("10.0" in mark for mark in marks)


def test_pages_of_nobody_and_the_servers_own_are_not_told(cast):
    for address in ("/healthz", "/readyz", "/login/", "/nowhere/"):
        Client().get(address)
        world.browser(cast.ravi).get(address)
    assert told() == []


def test_a_page_writes_nothing_into_the_database(cast, django_assert_num_queries):
    audit.take_in()
    with django_assert_num_queries(0):
        audit.note(cast.ravi, "home", book=cast.main.pk)


def test_a_line_taken_in_twice_counts_once_and_a_killed_worker_loses_none(cast, monkeypatch):
    audit.note(cast.ravi, "home", book=cast.main.slug)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *args, **kwargs: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            audit.take_in()
    audit.note(cast.ravi, "search", book=cast.main.slug)
    assert audit.take_in() == 1
    assert audit.take_in() == 0
    assert AuditRow.objects.filter(book=cast.main).count() == 2
    with monkeypatch.context() as patch:
        patch.setattr(AuditRow.objects, "bulk_create", lambda *args, **kwargs: 1 / 0)
        audit.note(cast.ravi, "home")
        with pytest.raises(ZeroDivisionError):
            audit.take_in()
    assert audit.take_in() == 1
    assert list(audit.unproved()) == []


def test_lines_written_while_the_worker_takes_them_in_are_all_there(cast):
    def write(name):
        for number in range(150):
            audit.note(cast.ravi, "home", object=f"{name}-{number}")

    writers = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        audit.take_in()
    audit.take_in()
    assert AuditRow.objects.values("object").distinct().count() == AuditRow.objects.count() == 600
    assert list(audit.unproved()) == []


def test_a_torn_line_is_kept_as_one(cast):
    audit.note(cast.ravi, "home")
    with Path(project.DATA_DIR, "audit", "lines").open("ab") as file:
        file.write(b'{"token": "half')
    assert sorted(row[2] for row in told()) == ["changed", "torn"]


def three_seals(cast):
    for number in range(3):
        audit.note(cast.ravi, "home", book=cast.main.pk, object=number)
        audit.note(cast.asha, "home", book=cast.main.pk, object=number)
        audit.take_in()


def past_the_guard(statement):
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%only_grows%'")
            guards = cursor.fetchall()
            for name, _ in guards:
                cursor.execute(f"DROP TRIGGER {name}")
            cursor.execute(statement)
            for _, sql in guards:
                cursor.execute(sql)
        else:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table in ("lendbook_auditrow", "lendbook_auditseal"):
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_only_grows")
            cursor.execute(statement)
            for table in ("lendbook_auditrow", "lendbook_auditseal"):
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_only_grows")


WRITES = {
    "a row changed": lambda row: AuditRow.objects.filter(pk=row.pk).update(status=1),
    "a row deleted": lambda row: row.delete(),
    "rows deleted": lambda row: AuditRow.objects.all().delete(),
    "a seal changed": lambda row: AuditSeal.objects.update(digest="0" * 64),
    "by SQL": lambda row: connection.cursor().execute("UPDATE lendbook_auditrow SET status = 1"),
}


@pytest.mark.parametrize("write", WRITES)
def test_the_database_refuses_to_change_or_delete_a_row(cast, write):
    three_seals(cast)
    row = AuditRow.objects.first()
    with pytest.raises(IntegrityError), transaction.atomic():
        WRITES[write](row)


@pytest.mark.parametrize(
    ("fraud", "says"),
    [
        ("UPDATE lendbook_auditrow SET user_id = 1 WHERE id = {row}", "was changed after"),
        ("UPDATE lendbook_auditrow SET at = '2024-01-01 00:00:00+00:00' WHERE id = {row}", "was changed after"),
        ("DELETE FROM lendbook_auditrow WHERE id = {row}", "holds 1 rows instead of 2"),
        ("UPDATE lendbook_auditrow SET seal_id = NULL WHERE id = {row}", "under no seal"),
        ("UPDATE lendbook_auditseal SET digest = '00' WHERE id = {seal}", "does not follow|was changed"),
        ("UPDATE lendbook_auditseal SET previous = 'x' WHERE id = {seal}", "does not follow"),
    ],
)
def test_who_gets_past_the_guard_is_found_out(cast, fraud, says):
    three_seals(cast)
    assert list(audit.unproved()) == []
    seal = AuditSeal.objects.order_by("pk")[1]
    past_the_guard(fraud.format(row=seal.rows_sealed.first().pk, seal=seal.pk))
    assert any(re.search(says, sentence) for sentence in audit.unproved())


def test_the_first_seals_taken_away_are_missed(cast):
    three_seals(cast)
    first = AuditSeal.objects.order_by("pk").first()
    past_the_guard(f"DELETE FROM lendbook_auditrow WHERE seal_id = {first.pk}")
    past_the_guard(f"DELETE FROM lendbook_auditseal WHERE id = {first.pk}")
    assert any("was not the first" in sentence for sentence in audit.unproved())


def test_after_a_year_rows_go_and_the_rest_stays_proved(cast, monkeypatch):
    for days in (400, 390, 380, 2):
        moment = timezone.now() - timedelta(days=days)
        with monkeypatch.context() as patch:
            patch.setattr(audit.timezone, "now", lambda moment=moment: moment)
            audit.note(cast.ravi, "home", object=days)
            audit.take_in()
    assert AuditSeal.objects.count() == 4
    audit.prune()
    audit.prune()
    assert list(AuditRow.objects.values_list("object", flat=True)) == ["2"]
    assert AuditSeal.objects.count() == 2
    assert list(audit.unproved()) == []


def test_the_owner_reads_filters_and_exports_and_nobody_else(cast):
    three_seals(cast)
    asha = world.browser(cast.asha)
    assert asha.get(f"{HOME}record/").content.decode().count("<td>ravi</td>") == 3
    assert "<td>ravi</td>" not in asha.get(f"{HOME}record/?person={cast.asha.pk}&kind=changed").content.decode()
    for query in ("from=2019-01-01&to=2019-12-31", "kind=refused", "to=01-01-2020"):
        assert "Nothing fits" in asha.get(f"{HOME}record/?{query}").content.decode()
    for query in ("person=x&kind=y&from=z&to=y", "page=99", "to=9999-12-31", "person=99999999999999999"):
        assert asha.get(f"{HOME}record/?{query}").status_code == 200
    csv = b"".join(asha.get(f"{HOME}record/?file=csv").streaming_content).decode()
    assert csv.count("ravi") == 3
    assert asha.get(f"{HOME}record/?file=xlsx").status_code == 200
    for other in (cast.ravi, cast.kumar, cast.meena):
        assert world.browser(other).get(f"{HOME}record/").status_code == 403
    assert world.browser(cast.charlie).get(f"{HOME}record/").status_code == 404
    mine = world.browser(cast.charlie).get("/books/other-road/record/").content.decode()
    assert "ravi" not in mine
    assert "asha" not in mine


def test_names_phones_and_narrations_stand_in_no_log_and_no_row(cast, caplog):
    heard = io.StringIO()
    listener = logging.StreamHandler(heard)
    root = logging.getLogger()
    root.addHandler(listener)
    before, root.level = root.level, logging.DEBUG
    try:
        client = world.browser(cast.asha)
        client.raise_request_exception = False
        world.post(cast.main, "2024-01-15", narration=f"From {CANARY} {PHONE}")
        for address in (f"{HOME}search/?q={CANARY}", f"{HOME}?q={PHONE}", f"{HOME}day-book/2024-01-15/"):
            client.get(address)
        client.post(
            "/admin/trackers/customer/add/", {"name": CANARY, "phone": PHONE, "login": "z", "_book": "main-street"}
        )
        client.post("/login/", {"username": CANARY, "password": PHONE})
        client.post("/admin/login/", {"username": PHONE, "password": CANARY})
    finally:
        root.removeHandler(listener)
        root.level = before
    written = Path(project.DATA_DIR, "audit", "lines").read_text()
    audit.take_in()
    rows = json.dumps(list(AuditRow.objects.values()), default=str)
    for secret in (CANARY, PHONE, "Zanzibar"):
        for place in (heard.getvalue(), written, rows):
            assert secret not in place


def test_a_line_is_not_written_into_a_file_that_the_worker_took_away_meanwhile(cast, monkeypatch):
    """The writer has opened the file; before its lock the worker moves it, reads it and deletes it."""
    audit.note(cast.ravi, "home", object="before")
    original, taken = audit.fcntl.flock, []

    def flock(file, how):
        if how == audit.fcntl.LOCK_SH and not taken:
            taken.append(1)
            assert audit.take_in() == 1
        original(file, how)

    with monkeypatch.context() as patch:
        patch.setattr(audit.fcntl, "flock", flock)
        audit.note(cast.ravi, "home", object="meanwhile")
    assert taken
    assert audit.take_in() == 1
    assert set(AuditRow.objects.values_list("object", flat=True)) == {"before", "meanwhile"}
