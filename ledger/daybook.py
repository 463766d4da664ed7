"""The heart: every day's totals, right for all later days whatever changed.

record_changes appends to the outbox (DayChange) in the writer's own transaction. refresh locks the book, takes what
is pending, recomputes those days from the entries and carries the balance over every later day, each in one
statement: it is idempotent and order-free, so a lost, doubled or reordered task changes nothing. Every reader comes
through finish_pending first; a stale closing is never shown as current.

Raw SQL, alike on SQLite and PostgreSQL: no loop over entries or days. Amounts in it are whole paise.
"""

import functools
import logging
from contextlib import contextmanager
from datetime import timedelta

from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from ledger import days
from ledger.models import (
    AccountDay,
    AccountMonth,
    AccountTransfer,
    DayBook,
    DayBookDetail,
    DayChange,
    DayClose,
    LedgerEntry,
)
from shop import commits, disk, faults
from shop.models import Book
from shop.money import ZERO, to_paise

logger = logging.getLogger(__name__)


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
    Raises ClosedDay, or Frozen for days that a fault has made read-only; the caller's transaction must then roll back.
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
    faults.refuse_days(book_id, dates)
    commits.note()
    transaction.on_commit(lambda: wake_worker(book_id), robust=True)


def record_renamed(book_id, dates):
    """Append days on which entries have another category or subcategory now, and no total or balance moves.

    Closed ones too: what was counted and signed there stays true. Raises Frozen for days that a fault has made read-only.
    """
    faults.refuse_days(book_id, dates)
    DayChange.objects.bulk_create([DayChange(book_id=book_id, date=date) for date in sorted(dates)], batch_size=1000)
    commits.note()
    transaction.on_commit(lambda: wake_worker(book_id), robust=True)


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


def forget_wake_marks(book_ids):
    """Take away the wake marks of these books, which a clock that was ahead would keep for too long."""
    try:
        cache.delete_many([_wake_mark(book_id) for book_id in book_ids])
    except Exception:
        logger.warning("The cache does not answer; the wake marks expire by themselves.")


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
        later, parameters = ("", [book_id]) if since is None else ("AND date >= %s", [book_id, days.sql_date(since)])
        with connection.cursor() as cursor:
            cursor.execute(_delete_details(later), parameters)
            cursor.execute(f"DELETE FROM ledger_daybook WHERE book_id = %s {later}", parameters)
            cursor.execute(f"DELETE FROM ledger_accountday WHERE book_id = %s {later}", parameters)
        _compute(book_id, later, parameters[1:])
        stale = AccountMonth.objects.filter(book_id=book_id, **({"month__gte": since.replace(day=1)} if since else {}))
        stale.delete()
        account_days = AccountDay.objects.filter(book_id=book_id)
        if since is not None:
            account_days = account_days.filter(date__gte=since.replace(day=1))
        _add_up_months(book_id, account_days.dates("date", "month"))
        _carry(book_id, since)


def _recompute(book_id, dates):
    """Replace details, totals and account movements of the given days by what the entries say now."""
    among, listed = days.in_dates(dates)
    with connection.cursor() as cursor:
        cursor.execute(_delete_details(f"AND date {among}"), [book_id, listed])
        cursor.execute(f"DELETE FROM ledger_accountday WHERE book_id = %s AND date {among}", [book_id, listed])
    _compute(book_id, f"AND date {among}", [listed])
    _add_up_months(book_id, {date.replace(day=1) for date in dates})


def _delete_details(of_dates):
    """SQL that takes away the details of a book's days. As a list of ids, so that PostgreSQL asks the index for them:
    it takes a subquery's days for so many that it would read the details of all books."""
    days = f"SELECT id FROM ledger_daybook WHERE book_id = %s {of_dates}"
    among = f"= ANY(ARRAY({days}))" if connection.vendor == "postgresql" else f"IN ({days})"
    return f"DELETE FROM ledger_daybookdetail WHERE day_book_id {among}"


