"""Receipts: every payment has one, numbered without gaps per book and chained, whatever becomes of it later.

`follow` is called where payments are posted, in their transaction, and appends the links; `faults` proves the chain,
the numbering and the agreement with the ledger, and `mend` brings receipts that part from the ledger back to it;
`Standing` is what a receipt says now. seals.py says what is sealed.
"""

import secrets
from collections import defaultdict
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.utils import timezone

from ledger.models import LedgerEntry
from shop import append_only
from shop.faults import Found
from shop.models import Book
from shop.money import rupees
from trackers import seals, store
from trackers.models import PostingColumn, Receipt, ReceiptBook

ISSUED, CORRECTED, CANCELLED = Receipt.Kind.ISSUED, Receipt.Kind.CORRECTED, Receipt.Kind.CANCELLED
SOURCE = "tracker"
_BATCH = 1000
_MARK = f":{PostingColumn.Column.PAID}:"


def is_payment(source_ref):
    """Whether a source_ref names a payment: "<tracker>:<day>:paid:<part>"."""
    return _MARK in source_ref


# ------------------------------------------------------------------------------------------------ issuing


def follow(book, posted, taken_back):
    """Issue, correct and cancel receipts as payments were posted, in the transaction that posts them.

    `posted` {source_ref: (date, amount)}, `taken_back` source_refs. What a receipt says already makes no new link, so
    the same submission again changes nothing. Locks the book's ReceiptBook until the transaction ends. Returns the
    number of links.
    """
    wanted = {payment: value for payment, value in posted.items() if is_payment(payment)}
    wanted |= {payment: None for payment in taken_back if is_payment(payment)}
    if not wanted:
        return 0
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("A payment and its receipt belong in one transaction.")
    head = _head(book)
    last, moment, links = _last_links(book, wanted), timezone.now(), []
    for payment, value in wanted.items():
        link = _next_link(payment, value, last.get(payment))
        if link is None:
            continue
        head.position += 1
        if link.kind == ISSUED:
            head.number += 1
            link.number = head.number
        link.book, link.position, link.made_at, link.previous = book, head.position, moment, head.seal
        head.seal = link.seal = seals.seal(link, head.seal)
        links.append(link)
    if links:
        Receipt.objects.bulk_create(links, batch_size=_BATCH)
        head.save(update_fields=["position", "number", "seal"])
    return len(links)


def _head(book):
    """The book's ReceiptBook, locked: the links of two writers come one after the other."""
    heads = ReceiptBook.objects.select_for_update().filter(book=book)
    head = heads.first()
    if head is None:
        ReceiptBook.objects.bulk_create([ReceiptBook(book=book)], ignore_conflicts=True)
        head = heads.get()
    return head


def _last_links(book, payments):
    """{payment: its last link} of those that have one."""
    last, payments = {}, list(payments)
    for start in range(0, len(payments), _BATCH):
        links = Receipt.objects.filter(book=book, payment__in=payments[start : start + _BATCH])
        last |= {link.payment: link for link in links.order_by("step")}
    return last


def _next_link(payment, value, last):
    """The link that brings a payment's receipt to `value` (date, amount), None: taken back; None where it stands."""
    stands = last is not None and last.kind != CANCELLED
    if value is None and not stands:
        return None
    if stands and value == (last.date, last.amount):
        return None
    on, amount = value or (last.date, last.amount)
    return Receipt(
        token=secrets.token_urlsafe(16),
        kind=ISSUED if not stands else CANCELLED if value is None else CORRECTED,
        number=last.number if stands else 0,
        tracker_id=int(payment.partition(":")[0]),
        payment=payment,
        step=last.step + 1 if last else 1,
        date=on,
        amount=amount,
    )


# ------------------------------------------------------------------------------------------------ what they say


