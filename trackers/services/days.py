"""One day of a tracker: recorded, corrected, moved to another."""

from dataclasses import replace
from decimal import Decimal

from django.core.exceptions import ValidationError

from ledger.payment_modes import CASH
from shop.money import ZERO
from shop.questions import YES_TO_ALL, ask
from trackers import posting, slips, store
from trackers.models import Tracker
from trackers.schedule import MAX_DAY
from trackers.services.change import changed, commit, current, refuse_frozen
from trackers.workbook.read import read

# The fields of a day that hold amounts.
AMOUNTS = ("paid", "withdrawn", "reinvest", "pocket_money")


def record_payment(
    tracker,
    day,
    *,
    user=None,
    add=False,
    clear=False,
    adjust=False,
    seen=None,
    accepted=YES_TO_ALL,
    also=None,
    **values,
):
    """Record or correct one day of a tracker, and return its Change.

    `values` are fields of the sheet (paid, mode, withdrawn, reinvest, reinvest_from, pocket_money, details, notes);
    what is not named stays, None clears. `add` puts `paid` on top of what the day has; `clear` empties the day first.
    `seen` is the version the person looked at: ValidationError if the day was changed since. `accepted`: the keys of the
    questions that a person said yes to; where he was not asked yet about an amount that looks like a slip, Unanswered is
    raised. Who computed the amount asks nobody. `also()` is called last inside the transaction. Acknowledged only when
    durable.
    """
    with store.locked(tracker.book_id, tracker.pk):
        tracker = open_one(tracker.pk)
        opened = current(tracker)
        check_seen(tracker, opened.contents, day, seen)
        change = day_change(tracker, opened, day, values, add=add, clear=clear)
        ask_about(change, accepted)
        commit([change], user=user, reason=f"Day {day}", adjust=adjust, also=also)
        return change


def open_one(pk):
    tracker = Tracker.objects.select_related("book", "customer__user").get(pk=pk)
    if not tracker.is_active:
        raise ValidationError(f"{tracker} is closed; reopen it first.")
    refuse_frozen(tracker)
    return tracker


def day_change(tracker, opened, day, values, *, add=False, clear=False):
    """The Change of one day. Raises ValidationError for a day outside the table, WorkbookError for a wrong value."""
    if not 0 <= day <= MAX_DAY:
        raise ValidationError(f"Day {day} is outside the table: give a day from 0 to {MAX_DAY}.")
    before = dict(opened.contents.days.get(day, {}))
    edits = dict.fromkeys(before) if clear else {}
    edits.update(values)
    added = None
    if add and values.get("paid") is not None:
        added = values["paid"]
        if not added > 0:
            raise ValidationError("What is added on top must be above 0.")
        edits["paid"] = (before.get("paid") or Decimal(0)) + added
    if edits.get("paid") and "mode" not in edits and not before.get("mode"):
        edits["mode"] = CASH
    change = changed(tracker, opened, days={day: edits})
    change.days = [posting.DayChange(tracker, day, before, dict(change.new.days.get(day, {})), added)]
    return change


def ask_about(change, accepted=()):
    """Raise Unanswered if the payment of a changed day looks like a slip of the keyboard and nobody said yes to it."""
    (day,) = change.days
    before, after = (inputs.get("paid") or ZERO for inputs in (day.before, day.after))
    amount, others = (after, before) if day.added is None else (day.added, ZERO)
    if day.added is None and before == after:
        return  # it stands there already
    limits = slips.limits(change.tracker.terms, change.tracker.total_paid - others, day.day)
    ask(slips.questions(limits, amount, f"{change.tracker.pk}:{day.day}"), accepted)


def check_seen(tracker, contents, day, seen):
    """Raise ValidationError if the day was changed since version `seen` (None: nothing was looked at)."""
    if seen is None or seen == tracker.version:
        return
    now = contents.days.get(day, {})
    kept = store.read_kept(tracker, seen)
    was = read(kept).days.get(day, {}) if kept else {}
    if was == now:
        return
    newest = tracker.history.filter(version__gt=seen).first()
    who = newest.history_user if newest and newest.history_user else "Somebody"
    holds = now.get("paid", "nothing")
    raise ValidationError(
        f"{who} changed day {day} meanwhile: it holds {holds} now. Look at it again before you save.", code="meanwhile"
    )


def move_payment(tracker, day, into, into_day, *, user=None, adjust=False):
    """Move the payment of a day to another tracker of the same book (or another day), in one step."""
    if tracker.book_id != into.book_id:
        raise ValidationError("The two trackers are in different books.")
    if tracker.pk == into.pk:
        raise ValidationError("Moving within one tracker: clear the one day and record the other.")
    with store.locked(tracker.book_id):
        source, target = open_one(tracker.pk), open_one(into.pk)
        opened = current(source)
        held = opened.contents.days.get(day, {})
        if not held.get("paid"):
            raise ValidationError(f"Day {day} of {source} holds no payment to move.")
        out = day_change(source, opened, day, {"paid": None, "mode": None})
        there = {"paid": held["paid"], "mode": held.get("mode")}
        come = day_change(target, current(target), into_day, there, add=True)
        parts = [entry for _, entry in sorted(posting.parts_of(source, day).items())]
        if sum(entry.amount for entry in parts) == held["paid"]:
            come.days = [replace(come.days[0], brought=tuple(parts))]
        commit([out, come], user=user, reason=f"Day {day} moved", adjust=adjust)
        return out, come