def _compute(book_id, of_dates, parameters):
    """Write the days that the condition names: rows for new ones, details, totals from the details, accounts.

    The entries are grouped before anything is joined to them, so that each pass reads the index "entry_counted" alone.
    """
    entries = f"FROM ledger_ledgerentry WHERE book_id = %s AND deleted_at IS NULL {of_dates}"
    transfers = f"FROM ledger_accounttransfer WHERE book_id = %s AND deleted_at IS NULL {of_dates}"
    these = [book_id, *parameters]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO ledger_daybook
                  (book_id, date, opening_balance, total_received, total_spent, closing_balance, calculated_at)
                SELECT DISTINCT book_id, date, 0, 0, 0, 0, %s {entries} ON CONFLICT (book_id, date) DO NOTHING""",
            [_sql_now(), *these],
        )
        cursor.execute(
            f"""INSERT INTO ledger_daybookdetail
                  (day_book_id, transaction_type, category_id, subcategory, amount, transaction_count)
                SELECT d.id, CASE c.direction WHEN 'received' THEN 'COLLECTION' ELSE 'EXPENSE' END,
                  s.category_id, s.subcategory, s.amount, s.n
                FROM (SELECT date, category_id, subcategory, SUM({days.SIGNED}) AS amount, COUNT(*) AS n
                      {entries} GROUP BY date, category_id, subcategory) AS s
                JOIN ledger_category c ON c.id = s.category_id
                JOIN ledger_daybook d ON d.book_id = %s AND d.date = s.date""",
            [*these, book_id],
        )
        cursor.execute(
            f"""UPDATE ledger_daybook SET calculated_at = %s, (total_received, total_spent, closing_balance) = (
                  SELECT COALESCE(SUM(CASE WHEN t.transaction_type = 'COLLECTION' THEN t.amount ELSE 0 END), 0),
                    COALESCE(SUM(CASE WHEN t.transaction_type = 'EXPENSE' THEN t.amount ELSE 0 END), 0),
                    ledger_daybook.opening_balance
                      + COALESCE(SUM(CASE WHEN t.transaction_type = 'COLLECTION' THEN t.amount ELSE -t.amount END), 0)
                  FROM ledger_daybookdetail t WHERE t.day_book_id = ledger_daybook.id)
                WHERE book_id = %s {of_dates}""",
            [_sql_now(), *these],
        )
        cursor.execute(
            f"""INSERT INTO ledger_accountday (book_id, account_id, date, received, spent, transferred)
                SELECT %s, account_id, date, SUM(received), SUM(spent), SUM(transferred) FROM (
                  SELECT s.account_id, s.date, CASE c.direction WHEN 'received' THEN s.amount ELSE 0 END AS received,
                    CASE c.direction WHEN 'spent' THEN s.amount ELSE 0 END AS spent, 0 AS transferred
                  FROM (SELECT date, category_id, account_id, SUM({days.SIGNED}) AS amount
                        {entries} GROUP BY date, category_id, account_id) AS s
                  JOIN ledger_category c ON c.id = s.category_id
                  UNION ALL SELECT from_account_id, date, 0, 0, -({days.SIGNED}) {transfers}
                  UNION ALL SELECT to_account_id, date, 0, 0, {days.SIGNED} {transfers}
                ) AS moved GROUP BY account_id, date""",
            [book_id, *these, *these, *these],
        )


def _add_up_months(book_id, months):
    """Replace what each account gained in the given months (their first days) by what its days say now."""
    among, listed = days.in_dates(sorted(months))
    spans = (
        "(SELECT month, (month + interval '1 month')::date AS after FROM unnest(%s::date[]) AS month)"
        if connection.vendor == "postgresql"
        else "(SELECT value AS month, date(value, '+1 month') AS after FROM json_each(%s))"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM ledger_accountmonth WHERE book_id = %s AND month {among}", [book_id, listed])
        cursor.execute(
            f"""INSERT INTO ledger_accountmonth (book_id, account_id, month, moved)
                SELECT d.book_id, d.account_id, span.month, SUM(d.received - d.spent + d.transferred)
                FROM {spans} AS span
                JOIN ledger_accountday d ON d.book_id = %s AND d.date >= span.month AND d.date < span.after
                GROUP BY d.book_id, d.account_id, span.month""",
            [listed, book_id],
        )


def _carry(book_id, since):
    """Set opening and closing of every day from `since` on (None: all) in one statement; right rows stay unwritten."""
    base = days.openings(book_id) if since is None else days.balance_before(book_id, since)
    these, parameters = "book_id = %s", [book_id]
    if since is not None:
        these, parameters = "book_id = %s AND date >= %s", [book_id, days.sql_date(since)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE ledger_daybook SET opening_balance = run.opening,
                  closing_balance = run.opening + total_received - total_spent, calculated_at = %s
                FROM (SELECT id AS day_id,
                        CAST(%s + SUM(total_received - total_spent) OVER (ORDER BY date ROWS UNBOUNDED PRECEDING)
                             - (total_received - total_spent) AS bigint) AS opening
                      FROM ledger_daybook WHERE {these}) AS run
                WHERE run.day_id = ledger_daybook.id AND ledger_daybook.opening_balance <> run.opening AND {these}""",
            [_sql_now(), to_paise(base), *parameters, *parameters],
        )


