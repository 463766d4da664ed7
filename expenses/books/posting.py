"""From confirmed transactions to the day book, once, however often pressed; and back.

A debit becomes an entry of its tag's category (default Expense / the tag), a split one an entry per part, an ATM
withdrawal a transfer to the cash box; a credit may become an entry received. What is in the books already (an entry or
transfer of that account, same amount, within two days) is proposed for linking first. An entry names its origin:
source "statement", source_ref "<transaction>" or "<transaction>:<part>".
"""

from dataclasses import dataclass, field
from functools import partial

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.urls import reverse

from expenses.books import links
from expenses.models import CreditMatch, DecidedBy, Mode, Tag, Transaction
from expenses.tagging import placing
from ledger import origins
from ledger import services as ledger
from ledger.models import Account, AccountTransfer, Category, Direction, LedgerEntry, PaymentMode

SOURCE = "statement"
SETTLED = (DecidedBy.MANUAL, DecidedBy.RULE, DecidedBy.PRODUCT)  # staff's own word; a guess is none
TO_BE_TOLD = "TBD"
DEFAULT_SPENT, DEFAULT_RECEIVED = "Expense", "Income"
# How the ledger names a bank's modes; the rest is a bank transfer.
_MODES = {
    Mode.UPI: PaymentMode.UPI,
    Mode.CHEQUE: PaymentMode.CHEQUE,
    Mode.POS: PaymentMode.CARD,
    Mode.DEBIT_CARD: PaymentMode.CARD,
    Mode.CREDIT_CARD: PaymentMode.CARD,
}


def page_of(row):
    """The page of the transaction that an entry or transfer was posted for; it is taken back there."""
    pk = row.source_ref.partition(":")[0]
    return reverse("expenses:transaction", args=[row.book.slug, pk]) if pk.isdecimal() else None


origins.register(SOURCE, "Statement", corrected_here=False, address=page_of)


@dataclass
class Posted:
    """What posting did: rows posted, rows posted before, and [(transaction, reason)] of those that were not."""

    posted: int = 0
    known: int = 0
    refused: list = field(default_factory=list)


def may_post(one):
    """Whether a debit is settled enough: staff tagged it, or a rule or remembered payee of staff's did, never a guess.

    TBD is no tag to post to, even where staff gave it.
    """
    if one.tag is not None and one.tag.shipped_as == TO_BE_TOLD:
        return False
    return one.is_confirmed or one.decided_by in SETTLED


def ready(rows):
    """Those of the rows that can go: debits that are settled, credits that prove no collection."""
    proving = set(CreditMatch.objects.filter(transaction__in=rows).values_list("transaction", flat=True))
    return [one for one in rows if (one.pk not in proving if one.debit_amount is None else may_post(one))]


def post(rows, *, user=None, adjust=False, mends=False):
    """Post transactions (of one book), each in its own transaction; returns Posted. Twice is once.

    `mends`: it is a remedy, and may write what a fault has made read-only.
    """
    done = Posted()
    for one in rows:
        try:
            if _post_one(one, user, adjust, mends):
                done.posted += 1
            else:
                done.known += 1
        except ValidationError as error:
            done.refused.append((one, " ".join(error.messages)))
    return done


def _post_one(one, user, adjust, mends):
    with transaction.atomic():
        placing.lock(one.book)  # a correction under way that saw it open ends first, and what is posted has its tag
        one = Transaction.objects.select_for_update().get(pk=one.pk)
        if one.is_posted or any(part.entry_id for part in one.splits.all()):
            return False
        if not mends:
            links.refuse_frozen(one)
        if one.debit_amount is not None and not may_post(one):
            raise ValidationError("Nobody has confirmed its tag yet; settle it first.")
        _refuse_proving(one)
        if parts := list(one.splits.select_related("tag")):
            for number, part in enumerate(parts, 1):
                part.entry = _post_entry(one, part.tag, part.amount, f"{one.pk}:{number}", part.note, user, adjust)
                part.save(update_fields=["entry"])
            one.entry = parts[0].entry
        elif one.debit_amount is not None and one.mode == Mode.ATM:
            one.transfer = _post_withdrawal(one, user, adjust)
        else:
            if one.tag is None and one.debit_amount is not None:
                raise ValidationError("It has no tag yet.")
            one.entry = _post_entry(one, one.tag, one.amount, str(one.pk), "", user, adjust)
        one.is_linked = False
        links.forget([one.pk])
        ledger.save(one, user, "Posted")
        return True


