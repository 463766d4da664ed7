"""The bank beside the book, month by month: both balances, and the lines of each side without their other half there.

What bank and book differ by is told to the last paisa: by what they differed before the month, by the lines that one
side alone has in it, and by what the bank's balances say moved without a row (a gap, a statement not imported).
"""

from dataclasses import dataclass, replace
from datetime import date as Date
from datetime import timedelta
from decimal import Decimal

from django.db.models import Q

from expenses.models import CreditMatch, Split, Transaction
from expenses.statements.balance import Link, day_ends
from expenses.tagging import placing
from ledger import daybook, reports
from ledger.models import AccountTransfer, LedgerEntry
from shop.money import ZERO, from_paise, to_paise

HEADERS = ("Side", "Date", "What", "Narration", "In", "Out", "Elsewhere")


@dataclass(frozen=True)
class Line:
    """A line of one side: its transaction, entry or transfer, signed Decimal rupees, and where its other half is, if any."""

    date: Date
    row: object
    what: str
    narration: str
    amount: Decimal
    elsewhere: str = ""

    @property
    def came(self):
        return max(self.amount, ZERO)

    @property
    def went(self):
        return max(-self.amount, ZERO)


@dataclass(frozen=True)
class Reconciliation:
    """One account from `first` through `last`: balances (Decimal rupees, the bank's None where no row tells), and [Line]."""

    first: Date
    last: Date
    bank_opening: Decimal | None
    bank_closing: Decimal | None
    book_opening: Decimal
    book_closing: Decimal
    bank_only: list
    book_only: list
    untold: Decimal  # what the bank's balances moved by without a row

    @property
    def difference(self):
        return None if self.bank_closing is None else self.book_closing - self.bank_closing

    @property
    def brought(self):
        return None if self.bank_opening is None else self.book_opening - self.bank_opening

    @property
    def bank_only_sum(self):
        return sum((line.amount for line in self.bank_only), ZERO)

    @property
    def book_only_sum(self):
        return sum((line.amount for line in self.book_only), ZERO)

    @property
    def less_bank_only(self):
        return -self.bank_only_sum

    @property
    def less_untold(self):
        return -self.untold

    def lines(self):
        """Its rows under HEADERS for a file."""
        for side, found in (("Only at the bank", self.bank_only), ("Only in the book", self.book_only)):
            for line in found:
                money = line.came or None, line.went or None
                yield (side, line.date, line.what, line.narration, *money, line.elsewhere)


def reconcile(account, first, last):
    """The Reconciliation of an account for a range of days (usually a month), read at one moment."""
    with daybook.one_moment(account.book):
        book_opening, moves = reports.account_book(account, first, last)
        rows = list(_rows(account, first, last).order_by("transaction_date", "id"))
        bank_closing = bank_balance(account, last) if rows or _is_covered(account, last) else None
        bank_opening = None if bank_closing is None else bank_balance(account, first - timedelta(days=1))
        lines = {(Transaction, one.pk): _of_bank(one) for one in rows}
        lines |= {(type(move.row), move.row.pk): _of_book(move) for move in moves}
        alone = list(_alone(lines, account, first, last))
    moved = sum(map(_net, rows), ZERO)
    if bank_closing is not None and bank_opening is None:
        ends = _ends([one for one in rows if one.transaction_date == rows[0].transaction_date])
        bank_opening = ends[0] if ends and ends[0] != ends[1] else bank_closing - moved
    return Reconciliation(
        first=first,
        last=last,
        bank_opening=bank_opening,
        bank_closing=bank_closing,
        book_opening=book_opening,
        book_closing=moves[-1].balance if moves else book_opening,
        bank_only=[line for line in alone if isinstance(line.row, Transaction)],
        book_only=[line for line in alone if not isinstance(line.row, Transaction)],
        untold=ZERO if bank_closing is None else bank_closing - bank_opening - moved,
    )


def _rows(account, first, last):
    return Transaction.objects.filter(account=account, transaction_date__range=(first, last))


def _of_bank(one):
    return Line(one.transaction_date, one, one.product or one.narration[:80], one.narration, _net(one))


def _of_book(move):
    return Line(move.date, move.row, move.what, move.row.narration, move.came - move.went)


# ------------------------------------------------------------------------------------------------ the bank's balance


