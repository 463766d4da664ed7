"""Many trackers opened at once inside the caller's transaction: an import of running loans, a demo book.

The workbooks lie durable beside their places before the rows are written, and take their names once the outermost
transaction has committed; rolled back, they are swept. No file lock is needed: a workbook that has no row yet is
nobody else's, and two openings that choose one name meet in the database's unique key.
"""

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from simple_history.utils import bulk_create_with_history

from trackers import posting, services, store
from trackers.models import Customer, Tracker
from trackers.workbook.build import build_workbook
from trackers.workbook.contents import Contents, edited


@dataclass
class Opening:
    """One tracker to open: `contents` say its terms, what was handed over and the days it already has."""

    customer: Customer
    contents: Contents
    renewed_from: Tracker | None = None


def open_many(book, openings, *, user=None, adjust=False, reason="Opened"):
    """Open trackers of one book and post the days they have; returns the Trackers in order. All or none."""
    if not openings:
        return []
    trackers, pairs, days, taken = [], [], [], set()
    moment, template = timezone.localtime(), store.template_of(book.pk)
    for opening in openings:
        tracker = _new_tracker(book, opening)
        contents = edited(opening.contents, tracker_id=str(tracker.uid), version=1)
        services.take_terms(tracker, contents)
        tracker.disbursed_amount = contents.handed_over
        tracker.filename = store.new_filename(opening.customer.user.username, moment, taken)
        taken.add(tracker.filename)
        content = build_workbook(contents, template).data
        services.take_figures(tracker, contents, store.sha256_of(content))
        tracker.full_clean(exclude=["customer"], validate_unique=False, validate_constraints=False)
        trackers.append(tracker)
        pairs.append((tracker, content))
        days.append(contents.days)
    with services.waiting(pairs), transaction.atomic():
        bulk_create_with_history(
            trackers, Tracker, batch_size=500, default_user=user, default_change_reason=reason[:100]
        )
        changes = [
            posting.DayChange(tracker, day, {}, dict(values))
            for tracker, filled in zip(trackers, days, strict=True)
            for day, values in sorted(filled.items())
        ]
        if changes:
            posting.post_changes(book, changes, user=user, adjust=adjust)
    transaction.on_commit(lambda: store.settle(*trackers), robust=True)
    return trackers


def _new_tracker(book, opening):
    return Tracker(
        book=book,
        customer=opening.customer,
        tracker_type=opening.contents.layout.kind,
        renewed_from=opening.renewed_from,
    )
