"""A book as a journal for other accounting programs: hledger, Beancount, Tally.

Where a category stands follows its nature: income and cost under income and expenses, loans on assets:loans (given and
collected on one account, so that its balance is what is still out), capital on equity:capital and its subcategory,
drawings on equity:drawings, moved money on assets:moved.

`read` makes a Journal of one moment of the book; the formats beside this file are pure and turn it into text.
"""

import heapq
import uuid
from contextlib import closing, contextmanager
from datetime import date as Date
from itertools import groupby, zip_longest
from operator import attrgetter

from django.core.exceptions import ValidationError
from django.db.models import IntegerField, Min, Sum, Value

from ledger import daybook, days, vouchers
from ledger.journals import beancount, hledger, tally
from ledger.journals.journal import Journal, JournalDay, Kind, Ledger, Voucher
from ledger.models import Account, AccountDay, AccountTransfer, DayBookDetail, Direction, LedgerEntry, Nature, TallyName
from ledger.natures import OF_THE_YEAR
from ledger.reports import opens_on
from shop.dates import LAST_DATE
from shop.money import ZERO

# format -> (writes a Journal as pieces of text, how its file's name ends)
FORMATS = {
    "hledger": (hledger.write, "journal"),
    "beancount": (beancount.write, "beancount"),
    "tally": (tally.write, "xml"),
    "tally-ledgers": (tally.write_ledgers, "xml"),
}


# The formats whose vouchers leave with a number: writing one gives those that are missing (ledger.vouchers).
NUMBERED = {"tally"}


def write(book, format, first=None, last=None, *, user=None):
    """Yield the book's journal as text. The database is held at one moment until the last piece is taken.

    A format of NUMBERED gives numbers before, as `user`.
    """
    with read(book, first, last, numbered=format in NUMBERED, user=user) as journal, closing(journal.days):
        yield from FORMATS[format][0](journal)


@contextmanager
def read(book, first=None, last=None, *, numbered=False, user=None):
    """The Journal of a book from `first` through `last`, the whole of it where they are None.

    `numbered`: with voucher numbers, those that are missing given first, and what left and stands no longer.
    Raises ValidationError for a range that ends before it begins.
    """
    if first and last and last < first:
        raise ValidationError(f"The range ends ({last:%d-%m-%Y}) before it begins ({first:%d-%m-%Y}).", code="range")
    since, last = first or Date.min, last or LAST_DATE
    with _numbered_moment(book, since, last, user) if numbered else daybook.one_moment(book):
        first = first or _first_date(book)
        called = _TallyNames(book)
        accounts = {account.pk: account for account in Account.objects.filter(book=book)}
        ledgers = {
            pk: Ledger(("assets", account.kind, account.name), called.account(account))
            for pk, account in accounts.items()
        }
        balances = _balances(book, accounts, first, last)
        first = opens_on(book, first) if last >= opens_on(book, first) else first
        carried = _carried(book, first, called)
        categories = {
            (pk, subcategory): _ledger(called, pk, nature, name, subcategory)
            for pk, nature, name, subcategory in _details(book)
            .filter(day_book__date__range=(first, last))
            .values_list("category", "category__nature", "category__name", "subcategory")
            .order_by("category", "subcategory")
            .distinct()
        }
        yield Journal(
            title=book.name,
            first=first,
            openings={ledgers[pk]: balance for pk, balance in balances.items()} | carried,
            categories=list(categories.values()),
            days=_days(book, (first, last), ledgers, categories, balances, numbered),
            cancelled=_cancelled(book, since, last) if numbered else (),
        )


@contextmanager
def _numbered_moment(book, first, last, user):
    """daybook.one_moment at which every voucher of the range has its number, whoever posts meanwhile."""
    for _ in range(5):
        vouchers.give(book, first, last, user=user)
        with daybook.one_moment(book):
            if not vouchers.are_missing(book, first, last):
                yield
                return
    raise ValidationError("Others are posting faster than numbers are given. Export again in a minute.", code="busy")


_PATHS = {
    Nature.INCOME: lambda name, subcategory: ("income", name, subcategory),
    Nature.COST: lambda name, subcategory: ("expenses", name, subcategory),
    Nature.LOANS: lambda name, subcategory: ("assets", "loans"),
    Nature.CAPITAL: lambda name, subcategory: ("equity", "capital", subcategory),
    Nature.DRAWINGS: lambda name, subcategory: ("equity", "drawings"),
    Nature.MOVED: lambda name, subcategory: ("assets", "moved"),
}


def _ledger(called, pk, nature, name, subcategory):
    """The Ledger of a category's subcategory."""
    path = tuple(filter(None, _PATHS[nature](name, subcategory)))
    of = "" if nature in OF_THE_YEAR else " / ".join(filter(None, (name, subcategory)))
    return Ledger(path, called.category(pk, name, subcategory), of)


def _details(book):
    return DayBookDetail.objects.filter(day_book__book=book)


def _carried(book, first, called):
    """{Ledger: Decimal rupees} that loans, capital, drawings and moved money had come to before `first`."""
    sums = _details(book).filter(day_book__date__lt=first).exclude(category__nature__in=OF_THE_YEAR)
    names = ("category", "category__nature", "category__name", "subcategory")
    sums = sums.order_by("category", "subcategory").values_list(*names, "category__direction")
    return {
        _ledger(called, *place): -amount if direction == Direction.RECEIVED else amount
        for *place, direction, amount in sums.annotate(amount=Sum("amount"))
    }


