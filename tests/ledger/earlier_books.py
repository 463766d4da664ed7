"""Books as an earlier release had left them: rows written through the models of an earlier migration.

`fill` takes the app registry of any state since the first, so that a new migration is tried on real figures without
another fixture: fields that came later are left to their defaults.
"""

import random
from datetime import date, timedelta
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from tests.ledger.plain_books import PlainBook, PlainEntry, PlainTransfer

FIRST, DAYS = date(2024, 1, 1), 40
ACCOUNTS = (("Cash", "cash", Decimal("50000.00")), ("Bank", "bank", Decimal("-1234.56")))
DIRECTIONS = {"Collection": "received", "Income": "received", "Expense": "spent", "செலவு": "spent"}
NATURES = {"Collection": "loans", "Income": "income", "Expense": "cost", "செலவு": "cost"}


@transaction.atomic
def fill(apps, slugs, entries=150):
    """Make books with entries, transfers, the bin, and days computed; returns {slug: PlainBook} of the same."""
    user, _ = apps.get_model("auth", "User").objects.get_or_create(username="asha")
    return {slug: _fill_book(apps, slug, user, entries) for slug in slugs}


def _fill_book(apps, slug, user, entries):
    dice = random.Random(slug)
    book = apps.get_model("ledger", "Book").objects.create(slug=slug, name=slug.title())
    accounts = {
        name: apps.get_model("ledger", "Account").objects.create(
            book=book, name=name, kind=kind, opening_balance=opening
        )
        for name, kind, opening in ACCOUNTS
    }
    categories = {
        name: _with_history(apps, "ledger.Category", book=book, name=name, direction=direction, **_nature(apps, name))
        for name, direction in DIRECTIONS.items()
    }
    plain = PlainBook(openings={name: opening for name, _, opening in ACCOUNTS}, directions=dict(DIRECTIONS))
    for number in range(entries):
        on = FIRST + timedelta(days=dice.randrange(DAYS))
        amount = Decimal(dice.randint(1, 10**7)) / 100
        if number % 10 == 0:
            row = apps.get_model("ledger", "AccountTransfer").objects.create(
                book=book, date=on, amount=amount, from_account=accounts["Cash"], to_account=accounts["Bank"]
            )
            plain.transfers[row.pk] = PlainTransfer(on, "Cash", "Bank", amount)
            continue
        twin = PlainEntry(
            on, dice.choice(list(accounts)), dice.choice(list(categories)), dice.choice(["", "Rent"]), amount
        )
        row = apps.get_model("ledger", "LedgerEntry").objects.create(
            book=book,
            date=on,
            amount=amount,
            account=accounts[twin.account],
            category=categories[twin.category],
            subcategory=twin.subcategory,
            narration=f"Entry {number}",
            source="form",
            source_ref=str(number),
            created_by=user,
        )
        plain.entries[row.pk] = twin
    _store_days(apps, book, plain, accounts, categories)
    return plain


def _store_days(apps, book, plain, accounts, categories):
    for on in (FIRST + timedelta(days=offset) for offset in range(DAYS)):
        day = plain.day(on)
        row = apps.get_model("ledger", "DayBook").objects.create(
            book=book,
            date=on,
            opening_balance=day.opening,
            total_received=day.received,
            total_spent=day.spent,
            closing_balance=day.closing,
        )
        for (kind, category, subcategory), (amount, count) in day.details.items():
            apps.get_model("ledger", "DayBookDetail").objects.create(
                day_book=row,
                transaction_type=kind,
                category=categories[category],
                subcategory=subcategory,
                amount=amount,
                transaction_count=count,
            )
        moved = {row.account for row in plain.entries.values() if row.date == on}
        moved |= {name for row in plain.transfers.values() if row.date == on for name in (row.source, row.target)}
        for name in moved:
            _, received, spent, transferred, _ = day.accounts[name]
            apps.get_model("ledger", "AccountDay").objects.create(
                book=book, account=accounts[name], date=on, received=received, spent=spent, transferred=transferred
            )
    _store_months(apps, book)


def _store_months(apps, book):
    """What each account gained per month, in the states that keep it."""
    try:
        months = apps.get_model("ledger", "AccountMonth")
    except LookupError:
        return
    gained = {}
    for row in apps.get_model("ledger", "AccountDay").objects.filter(book=book):
        key = (row.account_id, row.date.replace(day=1))
        gained[key] = gained.get(key, Decimal(0)) + row.received - row.spent + row.transferred
    for (account, month), moved in gained.items():
        months.objects.create(book=book, account_id=account, month=month, moved=moved)


@transaction.atomic
def fill_bank(apps, slug):
    """A statement of a book's bank account, through the models of a state of expenses: a debit that is linked to an
    entry, one divided over two tags that nobody painted, and a credit, each with its history.
    """
    entries = apps.get_model("ledger", "LedgerEntry").objects.select_related("account", "book")
    entry = entries.filter(book__slug=slug, account__name="Bank", category__direction="spent").earliest("pk")
    own = {"book": entry.book, "account": entry.account}
    tags = [_with_history(apps, "Tag", book=entry.book, name=name, shipped_as=name) for name in ("Food", "Rent")]
    statement = _with_history(
        apps,
        "Statement",
        **own,
        file_name="earlier.csv",
        sha256="0" * 64,
        layout="original",
        state="imported",
        rows_in=3,
        imported=3,
        debits=entry.amount + 300,
        credits=Decimal(50),
    )
    money = ({"debit_amount": entry.amount}, {"debit_amount": Decimal(300)}, {"credit_amount": Decimal(50)})
    settled = {"decided_by": "manual", "confidence": 100, "is_confirmed": True}
    became = ({"tag": tags[0], "entry": entry, "is_linked": True, **settled}, {"tag": tags[0], **settled}, {})
    rows = [
        _with_history(
            apps,
            "Transaction",
            **own,
            statement=statement,
            line=line,
            transaction_date=entry.date,
            narration=narration,
            product=narration.upper(),
            fingerprint=narration,
            **money[line],
            **became[line],
        )
        for line, narration in enumerate(("linked", "divided", "received"))
    ]
    for tag, amount in zip(tags, ("100.25", "199.75"), strict=True):
        apps.get_model("expenses", "Split").objects.create(transaction=rows[1], tag=tag, amount=Decimal(amount))


def _nature(apps, category):
    """The nature of a category, in the states that keep one."""
    keeps = any(field.name == "nature" for field in apps.get_model("ledger", "Category")._meta.concrete_fields)
    return {"nature": NATURES[category]} if keeps else {}


def _with_history(apps, model, /, **fields):
    """A row and its history's first line: the models of a state keep none by themselves."""
    app, model = model.split(".") if "." in model else ("expenses", model)
    row = apps.get_model(app, model).objects.create(**fields)
    kept = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    apps.get_model(app, f"Historical{model}").objects.create(**kept, history_type="+", history_date=timezone.now())
    return row
