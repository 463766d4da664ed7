"""Print a book's day, or every day of a range."""

from ledger import daybook
from ledger.reports import day_shape
from shop.dates import parse_date
from shop.management.base import LendbookCommand, WrongUse, add_book, find_book, read_range
from shop.money import rupees


class Command(LendbookCommand):
    help = "Print the day book of one day or of every day of a range; what is pending is finished first."

    def add_options(self, parser):
        add_book(parser)
        parser.add_argument("--date", metavar="D", help="one day, e.g. 2024-01-15 or 15-01-2024")
        parser.add_argument("--from", metavar="D", help="the first day of a range")
        parser.add_argument("--to", metavar="D", help="the last day of a range")

    def act(self, **options):
        given = [name for name in ("date", "from", "to") if options[name]]
        if given not in (["date"], ["from", "to"]):
            raise WrongUse("Give either --date D, or --from D and --to D.")
        book = find_book(options["book"])
        first, last = read_range(options) if options["from"] else (parse_date(options["date"]),) * 2
        days = daybook.day_books(book, first, last)
        self.answer([day_shape(day) for day in days], *(line for day in days for line in _lines(day)))


def _lines(day):
    yield f"{day.date:%a %d-%m-%Y}{'  closed' if day.is_closed else ''}"
    yield _line("Opening", day.opening_balance)
    for detail in day.details:
        sign = "+" if detail.transaction_type == "COLLECTION" else "−"
        name = " / ".join(filter(None, (detail.category, detail.subcategory)))
        yield _line(f"  {sign} {name} ({detail.transaction_count})", detail.amount)
    yield _line("Received", day.total_received)
    yield _line("Spent", day.total_spent)
    yield _line("Closing", day.closing_balance)
    for on_day in day.accounts:
        yield _line(f"  {on_day.account}", on_day.closing_balance)
    yield ""


def _line(name, amount):
    return f"{name:<44} {rupees(amount):>20}"
