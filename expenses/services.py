"""Statements in, corrections, undo: what pages, tasks and commands call. Each is atomic; callers have checked access.

Errors are StatementError (the file; UnknownLayout carries a proposal) and ValidationError, each naming the way out.
"""

import csv
import hashlib
import io
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from expenses.books import links
from expenses.incoming import storing
from expenses.models import (
    IS_POSTED,
    DecidedBy,
    PayeeId,
    ProductTag,
    Split,
    Statement,
    StatementMapping,
    Transaction,
)
from expenses.statements import StatementError, read_statement
from expenses.tagging import placing
from expenses.tagging.narration import is_own_id
from ledger import services as ledger
from ledger.models import Account
from shop import commits, faults
from shop.downloads import armed
from shop.models import Job
from shop.money import plain


@dataclass
class Report:
    """What an import did, or (before it) would do; amounts Decimal rupees."""

    rows_in: int = 0
    imported: int = 0
    duplicate: int = 0
    rejected: int = 0
    debits: object = None
    credits: object = None
    period: tuple | None = None
    gaps: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    rejected_rows: tuple = ()
    layout: str = ""
    opening_balance: object = None
    closing_balance: object = None
    unread_sheets: tuple = ()
    unread_sections: tuple = ()
    left_out: list = field(default_factory=list)
    question: str = ""
    statement: Statement | None = None

    def as_document(self):
        """The shape that scripts read."""
        return {
            "rows_in": self.rows_in,
            "imported": self.imported,
            "duplicate": self.duplicate,
            "rejected": self.rejected,
            "debits": plain(self.debits),
            "credits": plain(self.credits),
            "period": [day.isoformat() for day in self.period] if self.period else [None, None],
            "gaps": self.gaps,
            "errors": self.errors,
            "unread_sheets": list(self.unread_sheets),
            "unread_sections": list(self.unread_sections),
            "left_out": self.left_out,
        }


class NotDecided(StatementError):
    """Nothing came in: which side the amounts are on is for a person to say."""


def parse(account, content, *, layout=None, mapping=None, dates=None, sides=None, section=None):
    """Read a statement for an account: by the given layout or mapping, else by the mapping remembered for the account
    where it fits, since a person named it, else by the layout of its header. `sides` and `section` as read_statement
    takes them; the account's kind says whether it is a card's."""
    if account.kind not in links.BANK_KINDS:
        raise ValidationError(f"{account} is a cash box; statements belong to a bank account, a UPI wallet or a card.")
    said = {"is_card": account.kind == Account.Kind.CARD, "sides": sides, "section": section}
    known = None if mapping or layout else StatementMapping.objects.filter(account=account).first()
    if known:
        with suppress(StatementError):
            return read_statement(content, mapping=known.columns, dates=dates or known.dates or None, **said)
    return read_statement(content, layout=layout, mapping=mapping, dates=dates, **said)


def preview(account, parsed):
    """The Report of what importing would do now."""
    known = _known_fingerprints(account, parsed)
    duplicate = sum(fingerprint in known for fingerprint in parsed.frame["fingerprint"])
    report = _report(parsed, imported=len(parsed.frame) - duplicate, duplicate=duplicate)
    report.question = parsed.question or _in_already_exchanged(parsed, known)
    return report


def _in_already_exchanged(parsed, known):
    """What to say where rows of the file are in the account with debit and credit exchanged; "" where none is.

    Imported once more, the right way round, each would be there twice, on both sides.
    """
    count = len(known.intersection(parsed.exchanged_fingerprints())) if known else 0
    if not count:
        return ""
    rows = "1 row of this file is" if count == 1 else f"{count:,} rows of this file are"
    return (
        f"{rows} in the account already with debit and credit exchanged. Take the statement that brought "
        f"{'it' if count == 1 else 'them'} out first (Statements, Undo), and import it again: both are read the right way "
        "round then."
    )


