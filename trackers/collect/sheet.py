"""The rows of the collection sheet: what every running tracker is asked for on a day, and what was typed into it.

What a day holds stands in the workbook only, so a workbook is opened where its cached figures say that the day may
hold something, once per version: the answer is kept in the cache under the workbook's sha256.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db.models import Q

from ledger.payment_modes import CASH, find_mode, unknown_mode
from shop import access
from shop.money import ZERO, parse_money, rupees
from trackers import schedule, services, slips
from trackers.collect.collection import REFUSALS, Typed, words
from trackers.models import Approval, Customer, Draft, Tracker

MOST_ROWS = 2000
AS_DUE = "="
ADD, REPLACE = "add", "replace"
_SENT = ("paid", "mode", "note", "how", "seen", "sure")
_KEPT_SECONDS = 7 * 24 * 3600


@dataclass
class Row:
    """One tracker on the sheet. `held` are the day's inputs in the workbook, `seen` the version that was looked at,

    `behind` the arrears through the day before; `typed`, `mode`, `note` and `how` (add | replace | "") are what the
    person typed, `fault` why it cannot be taken. `limits` is what an amount is measured by, `replacing` the same where it
    takes the place of what the day holds; `ask` is the sentence that asks about it, `sure` the amount that was said yes
    to. Amounts are Decimal rupees.
    """

    tracker: Tracker
    due: Decimal
    behind: Decimal
    days_past_due: int
    seen: int
    held: dict = field(default_factory=dict)
    asked: Approval | None = None
    typed: str = ""
    mode: str = ""
    note: str = ""
    how: str = ""
    fault: str = ""
    limits: slips.Limits | None = None
    replacing: slips.Limits | None = None
    ask: str = ""
    sure: str = ""

    @property
    def pk(self):
        return self.tracker.pk

    @property
    def is_filled(self):
        return self.held.get("paid") is not None

    @property
    def chosen_mode(self):
        return self.mode or self.held.get("mode") or CASH

    def typed_row(self):
        """What was typed as collection.Typed. Raises ValidationError: no amount, or add or replace is not chosen."""
        if self.typed == AS_DUE:
            if not self.due:
                raise ValidationError("Nothing falls due on this day; type the amount.")
            amount = self.due
        else:
            amount = parse_money(self.typed)
        if amount < 0:
            raise ValidationError("An amount is never below 0. 0 means: came, and paid nothing.")
        mode = find_mode(self.mode) if self.mode else CASH
        if mode is None:
            raise ValidationError(unknown_mode(self.mode))
        if self.is_filled and self.how not in (ADD, REPLACE):
            raise ValidationError(f"The day has {rupees(self.held['paid'])} already: choose add or replace.")
        is_added = self.is_filled and self.how == ADD
        return Typed(self.pk, amount, mode, self.note, is_added, self.seen, self._is_sure(amount))

    def _is_sure(self, amount):
        try:
            return bool(self.sure) and parse_money(self.sure) == amount
        except ValidationError:
            return False

    def doubt(self, typed):
        """The sentence that asks about a typed_row, "" where nothing is asked or yes was said to this amount."""
        measured = self.replacing if self.is_filled and not typed.add else self.limits
        return "" if typed.is_sure or measured is None else slips.doubt(measured, typed.amount)


@dataclass(frozen=True)
class Filters:
    """Which part of the sheet: an agent's id, a route ("-" for none), words of a name, only who is behind."""

    agent: str = ""
    route: str = ""
    q: str = ""
    behind: bool = False

    @classmethod
    def read(cls, asked):
        """From a query or a form."""
        texts = {name: asked.get(name, "").strip()[:60] for name in ("agent", "route", "q")}
        return cls(**texts, behind=bool(asked.get("behind")))

    def narrow(self, trackers):
        """The trackers of a queryset that fit."""
        if self.agent == "-":
            trackers = trackers.filter(customer__agent=None)
        elif self.agent.isdecimal() and len(self.agent) < 10:
            trackers = trackers.filter(customer__agent=int(self.agent))
        if self.route:
            trackers = trackers.filter(customer__route="" if self.route == "-" else self.route)
        for word in self.q.split():
            named = Q(customer__name__icontains=word) | Q(tracker_name__icontains=word)
            trackers = trackers.filter(named | Q(customer__phone__contains=word))
        return trackers

    def address(self):
        """As query arguments, what is not asked for left out."""
        asked = {"agent": self.agent, "route": self.route, "q": self.q, "behind": "1" if self.behind else ""}
        return {name: value for name, value in asked.items() if value}


def choices(book, user):
    """(agents, routes) that the person's customers have, for the filters."""
    mine = access.visible(Customer, user, book)
    agents = mine.exclude(agent=None).order_by("agent__username").values_list("agent", "agent__username").distinct()
    routes = mine.exclude(route="").order_by("route").values_list("route", flat=True).distinct()
    return list(agents), list(routes)


