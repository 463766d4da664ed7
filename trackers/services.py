"""Opening, recording, correcting and closing trackers: workbook, row and ledger change together or not at all.

Every change goes through `commit`: the new workbook lies durable beside the old one, then one transaction stores its
sha256 and posts the entries, then the file takes its name (store.py says why). Callers hold no transaction, and have
checked with access who may do it. Errors are ValidationError, WorkbookError (a value or file that cannot be taken),
StoreError (the file), ClosedDay (with `adjust` it posts on the first open day instead); each names the way out.
"""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.utils import timezone
from simple_history.utils import bulk_update_with_history

from ledger import services as ledger
from trackers import posting, store
from trackers.models import Customer, Holiday, Tracker
from trackers.schedule import MAX_DAY
from trackers.workbook.build import build_workbook
from trackers.workbook.contents import Contents, edited, new_contents
from trackers.workbook.errors import CannotPatch, WorkbookError
from trackers.workbook.patch import write
from trackers.workbook.read import Opened, open_workbook, read

# The fields of a day that hold amounts.
AMOUNTS = ("paid", "withdrawn", "reinvest", "pocket_money")
# What a workbook's summary is cached as in the row.
CACHED = ("days_paid", "total_paid", "balance", "expected", "pending", "last_paid_on", "last_day")
_TERMS = (
    "tracker_name", "investment", "scheme_period", "per_day_payment", "strategy", "enhanced_count", "start_date",
)  # fmt: skip


@dataclass
class Change:
    """One tracker's workbook as it is (`opened`) and as it shall be (`new`), with the days that post."""

    tracker: Tracker
    opened: Opened
    new: Contents
    days: list[posting.DayChange] = field(default_factory=list)
    rebuilt: str = ""


# ------------------------------------------------------------------------------------------------ the one way to change


def current(tracker):
    """The tracker's true workbook, opened. The caller holds its lock, or the book's.

    A file that somebody opened and saved in Excel without changing an input or formula is taken as it is.
    Raises store.Missing, store.ChangedOutside.
    """
    try:
        return open_workbook(store.read(tracker))
    except store.ChangedOutside:
        outside = store.read_outside(tracker)
        try:
            opened = open_workbook(outside, thorough=True)
        except WorkbookError:
            opened = None
        if opened is None or not _only_saved_again(tracker, opened.contents):
            Tracker.objects.filter(pk=tracker.pk, changed_outside_at=None).update(changed_outside_at=timezone.now())
            raise
        return opened


def _only_saved_again(tracker, outside):
    """Whether a foreign copy says what Lendbook wrote last: same tracker and version, no input and no formula differs."""
    return outside.tracker_id == str(tracker.uid) and outside.version == tracker.version and outside.is_as_written


def contents_of(tracker):
    """What the tracker's workbook says now, for reading; a save in progress is waited for. Raises StoreError."""
    with store.locked(tracker.book_id, tracker.pk):
        return current(Tracker.objects.get(pk=tracker.pk)).contents


def changed(tracker, opened, *, days=None, parameters=None, **replaced):
    """The Change that edits some inputs (None clears one); its version is one more than the row's."""
    new = edited(opened.contents, days=days, parameters=parameters, version=tracker.version + 1, **replaced)
    return Change(tracker, opened, new)


def commit(changes, *, user, reason, adjust=False, also=None):
    """Write the changed workbooks, store their rows and post their days in one transaction, then move the files.

    `also()` is called inside the transaction: what else belongs to it. The caller holds the locks.
    """
    with written(changes) as files, transaction.atomic(durable=True):
        apply(changes, files, user=user, reason=reason, adjust=adjust)
        if also:
            also()
    store.settle(*(change.tracker for change in changes))


@contextmanager
def written(changes):
    """The changed workbooks, durable beside their places, while the transaction runs; gone again if it is refused."""
    with waiting([(change.tracker, _bytes_of(change)) for change in changes]) as files:
        yield files


@contextmanager
def waiting(pairs):
    """The workbooks of (tracker, bytes), durable beside their places, as store.Written; gone again on a refusal."""
    files = store.write_waiting_many(pairs)
    try:
        yield files
    except DatabaseError:
        raise  # the commit itself may have happened: recovery compares the row with the waiting file and decides
    except Exception:
        store.drop_waiting(files)
        raise


def apply(changes, files, *, user, reason, adjust=False):
    """Store the rows of changed trackers and post their days, in the caller's transaction."""
    _lock_rows(changes)
    for change, one in zip(changes, files, strict=True):
        take_figures(change.tracker, change.new, one.sha256)
    _save_rows([change.tracker for change in changes], user, reason)
    days = [day for change in changes for day in change.days]
    if days:
        posting.post_changes(changes[0].tracker.book, days, user=user, adjust=adjust)


