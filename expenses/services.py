"""Statements in, corrections, undo: what pages, tasks and commands call. Each is atomic; callers have checked access.

Errors are StatementError (the file; UnknownLayout carries a proposal) and ValidationError, each naming the way out.
"""

import csv
import hashlib
import io
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from simple_history.utils import bulk_update_with_history

from expenses import placing
from expenses.categorise import Row
from expenses.models import (
    PayeeId,
    ProductTag,
    RejectedRow,
    Split,
    Statement,
    StatementMapping,
    Tag,
    Transaction,
)
from expenses.narration import name_products, read_narration
from expenses.statements import UnknownLayout, read_statement
from ledger import services as ledger
from ledger.models import Account
from lendbook.money import from_paise, plain

STATEMENT_KINDS = (Account.Kind.BANK, Account.Kind.UPI, Account.Kind.CARD)


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
        }


def parse(account, content, *, layout=None, mapping=None, dates=None):
    """Read a statement for an account: by its layout, by the given mapping, else by the account's remembered one."""
    if account.kind not in STATEMENT_KINDS:
        raise ValidationError(f"{account} is a cash box; statements belong to a bank account, a UPI wallet or a card.")
    try:
        return read_statement(content, layout=layout, mapping=mapping, dates=dates)
    except UnknownLayout:
        known = StatementMapping.objects.filter(account=account).first()
        if known is None or mapping or layout:
            raise
        return read_statement(content, mapping=known.columns, dates=dates or known.dates or None)


def preview(account, parsed):
    """The Report of what importing would do now."""
    known = _known_fingerprints(account, parsed)
    duplicate = sum(fingerprint in known for fingerprint in parsed.frame["fingerprint"])
    return _report(parsed, imported=len(parsed.frame) - duplicate, duplicate=duplicate)


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
        statement=statement,
    )


def _known_fingerprints(account, parsed):
    if not parsed.period:
        return set()
    rows = Transaction.objects.filter(account=account, transaction_date__range=parsed.period)
    return set(rows.values_list("fingerprint", flat=True))


def import_statement(
    account, content, *, file_name, user=None, layout=None, mapping=None, dates=None, job=None, on_progress=None
):
    """Read, check, deduplicate, place and store a statement; returns the Report. The good rows come in, all or none.

    The same file twice adds nothing; overlapping statements add only what is new; two truly identical rows of one
    statement both stay. `on_progress(done, total)` may raise to cancel; nothing then stays behind.
    """
    parsed = parse(account, content, layout=layout, mapping=mapping, dates=dates)
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)  # two uploads at once come one after another
        sha256 = hashlib.sha256(content).hexdigest()
        earlier = Statement.objects.filter(account=account, sha256=sha256).exclude(state=Statement.State.UNDONE).first()
        if earlier:
            return _report(parsed, imported=0, duplicate=len(parsed.frame), statement=earlier)
        known = _known_fingerprints(account, parsed)
        frame = parsed.frame[~parsed.frame["fingerprint"].isin(known)]
        statement = _statement(account, parsed, len(frame), file_name, sha256, user, job)
        RejectedRow.objects.bulk_create(
            [
                RejectedRow(statement=statement, line=row.line, reason=row.reason, cells=list(row.cells))
                for row in parsed.rejected
            ],
            batch_size=1000,
        )
        _store_rows(statement, frame, on_progress)
        _write_first_history(statement, user)
        if mapping:
            StatementMapping.objects.update_or_create(
                account=account, defaults={"columns": mapping, "dates": dates or parsed.dates}
            )
    return _report(parsed, imported=len(frame), duplicate=len(parsed.frame) - len(frame), statement=statement)


