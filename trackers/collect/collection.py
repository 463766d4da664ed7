"""The collection sheet: a day's payments of many customers, saved together.

Every typed figure is a Draft at once. Saving writes all workbooks, posts one ledger batch and takes the drafts away in
one transaction; a row that cannot be taken is reported and left a draft, the others are saved. A press of "Save"
carries a token: the second press finds the first one's report.
"""

from dataclasses import dataclass
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from ledger import services as ledger
from ledger.daybook import ClosedDay
from ledger.payment_modes import CASH
from shop import access, faults
from shop.models import Book, Role
from shop.money import plain
from shop.questions import YES_TO_ALL, Unanswered
from trackers import posted, posting, services, slips, store
from trackers.models import Approval, CollectionSave, Draft, Tracker
from trackers.posting import PAID
from trackers.schedule import TermsError
from trackers.workbook.errors import WorkbookError

REFUSALS = (ValidationError, WorkbookError, TermsError, store.StoreError)


@dataclass(frozen=True)
class Typed:
    """One row of the sheet: `amount` Decimal rupees (0: came, paid nothing), on top of the day if `add`.

    `seen` is the workbook version the person looked at, None to take what stands. `is_sure`: he was asked about an
    amount that looks like a slip of the keyboard, and meant it.
    """

    tracker_id: int
    amount: Decimal
    mode: str = CASH
    note: str = ""
    add: bool = False
    seen: int | None = None
    is_sure: bool = False


def words(error):
    """What a refusal says, in one line."""
    return " ".join(error.messages) if isinstance(error, ValidationError) else str(error)


def save_draft(tracker, date, *, user, amount, mode=CASH, note="", add=False):
    """Keep a typed figure; `amount` None takes the draft away."""
    own = {"tracker": tracker, "date": date, "saved_by": user}
    if amount is None and not note:
        Draft.objects.filter(**own).delete()
        return None
    values = {"amount": amount, "mode": mode, "note": ledger.clean_text(note)[:500], "is_added": add}
    return Draft.objects.update_or_create(**own, defaults={**values, "saved_at": timezone.now()})[0]


def record_payments(book, date, rows, *, user, token, adjust=False, job=None, on_progress=None, refused=()):
    """Save the typed rows of one day; returns the report, a list of one dict per row:

    {tracker, name, amount, ok, message, before, after, add}. An agent whose book asks for it gets approvals instead.
    `on_progress(done, total)` may raise to cancel before anything is written; `refused` are report lines of rows that
    could not be read, kept with the save. Raises ClosedDay unless `adjust`.
    """
    rows, refused = list(rows), list(refused)
    if asks_for_approval(book, user):
        return _ask(book, date, rows, user, token, refused)
    with store.locked(book.pk):
        saved = CollectionSave.objects.filter(token=token).first()
        if saved:
            return saved.result["rows"]
        book = Book.objects.get(pk=book.pk)
        if book.is_closed_on(date) and not adjust:
            raise ClosedDay(date, book.closed_through)
        trackers = {
            tracker.pk: tracker
            for tracker in Tracker.objects.filter(book=book, pk__in=[row.tracker_id for row in rows]).select_related(
                "customer__user", "book"
            )
        }
        changes, report, frozen = [], refused, faults.frozen(book.pk, faults.TRACKER)
        for number, row in enumerate(rows, 1):
            line, change = _prepared(trackers.pop(row.tracker_id, None), date, row, book, frozen)
            report.append(line)
            if change:
                changes.append(change)
            if on_progress:
                on_progress(number, len(rows))
        _commit(book, date, changes, report, user, token, adjust, job)
    return report


