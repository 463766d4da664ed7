"""Transactions follow what they are linked to, and credits the collections that they prove.

An entry that is binned, reversed or changed so that it is the same money no more lets its transactions go: they are
open again, and nothing says that the bank agrees with what is not in the books. What was lost is kept, and comes back
with the entry, unless the transaction was posted, linked or matched otherwise meanwhile. Ledger's services call
`follow` in the transaction of the change. What a transaction was posted as is taken back at the transaction alone.

Links, matches and what was lost of them change only under the locks that `hold` takes, and are read after it.
"""

import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models import Q

from expenses.models import CreditMatch, LostLink, Transaction
from expenses.tagging import placing
from ledger import followers
from ledger import services as ledger
from ledger.models import Account, AccountTransfer, Direction, LedgerEntry
from shop import faults

NEAR = timedelta(days=2)
BANK_KINDS = (Account.Kind.BANK, Account.Kind.UPI, Account.Kind.CARD)  # what a credit can prove lies in one of these


def is_same_money(one, row):
    """Whether an entry or transfer stands in the books as a transaction's money: account, side, amount, within two days."""
    if not stands(row) or row.amount != one.amount:
        return False
    if days_apart(one, row) > NEAR:
        return False
    spent = one.debit_amount is not None
    if isinstance(row, AccountTransfer):
        return one.account_id == (row.from_account_id if spent else row.to_account_id)
    return one.account_id == row.account_id and spent == (row.category.direction == Direction.SPENT)


def days_apart(one, row):
    """The time between a transaction and an entry or transfer: by its date, or by the closed day that it was typed for."""
    return min(abs(day - one.transaction_date) for day in (row.date, row.adjusts_date) if day)


def stands(row):
    """Whether an entry or transfer is neither in the bin, reversed nor a reversal."""
    return not (row.deleted_at or row.reversed_at or row.reversal_of_id)


def add_up(matches):
    """Whether matches that hang together are all of standing collections, and add up to their credits."""
    credits = {match.transaction_id: match.transaction.credit_amount for match in matches}
    entries = {match.entry_id: match.entry for match in matches}
    if not all(stands(entry) and entry.category.direction == Direction.RECEIVED for entry in entries.values()):
        return False
    return sum(credits.values()) == sum(entry.amount for entry in entries.values())


def _still_prove(matches):
    """Whether matches that hang together add up, of collections that a bank sees."""
    return add_up(matches) and all(match.entry.account.kind in BANK_KINDS for match in matches)


def hanging_together(matches):
    """[[CreditMatch]] of a queryset, those of one credit or of one collection together."""
    groups = {}
    for match in matches.select_related("transaction__statement", "entry__category", "entry__account").order_by("pk"):
        ends = (match.transaction_id, None), (None, match.entry_id)
        group = groups.get(ends[0]) or groups.get(ends[1]) or []
        group.append(match)
        groups[ends[0]] = groups[ends[1]] = group
    return list({id(group): group for group in groups.values()}.values())


def hold(rows, also=()):
    """{pk: Transaction} of all that are linked to these entries (or transfers), prove them or lost them, and `also`: locked.

    The caller has locked the rows before, as their own editors do. What was found is read after the lock: what a
    statement that waited for it joins may be older.
    """
    mine = _pointing_at(rows)
    tied = LostLink.objects.filter(**mine).order_by().values_list("transaction")
    of_links = Transaction.objects.filter(is_linked=True, **mine).order_by().values_list("pk")
    of_matches = CreditMatch.objects.filter(entry__in=mine.get("entry__in", [])).order_by().values_list("transaction")
    # One statement, so that a link which is lost or taken up at this moment is seen on one of its sides.
    return _locked({*also, *(pk for (pk,) in tied.union(of_links, of_matches))})


def _pointing_at(rows):
    """What rows that point at these entries, or transfers, are filtered by."""
    return {"entry__in" if isinstance(rows[0], LedgerEntry) else "transfer__in": [row.pk for row in rows]}


def _locked(pks):
    """{pk: Transaction} of those that are there, locked in one order and read after that."""
    if not pks:
        return {}
    rows = Transaction.objects.filter(pk__in=pks).order_by("pk")
    list(rows.select_for_update().values_list("pk"))
    return {one.pk: one for one in rows.select_related("book", "statement", "entry__category", "transfer")}


def follow(rows, user=None, *, mends=False):
    """Let go what these entries (or transfers) are no more, and take up again what they are once more. Twice is once.

    Raises faults.Frozen where the statement of such a transaction is read-only, unless it `mends`.
    """
    for part in placing.in_parts(rows):
        ones, mine = hold(part), _pointing_at(part)
        if not ones:
            continue
        rows_of_part = set(part)
        linked = [one for one in ones.values() if one.is_linked and (one.entry or one.transfer) in rows_of_part]
        _let_go_links(linked, user, mends)
        _let_go_matches(mine.get("entry__in", []), user, mends)
        for group in dict.fromkeys(LostLink.objects.filter(**mine).values_list("group", flat=True)):
            _take_up(group, ones, user)


