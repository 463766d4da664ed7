"""Whether statements, their transactions and the ledger agree: what check_statements and verify ask. Mends only what it
is told to.

A statement's counts are its rows'. A posted transaction is a live entry or transfer of the same account, day and
amount, and every live entry from a statement is some transaction's; what staff linked or matched is still
the same money.
"""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Sum

from expenses.books import links, posting
from expenses.models import IS_POSTED, CreditMatch, RejectedRow, Split, Statement, Transaction
from expenses.overview import spent
from ledger import daybook
from ledger import services as ledger
from ledger.models import Account, AccountTransfer, LedgerEntry
from shop import history
from shop.faults import STATEMENT, Found
from shop.models import Book
from shop.money import ZERO

COUNTS, POSTING, SUMS = "statement differs", "posting differs", "overview differs"

history.freezes(Statement, lambda row: {"freezes": STATEMENT, "ref": str(row.pk)})
history.freezes(Transaction, lambda row: {"freezes": STATEMENT, "ref": str(row.statement_id)})


@dataclass(frozen=True)
class Finding:
    """One fault: its kind, what it concerns, what is wrong; the rows it is mended with."""

    kind: str
    of: str
    message: str
    statement_id: int | None
    row: object


def faults(books, search):
    """The Found of the statements of the books (None: of all, and files that no upload claims)."""
    for book in Book.objects.all() if books is None else books:
        search.say(f"{book.slug}: statements")
        for one in findings(book):
            yield Found(
                book=book,
                kind=one.kind,
                of=one.of,
                text=one.message,
                remedy=f"check_statements --book {book.slug} --repair",
                freezes=STATEMENT if one.statement_id else "",
                ref=str(one.statement_id or ""),
                order=2,
            )
    if books is None:
        for path, message in strays():
            place = f"statements/{path.name}"
            yield Found(None, "orphan file", place, f"{place}: {message}", "set_aside_orphans")


def findings(book):
    """Every Finding of a book's statements, read at one moment."""
    with daybook.one_moment(book):
        return [*_counts(book), *_postings(book), *_matches(book), *_entries_of_nobody(book), *_sums(book)]


# ------------------------------------------------------------------------------------------------ counts


def _counts(book):
    rows = Transaction.objects.filter(book=book).order_by().values("statement")
    sums = {
        one["statement"]: one
        for one in rows.annotate(count=Count("pk"), debits=Sum("debit_amount"), credits=Sum("credit_amount"))
    }
    rejected = Counter(RejectedRow.objects.filter(statement__book=book).values_list("statement", flat=True))
    for statement in Statement.objects.filter(book=book).order_by("pk"):
        wrong = _wrong_counts(statement, sums.get(statement.pk), rejected[statement.pk])
        if wrong:
            message = f"The statement {statement}: {'; '.join(wrong)}."
            yield Finding(COUNTS, f"statement {statement.pk}", message, statement.pk, statement)


def _wrong_counts(statement, sums, rejected):
    count = sums["count"] if sums else 0
    if statement.state == Statement.State.UNDONE:
        return [f"it was undone, and {count} of its rows stand"] if count else []
    wrong = []
    for word, is_, should in (
        ("rows in", statement.rows_in, statement.imported + statement.duplicate + statement.rejected),
        ("imported", statement.imported, count),
        ("rejected", statement.rejected, rejected),
    ):
        if is_ != should:
            wrong.append(f"{word} is {is_}, its rows say {should}")
    if not statement.duplicate and not wrong:
        for word in ("debits", "credits"):
            is_, should = getattr(statement, word), (sums and sums[word]) or ZERO
            if is_ != should:
                wrong.append(f"{word} are {is_}, its rows say {should}")
    return wrong


# ------------------------------------------------------------------------------------------------ postings