def _refuse_proving(one):
    if one.matches.exists():
        raise ValidationError("It proves a collection that is in the books already; take that match back first.")


def _post_entry(one, tag, amount, source_ref, note, user, adjust):
    category, subcategory = category_of(one, tag)
    return ledger.post_entry(
        book=one.book,
        date=one.transaction_date,
        category=category,
        subcategory=subcategory,
        amount=amount,
        account=one.account,
        payment_mode=_MODES.get(one.mode, PaymentMode.BANK_TRANSFER),
        narration=(note or one.narration)[:500],
        reference=one.reference[:120],
        source=SOURCE,
        source_ref=source_ref,
        user=user,
        adjust=adjust,
    )


def category_of(one, tag):
    """(Category, subcategory) a transaction posts to. Raises ValidationError where a tag's category points the wrong way."""
    wanted = Direction.SPENT if one.debit_amount is not None else Direction.RECEIVED
    if tag is not None and tag.category_id and tag.category.direction == wanted:
        return tag.category, tag.subcategory or tag.name
    if tag is not None and tag.category_id and wanted == Direction.SPENT:
        raise ValidationError(f"The tag {tag} posts to {tag.category}, which is received; a debit is spent.")
    name = DEFAULT_SPENT if wanted == Direction.SPENT else DEFAULT_RECEIVED
    category, _ = Category.objects.get_or_create(
        book=one.book, name__iexact=name, defaults={"name": name, "direction": wanted}
    )
    if category.direction != wanted:
        raise ValidationError(f"The category {category} is {category.get_direction_display().lower()} in this book.")
    return category, tag.name if tag is not None else ("Interest" if one.mode == Mode.INTEREST else one.mode)


def _post_withdrawal(one, user, adjust):
    """Cash from a machine moves to the first cash box of the shop."""
    cash = Account.objects.filter(book=one.book, kind=Account.Kind.CASH, agent=None, is_active=True).first()
    if cash is None:
        raise ValidationError("The book has no cash box for the money from the machine; add one.")
    return ledger.transfer(
        book=one.book,
        date=one.transaction_date,
        from_account=one.account,
        to_account=cash,
        amount=one.debit_amount,
        narration=one.narration[:500],
        reference=one.reference[:120],
        source=SOURCE,
        source_ref=str(one.pk),
        user=user,
        adjust=adjust,
    )


def unpost(rows, *, user=None, mends=False):
    """Take posted transactions back: entries are binned, on closed days reversed, links let go. Returns how many."""
    count = 0
    for one in rows:
        with transaction.atomic():
            one = Transaction.objects.select_for_update().get(pk=one.pk)
            if not one.is_posted:
                continue
            if not mends:
                links.refuse_frozen(one)
            posted = [one.transfer] if one.transfer_id else [part.entry for part in one.splits.all() if part.entry_id]
            for row in posted or [one.entry]:
                if not one.is_linked and row is not None:
                    take_back(row, user)
            one.splits.update(entry=None)
            one.entry = one.transfer = None
            one.is_linked = False
            ledger.save(one, user, "Taken back")
            count += 1
    return count


def take_back(row, user):
    """Bin an entry or transfer; of a closed day, reverse it on the first open one. What is gone already stays so."""
    if row.deleted_at or row.reversed_at:
        return
    if row.book.is_closed_on(row.date):
        ledger.reverse(row, date=row.date, user=user, reason="Taken back")
    else:
        ledger.delete(row, user=user)


# ------------------------------------------------------------------------------------------------ what is there already


