"""Opening a book: its default categories, accounts, payment modes and people."""

from django.core.exceptions import ValidationError
from django.db import transaction

from ledger.models import Account, Category, Direction, Nature, PaymentModeAccount
from ledger.payment_modes import PAYMENT_MODES
from ledger.services.names import refuse_twin
from shop.models import Book, BookMember, Role
from shop.money import ZERO
from shop.names import clean_name
from shop.rows import clean_text

DEFAULT_CATEGORIES = (
    ("Collection", Direction.RECEIVED, Nature.LOANS),
    ("Income", Direction.RECEIVED, Nature.INCOME),
    ("Capital received", Direction.RECEIVED, Nature.CAPITAL),
    ("Loan Disbursement", Direction.SPENT, Nature.LOANS),
    ("Expense", Direction.SPENT, Nature.COST),
    ("Withdrawal", Direction.SPENT, Nature.DRAWINGS),
    ("Drawings", Direction.SPENT, Nature.DRAWINGS),
    ("Bank Charges", Direction.SPENT, Nature.COST),
    ("Cash Short", Direction.SPENT, Nature.COST),
    ("Cash Excess", Direction.RECEIVED, Nature.INCOME),
)


@transaction.atomic
def open_book(*, slug, name, owner=None, begins_on=None, time_zone="Asia/Kolkata", accounts=(), is_demo=False):
    """Make a book with its default categories, accounts [(name, kind, opening Decimal rupees)] and payment modes.

    Without accounts it gets one cash box "Cash" at 0. Raises ValidationError for a taken slug or a wrong value.
    """
    book = Book(slug=slug, name=clean_text(name), begins_on=begins_on, time_zone=time_zone, is_demo=is_demo)
    book.full_clean()
    book.save()
    for category, direction, nature in DEFAULT_CATEGORIES:
        Category.objects.create(book=book, name=category, direction=direction, nature=nature)
    made = []
    for account_name, kind, opening in accounts or [("Cash", Account.Kind.CASH, ZERO)]:
        account = Account(book=book, name=clean_name(account_name), kind=kind, opening_balance=opening)
        account.full_clean()
        refuse_twin(account)
        account.save()
        made.append(account)
    for mode in PAYMENT_MODES:
        account = next((account for kind in mode.pays_into for account in made if account.kind == kind), None)
        if account:
            PaymentModeAccount.objects.create(book=book, payment_mode=mode.name, account=account)
    if owner:
        set_member(book, owner, Role.OWNER)
    return book


@transaction.atomic
def set_member(book, user, role):
    """Let `user` work in `book` as `role`; a second call changes the role."""
    member, _ = BookMember.objects.update_or_create(book=book, user=user, defaults={"role": role})
    return member


def account_for_mode(book, payment_mode):
    """The account a payment mode pays into: the mapped one, else the book's first. Raises ValidationError if none."""
    mapped = PaymentModeAccount.objects.filter(book=book, payment_mode=payment_mode, account__is_active=True)
    found = mapped.select_related("account").first()
    account = found.account if found else Account.objects.filter(book=book, is_active=True).first()
    if account is None:
        raise ValidationError({"account": f"{book} has no active account; add one first."})
    return account
