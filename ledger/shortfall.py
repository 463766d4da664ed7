"""Money that cannot be there: a cash box, or the bag of cash an agent carries, that would stand below zero.

Nobody is refused: what was not entered yet may explain it. Pages ask before they save, commands and imports warn. Only
accounts of cash are looked at, for a bank lends and a box does not. A box that was below zero before is no question
unless it gets worse.
"""

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date as Date
from decimal import Decimal

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from ledger import daybook, days
from ledger.models import Account
from shop import access
from shop.models import Book
from shop.money import ZERO, plain, rupees
from shop.questions import Question, ask


@dataclass(frozen=True)
class Short:
    """A cash account below zero at the end of `date`, the first such day: `balance`, and `without` what is looked at."""

    account: Account
    date: Date
    balance: Decimal
    without: Decimal

    def __str__(self):
        return (
            f"{self.account} would stand at {rupees(self.balance)} on {self.date:%d-%m-%Y}, without this at "
            f"{rupees(self.without)}. Cash below zero cannot be there: was something not entered yet?"
        )

    @property
    def told(self) -> str:
        """The sentence for what was saved all the same."""
        return (
            f"{self.account} stands at {rupees(self.balance)} on {self.date:%d-%m-%Y}. Cash below zero cannot be there: "
            "look what was not entered yet."
        )

    @property
    def question(self) -> Question:
        """Asked again wherever account, day or amount is another one."""
        return Question(f"short:{self.account.pk}:{self.date}:{plain(self.balance)}", str(self))


@dataclass
class Watch:
    """Looks at a book's cash from inside a transaction of somebody else's, and keeps in `shorts` what it found there."""

    book: Book
    user: AbstractBaseUser | None = None
    accepted: Container[str] | None = None
    shorts: list[Short] = field(default_factory=list)

    def look(self) -> None:
        """Called last in the transaction. Raises Unanswered where `accepted` (None: nobody is asked) lacks an answer."""
        self.shorts += shorts(self.book, days.moves_pending(self.book.pk), user=self.user)
        if self.accepted is not None:
            ask((short.question for short in self.shorts), self.accepted)

    @property
    def warnings(self) -> list[str]:
        """The sentences of a command that did it all the same."""
        return [short.told for short in self.shorts]


def watch(book: Book, *, user: AbstractBaseUser | None = None, accepted: Container[str] | None = None) -> Watch:
    """A Watch for a service that opens and commits its own transaction; `user` and `accepted` as `watched` takes them."""
    daybook.finish_pending(book.pk)
    return Watch(book, user, accepted)


@contextmanager
def watched(book: Book, *, user=None, accepted: Container[str] | None = None) -> Iterator[list[Short]]:
    """A transaction whose entries and transfers are looked at before it commits; the list it gives then holds what is
    Short, as far as `user` may see these accounts.

    With `accepted` (keys of questions that were answered, none or some) Unanswered is raised for the others and nothing
    is saved; without, the caller tells of what the list holds.
    """
    looking = watch(book, user=user, accepted=accepted)
    with transaction.atomic():
        yield looking.shorts
        looking.look()


def shorts(book: Book, moves: Mapping[tuple[int, Date], Decimal], *, user=None) -> list[Short]:
    """What `moves` {(account id, date): Decimal rupees that come, or go below 0} would leave Short, one of an account.

    `moves` lie on top of the kept sums of days and months, which one question reads, whatever years lie behind.
    """
    by_account = defaultdict(dict)
    for (account_id, date), amount in moves.items():
        by_account[account_id][date] = by_account[account_id].get(date, ZERO) + amount
    draining = [pk for pk, by_date in by_account.items() if _drains(by_date)]
    if not draining:
        return []
    accounts = Account.objects if user is None else access.visible(Account, user, book)
    accounts = list(accounts.filter(book=book, pk__in=draining, kind=Account.Kind.CASH).order_by("pk"))
    if not accounts:
        return []
    kept = days.moved_since(book.pk, [account.pk for account in accounts], min(date for _, date in moves))
    found = (_first_short(account, kept[account.pk], by_account[account.pk]) for account in accounts)
    return [short for short in found if short is not None]


def _drains(by_date):
    """Whether an account ever holds less than without these moves."""
    sum_so_far = ZERO
    for date in sorted(by_date):
        sum_so_far += by_date[date]
        if sum_so_far < 0:
            return True
    return False


def _first_short(account, kept, moves):
    """The first Short day of an account: `kept` {None: Decimal before, date: Decimal of the day}."""
    without = account.opening_balance + kept.get(None, ZERO)
    balance = without
    for date in sorted({*kept, *moves} - {None}):
        without += kept.get(date, ZERO)
        balance += kept.get(date, ZERO) + moves.get(date, ZERO)
        if balance < 0 and balance < without:
            return Short(account, date, balance, without)
    return None