followers.register(follow)


def mend(row, user=None):
    """Have the transactions of an entry or transfer follow it at last, be their statements read-only or not."""
    with transaction.atomic():
        follow([type(row).objects.select_for_update(no_key=True).get(pk=row.pk)], user, mends=True)


def forget(transactions):
    """Transactions were posted, linked or matched anew: what they lost before, with others or alone, does not come back."""
    groups = LostLink.objects.filter(transaction__in=transactions).order_by().values("group")
    LostLink.objects.filter(group__in=groups).delete()


def leave(transactions, user=None):
    """These transactions are about to go with their statement: what others proved together with them is proved no more."""
    mine = {"transaction__in": transactions}
    lost = LostLink.objects.filter(**mine).order_by("transaction").values_list("transaction", flat=True)
    for pks in placing.in_parts(list(lost)):
        _locked(set(pks))  # nobody restores them meanwhile
    forget(transactions)
    proved = CreditMatch.objects.filter(**mine).values("entry")
    of_others = CreditMatch.objects.filter(entry__in=proved).exclude(**mine).order_by("transaction")
    for pks in placing.in_parts(list(of_others.values_list("transaction", flat=True))):
        _locked(set(pks))
    for match in of_others.all():
        match._history_user, match._change_reason = user, "A credit of it was taken out"
        match.delete()


def _let_go_links(linked, user, mends):
    for one in linked:
        row = one.entry or one.transfer
        if is_same_money(one, row):
            continue
        if not mends:
            refuse_frozen(one)
        LostLink.objects.create(transaction=one, entry=one.entry, transfer=one.transfer, group=secrets.token_hex(8))
        one.entry, one.transfer, one.is_linked = None, None, False
        ledger.save(one, user, f"What it was linked to {fate(row)}")


def _let_go_matches(pks, user, mends):
    credits = CreditMatch.objects.filter(entry__in=pks).values("transaction")
    for matches in hanging_together(CreditMatch.objects.filter(Q(entry__in=pks) | Q(transaction__in=credits))):
        if _still_prove(matches):
            continue
        group = secrets.token_hex(8)
        for match in matches:
            if not mends:
                refuse_frozen(match.transaction)
            told = {"evidence": match.evidence, "confirmed_by": match.confirmed_by}
            LostLink.objects.create(
                transaction=match.transaction, entry=match.entry, group=group, is_match=True, **told
            )
            match._history_user, match._change_reason = user, "A collection of it was taken back or changed"
            match.delete()


def _take_up(group, ones, user):
    """Restore a lost link or match of transactions that are held, where all of it stands again and nothing took its place."""
    lost = list(
        LostLink.objects.filter(group=group)
        .select_related("entry__category", "entry__account", "transfer")
        .order_by("pk")
    )
    if not lost or not all(line.transaction_id in ones for line in lost):
        return
    mine = {line.transaction_id: ones[line.transaction_id] for line in lost}
    if any(one.is_posted or one.matches.exists() for one in mine.values()):
        return
    if any(_is_taken(line) for line in lost):
        return
    if lost[0].is_match:
        matches = [
            CreditMatch(
                transaction=mine[line.transaction_id], entry=line.entry, evidence=line.evidence,
                confirmed_by=line.confirmed_by,
            )
            for line in lost
        ]  # fmt: skip
        if not _still_prove(matches):
            return
        for match in matches:
            ledger.save(match, user, "Its collection is back")
    else:
        (line,) = lost
        one = mine[line.transaction_id]
        if not is_same_money(one, line.entry or line.transfer):
            return
        one.entry, one.transfer, one.is_linked = line.entry, line.transfer, True
        ledger.save(one, user, "What it was linked to is back")
    forget(list(mine))


def _is_taken(line):
    """Whether a transaction other than the lost one has the entry, or its end of the transfer, now."""
    if line.transfer_id:
        return Transaction.objects.filter(transfer=line.transfer_id, account=line.transaction.account_id).exists()
    of_others = CreditMatch.objects.filter(entry=line.entry_id).exists()
    return of_others or Transaction.objects.filter(entry=line.entry_id).exists()


def refuse_frozen(one):
    """Raise faults.Frozen where a fault has made the transaction's statement read-only."""
    faults.refuse(one.book_id, faults.STATEMENT, one.statement_id, f"The statement {one.statement}")


def lost(one):
    """The LostLinks of a transaction that is open and unmatched, each with `fate`: what became of the entry, in words."""
    is_placed = one.is_posted or one.matches.exists()
    found = [] if is_placed else list(one.lost_links.select_related("entry__category", "transfer"))
    for line in found:
        row = line.entry or line.transfer
        line.fate = fate(row) if not (line.is_match and stands(row)) else "no longer adds up to it"
    return found


def fate(row):
    """What became of an entry or transfer that is a transaction's money no more, in words."""
    if row.deleted_at:
        return "is in the bin"
    return "was reversed" if row.reversed_at else "was changed"
