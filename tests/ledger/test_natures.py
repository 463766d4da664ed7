"""What a category is in the accounts, as its name and its direction tell. Pure."""

import importlib

import pytest

from ledger import natures
from ledger.natures import Nature, fits, guess
from ledger.services.books import DEFAULT_CATEGORIES


@pytest.mark.parametrize(("name", "direction", "nature"), DEFAULT_CATEGORIES)
def test_every_shipped_category_is_known_by_its_name(name, direction, nature):
    assert guess(name, direction) == (nature, True)
    assert fits(nature, direction)


@pytest.mark.parametrize(
    ("name", "direction", "nature"),
    [
        ("Loan given", "spent", Nature.LOANS),
        (" LOAN  Given ", "spent", Nature.LOANS),
        ("Loan repayment", "received", Nature.LOANS),
        ("Capital", "spent", Nature.CAPITAL),
        ("capital introduced", "received", Nature.CAPITAL),
        ("Collection (spent)", "spent", Nature.LOANS),
        ("Contra", "received", Nature.MOVED),
    ],
)
def test_names_of_the_trade_are_known(name, direction, nature):
    assert guess(name, direction) == (nature, True)


@pytest.mark.parametrize(
    ("name", "direction", "nature"),
    [
        ("செலவு", "spent", Nature.COST),
        ("Chit fund", "received", Nature.INCOME),
        ("Drawings", "received", Nature.INCOME),
        ("Income", "spent", Nature.COST),
        ("Expense (received)", "received", Nature.INCOME),
    ],
)
def test_another_name_goes_by_its_direction_and_waits_for_somebody_to_look(name, direction, nature):
    assert guess(name, direction) == (nature, False)


def test_what_goes_one_way_fits_no_other():
    two_ways = {nature for nature in Nature if fits(nature, "received") and fits(nature, "spent")}
    assert two_ways == {Nature.LOANS, Nature.CAPITAL, Nature.MOVED}
    assert all(fits(nature, "received") or fits(nature, "spent") for nature in Nature)


def test_the_migration_knew_the_same_names():
    migration = importlib.import_module("ledger.migrations.0014_natures")
    told = {nature: names.split() for _, nature, names in migration._KNOWN}
    assert told == {str(nature): names.split() for nature, names in natures._KNOWN.items()}