def _sql_now():
    return connection.ops.adapt_datetimefield_value(timezone.now())


def _as_date(value):
    return DayChange._meta.get_field("date").to_python(value)


# ------------------------------------------------------------------------------------------------ the reader's side


def day_book_on(book, date):
    """The finished Day of a book, with details and accounts."""
    return day_books(book, date, date)[0]


def day_books(book, first, last, *, details=True, accounts=True):
    """The finished Days from `first` through `last`, one for every date; those up to today are stored as well.

    Raises ValidationError for a range that ends before it begins.
    """
    if last < first:
        raise ValidationError(f"The range ends ({last:%d-%m-%Y}) before it begins ({first:%d-%m-%Y}).", code="range")
    with one_moment(book):
        read = days.read(book, first, last, details=details, accounts=accounts)
    if all(day.is_stored for day in read):
        return read
    missing = _missing_days(book, read)
    if not missing:
        return read
    store = functools.partial(_store_quiet_days, book.pk, missing[0], missing[-1])
    if not disk.write_if_possible(f"Quiet days of {book.slug}", store):
        return read  # they carry the balance, stored or not
    with one_moment(book):
        return days.read(book, first, last, details=details, accounts=accounts)


@contextmanager
def one_moment(book):
    """All reads within see the book at one moment at which nothing is pending; writers are not kept waiting.

    Within a transaction of the caller's that one decides what is seen. Nothing may be written within.
    """
    for _ in range(5):
        with _frozen():
            if not days.is_pending(book.pk):
                yield
                return
        finish_pending(book.pk)
    with transaction.atomic():  # writers are faster than this reader: let them wait once
        lock_book(book.pk, whole=True)
        finish_pending(book.pk)
        yield


@contextmanager
def _frozen():
    """A read transaction that waits for nobody; within a transaction there is nothing to add."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        connection.ensure_connection()
        immediate, connection.transaction_mode = connection.transaction_mode, "DEFERRED"
        try:
            with transaction.atomic():
                yield
        finally:
            connection.transaction_mode = immediate


def _missing_days(book, read):
    """The dates of those of the `read` Days that were never calculated, up to today.

    Days are kept from the book's first on, or from its first entry; before it nothing can have happened.
    """
    earliest = DayBook.objects.filter(book=book).order_by("date").values_list("date", flat=True).first()
    today = book.today()
    kept_since = book.begins_on or min(date for date in (earliest, today) if date is not None)
    return [day.date for day in read if not day.is_stored and kept_since <= day.date <= today]


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
        base = to_paise(days.openings(book_id))
        before = """COALESCE((SELECT closing_balance FROM ledger_daybook d WHERE d.book_id = %s AND d.date < day.date
                    ORDER BY d.date DESC LIMIT 1), %s)"""
        with connection.cursor() as cursor:
            cursor.execute(
                f"""INSERT INTO ledger_daybook
                      (book_id, date, opening_balance, total_received, total_spent, closing_balance, calculated_at)
                    SELECT %s, date, balance, 0, 0, balance, %s
                    FROM (SELECT day.date AS date, {before} AS balance FROM ({calendar}) AS day) AS quiet WHERE TRUE
                    ON CONFLICT (book_id, date) DO NOTHING""",
                [book_id, _sql_now(), book_id, base, days.sql_date(first), days.sql_date(last)],
            )


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
        base = days.openings(book.pk) if since is None else days.balance_before(book.pk, since)
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
    account_days, months = AccountDay.objects.filter(book=book), AccountMonth.objects.filter(book=book)
    if since is not None:
        months = months.filter(month__gte=since.replace(day=1))
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
        **{f"{row[0]} month of {row[1]}": row[2:] for row in months.values_list("month", "account__name", "moved")},
    }
