"""Figures that pages, exports and scripts show alike, read from the finished day book.

A Period adds up many days the way days.Day stands for one, so that both fill the same two columns; `cash_book`
lays them out; `lines` flattens days for files; `account_book` is one account's cash book, `adjusted` what mends
earlier days. Amounts are Decimal rupees.
"""

from dataclasses import dataclass, field
from datetime import date as Date
from datetime import timedelta
from decimal import Decimal
from itertools import groupby

from django.core.exceptions import ValidationError
from django.db.models import Q, Sum

from ledger import daybook
from ledger.days import AccountOnDay, Detail, TwoColumns, balance_before, moved_before
from ledger.models import (
    Account,
    AccountDay,
    AccountTransfer,
    DayBook,
    DayBookDetail,
    Direction,
    LedgerEntry,
    TransactionType,
)
from shop.money import ZERO, plain

MAX_DAYS = 3700  # ten years: what one page or file takes


def check_range(first, last):
    """(first, last), if a page or file takes that many days. Raises ValidationError."""
    if last < first:
        raise ValidationError(f"The range ends ({last:%d-%m-%Y}) before it begins ({first:%d-%m-%Y}).", code="range")
    days = (last - first).days + 1
    if days > MAX_DAYS:
        raise ValidationError(f"These are {days} days; {MAX_DAYS} is the limit. Ask for fewer at a time.", code="long")
    return first, last


def month_of(date):
    """(first, last) day of the date's month."""
    first = date.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


# ------------------------------------------------------------------------------------------------ periods


@dataclass
class Period(TwoColumns):
    """Many days added up; the fields of days.Day, with `first` and `last` for its date."""

    book: object
    first: Date
    last: Date
    opening_balance: Decimal
    total_received: Decimal
    total_spent: Decimal
    details: list
    accounts: list = field(default_factory=list)

    @property
    def is_closed(self):
        return self.book.is_closed_on(self.last)


def period(book, first, last):
    """The Period of a book, what is pending finished first. A handful of statements, however long it is."""
    with daybook.one_moment(book):
        return _add_up(book, first, last)


def _add_up(book, first, last):
    if book.begins_on and last < book.begins_on:
        return Period(book, first, last, ZERO, ZERO, ZERO, [])
    inside = Q(date__range=(first, last))
    totals = DayBook.objects.filter(inside, book=book).aggregate(
        received=Sum("total_received"), spent=Sum("total_spent")
    )
    sums = (
        DayBookDetail.objects.filter(day_book__book=book, day_book__date__range=(first, last))
        .values("transaction_type", "category", "category__name", "subcategory")
        .annotate(amount=Sum("amount"), count=Sum("transaction_count"))
        .order_by("category", "subcategory")
    )
    return Period(
        book,
        first,
        last,
        balance_before(book.pk, first),
        totals["received"] or ZERO,
        totals["spent"] or ZERO,
        [
            Detail(
                row["transaction_type"],
                row["category"],
                row["category__name"],
                row["subcategory"],
                row["amount"],
                row["count"],
            )
            for row in sums
        ],
        _accounts(book, first, last),
    )


def _accounts(book, first, last):
    before = moved_before(book.pk, first)
    inside = _moved(AccountDay.objects.filter(book=book, date__range=(first, last)))
    accounts = []
    for account in Account.objects.filter(book=book):
        opening = account.opening_balance + before.get(account.pk, ZERO)
        if account.is_active or opening or account.pk in inside:
            accounts.append(AccountOnDay(account, opening, *inside.get(account.pk, (ZERO,) * 3)))
    return accounts


def _moved(account_days):
    sums = account_days.values_list("account").annotate(Sum("received"), Sum("spent"), Sum("transferred"))
    return {pk: moved for pk, *moved in sums.order_by()}


# ------------------------------------------------------------------------------------------------ two columns


@dataclass
class Group:
    """A category on one side of the cash book; `lines` are its subcategories where there is more than the category."""

    category_id: int
    name: str
    subcategory: str
    amount: Decimal
    count: int
    lines: list


def cash_book(day):
    """The two columns of a Day or Period: {"received": [Group], "spent": [Group], "total", "fill_…": rows to pad}.

    Left: opening and what was received; right: what was spent and the closing; both add up to `total`.
    """
    received = _groups(day.received_details)
    spent = _groups(day.spent_details)
    rows_left, rows_right = (sum(1 + len(group.lines) for group in side) for side in (received, spent))
    return {
        "received": received,
        "spent": spent,
        "total": day.opening_balance + day.total_received,
        "count": sum(detail.transaction_count for detail in day.details),
        "fill_left": range(max(0, rows_right - rows_left)),
        "fill_right": range(max(0, rows_left - rows_right)),
        "moved": any(on_day.transferred for on_day in day.accounts),
    }


def _groups(details):
    groups = []
    for category_id, members in groupby(details, key=lambda detail: detail.category_id):
        members = list(members)
        alone = len(members) == 1
        groups.append(
            Group(
                category_id,
                str(members[0].category),
                members[0].subcategory if alone else "",
                sum((detail.amount for detail in members), ZERO),
                sum(detail.transaction_count for detail in members),
                [] if alone else members,
            )
        )
    return groups


