"""Corrections that can be taken back: what staff changed in one go, what followed from it, and how all of it was before.

A correction is for a row, for a payee from now on (rules that say otherwise then leave him alone), or a change of the
very rule that placed the row; a file of payees and a merge of tags are one correction each. Taking one back restores
each row's tag, decider and why, the memory of payees, the rules and the tags; what has been corrected again or posted
since stays, and says so. What nobody settled is then placed by what is known now, not as it was then.
"""

from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from expenses import services, work
from expenses.books import posting
from expenses.models import IS_POSTED, Correction, ExpenseSettings, PayeeId, ProductTag, Rule, Split, Tag, Transaction
from expenses.tagging import placing, rulebook
from expenses.tagging.narration import is_own_id
from ledger import services as ledger
from shop.money import from_paise, to_paise

ROW, PAYEE, RULE = "row", "payee", "rule"
_FIELDS = (*placing.PLACED, "is_confirmed")
_OF_TAG = ("is_active", "shipped_as", "merged_into_id")  # of merges kept before the last was known, the first two


class Kept:
    """A correction while it is made: `words` may be set; `row` is what was stored, None where nothing changed.

    `posted`: [id, entry id, transfer id] of transactions that are posted and change all the same: these entries were
    posted before the correction, and do not name what it changed. `split`: how many rows were left as they are, because
    they are split over tags.
    """

    def __init__(self, words):
        self.words, self.row, self.posted, self.split = words, None, (), 0

    @property
    def count(self):
        return self.row.count if self.row else 0


@contextmanager
def kept(book, words="", *, touched, products=(), upi_ids=(), tags=(), user=None):
    """Store as one Correction what the work inside changes; all or nothing, other corrections wait.

    touched: Q of the transactions it may change; products, upi_ids, tags: the payees whose memory or name, and the ids
    of the tags, that it may change.
    """
    correction = Kept(words)
    with transaction.atomic():
        placing.lock(book)
        before = _state(book, products, upi_ids, tags, touched=touched)
        yield correction
        after = _state(book, products, upi_ids, tags, pks=list(before["rows"]))
        changes, count = _differences(before, after)
        if changes:
            correction.row = Correction.objects.create(
                book=book,
                words=correction.words[:200],
                count=count,
                changes={**changes, "products": sorted(products), "posted": sorted(correction.posted)},
                made_by=user,
            )


def _state(book, products, upi_ids, tags, *, touched=None, pks=()):
    rows = Transaction.objects.filter(book=book)
    if touched is not None:
        found = rows.filter(touched).values_list("pk", *_FIELDS)
    else:
        found = (row for part in placing.in_parts(pks) for row in rows.filter(pk__in=part).values_list("pk", *_FIELDS))
    state = {"rows": {pk: values for pk, *values in found}}
    memory = _memory(book, products)
    state["payees"] = {product: [known.tag_id, known.source] for product, known in memory.items()}
    rules = Rule.objects.filter(book=book).values_list("pk", "tag_id", "excepted_products")
    state["rules"] = {pk: [tag, excepted] for pk, tag, excepted in rules}
    state["names"] = dict(PayeeId.objects.filter(book=book, upi_id__in=upi_ids).values_list("upi_id", "product"))
    shown = Tag.objects.filter(book=book, pk__in=tags).values_list("pk", *_OF_TAG)
    state["tags"] = {pk: values for pk, *values in shown}
    state["parts"] = {}
    for part in Split.objects.filter(transaction__book=book).order_by("pk"):
        if part.transaction_id in state["rows"]:
            state["parts"].setdefault(part.transaction_id, []).append(_line(part))
    return state


def _line(part):
    return [part.tag_id, to_paise(part.amount), part.note]


def _memory(book, products):
    """{product: ProductTag} of what the book remembers of these payees."""
    rows = ProductTag.objects.filter(book=book)
    return {one.product: one for part in placing.in_parts(list(products)) for one in rows.filter(product__in=part)}


