"""Import running loans from a CSV or XLSX file: a tracker each, all rows or none."""

from shop import access
from shop.imports import wizard
from shop.management.base import add_as_shown, add_book, add_mapping, add_user, find_book, find_user, mapping_in
from trackers import slips
from trackers.importing.loans import LoanImporter
from trackers.management.base import TrackerCommand


class Command(TrackerCommand):
    help = (
        "Import running loans from a CSV or XLSX file with the columns customer, phone, route, position, agent, type, "
        "given on, investment, given, cut (in rupees or like 12%), per day, period, paid so far (and a loan's name and "
        "login). Two of investment, given and cut give the third. All rows or none; what was paid before the book begins "
        "stands in the workbook and is not posted."
    )

    def add_options(self, parser):
        parser.add_argument("file", metavar="FILE")
        add_book(parser)
        parser.add_argument(
            "--adjust", action="store_true", help="post on the first open day what would fall on a closed one"
        )
        parser.add_argument("--yes", action="store_true", help=slips.OPTION[0].lower() + slips.OPTION[1:])
        add_as_shown(parser)
        add_mapping(parser)
        add_user(parser)

    def work(self, **options):
        book = find_book(options["book"])
        user = find_user(options["user"], book, access.CLOSE)
        importer = LoanImporter(
            book, user=user, adjust=options["adjust"], yes=options["yes"], as_shown=options["as_shown"]
        )
        report = wizard.import_now(importer, options["file"], mapping=mapping_in(options["map"]))
        self.answer_import(report, done="trackers opened")
