"""Import entries from a CSV or XLSX file: all rows or none, nothing posted twice."""

from ledger import daybook
from ledger.entry_import.importer import EntryImporter
from ledger.models import Category, Direction
from shop import access
from shop.imports import wizard
from shop.management.base import (
    LendbookCommand,
    Refused,
    WrongUse,
    add_as_shown,
    add_book,
    add_mapping,
    add_user,
    find_book,
    find_user,
    mapping_in,
)
from shop.names import Names


class Command(LendbookCommand):
    help = (
        "Import entries from a CSV or XLSX file with the columns date, account, category, subcategory, direction, "
        "amount, payment_mode, narration, reference; date, category and amount are required. Two columns Receipt and "
        "Payment, or Debit and Credit, may stand in place of direction and amount. All rows or none."
    )

    def add_options(self, parser):
        parser.add_argument("file", metavar="FILE")
        add_book(parser)
        parser.add_argument("--allow-future", action="store_true", help="take dates in the future")
        parser.add_argument(
            "--adjust", action="store_true", help="post rows of closed days on the first open day, as adjustments"
        )
        add_as_shown(parser)
        add_mapping(parser)
        parser.add_argument(
            "--debit-is",
            choices=["in", "out"],
            help="which way the money of a Debit column goes; Credit is the other way",
        )
        parser.add_argument(
            "--category",
            action="append",
            default=[],
            metavar="NAME[:received|:spent]",
            help="the category of rows that name none; once for each direction. With its direction it may be a new one",
        )
        add_user(parser)

    def act(self, **options):
        book = find_book(options["book"])
        importer = EntryImporter(
            book,
            user=find_user(options["user"], book, access.CLOSE),
            adjust=options["adjust"],
            allow_future=options["allow_future"],
            as_shown=options["as_shown"],
            debit_is=options["debit_is"],
            **_categories(book, options["category"]),
        )
        report = wizard.import_now(importer, options["file"], mapping=mapping_in(options["map"]))
        daybook.finish_pending(book.pk)
        self.answer_import(report)


def _categories(book, named):
    """{"category_received": name, …} of what --category names. Raises Refused for one that is unknown, WrongUse."""
    known = Names((category.name, category) for category in Category.objects.filter(book=book))
    answers = {}
    for text in named:
        name, _, direction = text.rpartition(":")
        category = known.find(text)
        if category is not None:
            name, direction = category.name, category.direction
        elif direction not in Direction.values or not name.strip():
            names = ", ".join(category.name for category in known.things())
            raise Refused(
                f"There is no category '{text}' in {book}. Take one of {names}, or make it: --category "
                f"'{text}:received' or '{text}:spent'."
            )
        if f"category_{direction}" in answers:
            raise WrongUse(f"--category names two for what is {direction}; one stands for the whole file.")
        answers[f"category_{direction}"] = name.strip()
    return answers
