"""Adopting workbooks that people had in hand: a copy of a tracker compared cell by cell, a lender's own made a tracker.

Nothing is written before somebody has seen the whole comparison and said so. A file that was changed or lost in
daily-trackers/ is compared against the kept copy of the row's version; what lay in the way is kept in versions/.
"""

from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import date

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from ledger import faults, jobs
from ledger import services as ledger
from ledger.imports import wizard
from ledger.models import Job
from trackers import posted, posting, services, store
from trackers.collection import REFUSALS, words
from trackers.models import Customer, Draft, Tracker
from trackers.workbook.contents import Contents, edited
from trackers.workbook.errors import NotATracker
from trackers.workbook.merge import Change, Comparison, compare, edits_of
from trackers.workbook.read import Opened, open_workbook, read

# Faults of the file that adopting a sound copy mends.
_MENDED_HERE = ("workbook changed outside", "workbook missing", "workbook unreadable")

_NEEDED = ("investment", "scheme_period", "per_day_payment", "start_date")


@dataclass(frozen=True)
class Compared:
    """A copy beside the stored workbook: the cells' `comparison`, made against `version` of the tracker.

    `in_the_way`: the file at the tracker's place is not the one Lendbook wrote (or is gone), so adopting puts a sound
    one there even where no cell changes.
    """

    tracker: Tracker
    uploaded: Contents
    comparison: Comparison
    version: int
    in_the_way: bool

    @property
    def is_foreign(self):
        """Whether the copy as a whole is refused: another tracker's, or another kind."""
        return _is_foreign(self.comparison, self.uploaded)

    @property
    def changes_nothing(self):
        return self.comparison.changes_nothing and not self.in_the_way


def _is_foreign(comparison, uploaded):
    of_cells = (*uploaded.unreadable, *uploaded.altered)
    return any(one not in of_cells and (one.cell == "A1" or "!" in one.cell) for one in comparison.refused)


# ------------------------------------------------------------------------------------------------ a tracker's own copy


def compare_copy(tracker, data):
    """Compare the bytes of a copy with what Lendbook keeps; nothing is written. Raises WorkbookError, StoreError."""
    uploaded = read(data, thorough=True)
    with store.locked(tracker.book_id, tracker.pk):
        tracker = _fresh(tracker.pk)
        opened, in_the_way = _stored(tracker)
        return _compared(tracker, opened, uploaded, in_the_way)


def compare_outside(tracker):
    """Compare the file at the tracker's place, if somebody changed it there; None where it is Lendbook's own.

    Raises WorkbookError for a file that is no sound workbook, StoreError where it or the kept copy is gone.
    """
    with store.locked(tracker.book_id, tracker.pk):
        tracker = _fresh(tracker.pk)
        try:
            services.current(tracker)
        except store.ChangedOutside:
            uploaded = read(store.read_outside(tracker), thorough=True)
            opened, _ = _stored(tracker)
            return _compared(tracker, opened, uploaded, True)
    return None


def _fresh(pk):
    return Tracker.objects.select_related("book", "customer__user").get(pk=pk)


def _stored(tracker) -> tuple[Opened, bool]:
    """(what Lendbook keeps, whether something else or nothing lies in its place)."""
    try:
        return services.current(tracker), False
    except (store.ChangedOutside, store.Missing):
        kept = store.read_kept(tracker)
        if kept is None:
            raise
        return open_workbook(kept), True


def _compared(tracker, opened, uploaded, in_the_way):
    stored = opened.contents
    comparison = compare(stored, uploaded, is_closed=_is_closed(tracker.book, stored))
    return Compared(tracker, uploaded, comparison, tracker.version, in_the_way)


def _is_closed(book, contents):
    """Whether a change of a day would have to post in a closed period; before the book begins nothing posts."""

    def is_closed(day):
        date = contents.terms.date_of(day)
        return book.is_closed_on(date) and not (book.begins_on and date < book.begins_on)

    return is_closed