def _differences(before, after):
    """({what: …} as JSON keeps it, transactions changed); rows with the same before and after stand together."""
    changes, alike = {}, {}
    for pk, values in before["rows"].items():
        if pk in after["rows"] and after["rows"][pk] != values:
            alike.setdefault((tuple(values), tuple(after["rows"][pk])), []).append(pk)
    if alike:
        changes["rows"] = [[pks, list(was), list(now)] for (was, now), pks in alike.items()]
    for what in ("payees", "rules", "names", "tags", "parts"):
        keys = before[what].keys() | after[what].keys()
        told = [[key, before[what].get(key), after[what].get(key)] for key in keys]
        if told := [one for one in told if one[1] != one[2]]:
            changes[what] = told
    touched = {pk for pks in alike.values() for pk in pks} | {pk for pk, *_ in changes.get("parts", ())}
    return changes, len(touched)


# ------------------------------------------------------------------------------------------------ correcting


def correct(rows, tag, *, scope=ROW, user=None):
    """Give debits of one book their tag: these rows, their payees from now on, or by changing the rule; returns Kept.

    Raises ValidationError where a row is posted as it stands, or no rule placed it, or it alone is meant and is split;
    among others, or of a payee, split rows are left as they are.
    """
    book = rows[0].book
    if tag.book_id != book.pk or not tag.is_active:
        raise ValidationError("There is no such tag in this book.")
    if scope == RULE:
        return _change_rule(rows[0], tag, user)
    products = sorted({one.product for one in rows if one.product}) if scope == PAYEE else []
    who = rows[0].product or rows[0].narration[:60]
    words = f"{who if len(rows) == 1 or products == [who] else f'{len(rows)} rows'}: {tag}"
    touched = Q(pk__in=[one.pk for one in rows])
    if products:
        touched |= Q(product__in=products) | Q(own_product__in=products)
    with kept(book, words, touched=touched, products=products, user=user) as correction:
        split = _split(book, touched) if len(rows) > 1 or products else set()
        if whole := [one for one in rows if one.pk not in split]:
            services.settle_all(whole, tag, user=user)
        services.remember_all(book, dict.fromkeys(products, tag), user=user)
        correction.split = len(split)
        _count_for_learning(book, len(whole))
    return correction


def _split(book, touched):
    """The ids of those of a book's transactions that are split over tags."""
    rows = Transaction.objects.filter(touched, book=book, splits__isnull=False)
    return set(rows.values_list("pk", flat=True))


def confirm(rows, *, scope=ROW, user=None):
    """Settle debits of one book with the tags they have, these rows or their payees from now on; returns Kept.

    Rows that nobody could tell are left; a payee whose chosen rows have several tags is settled row by row.
    """
    split = _split(rows[0].book, Q(pk__in=[one.pk for one in rows]))  # settled already, with a tag for each part
    rows = [one for one in rows if one.tag_id and one.tag.is_active and one.pk not in split]
    rows = [one for one in rows if one.tag.shipped_as != posting.TO_BE_TOLD]
    if not rows:
        raise ValidationError("None of these has a tag to confirm; give them one.")
    tags_of, by_tag = {}, {}
    for one in rows:
        by_tag.setdefault(one.tag, []).append(one)
        if scope == PAYEE and one.product:
            tags_of.setdefault(one.product, set()).add(one.tag)
    payees = {product: tags.pop() for product, tags in tags_of.items() if len(tags) == 1}
    touched = Q(pk__in=[one.pk for one in rows]) | Q(product__in=payees) | Q(own_product__in=payees)
    words = f"{len(rows)} row{'s' if len(rows) != 1 else ''} confirmed"
    with kept(rows[0].book, words, touched=touched, products=list(payees), user=user) as correction:
        for tag, alike in by_tag.items():
            services.settle_all(alike, tag, user=user)
        services.remember_all(rows[0].book, payees, user=user)
        _count_for_learning(rows[0].book, len(rows))
    return correction


def _count_for_learning(book, count):
    mine = ExpenseSettings.objects.filter(pk=work.settings_of(book).pk)
    mine.update(unlearned=F("unlearned") + count)
    work.learn_if_due(book)