def _prepared(tracker, date, row, book, frozen):
    """(report line, Change or None) of one typed row; nothing is written yet."""
    line = {"tracker": row.tracker_id, "name": str(tracker or ""), "amount": plain(row.amount), "ok": False}
    if tracker is None:
        return {**line, "message": "There is no such tracker in this book, or it stands twice on the sheet."}, None
    try:
        if not tracker.is_active:
            raise ValidationError("The tracker is closed; reopen it first.")
        services.refuse_frozen(tracker, frozen)
        tracker.book = book
        opened = services.current(tracker)
        day = tracker.terms.day_of(date)
        services.check_seen(tracker, opened.contents, day, row.seen)
        values = {"paid": row.amount, "mode": row.mode}
        if row.note:
            values["notes"] = row.note
        change = services.day_change(tracker, opened, day, values, add=row.add)
        services.ask_about(change, YES_TO_ALL if row.is_sure else ())
    except Unanswered as error:
        return {**line, "message": words(error), "asks": True}, None
    except REFUSALS as error:
        return {**line, "message": words(error)}, None
    shown = {"before": shown_values(change.days[0].before), "after": shown_values(change.days[0].after), "add": row.add}
    return {**line, **shown, "ok": True, "message": "", "day": day}, change


def shown_values(values):
    """A day's inputs as JSON keeps them: amounts as text."""
    return {name: plain(value) if isinstance(value, Decimal) else value for name, value in values.items()}


def put_back_values(kept):
    """A day's inputs from what shown_values made of them."""
    return {name: Decimal(value) if name in services.AMOUNTS else value for name, value in kept.items()}


def _commit(book, date, changes, report, user, token, adjust, job):
    def also():
        _say_where(book, changes, report)
        CollectionSave.objects.create(
            token=token, book=book, date=date, job=job, saved_by=user, result={"rows": report}
        )
        Draft.objects.filter(tracker__in=[change.tracker.pk for change in changes], date=date, saved_by=user).delete()

    services.commit(changes, user=user, reason=f"Collected on {date:%d-%m-%Y}", adjust=adjust, also=also)
    for line in report:
        if line["ok"]:
            line["message"] = _saved_words(line)


def _say_where(book, changes, report):
    """Put into each saved line where its payment went: "posted", as posted.kept; of what came on top, that part."""
    days = posted.by_day(book, [day for change in changes for day in change.days])
    for line in report:
        if not line["ok"]:
            continue
        entries = [entry for entry in days.get((line["tracker"], line["day"]), ()) if f":{PAID}:" in entry.source_ref]
        line["posted"] = posted.kept(entries[-1:] if line["add"] else entries)


def _saved_words(line):
    where = posted.in_words(line["posted"])
    return f"Saved, {where}" if where else "Saved"


@dataclass
class Undone:
    """What undoing a save did: rows put back, and rows left because somebody changed them since."""

    put_back: int
    left: list


def undo_save(save, *, user, adjust=False):
    """Put the days of one save back as they were before; a day that was changed since is left and named. Twice is once."""
    with store.locked(save.book_id):
        save = CollectionSave.objects.select_related("book").get(pk=save.pk)
        if save.result.get("undone") or save.result.get("asked"):
            return Undone(0, [])
        if asks_for_approval(save.book, user):
            raise ValidationError("What you collect waits for approval now; ask the office to undo this.")
        changes, left = [], []
        for line in save.result["rows"]:
            if not line["ok"]:
                continue
            tracker = Tracker.objects.select_related("customer__user", "book").get(pk=line["tracker"])
            try:
                change = _put_back(tracker, line)
            except REFUSALS as error:
                left.append(f"{tracker}: {words(error)}")
                continue
            changes.append(change)

        def also():
            save.result = {**save.result, "undone": timezone.now().isoformat()}
            save.save(update_fields=["result"])

        services.commit(changes, user=user, reason=f"Undone: {save.date:%d-%m-%Y}", adjust=adjust, also=also)
    return Undone(len(changes), left)


def _put_back(tracker, line):
    if not tracker.is_active:
        raise ValidationError("it was closed since and stays as it is; reopen it first.")
    services.refuse_frozen(tracker)
    opened = services.current(tracker)
    now = shown_values(dict(opened.contents.days.get(line["day"], {})))
    if now != line["after"]:
        raise ValidationError(f"day {line['day']} was changed since and stays as it is.")
    change = services.day_change(tracker, opened, line["day"], put_back_values(line["before"]), clear=True)
    if line["add"]:
        parts = posting.parts_of(tracker, line["day"])
        was = change.days[0]
        change.days = [posting.DayChange(tracker, was.day, was.before, was.after, taken=max(parts, default=None))]
    return change


# ------------------------------------------------------------------------------------------------ agents' approvals