def adopt_copy(tracker, uploaded, *, user=None, take=(), adjust=False, seen=None):
    """Write a copy's changes into the tracker, and return (Tracker, the changes written).

    `take` names the cells of conflicts that are settled in the copy's favour, and the cells with a formula whose shown
    value is taken; `adjust` takes changes of closed days too and posts them on the first open day. `seen` is the
    version that was compared: ValidationError if the tracker changed since. Without anything to write nothing is
    written.
    """
    with store.locked(tracker.book_id, tracker.pk):
        tracker = _fresh(tracker.pk)
        if not tracker.is_active:
            raise ValidationError(f"{tracker} is closed; reopen it first.")
        faults.refuse(tracker.book_id, faults.TRACKER, tracker.pk, str(tracker), but=_MENDED_HERE)
        opened, in_the_way = _stored(tracker)
        compared = _compared(tracker, opened, uploaded, in_the_way)
        if seen not in (None, tracker.version):
            raise ValidationError(f"{tracker} was changed meanwhile. Compare again.", code="meanwhile")
        if compared.is_foreign:
            raise NotATracker(compared.comparison.refused[0].reason)
        changes = _chosen(compared.comparison.taking(take), take, adjust)
        if not changes and not in_the_way:
            return tracker, []
        if in_the_way:
            store.set_aside(tracker)
        change = _change_of(tracker, opened, changes)
        services.commit([change], user=user, reason="Adopted from a file", adjust=adjust, mends=True)
        return tracker, changes


def posted_by(tracker, changes):
    """The live entries of the days that written changes touched; all days' where they moved the start date."""
    days = {change.day for change in changes}
    entries = posted.of_tracker(tracker)
    if any(change.field == "start_date" for change in changes):
        return entries
    return [entry for entry in entries if int(entry.source_ref.split(":")[1]) in days]


def _chosen(comparison, take, adjust) -> list[Change]:
    settled = [conflict.taking_upload() for conflict in comparison.conflicts if conflict.cell in take]
    return [*comparison.to_apply, *(comparison.adjustments if adjust else ()), *settled]


def formula_of(change: Change) -> str:
    """What is said of an input cell that holds a formula, before somebody takes the value it shows."""
    value = change.new.isoformat() if isinstance(change.new, date) else change.new
    return f"{change.cell} holds a formula that shows {value}: take that value, or type it in the place of the formula."


def needed_formulas(comparison: Comparison) -> list[Change]:
    """The formulas that nobody took and without whose value there are no terms."""
    return [change for change in comparison.formulas if change.field in _NEEDED]


def _change_of(tracker, opened, changes):
    days, parameters = edits_of(changes)
    change = services.changed(tracker, opened, days=days, parameters=parameters)
    before, after = opened.contents.days, change.new.days
    moved = change.new.terms.start_date != tracker.start_date
    if parameters:
        is_whole = tracker.disbursed_amount == tracker.investment
        services.take_terms(tracker, change.new)
        if is_whole and posting.disbursement_of(tracker) is None:
            tracker.disbursed_amount = tracker.investment  # the whole of it, as ever: nothing else was ever said
        tracker.full_clean(exclude=["filename", "sha256", "version"])
    change.days = [
        # A moved start date moves every entry: each day is then posted as if it were new.
        posting.DayChange(
            tracker, day, {} if moved else dict(before.get(day, {})), dict(after.get(day, {})),
            is_moved=moved and day not in days,
        )
        for day in sorted(before.keys() | after.keys() if moved else days)
    ]  # fmt: skip
    return change


def drafts_of(tracker):
    """What staff typed while the workbook could not be written, oldest day first."""
    return Draft.objects.filter(tracker=tracker).select_related("saved_by").order_by("date", "saved_at")


# ------------------------------------------------------------------------------------------------ a new tracker


def compare_new(book, data):
    """(Contents, Comparison) of a workbook that shall become a new tracker of a book; every cell is to apply.

    Raises WorkbookError for a file or terms that make no tracker, TermsError likewise.
    """
    uploaded = read(data, thorough=True)
    # The baseline of a workbook that Lendbook wrote elsewhere is no reason to leave its cells out.
    uploaded = replace(uploaded, baseline=None)
    _refuse_known(uploaded)
    uploaded.terms  # noqa: B018  (terms that are missing or make no scheme are refused here)
    return uploaded, compare(None, uploaded, is_closed=_is_closed(book, uploaded))


