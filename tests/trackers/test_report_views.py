"""The view daily_tracker: trackers under the original column names, in exact rupees, nothing to write through."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from tests import world
from tests.ledger.test_report_views import exact, rows
from trackers import services
from trackers.report_views import VIEWS

pytestmark = pytest.mark.django_db
ORIGINAL = [
    "id", "user_id", "tracker_name", "tracker_type", "investment", "scheme_period", "start_date", "filename",
    "is_active", "created_at", "updated_at", "per_day_payment",
]  # fmt: skip


@pytest.fixture
def tracker():
    tracker = services.open_tracker(
        customer=services.customer_for(world.book(), "john", "John"),
        tracker_name="John's Q4 Investment",
        tracker_type="50K",
        start_date=date(2024, 10, 16),
        per_day_payment=Decimal("500.05"),
    )
    return services.record_payment(tracker, 1, paid=Decimal("9999999.99")).tracker


def test_trackers_stand_under_the_original_columns_in_rupees(tracker):
    row = rows("SELECT * FROM daily_tracker")[0]
    assert list(row)[: len(ORIGINAL)] == ORIGINAL
    assert (row["id"], row["user_id"], row["filename"]) == (tracker.pk, tracker.customer.user_id, tracker.filename)
    assert (row["investment"], row["per_day_payment"]) == (exact("50000.00"), exact("500.05"))
    assert (row["total_paid"], row["pending"]) == (exact("9999999.99"), exact("-9999499.94"))
    assert (str(row["start_date"]), bool(row["is_active"]), row["book"]) == ("2024-10-16", True, "main-street")


def test_nobody_writes_through_the_view(tracker):
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE daily_tracker SET tracker_name = 'x'")
    assert rows("SELECT tracker_name FROM daily_tracker")[0]["tracker_name"] == tracker.tracker_name


def test_the_view_steps_aside_for_migrations_of_either_app(tracker):
    for app in ("ledger", "trackers"):
        migration = type("Migration", (), {"app_label": app})
        VIEWS._before_migrate(None, "default", plan=[(migration, False)])
        with pytest.raises(DatabaseError), transaction.atomic():
            rows("SELECT * FROM daily_tracker")
        VIEWS._after_migrate(None, "default")
        assert len(rows("SELECT * FROM daily_tracker")) == 1
