"""The heart: every day's totals, right for all later days whatever changed.

record_changes appends to the outbox (DayChange) in the writer's own transaction. refresh locks the book, takes what
is pending, recomputes those days from the entries and carries the balance over every later day, each in one
statement: it is idempotent and order-free, so a lost, doubled or reordered task changes nothing. Every reader comes
through finish_pending first; a stale closing is never shown as current.

Raw SQL, alike on SQLite and PostgreSQL: no loop over entries or days. Amounts in it are whole paise.
"""

import functools
import json
import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from ledger.models import (
    Account,
    AccountDay,
    AccountTransfer,
    Book,
    DayBook,
    DayBookDetail,
    DayChange,
    DayClose,
    LedgerEntry,
    TransactionType,
)
from lendbook.money import ZERO, to_paise

logger = logging.getLogger(__name__)

# Entry e joined to its category c: a reversal counts against its category.
_SIGNED = "CASE WHEN e.reversal_of_id IS NULL THEN e.amount ELSE -e.amount END"
_MOVED = "(CASE WHEN t.reversal_of_id IS NULL THEN t.amount ELSE -t.amount END)"
_RECEIVED = f"CASE WHEN c.direction = 'received' THEN {_SIGNED} ELSE 0 END"
_SPENT = f"CASE WHEN c.direction = 'spent' THEN {_SIGNED} ELSE 0 END"


class ClosedDay(ValidationError):
    """The change touches a closed day. `first_open_date` is where an adjustment may be posted instead."""

    def __init__(self, date, closed_through):
        self.first_open_date = closed_through + timedelta(days=1)
        when = "an opening balance counts from the first day" if date is None else f"{date:%d-%m-%Y} is closed"
        super().__init__(
            f"{when[0].upper() + when[1:]}, and the book is closed through {closed_through:%d-%m-%Y}. Post an "
            f"adjustment on {self.first_open_date:%d-%m-%Y}, or ask an owner to reopen the day.",
            code="closed",
        )


# ------------------------------------------------------------------------------------------------ the writer's side


def record_changes(book_id, dates):
    """Append the days to the outbox, in the caller's transaction, and refuse closed ones. None: an opening changed.

    The close is read after the change was written, under share_book's lock: either the closer waits for this writer
    and sees what it wrote, or this writer sees the close.
    Raises ClosedDay; the caller's transaction must then roll back.
    """
    dates = set(dates)
    if not dates:
        return
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("A change and its outbox rows belong in one transaction.")
    DayChange.objects.bulk_create([DayChange(book_id=book_id, date=date) for date in dates], batch_size=1000)
    book = share_book(book_id)
    if None in dates and _opening_is_closed(book):
        raise ClosedDay(None, book.closed_through)
    closed = [date for date in dates if date is not None and book.is_closed_on(date)]
    if closed:
        raise ClosedDay(min(closed), book.closed_through)
    transaction.on_commit(functools.partial(wake_worker, book_id))


def _opening_is_closed(book):
    """Whether an opening balance counts in a closed day. Reopening the first day leaves only empty ones before it."""
    if book.closed_through is None:
        return False
    closed = {"book": book, "date__lte": book.closed_through}
    return (
        DayClose.objects.filter(reopened_at=None, **closed).exists()
        or LedgerEntry.objects.filter(**closed).exists()
        or AccountTransfer.objects.filter(**closed).exists()
    )


def share_book(book_id):
    """The Book as it stands, which no closer can change until the transaction ends; writers share this lock.

    Taken by hand because the foreign keys of what a writer inserts are checked, and lock the book, at commit only.
    """
    lock = "FOR KEY SHARE" if connection.vendor == "postgresql" else ""
    return Book.objects.raw(f"SELECT * FROM ledger_book WHERE id = %s {lock}", [book_id])[0]


def wake_worker(book_id):
    """Tell the worker that a book has changes: one task for a burst of saves.

    The worker takes the mark away before it reads the outbox, so a change whose mark was found standing is seen by
    the task already queued. Cache or queue down: the outbox holds the work; a reader or the sweep does it.
    """
    from django_q.tasks import async_task

    try:
        if cache.add(_wake_mark(book_id), True, timeout=60):
            async_task("ledger.tasks.refresh_book", book_id, task_name=f"day book {book_id}")
    except Exception:
        logger.warning("The worker could not be told of changes in book %s; the sweep will find them.", book_id)


