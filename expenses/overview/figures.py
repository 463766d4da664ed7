"""The figures of the dashboard: where the money went, by month, tag, payee, mode and weekday. Decimal rupees.

Whole months come from the kept sums (expenses.overview.spent); the days of a broken month from the debits themselves. A debit
that was split counts under each of its tags with its share.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from django.db import connection
from django.db.models import Sum
from django.urls import reverse

from expenses.models import PLAIN, DecidedBy, SpentMonth, SpentPayee, SpentPayeeMonth, SpentWeekday, Tag, Transaction
from expenses.overview import spent
from shop import access
from shop.money import ZERO, from_paise

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TBD = "TBD"
TOP = 15
# The payees of a range are sought among so many that got most of all time, first the fewer.
SOUGHT_AMONG = (100, 1000)
# Something recurs when it came at least so many times, about once a month, in the last year and a bit.
RECURRING_TIMES, RECURRING_DAYS, RECURRING_MOST = 3, 400, 60
MONTHLY = (25, 36)  # days from one monthly payment to the next
LATE_DAYS, NEW_DAYS = 40, 100  # it has stopped when it did not come for so long; it is new when it began so lately


@dataclass(frozen=True)
class Asked:
    """Which debits: of a book, from and to a date, of an account's id, of a tag (its id, or TBD); None asks for all."""

    book_id: int
    first: date | None = None
    last: date | None = None
    account: int | None = None
    tag: int | str | None = None

    @property
    def whole_months(self):
        """(first, last) day of the whole months asked for, None where open; and [(first, last)] of the days left over."""
        first, last, broken = self.first, self.last, []
        if first and last and first > last:
            return None, []
        if first and last and first.replace(day=1) == last.replace(day=1):
            is_whole = first.day == 1 and last == spent.next_month(last) - timedelta(days=1)
            return ((first, last), []) if is_whole else (None, [(first, last)])
        if first and first.day > 1:
            after = spent.next_month(first)
            broken.append((first, after - timedelta(days=1)))
            first = after
        if last and last != spent.next_month(last.replace(day=1)) - timedelta(days=1):
            broken.append((last.replace(day=1), last))
            last = last.replace(day=1) - timedelta(days=1)
        return (first, last), broken

    def where(self, first=None, last=None):
        """(SQL over the debits `t`, parameters) of the book, account and days; the tag is a part's: see `of_tag`."""
        wanted = {
            "t.book_id = %s": self.book_id,
            "t.account_id = %s": self.account,
            "t.transaction_date >= %s": first or self.first,
            "t.transaction_date <= %s": last or self.last,
        }
        wanted = {text: value for text, value in wanted.items() if value is not None}
        return " AND ".join(wanted), list(wanted.values())

    def of_tag(self):
        """(SQL over the parts, parameters) of the tag."""
        if self.tag is None:
            return "1 = 1", []
        return ("tag_id IS NULL", []) if self.tag == TBD else ("tag_id = %s", [self.tag])

    def kept(self, model, first=None, last=None):
        """The kept sums of the book, account and tag, and of the months from `first` to `last`, as a queryset."""
        rows = model.objects.filter(book_id=self.book_id).order_by()
        if first is not None:
            rows = rows.filter(month__gte=first)
        if last is not None:
            rows = rows.filter(month__lte=last)
        if self.account is not None:
            rows = rows.filter(account_id=self.account)
        if self.tag is not None:
            rows = rows.filter(tag=None) if self.tag == TBD else rows.filter(tag_id=self.tag)
        return rows