def _change_rule(one, tag, user):
    placing.refuse_tbd(tag)
    rule = placing.ruling(one)
    if rule is None:
        raise ValidationError("No rule places this row any more; correct the row or its payee.")
    touched = Q(decided_by="rule") | Q(pk=one.pk)
    with kept(one.book, f"Rule {rule}: {tag}", touched=touched, user=user) as correction:
        rule.tag = tag
        ledger.save(rule, user, f"Tags {tag}")
        _let_go(one, user)
        placing.replace_tags(Transaction.objects.filter(touched, book=one.book), user=user, reason=f"Rule {rule}")
    return correction


def _let_go(one, user):
    """A row that was settled by hand follows the rules again."""
    one = Transaction.objects.get(pk=one.pk)
    if one.is_fixed:
        raise ValidationError("It is posted to the day book; take it back there first.")
    if one.splits.exists():
        raise ValidationError("It is split over tags; take the split away first.")
    if one.is_confirmed or one.decided_by == "manual":
        one.is_confirmed, one.decided_by = False, "tbd"
        ledger.save(one, user, "Follows the rules again")


def rename(one, product, *, user=None):
    """Give a transaction's payee another name; as services.rename_payee, and can be taken back. Returns Kept."""
    name = " ".join(ledger.clean_text(product).upper().split())[:120]
    names = [one.product, name]
    touched = Q(pk=one.pk) | Q(product__in=names) | Q(own_product__in=names)
    ids = [one.upi_id] if is_own_id(one.upi_id) else []
    touched |= Q(upi_id__in=ids)
    told = {"touched": touched, "products": [name], "upi_ids": ids}
    with kept(one.book, f"{one.product or 'Payee'} is {name}", **told, user=user) as correction:
        correction.posted = _posted(one.book, touched)
        services.rename_payee(one, product, user=user)
    return correction


def split(one, parts, *, user=None):
    """Divide a debit over tags; as posting.split, and can be taken back. Returns Kept."""
    words = f"{one.product or one.narration[:60]} split over {len(parts)} tags" if parts else f"{one.product} not split"
    with kept(one.book, words, touched=Q(pk=one.pk), user=user) as correction:
        posting.split(one, parts, user=user)
    return correction


def retag(known, tag, *, user=None):
    """Give a remembered payee (a ProductTag) another tag; his untouched rows follow. Returns Kept."""
    if not tag.is_active or tag.book_id != known.book_id:
        raise ValidationError("There is no such tag in this book.")
    touched = Q(product=known.product) | Q(own_product=known.product)
    words = f"{known.product}: {tag}"
    with kept(known.book, words, touched=touched, products=[known.product], user=user) as correction:
        services.remember(known.book, known.product, tag, user=user)
        _count_for_learning(known.book, 1)
    return correction


def take_product_tags(book, content, *, user=None):
    """Take a CSV file (Product, Tag) as if staff had settled each payee; one correction. Returns a document."""
    found = services.read_product_tags(book, content)
    count = len(found.tags)
    words = f"File of payees: {count} payee{'s' if count != 1 else ''}"
    touched = placing.of_payees(found.tags) & Q(is_confirmed=False)
    with kept(book, words, touched=touched, products=list(found.tags), user=user):
        retagged = services.remember_all(book, found.tags, user=user) if found.tags else 0
    return {
        "rows_in": found.rows_in,
        "imported": found.rows_in - len(found.errors),
        "rejected": len(found.errors),
        "retagged": retagged,
        "errors": found.errors,
    }


def merge(tag, into, *, user=None):
    """Make everything of one tag another's and retire it; as services.merge_tags, and can be taken back. Returns Kept."""
    touched = Q(tag=tag) | Q(pk__in=Split.objects.filter(tag=tag).values("transaction"))
    words, tags = f"{tag} merged into {into}", [tag.pk, into.pk]
    with transaction.atomic():
        placing.lock(tag.book)  # before the payees are read, so that one remembered meanwhile is kept too
        products = list(tag.product_tags.values_list("product", flat=True))
        with kept(tag.book, words, touched=touched, products=products, tags=tags, user=user) as correction:
            correction.posted = _posted(tag.book, touched)
            services.merge_tags(tag, into, user=user)
    return correction