def _bytes_of(change):
    try:
        return write(change.opened, change.new).data
    except CannotPatch as error:
        change.rebuilt = str(error)
        return build_workbook(change.new, store.template_of(change.tracker.book_id)).data


def _lock_rows(changes):
    rows = Tracker.objects.select_for_update().filter(pk__in=[change.tracker.pk for change in changes]).order_by("pk")
    standing = {pk: state for pk, *state in rows.values_list("pk", "version", "is_active")}
    for change in changes:
        # Closing takes no workbook's lock; a row closed since it was read would be reopened by saving it.
        if standing.get(change.tracker.pk) != [change.tracker.version, change.tracker.is_active]:
            raise store.StoreError(f"{change.tracker} was changed meanwhile. Look at it again and repeat.")


def take_figures(tracker, contents, sha256):
    """Copy into the row what its workbook of that sha256 adds up to."""
    summary = contents.summary()
    for name in CACHED:
        setattr(tracker, name, summary[name])
    tracker.version, tracker.sha256, tracker.changed_outside_at = contents.version, sha256, None
    tracker.updated_at = timezone.now()


def _save_rows(trackers, user, reason):
    if len(trackers) == 1:
        ledger.save(trackers[0], user, reason)
        return
    fields = [*CACHED, "version", "sha256", "changed_outside_at", "updated_at"]
    bulk_update_with_history(
        trackers, Tracker, fields, batch_size=500, default_user=user, default_change_reason=reason[:100]
    )


# ------------------------------------------------------------------------------------------------ customers, opening


def customer_for(book, login, name=""):
    """The book's customer of that login; login and customer are made if missing (no usable password).

    Raises ValidationError for a login that Django refuses or that works in the office.
    """
    user = login_for(login)
    if user.pk is None:
        user.save()
    customer = Customer.objects.filter(book=book, user=user).first()
    if customer is None:
        customer = Customer(book=book, user=user, name=ledger.clean_text(name) or login)
        customer.full_clean()
        ledger.save(customer, None)
    if not customer.is_active:
        raise ValidationError(f"The customer {customer} is deactivated; activate him first.")
    return customer


def login_for(login):
    """The user of a customer's login; one that is missing is made without a usable password, and not saved yet.

    Raises ValidationError for a login that Django refuses or that works in the office.
    """
    User = get_user_model()
    user = User.objects.filter(username=login).first()
    if user is None:
        user = User(username=login)
        user.set_unusable_password()
        try:
            user.full_clean(exclude=["password"])
        except ValidationError as error:
            raise ValidationError(f"The login '{login[:40]}' cannot be used: {' '.join(error.messages)}") from error
    elif user.is_superuser or user.book_members.exists():
        raise ValidationError(f"'{login}' works in the office; a customer needs a login of his own.")
    return user


def open_tracker(
    *,
    customer,
    tracker_name,
    tracker_type,
    start_date,
    user=None,
    investment=None,
    disbursed_amount=None,
    disbursed_account=None,
    scheme_period=None,
    per_day_payment=None,
    strategy=None,
    enhanced_count=None,
    post_disbursement=False,
    adjust=False,
    renewed_from=None,
    also=None,
    contents=None,
    uid=None,
):
    """Open a tracker: its row and its workbook, and with `post_disbursement` the Loan Disbursement entry.

    What is not given is the kind's default. `contents` opens it filled (adopted or brought forward), its days posted;
    `also(tracker)` runs inside the transaction; a `uid` that the caller made beforehand opens one tracker, however often.
    Returns the Tracker. Raises as the module says.
    """
    if not customer.is_active:
        raise ValidationError(f"The customer {customer} is deactivated; activate him first.")
    book = customer.book
    tracker = Tracker(book=book, customer=customer, tracker_type=tracker_type, renewed_from=renewed_from)
    tracker.uid = uid or tracker.uid
    if contents is None:
        skipped, holidays = skipping(book)
        contents = new_contents(
            tracker_type, tracker_name=ledger.clean_text(tracker_name), start_date=start_date, investment=investment,
            scheme_period=scheme_period, per_day_payment=per_day_payment, strategy=strategy,
            enhanced_count=enhanced_count, skipped_weekdays=skipped, holidays=holidays,
        )  # fmt: skip
    contents = edited(contents, tracker_id=str(tracker.uid), version=1)
    take_terms(tracker, contents)
    tracker.disbursed_amount = contents.parameters["investment"] if disbursed_amount is None else disbursed_amount
    tracker.disbursed_account = disbursed_account
    days = [posting.DayChange(tracker, day, {}, values) for day, values in sorted(contents.days.items())]
    content = build_workbook(contents, store.template_of(book.pk)).data
    tracker.full_clean(exclude=["filename", "sha256", "version"])
    with store.naming():
        tracker.filename = store.new_filename(customer.user.username, timezone.localtime())
        with waiting([(tracker, content)]) as (file,), transaction.atomic(durable=True):
            take_figures(tracker, contents, file.sha256)
            ledger.save(tracker, user, "Opened")
            if days:
                posting.post_changes(book, days, user=user, adjust=adjust)
            if post_disbursement:
                account = disbursed_account or ledger.account_for_mode(book, "Cash")
                posting.post_disbursement(tracker, account=account, user=user, adjust=adjust)
            if also:
                also(tracker)
    store.settle(tracker)
    return tracker


