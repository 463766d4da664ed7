"""Compare statements, their transactions and the ledger."""

from expenses import soundness
from ledger import daybook
from shop.management.base import Fault, LendbookCommand, add_book, find_book
from shop.models import Book


class Command(LendbookCommand):
    help = "Compare statements with their rows, and posted transactions with the ledger; exit 1 if anything differs."

    def add_options(self, parser):
        add_book(parser, required=False)
        parser.add_argument("--repair", action="store_true", help="count anew, take wrong postings back and post again")

    def act(self, **options):
        found, left = [], []
        for book in [find_book(options["book"])] if options["book"] else Book.objects.order_by("slug"):
            found += soundness.repair(book) if options["repair"] else soundness.findings(book)
            left += soundness.findings(book) if options["repair"] else []
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
