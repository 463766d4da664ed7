"""The cast of the tests: Asha owns Main Street, Ravi is staff there, Kumar its agent, Meena its auditor.

Charlie owns another book, and must never see a row of Main Street's.
"""

import functools
from datetime import date
from decimal import Decimal
from types import SimpleNamespace

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.test import Client

from expenses.tagging import placing
from ledger import services
from ledger.models import Account, Category
from shop.models import Book, Role

PASSWORD = "one-long-password"


def person(name, **fields):
    """A login of that name with PASSWORD."""
    user = get_user_model()(username=name, password=_hashed(settings.PASSWORD_HASHERS[0]), **fields)
    user.save()
    return user


def browser(user, **options):
    """A test client that is logged in as `user`."""
    client = Client(**options)
    client.force_login(user)
    return client


@functools.cache
def _hashed(hasher):
    """PASSWORD hashed once by each hasher: argon2 is slow on purpose, and a test that logs in may know another one."""
    return make_password(PASSWORD)


def book(slug="main-street", opening="50000", begins_on=None, owner=None, accounts=None):
    """A book with a cash box "Cash" of `opening` rupees and a bank account "Bank" at 0, unless `accounts` says else."""
    accounts = accounts or [("Cash", "cash", Decimal(opening)), ("Bank", "bank", Decimal(0))]
    return services.open_book(
        slug=slug, name=slug.replace("-", " ").title(), begins_on=begins_on, owner=owner, accounts=accounts
    )


def cast():
    """Everybody, with their books."""
    asha, ravi, kumar, meena, charlie = (person(name) for name in ("asha", "ravi", "kumar", "meena", "charlie"))
    main = book(owner=asha)
    for user, role in ((ravi, Role.STAFF), (kumar, Role.AGENT), (meena, Role.AUDITOR)):
        services.set_member(main, user, role)
    Account.objects.create(book=main, name="Kumar's bag", kind="cash", agent=kumar)
    return SimpleNamespace(
        asha=asha,
        ravi=ravi,
        kumar=kumar,
        meena=meena,
        charlie=charlie,
        main=main,
        other=book("other-road", owner=charlie),
    )


def category(book, name):
    return Category.objects.get(book=book, name=name)


def tag(book, name):
    """The book's tag of that name; the shipped ones are made the first time."""
    return next(tag for tag in placing.tags_of(book) if tag.name == name)


def post(book: Book, on, name="Collection", amount="500", **fields):
    """Post one entry: `on` an ISO date, `name` the category's, `amount` in rupees."""
    return services.post_entry(
        book=book, date=date.fromisoformat(on), category=category(book, name), amount=Decimal(amount), **fields
    )