# ------------------------------------------------------------------------------------------------ for files


def day_shape(day):
    """One days.Day as plain values for JSON: money "54500.00", dates ISO."""
    return {
        "date": day.date.isoformat(),
        "opening_balance": plain(day.opening_balance),
        "total_received": plain(day.total_received),
        "total_spent": plain(day.total_spent),
        "closing_balance": plain(day.closing_balance),
        "details": [
            {
                "transaction_type": detail.transaction_type,
                "category": detail.category,
                "subcategory": detail.subcategory,
                "amount": plain(detail.amount),
                "transaction_count": detail.transaction_count,
            }
            for detail in day.details
        ],
        "accounts": [
            {
                "account": on_day.account.name,
                "opening_balance": plain(on_day.opening_balance),
                "received": plain(on_day.received),
                "spent": plain(on_day.spent),
                "transferred": plain(on_day.transferred),
                "closing_balance": plain(on_day.closing_balance),
            }
            for on_day in day.accounts
        ],
        "closed": day.is_closed,
    }


LINE_HEADERS = ("Date", "Line", "Category", "Subcategory", "Entries", "Received", "Spent", "Moved", "Balance")


def lines(days):
    """Yield the rows under LINE_HEADERS for a file: opening, each detail, closing, each account, day by day."""
    for day in days:
        yield (day.date, "Opening", "", "", None, None, None, None, day.opening_balance)
        for detail in day.details:
            came = detail.transaction_type == TransactionType.COLLECTION
            yield (
                *(day.date, "Received" if came else "Spent", detail.category, detail.subcategory),
                *(detail.transaction_count, detail.amount if came else None, None if came else detail.amount),
                *(None, None),
            )
        count = sum(detail.transaction_count for detail in day.details)
        yield (day.date, "Closing", "", "", count, day.total_received, day.total_spent, None, day.closing_balance)
        for on_day in day.accounts:
            yield (
                *(day.date, "Account", on_day.account.name, "", None),
                *(on_day.received, on_day.spent, on_day.transferred, on_day.closing_balance),
            )


# ------------------------------------------------------------------------------------------------ month end


@dataclass
class AccountLine:
    """One movement in an account's cash book; `balance` is the account's after it."""

    date: Date
    row: object  # the LedgerEntry or AccountTransfer
    what: str
    came: Decimal
    went: Decimal
    balance: Decimal


ACCOUNT_HEADERS = ("Date", "What", "Narration", "Reference", "In", "Out", "Balance")


def account_book(account, first, last):
    """(opening, [AccountLine]) of one account from `first` through `last`: entries and transfers in order."""
    with daybook.one_moment(account.book):
        return _account_book(account, first, last)


def _account_book(account, first, last):
    begins_on = account.book.begins_on
    if begins_on and last < begins_on:
        return ZERO, []
    reach = {"book": account.book_id, "date__range": (first, last), "deleted_at": None}
    opening = balance = account.opening_balance + moved_before(account.book_id, first).get(account.pk, ZERO)
    moves = []
    for entry in LedgerEntry.objects.filter(account=account, **reach).select_related("category"):
        came = (entry.category.direction == Direction.RECEIVED) == (entry.reversal_of_id is None)
        what = " / ".join(filter(None, (entry.category.name, entry.subcategory)))
        moves.append((entry.date, 0, entry.pk, entry, what, entry.amount if came else -entry.amount))
    transfers = AccountTransfer.objects.filter(Q(from_account=account) | Q(to_account=account), **reach)
    for move in transfers.select_related("from_account", "to_account"):
        came = (move.to_account_id == account.pk) == (move.reversal_of_id is None)
        other = move.from_account if move.to_account_id == account.pk else move.to_account
        what = f"{'From' if came else 'To'} {other}"
        moves.append((move.date, 1, move.pk, move, what, move.amount if came else -move.amount))
    found = []
    for date, _, _, row, what, signed in sorted(moves, key=lambda move: move[:3]):
        balance += signed
        found.append(AccountLine(date, row, what, max(signed, ZERO), max(-signed, ZERO), balance))
    return opening, found


def opens_on(book, first):
    """The day whose morning a range from `first` opens with: the book's first day where it begins later."""
    return max(first, book.begins_on or first)


def account_lines(opening, first, found):
    """Yield an account_book's rows under ACCOUNT_HEADERS for a file."""
    yield (first, "Opening", "", "", None, None, opening)
    for line in found:
        yield (
            *(line.date, line.what, line.row.narration, line.row.reference),
            *(line.came or None, line.went or None, line.balance),
        )


def adjusted(book, first, last):
    """Entries and transfers of the range that mend others: adjustments of closed days, and reversals; by date."""
    mending = Q(adjusts_date__isnull=False) | Q(reversal_of__isnull=False)
    reach = {"book": book, "date__range": (first, last), "deleted_at": None}
    entries = LedgerEntry.objects.filter(mending, **reach).select_related("category", "account", "reversal_of")
    transfers = AccountTransfer.objects.filter(mending, **reach).select_related(
        "from_account", "to_account", "reversal_of"
    )
    return sorted([*entries, *transfers], key=lambda row: (row.date, row.created_at))
