"""What the worker does by the clock, and how it shows that it lives."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Schedule

from ledger.tasks import sweep
from lendbook import schedules
from shop.models import Heartbeat

pytestmark = pytest.mark.django_db


def test_a_migrated_database_holds_the_table_of_schedules_and_every_function_exists():
    assert set(Schedule.objects.values_list("name", flat=True)) == set(schedules.TABLE)
    for function, _, _ in schedules.TABLE.values():
        assert callable(import_string(function))


def test_writing_the_table_again_changes_nothing():
    schedules.write()  # the tables were made a while ago, as on a machine that was off
    before = list(Schedule.objects.order_by("name").values())
    schedules.write()
    assert list(Schedule.objects.order_by("name").values()) == before


def test_a_changed_schedule_is_mended_a_lost_one_made_and_an_old_one_of_ours_removed():
    kept, lost, *_ = schedules.TABLE
    Schedule.objects.filter(name=kept).update(minutes=99)
    Schedule.objects.filter(name=lost).delete()
    Schedule.objects.create(name="Old", func="ledger.tasks.gone", schedule_type="D")
    Schedule.objects.create(name="Somebody else's", func="elsewhere.task", schedule_type="D")
    schedules.write()
    assert set(Schedule.objects.values_list("name", flat=True)) == {*schedules.TABLE, "Somebody else's"}
    assert Schedule.objects.get(name=kept).minutes == schedules.TABLE[kept][2]


def test_readyz_tells_whether_the_worker_showed_life(client):
    assert client.get("/readyz").json() == {"ok": True, "database": True, "worker": False, "warnings": []}
    sweep()
    assert client.get("/readyz").json() == {"ok": True, "database": True, "worker": True, "warnings": []}
    Heartbeat.objects.update(beat_at=timezone.now() - timedelta(minutes=4))
    assert client.get("/readyz").json()["worker"] is False


def test_readyz_answers_503_without_its_database_and_healthz_lives_on(client, monkeypatch):
    def gone(*args, **kwargs):
        raise DatabaseError("gone")

    monkeypatch.setattr(connection, "cursor", gone)
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (503, {"ok": False, "database": False})
    assert client.get("/healthz").status_code == 200


def test_health_pages_set_no_cookie_and_are_not_kept(client):
    for page in ("/healthz", "/readyz"):
        response = client.get(page)
        assert not response.cookies
        assert "no-store" in response["Cache-Control"]