def proposals(rows):
    """{transaction id: [entries and transfers]} that may be the same money: same account and amount, within two days.

    What another transaction is posted as, linked to or proves already is no proposal; a transfer between two accounts is
    one of each.
    """
    rows = [one for one in rows if not one.is_posted]
    if not rows:
        return {}
    book = rows[0].book
    first, last = (
        min(one.transaction_date for one in rows) - links.NEAR,
        max(one.transaction_date for one in rows) + links.NEAR,
    )
    standing = {"book": book, "deleted_at": None, "reversed_at": None, "reversal_of": None}
    near = Q(date__range=(first, last)) | Q(adjusts_date__range=(first, last))
    taken = Transaction.objects.filter(book=book)
    entries = LedgerEntry.objects.filter(near, **standing).exclude(pk__in=taken.exclude(entry=None).values("entry"))
    entries = entries.exclude(pk__in=CreditMatch.objects.filter(transaction__book=book).values("entry"))
    entries = entries.exclude(source=SOURCE).select_related("category", "account")
    transfers = (
        AccountTransfer.objects.filter(near, **standing)
        .exclude(source=SOURCE)
        .select_related("from_account", "to_account")
    )
    ends_taken = set(taken.filter(transfer__in=transfers).values_list("transfer", "account"))
    by_money = {}
    for entry in entries:
        by_money.setdefault((entry.account_id, entry.category.direction, entry.amount), []).append(entry)
    for moved in transfers:
        for account_id, side in ((moved.from_account_id, Direction.SPENT), (moved.to_account_id, Direction.RECEIVED)):
            if (moved.pk, account_id) not in ends_taken:
                by_money.setdefault((account_id, side, moved.amount), []).append(moved)
    found = {}
    for one in rows:
        direction = Direction.SPENT if one.debit_amount is not None else Direction.RECEIVED
        near_by = [
            row
            for row in by_money.get((one.account_id, direction, one.amount), [])
            if links.days_apart(one, row) <= links.NEAR
        ]
        if near_by:
            found[one.pk] = sorted(near_by, key=partial(links.days_apart, one))
    return found


def link(one, row, *, user=None):
    """Say that an entry or transfer in the books is this transaction, instead of posting it twice."""
    with transaction.atomic():
        row = type(row).objects.select_for_update(no_key=True).get(pk=row.pk)  # not binned, nor linked twice, meanwhile
        one = links.hold([row], also=[one.pk]).get(one.pk)
        if one is None:
            raise ValidationError("Its statement was undone meanwhile.")
        if one.is_posted:
            raise ValidationError("It is posted or linked already; take that back first.")
        links.refuse_frozen(one)
        _refuse_proving(one)
        if row not in proposals([one]).get(one.pk, []):
            raise ValidationError("These two are not the same account, amount and days.")
        one.entry, one.transfer = (row, None) if isinstance(row, LedgerEntry) else (None, row)
        one.is_linked = True
        links.forget([one.pk])
        return ledger.save(one, user, "Linked")


def split(one, parts, *, user=None, mends=False):
    """Divide a debit over several tags: `parts` [(Tag, Decimal rupees, note)]; they add up to it. [] takes splits away."""
    with transaction.atomic():
        one = Transaction.objects.select_for_update().get(pk=one.pk)
        if one.is_posted:
            raise ValidationError("It is posted already; take that back first.")
        if not mends:
            links.refuse_frozen(one)
        if one.debit_amount is None:
            raise ValidationError("Only a debit is divided over tags.")
        if parts and sum(amount for _, amount, _ in parts) != one.debit_amount:
            raise ValidationError(
                f"The parts add up to {sum(amount for _, amount, _ in parts)}, not {one.debit_amount}."
            )
        placing.refuse_tbd(*(tag for tag, _, _ in parts))
        one.splits.all().delete()
        for tag, amount, note in parts:
            if tag.book_id != one.book_id:
                raise ValidationError("There is no such tag in this book.")
            part = one.splits.model(transaction=one, tag=tag, amount=amount, note=ledger.clean_text(note)[:200])
            part.full_clean()
            part.save()
        if parts:
            largest: Tag = max(parts, key=lambda part: part[1])[0]
            one.tag, one.decided_by, one.confidence, one.is_confirmed = largest, DecidedBy.MANUAL, 100, True
            one.why = f"split over {len(parts)} tags"
        return ledger.save(one, user, "Split")