def _posted(book, touched):
    """What Kept.posted says of a book's transactions."""
    return list(Transaction.objects.filter(touched, IS_POSTED, book=book).values_list("pk", "entry", "transfer"))


def confirm_answers(answers, *, user=None):
    """Take the LLM's answers (ProductTags of one book) as staff's own word from now on; returns Kept."""
    return _judge(answers, "confirmed", lambda book, tags: services.remember_all(book, tags, user=user), user)


def reject_answers(answers, *, user=None):
    """Forget the LLM's answers; their rows are to be told again, and the payees are not asked about again."""

    def forget(book, tags):
        for answer in answers:
            answer._history_user = user
            answer.delete()
        work.remember_asked(book, tags)
        placing.replace_tags(placing.debits_of(book, tags), user=user, reason="LLM rejected")

    return _judge(answers, "rejected", forget, user)


def _judge(answers, what, act, user):
    book, tags = answers[0].book, {answer.product: answer.tag for answer in answers}
    words = f"LLM {what}: " + (f"{answers[0]}" if len(answers) == 1 else f"{len(answers)} payees")
    touched = Q(product__in=tags) | Q(own_product__in=tags)
    with kept(book, words, touched=touched, products=list(tags), user=user) as correction:
        act(book, tags)
        _count_for_learning(book, len(answers))
    return correction


# ------------------------------------------------------------------------------------------------ taking back


def last_of(book, count=1):
    """The newest corrections of a book that still hold, newest first."""
    return list(Correction.objects.filter(book=book, undone_at=None).select_related("made_by")[:count])


def take_back(correction, *, user=None):
    """Restore everything as it was before a correction; returns how many rows, None where that was done already.

    Raises ValidationError where something of it was posted or changed again since: nothing is then taken back.
    """
    book, changes = correction.book, correction.changes
    with transaction.atomic():
        placing.lock(book)
        mine = Correction.objects.filter(pk=correction.pk, undone_at=None)
        if not mine.update(undone_at=timezone.now(), undone_by=user):
            return None
        restored = _rows_to_restore(book, changes)
        _restore_tags(book, changes, user)
        _restore_memory(book, changes, user)
        rules = _restore_rules(book, changes, user)
        _restore_names(book, changes, restored, user)
        for one in restored:  # a row that nobody settled may have been placed anew since; it goes back all the same
            for name, value in one.before.items():
                setattr(one, name, value)
        placing.changes([one for one in restored if placing.follows(one)], placing.Knowledge(book))
        placing.store(restored, _FIELDS, user=user, reason=f"Taken back: {correction}")
        _restore_parts(book, changes)
        placing.replace_tags(_following(book, changes), user=user, reason="Taken back")
        rulebook.place_anew(book, rules, user=user)
    return len(restored)


def _following(book, changes):
    """The rows that follow the memory as it is again: all of the payees, and of a merge all that has its tags, whoever
    gave it; many of them came after the correction and were never part of it."""
    names = [before for _, before, _ in changes.get("names", ()) if before]
    of_payees = placing.debits_of(book, [*changes["products"], *names])
    if not changes.get("tags"):
        return of_payees
    tags = {pk for pk, *_ in changes["tags"]}
    tags.update(after[-1] for *_, after in changes["tags"] if len(after) == len(_OF_TAG) and after[-1])
    tags.update(after[0] for what in ("rows", "payees", "rules") for *_, after in changes.get(what, ()) if after)
    return of_payees | Transaction.objects.filter(book=book, tag__in=tags)


