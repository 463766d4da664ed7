"""Record or correct one day of a tracker."""

from ledger import shortfall
from shop.management.base import Refused
from shop.money import parse_money
from shop.questions import YES_TO_ALL
from trackers import posted, services
from trackers.management.base import TrackerCommand, add_tracker, check_future, find_tracker, summary_of
from trackers.schedule import MAX_DAY

# option -> field of the sheet
_AMOUNTS = {"amount": "paid", "withdrawn": "withdrawn", "reinvest": "reinvest", "pocket": "pocket_money"}
_TEXTS = {"mode": "mode", "reinvest_from": "reinvest_from", "details": "details", "notes": "notes"}


class Command(TrackerCommand):
    help = "Record one day of a tracker; what is not named stays as it is. Prints only when it is durable."

    def add_options(self, parser):
        add_tracker(parser)
        parser.add_argument("--day", type=int, required=True, metavar="N", help="0 is the start date")
        for name in ("amount", "withdrawn", "reinvest", "pocket"):
            parser.add_argument(f"--{name}", metavar="A")
        for name in ("mode", "reinvest-from", "details", "notes"):
            parser.add_argument(f"--{name}", metavar="T")
        parser.add_argument("--add", action="store_true", help="put the amount on top of what the day has")
        parser.add_argument("--clear", action="store_true", help="empty the day first")
        parser.add_argument("--adjust", action="store_true", help="correct a closed day on the first open one")
        parser.add_argument("--allow-future", action="store_true")
        parser.add_argument(
            "--yes", action="store_true", help="take an amount above what is still to pay, or ten times what is due"
        )

    def work(self, **options):
        tracker, day = find_tracker(options["tracker"]), options["day"]
        values = {field: parse_money(options[name]) for name, field in _AMOUNTS.items() if options[name] is not None}
        values |= {field: options[name] for name, field in _TEXTS.items() if options[name] is not None}
        if options["add"] and (options["amount"] is None or options["clear"]):
            raise Refused("--add needs --amount, and goes without --clear.")
        if not values and not options["clear"]:
            raise Refused("Nothing to record: name an amount or a text, or --clear.")
        if 0 <= day <= MAX_DAY:
            check_future(tracker.terms.date_of(day), tracker, options["allow_future"])
        watch = shortfall.watch(tracker.book)
        change = services.record_payment(
            tracker, day, add=options["add"], clear=options["clear"], adjust=options["adjust"],
            accepted=YES_TO_ALL if options["yes"] else (), also=watch.look, **values,
        )  # fmt: skip
        tracker, row = change.tracker, change.new.rows()[day]
        if change.rebuilt:
            self.say(f"The workbook was built anew from its data: {change.rebuilt}")
        entries = posted.of_changes(tracker.book, change.days)
        document = {
            "version": tracker.version,
            "sha256": tracker.sha256,
            "row": row,
            "summary": summary_of(tracker, change.new),
            "posted": posted.sums(entries),
            "warnings": watch.warnings,
        }
        paid = "nothing recorded" if row["paid"] is None else f"paid {row['paid']}"
        where = posted.words(entries) or "nothing is posted"
        self.answer(
            document,
            f"Day {day} ({row['date']:%d-%m-%Y}): {paid}, in all {tracker.total_paid}; {where}.",
            *watch.warnings,
        )
