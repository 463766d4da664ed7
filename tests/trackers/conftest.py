"""Each test of trackers has workbook folders of its own; John's scheme is the one that most of them look at."""

from datetime import date

import pytest

from lendbook import instance
from tests import world
from trackers import services


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path):
    settings.DATA_DIR = instance.make_folders(tmp_path, "testing")


@pytest.fixture
def book(db):
    return world.book()


@pytest.fixture
def johns(book):
    """John's tracker, on which nothing is recorded yet."""
    return services.open_tracker(
        customer=services.customer_for(book, "john", "John"),
        tracker_name="John's Q4 Investment",
        tracker_type="50K",
        start_date=date(2024, 10, 16),
    )