def _report(parsed, *, imported, duplicate, statement=None):
    return Report(
        rows_in=parsed.rows_in,
        imported=imported,
        duplicate=duplicate,
        rejected=len(parsed.rejected),
        debits=parsed.debits,
        credits=parsed.credits,
        period=parsed.period,
        gaps=[{"line": gap.line, "reason": gap.reason} for gap in parsed.gaps],
        errors=[{"line": row.line, "reason": row.reason} for row in parsed.rejected],
        rejected_rows=parsed.rejected,
        layout=parsed.layout,
        opening_balance=parsed.opening_balance,
        closing_balance=parsed.closing_balance,
        unread_sheets=parsed.unread,
        unread_sections=parsed.other_sections,
        left_out=[{"line": one.line, "reason": one.reason} for one in parsed.left_out],
        question=parsed.question,
        statement=statement,
    )


def _known_fingerprints(account, parsed):
    if not parsed.period:
        return set()
    rows = Transaction.objects.filter(account=account, transaction_date__range=parsed.period)
    return set(rows.values_list("fingerprint", flat=True))


def import_statement(
    account,
    content,
    *,
    file_name,
    user=None,
    layout=None,
    mapping=None,
    dates=None,
    sides=None,
    section=None,
    job=None,
    on_progress=None,
    finish=None,
):
    """Read, check, deduplicate, place and store a statement; returns the Report. The good rows come in, all or none.

    The same file twice adds nothing; overlapping statements add only what is new; two truly identical rows of one
    statement both stay. `on_progress(done, total)` may raise to cancel; nothing then stays behind. `finish(report)` is
    called inside the transaction. Raises NotDecided where a person must say first which side the amounts are on.
    """
    parsed = parse(account, content, layout=layout, mapping=mapping, dates=dates, sides=sides, section=section)
    if parsed.question:
        raise NotDecided(parsed.question)
    sha256 = hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)  # two uploads at once come one after another
        known = _known_fingerprints(account, parsed)
        if twins := _in_already_exchanged(parsed, known):
            raise NotDecided(twins)
        frame = parsed.frame[~parsed.frame["fingerprint"].isin(known)]
        standing = Statement.objects.exclude(state=Statement.State.UNDONE)
        statement = standing.filter(account=account, sha256=sha256).first()
        if statement is None:
            statement = _statement(account, parsed, len(frame), file_name, sha256, user, job)
            storing.store_rejected(statement, parsed)
            if mapping or (dates and parsed.layout == "mapping"):
                order = dates or (parsed.dates if parsed.dates_alone else "")  # a guess is not remembered
                StatementMapping.objects.update_or_create(
                    account=account, defaults={"columns": mapping or parsed.columns, "dates": order}
                )
        elif len(frame):
            _bring_back(statement, parsed, len(frame), user)
        if len(frame):
            storing.store(statement, frame, user=user, on_progress=on_progress)
            commits.note()
            transaction.on_commit(lambda: _after_import(account.book, user), robust=True)
        duplicate = len(parsed.frame) - len(frame)
        report = _report(parsed, imported=len(frame), duplicate=duplicate, statement=statement)
        if finish:
            finish(report)
    return report


def _after_import(book, user):
    from expenses import work  # which knows this module

    work.after_import(book, user=user)


def _statement(account, parsed, imported, file_name, sha256, user, job):
    first, last = parsed.period or (None, None)
    statement = Statement(
        book=account.book,
        account=account,
        file_name=ledger.clean_text(file_name)[:200],
        sha256=sha256,
        layout=parsed.layout,
        headers=list(parsed.headers),
        state=Statement.State.IMPORTED,
        job=job,
        rows_in=parsed.rows_in,
        imported=imported,
        duplicate=len(parsed.frame) - imported,
        rejected=len(parsed.rejected),
        debits=parsed.debits,
        credits=parsed.credits,
        opening_balance=parsed.opening_balance,
        closing_balance=parsed.closing_balance,
        first_date=first,
        last_date=last,
        gaps=[{"line": gap.line, "reason": gap.reason} for gap in parsed.gaps],
        uploaded_by=user,
    )
    return ledger.save(statement, user, "Imported")


def _bring_back(statement, parsed, count, user):
    """Count as its own the rows of a statement that it had in common with another one, which was undone since."""
    faults.refuse(statement.book_id, faults.STATEMENT, statement.pk, f"The statement {statement}")
    was = (statement.debits, statement.credits, statement.first_date, statement.last_date)
    if was != (parsed.debits, parsed.credits, *parsed.period) or count > statement.duplicate:
        raise ValidationError(f"This file is in already as {statement}, and was read differently; undo that one first.")
    statement.imported, statement.duplicate = statement.imported + count, statement.duplicate - count
    ledger.save(statement, user, "Rows of an undone statement brought back")