def skipping(book):
    """(skipped weekdays, holidays) as frozensets: the days of the book that carry no instalment."""
    settings = posting.settings_of(book)
    holidays = Holiday.objects.filter(book=book).values_list("date", flat=True)
    return frozenset(settings.skipped_weekdays), frozenset(holidays)


def take_terms(tracker, contents):
    """Copy the workbook's terms into the row."""
    for name in _TERMS:
        value = contents.parameters.get(name)
        setattr(tracker, name, "" if value is None and name in ("strategy", "tracker_name") else value)
    tracker.skipped_weekdays = sorted(contents.skipped_weekdays)
    terms = contents.terms
    last = terms.date_of(MAX_DAY)
    tracker.holidays = sorted(day.isoformat() for day in contents.holidays if terms.start_date <= day <= last)


# ------------------------------------------------------------------------------------------------ one day


def record_payment(tracker, day, *, user=None, add=False, clear=False, adjust=False, seen=None, **values):
    """Record or correct one day of a tracker, and return its Change.

    `values` are fields of the sheet (paid, mode, withdrawn, reinvest, reinvest_from, pocket_money, details, notes);
    what is not named stays, None clears. `add` puts `paid` on top of what the day has; `clear` empties the day first.
    `seen` is the version the person looked at: ValidationError if the day was changed since. Acknowledged only when
    durable.
    """
    with store.locked(tracker.book_id, tracker.pk):
        tracker = _open_one(tracker.pk)
        opened = current(tracker)
        check_seen(tracker, opened.contents, day, seen)
        change = day_change(tracker, opened, day, values, add=add, clear=clear)
        commit([change], user=user, reason=f"Day {day}", adjust=adjust)
        return change


def _open_one(pk):
    tracker = Tracker.objects.select_related("book", "customer__user").get(pk=pk)
    if not tracker.is_active:
        raise ValidationError(f"{tracker} is closed; reopen it first.")
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
        edits["mode"] = "Cash"
    change = changed(tracker, opened, days={day: edits})
    change.days = [posting.DayChange(tracker, day, before, dict(change.new.days.get(day, {})), added)]
    return change


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
        source, target = _open_one(tracker.pk), _open_one(into.pk)
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


# ------------------------------------------------------------------------------------------------ terms and life


def empty(tracker, *, user=None):
    """Clear every day of a tracker inside the caller's transaction; its entries go into the bin, or are reversed."""
    opened = current(tracker)
    days = opened.contents.days
    change = changed(tracker, opened, days={day: dict.fromkeys(values) for day, values in days.items()})
    change.days = [posting.DayChange(tracker, day, dict(values), {}) for day, values in sorted(days.items())]
    with written([change]) as files:
        apply([change], files, user=user, reason="Emptied", adjust=True)
    transaction.on_commit(lambda: store.settle(change.tracker))


def edit_terms(tracker, *, user=None, adjust=False, disbursed_amount=None, **parameters):
    """Change terms (tracker_name, investment, scheme_period, per_day_payment, strategy, enhanced_count, start_date,

    also skipped_weekdays and holidays as frozensets); the workbook follows. A moved start date moves every entry, and
    a posted disbursement follows its amount and day.
    """
    replaced = {name: parameters.pop(name) for name in ("skipped_weekdays", "holidays") if name in parameters}
    with store.locked(tracker.book_id, tracker.pk):
        tracker = _open_one(tracker.pk)
        opened = current(tracker)
        change = changed(tracker, opened, parameters=parameters, **replaced)
        before = tracker.start_date
        take_terms(tracker, change.new)
        if disbursed_amount is not None:
            tracker.disbursed_amount = disbursed_amount
        tracker.full_clean(exclude=["filename", "sha256", "version"])
        if tracker.start_date != before:
            change.days = [
                posting.DayChange(tracker, day, {}, values, is_moved=True)
                for day, values in sorted(change.new.days.items())
            ]
        commit(
            [change],
            user=user,
            reason="Terms",
            adjust=adjust,
            also=lambda: posting.correct_disbursement(tracker, user=user, adjust=adjust),
        )
        return tracker