@dataclass
class Standing:
    """One receipt as it stands: its ISSUED link and what followed, oldest first."""

    issued: Receipt
    later: list = field(default_factory=list)

    @property
    def number(self):
        return self.issued.number

    @property
    def token(self):
        return self.issued.token

    @property
    def last(self):
        return self.later[-1] if self.later else self.issued

    @property
    def date(self):
        return self.last.date

    @property
    def amount(self):
        return self.last.amount

    @property
    def payment(self):
        return self.issued.payment

    @property
    def day(self):
        """The day of the tracker that the payment stands on."""
        return int(self.payment.split(":")[1])

    @property
    def is_cancelled(self):
        return self.last.kind == CANCELLED

    @property
    def is_corrected(self):
        return bool(self.later) and not self.is_cancelled

    @property
    def steps(self):
        """[(link, the link before it)] of what happened since it was issued."""
        return list(zip(self.later, [self.issued, *self.later], strict=False))

    @property
    def mark(self):
        """The newest seal, as it is printed."""
        return seals.short(self.last.seal)

    @property
    def is_whole(self):
        """Whether each of its links carries the seal of what it says."""
        return all(seals.seal(link, link.previous) == link.seal for link in (self.issued, *self.later))


def standings(links):
    """[Standing] by number from the links of one book (a queryset of Receipt)."""
    found = {}
    for link in links.order_by("position"):
        if link.kind == ISSUED:
            found[link.number] = Standing(link)
        elif link.number in found:
            found[link.number].later.append(link)
    return [found[number] for number in sorted(found)]


def of_tracker(tracker):
    """[Standing] of every receipt of a tracker, cancelled ones too, by number."""
    return standings(Receipt.objects.filter(tracker=tracker, book=tracker.book_id))


def of_payments(book, payments):
    """[Standing] of every receipt that these payments (source_refs) had, by number."""
    found, payments = [], list(payments)
    for start in range(0, len(payments), _BATCH):
        found += standings(Receipt.objects.filter(book=book, payment__in=payments[start : start + _BATCH]))
    return sorted(found, key=lambda one: one.number)


def by_day(tracker):
    """{day: [Standing]} of the receipts of a tracker that were not cancelled."""
    found = defaultdict(list)
    for standing in of_tracker(tracker):
        if not standing.is_cancelled:
            found[standing.day].append(standing)
    return found


def of_day(tracker, day):
    """[Standing] of the receipts of one day of a tracker that were not cancelled."""
    # By the tracker's index: a prefix alone would make PostgreSQL read the whole book.
    links = Receipt.objects.filter(tracker=tracker, payment__startswith=f"{tracker.pk}:{day}{_MARK}")
    return [standing for standing in standings(links) if not standing.is_cancelled]


def standing_of(issued):
    """The Standing of one receipt, from its ISSUED link."""
    links = Receipt.objects.filter(book=issued.book_id, payment=issued.payment, number=issued.number)
    return standings(links)[0]


def named(token):
    """The Standing of the receipt that a public address names, or None."""
    issued = Receipt.objects.select_related("book").filter(token=token, kind=ISSUED).first()
    return issued and standing_of(issued)


# ------------------------------------------------------------------------------------------------ proving


@dataclass
class _Read:
    """What the chain said up to the link in hand."""

    position: int = 0
    number: int = 0
    seal: str = ""
    payments: dict = field(default_factory=dict)  # payment: (number or None, step, date, amount)


_RESTORE = "Restore the newest backup that verify_receipts calls sound; a sealed row is never mended by hand."
_GUARD = "Restore the newest backup, or put the guard up again in a migration (shop/append_only.py)."


def faults(book):
    """Yield (what is wrong, what to do) of a book's receipts: chain, numbering, agreement with the ledger.

    Reads every link and every payment's entry once and keeps nobody waiting; what is recorded meanwhile is no fault.
    """
    if append_only.missing(connection, Receipt._meta.db_table):
        yield "The database would let somebody change or delete receipts.", _GUARD
    read = _Read()
    yield from _chain_faults(book, read)
    for payment in _suspects(book, read):
        yield from _disagreement(book, payment)


def mend(book, *, but=()):
    """Let every payment's receipt say what its entry says, by one further link each; returns how many it took.

    A receipt whose entry is gone is cancelled, an entry that has none gets one. Where the chain itself is broken
    nothing is added to it. `but`: ids of trackers whose workbook and ledger part, so that nobody knows which is right.
    A second run finds nothing to do.
    """
    read, links = _Read(), 0
    if any(_chain_faults(book, read)):
        return 0
    for payment in _suspects(book, read):
        tracker_id = int(payment.partition(":")[0])
        if tracker_id in but:
            continue
        with store.locked(book.pk, tracker_id), transaction.atomic():  # a payment being saved has both or neither
            entry = _live(book).filter(source_ref=payment).first()
            posted = {payment: (entry.adjusts_date or entry.date, entry.amount)} if entry else {}
            links += follow(book, posted, [] if entry else [payment])
    return links


