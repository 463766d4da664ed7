"""How all trackers of a book stand: the list's figures, its totals and what is at risk, without opening a file.

Thousands of rows are read as plain columns (terms and cached totals) and reckoned in whole paise, by the rules of
trackers.schedule: a test holds the two together.
"""

from bisect import bisect_right
from collections import namedtuple
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from urllib.parse import urlencode

from django.db.models import ExpressionWrapper, F, TextField
from django.db.models.functions import Cast
from django.urls import reverse

from shop import access
from shop.money import rupees
from trackers.models import Tracker
from trackers.portal import links
from trackers.schedule import MAX_DAY
from trackers.workbook.amounts import to_rupees

# (name, first day past due, last day past due)
BUCKETS = (("0", 0, 0), ("1-7", 1, 7), ("8-30", 8, 30), ("31-90", 31, 90), ("90+", 91, None))
AT_RISK_DAYS = 30
"""What is outstanding on trackers more than so many days past due counts as at risk (PAR 30)."""

_COLUMNS = (
    "pk", "started", "scheme_period", "last_paid", "days_paid", "per_day", "paid", "pending_", "given", "pocket",
    "weekdays", "free_days",
)  # fmt: skip
_TEXTS = {"started": "start_date", "last_paid": "last_paid_on", "weekdays": "skipped_weekdays", "free_days": "holidays"}
_PAISE = {
    "per_day": "per_day_payment",
    "paid": "total_paid",
    "pending_": "pending",
    "given": "disbursed_amount",
    "pocket": "pocket_money",
}

Line = namedtuple(
    "Line",
    "pk paid total due arrears outstanding pending profit days_past_due days_paid period last_paid_on today_due bucket",
)
"""One tracker's figures on a date; amounts are whole paise, `today_due` what falls due that day, bucket a name, profit
what was paid less what was handed over and put in since."""


def _in_paise(name):
    """A money column as the database holds it, a whole number of paise; a text field's value is not converted again,
    which for thousands of rows takes longer than to read them."""
    return ExpressionWrapper(F(name), output_field=TextField())


def lines(trackers, on):
    """The Line of every tracker of a queryset, in its order. One query."""
    rows = trackers.annotate(
        **{name: _in_paise(column) for name, column in _PAISE.items()},
        **{name: Cast(column, TextField()) for name, column in _TEXTS.items()},
    ).values_list(*_COLUMNS)
    return [_line(row, on) for row in rows]


_date = lru_cache(maxsize=8192)(date.fromisoformat)


