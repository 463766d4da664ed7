"""Reopen a closed day and all after it."""

from ledger import closing
from shop import access
from shop.dates import parse_date
from shop.management.base import LendbookCommand, add_book, add_user, find_book, find_user


class Command(LendbookCommand):
    help = (
        "Reopen a day and every day after it; the reason is kept in the history. The differences that their closes "
        "posted go into the bin with them."
    )

    def add_options(self, parser):
        add_book(parser)
        parser.add_argument("--date", required=True, metavar="D")
        parser.add_argument("--reason", required=True, metavar="TEXT", help="why; it is kept")
        add_user(parser)

    def act(self, **options):
        book = find_book(options["book"])
        user = find_user(options["user"], book, access.MANAGE)
        date = parse_date(options["date"])
        stood = closing.left_behind(book)
        closes = closing.reopen_day(book, date, user=user, reason=options["reason"])
        book.refresh_from_db()
        withdrawn = closing.withdrawn_with(closes, stood)
        self.answer(
            {
                "book": book.slug,
                "closed_through": book.closed_through,
                "reopened": sorted(close.date for close in closes),
                "withdrawn": withdrawn,
            },
            f"{book} is open from {date:%d-%m-%Y} on.",
            *(f"  Put into the bin with its close: {difference}" for difference in withdrawn),
        )
