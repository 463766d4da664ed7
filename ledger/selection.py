"""A selection of entries: what a list shows, a file exports and a total adds up, narrowed by the same few questions.

The total of a plain selection comes from the stored day book (a million entries in some milliseconds); others are
added up row by row, and only when they are few or somebody asks.
"""

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from decimal import Decimal

from django.db.models import BooleanField, Count, ExpressionWrapper, Q, Sum
from django.utils.functional import cached_property

from ledger import daybook
from ledger.models import AccountTransfer, DayBookDetail, Direction, LedgerEntry, TransactionType
from shop import access
from shop.models import Role
from shop.money import ZERO

# Up to this many rows are counted and added up unasked: 25 ms on PostgreSQL, 40 ms on SQLite.
COUNTED_UNASKED = 20_000
# A selection of no more rows than this is looked for once; its page and its total then go by the rows' numbers.
FEW = 2_000

STATES = {
    "": Q(deleted_at=None),
    "bin": Q(deleted_at__isnull=False),
    "reversed": Q(deleted_at=None) & (Q(reversed_at__isnull=False) | Q(reversal_of__isnull=False)),
    "adjusted": Q(deleted_at=None, adjusts_date__isnull=False),
}

# What each question becomes as a lookup.
_LOOKUPS = {
    "date_from": "date__gte",
    "date_to": "date__lte",
    "account": "account",
    "category": "category",
    "subcategory": "subcategory__iexact",
    "direction": "category__direction",
    "mode": "payment_mode",
    "source": "source",
    "amount_from": "amount__gte",
    "amount_to": "amount__lte",
    "by": "created_by",
    "job": "job",
}
# The questions that the stored day book can answer by itself.
_STORED = {"date_from", "date_to", "category", "subcategory", "direction", "state"}


@dataclass(frozen=True)
class Totals:
    """Decimal rupees and rows; reversals count against what they reverse. For transfers only `moved` is filled."""

    count: int
    received: Decimal = ZERO
    spent: Decimal = ZERO
    moved: Decimal = ZERO

    @property
    def net(self):
        return self.received - self.spent


@dataclass
class Selection:
    """The rows of `model` in `book` that `user` may see and that answer the `questions` (see _LOOKUPS), with `state`
    one of STATES and `search` looked for in narration and reference."""

    book: object
    user: object
    model: type = LedgerEntry
    questions: dict = dataclass_field(default_factory=dict)
    state: str = ""
    search: str = ""
    _stored: Totals | None = None

    def rows(self):
        """The queryset, without joins."""
        if not self._is_stored and len(self._found) <= min(FEW, COUNTED_UNASKED):
            return self.model._default_manager.filter(pk__in=self._found)
        return self._asked()

    def _asked(self):
        rows = access.visible(self.model, self.user, self.book).filter(STATES[self.state])
        for name, value in self.questions.items():
            if name == "account" and self.model is AccountTransfer:
                rows = rows.filter(Q(from_account=value) | Q(to_account=value))
            else:
                rows = rows.filter(**{_LOOKUPS[name]: value})
        for word in self.search.split():
            rows = rows.filter(Q(narration__icontains=word) | Q(reference__icontains=word))
        return rows

    def count(self):
        """How many rows, or COUNTED_UNASKED + 1 where there are more than that and only counting would tell."""
        if self._is_stored:
            return self._stored_totals().count
        return len(self._found)

    @cached_property
    def _found(self):
        """The numbers of the rows, as many as are counted unasked and one more."""
        return list(self._asked().order_by().values_list("pk", flat=True)[: COUNTED_UNASKED + 1])

    def totals(self, *, asked=False):
        """The Totals, or None where they would have to be added up row by row and are too many to do so unasked."""
        if self._is_stored:
            return self._stored_totals()
        if not asked and self.count() > COUNTED_UNASKED:
            return None
        return self._added_up()

    @cached_property
    def _is_stored(self):
        return (
            self.model is LedgerEntry
            and not self.state
            and not self.search
            and self.questions.keys() <= _STORED
            and access.role_in(self.user, self.book) != Role.AGENT
        )

    def _stored_totals(self):
        if self._stored is None:
            daybook.finish_pending(self.book.pk)
            details = DayBookDetail.objects.filter(day_book__book=self.book)
            for name, value in self.questions.items():
                if name in ("date_from", "date_to"):
                    details = details.filter(**{f"day_book__{_LOOKUPS[name]}": value})
                else:
                    details = details.filter(**{_LOOKUPS[name]: value})
            sums = {
                row["transaction_type"]: row
                for row in details.values("transaction_type")
                .annotate(sum=Sum("amount"), count=Sum("transaction_count"))
                .order_by()
            }
            received, spent = (sums.get(kind, {"sum": ZERO, "count": 0}) for kind in TransactionType.values)
            self._stored = Totals(received["count"] + spent["count"], received["sum"], spent["sum"])
        return self._stored

    def _added_up(self):
        stands = ExpressionWrapper(Q(reversal_of=None), output_field=BooleanField())
        by = () if self.model is AccountTransfer else ("category__direction",)
        rows = self.rows().order_by().annotate(stands=stands)
        groups = rows.values(*by, "stands").annotate(sum=Sum("amount"), count=Count("pk"))
        sums = {Direction.RECEIVED: ZERO, Direction.SPENT: ZERO, None: ZERO}
        count = 0
        for group in groups:
            sign = 1 if group["stands"] else -1
            sums[group.get("category__direction")] += sign * group["sum"]
            count += group["count"]
        return Totals(count, sums[Direction.RECEIVED], sums[Direction.SPENT], sums[None])
