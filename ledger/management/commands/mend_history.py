"""Make rows and their history agree again."""

from ledger import daybook
from shop import history
from shop.management.base import LendbookCommand, add_book, find_book


class Command(LendbookCommand):
    help = "Where a row was changed past Lendbook: put it back as it was last saved, or record that it stands as it is."

    def add_options(self, parser):
        add_book(parser, required=False)
        way = parser.add_mutually_exclusive_group(required=True)
        way.add_argument("--restore", action="store_true", help="rows become what was last saved of them")
        way.add_argument("--accept", action="store_true", help="rows stay as they are, and that is recorded")

    def act(self, **options):
        books = [find_book(options["book"])] if options["book"] else None
        done = history.mend(books, restore=options["restore"])
        daybook.finish_all_pending()
        self.answer({"mended": done}, *done, *([] if done else ["Every row and its history agree."]))