def bank_balance(account, date):
    """What the bank says was in the account at the end of `date` (Decimal rupees), in whatever order its rows came.

    None where no row tells. Rows of one day that do not follow each other (a gap) are believed as they were written.
    """
    rows, written = Transaction.objects.filter(account=account, transaction_date__lte=date), None
    while (day := _last_day(rows)) is not None:
        of_day = list(rows.filter(transaction_date=day).order_by("id"))
        ends = _ends(of_day)
        if ends is None:
            return _as_written(account, of_day)
        if ends[0] != ends[1]:
            return ends[1]
        if written is None:
            written = _as_written(account, of_day)
        rows = rows.filter(transaction_date__lt=day)  # it ended where it began: where the day before ended
    return written


def _is_covered(account, day):
    """Whether a statement that is in runs over a day: nothing moved where it has no row."""
    return account.statements.filter(state="imported", first_date__lte=day, last_date__gte=day).exists()


def _last_day(rows):
    told = rows.exclude(closing_balance=None).order_by("-transaction_date")
    return told.values_list("transaction_date", flat=True).first()


def _ends(of_day):
    """(opening, closing) of one day's rows, in whatever order they are; None where they do not follow each other."""
    ends = day_ends([_link(one) for one in of_day], None)
    return ends and tuple(map(from_paise, ends))


def _link(one):
    balance = one.closing_balance
    return Link(one.line, one.transaction_date, to_paise(_net(one)), None if balance is None else to_paise(balance))


def _net(one):
    return one.credit_amount if one.debit_amount is None else -one.debit_amount


def _as_written(account, of_day):
    ended = account.statements.filter(state="imported", last_date=of_day[0].transaction_date)
    closing = ended.exclude(closing_balance=None).values_list("closing_balance", flat=True).first()
    if closing is None:
        closing = next(one.closing_balance for one in reversed(of_day) if one.closing_balance is not None)
    return closing


# ------------------------------------------------------------------------------------------------ what belongs together


def _alone(lines, account, first, last):
    """Those of the Lines (by model and pk) that are not settled among themselves, each with where the rest of its money is."""
    groups = {key: {key} for key in lines}
    for one, other in _pairs(account, first, last):
        together = groups.get(one, {one}) | groups.get(other, {other})
        groups.update(dict.fromkeys(together, together))
    away = groups.keys() - lines.keys()
    places = _places(away, account)
    for key, line in lines.items():
        elsewhere = sorted(places[other] for other in groups[key] & away)
        if elsewhere or len(groups[key]) == 1:
            yield replace(line, elsewhere="; ".join(elsewhere))


def _pairs(account, first, last):
    """Pairs of (model, pk) that are the same money, one at least in the account and range: posted, linked, proved, reversed."""
    rows, mine = _rows(account, first, last), Transaction.objects.filter(account=account)
    reach = {"book": account.book_id, "date__range": (first, last), "deleted_at": None}
    entries = LedgerEntry.objects.filter(account=account, **reach)
    transfers = AccountTransfer.objects.filter(Q(from_account=account) | Q(to_account=account), **reach)
    parts = Split.objects.filter(transaction__account=account)
    for found, row, moved, name in (
        (mine, "pk", entries, "entry"),
        (mine, "pk", transfers, "transfer"),
        (parts, "transaction", entries, "entry"),
    ):
        for within in ({f"{row}__in": rows}, {f"{name}__in": moved}):
            for pk, other in found.filter(**within).exclude(**{name: None}).values_list(row, name):
                yield (Transaction, pk), (moved.model, other)
    near = CreditMatch.objects.filter(Q(transaction__in=rows) | Q(entry__in=entries))
    together = Q(transaction__in=near.values("transaction")) | Q(entry__in=near.values("entry"))
    for pk, other in CreditMatch.objects.filter(together).values_list("transaction", "entry"):
        yield (Transaction, pk), (LedgerEntry, other)
    for moved in (entries, transfers):
        for pk, other in moved.filter(reversal_of__in=moved).values_list("pk", "reversal_of"):
            yield (moved.model, pk), (moved.model, other)


def _places(keys, account):
    """{(model, pk): where and when it is, in words} of rows that lie in another account or out of the range."""
    found = {}
    for model, side, date in (
        (Transaction, "at the bank", "transaction_date"),
        (LedgerEntry, "in the book", "date"),
        (AccountTransfer, "in the book", "date"),
    ):
        rows = model.objects.all() if model is AccountTransfer else model.objects.select_related("account")
        for part in placing.in_parts([pk for of, pk in keys if of is model]):
            for row in rows.filter(pk__in=part):
                elsewhere = model is not AccountTransfer and row.account_id != account.pk
                where = f"{side} {getattr(row, date):%d-%m-%Y}"
                found[model, row.pk] = f"{where}, {row.account}" if elsewhere else where
    return found
