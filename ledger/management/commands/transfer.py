"""Move money between two accounts of a book."""

from ledger import services, shortfall
from shop import access
from shop.dates import parse_date
from shop.management.base import LendbookCommand, add_book, add_user, find_account, find_book, find_user
from shop.money import parse_money, rupees


class Command(LendbookCommand):
    help = "Move money between two accounts of a book: cash to bank, an agent handing over."

    def add_options(self, parser):
        add_book(parser)
        parser.add_argument("--from", required=True, metavar="ACCOUNT")
        parser.add_argument("--to", required=True, metavar="ACCOUNT")
        parser.add_argument("--amount", required=True, metavar="RUPEES")
        parser.add_argument("--date", metavar="D", help="when the money moved; without it today")
        parser.add_argument("--narration", default="")
        parser.add_argument("--reference", default="")
        parser.add_argument("--adjust", action="store_true", help="where the day is closed, post on the first open day")
        parser.add_argument("--allow-future", action="store_true")
        add_user(parser)

    def act(self, **options):
        book = find_book(options["book"])
        with shortfall.watched(book) as shorts:
            moved = services.transfer(
                book=book,
                date=parse_date(options["date"]) if options["date"] else book.today(),
                from_account=find_account(options["from"], book),
                to_account=find_account(options["to"], book),
                amount=parse_money(options["amount"]),
                narration=options["narration"],
                reference=options["reference"],
                adjust=options["adjust"],
                allow_future=options["allow_future"],
                user=find_user(options["user"], book, access.POST),
            )
        warnings = [short.told for short in shorts]
        adjusts = f", adjusting {moved.adjusts_date:%d-%m-%Y}" if moved.adjusts_date else ""
        self.answer(
            {
                "id": moved.pk,
                "book": book.slug,
                "date": moved.date,
                "adjusts_date": moved.adjusts_date,
                "from": moved.from_account.name,
                "to": moved.to_account.name,
                "amount": moved.amount,
                "warnings": warnings,
            },
            f"{moved.date:%d-%m-%Y}: {rupees(moved.amount)} moved from {moved.from_account} to {moved.to_account}"
            f"{adjusts} (transfer {moved.pk}).",
            *warnings,
        )
