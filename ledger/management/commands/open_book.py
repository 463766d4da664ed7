"""Open a book, with its accounts and what lies in them."""

from ledger import services
from ledger.models import Account
from shop.dates import parse_date
from shop.management.base import LendbookCommand, Refused
from shop.money import parse_money, rupees


class Command(LendbookCommand):
    help = "Open a book with the usual categories. Without --account it gets one cash box, Cash, at 0."

    def add_options(self, parser):
        parser.add_argument("slug", metavar="SLUG", help="its short name in addresses and commands, e.g. main-street")
        parser.add_argument("--name", required=True)
        parser.add_argument(
            "--begins",
            metavar="DATE",
            help="openings are as of that morning, earlier entries are refused; without it nothing is too early",
        )
        parser.add_argument("--time-zone", default="Asia/Kolkata", metavar="ZONE")
        parser.add_argument(
            "--account",
            action="append",
            default=[],
            metavar="NAME:KIND:OPENING",
            help=f"repeatable; KIND is one of {', '.join(Account.Kind.values)}, OPENING what lies in it",
        )
        parser.add_argument("--owner", metavar="LOGIN", help="whose book it is; the login must exist")

    def act(self, **options):
        book = services.open_book(
            slug=options["slug"],
            name=options["name"],
            owner=options["owner"] and _person(options["owner"]),
            begins_on=options["begins"] and parse_date(options["begins"]),
            time_zone=options["time_zone"],
            accounts=[_account(text) for text in options["account"]],
        )
        accounts = list(book.accounts.all())
        self.answer(
            {
                "book": book.slug,
                "name": book.name,
                "begins_on": book.begins_on,
                "time_zone": book.time_zone,
                "accounts": [
                    {"account": row.name, "kind": row.kind, "opening_balance": row.opening_balance} for row in accounts
                ],
            },
            f"{book} is open.",
            *(f"  {row.name} ({row.get_kind_display().lower()}): {rupees(row.opening_balance)}" for row in accounts),
        )


def _account(text):
    """(name, kind, opening in Decimal rupees) of NAME:KIND:OPENING; the name may hold colons itself."""
    name, *rest = text.rsplit(":", 2)
    if len(rest) != 2 or not name.strip() or rest[0] not in Account.Kind.values:
        kinds = ", ".join(Account.Kind.values)
        raise Refused(f"--account '{text}': write NAME:KIND:OPENING, e.g. Cash:cash:50000; KIND is one of {kinds}.")
    return name.strip(), rest[0], parse_money(rest[1])


def _person(login):
    from django.contrib.auth import get_user_model

    person = get_user_model().objects.filter(username=login).first()
    if person is None:
        raise Refused(f"There is no login '{login}'. Make it first, or leave --owner out.")
    return person