def _postings(book):
    """Transactions that say they are posted, and whose entries say something else."""
    parts = defaultdict(list)
    for part in Split.objects.filter(transaction__book=book).select_related("entry").order_by("pk"):
        parts[part.transaction_id].append(part)
    rows = Transaction.objects.filter(book=book).order_by("pk")
    rows = rows.select_related("entry__category", "transfer", "statement")
    posted = rows.filter(IS_POSTED) | rows.filter(pk__in=parts)
    for one in posted.iterator(chunk_size=2000):
        wrong = _wrong_posting(one, parts[one.pk])
        if wrong:
            message = f"The transaction {one.pk} ({one}): {'; '.join(wrong)}."
            yield Finding(POSTING, f"transaction {one.pk}", message, one.statement_id, one)


def _wrong_posting(one, parts):
    wrong = []
    if parts and sum(part.amount for part in parts) != one.amount:
        wrong.append(f"its parts add up to {sum(part.amount for part in parts)}, not {one.amount}")
    if one.is_linked and one.is_posted and not links.is_same_money(one, one.entry or one.transfer):
        wrong.append(f"what it is linked to {links.fate(one.entry or one.transfer)}")
    if one.is_linked or not (one.is_posted or any(part.entry_id for part in parts)):
        return wrong
    if one.transfer_id:
        pairs = [(one.transfer, one.transfer.from_account_id, one.amount)]
    elif parts:
        pairs = [(part.entry, part.entry_id and part.entry.account_id, part.amount) for part in parts]
    else:
        pairs = [(one.entry, one.entry.account_id, one.amount)]
    for row, account_id, amount in pairs:
        if row is None:
            wrong.append("a part of it is not in the books")
        elif row.deleted_at or row.reversed_at:
            wrong.append(f"its entry {row.pk} is {'in the bin' if row.deleted_at else 'reversed'}")
        elif row.amount != amount:
            wrong.append(f"its entry {row.pk} has {row.amount}, the statement {amount}")
        elif account_id != one.account_id or one.transaction_date not in (row.date, row.adjusts_date):
            wrong.append(f"its entry {row.pk} lies on another day or in another account")
        elif row.source != posting.SOURCE or row.source_ref.partition(":")[0] != str(one.pk):
            wrong.append(f"its entry {row.pk} was not posted for it")
    return wrong


def _matches(book):
    """Matches of credits with collections that stand no more, or add up no more, and credits that are posted besides."""
    for matches in links.hanging_together(CreditMatch.objects.filter(transaction__book=book)):
        if not links.add_up(matches):
            one = matches[0].transaction
            message = f"The credit {one.pk} ({one}): the collections that it proves stand no more, or add up no more."
            yield Finding(POSTING, f"match {matches[0].pk}", message, one.statement_id, matches[0])

    doubled = Transaction.objects.filter(book=book, matches__isnull=False).filter(IS_POSTED)
    for one in doubled.select_related("statement").distinct().order_by("pk"):
        message = f"The credit {one.pk} ({one}) proves a collection and is posted or linked too: it counts twice."
        yield Finding(POSTING, f"transaction {one.pk}", message, one.statement_id, one)


def _entries_of_nobody(book):
    """Live entries and transfers from statements that no transaction knows."""
    live = {"book": book, "source": posting.SOURCE, "deleted_at": None, "reversed_at": None}
    rows = Transaction.objects.filter(book=book)
    known_entries = {
        *rows.exclude(entry=None).values_list("entry", flat=True),
        *Split.objects.filter(transaction__book=book).exclude(entry=None).values_list("entry", flat=True),
    }
    known_transfers = set(rows.exclude(transfer=None).values_list("transfer", flat=True))
    for model, known in ((LedgerEntry, known_entries), (AccountTransfer, known_transfers)):
        for row in model.objects.filter(**live).order_by("pk"):
            if row.pk in known:
                continue
            pk = row.source_ref.partition(":")[0]
            statement_id = rows.filter(pk=pk).values_list("statement", flat=True).first() if pk.isdecimal() else None
            what = row._meta.verbose_name
            message = f"The {what} {row.pk} ({row}) came from a statement, and no transaction is posted as it."
            yield Finding(POSTING, f"{what} {row.pk}", message, statement_id, row)


