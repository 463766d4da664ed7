"""Compute day books from their entries again, or check that the stored ones are right."""

from ledger import daybook
from ledger.models import DayBook
from shop.dates import parse_date
from shop.management.base import Fault, LendbookCommand, add_book, find_book
from shop.models import Book


class Command(LendbookCommand):
    help = "Compute the days of one book or of all from their entries; with --check only compare, changing nothing."

    def add_options(self, parser):
        add_book(parser, required=False)
        parser.add_argument("--from", metavar="D", help="only days from this one on")
        parser.add_argument(
            "--check", action="store_true", help="name each difference; exit 1 on any (pending changes are done first)"
        )

    def act(self, **options):
        books = [find_book(options["book"])] if options["book"] else Book.objects.order_by("slug")
        since = options["from"] and parse_date(options["from"])
        found, lines = [], []
        for book in books:
            if options["check"]:
                differences = daybook.differences(book, since)
            else:
                differences = []
                daybook.rebuild(book.pk, since)
            days = DayBook.objects.filter(book=book, **({"date__gte": since} if since else {})).count()
            found.append({"book": book.slug, "days": days, "differences": differences})
            done = f"{len(differences)} differences" if options["check"] else "computed again"
            lines += [f"{book.slug}: {days} days, {done}", *(f"  {difference}" for difference in differences)]
        total = sum(len(of_book["differences"]) for of_book in found)
        self.answer({"books": found, "differences": total}, *lines)
        if total:
            raise Fault(f"{total} differences. `rebuild_day_books` without --check mends them.")