def _statement(account, parsed, imported, file_name, sha256, user, job):
    first, last = parsed.period or (None, None)
    statement = Statement(
        book=account.book,
        account=account,
        file_name=ledger.clean_text(file_name)[:200],
        sha256=sha256,
        layout=parsed.layout,
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


def _store_rows(statement, frame, on_progress):
    """Name, place and store the fresh rows of a statement."""
    book, account = statement.book, statement.account
    distinct = {text: read_narration(text) for text in frame["narration"].unique()}
    narrations = [distinct[text] for text in frame["narration"]]
    ids = {narration.upi_id for narration in distinct.values() if narration.upi_id}
    known = dict(PayeeId.objects.filter(book=book, upi_id__in=ids).values_list("upi_id", "product"))
    products, new = name_products(narrations, known)
    PayeeId.objects.bulk_create(
        [PayeeId(book=book, upi_id=upi_id[:120], product=product[:120]) for upi_id, product in new.items()],
        batch_size=1000,
        ignore_conflicts=True,
    )
    knowledge = placing.Knowledge(book)
    columns = zip(*(frame[name].tolist() for name in _COLUMNS), narrations, products, strict=True)
    fresh, done, total = [], 0, len(frame)
    for line, day, text, value_date, reference, debit, credit, balance, fingerprint, narration, product in columns:
        fresh.append(
            Transaction(
                book=book,
                account=account,
                statement=statement,
                line=line,
                transaction_date=day,
                value_date=value_date,
                narration=text,
                reference=reference[:200],
                debit_amount=from_paise(debit) if debit else None,
                credit_amount=from_paise(credit) if credit else None,
                closing_balance=None if balance is None or balance != balance else from_paise(balance),
                fingerprint=fingerprint,
                mode=narration.mode,
                product=product[:120],
                upi_id=narration.upi_id[:120],
            )
        )
    debits = [one for one in fresh if one.debit_amount is not None]
    rows = [Row(one.narration, one.product, one.debit_amount, one.mode, account.pk) for one in debits]
    for one, placement in zip(debits, knowledge.place(rows), strict=True):
        placing.take(one, placement, knowledge)
    for start in range(0, total, _BATCH):
        Transaction.objects.bulk_create(fresh[start : start + _BATCH], batch_size=_BATCH)
        done += len(fresh[start : start + _BATCH])
        if on_progress:
            on_progress(done, total)


_BATCH = 2000
_COLUMNS = (
    "line", "transaction_date", "narration", "value_date", "reference", "debit", "credit", "balance", "fingerprint",
)  # fmt: skip


def _write_first_history(statement, user):
    """The first history row of each transaction, in one statement: bulk_create writes none."""
    History = Transaction.history.model
    table, of = History._meta.db_table, Transaction._meta.db_table
    quote = connection.ops.quote_name
    columns = [field.column for field in Transaction._meta.concrete_fields]
    names = ", ".join(quote(column) for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO {quote(table)} ({names}, history_date, history_change_reason, history_type, history_user_id)
                SELECT {names}, %s, 'Imported', '+', %s FROM {quote(of)} WHERE statement_id = %s""",
            [connection.ops.adapt_datetimefield_value(timezone.now()), user and user.pk, statement.pk],
        )


def undo_statement(statement, *, user=None):
    """Take a statement's transactions out again, whole; returns how many. Twice is once.

    Raises ValidationError while some are posted to the day book: those are taken back first.
    """
    with transaction.atomic():
        statement = Statement.objects.select_for_update().get(pk=statement.pk)
        if statement.state == Statement.State.UNDONE:
            return 0
        rows = statement.transactions.all()
        posted = (rows.filter(entry__isnull=False) | rows.filter(transfer__isnull=False)).count()
        if posted:
            raise ValidationError(f"{posted} of its rows are posted to the day book; take those back first.")
        count = rows.count()
        rows.delete()
        statement.state, statement.undone_at = Statement.State.UNDONE, timezone.now()
        ledger.save(statement, user, "Undone")
    return count


# ------------------------------------------------------------------------------------------------ corrections


def settle(one, tag, *, user=None, whole_payee=False):
    """Give a transaction its tag for good; with `whole_payee` every untouched row of the payee too, and from now on.

    Returns how many rows have it now because of this.
    """
    if tag.book_id != one.book_id:
        raise ValidationError("There is no such tag in this book.")
    with transaction.atomic():
        one = Transaction.objects.select_for_update().get(pk=one.pk)
        one.tag, one.decided_by, one.confidence, one.why, one.is_confirmed = tag, "manual", 100, "set by hand", True
        ledger.save(one, user, f"Tagged {tag}")
        if not (whole_payee and one.product):
            return 1
        return 1 + remember(one.book, one.product, tag, user=user)


def rename_payee(one, product, *, user=None):
    """Give a transaction's payee another name: with a UPI id every row of that id, and from now on. Returns how many."""
    product = " ".join(ledger.clean_text(product).upper().split())[:120]
    if not product:
        raise ValidationError("The payee needs a name.")
    with transaction.atomic():
        rows = (
            Transaction.objects.filter(book=one.book, upi_id=one.upi_id)
            if one.upi_id
            else Transaction.objects.filter(pk=one.pk)
        )
        rows = list(rows.exclude(product=product))
        for row in rows:
            row.product = product
        if one.upi_id:
            PayeeId.objects.update_or_create(book=one.book, upi_id=one.upi_id, defaults={"product": product})
        if rows:
            bulk_update_with_history(
                rows,
                Transaction,
                ["product"],
                batch_size=1000,
                default_user=user,
                default_change_reason=f"Payee {product}"[:100],
            )
        placing.replace_tags(Transaction.objects.filter(book=one.book, product=product), user=user)
    return len(rows)


def merge_tags(tag, into, *, user=None):
    """Make everything of one tag another's and retire it; returns how many transactions moved."""
    if tag.pk == into.pk or tag.book_id != into.book_id:
        raise ValidationError("Choose another tag of this book to merge into.")
    with transaction.atomic():
        rows = list(Transaction.objects.filter(tag=tag))
        for row in rows:
            row.tag = into
        if rows:
            bulk_update_with_history(
                rows,
                Transaction,
                ["tag"],
                batch_size=1000,
                default_user=user,
                default_change_reason=f"{tag} is {into}"[:100],
            )
        for owner in (*tag.product_tags.all(), *tag.rules.all()):
            owner.tag = into
            ledger.save(owner, user, f"{tag} is {into}")
        Split.objects.filter(tag=tag).update(tag=into)
        if tag.shipped_as and not into.shipped_as:
            into.shipped_as, tag.shipped_as = tag.shipped_as, ""
            ledger.save(into, user, f"Takes in {tag}")
        tag.is_active = False
        ledger.save(tag, user, f"Merged into {into}")
    return len(rows)


def remember(book, product, tag, *, user=None, source=ProductTag.Source.STAFF):
    """Remember a payee's tag, let rules that say otherwise leave him alone, and retag his untouched rows; returns how many."""
    with transaction.atomic():
        placing.except_from_rules(book, product, tag, user=user)
        known = ProductTag.objects.filter(book=book, product=product).first() or ProductTag(book=book, product=product)
        known.tag, known.source = tag, source
        ledger.save(known, user, f"Tagged {tag}")
        return placing.replace_tags(Transaction.objects.filter(book=book, product=product), user=user)


def import_product_tags(book, content, *, user=None):
    """Take corrections in bulk from CSV (Product, Tag), as if staff had settled each payee; returns a document."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValidationError("The file is not UTF-8 text. Save it as CSV UTF-8 and send it again.") from None
    if "\x00" in text:
        raise ValidationError("The file holds NUL bytes; it is no CSV.")
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip().casefold() for name in next(reader, [])]
    if header[:2] != ["product", "tag"]:
        raise ValidationError("The first line must be: Product,Tag")
    tags = {tag.name.casefold(): tag for tag in placing.tags_of(book)}
    good, errors, rows_in = {}, [], 0
    for line in reader:
        if not any(cell.strip() for cell in line):
            continue
        rows_in += 1
        product, tag = (*(cell.strip() for cell in line[:2]), "", "")[:2]
        product = " ".join(product.upper().split())
        if not product or len(product) > 120:
            errors.append({"line": reader.line_num, "reason": "Product is empty or longer than 120 letters."})
        elif tag.casefold() not in tags:
            errors.append({"line": reader.line_num, "reason": f"There is no tag '{tag[:40]}' in {book}."})
        else:
            good[product] = tags[tag.casefold()]
    changed = 0
    with transaction.atomic():
        for product, tag in good.items():
            changed += remember(book, product, tag, user=user)
    return {
        "rows_in": rows_in,
        "imported": rows_in - len(errors),
        "rejected": len(errors),
        "retagged": changed,
        "errors": errors,
    }


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


def tag_named(book, name):
    """The book's Tag of that name, letter case aside. Raises ValidationError."""
    placing.tags_of(book)
    tag = Tag.objects.filter(book=book, name__iexact=name.strip()).first()
    if tag is None:
        raise ValidationError(f"There is no tag '{name[:40]}' in {book}.")
    return tag
