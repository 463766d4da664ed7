"""Placing a book's transactions: gathers what it knows (rules, memory, model, answers) and stores what comes back.

A row that staff settled is never touched; everything else follows at once whatever staff changes.
"""

from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.db import transaction
from simple_history.utils import bulk_update_with_history

from expenses import categorise, learning
from expenses.models import DEFAULT_TAGS, ProductTag, Rule, Tag, Transaction
from expenses.rules import Rule as PureRule
from expenses.rules import RuleSet
from ledger import services

_PLACED = ["tag", "product", "decided_by", "confidence", "why"]


def tags_of(book):
    """The book's Tags; the first time the shipped ones are made."""
    if not Tag.objects.filter(book=book).exists():
        with transaction.atomic():
            for name in DEFAULT_TAGS:
                Tag.objects.get_or_create(book=book, name=name, defaults={"shipped_as": name})
    return list(Tag.objects.filter(book=book))


def rule_set(book, *, changed=None):
    """The book's active rules in their order as a RuleSet; `changed` (an unsaved Rule) stands in for its stored self."""
    rows = list(Rule.objects.filter(book=book, is_active=True).select_related("tag"))
    if changed is not None:
        rows = [row for row in rows if row.pk != changed.pk] + ([changed] if changed.is_active else [])
        rows.sort(key=lambda row: (row.position, row.pk or 0))
    return RuleSet([pure(row) for row in rows])


def pure(rule):
    """A Rule row as expenses.rules has it. Its excepted payees are looked at where the rule is applied."""
    return PureRule(
        key=rule.pk,
        kind=rule.kind,
        pattern=rule.text,
        tag=rule.tag.name if rule.tag_id else "",
        product=rule.rename_to,
        min_amount=rule.min_amount,
        max_amount=rule.max_amount,
        mode=rule.mode,
        account=rule.account_id or "",
    )


def model_path(book_id):
    return Path(settings.DATA_DIR, "models", f"book-{book_id}.npz")


@lru_cache(maxsize=32)
def _loaded(path, stamp):
    return learning.load(path)


def model_of(book_id):
    """What was learned of the book, or None: every caller copes with that. Read anew when the file changes."""
    path = model_path(book_id)
    try:
        return _loaded(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


def _excepted(book):
    """{product: ids of the rules that leave it alone}."""
    excepted = {}
    for pk, products in Rule.objects.filter(book=book, is_active=True).values_list("pk", "excepted_products"):
        for product in products:
            excepted.setdefault(product, set()).add(pk)
    return excepted


def except_from_rules(book, product, tag, *, user=None):
    """Let every rule that gives this payee another tag leave him alone from now on; returns the rules changed."""
    rows = [row_of(one) for one in Transaction.objects.filter(book=book, product=product, debit_amount__isnull=False)]
    ruled = rule_set(book).place(
        *([getattr(row, name) for row in rows] for name in ("narration", "amount", "mode", "account"))
    )
    keys = {found.tag_rule.key for found in ruled if found.tag_rule is not None and found.tag != tag.name}
    changed = []
    for rule in Rule.objects.filter(pk__in=keys):
        if product not in rule.excepted_products:
            rule.excepted_products = [*rule.excepted_products, product]
            changed.append(services.save(rule, user, f"Leaves {product} alone"))
    return changed


class Knowledge:
    """All that places a book's rows, read once: tags, rules, memory, model and the LLM's unconfirmed answers."""

    def __init__(self, book, rules=None):
        tags = [tag for tag in tags_of(book) if tag.is_active]
        self.by_name = {tag.name: tag for tag in Tag.objects.filter(book=book)}
        self.tags = {tag.name: tag.name for tag in tags} | {tag.shipped_as: tag.name for tag in tags if tag.shipped_as}
        self.rules = rule_set(book) if rules is None else rules
        memory = ProductTag.objects.filter(book=book).values_list("product", "tag__name", "source")
        self.memory = {product: tag for product, tag, source in memory if source == ProductTag.Source.STAFF}
        self.answers = {product: tag for product, tag, source in memory if source == ProductTag.Source.LLM}
        self.model = model_of(book.pk)

        self.excepted = _excepted(book)

    def place(self, rows):
        """[Placement] of categorise.Rows; a payee that a rule excepts is placed as if that rule were not there."""
        placed = self._place(rows, self.rules)
        for product in self.excepted.keys() & {row.product for row in rows}:
            without = RuleSet([rule for rule in self.rules.rules if rule.key not in self.excepted[product]])
            at = [number for number, row in enumerate(rows) if row.product == product]
            for number, placement in zip(at, self._place([rows[number] for number in at], without), strict=True):
                placed[number] = placement
        return placed

    def _place(self, rows, rules):
        return categorise.place(
            rows, tags=self.tags, rules=rules, memory=self.memory, model=self.model, answers=self.answers
        )

    def tag(self, name):
        """The Tag of a placement; None for TBD that the book has no tag for."""
        return self.by_name.get(name)


def row_of(one):
    """A Transaction as categorise.Row."""
    return categorise.Row(
        narration=one.narration, product=one.product, amount=one.debit_amount, mode=one.mode, account=one.account_id
    )


def replace_tags(rows, *, user=None, reason="Placed anew", knowledge=None):
    """Place the untouched debits of a queryset anew; returns how many changed. A second call changes none."""
    rows = list(
        rows.filter(debit_amount__isnull=False, is_confirmed=False).exclude(decided_by="manual").select_related("book")
    )
    if not rows:
        return 0
    knowledge = knowledge or Knowledge(rows[0].book)
    changed = []
    for one, placement in zip(rows, knowledge.place([row_of(one) for one in rows]), strict=True):
        before = [getattr(one, name) for name in _PLACED]
        take(one, placement, knowledge)
        if [getattr(one, name) for name in _PLACED] != before:
            changed.append(one)
    if changed:
        bulk_update_with_history(
            changed, Transaction, _PLACED, batch_size=1000, default_user=user, default_change_reason=reason
        )
    return len(changed)


def take(one, placement, knowledge):
    """Put a placement onto a Transaction."""
    one.tag = knowledge.tag(placement.tag)
    one.product = placement.product
    one.decided_by = placement.decided_by
    one.confidence = round(placement.confidence * 100)
    one.why = placement.why[:300]
