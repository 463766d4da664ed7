"""Load demo books: people, accounts and days of a small-town lender, to look around and to test with.

Each app that has a module `demo` with `fill(scene)` adds its part, in the order of INSTALLED_APPS, while every day is
open; then each that has `finish(scene)` does what comes last. A second call must find its part done and change nothing.
"""

import random
from dataclasses import dataclass
from datetime import date as Date
from datetime import datetime, timedelta
from importlib import import_module

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import module_has_submodule

from ledger import daybook, services
from ledger.demo import accounts_of
from ledger.models import LedgerEntry
from shop.management.base import LendbookCommand, Refused, WrongUse
from shop.models import Book, BookMember, Role

PASSWORD = "lendbook-demo"  # known to everybody: prod refuses demo books
LOGINS = [
    ("owner", PASSWORD, "owner: everything in the demo books"),
    ("staff", PASSWORD, "staff: posts, edits open days, closes"),
    ("agent", PASSWORD, "agent: records only what is his"),
    ("auditor", PASSWORD, "auditor: reads"),
]
CUSTOMER = ("murugan", PASSWORD, "customer: three passbooks, at /login/")
NAMES = {"owner": "Asha", "staff": "Ravi", "agent": "Selvam", "auditor": "Meena"}
BOOKS = (("murugan-finance", "Sri Murugan Finance"), ("lakshmi-finance", "Lakshmi Finance"))
MAX_BOOKS, MAX_DAYS = 20, 3650


@dataclass
class Scene:
    """What an app needs to fill a demo book. `dice` is the app's own, the same for the same seed and book."""

    book: Book
    people: dict  # Role -> user
    days: int
    first: Date
    last: Date
    now: datetime
    number: int
    dice: random.Random
    password: str = PASSWORD


class Command(LendbookCommand):
    help = "Load demo books. Books and logins that are no demo are refused, demo books that are there stay as they are."

    def add_options(self, parser):
        parser.add_argument("--books", type=int, default=2)
        parser.add_argument("--days", type=int, default=90, help="how many days of entries, ending today")
        parser.add_argument("--seed", type=int, default=7, help="the same seed makes the same entries")

    def act(self, *, books, days, seed, **options):
        if not (1 <= books <= MAX_BOOKS and 1 <= days <= MAX_DAYS):
            raise WrongUse(f"--books takes 1 to {MAX_BOOKS}, --days 1 to {MAX_DAYS}.")
        if settings.PROD:
            raise Refused("Demo books have passwords that everybody knows, so prod takes none. Use dev or testing.")
        names = [BOOKS[n] if n < len(BOOKS) else (f"demo-{n + 1}", f"Demo book {n + 1}") for n in range(books)]
        _refuse_what_is_no_demo([slug for slug, _ in names])
        made = []
        for number, (slug, name) in enumerate(names):
            with transaction.atomic():
                made.append(_load(number, slug, name, days, seed))
            daybook.finish_pending(made[-1].pk)
        document = {
            "books": [
                {"slug": book.slug, "name": book.name, "entries": LedgerEntry.objects.filter(book=book).count()}
                for book in made
            ],
            "logins": [
                {"login": login, "password": password, "what": what} for login, password, what in (*LOGINS, CUSTOMER)
            ],
        }
        self.answer(
            document,
            *(f"{row['name']} ({row['slug']}): {row['entries']:,} entries" for row in document["books"]),
            *(f"  {login} / {password}  ({what})" for login, password, what in (*LOGINS, CUSTOMER)),
        )


def _refuse_what_is_no_demo(slugs):
    taken = Book.objects.filter(slug__in=slugs, is_demo=False).first()
    if taken:
        raise Refused(f"The book '{taken.slug}' is no demo book; it stays as it is. Demo books need its short name.")
    logins = [login for login, _, _ in LOGINS]
    worker = BookMember.objects.filter(user__username__in=logins, book__is_demo=False).select_related("user").first()
    if worker:
        raise Refused(f"'{worker.user}' works in a book that is no demo book; demo logins need that name.")
    powerful = get_user_model().objects.filter(username__in=logins, is_superuser=True).first()
    if powerful:
        raise Refused(f"'{powerful}' may do everything here, so the demo's password must not be his. Rename him first.")


def _load(number, slug, name, days, seed):
    """The demo book of that number, made if it is missing, with every app's part."""
    people = {Role(login): _person(login) for login, _, _ in LOGINS}
    book = Book.objects.filter(slug=slug).first()
    if book is None:
        today = Book(slug=slug).today()
        book = services.open_book(
            slug=slug,
            name=name,
            owner=people[Role.OWNER],
            begins_on=today - timedelta(days=days - 1),
            accounts=accounts_of(number),
            is_demo=True,
        )
        bag = book.accounts.last()
        bag.agent = people[Role.AGENT]
        services.save(bag, people[Role.OWNER])
        for role, user in people.items():
            services.set_member(book, user, role)
    parts = [
        (config, import_module(f"{config.name}.demo"))
        for config in apps.get_app_configs()
        if module_has_submodule(config.module, "demo")
    ]
    for name in ("fill", "finish"):
        for config, part in parts:
            if hasattr(part, name):
                getattr(part, name)(_scene(book, people, number, f"{seed} {slug} {config.label} {name}"))
    return book


def _scene(book, people, number, seed):
    book.refresh_from_db()
    return Scene(
        book=book,
        people=people,
        days=(book.today() - book.begins_on).days + 1,
        first=book.begins_on,
        last=book.today(),
        now=timezone.now(),
        number=number,
        dice=random.Random(seed),
    )


def _person(login):
    """The demo person of that login; one who is there keeps his password."""
    user, is_new = get_user_model().objects.get_or_create(username=login, defaults={"first_name": NAMES[login]})
    if is_new:
        user.set_password(PASSWORD)
        user.save()
    return user
