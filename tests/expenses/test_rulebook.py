"""Rules in their order: tested before they are kept, moved once however often sent, and gone without a trace."""

from decimal import Decimal

import pytest

from expenses import services
from expenses.models import Rule, Transaction
from expenses.tagging import corrections, placing, rulebook
from ledger.models import Account
from tests import world
from tests.expenses.test_pages import BASE
from tests.expenses.test_services import FIRST, MYSTERY, OVERLAPPING, SWIGGY

pytestmark = pytest.mark.django_db


@pytest.fixture
def bank():
    account = Account.objects.get(book=world.book(), name="Bank")
    services.import_statement(account, FIRST, file_name="statement.csv")
    return account


def draft(bank, text, name=None, **fields):
    tag = world.tag(bank.book, name) if name else None
    return Rule(book=bank.book, text=text, tag=tag, **fields)


def tags(narration):
    return {one.tag.name for one in Transaction.objects.filter(narration=narration)}


def test_what_a_rule_would_change_is_what_it_then_changes(bank):
    rule = draft(bank, "upi", "Travel", min_amount=Decimal(300), rename_to="SOMEBODY")
    changes = rulebook.would_change(rule)
    assert [(one.tag_now, one.tag_then, one.payee_now, one.payee_then) for one in changes] == [
        ("TBD", "Travel", "QWXZ TRADERS", "SOMEBODY")
    ] * 2
    assert tags(MYSTERY) == {"TBD"}
    assert rulebook.keep(rule) == 2
    assert tags(MYSTERY) == {"Travel"}
    assert tags(SWIGGY) == {"Food"}
    assert rulebook.would_change(rule) == []


@pytest.mark.parametrize(
    ("fields", "count"),
    [({"mode": "UPI"}, 3), ({"mode": "ATM"}, 0), ({"max_amount": Decimal(250)}, 1), ({"is_active": False}, 0)],
)
def test_amount_mode_and_use_narrow_a_rule(bank, fields, count):
    assert len(rulebook.would_change(draft(bank, "upi", "Fun", **fields))) == count


def test_an_account_narrows_a_rule(bank):
    other = Account.objects.create(book=bank.book, name="Other", kind="bank")
    assert len(rulebook.would_change(draft(bank, "upi", "Fun", account=other))) == 0
    assert len(rulebook.would_change(draft(bank, "upi", "Fun", account=bank))) == 3


def test_rows_settled_by_hand_are_neither_counted_nor_changed(bank):
    services.settle(Transaction.objects.get(narration=SWIGGY), world.tag(bank.book, "Rent"))
    assert len(rulebook.would_change(draft(bank, "upi", "Fun"))) == 2


def test_a_changed_rule_lets_go_of_what_it_placed(bank):
    rule = draft(bank, "upi", "Fun")
    rulebook.keep(rule)
    rule.text = "swiggy"
    assert [(one.tag_now, one.tag_then) for one in rulebook.would_change(rule)] == [("Fun", "TBD")] * 2
    assert rulebook.keep(rule) == 2
    assert tags(MYSTERY) == {"TBD"}
    assert rulebook.remove(rule) == 1
    assert tags(SWIGGY) == {"Food"}


def test_a_correction_that_is_taken_back_leaves_its_row_to_the_rules_of_today(bank):
    first, second = Transaction.objects.filter(narration=MYSTERY).order_by("pk")
    done = corrections.correct([first], world.tag(bank.book, "Food"))
    rulebook.keep(draft(bank, "qwxz", "Rent"))
    corrections.take_back(done.row)
    assert tags(MYSTERY) == {"Rent"}
    for one in (first, second):
        one.refresh_from_db()
        assert (one.decided_by, one.is_confirmed) == ("rule", False)


def test_a_rule_that_gets_its_tag_back_gives_it_to_what_came_meanwhile_too(bank):
    rulebook.keep(draft(bank, "upi", "Food"))
    done = corrections.correct([Transaction.objects.get(narration=SWIGGY)], world.tag(bank.book, "Rent"), scope="rule")
    services.import_statement(bank, OVERLAPPING, file_name="more.csv")
    assert tags(MYSTERY) == {"Rent"}
    corrections.take_back(done.row)
    assert tags(MYSTERY) == tags(SWIGGY) == {"Food"}
    assert placing.replace_tags(Transaction.objects.all()) == 0


def test_leaving_a_payee_alone_is_tested_too(bank):
    rule = draft(bank, "upi", "Fun")
    rulebook.keep(rule)
    rule.excepted_products = ["QWXZ TRADERS"]
    assert len(rulebook.would_change(rule)) == 2


def test_the_first_rule_decides_and_a_move_sent_twice_moves_once(bank):
    rules = [draft(bank, text, name) for text, name in (("upi", "Fun"), ("traders", "Rent"), ("qwxz", "Travel"))]
    for rule in rules:
        rulebook.keep(rule)
    assert [rule.position for rule in Rule.objects.all()] == [0, 1, 2]
    assert tags(MYSTERY) == {"Fun"}
    assert rulebook.move(rules[1], -1, seen_at=1) == 2
    assert tags(MYSTERY) == {"Rent"}
    assert rulebook.move(rules[1], -1, seen_at=1) == 0
    assert rulebook.move(rules[1], -1, seen_at=0) == 0
    assert rulebook.move(rules[2], 5, seen_at=2) == 0
    assert [rule.text for rule in Rule.objects.all()] == ["traders", "upi", "qwxz"]
    for _ in range(2):
        rulebook.move(rules[2], -1, seen_at=2)
    assert [rule.text for rule in Rule.objects.all()] == ["traders", "qwxz", "upi"]
    assert placing.replace_tags(Transaction.objects.all()) == 0


def test_rules_that_stood_at_one_place_get_their_own_when_one_moves(bank):
    for text in ("a", "b", "c"):
        Rule.objects.create(book=bank.book, text=text, tag=world.tag(bank.book, "Fun"))
    rulebook.move(Rule.objects.get(text="c"), -1, seen_at=2)
    assert [(rule.text, rule.position) for rule in Rule.objects.all()] == [("a", 0), ("c", 1), ("b", 2)]


def test_the_pages_buttons_move_and_remove(bank):
    asha = world.person("asha", is_superuser=True)
    first, second = (Rule.objects.create(book=bank.book, text=t, position=n, rename_to=t) for n, t in enumerate("AB"))
    client = world.browser(asha)
    answer = client.post(f"{BASE}rules/move/", {"move": f"{second.pk}:up:1"})
    assert answer.url.endswith(f"#rule-{second.pk}")
    assert list(Rule.objects.all()) == [second, first]
    assert "autofocus" in client.get(answer.url).content.decode()
    for nonsense in ("", "x", f"{second.pk}", f"{second.pk}:sideways:0", f"{second.pk}:up:x"):
        client.post(f"{BASE}rules/move/", {"move": nonsense})
    assert list(Rule.objects.all()) == [second, first]
    client.post(f"{BASE}rules/{first.pk}/", {"do": "remove"})
    assert list(Rule.objects.all()) == [second]