def _rows_to_restore(book, changes):
    """The Transactions a correction changed that are still there, each with `before`. Raises ValidationError."""
    told = changes.get("rows", ())
    # Merges kept before the entries were named have bare ids: those rows may be posted anew since, and wait.
    posted_before = {one[0]: tuple(one[1:]) for one in changes.get("posted", ()) if not isinstance(one, int)}
    divided = [pk for pk, *_ in changes.get("parts", ())]
    found = _in_bulk(book, [*(pk for pks, *_ in told for pk in pks), *divided])
    rows, again = [], 0
    for pks, before, after in told:
        was, now = dict(zip(_FIELDS, before, strict=True)), dict(zip(_FIELDS, after, strict=True))
        for one in (found[pk] for pk in pks if pk in found):
            settled = now["is_confirmed"] or one.is_confirmed
            again += settled and any(getattr(one, name) != value for name, value in now.items())
            one.before = was
            rows.append(one)
    posted_now = {pk: (one.entry_id, one.transfer_id) for pk, one in found.items() if one.is_fixed}
    if posted := sum(posted_before.get(pk) != entry for pk, entry in posted_now.items()):
        raise ValidationError(f"{posted} of its rows are posted to the day book; take those back first.")
    if again:
        raise ValidationError(f"{again} of its rows were changed again since; take that back first.")
    return rows


def _in_bulk(book, pks):
    rows = Transaction.objects.filter(book=book)
    return {pk: one for part in placing.in_parts(pks) for pk, one in rows.in_bulk(part).items()}


def _restore_tags(book, changes, user):
    for pk, before, after in changes.get("tags", ()):
        tag = Tag.objects.filter(book=book, pk=pk).first()
        fields = _OF_TAG[: len(after)]
        if tag is None or [getattr(tag, name) for name in fields] != after:
            raise ValidationError(f"The tag {tag or 'of it'} was merged or changed again since; take that back first.")
        for name, value in zip(fields, before, strict=True):
            setattr(tag, name, value)
        ledger.save(tag, user, "Taken back")


def _restore_memory(book, changes, user):
    told = changes.get("payees", ())
    memory = _memory(book, [product for product, *_ in told])
    for product, before, after in told:
        known = memory.get(product)
        if (known and [known.tag_id, known.source]) != after:
            raise ValidationError(f"{product} was given another tag since; take that back first.")
        if before is None:
            known._history_user = user
            known.delete()
            continue
        known = known or ProductTag(book=book, product=product)
        known.tag_id, known.source = before
        ledger.save(known, user, "Taken back")


def _restore_rules(book, changes, user):
    """Restore what rules gave and whom they left alone; returns the Rules that give another tag now."""
    changed = []
    for pk, before, after in changes.get("rules", ()):
        rule = Rule.objects.filter(book=book, pk=pk).first()
        if rule is None or before is None or after is None:
            continue
        if before[0] != after[0]:
            if rule.tag_id != after[0]:
                raise ValidationError(f"The rule {rule} was changed again since; change it there.")
            rule.tag_id = before[0]
            changed.append(rule)
        added = set(after[1]) - set(before[1])
        rule.excepted_products = [product for product in rule.excepted_products if product not in added]
        ledger.save(rule, user, "Taken back")
    return changed


def _restore_names(book, changes, restored, user):
    """Restore how UPI ids are called, and so the payee of the rows that came under the new name since."""
    last = max((one.pk for one in restored), default=0)
    for upi_id, before, after in changes.get("names", ()):
        named = PayeeId.objects.filter(book=book, upi_id=upi_id)
        named.update(product=before) if before else named.delete()
        since = list(Transaction.objects.filter(book=book, upi_id=upi_id, product=after, pk__gt=last)) if before else []
        for one in since:
            one.product = before
        placing.store(since, ("product",), user=user, reason="Taken back")


def _restore_parts(book, changes):
    for pk, before, after in changes.get("parts", ()):
        one = Transaction.objects.filter(book=book, pk=pk).first()
        if one is None:
            continue
        parts, before = list(one.splits.order_by("pk")), before or []
        if [_line(part) for part in parts] != (after or []):
            raise ValidationError(f"{one} was divided anew since; take that back first.")
        if [line[1:] for line in before] == [line[1:] for line in after or ()]:  # other tags alone: a posted part stays
            for part, (tag, *_) in zip(parts, before, strict=True):
                part.tag_id = tag
                part.save(update_fields=["tag"])
            continue
        one.splits.all().delete()
        for tag, paise, note in before:
            one.splits.create(tag_id=tag, amount=from_paise(paise), note=note)
