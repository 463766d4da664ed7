"""Adopting workbooks that people had in hand: a copy of a tracker compared cell by cell, a lender's own made a tracker.

Nothing is written before somebody has seen the whole comparison and said so. A file that was changed or lost in
daily-trackers/ is compared against what is left of the row's version (services/copies.py); what lay in the way is kept
in versions/.
"""

import uuid
from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from datetime import date

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from ledger import services as ledger
from shop import faults, jobs
from shop.imports import wizard
from shop.models import Job
from trackers import posted, posting, services, store
from trackers.collect.collection import REFUSALS, words
from trackers.models import Customer, Draft, Tracker
from trackers.schedule import TermsError
from trackers.services.copies import is_closed, put_aside
from trackers.workbook.contents import Contents, edited
from trackers.workbook.errors import NotATracker, WorkbookError
from trackers.workbook.merge import Change, Comparison, Descent, compare, edits_of
from trackers.workbook.read import read

# Faults of the file that adopting a sound copy mends.
PUT_BACK = "database was put back"
_MENDED_HERE = ("workbook changed outside", "workbook missing", "workbook unreadable", PUT_BACK)

_NEEDED = ("investment", "scheme_period", "per_day_payment", "start_date")


# ------------------------------------------------------------------------------------------------ a tracker's own copy


def compare_copy(tracker, data):
    """Compare the bytes of a copy with what Lendbook keeps; nothing is written. Raises WorkbookError, StoreError."""
    uploaded = read(data, thorough=True)
    with store.locked(tracker.book_id, tracker.pk):
        tracker = _fresh(tracker.pk)
        return services.compare_with(tracker, services.stored_of(tracker), uploaded)


def compare_outside(tracker):
    """Compare the file at the tracker's place, if somebody changed it there; None where it is Lendbook's own.

    Raises WorkbookError for a file that is no sound workbook, StoreError where there is none that can be read.
    """
    with store.locked(tracker.book_id, tracker.pk):
        tracker = _fresh(tracker.pk)
        stored = services.stored_of(tracker)
        if not stored.in_the_way:
            return None
        content = store.read_outside(tracker)
        if content is None:
            raise store.Missing(f"The workbook {tracker.filename} is not in daily-trackers/.")
        return services.compare_with(tracker, stored, read(content, thorough=True))


@dataclass(frozen=True)
class Beside:
    """How a tracker's files stand beside its row: what is kept of it (None: nothing can be made of it, `fault` says
    why), and the files that say more, the newest first."""

    stored: services.Stored | None
    holding: tuple[services.Holding, ...] = ()
    fault: str = ""

    @property
    def can_be_built(self):
        """Whether the workbook can be built anew from what is kept, and nothing that lies beside it says more."""
        return bool(self.stored and self.stored.in_the_way and not self.holding)


def files_beside(tracker):
    """The Beside of a tracker; nothing is written."""
    with store.locked(tracker.book_id, tracker.pk):
        tracker = _fresh(tracker.pk)
        try:
            stored = services.stored_of(tracker)
        except (store.StoreError, WorkbookError, TermsError) as error:
            return Beside(None, fault=str(error))
        return Beside(stored, tuple(services.holding_more(tracker, stored)))


def _fresh(pk):
    return Tracker.objects.select_related("book", "customer__user").get(pk=pk)


def adopt_copy(tracker, uploaded, *, user=None, take=(), leave=(), adjust=False, seen=None):
    """Write a copy's changes into the tracker, and return (Tracker, the changes written).

    `take` names the cells of conflicts that are settled in the copy's favour, and the cells with a formula whose shown
    value is taken; `leave` those cells that stay as Lendbook has them ("all" for all of them); `adjust` takes changes of
    closed days too and posts them on the first open day. `seen` is the version that was compared: ValidationError if the
    tracker changed since. A copy that nobody would find again (it lies in the workbook's place, or is a version that the
    row does not know) is taken only when everything in it is decided. Without anything to write nothing is written.
    """
    with store.locked(tracker.book_id, tracker.pk):
        tracker = _fresh(tracker.pk)
        stored = services.stored_of(tracker)
        compared = services.compare_with(tracker, stored, uploaded)
        if not tracker.is_active and not compared.is_from_elsewhere:
            raise ValidationError(f"{tracker} is closed; reopen it first.")
        faults.refuse(tracker.book_id, faults.TRACKER, tracker.pk, str(tracker), but=_MENDED_HERE)
        if seen not in (None, tracker.version):
            raise ValidationError(f"{tracker} was changed meanwhile. Compare again.", code="meanwhile")
        if compared.is_foreign:
            raise NotATracker(compared.comparison.refused[0].reason)
        comparison = compared.comparison.taking(take)
        if compared.is_from_elsewhere:
            _refuse_undecided(comparison, take, leave, adjust)
        changes = _chosen(comparison, take, adjust)
        if not changes and not compared.in_the_way and not compared.is_ahead:
            return tracker, []
        if compared.in_the_way:
            put_aside(tracker)
        change = _change_of(tracker, compared, changes)
        is_whole = compared.descent is Descent.LATER and change.new.cells == uploaded.cells
        reason = services.ADOPTED_WHOLE if is_whole else "Adopted from a file"
        services.commit([change], user=user, reason=reason, adjust=adjust, mends=True)
        return tracker, changes


