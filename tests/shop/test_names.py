"""Names: what reads the same is one name, and what was typed stays as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.names import Names, clean_name, name_key

TWINS = [
    "collection", "COLLECTION", " Collection", "Collection ", "\tCollection", "\u00a0Collection", "Collection\u2003",
    "Collection\u200b", "\u200bCollection", "Coll\u200bection", "\ufeffCollection", "Collection\u200d", "Coll\u200cection",
    "Coll\u00adection", "Coll\u2060ection", "\u200eCollection\u200f", "\u202aCollection\u202c", "\u2066Collection\u2069",
    "Collection\ufe0f", "Coll\u034fection", "Collection\u180e", "Collection\u3164", "Collection\x00", "Coll\U000e0061ection",
    "C\u043ellection", "\u0421\u043ellection", "Coll\u0435ction", "\u0421OLLE\u0421\u0422ION", "C\u03bfllection",
    "COLLECT\u0399ON", "COLLECTIO\u039d", "Coll\u0435\u0441ti\u043en", "\uff23ollection", "\U0001d402ollection",
    "Collect\u2170on", "Collect\u0131on", "Collecti\u1d0fn".replace("\u1d0f", "\u03bf"), "C\u2134llection",
]  # fmt: skip
INDIAN = [
    "வசூல்",
    "கடன் வசூல்",
    "வட்டி",
    "वसूली",
    "ब्याज",
    "क्\u200dष",
    "क्\u200cष",
    "ക്\u200d",
    "శ్రీ",
    "ಕ್\u200cಷ",
    "খরচ",
    "ਵਿਆਜ",
]


@pytest.mark.parametrize("text", TWINS, ids=ascii)
def test_what_reads_the_same_has_one_key_and_finds_the_known_name(text):
    assert name_key(text) == "collection"
    assert Names([("Collection", 1), ("Expense", 2)]).find(text) == 1


@pytest.mark.parametrize(
    "text", ["Loan  Payments", "Loan\u00a0Payments", "loan payments", "Loan \u200bPayments", "LOAN\tPAYMENTS "]
)
def test_blanks_of_every_kind_are_one(text):
    assert name_key(text) == "loan payments"


@pytest.mark.parametrize(
    "text", ["Collections", "Collectlon", "Co11ection", "Collection 2", "Col-lection", "Kollection"]
)
def test_another_name_is_another_one(text):
    assert name_key(text) != "collection"


@pytest.mark.parametrize("text", INDIAN, ids=ascii)
def test_names_in_indian_scripts_are_kept_with_their_joiners(text):
    assert clean_name(f" {text}\u200b ") == text
    assert name_key(text)
    assert Names([(text, 1)]).find(text.replace("\u200d", "").replace("\u200c", "")) == 1


def test_indian_names_differ_by_each_of_their_letters():
    assert len({name_key(name) for name in INDIAN if "\u200c" not in name}) == len(INDIAN) - 2


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Collection\u200b", "Collection"),
        ("Collection\u200d", "Collection"),
        (" Loan\u00a0\u00a0Payments\u3000", "Loan Payments"),
        ("Cafe\u0301", "Café"),
        ("\u200b", ""),
        ("\ufeff \u2060", ""),
        ("a\nb", "a b"),
    ],
)
def test_what_is_kept_has_nothing_that_does_not_show(text, kept):
    assert clean_name(text) == kept


@given(st.text())
def test_tidying_a_name_changes_neither_its_key_nor_itself_again(text):
    kept = clean_name(text)
    assert clean_name(kept) == kept
    assert name_key(kept) == name_key(text)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("Colection", "Collection"), ("Collecton", "Collection"), ("Collections", "Collection"), ("Expence", "Expense"),
        ("Expenses", "Expense"), ("Incom", "Income"), ("Drawing", "Drawings"), ("Tea", ""), ("Office rent", ""),
        ("collection", ""),
    ],
)  # fmt: skip
def test_a_slip_of_the_keyboard_is_near_the_name_that_was_meant(text, near):
    names = Names((name, name) for name in ("Collection", "Expense", "Income", "Drawings", "Withdrawal"))
    assert names.near(text) == near


def test_an_exact_spelling_goes_before_what_reads_the_same():
    names = Names([("Collection", 1), ("Collection\u200b", 2)])
    assert names.find("collection") == 1
    assert names.find("Collection\u200b") == 2
    assert names.find("Collection\u00a0") == 1
    assert names.find("Tea") is None