def overlapping(statement):
    """The statements that may have counted rows of this one as known, newest first: what undoing it takes from them."""
    others = Statement.objects.filter(account=statement.account_id, state=Statement.State.IMPORTED, duplicate__gt=0)
    return others.filter(pk__gt=statement.pk, first_date__lte=statement.last_date, last_date__gte=statement.first_date)


def undo_statement(statement, *, user=None):
    """Take a statement's transactions out again, whole; returns how many. Twice is once.

    Raises ValidationError while some are posted to the day book: those are taken back first.
    """
    with transaction.atomic():
        statement = Statement.objects.select_for_update().get(pk=statement.pk)
        if statement.state == Statement.State.UNDONE:
            return 0
        faults.refuse(statement.book_id, faults.STATEMENT, statement.pk, f"The statement {statement}")
        rows = statement.transactions.all()
        links.leave(rows, user)
        posted = rows.filter(IS_POSTED).count()
        if posted:
            raise ValidationError(f"{posted} of its rows are posted to the day book; take those back first.")
        count = storing.take_out(statement, user=user)
        statement.state, statement.undone_at = Statement.State.UNDONE, timezone.now()
        ledger.save(statement, user, "Undone")
        told = {"undone": f"{count:,} rows were taken out."}
        for job in Job.objects.filter(pk=statement.job_id, state=Job.State.DONE):
            Job.objects.filter(pk=job.pk).update(state=Job.State.UNDONE, result={**job.result, **told})
    return count


def rejected_of(parsed):
    """(headers, rows) of a ParsedStatement's rejected rows with their reasons, to be mended and sent again."""
    rows = ((row.line, row.reason, cells) for row, cells in zip(parsed.rejected, parsed.mendable(), strict=True))
    return _to_mend(parsed.headers, rows)


def rejected_of_statement(statement):
    """The same of a statement that was imported."""
    rows = statement.rejected_rows.values_list("line", "reason", "cells")
    return _to_mend(statement.headers, rows.iterator())


def _to_mend(headers, rows):
    """The reason stands first: in a row of too many fields it would lie under another column's name."""
    return ["Reason", *headers], ([f"Line {line}: {reason}", *cells] for line, reason, cells in rows)


# ------------------------------------------------------------------------------------------------ corrections


def settle(one, tag, *, user=None, whole_payee=False):
    """Give a transaction its tag for good; with `whole_payee` every untouched row of the payee too, and from now on.

    Returns how many rows have it now because of this.
    """
    with transaction.atomic():
        settle_all([one], tag, user=user)
        if not (whole_payee and one.product):
            return 1
        return 1 + remember(one.book, one.product, tag, user=user)


def settle_all(rows, tag, *, user=None):
    """Give debits of one book their tag for good. Raises ValidationError where one is posted as it stands, or split.

    With TBD they are told no more: no guess takes them, and they stand in the list of what is to be told.
    """
    book = rows[0].book
    if tag.book_id != book.pk:
        raise ValidationError("There is no such tag in this book.")
    with transaction.atomic():
        placing.lock(book)
        found = Transaction.objects.select_for_update().filter(book=book).in_bulk([one.pk for one in rows])
        locked = list(found.values())
        if any(one.debit_amount is None for one in locked):
            raise ValidationError("Only a debit has a tag.")
        if fixed := sum(one.is_fixed for one in locked):
            words = "It is" if len(locked) == 1 else f"{fixed} of them are"
            raise ValidationError(f"{words} posted to the day book; take that back there first.")
        if parts := _parts_of(locked):  # they have the tags, and are what posts
            one, *others = parts.values()
            words = f"{len(parts)} of them are split" if others else f"It is split over {one} tags"
            raise ValidationError(f"{words}; take the split away first.")
        by, percent = (DecidedBy.TBD.value, 0) if tag.is_tbd else (DecidedBy.MANUAL.value, 100)
        for one in locked:
            one.tag, one.decided_by, one.confidence, one.why, one.is_confirmed = tag, by, percent, "set by hand", True
        placing.store(locked, _SETTLED, user=user, reason=f"Tagged {tag}")