# ------------------------------------------------------------------------------------------------ kept sums


def _sums(book):
    """The sums behind the expenses overview, where they are not what the debits add up to."""
    wrong = spent.differences(book.pk)
    if wrong:
        table, key, stored, computed = wrong[0]
        message = (
            f"The expenses overview of {book}: {len(wrong)} kept sums differ from the debits; the first, of "
            f"{table.removeprefix('expenses_')} {', '.join(map(str, key))}, is {_sum(stored)}, not {_sum(computed)}."
        )
        yield Finding(SUMS, "overview", message, None, book)


def _sum(found):
    return f"{found[1]} ({found[0]})" if found else "missing"


# ------------------------------------------------------------------------------------------------ files without a row


def strays():
    """[(path, what it is)] of files in statements/ that are no whole upload waiting for somebody."""
    folder = Path(settings.DATA_DIR, "statements")
    books = dict(Account.objects.values_list("pk", "book"))
    found = []
    for path in sorted(folder.glob("*")):
        other = path.with_suffix(".upload" if path.suffix == ".json" else ".json")
        if path.suffix not in (".upload", ".json"):
            found.append((path, "No upload has such a name."))
        elif not other.exists():
            found.append((path, "Half of an upload is missing."))
        elif path.suffix == ".json" and not _is_somebodys(path, books):
            found += [(path, "It names no account that is here."), (other, "It names no account that is here.")]
    return found


def _is_somebodys(path, books):
    try:
        about = json.loads(path.read_text())
        return books.get(about["account"]) == about["book"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


# ------------------------------------------------------------------------------------------------ mending


def repair(book, *, user=None):
    """Mend what findings() names, and return it: counts become what the rows say; a wrong posting is taken back and
    posted anew, a lost one let go so that it can be posted again, and so is a link or match with what is not the same
    money; a credit that proves a collection is posted no more; parts that do not add up are taken away, to be divided
    anew; an entry of nobody's is taken back; the overview's sums are added up anew."""
    done = []
    for one in findings(book):
        if one.kind == COUNTS:
            _recount(one.row, user)
        elif one.kind == SUMS:
            spent.rebuild(book.pk)
        elif isinstance(one.row, CreditMatch):
            links.mend(one.row.entry, user)
        elif isinstance(one.row, Transaction) and one.row.matches.exists():
            posting.unpost([one.row], user=user, mends=True)  # the collection was in the books before
        elif isinstance(one.row, Transaction) and _is_wrongly_linked(one.row):
            links.mend(one.row.entry or one.row.transfer, user)
        elif isinstance(one.row, Transaction):
            stood = one.row.entry or one.row.transfer
            stands = stood is not None and not (stood.deleted_at or stood.reversed_at)
            posting.unpost([one.row], user=user, mends=True)
            if not _parts_add_up(one.row):
                posting.split(one.row, [], user=user, mends=True)
            elif stands:
                posting.post([one.row], user=user, adjust=True, mends=True)
        else:
            posting.take_back(one.row, user)
        done.append(one)
    return done


def _is_wrongly_linked(one):
    """Whether a link is all that is wrong with a transaction of the findings."""
    return one.is_linked and one.is_posted and _parts_add_up(one)


def _parts_add_up(one):
    parts = list(one.splits.all())
    return not parts or sum(part.amount for part in parts) == one.amount


def _recount(statement, user):
    with transaction.atomic():
        statement = Statement.objects.select_for_update().get(pk=statement.pk)
        rows = statement.transactions.aggregate(
            count=Count("pk"), debits=Sum("debit_amount"), credits=Sum("credit_amount")
        )
        statement.state = Statement.State.IMPORTED
        statement.imported, statement.rejected = rows["count"], statement.rejected_rows.count()
        statement.rows_in = statement.imported + statement.duplicate + statement.rejected
        if not statement.duplicate:
            statement.debits, statement.credits = rows["debits"] or ZERO, rows["credits"] or ZERO
        ledger.save(statement, user, "Counted anew")
