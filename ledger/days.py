"""A day of the day book as pages and scripts show it, read from what is stored: a few small statements for any range.

daybook finishes what is pending before it reads, so that nothing here is ever stale; callers ask daybook. Plain SQL
where a page waits for it: these reads take a tenth of the time that model objects do.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import date as Date
from decimal import Decimal

from django.db import connection
from django.db.models import Sum

from ledger.models import Account, DayBook, DayChange, TransactionType
from shop.models import Book
from shop.money import ZERO, from_paise

# What an entry or transfer counts for: a reversal counts against its category, or moves the money back.
SIGNED = "CASE WHEN reversal_of_id IS NULL THEN amount ELSE -amount END"


@dataclass(slots=True)
class Detail:
    """A day's (or a longer time's) sum of one category and subcategory; `transaction_count` counts entries."""

    transaction_type: str
    category_id: int
    category: str
    subcategory: str
    amount: Decimal
    transaction_count: int


@dataclass(slots=True)
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


class TwoColumns:
    """What a Day and a longer time share: balances, details by their side, accounts; Decimal rupees."""

    __slots__ = ()

    @property
    def closing_balance(self):
        return self.opening_balance + self.total_received - self.total_spent

    @property
    def received_details(self):
        return [detail for detail in self.details if detail.transaction_type == TransactionType.COLLECTION]

    @property
    def spent_details(self):
        return [detail for detail in self.details if detail.transaction_type == TransactionType.EXPENSE]


@dataclass(slots=True)
class Day(TwoColumns):
    """One day of a book, stored or not yet; `calculated_at` of stored days is read together with the details."""

    book: Book
    date: Date
    opening_balance: Decimal
    total_received: Decimal = ZERO
    total_spent: Decimal = ZERO
    is_stored: bool = False
    calculated_at: datetime | None = None
    details: list | tuple = ()
    accounts: list | tuple = ()

    @property
    def is_closed(self):
        return self.book.is_closed_on(self.date)

    @property
    def is_before_the_book(self):
        """Whether the book began later, so that there is nothing to tell of this day."""
        return self.book.begins_on is not None and self.date < self.book.begins_on


def openings(book_id):
    """The sum of the accounts' opening balances, Decimal rupees."""
    return Account.objects.filter(book=book_id).aggregate(sum=Sum("opening_balance"))["sum"] or ZERO


def balance_before(book_id, date):
    """The book's balance on the morning of `date`, Decimal rupees. The caller has finished what is pending."""
    row = DayBook.objects.filter(book=book_id, date__lt=date).order_by("-date").values_list("closing_balance").first()
    return openings(book_id) if row is None else row[0]


def moved_before(book_id, date):
    """{account id: Decimal rupees} that an account gained before `date`: whole months, then the days of the last one."""
    rows = _rows(
        """SELECT account_id, SUM(moved) FROM (
             SELECT account_id, moved FROM ledger_accountmonth WHERE book_id = %s AND month < %s
             UNION ALL
             SELECT account_id, received - spent + transferred FROM ledger_accountday
             WHERE book_id = %s AND date >= %s AND date < %s) AS gains
           GROUP BY account_id""",
        [book_id, sql_date(date.replace(day=1)), book_id, sql_date(date.replace(day=1)), sql_date(date)],
    )
    return {account_id: from_paise(paise) for account_id, paise in rows}


def moved_since(book_id, account_ids, since):
    """{account id: {None: what it gained before `since`, date: what on that day}}, Decimal rupees, from what is kept."""
    these = ", ".join(["%s"] * len(account_ids))
    month = since.replace(day=1)
    rows = _rows(
        f"""SELECT account_id, NULL AS date, moved FROM ledger_accountmonth
            WHERE book_id = %s AND month < %s AND account_id IN ({these})
            UNION ALL SELECT account_id, CAST(date AS text), received - spent + transferred
            FROM ledger_accountday WHERE book_id = %s AND date >= %s AND account_id IN ({these})""",
        [book_id, sql_date(month), *account_ids, book_id, sql_date(month), *account_ids],
    )
    kept = defaultdict(lambda: defaultdict(lambda: ZERO))
    for account_id, on, paise in rows:
        on = on and Date.fromisoformat(on)
        kept[account_id][None if on is None or on < since else on] += from_paise(int(paise))
    return kept


