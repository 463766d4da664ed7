"""Rows stored in bulk are the rows that one by one would have been stored: named, placed and kept in history alike."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from expenses import services
from expenses.models import CreditMatch, Rule, Split, Statement, Transaction
from expenses.tagging import placing
from expenses.tagging.narration import group_alike, name_products, read_narration
from expenses.tagging.rules import Rule as PureRule
from expenses.tagging.rules import RuleSet
from ledger.models import Account
from tests import world

PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "UPI",
                "NEFT DR",
                "POS",
                "SWIGGY",
                "swiggy@ybl",
                "paytm-q1@paytm",
                "-",
                "/",
                " ",
                "\n",
                "10000000000",
                "1",
            ),
            *("100000000001", "123456789012", "1234567890123", "HDFC0000001", "x", "१२३४५६७८९०१२", "தேநீர்", "FOOD"),
        ]
    ),
    max_size=9,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=12))
def test_narrations_of_a_group_read_alike_but_for_their_reference(texts):
    numbers, examples = group_alike(texts)
    for text, number in zip(texts, numbers, strict=True):
        ours, example = read_narration(text), read_narration(examples[number])
        assert ours._replace(reference="") == example._replace(reference="")
    read = [read_narration(text) for text in texts]
    grouped = [read_narration(text) for text in examples]
    products, new = name_products(grouped, counts=[numbers.count(n) for n in range(len(examples))])
    assert ([products[n] for n in numbers], new) == name_products(read)


RULES = st.builds(
    PureRule,
    key=st.integers(0, 9),
    kind=st.sampled_from(["contains", "word", "regex"]),
    pattern=st.sampled_from(["swiggy", "12345", "/100000000001/", "- 1", "9012 food", "upi-", "1q", "food", "x"]),
    tag=st.sampled_from(["Rent", "Food"]),
    min_amount=st.sampled_from([None, Decimal("5.00"), Decimal("10.50")]),
    max_amount=st.sampled_from([None, Decimal("10.50"), Decimal("99.99")]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(RULES, max_size=4), st.lists(st.tuples(PIECES, st.sampled_from([499, 500, 1050, 1051, 9999, 10**6]))))
def test_rules_tell_no_two_rows_of_a_group_apart(rules, rows):
    rules = RuleSet(rules)
    texts = [text for text, _ in rows]
    groups = texts if rules.reads_references else group_alike(texts)[0]
    bands = rules.amount_bands([paise for _, paise in rows]) if rows else []
    amounts = [Decimal(paise).scaleb(-2) for _, paise in rows]
    placed = rules.place(texts, amounts, ["UPI"] * len(rows), [""] * len(rows))
    seen = {}
    for group, band, ruled in zip(groups, bands, placed, strict=True):
        assert seen.setdefault((group, int(band)), ruled) == ruled


GOLDEN = ["07c7c2b970bfcf0b251c30b7cf447965", "04d5568f913e988ba1e2566352e8c6d5", "56d0c9940dca740db560c69131a0a456"]
HEADER = "Date,Narration,Value Date,Debit Amount,Credit Amount,Chq/Ref Number,Closing Balance\n"
LINES = "".join(
    f"01/09/26,{narration},02/09/26,{debit},{credit},R{n},{balance}\n"
    for n, (narration, debit, credit, balance) in enumerate(
        [
            ("UPI-SWIGGY-SWIGGY@ICICI-ICIC0000001-100000000001-FOOD", "250.00", "", "9750.00"),
            ("UPI-SWIGGY-SWIGGY@ICICI-ICIC0000001-100000000002-FOOD", "950.00", "", ""),
            ("UPI-SWIGGY-SWIGGY@ICICI-ICIC0000001-100000000002-FOOD", "", "50.00", "-8850.00"),
            ("UPI-QWXZ-QWXZ@OKAXIS-UTIB0000001-987654321012-PAY", "0.01", "", "1.00"),
            (r"BACK\SLASH \N \t tab", "1.00", "", ""),
            ("தேநீர் கடை", "1.00", "", ""),
            ("N" * 10_000, "1.00", "", ""),
        ]
    )
)


@pytest.fixture
def bank(db):
    return Account.objects.get(book=world.book(), name="Bank")


@pytest.mark.parametrize("pattern", ["swiggy", "0002"])
def test_stored_in_bulk_a_row_is_what_one_by_one_it_would_be(bank, pattern):
    food, rent = (world.tag(bank.book, name) for name in ("Food", "Rent"))
    Rule.objects.create(book=bank.book, text=pattern, tag=rent, min_amount=Decimal(500), rename_to="LUNCH")
    services.remember(bank.book, "QWXZ", food)
    content = (HEADER + LINES).encode()
    services.import_statement(bank, content, file_name="a.csv")
    rows = list(Transaction.objects.order_by("line"))
    parsed = list(services.parse(bank, content).rows())
    for row, read in zip(rows, parsed, strict=True):
        for name in read._fields:
            assert getattr(row, name) == getattr(read, name)
        assert row.mode == read_narration(row.narration).mode
        assert row.history.get().history_type == "+"
    assert [(row.product, row.tag and row.tag.name, row.decided_by) for row in rows[:4]] == [
        ("SWIGGY", "Food", "learned"),
        ("LUNCH", "Rent", "rule"),
        ("SWIGGY", None, "tbd"),
        ("QWXZ", "Food", "product"),
    ]
    assert rows[4].narration == r"BACK\SLASH \N \t tab"
    assert placing.replace_tags(Transaction.objects.all()) == 0  # placed one by one they stand as they stood


def test_a_fingerprint_stays_what_it_was_for_rows_of_earlier_versions(bank):
    content = HEADER + "01/09/26,TEA,02/09/26,20.00,,R1,80.00\n" * 2 + "03/09/26,TEA,,,5.00,,\n"
    assert list(services.parse(bank, content.encode()).frame["fingerprint"]) == GOLDEN


def test_undone_whole_it_takes_along_what_hangs_on_its_rows_and_keeps_their_history(bank):
    report = services.import_statement(bank, (HEADER + LINES).encode(), file_name="a.csv")
    row = Transaction.objects.order_by("line").first()
    Split.objects.create(transaction=row, tag=world.tag(bank.book, "Food"), amount=row.debit_amount)
    credit = Transaction.objects.get(credit_amount__isnull=False)
    CreditMatch.objects.create(transaction=credit, entry=world.post(bank.book, "2026-09-01", amount="50"))
    asha = world.person("asha")
    assert services.undo_statement(report.statement, user=asha) == 7
    for model in (Transaction, Split, CreditMatch):
        assert not model.objects.exists()
    assert CreditMatch.history.filter(history_type="-").count() == 1
    gone = Transaction.history.filter(history_type="-")
    assert gone.count() == 7
    assert {one.history_user for one in gone} == {asha}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("wrong", ["statement", "account", "book"])
def test_a_row_is_of_its_statements_account_and_book_or_not_at_all(bank, wrong):
    services.import_statement(bank, (HEADER + LINES).encode(), file_name="a.csv")
    elsewhere = world.book("other-road").accounts.first()
    values = {"account": elsewhere.pk, "book": elsewhere.book_id, "statement": 999_999}
    with pytest.raises(IntegrityError), transaction.atomic():
        Transaction.objects.filter(line=2).update(**{wrong: values[wrong]})
    row = Transaction.objects.get(line=2)
    assert (row.account_id, row.book_id) == (row.statement.account_id, row.statement.book_id) == (bank.pk, bank.book_id)
    with pytest.raises(IntegrityError), transaction.atomic():
        Statement.objects.filter(pk=row.statement_id)._raw_delete("default")
