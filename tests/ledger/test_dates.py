"""Business dates as people write them."""

from datetime import date

import pytest
from django.core.exceptions import ValidationError

from ledger.dates import parse_date


@pytest.mark.parametrize(
    "text", ["2024-01-05", "05-01-2024", "5/1/2024", "05.01.2024", "5-1-24", " 2024-1-5 "], ids=lambda text: text
)
def test_iso_and_day_first_are_understood(text):
    assert parse_date(text) == date(2024, 1, 5)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("30-02-2024", "calendar"),
        ("2024-02-30", "calendar"),
        ("yesterday", "not a date"),
        ("", "not a date"),
        ("5-1/24", "not a date"),
        ("٢٠٢٤-01-05", "not a date"),
        ("9999-12-31", "out of reach"),
        ("0001-01-01", "out of reach"),
        ("2024-01-05T00:00", "not a date"),
    ],
)
def test_what_is_no_date_is_refused_with_its_reason(text, word):
    with pytest.raises(ValidationError, match=word):
        parse_date(text)
