"""Placing a book's transactions: gathers what it knows (rules, memory, model, answers) and stores what comes back.

A row that staff settled is never touched; everything else follows at once whatever staff changes.
"""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from expenses.incoming import history
from expenses.models import DEFAULT_TAGS, IS_POSTED, DecidedBy, ProductTag, Rule, Tag, Transaction
from expenses.tagging import categorise, learning
from expenses.tagging.rules import Rule as PureRule
from expenses.tagging.rules import RuleSet
from ledger import services
from ledger.models import Account

PLACED = ("tag_id", "product", "own_product", "decided_by", "confidence", "why")
_AT_ONCE = 900  # SQLite's least limit of parameters in a statement is 999


def tags_of(book):
    """The book's Tags; the first time the shipped ones are made."""
    if not Tag.objects.filter(book=book).exists():
        with transaction.atomic():
            for name, colour in DEFAULT_TAGS.items():
                Tag.objects.get_or_create(book=book, name=name, defaults={"shipped_as": name, "colour": colour})
    return list(Tag.objects.filter(book=book))


NOBODY_KNOWS = "TBD says that nobody knows; choose a tag, or take the correction back."


def refuse_tbd(*tags):
    """Raise ValidationError where one is TBD: no payee, rule or part of a row is settled by it."""
    if any(tag.is_tbd for tag in tags):
        raise ValidationError(NOBODY_KNOWS)


def rule_set(book, *, changed=None):
    """The book's active rules in their order as a RuleSet; `changed` (an unsaved Rule) stands in for its stored self."""
    rows = list(Rule.objects.filter(book=book, is_active=True).select_related("tag"))
    if changed is not None:
        rows = [row for row in rows if row.pk != changed.pk] + ([changed] if changed.is_active else [])
        rows.sort(key=lambda row: (row.position, row.pk or 0))
    return RuleSet([pure(row) for row in rows])