def worker_begins(book_id):
    """Take the wake mark away: what commits from here on wakes the worker again."""
    try:
        cache.delete(_wake_mark(book_id))
    except Exception:
        logger.warning("The cache does not answer; the wake mark of book %s expires by itself.", book_id)


def _wake_mark(book_id):
    return f"wake:{book_id}"


# ------------------------------------------------------------------------------------------------ the engine


def lock_book(book_id, *, whole=False):
    """Lock the book's row until the transaction ends and return it; `whole` also keeps out writers (for closing).

    Not-whole is FOR NO KEY UPDATE: refreshes queue up behind each other while writers, who share the book
    (share_book), go on. SQLite's IMMEDIATE transaction is the lock there.
    """
    return Book.objects.select_for_update(no_key=not whole).get(pk=book_id)


def finish_pending(book_id):
    """What every reader calls first: does what is pending for the book at this moment, if anything."""
    if DayChange.objects.filter(book_id=book_id).exists():
        refresh(book_id)


def finish_all_pending():
    """finish_pending for every book that has something pending; one book's trouble does not keep the others waiting."""
    for book_id in DayChange.objects.values_list("book_id", flat=True).distinct().order_by():
        try:
            finish_pending(book_id)
        except Exception:
            logger.exception("The days of book %s could not be computed; the next sweep tries again.", book_id)


def refresh(book_id):
    """Do the outbox of a book; returns how many days were recomputed. A second run finds nothing."""
    with transaction.atomic():
        lock_book(book_id)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM ledger_daychange WHERE book_id = %s RETURNING date", [book_id])
            taken = {_as_date(row[0]) for row in cursor.fetchall()}
        if not taken:
            return 0
        dates = sorted(taken - {None})
        if dates:
            _recompute(book_id, dates)
        _carry(book_id, None if None in taken else dates[0])
        return len(dates)


def rebuild(book_id, since=None):
    """Compute every day of the book from its entries, from `since` or from the first; days without entries go away."""
    with transaction.atomic():
        lock_book(book_id)
        if since is None:
            DayChange.objects.filter(book_id=book_id).delete()
        later, parameters = ("", [book_id]) if since is None else ("AND date >= %s", [book_id, _sql_date(since)])
        with connection.cursor() as cursor:
            cursor.execute(
                f"""DELETE FROM ledger_daybookdetail WHERE day_book_id IN
                    (SELECT id FROM ledger_daybook WHERE book_id = %s {later})""",
                parameters,
            )
            cursor.execute(f"DELETE FROM ledger_daybook WHERE book_id = %s {later}", parameters)
            cursor.execute(f"DELETE FROM ledger_accountday WHERE book_id = %s {later}", parameters)
        of_entries, of_transfers = (later.replace("date", alias + ".date") for alias in "et")
        _compute(book_id, of_entries, of_transfers, parameters[1:])
        _carry(book_id, since)


def _recompute(book_id, dates):
    """Replace details, totals and account movements of the given days by what the entries say now."""
    among, listed = _among(dates)
    days = f"SELECT id FROM ledger_daybook WHERE book_id = %s AND date {among}"
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM ledger_daybookdetail WHERE day_book_id IN ({days})", [book_id, listed])
        cursor.execute(f"DELETE FROM ledger_accountday WHERE book_id = %s AND date {among}", [book_id, listed])
        cursor.execute(
            f"""UPDATE ledger_daybook SET total_received = 0, total_spent = 0, closing_balance = opening_balance,
                calculated_at = %s WHERE book_id = %s AND date {among}""",
            [_now(), book_id, listed],
        )
    _compute(book_id, f"AND e.date {among}", f"AND t.date {among}", [listed])


