"""Open a tracker: a row and its workbook."""

from argparse import BooleanOptionalAction

from ledger import shortfall
from ledger.daybook import ClosedDay
from shop.dates import parse_date
from shop.management.base import Refused, add_book, find_book, sentences
from shop.money import parse_money
from trackers import handed_over, posted, posting, services, store
from trackers.management.base import TrackerCommand, check_future, summary_of
from trackers.models import Tracker


class Command(TrackerCommand):
    help = "Open a tracker for a customer; the login and the customer are made if missing."

    def add_options(self, parser):
        add_book(parser)
        parser.add_argument("--user", required=True, metavar="LOGIN", help="the customer's login")
        parser.add_argument("--customer", default="", metavar="NAME", help="the customer's name, in any script")
        parser.add_argument("--name", required=True, help="the tracker's name")
        parser.add_argument("--type", required=True, choices=Tracker.Type.values)
        parser.add_argument("--start", required=True, metavar="DATE", help="day 0: when the money was handed over")
        parser.add_argument("--investment", metavar="A", help="default: the type's")
        parser.add_argument("--disbursed", metavar="A", help="what was really handed over; default the investment")
        parser.add_argument("--period", type=int, metavar="DAYS", help="days that carry an instalment")
        parser.add_argument("--per-day", metavar="A", help="the instalment")
        parser.add_argument("--strategy")
        parser.add_argument("--enhanced-count", type=int, metavar="N")
        parser.add_argument(
            "--post-disbursement", action=BooleanOptionalAction, default=True,
            help="post what was handed over as Loan Disbursement (the default); without, the cash box does not know of it",
        )  # fmt: skip
        parser.add_argument(
            "--adjust", action="store_true", help="post on the first open day what falls on a closed one"
        )
        parser.add_argument("--allow-future", action="store_true")

    def work(self, **options):
        book, start = find_book(options["book"]), parse_date(options["start"])
        check_future(start, book, options["allow_future"])
        amounts = {
            name: options[name] and parse_money(options[name]) for name in ("investment", "disbursed", "per_day")
        }
        watch = shortfall.watch(book)
        tracker = self.open(
            customer=services.customer_for(book, options["user"], options["customer"]),
            tracker_name=options["name"],
            tracker_type=options["type"],
            start_date=start,
            investment=amounts["investment"],
            disbursed_amount=amounts["disbursed"],
            scheme_period=options["period"],
            per_day_payment=amounts["per_day"],
            strategy=options["strategy"],
            enhanced_count=options["enhanced_count"],
            post_disbursement=options["post_disbursement"],
            adjust=options["adjust"],
            also=lambda tracker: watch.look(),
        )
        entry = posting.disbursement_of(tracker)
        document = {
            "id": tracker.pk,
            "filename": tracker.filename,
            "path": str(store.path_of(tracker)),
            "version": tracker.version,
            "sha256": tracker.sha256,
            "summary": summary_of(tracker, services.contents_of(tracker)),
            "posted": posted.sums([entry] if entry else []),
            "warnings": watch.warnings,
        }
        self.answer(
            document,
            f"Opened tracker {tracker.pk} for {tracker.customer}: {store.path_of(tracker)}",
            f"Handed over: {posted.words([entry])}." if entry else handed_over.words(tracker),
            *watch.warnings,
        )

    def open(self, **terms):
        """services.open_tracker; where the money went on a closed day the refusal names both ways out."""
        try:
            return services.open_tracker(**terms)
        except ClosedDay as closed:
            raise Refused(f"{sentences(closed)} Repeat with --adjust, or with --no-post-disbursement.") from closed
