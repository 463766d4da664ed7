"""What the trackers' commands share: finding a tracker, and the shapes they print."""

from django.core.exceptions import ValidationError

from ledger import daybook
from shop.management.base import LendbookCommand, Refused
from trackers import services
from trackers.models import Tracker
from trackers.schedule import TermsError
from trackers.store import StoreError
from trackers.workbook.errors import WorkbookError

PARAMETERS = (
    "tracker_name", "tracker_type", "investment", "disbursed_amount", "scheme_period", "per_day_payment", "start_date",
    "strategy", "enhanced_count", "filename", "version", "is_active",
)  # fmt: skip
_SUMMARY = (
    "days_paid", "days_recorded", "total_paid", "cumulative", "balance", "expected", "pending", "profit",
)  # fmt: skip
_STANDING = ("due", "arrears", "advance", "days_past_due", "outstanding")


class TrackerCommand(LendbookCommand):
    """A LendbookCommand whose refusals include a workbook's: a wrong value, a file that cannot be used."""

    def act(self, **options):
        try:
            self.work(**options)
        except (WorkbookError, StoreError, TermsError) as error:
            raise Refused(str(error)) from error
        finally:
            daybook.finish_all_pending()  # with or without a worker: a command leaves nothing for later

    def work(self, **options):
        """Do the work."""
        raise NotImplementedError


def add_tracker(parser, *, name="tracker"):
    parser.add_argument(name, metavar="TRACKER", help="the tracker's id or its file name")


def find_tracker(text):
    """The Tracker of an id or file name. Raises Refused."""
    trackers = Tracker.objects.select_related("book", "customer__user")
    tracker = trackers.filter(filename=text).first()
    if tracker is None and text.isascii() and text.isdecimal() and len(text) < 19:
        tracker = trackers.filter(pk=int(text)).first()
    if tracker is None:
        raise Refused(f"There is no tracker '{text[:80]}'. Name it by its id or its file name (tracker_….xlsx).")
    return tracker


def parameters_of(tracker):
    return {name: getattr(tracker, name) for name in PARAMETERS}


def summary_of(tracker, contents):
    """The workbook's summary and, as of the book's today, how the customer stands."""
    summary = services.as_handed_over(tracker, contents).summary()
    standing = contents.standing(tracker.book.today())
    return {
        **{name: summary[name] for name in _SUMMARY},
        "roi": f"{summary['roi']:.4f}",
        **{name: getattr(standing, name) for name in _STANDING},
        "last_paid_on": summary["last_paid_on"],
        "next_due_on": standing.next_due_on,
    }


def check_future(date, tracker_or_book, allow_future):
    """Raise ValidationError for a date that has not come yet, unless --allow-future."""
    today = getattr(tracker_or_book, "book", tracker_or_book).today()
    if date > today and not allow_future:
        raise ValidationError(f"{date:%d-%m-%Y} is in the future; repeat with --allow-future if it is meant.")