def _line(row, on):
    pk, started, period, last_paid, days_paid, per_day, paid, pending, given, pocket, weekdays, free_days = row
    start = _date(started)
    day = (on - start).days
    settled = min(paid // per_day, period)
    if weekdays == "[]" and free_days == "[]":
        fallen = max(min(day, period), 0)
        oldest = settled + 1
        is_due = 1 <= day <= period
    else:
        offsets = _offsets(start, weekdays, free_days)
        fallen = min(bisect_right(offsets, day), period)
        oldest = offsets[settled] if settled < period else 0
        is_due = fallen > 0 and offsets[fallen - 1] == day
    total, due = per_day * period, per_day * fallen
    past = max(day - oldest, 0) if settled < period else 0
    return Line(
        pk, paid, total, due, max(due - paid, 0), max(total - paid, 0), pending, paid - given - pocket, past,
        days_paid, period, last_paid and _date(last_paid), per_day if is_due else 0, bucket_of(past),
    )  # fmt: skip


@lru_cache(maxsize=8192)
def _offsets(start, weekdays, free_days):
    """The days from `start` on that carry an instalment; the lists as the database's JSON text has them."""
    skipped = {int(part) for part in weekdays.strip("[]").split(",") if part.strip()}
    free = {(date.fromisoformat(part.strip(' "')) - start).days for part in free_days.strip("[]").split(",") if part}
    first = start.weekday()
    return [day for day in range(1, MAX_DAY + 1) if (first + day) % 7 not in skipped and day not in free]


def bucket_of(days_past_due):
    """The name of the bucket that so many days past due fall into."""
    for name, _, last in BUCKETS:
        if last is None or days_past_due <= last:
            return name
    raise AssertionError("The last bucket has no end.")


@dataclass
class Totals:
    """What many trackers add up to, Decimal rupees; `buckets` {name: (count, arrears)}, `at_risk_share` in percent."""

    count: int = 0
    paid: Decimal = Decimal(0)
    total: Decimal = Decimal(0)
    arrears: Decimal = Decimal(0)
    outstanding: Decimal = Decimal(0)
    pending: Decimal = Decimal(0)
    profit: Decimal = Decimal(0)
    at_risk: Decimal = Decimal(0)
    at_risk_share: Decimal = Decimal(0)
    buckets: dict = field(default_factory=dict)


def totals(found):
    """The Totals of Lines."""
    sums = dict.fromkeys(("paid", "total", "arrears", "outstanding", "pending", "profit"), 0)
    at_risk, buckets = 0, {name: [0, 0] for name, _, _ in BUCKETS}
    for line in found:
        for name in sums:
            sums[name] += getattr(line, name)
        bucket = buckets[line.bucket]
        bucket[0] += 1
        bucket[1] += line.arrears
        if line.days_past_due > AT_RISK_DAYS:
            at_risk += line.outstanding
    outstanding = sums["outstanding"]
    share = Decimal(100 * at_risk) / outstanding if outstanding else Decimal(0)
    return Totals(
        count=len(found),
        at_risk=to_rupees(at_risk),
        at_risk_share=share.quantize(Decimal("0.1")),
        buckets={name: (count, to_rupees(arrears)) for name, (count, arrears) in buckets.items()},
        **{name: to_rupees(amount) for name, amount in sums.items()},
    )


def home_lines(book, user):
    """[(text, address, chip)] for the home page: what came in of what is due, who is behind, what is at risk."""
    today = book.today()
    running = access.visible(Tracker, user, book).filter(is_active=True).order_by()
    found = lines(running, today)
    said = [*_passwords_asked(book, user), *_workbooks_at_fault(book, user)]
    if not found:
        return said
    due = [line for line in found if line.today_due]
    paid = sum(line.last_paid_on == today for line in due)
    sums = totals(found)
    if due:
        text = f"Collected {paid} of {len(due)} due today"
        said.append((text, f"{reverse('trackers:collect', args=[book.slug])}?date={today}", ""))
    where = reverse("trackers:list", args=[book.slug])
    for name, _, _ in BUCKETS[1:]:
        count, _ = sums.buckets[name]
        if count:
            text = f"{count} behind {name.replace('-', '–')} days"
            said.append((text, f"{where}?{urlencode({'dpd': name})}", "act" if name == "90+" else ""))
    if sums.at_risk:
        text = f"{rupees(sums.at_risk, '₹')} at risk, {sums.at_risk_share} % of what is outstanding"
        said.append((text, f"{where}?dpd=risk", ""))
    return said


def _passwords_asked(book, user):
    """The home line of customers who have forgotten their password and wait for a link."""
    if not access.may(user, book, access.CLOSE):
        return
    found = list(links.asking(user, book)[:100])
    if len(found) == 1:
        yield (
            f"{found[0]} asks for a new password",
            reverse("trackers:password_link", args=[book.slug, found[0].pk]),
            "act",
        )
    elif found:
        where = reverse("admin:trackers_customer_changelist")
        yield f"{len(found)} customers ask for a new password", f"{where}?asks=1&_book={book.slug}", "act"


def _workbooks_at_fault(book, user):
    """The home line of workbooks that are missing, damaged or somebody else's now, as a customer's page met them."""
    at_fault = access.visible(Tracker, user, book).exclude(unreadable_at=None)
    found = list(at_fault.values_list("pk", "tracker_name", "customer__name")[:100])
    if len(found) == 1:
        pk, name, customer = found[0]
        yield (
            f"The workbook of {name} ({customer}) cannot be read",
            reverse("trackers:tracker", args=[book.slug, pk]),
            "fault",
        )
    elif found:
        where = reverse("trackers:list", args=[book.slug])
        yield f"{len(found)} workbooks cannot be read", f"{where}?state=all", "fault"
