"""A book whose debits are written one by one, and what the dashboard must say of it by plain Python."""

from collections import defaultdict
from decimal import Decimal
from itertools import count

from expenses.models import (
    Mode,
    Split,
    Statement,
    Tag,
    Transaction,
)
from expenses.overview import figures
from expenses.overview.figures import TBD
from ledger.models import Account
from shop.money import ZERO
from tests import world

NUMBERS = count(1)
PAYEES = ("", "SWIGGY", "LIC", "RENT", "MURUGAN")


def new_book():
    """A book with two accounts, three tags, and a statement of each account."""
    book = world.book(accounts=[("Bank", "bank", ZERO), ("Card", "card", ZERO)])
    for name in ("Food", "Rent", "Fuel"):
        Tag.objects.create(book=book, name=name)
    for account in book.accounts.all():
        Statement.objects.create(book=book, account=account, file_name="s", sha256=account.name, layout="x")
    return book


def paid(book, on, amount, product="SWIGGY", tag=None, mode=Mode.UPI, account="Bank", **fields):
    """One debit, as an import lays it down: past every signal."""
    account = Account.objects.get(book=book, name=account)
    one = Transaction(
        book=book,
        account=account,
        statement=account.statements.get(),
        line=1,
        transaction_date=on,
        debit_amount=Decimal(amount),
        narration=product,
        product=product,
        own_product=product,
        mode=mode,
        tag=book.tags.get(name=tag) if tag else None,
        decided_by="learned" if tag else "tbd",
        fingerprint=str(next(NUMBERS)),
        **fields,
    )
    return Transaction.objects.bulk_create([one])[0]


class Plain:
    """The same figures, part by part."""

    def __init__(self, asked):
        self.parts = [part for part in self._parts(asked) if asked.tag in (None, part[1] or TBD)]

    @staticmethod
    def _parts(asked):
        for one in Transaction.objects.filter(book_id=asked.book_id, debit_amount__isnull=False):
            outside = (asked.first and one.transaction_date < asked.first) or (
                asked.last and one.transaction_date > asked.last
            )
            if outside or asked.account not in (None, one.account_id):
                continue
            splits = list(Split.objects.filter(transaction=one))
            for split in splits:
                yield one, split.tag_id, split.amount
            if not splits:
                yield one, None if one.decided_by == "tbd" else one.tag_id, one.debit_amount

    def sums(self, key):
        found = defaultdict(lambda: [0, ZERO])
        for one, tag, amount in self.parts:
            row = found[key(one, tag)]
            row[0] += 1
            row[1] += amount
        return dict(found)

    def top_payees(self):
        sums = self.sums(lambda one, tag: one.product)
        sums.pop("", None)
        return sorted(((name, *row) for name, row in sums.items()), key=lambda row: (-row[2], row[0]))[: figures.TOP]


def agree(asked):
    ours, plain = figures.figures(asked), Plain(asked)
    assert ours.by_month_and_tag == plain.sums(lambda one, tag: (one.transaction_date.replace(day=1), tag))
    assert ours.by_mode == plain.sums(lambda one, tag: one.mode)
    assert ours.by_weekday == plain.sums(lambda one, tag: one.transaction_date.isoweekday())
    assert figures.top_payees(asked) == plain.top_payees()
    total = sum((amount for *_, amount in plain.parts), ZERO)
    assert ours.share_tbd()[:2] == (sum((amount for _, tag, amount in plain.parts if tag is None), ZERO), total)
