"""What `verify` finds wrong, and the freeze that follows: what a fault concerns is read-only until somebody mends it.

Each app's checks yield Found; `keep` makes rows of them, one per fault however often it is found, and lets go of those
that are found no more. Services ask `refuse_days` and `refuse` before they write: whoever writes shares the book's lock
before he asks, and `keep` takes it alone, so nothing slips into a day while it is being frozen.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date as Date

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from shop.models import Book, Fault

DAYS, TRACKER, STATEMENT = Fault.Freezes.DAYS, Fault.Freezes.TRACKER, Fault.Freezes.STATEMENT


@dataclass(frozen=True)
class Found:
    """One fault: what is wrong (`text`), with what (`kind` and `of`, which together with the book are its identity),
    the command that mends it, and what it freezes: days first through last, or the tracker or statement `ref`.

    `order`: remedies of lower ones come first, as others build on them.
    """

    book: Book | None
    kind: str
    of: str
    text: str
    remedy: str
    freezes: str = ""
    ref: str = ""
    first_date: Date | None = None
    last_date: Date | None = None
    order: int = 5

    @property
    def key(self):
        return f"{self.book.slug if self.book else ''}/{self.kind}/{self.of}"[:250]


@dataclass
class Search:
    """What the checks of one `verify` share: how deep they look, whom they tell how far they are, and what could not
    be checked, as sentences; a kind of fault that was not looked for stands as it was."""

    deep: bool = False
    say: Callable = lambda text: None
    unchecked: list = field(default_factory=list)
    kinds_left: set = field(default_factory=set)

    def could_not(self, reason, *kinds):
        """Note that something could not be checked, and which kinds of fault therefore stay as they stand."""
        self.unchecked.append(reason)
        self.kinds_left.update(kinds)


class Frozen(ValidationError):
    """The change touches what a fault has made read-only; the message says why and the way out."""

    def __init__(self, what, fault):
        self.fault = fault
        super().__init__(
            f"{what} is read-only since {fault.found_at:%d-%m-%Y}: {fault.text} Mend it with '{fault.remedy}', then run "
            "'verify'; or an owner lifts this on the page Faults, with a reason.",
            code="frozen",
        )


# ------------------------------------------------------------------------------------------------ what is frozen


def standing(book_id):
    """The faults of a book that are not mended."""
    return Fault.objects.filter(book=book_id, mended_at=None)


def freezing(book_id, freezes):
    """Those of them that make days, trackers or statements read-only."""
    return standing(book_id).filter(freezes=freezes, lifted_at=None)


def refuse_days(book_id, dates, *, among=None):
    """Raise Frozen where one of the dates is read-only; None among them stands for every day (an opening balance).

    `among`: the faults that freeze days, where they were asked for before, for many rows.
    """
    dates = set(dates)
    if not dates:
        return
    if among is None:
        among = freezing(book_id, DAYS)
        if None not in dates:
            among = among.filter(first_date__lte=max(dates), last_date__gte=min(dates))
    for fault in among:
        touched = [date for date in dates if date is None or fault.first_date <= date <= fault.last_date]
        if touched:
            date = min((date for date in touched if date), default=fault.first_date)
            raise Frozen(f"{date:%d-%m-%Y}", fault)


def refuse(book_id, freezes, ref, what, *, but=()):
    """Raise Frozen where the tracker or statement `ref` is read-only; faults of the kinds in `but` are passed over."""
    fault = freezing(book_id, freezes).filter(ref=str(ref)).exclude(kind__in=but).first()
    if fault:
        raise Frozen(what, fault)


def concerning(book, freezes, ref):
    """The standing faults of one tracker or statement, lifted ones too: for the banner on its page."""
    return standing(book).filter(freezes=freezes, ref=str(ref)).select_related("lifted_by")


def concerning_day(book, date):
    """The standing faults of a day, lifted ones too."""
    of_day = standing(book).filter(freezes=DAYS, first_date__lte=date, last_date__gte=date)
    return of_day.select_related("lifted_by")


def frozen(book_id, freezes):
    """{ref: Fault} of everything of a book that is read-only: one question for a sheet of a thousand rows."""
    return {fault.ref: fault for fault in freezing(book_id, freezes)}


# ------------------------------------------------------------------------------------------------ finding and lifting


def keep(found, *, books=None, kinds_left=(), is_whole=True):
    """Store what a search of `books` (None: all, and what belongs to none) found; returns (new, standing, mended) Faults.

    The same fault again is the same row; one that is found no more is mended, unless its kind was not looked for, or
    the search is not whole.
    """
    found = list(found)
    try:
        return _keep(found, books, kinds_left, is_whole)
    except IntegrityError:  # another search kept the same a moment earlier: now it is seen
        return _keep(found, books, kinds_left, is_whole)


def _keep(found, books, kinds_left, is_whole):
    by_key = {}
    for one in found:
        by_key.setdefault(one.key, one)
    stood = Fault.objects.filter(mended_at=None)
    if books is not None:
        stood = stood.filter(book__in=books)
    if not by_key and not stood.exists():
        return [], [], []
    with transaction.atomic():
        for pk in sorted({one.book.pk for one in by_key.values() if one.book and one.freezes}):
            Book.objects.select_for_update().get(pk=pk)
        now, new, still, mended = timezone.now(), [], [], []
        for fault in stood.select_for_update(of=["self"]).order_by("pk"):
            one = by_key.pop(fault.key, None)
            if one is not None:
                _take(fault, one)
                fault.seen_at = now
                still.append(fault)
            elif is_whole and fault.kind not in kinds_left:
                fault.mended_at = now
                mended.append(fault)
            else:
                still.append(fault)
                continue
            fault.save()
        for key, one in by_key.items():
            fault = Fault(key=key, book=one.book, kind=one.kind, found_at=now, seen_at=now)
            _take(fault, one)
            fault.save()
            new.append(fault)
    return new, still, mended


def _take(fault, one):
    fault.text, fault.remedy = one.text, one.remedy[:400]
    fault.freezes, fault.ref, fault.first_date, fault.last_date = one.freezes, one.ref, one.first_date, one.last_date


def lift(fault, *, user, reason):
    """Let an owner work on what a fault has frozen; the fault itself stands. Who, when and why are kept. Twice is once."""
    reason = " ".join(str(reason).split())
    if not reason:
        raise ValidationError("Say why it may be written to again; the reason is kept.", code="reason")
    with transaction.atomic():
        fault = Fault.objects.select_for_update(of=["self"]).get(pk=fault.pk)
        if fault.is_freezing:
            fault.lifted_at, fault.lifted_by, fault.lift_reason = timezone.now(), user, reason[:500]
            fault.save()
        return fault
