"""Credits against collections: which collection in the ledger each credit of the bank proves, and what is left over.

Proposed are collections of trackers (or staff's own) into a bank, UPI or card account, of the same amount, within two
days; a name, a reference, or a UPI id seen with the customer before raises them. Staff confirms; one credit may prove
many collections and many credits one.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from expenses.books import links
from expenses.books.links import NEAR
from expenses.models import CreditMatch, Transaction
from expenses.tagging.narration import is_own_id
from ledger import services as ledger
from ledger.models import Direction, LedgerEntry

SUMMED, SUMMED_OF = 4, 10  # at most so many parts, sought among so many


@dataclass(frozen=True)
class Proposal:
    """Credits, the collections they may prove (many on one side at most), and the evidence in words, strongest first."""

    credits: tuple
    entries: tuple
    evidence: tuple

    @property
    def key(self):
        """What a form sends back: "credit,credit:entry"."""
        return ":".join(",".join(str(row.pk) for row in side) for side in (self.credits, self.entries))

    @property
    def amount(self):
        return sum(credit.credit_amount for credit in self.credits)


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
        Q(date__range=(first, last)) | Q(adjusts_date__range=(first, last)),
        book=book,
        category__direction=Direction.RECEIVED,
        account__kind__in=links.BANK_KINDS,
        deleted_at=None,
        reversed_at=None,
        reversal_of=None,
    ).exclude(pk__in=CreditMatch.objects.filter(transaction__book=book).values("entry"))
    rows = rows.exclude(pk__in=Transaction.objects.filter(book=book).exclude(entry=None).values("entry"))
    return rows.select_related("account", "category").order_by("date", "id")


def proposals(book, first, last):
    """[Proposal] for the credits of a range, the strongest evidence first, then sums; each credit and collection once.

    A collection of another account than the credit's needs a name, a UPI id or a reference that speaks for it.
    """
    entries = list(unseen_collections(book, first - NEAR, last + NEAR))
    near = _Near(entries, _names_seen(book))
    credits = list(unmatched_credits(book, first, last))
    candidates = []
    for credit in credits:
        for entry in near.to(credit):
            if entry.amount != credit.credit_amount:
                continue
            personal, plain = _evidence(credit, entry, near.known)
            if personal or credit.account_id == entry.account_id:
                evidence, apart = personal + plain, links.days_apart(credit, entry)
                candidates.append((-len(personal), -len(evidence), apart, credit.pk, entry.pk, credit, entry, evidence))
    candidates.sort(key=lambda one: one[:5])
    proposed, taken = [], set()
    for *_, credit, entry, evidence in candidates:
        if credit not in taken and entry not in taken:
            taken.update((credit, entry))
            proposed.append(Proposal((credit,), (entry,), tuple(evidence)))
    return proposed + _sums([credit for credit in credits if credit not in taken], near, taken)


class _Near:
    """Collections by their days, so that a year's credits are not each held beside a year's collections."""

    def __init__(self, entries, known):
        self.known, self._of_day = known, {}
        for entry in entries:
            for day in {entry.date, entry.adjusts_date} - {None}:
                self._of_day.setdefault(day, []).append(entry)

    def to(self, credit):
        """The collections within NEAR of a credit, in their order."""
        days = range(-NEAR.days, NEAR.days + 1)
        found = (self._of_day.get(credit.transaction_date + timedelta(n), ()) for n in days)
        return dict.fromkeys(entry for entries in found for entry in entries)


def claimed(credits):
    """{credit id: Proposal} of credits (of one book) that may prove collections."""
    if not credits:
        return {}
    days = [one.transaction_date for one in credits]
    found = proposals(credits[0].book, min(days), max(days))
    return {credit.pk: one for one in found for credit in one.credits}


def _sums(credits, near, taken):
    """[Proposal] of one credit for several collections of the same person, and of several credits for one."""
    proposed, by_credit, by_entry = [], {}, {}
    for credit in credits:
        for entry in near.to(credit):
            if entry not in taken and _evidence(credit, entry, near.known)[0]:
                by_credit.setdefault(credit, []).append(entry)
                by_entry.setdefault(entry, []).append(credit)
    for one, others, amount_of in [
        *((credit, others, lambda row: row.amount) for credit, others in by_credit.items()),
        *((entry, others, lambda row: row.credit_amount) for entry, others in by_entry.items()),
    ]:
        total = one.credit_amount if isinstance(one, Transaction) else one.amount
        free = [row for row in others if row not in taken][:SUMMED_OF]
        parts = next(
            (
                part
                for size in range(2, SUMMED + 1)
                for part in combinations(free, size)
                if sum(map(amount_of, part)) == total
            ),
            None,
        )
        if parts and one not in taken:
            taken.update((one, *parts))
            credits_, entries_ = ((one,), parts) if isinstance(one, Transaction) else (parts, (one,))
            personal, _ = _evidence(credits_[0], entries_[0], near.known)
            proposed.append(Proposal(credits_, entries_, (*personal, f"{len(parts)} that add up")))
    return proposed


def _names_seen(book):
    """{payee or UPI id: customers' narrations} of matches that staff confirmed before."""
    seen = {}
    for match in CreditMatch.objects.filter(transaction__book=book).select_related("transaction", "entry"):
        who = match.entry.narration.partition(":")[0].casefold()
        one = match.transaction
        for name in filter(None, (one.product, one.upi_id if is_own_id(one.upi_id) else "")):
            seen.setdefault(name, set()).add(who)
    return seen


def _evidence(credit, entry, known):
    """([what speaks for this very person], [what many would have in common]), in words, strongest first."""
    who = entry.narration.partition(":")[0]
    personal = []
    if entry.reference and entry.reference in (credit.reference, *re.findall(r"\w+", credit.reference)):
        personal.append("the same reference")
    if {word for word in who.casefold().split() if len(word) > 2} & set(credit.product.casefold().split()):
        personal.append(f"the name {who}")
    if credit.upi_id and who.casefold() in known.get(credit.upi_id, ()):
        personal.append(f"{credit.upi_id} paid for {who} before")
    elif credit.product and who.casefold() in known.get(credit.product, ()):
        personal.append(f"{credit.product} paid for {who} before")
    days = links.days_apart(credit, entry).days
    plain = [f"same amount in {credit.account}"] if credit.account_id == entry.account_id else ["same amount"]
    plain.append("same day" if days == 0 else f"{days} day{'s' if days > 1 else ''} apart")
    return personal, plain


def confirm(credits, entries, *, user=None, evidence=()):
    """Confirm that these credits are these collections (one to many or many to one); their sums must agree. Twice is once.

    The collections are locked, then the credits; what they say is read after that.
    """
    if len(credits) > 1 and len(entries) > 1:
        raise ValidationError("Match one credit with many collections, or many credits with one.")
    if len({one.book_id for one in [*credits, *entries]}) != 1 or not credits or not entries:
        raise ValidationError("Choose at least one credit and one collection of the same book.")
    with transaction.atomic():
        credits, entries = _held(credits, entries)
        for one in credits:
            links.refuse_frozen(one)
        _refuse_wrong(credits, entries)
        for one in credits:
            for entry in entries:
                match = CreditMatch.objects.filter(transaction=one, entry=entry).first()
                if match is None:
                    match = CreditMatch(transaction=one, entry=entry, evidence=list(evidence), confirmed_by=user)
                    ledger.save(match, user, "Confirmed")
        links.forget([one.pk for one in credits])


def _held(credits, entries):
    """Both sides of a match as they stand, locked in one order. Raises ValidationError where one of them is gone."""
    rows = LedgerEntry.objects.filter(pk__in=[entry.pk for entry in entries]).order_by("pk")
    list(rows.select_for_update(no_key=True).values_list("pk"))
    found = links.hold(entries, also=[one.pk for one in credits])
    if not all(one.pk in found for one in credits):
        raise ValidationError("A credit of these was taken out meanwhile; look at the list again.")
    standing = list(rows.select_related("category", "account"))
    if len(standing) < len(entries) or not all(map(links.stands, standing)):
        raise ValidationError("A collection of these was taken back meanwhile; look at the list again.")
    return [found[one.pk] for one in credits], standing


def _refuse_wrong(credits, entries):
    """Raise ValidationError where credits and collections, held, are no match."""
    if any(one.credit_amount is None for one in credits):
        raise ValidationError("Only a credit proves a collection.")
    for entry in entries:
        if entry.category.direction != Direction.RECEIVED:
            raise ValidationError(f"{entry.category} is spent; a credit proves what was received.")
        if entry.account.kind not in links.BANK_KINDS:
            raise ValidationError(f"{entry} lies in {entry.account}, which no bank sees; correct its account first.")
    linked = Transaction.objects.filter(entry__in=entries)
    if any(one.is_posted for one in credits) or linked.exists():
        raise ValidationError("One of these is posted or linked already; take that back first.")
    total, collected = sum(one.credit_amount for one in credits), sum(entry.amount for entry in entries)
    if total != collected:
        raise ValidationError(f"The credits add up to {total}, the collections to {collected}.")
    pairs = {(one.pk, entry.pk) for one in credits for entry in entries}
    there = CreditMatch.objects.filter(transaction__in=credits) | CreditMatch.objects.filter(entry__in=entries)
    if {(match.transaction_id, match.entry_id) for match in there} - pairs:
        raise ValidationError("One of these is matched with something else already; take that match back first.")


def take_back(match, *, user=None):
    """Take a confirmed match back, with those that it adds up with; returns how many. Twice is once."""
    with transaction.atomic():
        links.hold([match.entry], also=[match.transaction_id])
        near = CreditMatch.objects.filter(Q(transaction=match.transaction_id) | Q(entry=match.entry_id))
        together = next((group for group in links.hanging_together(near) if match in group), [])
        for one in together:
            links.refuse_frozen(one.transaction)
            one._history_user, one._change_reason = user, "Taken back"
            one.delete()
        return len(together)