def _compute(book_id, of_entries, of_transfers, parameters):
    """Insert details, day totals and account movements for the entries and transfers that the two conditions name."""
    entries = f"""FROM ledger_ledgerentry e JOIN ledger_category c ON c.id = e.category_id
                  WHERE e.book_id = %s AND e.deleted_at IS NULL {of_entries}"""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO ledger_daybook
                  (book_id, date, opening_balance, total_received, total_spent, closing_balance, calculated_at)
                SELECT %s, date, 0, received, spent, received - spent, %s FROM (
                  SELECT e.date AS date, SUM({_RECEIVED}) AS received, SUM({_SPENT}) AS spent
                  {entries} GROUP BY e.date) AS totals WHERE TRUE
                ON CONFLICT (book_id, date) DO UPDATE SET
                  total_received = excluded.total_received, total_spent = excluded.total_spent,
                  closing_balance = ledger_daybook.opening_balance + excluded.total_received - excluded.total_spent,
                  calculated_at = excluded.calculated_at""",
            [book_id, _now(), book_id, *parameters],
        )
        cursor.execute(
            f"""INSERT INTO ledger_daybookdetail
                  (day_book_id, transaction_type, category_id, subcategory, amount, transaction_count)
                SELECT d.id, sums.type, sums.category_id, sums.subcategory, sums.amount, sums.n FROM (
                  SELECT e.date AS date, CASE c.direction WHEN 'received' THEN 'COLLECTION' ELSE 'EXPENSE' END AS type,
                    e.category_id, e.subcategory, SUM({_SIGNED}) AS amount, COUNT(*) AS n
                  {entries} GROUP BY e.date, c.direction, e.category_id, e.subcategory) AS sums
                JOIN ledger_daybook d ON d.book_id = %s AND d.date = sums.date""",
            [book_id, *parameters, book_id],
        )
        cursor.execute(
            f"""INSERT INTO ledger_accountday (book_id, account_id, date, received, spent, transferred)
                SELECT %s, account_id, date, SUM(received), SUM(spent), SUM(transferred) FROM (
                  SELECT e.account_id, e.date AS date, {_RECEIVED} AS received, {_SPENT} AS spent, 0 AS transferred
                  {entries}
                  UNION ALL
                  SELECT t.from_account_id, t.date, 0, 0, -{_MOVED}
                  FROM ledger_accounttransfer t WHERE t.book_id = %s AND t.deleted_at IS NULL {of_transfers}
                  UNION ALL
                  SELECT t.to_account_id, t.date, 0, 0, {_MOVED}
                  FROM ledger_accounttransfer t WHERE t.book_id = %s AND t.deleted_at IS NULL {of_transfers}
                ) AS moved GROUP BY account_id, date""",
            [book_id, book_id, *parameters, book_id, *parameters, book_id, *parameters],
        )


def _carry(book_id, since):
    """Set opening and closing of every day from `since` on (None: all) in one statement; right rows stay unwritten."""
    base = openings(book_id) if since is None else balance_before(book_id, since)
    later = "" if since is None else "AND date >= %s"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE ledger_daybook SET opening_balance = run.opening,
                  closing_balance = run.opening + total_received - total_spent, calculated_at = %s
                FROM (SELECT id AS day_id,
                        CAST(%s + SUM(total_received - total_spent) OVER (ORDER BY date)
                             - (total_received - total_spent) AS bigint) AS opening
                      FROM ledger_daybook WHERE book_id = %s {later}) AS run
                WHERE run.day_id = ledger_daybook.id AND ledger_daybook.opening_balance <> run.opening""",
            [_now(), to_paise(base), book_id, *([] if since is None else [_sql_date(since)])],
        )


def _among(dates):
    """SQL for "is one of these dates" with one parameter however many there are, and that parameter."""
    if connection.vendor == "postgresql":
        return "= ANY(%s)", dates
    return "IN (SELECT value FROM json_each(%s))", json.dumps([date.isoformat() for date in dates])


def _now():
    return connection.ops.adapt_datetimefield_value(timezone.now())


def _sql_date(date):
    return connection.ops.adapt_datefield_value(date)


def _as_date(value):
    return DayChange._meta.get_field("date").to_python(value)


# ------------------------------------------------------------------------------------------------ the reader's side


@dataclass
class AccountOnDay:
    """One account on one day, Decimal rupees: closing = opening + received − spent + transferred."""

    account: Account
    opening_balance: Decimal
    received: Decimal = ZERO
    spent: Decimal = ZERO
    transferred: Decimal = ZERO

    @property
    def closing_balance(self):
        return self.opening_balance + self.received - self.spent + self.transferred


@dataclass
class Day:
    """A day of the day book as pages and scripts show it; every amount is Decimal rupees."""

    book: Book
    date: object
    opening_balance: Decimal
    total_received: Decimal = ZERO
    total_spent: Decimal = ZERO
    calculated_at: object = None
    details: list = field(default_factory=list)
    accounts: list = field(default_factory=list)

    @property
    def closing_balance(self):
        return self.opening_balance + self.total_received - self.total_spent

    @property
    def is_closed(self):
        return self.book.is_closed_on(self.date)

    def details_of(self, transaction_type):
        return [detail for detail in self.details if detail.transaction_type == transaction_type]

    @property
    def received_details(self):
        return self.details_of(TransactionType.COLLECTION)

    @property
    def spent_details(self):
        return self.details_of(TransactionType.EXPENSE)


