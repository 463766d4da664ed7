"""Whether the books are sound: every app's checks, gathered. `verify`, the nightly schedule and the page Faults ask here.

Each check is a function (books, search) that yields shop.faults.Found; `books` None means all of them, and the files
that belong to none. What is found freezes what it concerns (shop.faults); nothing is mended here.
"""

import logging
import time
from dataclasses import dataclass, field

from django.utils import timezone
from django.utils.module_loading import import_string

from lendbook import minding
from shop import faults, jobs
from shop.models import Book, Fault, Heartbeat, Job

logger = logging.getLogger(__name__)

CHECKS = (
    "ledger.soundness.faults",
    "expenses.soundness.faults",
    "trackers.soundness.faults",
    "trackers.receipts.found",
    "lendbook.audit.faults",
)
HEARTBEAT = "verify"
KIND, LOOK = "verify", "look"


@dataclass
class Report:
    """What a search found: the standing Faults in the order in which they are best mended, those mended since the last
    time, what could not be checked, how many of them are new, and `notes`: what is no fault but should be known."""

    faults: list[Fault] = field(default_factory=list)
    mended: list[Fault] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    new: int = 0
    notes: list[str] = field(default_factory=list)
    seconds: float = 0

    @property
    def is_sound(self):
        return not (self.faults or self.unchecked)

    @property
    def sentence(self):
        """What it found, in a line."""
        if self.faults:
            count = len(self.faults)
            return f"{count:,} {'fault' if count == 1 else 'faults'}, {self.new:,} of them new."
        if self.unchecked:
            return "No fault was found, but not everything could be checked."
        return "The books are sound."


def verify(books=None, *, deep=False, say=lambda text: None):
    """Search the books (None: all) and keep what is found; returns the Report."""
    began = time.monotonic()
    search, found, is_whole = faults.Search(deep=deep, say=say), [], True
    for name in CHECKS:
        try:
            found += import_string(name)(books, search)
        except Exception as error:  # one check that fails must not hide what the others find
            logger.exception("%s failed", name)
            search.could_not(f"{name.partition('.')[0].capitalize()} could not be checked: {error}")
            is_whole = False
    new, standing, mended = faults.keep(found, books=books, kinds_left=search.kinds_left, is_whole=is_whole)
    if books is None and is_whole:
        Heartbeat.objects.update_or_create(name=HEARTBEAT, defaults={"beat_at": timezone.now()})
    order = {one.key: one.order for one in found}
    all_of_them = sorted([*standing, *new], key=lambda fault: (order.get(fault.key, 9), fault.pk))
    notes = minding.notes(Book.objects.all() if books is None else books)
    return Report(all_of_them, mended, search.unchecked, len(new), notes, time.monotonic() - began)


def standing_for(user, book):
    """The faults that a book's page shows: the book's own, and to a superuser those of files that are no book's."""
    own = Fault.objects.filter(book=book)
    return own | Fault.objects.filter(book=None) if user.is_superuser else own


def look_step(job, progress):
    """Check the book of a job. A second run finds the same faults, which are the same rows."""
    steps = []

    def say(text):
        steps.append(text)
        progress(len(steps), len(steps) + 1)

    report = verify([job.book], say=say)
    return Job.State.DONE, {"faults": len(report.faults), "said": report.sentence}


jobs.register(jobs.Kind(KIND, {LOOK: look_step}, page="checked"))
