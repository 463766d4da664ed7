"""What a seal covers, to the letter: chains that exist must verify for ever."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace

import pytest

from trackers import seals

LINK = {
    "book_id": 1, "position": 17, "kind": "issued", "number": 12, "tracker_id": 10, "payment": "10:3:paid:1",
    "step": 1, "date": date(2024, 10, 19), "amount": Decimal("500.00"),
    "made_at": datetime(2026, 11, 21, 6, 51, 0, 123, tzinfo=UTC), "token": "xyz",
}  # fmt: skip
TEXT = """lendbook receipt 1
book=1
position=17
kind=issued
number=12
tracker=10
payment=10:3:paid:1
step=1
date=2024-10-19
amount=500.00
made_at=2026-11-21T06:51:00.000123Z
token=xyz
previous=abc
"""


def link(**fields):
    return SimpleNamespace(**{**LINK, **fields})


def test_the_text_is_the_documented_one():
    assert seals.canonical(link(), "abc") == TEXT


def test_the_seal_of_the_documented_text_never_changes():
    assert seals.seal(link(), "abc") == "ac621cb6406823de1ea44b04a43fcf3053995212166cc8f88706b5148f090230"


def test_one_moment_and_one_amount_read_alike_however_they_are_held():
    kolkata = timezone(timedelta(hours=5, minutes=30))
    again = link(made_at=LINK["made_at"].astimezone(kolkata), amount=Decimal("5E+2"))
    assert seals.canonical(again, "abc") == TEXT
    assert "made_at=2026-11-21T06:51:00.000000Z" in seals.canonical(
        link(made_at=datetime(2026, 11, 21, 6, 51, tzinfo=UTC)), ""
    )


@pytest.mark.parametrize("field", LINK)
def test_every_field_moves_the_seal(field):
    other = {
        "kind": "corrected", "payment": "10:3:paid:2", "token": "xyy", "date": date(2024, 10, 20),
        "amount": Decimal("500.01"), "made_at": LINK["made_at"] + timedelta(microseconds=1),
    }.get(field, 999)  # fmt: skip
    assert seals.seal(link(**{field: other}), "abc") != seals.seal(link(), "abc")


def test_the_seal_before_moves_the_seal():
    assert seals.seal(link(), "abd") != seals.seal(link(), "abc")


def test_people_compare_twelve_digits():
    assert seals.short("0123456789abcdef") == "0123 4567 89ab"