def asks_for_approval(book, user):
    """Whether what this person collects waits for staff."""
    is_agent = user is not None and access.role_in(user, book) == Role.AGENT
    return is_agent and posting.settings_of(book).agents_need_approval


def _ask(book, date, rows, user, token, report):
    with transaction.atomic():
        save, is_new = CollectionSave.objects.get_or_create(
            token=token, defaults={"book": book, "date": date, "saved_by": user}
        )
        if not is_new:
            return save.result["rows"]
        mine = access.visible(Tracker, user, book).filter(is_active=True).in_bulk([row.tracker_id for row in rows])
        for row in rows:
            tracker = mine.get(row.tracker_id)
            line = {"tracker": row.tracker_id, "name": str(tracker or ""), "amount": plain(row.amount)}
            if tracker is None:
                report.append({**line, "ok": False, "message": "There is no such tracker on your route."})
                continue
            sentence = "" if row.is_sure else slips.doubt(_limits(tracker, date), row.amount)
            if sentence:
                report.append({**line, "ok": False, "message": sentence, "asks": True})
                continue
            values = {"tracker": tracker, "date": date, "amount": row.amount, "mode": row.mode, "asked_by": user}
            Approval.objects.get_or_create(
                token=f"{token}:{tracker.pk}", defaults={**values, "note": row.note, "is_added": row.add}
            )
            Draft.objects.filter(tracker=tracker, date=date, saved_by=user).delete()
            report.append({**line, "ok": True, "message": "Waits for approval"})
        save.result = {"rows": report, "asked": True}
        save.save(update_fields=["result"])
    return report


def _limits(tracker, date):
    """What an agent's amount is measured by: the row's totals, for his workbooks are not opened here."""
    return slips.limits(tracker.terms, tracker.total_paid, tracker.terms.day_of(date))


def approve(approvals, *, user, adjust=False):
    """Write and post waiting collections, each as its agent's; returns the report of record_payments, row by row."""
    report = []
    for approval in approvals:
        with store.locked(approval.tracker.book_id, approval.tracker_id):
            approval = Approval.objects.select_related("tracker", "asked_by").get(pk=approval.pk)
            if approval.state != Approval.State.WAITING:
                continue
            line = {"tracker": approval.tracker_id, "name": str(approval.tracker), "amount": plain(approval.amount)}
            typed = Typed(
                approval.tracker_id, approval.amount, approval.mode, approval.note, approval.is_added, _seen(approval),
                is_sure=True,
            )  # fmt: skip
            try:
                tracker = Tracker.objects.select_related("customer__user", "book").get(pk=approval.tracker_id)
                frozen = faults.frozen(tracker.book_id, faults.TRACKER)
                line, change = _prepared(tracker, approval.date, typed, tracker.book, frozen)
                if change:
                    services.commit(
                        [change],
                        user=approval.asked_by,
                        reason=f"Approved by {user}",
                        adjust=adjust,
                        also=lambda row=approval: _decide(row, Approval.State.APPROVED, user),
                    )
                    _say_where(tracker.book, [change], [line])
                    line["message"] = _saved_words(line)
            except REFUSALS as error:
                line = {**line, "ok": False, "message": words(error)}
            report.append(line)
    return report


def _seen(approval):
    """The version that the agent's figure was meant for; what he adds on top goes on top of whatever stands."""
    if approval.is_added:
        return None
    then = approval.tracker.history.filter(history_date__lte=approval.asked_at).order_by("-version")
    return then.values_list("version", flat=True).first()


def reject(approvals, *, user, reason):
    """Turn waiting collections down, with the reason the agent reads. Twice is once."""
    if not ledger.clean_text(reason):
        raise ValidationError("Say why; the agent reads it.")
    with transaction.atomic():
        for approval in Approval.objects.select_for_update().filter(
            pk__in=[row.pk for row in approvals], state=Approval.State.WAITING
        ):
            _decide(approval, Approval.State.REJECTED, user, ledger.clean_text(reason)[:300])


def _decide(approval, state, user, reason=""):
    approval.state, approval.decided_by, approval.decided_at, approval.reason = state, user, timezone.now(), reason
    ledger.save(approval, user)
