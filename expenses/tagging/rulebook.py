"""A book's rules as staff keeps them: their order, what one would change before it is saved, and saving it.

A rule touches only rows in whose narration its text stands, so only those are looked at and placed anew.
"""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max

from expenses.models import Rule, Transaction
from expenses.tagging import placing
from expenses.tagging.rules import text_fits
from ledger import services as ledger


@dataclass(frozen=True)
class Change:
    """A row that a rule would place otherwise: its tag and payee now, and then."""

    row: Transaction
    tag_now: str
    tag_then: str
    payee_now: str
    payee_then: str


def _rows(book, *rules):
    """The untouched debits in whose narration one of these rules' texts stands, newest first."""
    pure = [placing.pure(rule) for rule in rules]
    known, pks = {}, []
    every = placing.untouched(Transaction.objects.filter(book=book)).order_by("-transaction_date", "-id")
    for pk, narration in every.values_list("pk", "narration").iterator(chunk_size=5000):
        if narration not in known:
            known[narration] = any(text_fits(rule, narration) for rule in pure)
        if known[narration]:
            pks.append(pk)
    found = Transaction.objects.select_related("tag").in_bulk(pks)
    return [found[pk] for pk in pks if pk in found]


def _with_its_former_self(rule):
    """The rule and, where it is saved already, the rule as saved."""
    return [rule, *Rule.objects.filter(pk=rule.pk).select_related("tag")] if rule.pk else [rule]


def would_change(rule):
    """[Change] of the untouched debits that an unsaved (or changed) rule would place otherwise, newest first."""
    rows = _rows(rule.book, *_with_its_former_self(rule))
    now = [(one.tag.name if one.tag_id else "TBD", one.product) for one in rows]
    knowledge = placing.Knowledge(rule.book, rules=placing.rule_set(rule.book, changed=rule))
    knowledge.excepted = placing.excepted(rule.book, changed=rule)
    changes = []
    for one, (tag, payee), then in zip(rows, now, knowledge.place([placing.row_of(o) for o in rows]), strict=True):
        if (then.tag, then.product) != (tag, payee):
            changes.append(Change(one, tag, then.tag, payee, then.product))
    return changes


def keep(rule, *, user=None):
    """Save a rule (a new one comes last) and place what it touches anew; returns how many rows changed."""
    with transaction.atomic():
        placing.lock(rule.book)
        touched = _with_its_former_self(rule)
        if rule.pk is None:
            last = Rule.objects.filter(book=rule.book).aggregate(last=Max("position"))["last"]
            rule.position = 0 if last is None else last + 1
        ledger.save(rule, user, "Rule kept")
        return place_anew(rule.book, touched, user=user)


def remove(rule, *, user=None):
    """Delete a rule and place what it touched anew; returns how many rows changed."""
    with transaction.atomic():
        placing.lock(rule.book)
        touched = _with_its_former_self(rule)
        rule._history_user = user
        rule.delete()
        return place_anew(rule.book, touched, user=user)


def move(rule, step, *, seen_at, user=None):
    """Move a rule up (-1) or down (+1) from the place where the person saw it; sent twice it moves once.

    Returns how many rows changed.
    """
    with transaction.atomic():
        placing.lock(rule.book)
        order = list(Rule.objects.filter(book=rule.book))
        at = [one.pk for one in order].index(rule.pk)
        to = at + step
        if at != seen_at or step not in (-1, 1) or not 0 <= to < len(order):
            return 0
        order[at], order[to] = order[to], order[at]
        for position, one in enumerate(order):
            if one.position != position:
                one.position = position
                ledger.save(one, user, "Moved", fields=["position"])
        return place_anew(rule.book, [rule], user=user)


def place_anew(book, rules, *, user=None):
    """Place what these rules touch anew; returns how many rows got another tag or payee."""
    before = {one.pk: (one.tag_id, one.product) for one in _rows(book, *rules)} if rules else {}
    pks, changed = list(before), 0
    for start in range(0, len(pks), 10_000):
        rows = Transaction.objects.filter(book=book, pk__in=pks[start : start + 10_000])
        placing.replace_tags(rows, user=user, reason="Rules")
        changed += sum(before[pk] != (tag, product) for pk, tag, product in rows.values_list("pk", "tag_id", "product"))
    return changed
