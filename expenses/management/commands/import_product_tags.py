"""Take corrections of payees in bulk."""

from pathlib import Path

from expenses.tagging import corrections
from shop.management.base import LendbookCommand, Refused, add_book, find_book


class Command(LendbookCommand):
    help = "Import CSV (Product,Tag): every untouched row of each payee follows, as if staff had settled it."

    def add_options(self, parser):
        parser.add_argument("file", metavar="FILE")
        add_book(parser)

    def act(self, **options):
        book = find_book(options["book"])
        document = corrections.take_product_tags(book, Path(options["file"]).read_bytes())
        self.answer(
            document,
            f"{document['imported']} payees taken, {document['retagged']} rows retagged, {document['rejected']} rejected.",
            *(f"Line {row['line']} rejected: {row['reason']}" for row in document["errors"]),
        )
        if document["errors"]:
            raise Refused(f"{document['rejected']} lines were rejected; the others are taken.")
