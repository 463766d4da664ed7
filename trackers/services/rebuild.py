"""A tracker's workbook built anew: from itself, from the kept copy of its version, or from what the ledger says.

What lies at its name is kept beside; where that, or a kept copy of a later version, says more than what is built, a
person is asked first.
"""

from collections.abc import Container

from django.db import transaction

from shop import questions
from shop.money import rupees
from trackers import store
from trackers.models import Tracker
from trackers.services.change import BUILT_ANEW, Change, apply, as_handed_over, current, grown_trail, waiting
from trackers.services.copies import Stored, holding_more, put_aside, stored_of
from trackers.services.from_ledger import short_of
from trackers.services.starts import right_start
from trackers.workbook.build import build_workbook
from trackers.workbook.contents import edited
from trackers.workbook.merge import is_moved_to_1904


def from_ledger(tracker: Tracker) -> Stored:
    """What a workbook built from the ledger would say, for a person to look at; nothing is written.

    Raises store.StoreError where the workbook, or the kept copy of its version, is there and says all of it.
    """
    with store.locked(tracker.book_id, tracker.pk):
        stored = stored_of(_fresh(tracker))
    _refuse_where_all_is_kept(tracker, stored)
    return stored


def rebuild_workbook(tracker: Tracker, *, user=None, ledger: bool = False, accepted: Container[str] = ()):
    """Build the workbook anew; returns (tracker, what it was built from).

    Missing, damaged or changed outside: from the kept copy of the row's version, so that nothing acknowledged is lost;
    where that is gone too, with `ledger`, from the ledger entries and receipts (`from_ledger` says what that leaves
    unknown). Raises store.StoreError where neither is to be had, questions.Unanswered where a file says more. What was
    in the way is kept in versions/ or orphans/.
    """
    with store.locked(tracker.book_id, tracker.pk):
        tracker = _fresh(tracker)
        stored = stored_of(tracker)
        if ledger:
            _refuse_where_all_is_kept(tracker, stored)
        questions.ask(_questions(tracker, stored), accepted)
        if stored.is_from_ledger and not ledger:
            _refuse_without_a_copy(tracker)
        if stored.in_the_way:
            put_aside(tracker)
        _build(tracker, stored, user)
        return tracker, stored.source


def _fresh(tracker):
    return Tracker.objects.select_related("book", "customer__user").get(pk=tracker.pk)


def _refuse_where_all_is_kept(tracker, stored):
    if not stored.is_from_ledger:
        raise store.StoreError(
            f"The ledger knows less than {stored.source}, which says all of version {tracker.version}: run "
            f"'rebuild_workbook {tracker.filename}' without --from-ledger."
        )


def _refuse_without_a_copy(tracker):
    try:
        current(tracker)
    except store.StoreError as error:
        raise store.StoreError(
            f"{error} There is no kept copy of version {tracker.version} either: 'rebuild_workbook {tracker.filename} "
            "--from-ledger' shows what the ledger and the receipts say of it, and with --apply builds it from them."
        ) from error


def _questions(tracker, stored):
    for one in holding_more(tracker, stored):
        uploaded = one.compared.uploaded
        yield questions.Question(
            f"leave {tracker.pk} {uploaded.trail[-1]}",
            f"{one.path.parent.name}/{one.path.name} says what Lendbook does not know ({told_of(one.compared)}). Leave "
            f"that out? To take it in instead: adopt_workbook {one.path} --tracker {tracker.filename} --apply.",
        )
    short = short_of(tracker, stored.opened.contents) if stored.is_from_ledger else 0
    if short:
        yield questions.Question(
            f"short {tracker.pk} {tracker.version} {short}",
            f"{rupees(short)} that the row remembers as paid stands neither in the ledger nor in a receipt. Build the "
            "workbook without it?",
        )


def told_of(compared, most: int = 5) -> str:
    """What a copy holds more, as words: days with their amounts first."""
    found, layout = compared.comparison, compared.uploaded.layout
    wanted = [*found.to_apply, *found.adjustments, *(conflict.taking_upload() for conflict in found.conflicts)]
    # A mode without its amount says nothing to anybody.
    lines = [_line(layout, one) for one in wanted if one.field != "mode"] or [_line(layout, one) for one in wanted]
    lines += [f"{cell}: cannot be read" for cell in found.unread]
    return "; ".join(lines[:most]) + (f"; and {len(lines) - most} more" if len(lines) > most else "")


def _line(layout, change):
    if change.day is None:
        return f"{layout.parameter[change.field].label.rstrip(':')} {change.new}"
    what = "" if change.field == "paid" else f" {layout.column[change.field].header}"
    if change.new is None:
        return f"day {change.day}{what}: nothing instead of {change.old}"
    instead = "" if change.old is None else f" instead of {change.old}"
    return f"day {change.day}{what}: {change.new}{instead}"


def _build(tracker, stored, user):
    contents = stored.opened.contents
    contents = edited(contents, parameters={"start_date": right_start(tracker, contents)})
    if is_moved_to_1904(tracker.start_date, contents.terms.start_date):
        tracker.start_date = contents.terms.start_date  # the row followed a date that was miscounted
    trail = grown_trail(tracker, contents)
    new = edited(contents, version=tracker.version + 1, trail=trail, uses_1904_dates=False)
    new = as_handed_over(tracker, new)
    content = build_workbook(new, store.template_of(tracker.book_id)).data
    with waiting([(tracker, content)]) as files, transaction.atomic(durable=True):
        apply([Change(tracker, None, new)], files, user=user, reason=BUILT_ANEW, mends=True)
    store.settle(tracker)