def _chain_faults(book, read):
    """Yield (what is wrong, what to do) of the chain itself, and take into `read` what it says."""
    while True:
        links = Receipt.objects.filter(book=book, position__gt=read.position).order_by("position")
        for link in links.iterator(chunk_size=2000):
            for text in _link_faults(link, read):
                yield f"Receipt {link.number}, link {link.position}: {text}", _RESTORE
            _take(link, read)
        with transaction.atomic():
            head = ReceiptBook.objects.filter(book=book).first() or ReceiptBook(book=book)
            if not links.filter(position__gt=read.position).exists():
                break
    if (head.position, head.number, head.seal) != (read.position, read.number, read.seal):
        ends = f"The chain ends at link {read.position}, receipt {read.number}"
        yield f"{ends}; it was written up to link {head.position}, receipt {head.number}, seal {head.seal}.", _RESTORE


def _link_faults(link, read):
    """What is wrong with one link after what was read before it."""
    if link.position != read.position + 1:
        yield f"links {read.position + 1} to {link.position - 1} are missing."
    if link.previous != read.seal:
        yield "it does not carry the seal of the link before."
    if seals.seal(link, link.previous) != link.seal:
        yield "it says something else than what was sealed."
    if link.payment.partition(":")[0] != str(link.tracker_id):
        yield f"payment {link.payment} is not one of tracker {link.tracker_id}."
    number, step, _, _ = read.payments.get(link.payment, (None, 0, None, None))
    if link.step != step + 1:
        yield f"it is link {link.step} of payment {link.payment}, {step + 1} is next."
    if link.kind == ISSUED:
        if link.number != read.number + 1:
            yield f"the number after {read.number} is {read.number + 1}."
        if number is not None:
            yield f"payment {link.payment} has receipt {number} already."
    elif link.number != number:
        yield f"it is about receipt {link.number}, and payment {link.payment} has {number or 'none'}."


def _take(link, read):
    read.position, read.seal = link.position, link.seal
    if link.kind == ISSUED:
        read.number = link.number
    number = None if link.kind == CANCELLED else link.number
    read.payments[link.payment] = (number, link.step, link.date, link.amount)


def found(books, search):
    """The Found of the receipts of the books (None: of all), for `verify`; a broken chain freezes no payment."""
    for book in Book.objects.all() if books is None else books:
        search.say(f"{book.slug}: receipts")
        for text, remedy in faults(book):
            yield Found(book=book, kind="receipts", of=text, text=text, remedy=remedy, order=4)


def _suspects(book, read):
    """The payments whose receipt and ledger entry do not agree, or did not when one of them was read."""
    standing = {payment: values[2:] for payment, values in read.payments.items() if values[0] is not None}
    suspects = []
    entries = _live(book).values_list("source_ref", "date", "adjusts_date", "amount")
    for payment, on, adjusts, amount in entries.iterator(chunk_size=2000):
        if standing.pop(payment, None) != (adjusts or on, amount):
            suspects.append(payment)
    return [*suspects, *standing]


def _live(book):
    return LedgerEntry.objects.filter(
        book=book, source=SOURCE, source_ref__contains=_MARK, deleted_at=None, reversed_at=None
    )


def _disagreement(book, payment):
    """Yield how a payment's receipt and its entry disagree, both read in one moment."""
    with transaction.atomic():
        entry = _live(book).filter(source_ref=payment).first()
        link = Receipt.objects.filter(book=book, payment=payment).order_by("-step").first()
    stands = link is not None and link.kind != CANCELLED
    mend = f"check_trackers --book {book.slug} --repair"
    said = stands and f"Receipt {link.number} says {rupees(link.amount)} of {link.date:%d-%m-%Y}"
    on = entry and (entry.adjusts_date or entry.date)
    if entry and not stands:
        yield f"Entry {entry.pk}, {rupees(entry.amount)} of {on:%d-%m-%Y}, has no receipt.", mend
    elif entry and (link.date, link.amount) != (on, entry.amount):
        yield f"{said}, entry {entry.pk} {rupees(entry.amount)} of {on:%d-%m-%Y}.", mend
    elif stands and not entry:
        yield f"{said}, and its ledger entry is gone.", mend