def openings(book_id):
    """The sum of the accounts' opening balances, Decimal rupees."""
    return Account.objects.filter(book=book_id).aggregate(sum=Sum("opening_balance"))["sum"] or ZERO


def balance_before(book_id, date):
    """The book's balance on the morning of `date`, Decimal rupees. The caller has finished what is pending."""
    row = DayBook.objects.filter(book=book_id, date__lt=date).order_by("-date").values_list("closing_balance").first()
    return openings(book_id) if row is None else row[0]


def day_book_on(book, date):
    """The finished Day of a book, with details and accounts."""
    return day_books(book, date, date)[0]


def day_books(book, first, last, *, details=True, accounts=True):
    """The finished Days from `first` through `last`, one for every date; those up to today are stored as well.

    Raises ValidationError for a range that ends before it begins.
    """
    if last < first:
        raise ValidationError(f"The range ends ({last:%d-%m-%Y}) before it begins ({first:%d-%m-%Y}).", code="range")
    for _ in range(5):
        finish_pending(book.pk)
        _store_missing_days(book, first, last)
        with _one_moment():
            if not DayChange.objects.filter(book=book).exists():
                return _read_days(book, first, last, details, accounts)
    with transaction.atomic():  # writers are faster than this reader: let them wait once
        lock_book(book.pk, whole=True)
        finish_pending(book.pk)
        return _read_days(book, first, last, details, accounts)


