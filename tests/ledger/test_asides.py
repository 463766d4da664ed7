"""Lines of a list that are no rows: totals are compared with what stands above them, balances are left out. No database."""

from decimal import Decimal

import pytest

from shop.imports.asides import Asides, is_balance, is_nothing, is_total
from shop.imports.importing import Column

COLUMNS = (
    Column("date", "Date", kind="date"), Column("category", "Category"), Column("narration", "Narration"),
    Column("amount", "Amount", kind="amount"), Column("received", "Received", kind="amount"),
    Column("spent", "Spent", kind="amount"),
)  # fmt: skip
TOTALS = [
    "Total", "TOTAL", "total:", "Total =", "Totals", "Grand Total", "GRAND TOTAL:", "Sub Total", "Sub-Total", "Subtotal",
    "Page Total", "Net total", "Day Total", "Day's total", "Daily total", "Month Total", "Monthly Total", "Total Rs.",
    "Total Rs", "Total INR", "Total amount", "Total for October", "Total of 15-10-2026", "Total (2)", "Total (Rs.)",
    "\u00a0Total\u00a0", "Tot\u0430l", "Total\u200b", "மொத்தம்", "कुल", "योग", "Overall total", "Final Total", "Total  :",
]  # fmt: skip
NO_TOTALS = [
    "Totally Tea", "Total Gas Cylinder 14 kg", "Total station repair", "Subtotal shop rent", "Tea", "", "Collection",
    "Totalizer", "Petrol at Total", "Sum insured",
]  # fmt: skip
BALANCES = [
    "Opening", "OPENING", "Opening Balance", "Opening balance:", "opening bal", "Opening Bal.", "Opening cash",
    "Opening Cash Balance", "Opening cash in hand", "Opening balance b/f", "Op. Bal", "Op Bal.", "Op.Balance", "Closing",
    "Closing Balance", "Closing bal.", "Closing Cash", "Cl. Bal.", "Clo bal", "Balance b/d", "Balance B/F", "To Balance b/d",
    "By Balance c/d", "By closing balance", "To opening balance", "B/F", "C/F", "b/d", "Brought forward", "Carried forward",
    "Balance brought forward", "Carried over", "Cash in hand", "Opening\u00a0Balance", "Opening Bank Balance",
    "ஆரம்ப இருப்பு", "अंतिम शेष", "BALANCE C/O",
]  # fmt: skip
NO_BALANCES = [
    "Collection", "Opening ceremony", "Closing fees", "Balance payment Murugan", "Balance", "", "Cash", "Shop opening gifts",
    "Bank charges", "Loan closing",
]  # fmt: skip


@pytest.mark.parametrize("words", TOTALS, ids=ascii)
def test_a_total_is_known_by_its_words(words):
    assert is_total(words)
    assert not is_balance(words)


@pytest.mark.parametrize("words", NO_TOTALS)
def test_what_only_holds_the_word_is_no_total(words):
    assert not is_total(words)


@pytest.mark.parametrize("words", BALANCES, ids=ascii)
def test_a_balance_is_known_by_its_words(words):
    assert is_balance(words)
    assert not is_total(words)


@pytest.mark.parametrize("words", NO_BALANCES)
def test_what_only_sounds_like_a_balance_is_none(words):
    assert not is_balance(words)


@pytest.mark.parametrize("cell", ["", "-", "--", "–", "0", "0.00", "nil", "NIL", "Rs 0/-", " ", Decimal(0)])
def test_shops_leave_an_amount_empty_in_many_ways(cell):
    assert is_nothing(cell)


@pytest.mark.parametrize("cell", ["5", "x", "0.01", "-5", Decimal("0.5")])
def test_what_holds_something_is_not_empty(cell):
    assert not is_nothing(cell)


def said(*rows, **options):
    """What Asides say of rows (date, category, narration, amount)."""
    asides = Asides(COLUMNS, heads=("category", "narration"), has_balances=True, **options)
    roles = ("date", "category", "narration", "amount")
    return [asides.look(dict(zip(roles, row, strict=False))) for row in rows]


TEA, MILK = ("10-10-2026", "Expense", "tea", "120.50"), ("11-10-2026", "Expense", "milk", "Rs 20/-")


@pytest.mark.parametrize(
    "total",
    [
        ("", "Total", "", "140.50"), ("Total", "", "", "140.50"), ("", "", "Total", "₹140.50"), ("", "", "", "140.50"),
        ("", "Grand total", "", "140.5"), ("31-10-2026", "Total", "", "140.50"), ("-", "Total", "", Decimal("140.5")),
    ],
    ids=str,
)  # fmt: skip
def test_a_total_that_agrees_is_told_wherever_its_word_stands(total):
    if total[0] == "-":
        total = ("", *total[1:])
    assert said(TEA, MILK, total) == [
        "",
        "",
        "The total of 140.50 agrees with the rows above; the line is no row itself.",
    ]


def test_a_total_that_does_not_agree_is_told_with_both_figures():
    assert said(TEA, MILK, ("", "Total", "", "150"))[2] == (
        "The total says 150.00, but the rows above add up to 140.50: is a row missing, or one too many?"
    )


def test_totals_of_pages_and_of_all_of_them_agree():
    sub = ("", "Sub total", "", "140.50")
    found = said(TEA, MILK, sub, TEA, MILK, sub, ("", "Grand total", "", "281"))
    assert [bool(sentence) for sentence in found] == [False, False, True, False, False, True, True]
    assert all("agrees" in sentence for sentence in found if sentence)


def test_a_sum_without_words_that_does_not_agree_is_a_row_with_its_faults():
    assert said(TEA, ("", "", "", "99")) == ["", ""]


def test_a_total_over_an_amount_that_cannot_be_read_cannot_be_compared():
    assert "cannot be compared" in said(TEA, ("11-10-2026", "Expense", "x", "12,3x"), ("", "Total", "", "140.50"))[2]


def test_a_dated_row_of_a_category_called_total_is_a_row():
    assert said(("10-10-2026", "Total", "", "5"), is_known=lambda words: words == "Total") == [""]
    assert said(("10-10-2026", "Opening", "", "5"), is_known=lambda words: words == "Opening") == [""]


def test_a_total_may_count_the_opening_above_it():
    rows = (("", "Opening Balance", "", "500"), TEA, ("", "Total", "", "620.50"), ("", "Total", "", "120.50"))
    found = said(*rows)
    assert "is a balance" in found[0]
    assert "agrees" in found[2]


def test_each_column_of_amounts_is_compared_by_itself():
    asides = Asides(COLUMNS, heads=("category",))
    rows = [
        {"date": "10-10-2026", "category": "Collection", "received": "500", "spent": ""},
        {"date": "10-10-2026", "category": "Tea", "received": "-", "spent": "20"},
        {"date": "", "category": "Total", "received": "500.00", "spent": "20.00"},
        {"date": "", "category": "Total", "received": "500.00", "spent": "21.00"},
    ]
    found = [asides.look(row) for row in rows]
    assert found[2] == "The total of 500.00 and 20.00 agrees with the rows above; the line is no row itself."
    assert "500.00 and 21.00, but the rows above add up to 500.00 and 20.00" in found[3]