def moves_pending(book_id):
    """{(account id, date): Decimal rupees} by which entries and transfers differ from what is kept of the days that
    wait to be computed: what this transaction did."""
    dates = sorted(set(DayChange.objects.filter(book=book_id).exclude(date=None).values_list("date", flat=True)))
    if not dates:
        return {}
    among, listed = in_dates(dates)
    live = f"WHERE book_id = %s AND deleted_at IS NULL AND date {among}"
    rows = _rows(
        f"""SELECT account_id, CAST(date AS text), SUM(moved) FROM (
              SELECT account_id, date, -(received - spent + transferred) AS moved
              FROM ledger_accountday WHERE book_id = %s AND date {among}
              UNION ALL SELECT s.account_id, s.date, CASE c.direction WHEN 'received' THEN s.amount ELSE -s.amount END
              FROM (SELECT date, category_id, account_id, SUM({SIGNED}) AS amount FROM ledger_ledgerentry {live}
                    GROUP BY date, category_id, account_id) AS s
              JOIN ledger_category c ON c.id = s.category_id
              UNION ALL SELECT from_account_id, date, -({SIGNED}) FROM ledger_accounttransfer {live}
              UNION ALL SELECT to_account_id, date, {SIGNED} FROM ledger_accounttransfer {live}
            ) AS gains GROUP BY account_id, date HAVING SUM(moved) <> 0""",
        [book_id, listed] * 4,
    )
    return {(account_id, Date.fromisoformat(on)): from_paise(int(paise)) for account_id, on, paise in rows}


def is_pending(book_id):
    """Whether the outbox holds changes of the book."""
    return bool(_rows("SELECT 1 FROM ledger_daychange WHERE book_id = %s LIMIT 1", [book_id]))


def read(book, first, last, *, details, accounts):
    """The Days from `first` through `last` as stored, one for every date; one without a row carries the balance.

    Days before the book begins hold nothing: its openings stand on the morning of its first day, not before.
    """
    if book.begins_on and first < book.begins_on:
        end = min(last, book.begins_on - timedelta(days=1))
        before = [Day(book, first + timedelta(days=n), ZERO) for n in range((end - first).days + 1)]
        if end == last:
            return before
        return before + read(book, book.begins_on, last, details=details, accounts=accounts)
    moment = "calculated_at" if details else "NULL"
    rows = _rows(
        f"""SELECT date, opening_balance, total_received, total_spent, {moment} FROM ledger_daybook
            WHERE book_id = %s AND date BETWEEN %s AND %s ORDER BY date""",
        [book.pk, sql_date(first), sql_date(last)],
    )
    days = [
        Day(book, _date(on), from_paise(opening), from_paise(received), from_paise(spent), True, _moment(at))
        for on, opening, received, spent, at in rows
    ]
    if len(days) <= (last - first).days:
        days = _with_quiet_days(book, days, first, last)
    if details:
        _add_details(days)
    if accounts:
        _add_accounts(days)
    return days


def _with_quiet_days(book, stored, first, last):
    """The stored Days, and between them the dates without a row, which carry the balance."""
    by_date = {day.date: day for day in stored}
    balance = None if first in by_date else balance_before(book.pk, first)
    days = []
    for offset in range((last - first).days + 1):
        date = first + timedelta(days=offset)
        days.append(by_date.get(date) or Day(book, date, balance))
        balance = days[-1].closing_balance
    return days


def _add_details(days):
    for day in days:
        day.details = []
    rows = _rows(
        """SELECT b.date, d.transaction_type, d.category_id, c.name, d.subcategory, d.amount, d.transaction_count
           FROM ledger_daybook b
           JOIN ledger_daybookdetail d ON d.day_book_id = b.id
           JOIN ledger_category c ON c.id = d.category_id
           WHERE b.book_id = %s AND b.date BETWEEN %s AND %s
           ORDER BY b.date, d.category_id, d.subcategory""",
        [days[0].book.pk, sql_date(days[0].date), sql_date(days[-1].date)],
    )
    for on, kind, category_id, category, subcategory, paise, count in rows:
        day = days[(_date(on) - days[0].date).days]
        day.details.append(Detail(kind, category_id, category, subcategory, from_paise(paise), count))


def _add_accounts(days):
    first, last, book_id = sql_date(days[0].date), sql_date(days[-1].date), days[0].book.pk
    before = moved_before(book_id, days[0].date)
    moved = {
        (_date(on), account_id): [from_paise(paise) for paise in figures]
        for on, account_id, *figures in _rows(
            """SELECT date, account_id, received, spent, transferred FROM ledger_accountday
               WHERE book_id = %s AND date BETWEEN %s AND %s""",
            [book_id, first, last],
        )
    }
    accounts = list(Account.objects.filter(book=book_id))
    balance = {account.pk: account.opening_balance + before.get(account.pk, ZERO) for account in accounts}
    for day in days:
        day.accounts = []
        for account in accounts:
            figures = moved.get((day.date, account.pk), ())
            if not figures and not account.is_active and not balance[account.pk]:
                continue
            on_day = AccountOnDay(account, balance[account.pk], *figures)
            day.accounts.append(on_day)
            balance[account.pk] = on_day.closing_balance


def _rows(statement, parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def sql_date(date):
    return connection.ops.adapt_datefield_value(date)


def _date(value):
    """SQLite hands dates out as text."""
    return Date.fromisoformat(value) if isinstance(value, str) else value


def _moment(value):
    """And moments as text without their zone, which is UTC."""
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value


def in_dates(dates):
    """SQL for "is one of these dates" with one parameter however many there are, and that parameter."""
    if connection.vendor == "postgresql":
        return "= ANY(%s)", dates
    return "IN (SELECT value FROM json_each(%s))", json.dumps([date.isoformat() for date in dates])