@dataclass
class Figures:
    """What was asked for: {key: [count, sum]} by month and tag, mode, and weekday (1 is Monday)."""

    by_month_and_tag: dict = field(default_factory=lambda: defaultdict(lambda: [0, ZERO]))
    by_mode: dict = field(default_factory=lambda: defaultdict(lambda: [0, ZERO]))
    by_weekday: dict = field(default_factory=lambda: defaultdict(lambda: [0, ZERO]))
    tags: dict = field(default_factory=dict)
    """{tag id: Tag}; None stands for what is to be told."""

    def by_month(self):
        """[(first of the month, {tag id: sum}, sum)], oldest first."""
        months = defaultdict(dict)
        for (month, tag), (_, total) in self.by_month_and_tag.items():
            months[month][tag] = total
        return [(month, months[month], sum(months[month].values(), ZERO)) for month in sorted(months)]

    def by_tag(self):
        """[(tag id, name, count, sum)], largest first."""
        sums = defaultdict(lambda: [0, ZERO])
        for (_, tag), row in self.by_month_and_tag.items():
            _add(sums[tag], *row)
        found = [(tag, self.name(tag), *row) for tag, row in sums.items()]
        return sorted(found, key=lambda row: (-row[3], row[1]))

    def name(self, tag):
        return TBD if tag is None else self.tags[tag].name

    def colour(self, tag):
        return PLAIN if tag is None else self.tags[tag].colour

    def share_tbd(self):
        """(sum to be told, sum of all, percent)."""
        total = sum((row[1] for row in self.by_mode.values()), ZERO)
        open_ = sum((row[1] for (_, tag), row in self.by_month_and_tag.items() if tag is None), ZERO)
        return open_, total, round(open_ * 100 / total) if total else 0


def _add(sums, count, total):
    sums[0] += count
    sums[1] += total


def figures(asked):
    """The Figures of what is asked for, all from one reading of the sums."""
    spent.finish_pending(asked.book_id)
    found = Figures(tags={tag.pk: tag for tag in Tag.objects.filter(book_id=asked.book_id)})
    whole, broken = asked.whole_months
    if whole:
        sums = {"n": Sum("count"), "sum": Sum("total")}
        months = asked.kept(SpentMonth, *whole)
        for month, tag, count, total in months.values_list("month", "tag_id").annotate(**sums):
            _add(found.by_month_and_tag[month, tag], count, total)
        for mode, count, total in months.values_list("mode").annotate(**sums):
            _add(found.by_mode[mode], count, total)
        weekdays = asked.kept(SpentWeekday, *whole)
        for weekday, count, total in weekdays.values_list("weekday").annotate(**sums):
            _add(found.by_weekday[weekday], count, total)
    for first, last in broken:
        for day, tag, mode, count, paise in _grouped(asked, "transaction_date, tag_id, mode", first, last):
            day, total = spent.as_date(day), from_paise(paise)
            _add(found.by_month_and_tag[day.replace(day=1), tag], count, total)
            _add(found.by_mode[mode], count, total)
            _add(found.by_weekday[day.isoweekday()], count, total)
    return found


def _grouped(asked, columns, first=None, last=None, *, products=None, rest=""):
    """[(*columns, count, paise)] of the asked parts (of these payees alone), raw: SQLite's dates are text."""
    (days, values), (tag, tagged) = asked.where(first, last), asked.of_tag()
    if products is not None:
        named, names = spent.among(products)
        days, values = f"{days} AND t.product {named}", [*values, names]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns}, COUNT(*), SUM(amount) FROM ({spent.parts(days)}) AS p WHERE {tag} GROUP BY {columns} {rest}",
            [*values, *tagged],
        )
        return cursor.fetchall()


def top_payees(asked):
    """[(payee, count, sum)], largest first.

    Those of a range are sought among the payees that got most of all time: nobody got more in a part of the time. So
    once the last of the found got more than the last of the sought ever did, nobody further down belongs to them.
    """
    spent.finish_pending(asked.book_id)
    payees = asked.kept(SpentPayee).exclude(product="").values_list("product")
    ranked = payees.annotate(n=Sum("count"), sum=Sum("total")).order_by("-sum", "product")
    if not (asked.first or asked.last):
        return list(ranked[:TOP])
    ranked = list(ranked[: SOUGHT_AMONG[-1]])
    for many in SOUGHT_AMONG:
        found = _largest(asked, [product for product, *_ in ranked[:many]])
        if len(ranked) < many or (len(found) == TOP and found[-1][2] > ranked[many - 1][2]):
            return found
    return _largest(asked)


def _largest(asked, products=None):
    """[(payee, count, sum)] of the range, largest first, of these payees or of all."""
    sums = defaultdict(lambda: [0, ZERO])
    whole, broken = asked.whole_months
    if whole:
        months = asked.kept(SpentPayeeMonth, *whole)
        months = months.filter(product__in=products) if products is not None else months
        for product, count, total in months.values_list("product").annotate(n=Sum("count"), sum=Sum("total")):
            _add(sums[product], count, total)
    for first, last in broken:
        for product, count, paise in _grouped(asked, "product", first, last, products=products):
            _add(sums[product], count, from_paise(paise))
    sums.pop("", None)
    return sorted(((name, *row) for name, row in sums.items()), key=lambda row: (-row[2], row[0]))[:TOP]


