"""What changed on a day since a person last looked at it, and because of which entry."""

from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Max
from django.utils import timezone

from ledger.models import Category, DaySeen, Direction, LedgerEntry
from shop import disk
from shop.money import ZERO, rupees

SHOWN = 4  # causes named one by one; the rest as one sum
LOOKED_AT = 500  # changed entries that are looked through for causes


@dataclass(frozen=True)
class Change:
    """`was`: the closing last seen, at `seen_at`; `causes`: sentences, the weightiest first."""

    was: Decimal
    seen_at: object
    causes: list


def look(user, day):
    """Note that `user` looks at `day` now; the Change since last time, or None.

    Nothing is written while the closing stays what was seen, so that looking costs one small read.
    """
    seen = DaySeen.objects.filter(user=user, book=day.book, date=day.date).values_list("closing_balance", "seen_at")
    was, seen_at = seen.first() or (None, None)
    if was == day.closing_balance:
        return None
    change = None
    if was is not None:
        weights = _weights(day, seen_at)
        # Today grows by itself: only what was typed for earlier days is news.
        if day.date != day.book.today() or not weights or any(late for _, _, late in weights):
            change = Change(was, seen_at, _told(weights, day.closing_balance - was))
    disk.write_if_possible(
        "That a day was looked at",
        lambda: DaySeen.objects.update_or_create(
            user=user,
            book=day.book,
            date=day.date,
            defaults={"closing_balance": day.closing_balance, "seen_at": timezone.now()},
        ),
    )
    return change


def _weights(day, moment):
    """[(what the closing gained, sentence, whether it concerns an earlier date)] of entries changed since `moment`."""
    past = LedgerEntry.history.model.objects
    touched = list(
        past.filter(book=day.book, history_date__gt=moment)
        .values("id")
        .annotate(newest=Max("history_id"))
        .order_by("-newest")[:LOOKED_AT]
    )
    directions = dict(Category.objects.filter(book=day.book).values_list("pk", "direction"))
    newest = past.select_related("history_user").in_bulk([row["newest"] for row in touched])
    before = {}
    for row in past.filter(id__in=[row["id"] for row in touched], history_date__lte=moment).order_by("history_id"):
        before[row.id] = row
    zone, weights = ZoneInfo(day.book.time_zone), []
    for now in newest.values():
        was = before.get(now.id)
        gained = _effect(now, day, directions) - _effect(was, day, directions)
        if gained:
            weights.append((gained, _sentence(was, now, zone), now.date < day.date))
    return sorted(weights, key=lambda weight: -abs(weight[0]))


def _effect(entry, day, directions):
    """What a historical entry adds to the closing of `day`."""
    if entry is None or entry.history_type == "-" or entry.deleted_at or entry.book_id != day.book.pk:
        return ZERO
    if entry.date > day.date:
        return ZERO
    came = (directions.get(entry.category_id) == Direction.RECEIVED) == (entry.reversal_of_id is None)
    return entry.amount if came else -entry.amount


def _sentence(was, now, zone):
    who = f" by {now.history_user.get_short_name() or now.history_user}" if now.history_user else ""
    amount, on = rupees(now.amount), f"{now.date:%d-%m-%Y}"
    if now.deleted_at or now.history_type == "-":
        return f"{amount} of {on} put into the bin{who}"
    if was is None or was.deleted_at:
        if now.reversal_of_id:
            return f"{amount} reversed on {on}{who}"
        late = " late" if now.created_at.astimezone(zone).date() > now.date else ""
        return f"{amount} {'typed' + late if was is None else 'taken out of the bin'} for {on}{who}"
    if was.date != now.date:
        return f"{amount} moved from {was.date:%d-%m-%Y} to {on}{who}"
    if was.amount != now.amount:
        return f"{rupees(was.amount)} of {on} corrected to {amount}{who}"
    return f"{amount} of {on} changed{who}"


def _told(weights, gained):
    causes = [sentence for _, sentence, _ in weights[:SHOWN]]
    if rest := weights[SHOWN:]:
        causes.append(f"{len(rest)} more, together {rupees(sum((weight for weight, _, _ in rest), ZERO))}")
    unexplained = gained - sum((weight for weight, _, _ in weights), ZERO)
    if unexplained:
        causes.append(f"{rupees(unexplained)} by an opening balance or a category's direction")
    return causes
