"""Who decides a row's tag, in which order, and what is said about it."""

from decimal import Decimal

from expenses.tagging.categorise import Row, place
from expenses.tagging.rules import Rule, RuleSet

TAGS = {tag: tag for tag in ("Food", "Fuel", "Health", "Cash", "Contact", "Groceries", "Rent")}
SWIGGY = Row("UPI-SWIGGY-swiggy@axb", "SWIGGY", Decimal(450), "UPI", "bank")
NOBODY = Row("UPI-ZQXW-zqxw@ybl", "ZQXW", Decimal(5), "UPI", "bank")


def one(row, **known):
    (placement,) = place([row], tags=known.pop("tags", TAGS), **known)
    return placement


def test_each_decider_gives_way_to_the_one_above():
    answers, memory = {"ZQXW": "Fuel", "SWIGGY": "Fuel"}, {"SWIGGY": "Groceries"}
    rules = RuleSet([Rule(7, "word", "swiggy", tag="Health")])
    by_hand = SWIGGY._replace(manual="Rent")
    assert one(NOBODY)[:1] + one(NOBODY)[2:3] == ("TBD", "tbd")
    assert one(NOBODY, answers=answers)[2:3] + one(NOBODY, answers=answers)[:1] == ("llm", "Fuel")
    assert (one(SWIGGY, answers=answers).decided_by, one(SWIGGY, answers=answers).tag) == ("learned", "Food")
    assert (one(SWIGGY, memory=memory).decided_by, one(SWIGGY, memory=memory).tag) == ("product", "Groceries")
    ruled = one(SWIGGY, memory=memory, rules=rules)
    assert (ruled.decided_by, ruled.tag, ruled.why) == ("rule", "Health", "rule: word 'swiggy'")
    assert one(by_hand, memory=memory, rules=rules)[:1] == ("Rent",)
    assert one(by_hand, memory=memory, rules=rules).decided_by == "manual"


def test_renamed_product_is_what_memory_knows():
    rules = RuleSet([Rule(1, "word", "zqxw", product="KUMAR MESS")])
    placed = one(NOBODY, rules=rules, memory={"KUMAR MESS": "Food"})
    assert (placed.product, placed.tag, placed.decided_by) == ("KUMAR MESS", "Food", "product")


def test_renamed_shipped_tag_is_used_and_a_retired_one_never():
    assert one(SWIGGY, tags={"Food": "Eating"}).tag == "Eating"
    assert (one(SWIGGY, tags={}).tag, one(SWIGGY, tags={}).decided_by) == ("TBD", "tbd")
    assert one(NOBODY, tags={}, answers={"ZQXW": "Food"}).tag == "TBD"


def test_why_names_the_evidence():
    assert one(SWIGGY).why == "brand 'SWIGGY' in the payee's name"
    assert one(Row("ATW-1-X", "CASH WITHDRAWAL", Decimal(500), "ATM")).why == "mode ATM"
    assert 0 < one(SWIGGY).confidence <= 1
