"""Midnights and month ends in India with the server's clock anywhere: a book's day is the book's, not the server's."""

import os
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.utils import timezone

from ledger import daybook
from tests import world
from trackers import services as trackers
from trackers.management.base import summary_of

pytestmark = [pytest.mark.django_db, pytest.mark.torture]

INDIA = timedelta(hours=5, minutes=30)  # no daylight saving: the oracle needs no table of zones
SERVER_ZONES = ["UTC", "America/New_York", "Pacific/Kiritimati", "Asia/Kolkata"]
START = date(2023, 12, 1)


def instants():
    """48 moments (UTC): around midnight in India at each month's end of 2024, a leap year, and UTC's own midnight."""
    for month in range(1, 13):
        first = datetime(2024 + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        midnight = first - INDIA
        yield from (midnight - timedelta(seconds=1), midnight, midnight + timedelta(seconds=1), first)


@pytest.fixture
def server_in(settings):
    """Put the server's clock into a zone: the process's, Django's and what is shown."""
    before = os.environ.get("TZ")

    def put(zone):
        settings.TIME_ZONE = zone
        os.environ["TZ"] = zone
        time.tzset()
        timezone.get_default_timezone.cache_clear()

    yield put
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()
    timezone.get_default_timezone.cache_clear()


@pytest.mark.parametrize("zone", SERVER_ZONES)
def test_the_books_day_is_indias_whatever_the_servers_clock_says(zone, server_in, tally):
    server_in(zone)
    book = world.book(begins_on=START)
    with time_machine.travel(datetime(2023, 12, 1, 12, tzinfo=UTC), tick=False):
        tracker = trackers.open_tracker(
            customer=trackers.customer_for(book, "john"),
            tracker_name="Scheme", tracker_type="50K", start_date=START, scheme_period=400,
        )  # fmt: skip
    chosen = list(instants())
    for number, moment in enumerate(chosen):
        today = (moment + INDIA).date()
        with time_machine.travel(moment, tick=False):
            assert book.today() == today, f"{moment} in {zone}"
            entry = world.post(book, today.isoformat(), amount=str(number + 1))
            assert entry.created_at == moment
            with pytest.raises(ValidationError, match="future"):
                world.post(book, (today + timedelta(days=1)).isoformat())
            received = daybook.day_book_on(book, today).total_received
            assert received >= Decimal(number + 1)
            assert Decimal(summary_of(tracker, trackers.contents_of(tracker))["due"]) == 500 * (today - START).days
    assert daybook.differences(book) == []
    tally("instants at midnights and month ends, each in four zones", len(chosen))


def test_a_day_taken_from_the_servers_clock_is_noticed(server_in, monkeypatch, tally):
    """The protection taken out."""
    server_in("Pacific/Kiritimati")
    monkeypatch.setattr("shop.models.Book.today", lambda book: timezone.localdate())
    book = world.book(begins_on=START)
    wrong = 0
    for moment in instants():
        with time_machine.travel(moment, tick=False):
            wrong += book.today() != (moment + INDIA).date()
    assert wrong
    tally.caught("the book's own time zone")
