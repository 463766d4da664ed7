"""Print a book's transactions."""

import json

from expenses import services
from shop.downloads import csv_lines
from shop.management.base import LendbookCommand, add_book, find_book, read_range


class Command(LendbookCommand):
    help = "Print a book's transactions to standard output, as JSON or CSV."
    has_json = False

    def add_options(self, parser):
        add_book(parser)
        parser.add_argument("--format", required=True, choices=["json", "csv"])
        parser.add_argument("--from", metavar="D")
        parser.add_argument("--to", metavar="D")

    def act(self, **options):
        first, last = read_range(options)
        rows = services.export_rows(find_book(options["book"]), first, last)
        if options["format"] == "json":
            self.stdout.write(json.dumps(list(rows), ensure_ascii=False, indent=1))
            return
        for line in csv_lines(services.EXPORTED, (row.values() for row in rows)):
            self.stdout.write(line, ending="")
