"""Staff's rules: the first that fits decides, found for all rows at once as one by one."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expenses.tagging.rules import Rule, RuleError, RuleSet, check_rule, row_fits, text_fits

WORDS = ["upi", "swiggy", "wig", "tea", "teak", "கடை", "கட", "a b", "İ", "ß", "1"]
rule = st.builds(
    Rule,
    key=st.integers(),
    kind=st.sampled_from(["contains", "word", "regex", "any"]),
    pattern=st.sampled_from([*WORDS, "sw[a-z]+y", r"\btea\b", "^upi", "a|b", "(a+)+$"]).map(lambda word: word),
    tag=st.sampled_from(["", "Food", "Fuel"]),
    product=st.sampled_from(["", "X"]),
    min_amount=st.none() | st.integers(0, 5).map(Decimal),
    max_amount=st.none() | st.integers(0, 5).map(Decimal),
    mode=st.sampled_from(["", "UPI", "POS"]),
    account=st.sampled_from(["", "bank"]),
).map(lambda r: r if r.kind == "regex" else Rule(**{**r.__dict__, "pattern": r.pattern.strip("^()+$|\\")}))
row = st.tuples(
    st.lists(st.sampled_from([*WORDS, "Swiggy", "TEA", "xswiggyx", "aaaa!"]), max_size=5).map(" ".join),
    st.integers(0, 6).map(Decimal),
    st.sampled_from(["UPI", "POS"]),
    st.sampled_from(["bank", "card"]),
)


def one_by_one(rules, narration, amount, mode, account):
    """(tag, its rule, product, its rule): the meaning of the rules, one after another on one row."""
    tag, tag_rule, product, product_rule = "", None, "", None
    for rule in rules:
        if row_fits(rule, amount, mode, account) and text_fits(rule, narration):
            if rule.tag and tag_rule is None:
                tag, tag_rule = rule.tag, rule
            if rule.product and product_rule is None:
                product, product_rule = rule.product, rule
    return tag, tag_rule, product, product_rule


@given(st.lists(rule, max_size=8), st.lists(row, max_size=8))
def test_all_rules_at_once_answer_as_one_by_one(rules, rows):
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    assert RuleSet(rules).place(*columns) == [one_by_one(rules, *row) for row in rows]


@pytest.mark.parametrize(
    ("kind", "pattern", "narration", "fits"),
    [
        ("contains", "swig", "UPI-SWIGGY", True),
        ("word", "swig", "UPI-SWIGGY", False),
        ("word", "swiggy", "UPI-SWIGGY-1", True),
        ("word", "tea stall", "UPI-TEA   STALL-x", True),
        ("word", "கட", "UPI-கடை", False),
        ("regex", r"^upi.*\d{3}$", "UPI-SHOP-123", True),
        ("regex", "shop$", "SHOPS", False),
        ("any", "", "whatever", True),
    ],
)
def test_kinds(kind, pattern, narration, fits):
    assert text_fits(Rule(1, kind, pattern, tag="T"), narration) is fits


def test_first_rule_decides_and_a_renaming_rule_lets_later_ones_tag():
    rules = [
        Rule(1, "word", "swiggy", product="SWIGGY"),
        Rule(2, "contains", "instamart", tag="Groceries"),
        Rule(3, "word", "swiggy", tag="Food"),
    ]
    placed = RuleSet(rules).place(["UPI-SWIGGY INSTAMART", "UPI-SWIGGY"], [Decimal(5)] * 2, ["UPI"] * 2, ["a"] * 2)
    assert [(p.tag, p.tag_rule.key, p.product) for p in placed] == [("Groceries", 2, "SWIGGY"), ("Food", 3, "SWIGGY")]


def test_amount_mode_and_account_narrow_a_rule():
    narrow = Rule(
        1, "any", tag="Rent", min_amount=Decimal(5000), max_amount=Decimal("9000.00"), mode="NEFT", account="bank"
    )
    rules = RuleSet([narrow, Rule(2, "any", tag="Other", mode="NEFT")])
    amounts = [Decimal(5000), Decimal("9000.01"), Decimal(6000), Decimal(6000)]
    placed = rules.place(["x"] * 4, amounts, ["NEFT", "NEFT", "UPI", "NEFT"], ["bank", "bank", "bank", "cash"])
    assert [p.tag for p in placed] == ["Rent", "Other", "", "Other"]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (Rule(1, "contains", " ", tag="T"), "empty"),
        (Rule(1, "regex", "(", tag="T"), "not understood"),
        (Rule(1, "regex", r"(?=a)b", tag="T"), "Lookaheads"),
        (Rule(1, "regex", r"(a)\1", tag="T"), "backreferences"),
        (Rule(1, "regex", "x*", tag="T"), "fits every narration"),
        (Rule(1, "any", tag="T"), "fits every row"),
        (Rule(1, "word", "x"), "gives nothing"),
        (Rule(1, "word", "x" * 201, tag="T"), "201 characters"),
        (Rule(1, "sounds", "x", tag="T"), "no kind"),
        (Rule(1, "word", "x", tag="T", min_amount=Decimal(2), max_amount=Decimal(1)), "No amount"),
    ],
)
def test_rule_that_cannot_work_is_refused(broken, message):
    with pytest.raises(RuleError, match=message):
        check_rule(broken)


def test_catastrophic_pattern_is_harmless():
    evil = Rule(1, "regex", "(a+)+(a+)+(a+)+$", tag="T")
    check_rule(evil)
    assert RuleSet([evil]).place(["a" * 1999 + "!"] * 50, [Decimal(1)] * 50, ["UPI"] * 50, [""] * 50)[0].tag == ""
