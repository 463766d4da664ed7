"""What a book is made of beside its entries: accounts, categories, payment modes, its people, its own settings.

Nothing here is deleted: accounts and categories are retired, a person who leaves stays in the history. Functions are
atomic, keep who did it, and raise ValidationError whose message names the way out; a change that would move a closed
day raises ClosedDay.
"""

from django.contrib.auth import get_user_model, password_validation
from django.core.exceptions import ValidationError
from django.db import transaction

from ledger import daybook, days, followers, services
from ledger.models import Account, AccountTransfer, Category, DayBook, LedgerEntry, PaymentModeAccount
from shop import questions
from shop.dates import LAST_DATE
from shop.models import Book, BookMember, Role
from shop.money import ZERO, plain, rupees
from shop.names import Names
from shop.questions import YES_TO_ALL

# Closing a day posts its differences to these two by name.
KEPT_CATEGORIES = {"Cash Short": "spent", "Cash Excess": "received"}
_TOLD = 900  # entries at once


@transaction.atomic
def save_account(account, *, user=None, accepted=YES_TO_ALL):
    """Save an account that was checked field by field. A book keeps at least one active account.

    One that is retired with money in it is asked about: Unanswered, unless the question's key is among `accepted`.
    """
    if not account.is_active:
        questions.ask(_money_left(account), accepted)
        others = Account.objects.filter(book=account.book_id, is_active=True).exclude(pk=account.pk)
        if not others.exists():
            raise ValidationError({"is_active": "This is the book's last active account; add another one first."})
    services.refuse_twin(account)
    return services.save(account, user)


def _money_left(account):
    """The Question of an account in use that is to be retired while money lies in it, or is owed."""
    if not Account.objects.filter(pk=account.pk, is_active=True).exists():
        return
    daybook.finish_pending(account.book_id)
    balance = account.opening_balance + days.moved_before(account.book_id, LAST_DATE).get(account.pk, ZERO)
    if balance:
        yield questions.Question(
            f"retire:{account.pk}:{plain(balance)}",
            f"{account} stands at {rupees(balance)}, and a retired account is posted to no more. Move that to another "
            "account by a transfer first, or retire it all the same.",
        )


@transaction.atomic
def save_category(category, *, user=None):
    """Save a category. A changed direction moves every day it was used on; closing's own two stay as they are."""
    was = type(category).objects.filter(pk=category.pk).first()
    if was is not None and was.name in KEPT_CATEGORIES:
        kept = (was.name, KEPT_CATEGORIES[was.name], True)
        if kept != (category.name, category.direction, category.is_active):
            raise ValidationError(f"'{was.name}' stays as it is: closing a day posts its differences there.")
    services.refuse_twin(category)
    services.save(category, user)
    if was is not None and was.direction != category.direction:
        _tell_of_entries(category, user)
    return category


@transaction.atomic
def accept_natures(book: Book, *, user=None) -> int:
    """Take the guessed natures of the book's categories for told; returns how many there were."""
    guessed = list(Category.objects.select_for_update(no_key=True).filter(book=book, nature_is_guessed=True))
    for category in guessed:
        category.nature_is_guessed = False
        services.save(category, user, "Nature accepted")
    return len(guessed)


def _tell_of_entries(category, user):
    """Tell those who follow the category's entries: what was received is spent now, or the other way round."""
    standing = LedgerEntry.objects.filter(category=category, deleted_at=None, reversed_at=None, reversal_of=None)
    pks = list(standing.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(pks), _TOLD):
        followers.tell(list(LedgerEntry.objects.filter(pk__in=pks[start : start + _TOLD])), user)


@transaction.atomic
def map_payment_mode(book, payment_mode, account, *, user=None):
    """Let `payment_mode` pay into `account` where nobody names one; None: into the book's first account."""
    row = PaymentModeAccount.objects.filter(book=book, payment_mode=payment_mode).first()
    if account is None:
        if row is not None:
            row._history_user = user
            row.delete()
        return
    if account.book_id != book.pk or not account.is_active:
        raise ValidationError(f"There is no active account '{account}' in {book}.")
    row = row or PaymentModeAccount(book=book, payment_mode=payment_mode)
    if row.account_id != account.pk:
        row.account = account
        services.save(row, user)