class _TallyNames:
    """How a book's accounts, categories and subcategories are called in Tally: as mapped, else by their own name."""

    def __init__(self, book):
        self.names = {
            (row.account_id, row.category_id, row.subcategory): row.name for row in TallyName.objects.filter(book=book)
        }

    def account(self, account):
        return self.names.get((account.pk, None, ""), account.name)

    def category(self, pk, name, subcategory):
        of_category = self.names.get((None, pk, ""), name)
        return self.names.get((None, pk, subcategory), of_category)


def _balances(book, accounts, first, last):
    """{account id: Decimal rupees} on the morning of `first`; nothing for a range that ends before the book begins."""
    if book.begins_on and last < book.begins_on:
        return dict.fromkeys(accounts, ZERO)
    before = days.moved_before(book.pk, first)
    return {pk: account.opening_balance + before.get(pk, ZERO) for pk, account in accounts.items()}


def _first_date(book):
    """When the openings stood: where the book begins, or before its first movement."""
    dates = [book.begins_on]
    for model in (LedgerEntry, AccountTransfer):
        dates.append(model.objects.filter(book=book, deleted_at=None).aggregate(first=Min("date"))["first"])
    return min((date for date in dates if date), default=book.today())


def _days(book, reach, ledgers, categories, balances, numbered):
    """Yield each JournalDay of `reach` (first, last); `balances` are the accounts' on the morning of the first."""
    balances = dict(balances)
    account_days = AccountDay.objects.filter(book=book, date__range=reach).order_by("date", "account")
    # Closed here and now, whatever happens: a cursor of the database does not outlive the moment that it reads.
    with (
        closing(_entries(book, reach, ledgers, categories, numbered)) as entries,
        closing(_transfers(book, reach, ledgers, numbered)) as transfers,
        closing(account_days.iterator(chunk_size=2000)) as moves,
    ):
        by_day = groupby(heapq.merge(entries, transfers, key=_by_date), key=_by_date)
        for (date, of_day), (moved_on, moved) in zip_longest(by_day, groupby(moves, key=_by_date), fillvalue=_NONE):
            if date != moved_on:
                raise ValidationError(
                    f"The day book of {min(filter(None, (date, moved_on))):%d-%m-%Y} is not what its entries say. "
                    "`rebuild_day_books --check` names the differences, without --check it mends them.",
                    code="unsound",
                )
            closings = {}
            for row in moved:
                balances[row.account_id] += row.received - row.spent + row.transferred
                closings[ledgers[row.account_id]] = balances[row.account_id]
            yield JournalDay(date, list(of_day), closings)


_NONE = (None, ())
_by_date = attrgetter("date")


def _entries(book, reach, ledgers, categories, numbered):
    rows = LedgerEntry.objects.filter(book=book, date__range=reach, deleted_at=None).order_by("date", "id")
    rows = rows.values_list(
        *("id", "date", "account", "category", "category__direction", "subcategory", "amount", "reversal_of"),
        *("narration", "reference", "payment_mode", "adjusts_date"),
        vouchers.number_of("entry") if numbered else Value(None, IntegerField()),
    )
    guid = _guids(book, "entry")
    for pk, date, account, category, direction, sub, amount, reversal_of, *told in rows.iterator(chunk_size=2000):
        came = (direction == Direction.RECEIVED) == (reversal_of is None)
        signed = amount if came else -amount
        narration, reference, mode, adjusts, number = told
        yield Voucher(
            number=f"e{pk}",
            guid=guid(pk),
            date=date,
            kind=Kind.RECEIPT if came else Kind.PAYMENT,
            legs=[(ledgers[account], signed), (categories[category, sub], -signed)],
            narration=narration,
            reference=reference,
            payment_mode=mode,
            adjusts_date=adjusts,
            voucher_number=number,
        )


def _transfers(book, reach, ledgers, numbered):
    rows = AccountTransfer.objects.filter(book=book, date__range=reach, deleted_at=None).order_by("date", "id")
    rows = rows.annotate(voucher_number=vouchers.number_of("transfer") if numbered else Value(None, IntegerField()))
    guid = _guids(book, "transfer")
    for row in rows.iterator(chunk_size=2000):
        moved = row.amount if row.reversal_of_id is None else -row.amount
        yield Voucher(
            number=f"t{row.pk}",
            guid=guid(row.pk),
            date=row.date,
            kind=Kind.CONTRA,
            legs=[(ledgers[row.to_account_id], moved), (ledgers[row.from_account_id], -moved)],
            narration=row.narration,
            reference=row.reference,
            adjusts_date=row.adjusts_date,
            voucher_number=row.voucher_number,
        )


def _cancelled(book, first, last):
    """What left with a number and stands no longer. Tally knows what is in the bin by its own id; a number that was
    given up has one of its own, as what it belonged to left under another number since."""
    guids = {kind: _guids(book, kind) for kind in ("entry", "transfer", "number")}
    for row in vouchers.cancelled(book, first, last).iterator(chunk_size=2000):
        of, name = (row.entry, "entry") if row.entry_id else (row.transfer, "transfer")
        yield Voucher(
            number=f"{name[0]}{of.pk}",
            guid=guids["number"](row.pk) if row.is_given_up else guids[name](of.pk),
            date=row.date,
            kind=Kind(row.kind),
            legs=[],
            narration=of.narration,
            reference=of.reference,
            voucher_number=row.number,
            is_cancelled=True,
        )


def _guids(book, kind):
    """pk -> an id of a row that no other book or instance has: the book's moment of birth is in it."""
    born = f"lendbook:{book.created_at.isoformat()}:{book.pk}:{kind}"
    return lambda pk: str(uuid.uuid5(uuid.NAMESPACE_URL, f"{born}:{pk}"))