_SETTLED = ("tag_id", "decided_by", "confidence", "why", "is_confirmed")


def _parts_of(rows):
    """{pk: how many parts} of those transactions that are split."""
    parts = (Split.objects.filter(transaction__in=pks) for pks in placing.in_parts([one.pk for one in rows]))
    return Counter(pk for some in parts for pk in some.values_list("transaction", flat=True))


def rename_payee(one, product, *, user=None):
    """Give a transaction's payee another name: with a UPI id of his own every row of that id, and from now on.

    An id under which many are paid names none of them: then this row alone is meant. What was remembered of him holds
    for the new name too. Returns how many.
    """
    product = " ".join(ledger.clean_text(product).upper().split())[:120]
    if not product:
        raise ValidationError("The payee needs a name.")
    with transaction.atomic():
        placing.lock(one.book)
        one.refresh_from_db(fields=["product", "own_product"])
        names = [one.product, one.own_product]
        rows = Transaction.objects.filter(book=one.book)
        rows = rows.filter(upi_id=one.upi_id) if is_own_id(one.upi_id) else rows.filter(pk=one.pk)
        rows = list(rows.exclude(product=product))
        for row in rows:
            row.product, row.own_product = product, ""
        if is_own_id(one.upi_id):
            PayeeId.objects.update_or_create(book=one.book, upi_id=one.upi_id, defaults={"product": product})
        placing.store(rows, ("product", "own_product"), user=user, reason=f"Payee {product}")
        _take_memory_along(one.book, names, product, user)
        placing.replace_tags(placing.debits_of(one.book, [product]), user=user)
    return len(rows)


def _take_memory_along(book, names, product, user):
    """Remember for a payee's new name what the book remembers of his old ones, unless that has as good a tag already.

    The old ones keep theirs: another bank may still call him so.
    """
    rows = ProductTag.objects.filter(book=book, product__in=[*names, product]).select_related("tag")
    known, staff = {one.product: one for one in rows}, ProductTag.Source.STAFF
    was, now = next((known[name] for name in names if name in known), None), known.get(product)
    if was and not was.tag.is_tbd and (now is None or (was.source == staff and now.source != staff)):
        remember(book, product, was.tag, user=user, source=was.source)


def merge_tags(tag, into, *, user=None):
    """Make everything of one tag another's and retire it; returns how many transactions moved."""
    if tag.pk == into.pk or tag.book_id != into.book_id:
        raise ValidationError("Choose another tag of this book to merge into.")
    placing.refuse_tbd(tag, into)
    if not into.is_active:
        raise ValidationError(f"The tag {into} is retired; choose one in use.")
    with transaction.atomic():
        placing.lock(tag.book)
        rows = list(Transaction.objects.filter(tag=tag))
        for row in rows:
            row.tag = into
        placing.store(rows, ("tag_id",), user=user, reason=f"{tag} is {into}")
        for owner in (*tag.product_tags.all(), *tag.rules.all()):
            owner.tag = into
            ledger.save(owner, user, f"{tag} is {into}")
        Split.objects.filter(tag=tag).update(tag=into)
        if tag.shipped_as and not into.shipped_as:
            into.shipped_as, tag.shipped_as = tag.shipped_as, ""
        into.merged_into = None  # it is in use; no two tags ever lead to each other
        ledger.save(into, user, f"Takes in {tag}")
        tag.is_active, tag.merged_into = False, into  # what is learned of it, or shipped as it, is the other's too
        ledger.save(tag, user, f"Merged into {into}")
    return len(rows)


def remember(book, product, tag, *, user=None, source=ProductTag.Source.STAFF):
    """Remember a payee's tag, let rules that say otherwise leave him alone, and retag his untouched rows; returns how many."""
    return remember_all(book, {product: tag}, user=user, source=source)


