"""Import entries from a CSV or XLSX file: all rows or none, nothing posted twice."""

from ledger import access, daybook
from ledger.imports import wizard
from ledger.imports.entries import EntryImporter
from ledger.management.base import LedgerCommand, add_book, add_user, find_book, find_user


class Command(LedgerCommand):
    help = (
        "Import entries from a CSV or XLSX file with the columns date, account, category, subcategory, direction, "
        "amount, payment_mode, narration, reference; date, category and amount are required. All rows or none."
    )

    def add_options(self, parser):
        parser.add_argument("file", metavar="FILE")
        add_book(parser)
        parser.add_argument("--allow-future", action="store_true", help="take dates in the future")
        parser.add_argument(
            "--adjust", action="store_true", help="post rows of closed days on the first open day, as adjustments"
        )
        add_user(parser)

    def act(self, **options):
        book = find_book(options["book"])
        user = find_user(options["user"], book, access.CLOSE)
        importer = EntryImporter(book, user=user, adjust=options["adjust"], allow_future=options["allow_future"])
        report = wizard.import_now(importer, options["file"])
        daybook.finish_pending(book.pk)
        self.answer_import(report)
