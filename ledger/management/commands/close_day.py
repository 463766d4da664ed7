"""Close a book through a day, with what was counted."""

from ledger import closing
from shop import access
from shop.dates import parse_date
from shop.management.base import LendbookCommand, Refused, add_book, add_user, find_account, find_book, find_user
from shop.money import parse_money, rupees


class Command(LendbookCommand):
    help = "Close every day up to and including one. Differences are posted on it, so the next day opens as counted."

    def add_options(self, parser):
        add_book(parser)
        parser.add_argument("--date", required=True, metavar="D")
        parser.add_argument(
            "--count",
            action="append",
            default=[],
            metavar="ACCOUNT:AMOUNT",
            help="what was counted in an account; repeatable. Accounts not named stay as the books say",
        )
        parser.add_argument(
            "--charge",
            action="append",
            default=[],
            metavar="ACCOUNT:AGENT",
            help="the account that answers for ACCOUNT's difference, in place of Cash Short or Cash Excess; repeatable",
        )
        parser.add_argument("--note", default="")
        parser.add_argument("--sign", action="store_true", help="sign as owner too (with --user)")
        add_user(parser)

    def act(self, **options):
        book = find_book(options["book"])
        user = find_user(options["user"], book, access.MANAGE if options["sign"] else access.CLOSE)
        if options["sign"] and user is None:
            raise Refused("A signature needs its owner: add --user LOGIN.")
        charges = dict(_pair(text, "--charge") for text in options["charge"])
        counts = []
        for text in options["count"]:
            name, amount = _pair(text, "--count")
            charged_to = charges.pop(name, None)
            charged_to = charged_to and find_account(charged_to, book)
            counts.append(closing.Count(find_account(name, book), parse_money(amount), charged_to=charged_to))
        if charges:
            raise Refused(f"--charge names {', '.join(charges)}, which no --count names.")
        close = closing.close_day(book, parse_date(options["date"]), user=user, counts=counts, note=options["note"])
        if options["sign"]:
            close = closing.sign_close(close, user=user)
        rows = list(close.counts.select_related("account"))
        self.answer(
            {
                "book": book.slug,
                "closed_through": close.date,
                "signed_by": close.signed_by and close.signed_by.get_username(),
                "counts": [
                    {
                        "account": row.account.name,
                        "expected": row.expected,
                        "counted": row.counted,
                        "difference": row.difference,
                    }
                    for row in rows
                ],
            },
            f"{book} is closed through {close.date:%d-%m-%Y}.",
            *(
                f"  {row.account}: expected {rupees(row.expected)}, counted {rupees(row.counted)}, "
                f"difference {rupees(row.difference)}"
                for row in rows
            ),
        )


def _pair(text, option):
    """("Cash", "500") of "Cash:500"; the last colon parts them, so that a name may hold one."""
    name, colon, value = text.rpartition(":")
    if not colon or not name.strip() or not value.strip():
        raise Refused(f"{option} {text}: write it like Cash:54350.00.")
    return name.strip(), value.strip()
