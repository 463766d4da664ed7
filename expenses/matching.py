"""Credits against collections: which collection in the ledger each credit of the bank proves, and what is left over.

Proposed are collections of trackers (or staff's own) in a bank or UPI mode of the same account, of the same amount,
within two days; a name or UPI id seen with the customer before raises them. Staff confirms; one credit may prove many
collections and many credits one.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction

from expenses.models import CreditMatch, Split, Transaction
from ledger import daybook
from ledger import services as ledger
from ledger.models import Direction, LedgerEntry

NEAR = timedelta(days=2)


@dataclass(frozen=True)
class Proposal:
    """A credit, the collection it may prove, and the evidence in words, strongest first."""

    credit: Transaction
    entry: LedgerEntry
    evidence: tuple


def unmatched_credits(book, first, last):
    """The credits of a range that nobody has matched, posted or linked, oldest first."""
    rows = Transaction.objects.filter(
        book=book,
        credit_amount__isnull=False,
        transaction_date__range=(first, last),
        entry=None,
        transfer=None,
        matches=None,
    )
    return rows.select_related("account").order_by("transaction_date", "id")


def unseen_collections(book, first, last):
    """Collections into bank, UPI or card accounts of a range that no credit proves, oldest first."""
    rows = LedgerEntry.objects.filter(
        book=book,
        date__range=(first, last),
        category__direction=Direction.RECEIVED,
        account__kind__in=("bank", "upi", "card"),
        deleted_at=None,
        reversed_at=None,
        reversal_of=None,
    ).exclude(pk__in=CreditMatch.objects.filter(transaction__book=book).values("entry"))
    rows = rows.exclude(pk__in=Transaction.objects.filter(book=book).exclude(entry=None).values("entry"))
    return rows.select_related("account", "category").order_by("date", "id")


def proposals(book, first, last):
    """[Proposal] one to one, the strongest evidence first; each credit and each collection is proposed once."""
    collections = {}
    for entry in unseen_collections(book, first - NEAR, last + NEAR):
        collections.setdefault((entry.account_id, entry.amount), []).append(entry)
    known = _names_seen(book)
    candidates = []
    for credit in unmatched_credits(book, first, last):
        for entry in collections.get((credit.account_id, credit.credit_amount), []):
            if abs(entry.date - credit.transaction_date) <= NEAR:
                evidence = _evidence(credit, entry, known)
                apart = abs(entry.date - credit.transaction_date)
                candidates.append((-len(evidence), apart, credit.pk, entry.pk, credit, entry, evidence))
    candidates.sort(key=lambda one: one[:4])
    proposed, credits, entries = [], set(), set()
    for *_, credit, entry, evidence in candidates:
        if credit.pk not in credits and entry.pk not in entries:
            credits.add(credit.pk)
            entries.add(entry.pk)
            proposed.append(Proposal(credit, entry, tuple(evidence)))
    return proposed


def _names_seen(book):
    """{payee or UPI id: customers' narrations} of matches that staff confirmed before."""
    seen = {}
    for match in CreditMatch.objects.filter(transaction__book=book).select_related("transaction", "entry"):
        who = match.entry.narration.partition(":")[0].casefold()
        for name in filter(None, (match.transaction.product, match.transaction.upi_id)):
            seen.setdefault(name, set()).add(who)
    return seen


def _evidence(credit, entry, known):
    """Why a credit may be a collection, in words."""
    who = entry.narration.partition(":")[0]
    evidence = [f"same amount in {credit.account}"]
    days = abs((entry.date - credit.transaction_date).days)
    evidence.append("same day" if days == 0 else f"{days} day{'s' if days > 1 else ''} apart")
    if credit.upi_id and who.casefold() in known.get(credit.upi_id, ()):
        evidence.insert(0, f"{credit.upi_id} paid for {who} before")
    elif credit.product and who.casefold() in known.get(credit.product, ()):
        evidence.insert(0, f"{credit.product} paid for {who} before")
    words = {word for word in who.casefold().split() if len(word) > 2}
    if words & set(credit.product.casefold().split()):
        evidence.insert(0, f"the name {who}")
    if entry.reference and credit.reference and entry.reference in credit.reference:
        evidence.insert(0, "the same reference")
    return evidence


def confirm(credits, entries, *, user=None, evidence=()):
    """Confirm that these credits are these collections (one to many or many to one); their sums must agree. Twice is once."""
    if len(credits) > 1 and len(entries) > 1:
        raise ValidationError("Match one credit with many collections, or many credits with one.")
    books = {one.book_id for one in [*credits, *entries]}
    if len(books) != 1 or not credits or not entries:
        raise ValidationError("Choose at least one credit and one collection of the same book.")
    total, collected = sum(one.credit_amount for one in credits), sum(one.amount for one in entries)
    if total != collected:
        raise ValidationError(f"The credits add up to {total}, the collections to {collected}.")
    with transaction.atomic():
        list(Transaction.objects.select_for_update().filter(pk__in=[one.pk for one in credits]))
        pairs = {(one.pk, entry.pk) for one in credits for entry in entries}
        there = CreditMatch.objects.filter(transaction__in=credits) | CreditMatch.objects.filter(entry__in=entries)
        if {(match.transaction_id, match.entry_id) for match in there} - pairs:
            raise ValidationError("One of these is matched with something else already; take that match back first.")
        for one in credits:
            for entry in entries:
                match = CreditMatch.objects.filter(transaction=one, entry=entry).first()
                if match is None:
                    match = CreditMatch(transaction=one, entry=entry, evidence=list(evidence), confirmed_by=user)
                    ledger.save(match, user, "Confirmed")


def take_back(match, *, user=None):
    """Take a confirmed match back."""
    with transaction.atomic():
        match._history_user = user
        match.delete()


# ------------------------------------------------------------------------------------------------ bank against book


@dataclass(frozen=True)
class MonthOfBank:
    """One month of one account: the bank's closing beside the book's, and what each side has alone. Decimal rupees."""

    first: object
    last: object
    bank_closing: object
    book_closing: object
    bank_only: list
    book_only: list

    @property
    def difference(self):
        return None if self.bank_closing is None else self.book_closing - self.bank_closing


def bank_against_book(account, first, last):
    """MonthOfBank of an account for a range (usually a month)."""
    rows = Transaction.objects.filter(account=account, transaction_date__range=(first, last))
    newest = rows.exclude(closing_balance=None).order_by("-transaction_date", "-id")
    statement = account.statements.filter(state="imported", last_date__lte=last, last_date__gte=first).order_by(
        "-last_date"
    )
    closing = statement.values_list("closing_balance", flat=True).first()
    if closing is None:
        closing = newest.values_list("closing_balance", flat=True).first()
    alone = rows.filter(entry=None, transfer=None, matches=None).order_by("transaction_date", "id")
    entries = LedgerEntry.objects.filter(account=account, date__range=(first, last), deleted_at=None)
    entries = entries.exclude(pk__in=Transaction.objects.filter(account=account).exclude(entry=None).values("entry"))
    entries = entries.exclude(pk__in=CreditMatch.objects.filter(transaction__account=account).values("entry"))
    parts = Split.objects.filter(transaction__account=account).exclude(entry=None)
    entries = entries.exclude(pk__in=parts.values("entry"))
    balances = daybook.account_balances(account.book, last)
    return MonthOfBank(
        first=first,
        last=last,
        bank_closing=closing,
        book_closing=balances.get(account.pk, account.opening_balance),
        bank_only=list(alone),
        book_only=list(entries.select_related("category").order_by("date", "id")),
    )