def pure(rule):
    """A Rule row as expenses.tagging.rules has it. Its excepted payees are looked at where the rule is applied."""
    return PureRule(
        key=rule.pk,
        kind=rule.kind,
        pattern=rule.text,
        tag=rule.tag.name if rule.tag_id and rule.tag.is_active else "",
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


def excepted(book, *, changed=None):
    """{product: ids of the rules whose tag leaves it alone}; `changed` (an unsaved Rule) stands in for its stored self."""
    rows = dict(Rule.objects.filter(book=book, is_active=True).values_list("pk", "excepted_products"))
    if changed is not None:
        rows[changed.pk] = changed.excepted_products
    alone = {}
    for pk, products in rows.items():
        for product in products:
            alone.setdefault(product, set()).add(pk)
    return {product: frozenset(keys) for product, keys in alone.items()}


def _without(rules, keys):
    """The rules with those of `keys` giving no tag; a payee's name they still give."""
    return RuleSet([replace(rule, tag="") if rule.key in keys else rule for rule in rules.rules])


def except_from_rules(book, tags, *, user=None):
    """Let rules that stand in a narration of these payees ({product: Tag}) with another tag leave them alone.

    Whatever amount, mode and account such a rule asks, so that no later row of the payee falls to it.
    """
    rules = rule_set(book)
    if not rules.rules:
        return
    narrations = {(product, product) for product in tags}
    for product, own, text in debits_of(book, tags).values_list("product", "own_product", "narration").distinct():
        narrations.update((name, text) for name in (product, own) if name in tags)
    alone = {}
    for product, narration in narrations:
        for position in rules.candidates(narration):
            if rules.rules[position].tag not in ("", tags[product].name):
                alone.setdefault(rules.rules[position].key, set()).add(product)
    for rule in Rule.objects.filter(pk__in=alone):
        if more := alone[rule.pk].difference(rule.excepted_products):
            rule.excepted_products = [*rule.excepted_products, *sorted(more)]
            services.save(rule, user, f"Leaves {', '.join(sorted(more))} alone")


def of_payees(products):
    """The Q of the debits of payees, whatever a rule calls them."""
    debits = Q(debit_amount__isnull=False)
    if len(products) > 10_000:  # more than a statement's parameters; the rest of the book stays as it is placed
        return debits
    return debits & (Q(product__in=products) | Q(own_product__in=products))


def debits_of(book, products):
    """The debits of payees, whatever a rule calls them."""
    return Transaction.objects.filter(of_payees(products), book=book)


def ruling(one):
    """The Rule that gives a transaction its tag, or None."""
    rules, alone = rule_set(one.book), excepted(one.book)
    row = row_of(one)
    rules = _without(rules, alone.get(row.product, frozenset()) | alone.get(one.product, frozenset()))
    found = rules.place([row.narration], [row.amount], [row.mode], [row.account])[0].tag_rule
    return Rule.objects.get(pk=found.key) if found else None


def _merged(tags):
    """{name, and shipped name, of a tag that was merged: name of the tag that has all of it now}."""
    by_pk, names = {tag.pk: tag for tag in tags}, {}
    for tag in tags:
        now = tag
        while not now.is_active and now.merged_into_id:
            now = by_pk[now.merged_into_id]
        if now is not tag and now.is_active:
            names |= {name: now.name for name in (tag.name, tag.shipped_as) if name}
    return names


class Knowledge:
    """All that places a book's rows, read once: tags, rules, memory, model and the LLM's unconfirmed answers."""

    def __init__(self, book, rules=None):
        every = tags_of(book)
        tags = [tag for tag in every if tag.is_active]
        self.by_name = {tag.name: tag for tag in every}
        self.tags = _merged(every) | {tag.name: tag.name for tag in tags}
        self.tags |= {tag.shipped_as: tag.name for tag in tags if tag.shipped_as}
        self.rules = rule_set(book) if rules is None else rules
        memory = ProductTag.objects.filter(book=book, tag__is_active=True).values_list("product", "tag__name", "source")
        self.memory = {product: tag for product, tag, source in memory if source == ProductTag.Source.STAFF}
        self.answers = {product: tag for product, tag, source in memory if source == ProductTag.Source.LLM}
        self.model = model_of(book.pk)
        self.excepted = excepted(book)

    def place(self, rows):
        """[Placement] of categorise.Rows; a payee that a rule leaves alone is placed as if that rule gave no tag."""
        placed = self._place(rows, self.rules)
        alone = {}
        for number, (row, placement) in enumerate(zip(rows, placed, strict=True)) if self.excepted else ():
            keys = self.excepted.get(row.product, frozenset()) | self.excepted.get(placement.product, frozenset())
            if keys:
                alone.setdefault(keys, []).append(number)
        for keys, at in alone.items():
            again = self._place([rows[number] for number in at], _without(self.rules, keys))
            for number, placement in zip(at, again, strict=True):
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
    """A Transaction as categorise.Row, with the payee as it was before a rule called it otherwise."""
    return categorise.Row(
        narration=one.narration,
        product=one.own_product or one.product,
        amount=one.debit_amount,
        mode=one.mode,
        account=one.account_id,
    )


def follows(one):
    """Whether a Transaction is one of `untouched`."""
    settled = one.is_confirmed or one.decided_by == DecidedBy.MANUAL
    return one.debit_amount is not None and not settled and not one.is_fixed


def untouched(rows):
    """The debits of a queryset that follow whatever staff changes: not settled by hand, and not posted as they stand."""
    rows = rows.filter(debit_amount__isnull=False, is_confirmed=False).exclude(decided_by="manual")
    return rows.exclude(IS_POSTED, is_linked=False)


def lock(book):
    """Hold back other corrections and imports of the book until the transaction ends, so that none misses another."""
    accounts = Account.objects.select_for_update(no_key=True).filter(book=book).exclude(kind=Account.Kind.CASH)
    list(accounts.order_by("pk"))


def replace_tags(rows, *, user=None, reason="Placed anew"):
    """Place the untouched debits of a queryset (of one book) anew; returns how many changed. A second call changes none."""
    first = rows.first()
    if first is None:
        return 0
    with transaction.atomic():
        lock(first.book)
        changed = changes(list(untouched(rows)), Knowledge(first.book))
        store(changed, PLACED, user=user, reason=reason)
    return len(changed)


def changes(rows, knowledge):
    """Those of the Transactions that are placed otherwise now, with their new placement on them, not saved."""
    changed = []
    for one, placement in zip(rows, knowledge.place([row_of(one) for one in rows]), strict=True):
        before = [getattr(one, name) for name in PLACED]
        take(one, placement, knowledge)
        if [getattr(one, name) for name in PLACED] != before:
            changed.append(one)
    return changed


def store(rows, fields, *, user=None, reason=""):
    """Save `fields` of many transactions with their history: one update for each distinct set of values."""
    alike = {}
    for one in rows:
        alike.setdefault(tuple(getattr(one, name) for name in fields), []).append(one.pk)
    with transaction.atomic():
        for values, pks in alike.items():
            for these in in_parts(pks):
                Transaction.objects.filter(pk__in=these).update(**dict(zip(fields, values, strict=True)))
        for these in in_parts([one.pk for one in rows]):
            history.write(Transaction.objects.filter(pk__in=these), "~", reason, user)


def in_parts(pks):
    """A list of keys in parts that one statement takes."""
    for start in range(0, len(pks), _AT_ONCE):
        yield pks[start : start + _AT_ONCE]


def take(one, placement, knowledge):
    """Put a placement onto a Transaction."""
    own = one.own_product or one.product
    for name, value in zip(PLACED, outcome(placement, knowledge, own), strict=True):
        setattr(one, name, value)


def outcome(placement, knowledge, own):
    """The values of PLACED for a row whose payee is called `own` where no rule calls it otherwise."""
    tag = knowledge.tag(placement.tag)
    renamed = own if placement.product != own else ""
    percent = round(placement.confidence * 100)
    return tag and tag.pk, placement.product[:120], renamed, placement.decided_by, percent, placement.why[:300]
