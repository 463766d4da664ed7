"""Build a tracker's workbook anew from what it says, from its last kept version, or from the ledger."""

from shop.questions import YES_TO_ALL
from trackers import services
from trackers.management.base import TrackerCommand, add_tracker, find_tracker


class Command(TrackerCommand):
    help = (
        "Build a workbook anew: from the file where it is sound, else from the kept copy of its version. Where no copy is "
        "left, --from-ledger shows what the ledger entries and receipts say of it, and with --apply builds it from them."
    )

    def add_options(self, parser):
        add_tracker(parser)
        parser.add_argument(
            "--from-ledger", action="store_true", help="from ledger entries and receipts, where every copy is gone"
        )
        parser.add_argument("--apply", action="store_true", help="with --from-ledger: write it; without, only show it")
        parser.add_argument(
            "--yes", action="store_true", help="build it though a file beside it says more, which is left out"
        )

    def work(self, **options):
        tracker = find_tracker(options["tracker"])
        stored = services.from_ledger(tracker) if options["from_ledger"] else None
        if stored and not options["apply"]:
            self.show(tracker, stored)
            return
        accepted = YES_TO_ALL if options["yes"] else ()
        tracker, source = services.rebuild_workbook(tracker, ledger=options["from_ledger"], accepted=accepted)
        unknown = list(stored.unknown) if stored else []
        document = {
            "filename": tracker.filename,
            "version": tracker.version,
            "sha256": tracker.sha256,
            "rebuilt_from": source,
            "unknown": unknown,
        }
        done = f"{tracker.filename} was built anew from {source}; it is version {tracker.version} now."
        self.answer(document, done, *(f"Not known: {sentence}" for sentence in unknown))

    def show(self, tracker, stored):
        """What would be written, day by day, and what cannot be known."""
        contents = stored.opened.contents
        rows = [row for row in contents.rows() if row["day"] in contents.days]
        document = {
            "filename": tracker.filename,
            "version": None,
            "rebuilt_from": None,
            "rows": rows,
            "total_paid": contents.summary()["total_paid"],
            "unknown": list(stored.unknown),
        }
        self.answer(
            document,
            *(f"Day {row['day']}, {row['date']}: {_filled(contents.days[row['day']])}" for row in rows),
            f"In all {document['total_paid']} paid.",
            *(f"Not known: {sentence}" for sentence in stored.unknown),
            "Nothing was written yet: repeat with --apply.",
        )


def _filled(values):
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