def _refuse_known(uploaded):
    known = uploaded.tracker_id and Tracker.objects.filter(uid=uploaded.tracker_id).first()
    if known:
        raise NotATracker(
            f"The workbook belongs to a tracker that is here already ({known.filename}): compare it with that one."
        )


def same_tracker(customer, contents):
    """The customer's tracker of the same name, kind, start and investment, if he has one: then a file came twice."""
    terms = contents.terms
    return (
        Tracker.objects.filter(
            customer=customer,
            tracker_type=contents.layout.kind,
            tracker_name=name_of(contents, customer),
            start_date=terms.start_date,
            investment=terms.investment,
        )
        .exclude(closing=Tracker.Closing.WRITTEN_OFF)
        .first()
    )


def name_of(contents, customer):
    return ledger.clean_text(contents.parameters.get("tracker_name") or customer.name)[:120]


def adopt_new(
    customer: Customer,
    uploaded: Contents,
    comparison: Comparison,
    *,
    user: User | None = None,
    adjust: bool = False,
    take: Container[str] = (),
) -> Tracker:
    """Open a tracker that says what a workbook says; closed days come along only with `adjust`, the shown values of
    cells with a formula only where `take` names them. Returns the Tracker.

    Days before the book begins stand in the workbook and its totals and are not posted.
    """
    known = same_tracker(customer, uploaded)
    if known:
        raise ValidationError(
            f"{customer} has this tracker already: {known.filename}. Compare the file with that one, or give it another "
            "name in B3.",
            code="twice",
        )
    comparison = comparison.taking(take)
    for change in needed_formulas(comparison):
        raise ValidationError(f"{formula_of(change)} There is no tracker without it.")
    days, parameters = edits_of([*comparison.to_apply, *(comparison.adjustments if adjust else ())])
    parameters["tracker_name"] = name_of(uploaded, customer)
    skipped, holidays = uploaded.skipped_weekdays, uploaded.holidays
    if not uploaded.tracker_id:
        skipped, holidays = services.skipping(customer.book)
    empty = Contents(layout=uploaded.layout, parameters={}, skipped_weekdays=skipped, holidays=holidays)
    contents = edited(edited(empty, parameters=parameters), days=days)
    return services.open_tracker(
        customer=customer,
        tracker_name=parameters["tracker_name"],
        tracker_type=uploaded.layout.kind,
        start_date=parameters["start_date"],
        user=user,
        adjust=adjust,
        contents=contents,
    )


# ------------------------------------------------------------------------------------------------ a copy that waits

KIND, ADOPT = "workbook", "adopt"


def receive(tracker, content, *, user, file_name):
    """Keep a copy in the instance's imports/ folder as a job that asks a person; returns the Job."""
    name = wizard.keep_upload([content], limit=store.MAX_BYTES)
    return jobs.create(
        book=tracker.book,
        kind=KIND,
        title=f"Workbook of {tracker}",
        step=ADOPT,
        state=Job.State.ASKS,
        user=user,
        file_name=file_name,
        parameters={"file": name, "tracker": tracker.pk},
    )


def waiting_copy(job):
    """(Tracker, Compared) of the copy that a job keeps. Raises WorkbookError, StoreError."""
    tracker = _fresh(job.parameters["tracker"])
    return tracker, compare_copy(tracker, _kept_bytes(job))


def _kept_bytes(job):
    try:
        return wizard.upload_path(job).read_bytes()
    except FileNotFoundError:
        raise store.StoreError("The uploaded file is gone. Upload it again.") from None


def adopt_step(job, progress):
    """Write what was confirmed. Refused, the job asks again; a second run finds the job done."""
    parameters = job.parameters
    try:
        uploaded = read(_kept_bytes(job), thorough=True)
        tracker, changes = adopt_copy(
            _fresh(parameters["tracker"]),
            uploaded,
            user=get_user_model().objects.filter(pk=parameters["by"]).first(),
            take=parameters["take"],
            adjust=parameters["adjust"],
            seen=parameters["seen"],
        )
    except REFUSALS as error:
        return Job.State.ASKS, {"fault": words(error)}
    return Job.State.DONE, {"cells": len(changes), "posted": posted.words(posted_by(tracker, changes))}


jobs.register(jobs.Kind(KIND, {ADOPT: adopt_step}, page="trackers:comparison", over=wizard.clear_away))