@contextmanager
def _one_moment():
    """All reads within see the database at one moment, so that details, totals and accounts of a page agree.

    Within a transaction of the caller's there is nothing to add; otherwise a read transaction that waits for nobody.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        immediate, connection.transaction_mode = connection.transaction_mode, "DEFERRED"
        try:
            with transaction.atomic():
                yield
        finally:
            connection.transaction_mode = immediate


def _read_days(book, first, last, details, accounts):
    """The Days as stored; a date without a row carries the balance."""
    stored = _stored_days(book, first, last)
    balance = None if first in stored else balance_before(book.pk, first)
    days = []
    for offset in range((last - first).days + 1):
        row = stored.get(first + timedelta(days=offset))
        if row is None:
            day = Day(book, first + timedelta(days=offset), balance)
        else:
            day = Day(book, row.date, row.opening_balance, row.total_received, row.total_spent, row.calculated_at)
        balance = day.closing_balance
        days.append(day)
    if details:
        _add_details(days, stored)
    if accounts:
        _add_accounts(book, days)
    return days


def _store_missing_days(book, first, last):
    """Store the days of the range, up to today, that were never calculated."""
    kept_from, kept_to = max(first, _kept_since(book)), min(last, book.today())
    stored = DayBook.objects.filter(book=book, date__range=(kept_from, kept_to)).count()
    if stored < (kept_to - kept_from).days + 1:
        _store_quiet_days(book.pk, kept_from, kept_to)


def _kept_since(book):
    """Days from here to today are stored once asked for; before it nothing can have happened."""
    earliest = DayBook.objects.filter(book=book).order_by("date").values_list("date", flat=True).first()
    return min(date for date in (earliest, book.begins_on, book.today()) if date is not None)


def _stored_days(book, first, last):
    return {day.date: day for day in DayBook.objects.filter(book=book, date__range=(first, last))}


def _store_quiet_days(book_id, first, last):
    """Store the days of the range that have no row yet: nothing happened on them, so they carry the balance."""
    calendar = (
        "SELECT generate_series(%s::date, %s::date, '1 day')::date AS date"
        if connection.vendor == "postgresql"
        else """WITH RECURSIVE calendar(date) AS (SELECT %s UNION ALL SELECT date(date, '+1 day') FROM calendar
                WHERE date < %s) SELECT date FROM calendar"""
    )
    with transaction.atomic():
        lock_book(book_id)
        base = to_paise(openings(book_id))
        before = """COALESCE((SELECT closing_balance FROM ledger_daybook d WHERE d.book_id = %s AND d.date < day.date
                    ORDER BY d.date DESC LIMIT 1), %s)"""
        with connection.cursor() as cursor:
            cursor.execute(
                f"""INSERT INTO ledger_daybook
                      (book_id, date, opening_balance, total_received, total_spent, closing_balance, calculated_at)
                    SELECT %s, date, balance, 0, 0, balance, %s
                    FROM (SELECT day.date AS date, {before} AS balance FROM ({calendar}) AS day) AS quiet WHERE TRUE
                    ON CONFLICT (book_id, date) DO NOTHING""",
                [book_id, _now(), book_id, base, _sql_date(first), _sql_date(last)],
            )


def _add_details(days, stored):
    by_id = {row.pk: date for date, row in stored.items()}
    by_date = {day.date: day for day in days}
    rows = (
        DayBookDetail.objects.filter(day_book__book=days[0].book, day_book__date__range=(days[0].date, days[-1].date))
        .select_related("category")
        .order_by("category_id", "subcategory")
    )
    for detail in rows:
        if detail.day_book_id in by_id:
            by_date[by_id[detail.day_book_id]].details.append(detail)


def _add_accounts(book, days):
    accounts = list(Account.objects.filter(book=book))
    before = {
        row["account"]: (row["received"] - row["spent"] + row["transferred"])
        for row in AccountDay.objects.filter(book=book, date__lt=days[0].date)
        .values("account")
        .annotate(received=Sum("received"), spent=Sum("spent"), transferred=Sum("transferred"))
        .order_by()
    }
    moved = {
        (row.date, row.account_id): row
        for row in AccountDay.objects.filter(book=book, date__range=(days[0].date, days[-1].date))
    }
    balance = {account.pk: account.opening_balance + before.get(account.pk, ZERO) for account in accounts}
    for day in days:
        for account in accounts:
            row = moved.get((day.date, account.pk))
            if row is None:
                if not account.is_active and not balance[account.pk]:
                    continue
                on_day = AccountOnDay(account, balance[account.pk])
            else:
                on_day = AccountOnDay(account, balance[account.pk], row.received, row.spent, row.transferred)
            day.accounts.append(on_day)
            balance[account.pk] = on_day.closing_balance


def account_balances(book, date):
    """{account id: Decimal rupees} at the end of `date`, what is pending finished."""
    return {
        on_day.account.pk: on_day.closing_balance for on_day in day_books(book, date, date, details=False)[0].accounts
    }


# ------------------------------------------------------------------------------------------------ the check


def differences(book, since=None):
    """Compare the stored days with a from-scratch computation; returns one sentence per difference, [] when sound.

    Changes nothing: the rebuild runs in a transaction that is rolled back. What is pending is finished first.
    """
    with transaction.atomic():
        lock_book(book.pk, whole=True)
        finish_pending(book.pk)
        stored = _snapshot(book, since)
        undo = transaction.savepoint()
        rebuild(book.pk)
        computed = _snapshot(book, since)
        transaction.savepoint_rollback(undo)
        base = openings(book.pk) if since is None else balance_before(book.pk, since)
    closing, expected = base, {}
    for key in sorted(stored.keys() | computed.keys()):
        if key.endswith(" day"):
            # A stored day without entries is in no rebuild; it is right if it carries the balance before it.
            expected[key] = computed.get(key, (closing, ZERO, ZERO, closing))
            closing = expected[key][3]
        else:
            expected[key] = computed.get(key)
    return [
        f"{key}: stored {_shown(stored.get(key))}, the entries say {_shown(expected[key])}"
        for key in expected
        if stored.get(key) != expected[key]
    ]


def _shown(figures):
    return "nothing" if figures is None else " ".join(str(figure) for figure in figures)


def _snapshot(book, since):
    days = DayBook.objects.filter(book=book)
    details = DayBookDetail.objects.filter(day_book__book=book)
    account_days = AccountDay.objects.filter(book=book)
    if since is not None:
        days, account_days = days.filter(date__gte=since), account_days.filter(date__gte=since)
        details = details.filter(day_book__date__gte=since)
    return {
        **{
            f"{day.date} day": (day.opening_balance, day.total_received, day.total_spent, day.closing_balance)
            for day in days
        },
        **{
            f"{row[0]} {row[1]} {row[2]}/{row[3]}": row[4:]
            for row in details.values_list(
                "day_book__date", "transaction_type", "category__name", "subcategory", "amount", "transaction_count"
            )
        },
        **{
            f"{row[0]} account {row[1]}": row[2:]
            for row in account_days.values_list("date", "account__name", "received", "spent", "transferred")
        },
    }