def rows(book, user, on, filters=None, *, pks=None):
    """The Rows of a day, in the order of the round: running trackers that have begun, or those of `pks` whatever their
    state. At most MOST_ROWS."""
    trackers = access.visible(Tracker, user, book).select_related("customer__agent").order_by(*Tracker._meta.ordering)
    if pks is None:
        trackers = filters.narrow(trackers.filter(is_active=True, start_date__lte=on))
    else:
        trackers = trackers.filter(pk__in=pks)
    found = list(trackers[: MOST_ROWS + 1])[:MOST_ROWS]
    for tracker in found:
        tracker.book = book
    held = _held(found, on)
    made = [_row(tracker, on, held.get(tracker.pk)) for tracker in found]
    return [row for row in made if row.behind] if filters and filters.behind else made


def _row(tracker, on, held):
    if isinstance(held, str):
        return Row(tracker, ZERO, ZERO, 0, tracker.version, fault=held)
    values, paid_before, seen = held or ({}, tracker.total_paid, tracker.version)
    terms = tracker.terms
    before = schedule.standing(terms, paid_before, on - timedelta(days=1))
    past = schedule.standing(terms, paid_before, on).days_past_due
    row = Row(tracker, schedule.instalment(terms, on), before.arrears, past, seen, values)
    day, held_paid = terms.day_of(on), values.get("paid") or ZERO
    row.limits = slips.limits(terms, tracker.total_paid, day)
    row.replacing = slips.limits(terms, tracker.total_paid - held_paid, day)
    return row


def _held(trackers, on):
    """{tracker id: (the day's inputs, paid before the day, version) or why the workbook cannot be read}.

    Only of trackers whose cached figures say that the day, or one after it, may hold something.
    """
    asked = {}
    for tracker in trackers:
        if _may_hold(tracker, on):
            asked[f"tracker-day:{tracker.sha256}:{(on - tracker.start_date).days}"] = tracker
    kept = cache.get_many(asked)
    found, fresh = {}, {}
    for key, tracker in asked.items():
        if key not in kept:
            try:
                contents = services.contents_of(tracker)
            except REFUSALS as error:
                found[tracker.pk] = words(error)
                continue
            day = (on - tracker.start_date).days
            before = sum((values.get("paid") or ZERO for at, values in contents.days.items() if at < day), ZERO)
            kept[key] = (dict(contents.days.get(day, {})), before, contents.version)
            if contents.version == tracker.version:
                fresh[key] = kept[key]
        found[tracker.pk] = kept[key]
    if fresh:
        cache.set_many(fresh, _KEPT_SECONDS)
    return found


def _may_hold(tracker, on):
    """Whether something may be recorded on the day or after it: `expected` is cached through the last recorded day."""
    if tracker.changed_outside_at or (tracker.last_paid_on and tracker.last_paid_on >= on):
        return True
    terms = tracker.terms
    return tracker.expected >= schedule.expected(terms, terms.day_of(on))


def restore(sheet, book, user, on):
    """Put the person's drafts of the day back into the rows, and name what waits for approval."""
    by_pk = {row.pk: row for row in sheet}
    drafts = access.visible(Draft, user, book).filter(date=on, saved_by=user)
    for draft in drafts:
        row = by_pk.get(draft.tracker_id)
        if row:
            row.typed = "" if draft.amount is None else rupees(draft.amount).removesuffix(".00")
            row.mode, row.note, row.how = draft.mode, draft.note, ADD if draft.is_added else ""
            if row.is_filled and not draft.is_added and draft.amount is not None:
                row.fault = f"The day has {rupees(row.held['paid'])} already: choose add or replace."
    waiting = Approval.objects.filter(tracker__book=book, date=on, state=Approval.State.WAITING)
    for approval in waiting:
        if approval.tracker_id in by_pk:
            by_pk[approval.tracker_id].asked = approval


def take_typed(sheet, sent):
    """Put what a form sent into the rows: paid_<id>, mode_<id>, note_<id>, how_<id>, seen_<id>, sure_<id>."""
    for row in sheet:
        texts = {name: sent.get(f"{name}_{row.pk}", "").strip() for name in _SENT}
        row.typed, row.mode, row.note, row.how = texts["paid"], texts["mode"], texts["note"], texts["how"]
        row.sure = texts["sure"]
        if texts["seen"].isdecimal():
            row.seen = int(texts["seen"][:9])


def typed_pks(sent):
    """The trackers that a form sends an amount for."""
    names = [name for name, value in sent.items() if name.startswith("paid_") and value.strip()]
    return [int(name[5:]) for name in names if name[5:].isdecimal() and len(name) < 15]


def split(sheet):
    """([collection.Typed], [report lines of rows that cannot be taken]) of the rows that hold something."""
    good, refused = [], []
    for row in sheet:
        if not row.typed:
            continue
        try:
            if row.fault:
                raise ValidationError(row.fault)
            typed = row.typed_row()
            row.ask = row.doubt(typed)
        except ValidationError as error:
            row.fault = words(error)
            refused.append(_left_out(row, row.fault))
        else:
            if row.ask:
                row.typed = rupees(typed.amount).removesuffix(".00")  # "=" said nothing to say yes to
                refused.append({**_left_out(row, row.ask), "asks": True})
            else:
                good.append(typed)
    return good, refused


def _left_out(row, sentence):
    """The report line of a row that is not saved, with what was typed."""
    return {
        "tracker": row.pk, "name": str(row.tracker), "amount": row.typed[:40], "ok": False, "message": sentence,
        "typed": row.typed[:40], "mode": row.mode, "note": row.note[:500], "how": row.how,
    }  # fmt: skip
