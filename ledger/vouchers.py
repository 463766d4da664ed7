"""Voucher numbers: 1, 2, 3 … per book, year (April to March of the voucher's date) and type, without gaps.

A number is given when its voucher first leaves for Tally, not when it is posted: until then nobody outside has seen it,
so that a day may still be put right, an import undone and typed anew, and no number is spent on it; and posting, the
most frequent thing of all, waits for no counter. Numbers are given by one at a time under the book's lock, in the order
of date and typing, to all that stands up to the last day of the export, earlier days included.

What is given stays. A voucher that is binned afterwards keeps its number and leaves as a cancelled one, under the id by
which Tally knows it; restored, it is itself again. One whose date goes to another year, or that changes its type, gives
its number up: that leaves as cancelled for good, and the voucher gets a new one where it stands now.

Giving numbers changes no figure and tells nothing new, so whoever may export may have them given, an auditor too.
"""

from datetime import date as Date

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.db.models import Case, Count, Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Value, When, Window
from django.db.models.functions import Coalesce, ExtractYear, RowNumber
from django.utils import timezone

from ledger import daybook
from ledger.models import AccountTransfer, Direction, LedgerEntry, VoucherKind, VoucherNumber
from shop.models import Book

_OF = {LedgerEntry: "entry", AccountTransfer: "transfer"}


@transaction.atomic
def give(book: Book, first: Date, last: Date, *, user: AbstractBaseUser | None = None) -> int:
    """Give a number to every voucher through `last` that has none; those from `first` on are noted as leaving now.

    Returns how many were given. A second call gives none.
    """
    daybook.lock_book(book.pk)
    given = 0
    for model, name in _OF.items():
        own = _standing_numbers(book, name)
        _stands_elsewhere(own, name).update(is_given_up=True)
        leaving = own.filter(**{f"{name}__date__range": (first, last)}).exclude(date=F(f"{name}__date"))
        leaving.update(date=Subquery(model.objects.filter(pk=OuterRef(f"{name}_id")).values("date")[:1]))
        given += _number(book, model, name, last, user)
    return given


def are_missing(book: Book, first: Date, last: Date) -> bool:
    """Whether a voucher of these days has no number, or one of another year or type."""
    for model, name in _OF.items():
        if _without_number(book, model, name).filter(date__range=(first, last)).exists():
            return True
        if (
            _stands_elsewhere(_standing_numbers(book, name), name)
            .filter(**{f"{name}__date__range": (first, last)})
            .exists()
        ):
            return True
    return False


def number_of(name: str) -> Subquery:
    """The number of a row of entries (`name` "entry") or transfers ("transfer"), as an expression; NULL without one."""
    return Subquery(VoucherNumber.objects.filter(is_given_up=False, **{name: OuterRef("pk")}).values("number")[:1])


def cancelled(book: Book, first: Date, last: Date) -> QuerySet:
    """The VoucherNumbers that left under a date of these days and whose voucher no longer stands there, by date."""
    gone = Q(is_given_up=True) | Q(entry__deleted_at__isnull=False) | Q(transfer__deleted_at__isnull=False)
    rows = VoucherNumber.objects.filter(gone, book=book, date__range=(first, last))
    return rows.select_related("entry", "transfer").order_by("date", "kind", "number")


def gaps(book: Book) -> list[tuple[int, str, int, int]]:
    """[(year, type, highest number, how many there are)] of the series that lack a number; [] where all are whole."""
    series = VoucherNumber.objects.filter(book=book).order_by("year", "kind").values_list("year", "kind")
    return list(series.annotate(highest=Max("number"), there=Count("pk")).exclude(highest=F("there")))


def lost_numbers(book: Book, year: int, kind: str) -> list[int]:
    """The numbers that a series lacks below its highest, in order; `year` 2024 for 2024-25."""
    there = set(VoucherNumber.objects.filter(book=book, year=year, kind=kind).values_list("number", flat=True))
    return [number for number in range(1, max(there, default=0)) if number not in there]


def _year(name: str = ""):
    """The year of a date as an expression, named by the April it begins with."""
    before_april = When(**{f"{name}date__month__lt": 4}, then=Value(1))
    return ExtractYear(f"{name}date") - Case(before_april, default=Value(0))


def _kind(model: type, name: str = ""):
    """The type of voucher that a row is, as an expression."""
    if model is AccountTransfer:
        return Value(VoucherKind.CONTRA)
    received, came = {f"{name}category__direction": Direction.RECEIVED}, {f"{name}reversal_of": None}
    is_receipt = (Q(**received) & Q(**came)) | (~Q(**received) & ~Q(**came))
    return Case(When(is_receipt, then=Value(VoucherKind.RECEIPT)), default=Value(VoucherKind.PAYMENT))


def _standing_numbers(book: Book, name: str) -> QuerySet:
    """The numbers of entries or of transfers that are not in the bin."""
    own = {f"{name}__isnull": False, f"{name}__deleted_at": None}
    return VoucherNumber.objects.filter(book=book, is_given_up=False, **own)


def _stands_elsewhere(numbers: QuerySet, name: str) -> QuerySet:
    """Those numbers whose entry or transfer is of another year or type now."""
    model = next(model for model, of in _OF.items() if of == name)
    numbers = numbers.annotate(year_now=_year(f"{name}__"), kind_now=_kind(model, f"{name}__"))
    return numbers.exclude(year=F("year_now"), kind=F("kind_now"))


def _without_number(book: Book, model: type, name: str) -> QuerySet:
    own = VoucherNumber.objects.filter(is_given_up=False, **{name: OuterRef("pk")})
    return model.objects.filter(~Exists(own), book=book, deleted_at=None)


def _number(book: Book, model: type, name: str, last: Date, user: AbstractBaseUser | None) -> int:
    """Number all of one model at once: after the highest of their series, by date and typing."""
    series = VoucherNumber.objects.filter(book=book, year=OuterRef("of_year"), kind=OuterRef("of_kind"))
    highest = series.order_by("-number").values("number")[:1]
    place = Window(RowNumber(), partition_by=[F("of_year"), F("of_kind")], order_by=[F("date"), F("id")])
    rows = _without_number(book, model, name).filter(date__lte=last).order_by()
    rows = rows.annotate(of_year=_year(), of_kind=_kind(model)).annotate(
        place=place, highest=Coalesce(Subquery(highest), 0)
    )
    select, parameters = rows.values("id", "date", "of_year", "of_kind", "place", "highest").query.sql_with_params()
    statement = f"""
        INSERT INTO ledger_vouchernumber (book_id, year, kind, number, date, {name}_id, is_given_up, given_at, given_by_id)
        SELECT %s, n.of_year, n.of_kind, n.highest + n.place, n.date, n.id, %s, %s, %s FROM ({select}) AS n"""
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(statement, [book.pk, False, now, user and user.pk, *parameters])
        return cursor.rowcount
