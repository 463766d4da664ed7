"""The figures of the dashboard, each from one grouped query: by month, tag, payee, mode and weekday. Decimal rupees."""

from collections import defaultdict
from datetime import timedelta

from django.db.models import Count, Max, Min, Sum
from django.db.models.functions import ExtractIsoWeekDay, TruncMonth
from django.urls import reverse

from expenses.models import Transaction
from ledger import access
from lendbook.money import ZERO

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TOP = 15
# Something recurs when it comes in at least this many months, about once in each.
RECURRING_MONTHS = 3


def by_month(debits):
    """[(first of the month, {tag or "TBD": sum}, total)], oldest first."""
    months = defaultdict(dict)
    grouped = debits.annotate(month=TruncMonth("transaction_date")).values_list("month", "tag__name")
    for month, tag, total in grouped.annotate(total=Sum("debit_amount")).order_by("month"):
        months[month][tag or "TBD"] = months[month].get(tag or "TBD", ZERO) + total
    return [(month, tags, sum(tags.values(), ZERO)) for month, tags in months.items()]


def by_tag(debits):
    """[(tag id or None, tag, count, sum)], largest first."""
    rows = (
        debits.values_list("tag", "tag__name").annotate(count=Count("pk"), total=Sum("debit_amount")).order_by("-total")
    )
    return [(pk, name or "TBD", count, total) for pk, name, count, total in rows]


def top_payees(debits):
    """[(payee, count, sum)], largest first."""
    rows = debits.exclude(product="").values_list("product")
    return list(rows.annotate(count=Count("pk"), total=Sum("debit_amount")).order_by("-total")[:TOP])


def by_mode(debits):
    """[(mode, count, sum)], largest first."""
    return list(debits.values_list("mode").annotate(count=Count("pk"), total=Sum("debit_amount")).order_by("-total"))


def by_weekday(debits):
    """[(weekday, count, sum)], Monday first."""
    rows = debits.annotate(day=ExtractIsoWeekDay("transaction_date")).values_list("day")
    return [
        (WEEKDAYS[day - 1], count, total)
        for day, count, total in rows.annotate(count=Count("pk"), total=Sum("debit_amount")).order_by("day")
    ]


def share_tbd(debits):
    """(sum still TBD, sum of all, percent)."""
    total = debits.aggregate(sum=Sum("debit_amount"))["sum"] or ZERO
    open_ = debits.filter(decided_by="tbd").aggregate(sum=Sum("debit_amount"))["sum"] or ZERO
    return open_, total, round(open_ * 100 / total) if total else 0


def recurring(debits):
    """[(payee, months, usual, last amount, last date, change)] of payments that come about once a month.

    `change` is the last amount less the one before, Decimal rupees; 0 where nothing changed.
    """
    candidates = (
        debits.exclude(product="")
        .values("product")
        .annotate(count=Count("pk"), first=Min("transaction_date"), last=Max("transaction_date"))
        .filter(count__gte=RECURRING_MONTHS, count__lte=60)
    )
    names = [
        row["product"]
        for row in candidates
        if row["last"] - row["first"] >= timedelta(days=25 * (row["count"] - 1)) - timedelta(days=10)
        and row["last"] - row["first"] <= timedelta(days=36 * row["count"])
    ]
    payments = defaultdict(list)
    for product, date, amount in (
        debits.filter(product__in=names[:200])
        .order_by("transaction_date")
        .values_list("product", "transaction_date", "debit_amount")
    ):
        payments[product].append((date, amount))
    found = []
    for product, paid in payments.items():
        amounts = sorted(amount for _, amount in paid)
        usual = amounts[len(amounts) // 2]
        found.append((product, len(paid), usual, paid[-1][1], paid[-1][0], paid[-1][1] - paid[-2][1]))
    return sorted(found, key=lambda row: -row[2])


def home_lines(book, user):
    """[(text, address, chip)] for the home page: what of the last 60 days is still to be told."""
    if not access.may(user, book, access.READ):
        return []
    since = book.today() - timedelta(days=60)
    open_ = Transaction.objects.filter(
        book=book, decided_by="tbd", debit_amount__isnull=False, transaction_date__gte=since
    )
    count = open_.count()
    if not count:
        return []
    where = reverse("expenses:transactions", args=(book.slug,)) + f"?tag=tbd&date_from={since.isoformat()}"
    return [(f"{count} expense{'s' if count > 1 else ''} to be told", where, "act")]