def close_tracker(tracker, *, closing, on=None, waived_amount=Decimal(0), user=None):
    """Close a tracker as paid, settled (with a waived amount) or written off; its workbook stays. Twice is once."""
    with transaction.atomic():
        tracker = Tracker.objects.select_for_update().select_related("book").get(pk=tracker.pk)
        if not tracker.is_active:
            return tracker
        outstanding = tracker.standing().outstanding
        if closing == Tracker.Closing.PAID and outstanding > waived_amount:
            raise ValidationError(
                f"{outstanding:.2f} is still to pay. Record it, or close it as settled with that much waived."
            )
        tracker.is_active, tracker.closed_at, tracker.closing = False, timezone.now(), closing
        tracker.closed_on = on or tracker.book.today()
        tracker.waived_amount = waived_amount
        return ledger.save(tracker, user, f"Closed: {tracker.get_closing_display().lower()}")


def reopen_tracker(tracker, *, user=None):
    """Open a closed tracker again. Twice is once."""
    with transaction.atomic():
        tracker = Tracker.objects.select_for_update().get(pk=tracker.pk)
        if tracker.is_active:
            return tracker
        tracker.is_active, tracker.closed_at, tracker.closing, tracker.closed_on = True, None, "", None
        tracker.waived_amount = Decimal(0)
        return ledger.save(tracker, user, "Reopened")


def renew(tracker, *, start_date, user=None, adjust=False, post_disbursement=True, **terms):
    """Settle what a tracker still owes out of a new one of the same customer; returns the new Tracker.

    The new loan is handed over whole in the books and the old balance collected back on the same day, so what left
    the cash box is the difference, and both trackers are right.
    """
    with store.locked(tracker.book_id):
        old = _open_one(tracker.pk)
        owed = old.standing(start_date).outstanding
        settled = []
        if owed:
            day = old.terms.day_of(start_date)
            values = {"paid": owed, "mode": "Other", "notes": f"Settled by renewal on {start_date:%d-%m-%Y}"}
            settled = [day_change(old, current(old), day, values, add=True)]
            # Back into the account that the new loan leaves, or both would be wrong by the old balance.
            account = terms.get("disbursed_account") or ledger.account_for_mode(old.book, "Cash")
            settled[0].days = [replace(settled[0].days[0], account=account)]
        with written(settled) as files:

            def settle_old(new):
                if settled:
                    apply(settled, files, user=user, reason="Renewed", adjust=adjust)
                close_tracker(old, closing=Tracker.Closing.RENEWED, on=start_date, user=user)

            new = open_tracker(
                customer=old.customer, start_date=start_date, user=user, adjust=adjust, renewed_from=old,
                tracker_type=terms.pop("tracker_type", old.tracker_type), post_disbursement=post_disbursement,
                also=settle_old, **terms,
            )  # fmt: skip
        store.settle(*(change.tracker for change in settled))
        return new


def rebuild_workbook(tracker, *, user=None):
    """Build the workbook anew from its data; returns (tracker, what it was built from).

    Missing, damaged or changed outside: from the kept copy of the row's version, so that nothing acknowledged is lost.
    Raises store.StoreError where neither is to be had. A file that was in the way is kept beside as a version.
    """
    with store.locked(tracker.book_id, tracker.pk):
        tracker = Tracker.objects.select_related("book", "customer__user").get(pk=tracker.pk)
        try:
            contents, source = current(tracker).contents, "the workbook"
        except (store.StoreError, WorkbookError) as error:
            kept = store.read_kept(tracker)
            if kept is None:
                raise store.StoreError(f"{error} There is no kept copy of version {tracker.version} either.") from error
            contents, source = read(kept), f"the kept copy of version {tracker.version}"
            store.set_aside(tracker)
        new = edited(contents, version=tracker.version + 1)
        content = build_workbook(new, store.template_of(tracker.book_id)).data
        with waiting([(tracker, content)]) as files, transaction.atomic(durable=True):
            apply([Change(tracker, None, new)], files, user=user, reason="Workbook built anew")
        store.settle(tracker)
        return tracker, source