def posted_by(tracker, changes):
    """The live entries of the days that written changes touched; all days' where they moved the start date."""
    days = {change.day for change in changes}
    entries = posted.of_tracker(tracker)
    if any(change.field == "start_date" for change in changes):
        return entries
    return [entry for entry in entries if int(entry.source_ref.split(":")[1]) in days]


def undecided(comparison, take=(), leave=(), adjust=False):
    """The cells of a comparison about which nobody has decided: conflicts, formulas, closed days, what cannot be read."""
    cells = [conflict.cell for conflict in comparison.conflicts if not _names(take, conflict.cell)]
    cells += [change.cell for change in comparison.formulas if not _names(take, change.cell)]
    cells += [change.cell for change in comparison.adjustments if not adjust]
    return [cell for cell in dict.fromkeys([*cells, *comparison.unread]) if not _names(leave, cell)]


def _names(chosen, cell):
    return cell in chosen or "all" in chosen


def _refuse_undecided(found, take, leave, adjust):
    """A file that goes out of sight takes nothing along that somebody may have been told is safe."""
    cells = undecided(found, take, leave, adjust)
    if not cells:
        return
    ways = ["mend them in the file"] if set(cells) & set(found.unread) else []
    ways += ["--adjust posts those of closed days"] if found.adjustments and not adjust else []
    ways += ["--take CELL takes the file's value"] if found.conflicts or found.formulas else []
    raise ValidationError(
        f"Nothing was written: the file would be put aside with {', '.join(cells[:10])} not decided. "
        f"{'; '.join([*ways, '--leave CELL leaves a cell as Lendbook has it'])}; or decide on the tracker's page.",
        code="undecided",
    )


def _chosen(comparison, take, adjust) -> list[Change]:
    settled = [conflict.taking_upload() for conflict in comparison.conflicts if _names(take, conflict.cell)]
    return [*comparison.to_apply, *(comparison.adjustments if adjust else ()), *settled]


def formula_of(change: Change) -> str:
    """What is said of an input cell that holds a formula, before somebody takes the value it shows."""
    value = change.new.isoformat() if isinstance(change.new, date) else change.new
    return f"{change.cell} holds a formula that shows {value}: take that value, or type it in the place of the formula."


def needed_formulas(comparison: Comparison) -> list[Change]:
    """The formulas that nobody took and without whose value there are no terms."""
    return [change for change in comparison.formulas if change.field in _NEEDED]


def _change_of(tracker, compared, changes):
    opened, uploaded = compared.stored.opened, compared.uploaded
    days, parameters = edits_of(changes)
    replaced = {"trail": services.grown_trail(tracker, opened.contents, uploaded)}
    if compared.descent is Descent.LATER:
        replaced |= {"skipped_weekdays": uploaded.skipped_weekdays, "holidays": uploaded.holidays}
    change = services.changed(tracker, opened, days=days, parameters=parameters, **replaced)
    before, after = opened.contents.days, change.new.days
    moved = change.new.terms.start_date != tracker.start_date
    is_whole = tracker.disbursed_amount == tracker.investment
    if parameters or compared.descent is Descent.LATER:
        services.take_terms(tracker, change.new)
        if is_whole and posting.disbursement_of(tracker) is None:
            tracker.disbursed_amount = tracker.investment  # the whole of it, as ever: nothing else was ever said
        if compared.descent is Descent.LATER and uploaded.is_cut:
            tracker.disbursed_amount = uploaded.handed_over
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
    return uploaded, compare(None, uploaded, is_closed=is_closed(book, uploaded))


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
    post_disbursement: bool = False,
    also: Callable[[Tracker], None] | None = None,
) -> Tracker:
    """Open a tracker that says what a workbook says; closed days come along only with `adjust`, the shown values of
    cells with a formula only where `take` names them. Returns the Tracker.

    Days before the book begins stand in the workbook and its totals and are not posted. `post_disbursement` posts what
    was handed over as well, and raises ClosedDay without `adjust`; `also(tracker)` runs inside the transaction.
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
    empty = Contents(
        layout=uploaded.layout, parameters={}, skipped_weekdays=skipped, holidays=holidays, trail=uploaded.trail
    )
    contents = edited(edited(empty, parameters=parameters), days=days)
    return services.open_tracker(
        customer=customer,
        tracker_name=parameters["tracker_name"],
        tracker_type=uploaded.layout.kind,
        start_date=parameters["start_date"],
        user=user,
        adjust=adjust,
        contents=contents,
        uid=_uid_of(uploaded),
        post_disbursement=post_disbursement,
        also=also,
    )


def is_lendbooks_own(uploaded: Contents) -> bool:
    """Whether Lendbook wrote the workbook: then its tracker was here, and opening it had posted what was handed over."""
    return _uid_of(uploaded) is not None


def _uid_of(uploaded):
    """The id in a workbook that Lendbook wrote and whose tracker is lost: then its other copies are known again."""
    try:
        return uuid.UUID(uploaded.tracker_id)
    except ValueError:
        return None


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
            leave=parameters.get("leave", ()),
            adjust=parameters["adjust"],
            seen=parameters["seen"],
        )
    except REFUSALS as error:
        return Job.State.ASKS, {"fault": words(error)}
    return Job.State.DONE, {"cells": len(changes), "posted": posted.words(posted_by(tracker, changes))}


jobs.register(jobs.Kind(KIND, {ADOPT: adopt_step}, page="trackers:comparison", over=wizard.clear_away))
