"""Compare statements, their transactions and the ledger."""

from expenses import checks
from ledger import daybook
from ledger.management.base import Fault, LedgerCommand, add_book, find_book
from ledger.models import Book


class Command(LedgerCommand):
    help = "Compare statements with their rows, and posted transactions with the ledger; exit 1 if anything differs."

    def add_options(self, parser):
        add_book(parser, required=False)
        parser.add_argument("--repair", action="store_true", help="count anew, take wrong postings back and post again")

    def act(self, **options):
        found, left = [], []
        for book in [find_book(options["book"])] if options["book"] else Book.objects.order_by("slug"):
            found += checks.repair(book) if options["repair"] else checks.findings(book)
            left += checks.findings(book) if options["repair"] else []
        daybook.finish_all_pending()
        standing = left if options["repair"] else found
        self.answer(
            {"faults": [{"kind": one.kind, "of": one.of, "message": one.message} for one in standing],
             "mended": len(found) - len(left) if options["repair"] else 0},
            *(one.message for one in standing),
            *([] if standing else ["Statements, transactions and entries agree."]),
        )  # fmt: skip
        if standing:
            raise Fault(
                f"{len(standing)} faults. `check_statements --repair` mends them." if not left else "Not all mended."
            )