@dataclass(frozen=True)
class Recurring:
    """A payment that comes about once a month; `change` is the last amount less the one before, Decimal rupees."""

    payee: str
    times: int
    usual: Decimal
    last: Decimal
    last_on: date
    change: Decimal
    is_new: bool
    has_stopped: bool


def recurring(asked):
    """[Recurring] of the last 400 days of what is asked for: what changed or stopped first, then the largest."""
    end = _newest(asked)
    if end is None:
        return []
    since = max(filter(None, (asked.first, end - timedelta(days=RECURRING_DAYS))))
    span = _days_between("MIN(transaction_date)", "MAX(transaction_date)")
    least, most = MONTHLY
    seen = _grouped(
        asked,
        "product",
        since,
        end,
        rest=f"""HAVING product <> '' AND COUNT(*) BETWEEN {RECURRING_TIMES} AND {RECURRING_DAYS // least}
                   AND {span} BETWEEN {least} * (COUNT(*) - 1) AND {most} * (COUNT(*) - 1)
                 ORDER BY SUM(amount) DESC LIMIT {RECURRING_MOST}""",
    )
    candidates = [product for product, *_ in seen]
    paid = _payments(asked, candidates, since, end)
    found = [_recurring(product, rows, end) for product, rows in paid.items() if _is_monthly(rows)]
    return sorted(found, key=lambda one: (not (one.change or one.has_stopped), -one.usual, one.payee))


def _days_between(first, last):
    if connection.vendor == "postgresql":
        return f"({last} - {first})"
    return f"(julianday({last}) - julianday({first}))"


def _payments(asked, products, first, last):
    """{payee: [(date, Decimal rupees)]}, oldest first."""
    (days, values), (tag, tagged), (named, names) = asked.where(first, last), asked.of_tag(), spent.among(products)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT product, transaction_date, amount FROM ({spent.parts(f"{days} AND t.product {named}")}) AS p
                WHERE {tag} ORDER BY transaction_date, amount""",
            [*values, names, *tagged],
        )
        paid = defaultdict(list)
        for product, day, paise in cursor.fetchall():
            paid[product].append((spent.as_date(day), from_paise(paise)))
    return paid


def _is_monthly(rows):
    gaps = sorted((later[0] - earlier[0]).days for earlier, later in pairwise(rows))
    return gaps[0] >= MONTHLY[0] // 2 and MONTHLY[0] <= gaps[len(gaps) // 2] <= MONTHLY[1]


def _recurring(product, rows, end):
    amounts, last_on = sorted(amount for _, amount in rows), rows[-1][0]
    return Recurring(
        payee=product,
        times=len(rows),
        usual=amounts[len(amounts) // 2],
        last=rows[-1][1],
        last_on=last_on,
        change=rows[-1][1] - rows[-2][1],
        is_new=rows[0][0] >= end - timedelta(days=NEW_DAYS),
        has_stopped=last_on < end - timedelta(days=LATE_DAYS),
    )


def _newest(asked):
    """The date of the newest debit that is asked for, or None."""
    rows = Transaction.objects.filter(book_id=asked.book_id, debit_amount__isnull=False)
    if asked.account is not None:
        rows = rows.filter(account_id=asked.account)
    if asked.last is not None:
        rows = rows.filter(transaction_date__lte=asked.last)
    return rows.order_by("-transaction_date", "-id").values_list("transaction_date", flat=True).first()


def home_lines(book, user):
    """[(text, address, chip)] for the home page: what of the last 60 days is still to be told."""
    if not access.may(user, book, access.READ):
        return []
    since = book.today() - timedelta(days=60)
    count = Transaction.objects.filter(
        book=book, decided_by=DecidedBy.TBD, debit_amount__isnull=False, transaction_date__gte=since
    ).count()
    if not count:
        return []
    where = reverse("expenses:transactions", args=(book.slug,)) + f"?tag=tbd&date_from={since.isoformat()}"
    return [(f"{count} expense{'s' if count > 1 else ''} to be told", where, "act")]
