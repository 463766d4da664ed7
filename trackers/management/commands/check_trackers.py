"""Compare workbooks, rows and ledger."""

from dataclasses import asdict

from shop.management.base import Fault, find_book
from trackers import soundness
from trackers.management.base import TrackerCommand


class Command(TrackerCommand):
    help = "Compare every tracker's file, row and ledger entries; exit 1 if anything differs."

    def add_options(self, parser):
        parser.add_argument("--book", metavar="SLUG", help="one book only; default all, and orphan files")
        parser.add_argument(
            "--repair", action="store_true", help="set totals, entries and receipts to what workbooks say"
        )

    def work(self, **options):
        book = options["book"] and find_book(options["book"])
        found = soundness.findings(book or None, repair=options["repair"])
        self.answer(
            {"faults": [asdict(finding) for finding in found]},
            *(f"{one.filename}: {one.kind}. {one.message} Mend: {one.mend or 'by hand'}" for one in found),
            *([] if found else ["Every workbook, row and ledger entry agrees."]),
        )
        if found:
            raise Fault(f"{len(found)} faults." if len(found) > 1 else "1 fault.")
