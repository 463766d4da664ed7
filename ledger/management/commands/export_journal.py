"""Print a book as a journal for another accounting program."""

from contextlib import closing

from ledger import journals
from shop.management.base import LendbookCommand, add_book, find_book, read_range


class Command(LendbookCommand):
    help = (
        "Print a book's journal for hledger, Beancount or Tally (vouchers; tally-ledgers: the masters they name). "
        "What leaves for Tally gets its voucher number: per year, April to March, and type, without gaps. "
        "In hledger's and Beancount's every day's closing is a balance assertion on each account it touches."
    )
    has_json = False

    def add_options(self, parser):
        add_book(parser)
        parser.add_argument("--format", required=True, choices=list(journals.FORMATS))
        parser.add_argument("--from", metavar="D", help="begin here, with the balances of that morning as openings")
        parser.add_argument("--to", metavar="D", help="the last day")

    def act(self, **options):
        book = find_book(options["book"])
        with closing(journals.write(book, options["format"], *read_range(options))) as pieces:
            for piece in pieces:
                self.stdout.write(piece, ending="")