def remember_all(book, tags, *, user=None, source=ProductTag.Source.STAFF):
    """Remember {product: Tag} and retag the payees' untouched rows; returns how many changed. A second call changes none.

    Where staff says so, rules that say otherwise leave the payees alone; an LLM's answer stands behind all that staff said.
    Raises ValidationError for TBD, which is nothing to remember.
    """
    placing.refuse_tbd(*tags.values())
    with transaction.atomic():
        placing.lock(book)
        if source == ProductTag.Source.STAFF:
            placing.except_from_rules(book, tags, user=user)
        known = {one.product: one for one in ProductTag.objects.filter(book=book) if one.product in tags}
        if source != ProductTag.Source.STAFF:
            tags = {product: tag for product, tag in tags.items() if product not in known}
            known = {}
        new = [ProductTag(book=book, product=name, tag=tags[name], source=source) for name in tags.keys() - known]
        changed = [one for one in known.values() if (one.tag_id, one.source) != (tags[one.product].pk, source)]
        for one in changed:
            one.tag, one.source, one.updated_at = tags[one.product], source, timezone.now()
        kept = {"default_user": user, "default_change_reason": "Tagged", "batch_size": 900}
        if new:
            bulk_create_with_history(new, ProductTag, **kept)
        if changed:
            bulk_update_with_history(changed, ProductTag, ["tag", "source", "updated_at"], **kept)
        return placing.replace_tags(placing.debits_of(book, tags), user=user)


@dataclass
class ProductTags:
    """What a CSV file (Product, Tag) says: {product: Tag}, and [{line, reason}] of what cannot be taken."""

    tags: dict = field(default_factory=dict)
    errors: list = field(default_factory=list)
    rows_in: int = 0


def read_product_tags(book, content):
    """The ProductTags of a CSV file (Product, Tag). Raises ValidationError where it is none."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValidationError("The file is not UTF-8 text. Save it as CSV UTF-8 and send it again.") from None
    if "\x00" in text:
        raise ValidationError("The file holds NUL bytes; it is no CSV.")
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        lines = [(reader.line_num, cells) for cells in reader]
    except csv.Error:  # a cell of more than 128 KB
        raise ValidationError('The file is no CSV of payees: a cell in it has no end. Look for a single ".') from None
    header = [name.strip().casefold() for name in lines[0][1]] if lines else []
    if header[:2] != ["product", "tag"]:
        raise ValidationError("The first line must be: Product,Tag")
    tags = {tag.name.casefold(): tag for tag in placing.tags_of(book)}
    found = ProductTags()
    for number, line in lines[1:]:
        if not any(cell.strip() for cell in line):
            continue
        found.rows_in += 1
        product, name = (*(armed(cell.strip()) for cell in line[:2]), "", "")[:2]
        product, tag = " ".join(product.upper().split()), tags.get(name.casefold())
        if not product or len(product) > 120:
            found.errors.append({"line": number, "reason": "Product is empty or longer than 120 letters."})
        elif tag is None:
            found.errors.append({"line": number, "reason": f"There is no tag '{name[:40]}' in {book}."})
        elif not tag.is_active:
            found.errors.append({"line": number, "reason": f"The tag {tag} is retired; choose one in use."})
        elif tag.is_tbd:
            found.errors.append({"line": number, "reason": placing.NOBODY_KNOWS})
        else:
            found.tags[product] = tag
    return found


# ------------------------------------------------------------------------------------------------ export

EXPORTED = (
    "transaction_date", "value_date", "narration", "reference", "debit_amount", "credit_amount", "closing_balance",
    "product", "mode", "tag", "decided_by", "confidence", "why", "posted",
)  # fmt: skip


def export_rows(book, first=None, last=None):
    """Dicts of a book's transactions as scripts read them, oldest first; a credit has no tag and nobody decided it."""
    rows = Transaction.objects.filter(book=book).select_related("tag").order_by("transaction_date", "id")
    rows = rows.filter(transaction_date__gte=first) if first else rows
    rows = rows.filter(transaction_date__lte=last) if last else rows
    for one in rows.iterator(chunk_size=2000):
        debit = one.debit_amount is not None
        yield {
            "transaction_date": one.transaction_date.isoformat(),
            "value_date": one.value_date and one.value_date.isoformat(),
            "narration": one.narration,
            "reference": one.reference,
            "debit_amount": plain(one.debit_amount),
            "credit_amount": plain(one.credit_amount),
            "closing_balance": plain(one.closing_balance),
            "product": one.product,
            "mode": one.mode,
            "tag": (one.tag.name if one.tag_id else "TBD") if debit else None,
            "decided_by": one.decided_by if debit else None,
            "confidence": one.confidence if debit else None,
            "why": one.why if debit else None,
            "posted": one.is_posted,
        }