@transaction.atomic
def save_book(book, *, user=None):
    """Save a book's name, time zone and first day. Refused where entries or transfers lie before the first day."""
    daybook.lock_book(book.pk, whole=True)  # so that nothing earlier slips in beside the check
    if book.begins_on:
        early = []
        for model in (LedgerEntry, AccountTransfer):
            before = model.objects.filter(book=book, date__lt=book.begins_on, deleted_at=None)
            early += before.order_by("date")[:1]
        if early:
            first = min(early, key=lambda row: row.date)
            raise ValidationError(
                {
                    "begins_on": f"The book holds {first} already. Begin it on {first.date:%d-%m-%Y} or earlier, "
                    "or bin what lies before."
                }
            )
        DayBook.objects.filter(book=book, date__lt=book.begins_on).delete()  # quiet days, which hold nothing now
    return services.save(book, user)


# ------------------------------------------------------------------------------------------------ people


@transaction.atomic
def add_member(book, *, login, role, name="", password="", user=None):
    """Let the person of `login` work in `book`; the login is made where there is none. Returns the BookMember.

    A new login without `password` has none until the person sets one by the link (access to which may_reset gives).
    Raises ValidationError where the person is here already, or a password is given for a login that has its own.
    """
    person = get_user_model().objects.filter(username=login).first()
    if person is not None and password:
        raise ValidationError(
            {"password": f"There is a login '{login}' already, with its own password; leave this empty."}
        )
    if person is not None and BookMember.objects.filter(book=book, user=person).exists():
        raise ValidationError({"login": f"{login} works in {book} already; change the role instead."})
    made = person is None
    if made:
        person = get_user_model()(username=login, first_name=services.clean_text(name))
        person.full_clean(exclude=["password"])
        if password:
            try:
                password_validation.validate_password(password, person)
            except ValidationError as refusal:
                raise ValidationError({"password": refusal.messages}) from refusal
            person.set_password(password)
        else:
            person.set_unusable_password()
        person.save()
    member = BookMember(book=book, user=person, role=role, made_login=made)
    services.save(member, user, "Added")
    if role == Role.AGENT:
        _give_cash_account(member, user)
    return member


def _give_cash_account(member, user):
    """An agent records only what passes through his own cash; without an account he could record nothing."""
    if Account.objects.filter(book=member.book, agent=member.user).exists():
        return
    name = f"{member.user.get_short_name() or member.user.get_username()}'s cash"[:80]
    if Names(Account.objects.filter(book=member.book).values_list("name", "pk")).find(name):
        name = f"{member.user.get_username()}'s cash box"[:80]
    services.save(Account(book=member.book, name=name, kind=Account.Kind.CASH, agent=member.user), user)


@transaction.atomic
def change_role(member, role, *, user=None):
    """Give a member another role; the last owner stays one."""
    _keep_an_owner(member, role)
    member.role = role
    services.save(member, user)
    if role == Role.AGENT:
        _give_cash_account(member, user)
    return member


@transaction.atomic
def remove_member(member, *, user=None):
    """Let a person work in the book no longer; what he typed and the history stay. The last owner stays."""
    _keep_an_owner(member, None)
    member._history_user = user
    member._change_reason = "Removed"
    member.delete()


def _keep_an_owner(member, role):
    daybook.lock_book(member.book_id, whole=True)  # two owners who remove each other at once: one of them is told
    owners = BookMember.objects.filter(book=member.book_id, role=Role.OWNER)
    if role != Role.OWNER and not owners.exclude(pk=member.pk).exists():
        raise ValidationError(f"{member.user} is the book's last owner; make somebody else owner first.")


def may_reset(member, by):
    """Whether `by` may hand `member` a link that sets his password.

    Only for a login that was made in this book, and only while the person works in no book of somebody else: whoever
    lets an existing login into his book gains no way into what that login sees elsewhere.
    """
    person = member.user
    if not member.made_login or person.is_superuser or person.is_staff or not person.is_active:
        return False
    if by.is_superuser:
        return True
    owned = BookMember.objects.filter(user=by, role=Role.OWNER).values("book")
    mine = Book.objects.filter(pk__in=owned)
    return member.book in mine and not BookMember.objects.filter(user=person).exclude(book__in=mine).exists()
