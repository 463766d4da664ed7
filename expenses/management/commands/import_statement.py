"""Read a bank statement into an account."""

from pathlib import Path

from expenses import services
from expenses.statements import StatementError, UnknownLayout
from expenses.statements.detect import LAYOUTS
from expenses.statements.sides import CHOICES
from ledger import daybook
from shop.management.base import LendbookCommand, Refused, WrongUse, add_book, find_account, find_book

MAX_BYTES = 10 * 1024 * 1024


class Command(LendbookCommand):
    help = "Import a bank statement: good rows come in, the others are listed with line and reason (then exit 1)."

    def add_options(self, parser):
        parser.add_argument("file", metavar="FILE")
        add_book(parser)
        parser.add_argument("--account", required=True, metavar="NAME", help="a bank account, UPI wallet or card")
        parser.add_argument("--layout", metavar="L", help=f"one of {', '.join(LAYOUTS)}")
        parser.add_argument("--map", metavar="role=Header,…", help="the columns by name; remembered for the account")
        parser.add_argument("--dates", choices=["dmy", "mdy", "ymd"], help="the order of the file's dates")

        parser.add_argument(
            "--sides", choices=CHOICES, help="which side amounts are on, where the file and its balances do not agree"
        )
        parser.add_argument(
            "--section", metavar="N|all", help="of a file with several accounts the part to read; default the first"
        )

    def act(self, **options):
        book = find_book(options["book"])
        account = find_account(options["account"], book)
        path = Path(options["file"])
        if path.stat().st_size > MAX_BYTES:
            raise Refused(f"{path.name} is larger than 10 MB. Ask the bank for a shorter period.")
        try:
            report = services.import_statement(
                account,
                path.read_bytes(),
                file_name=path.name,
                layout=options["layout"],
                mapping=_mapping(options["map"]),
                dates=options["dates"],
                sides=options["sides"],
                section=options["section"],
            )
        except UnknownLayout as error:
            headers = error.proposal.headers if error.proposal else ()
            raise Refused(f"{error} Headers found: {', '.join(headers) or 'none'}.") from error
        except services.NotDecided as error:
            raise Refused(f"{error}{_how_to_say(error)}") from error
        except StatementError as error:
            raise Refused(str(error)) from error
        daybook.finish_all_pending()
        counts = (
            f"{report.rows_in} rows: {report.imported} imported, {report.duplicate} known, {report.rejected} rejected."
        )
        self.answer(
            report.as_document(),
            counts,
            *(
                f"Sheet '{name}' holds a statement too and was not read: save it as a file of its own and import that."
                for name in report.unread_sheets
            ),
            *(
                f"The file holds another account too, which was not read: {title}. Name the part with --section."
                for title in report.unread_sections
            ),
            *(f"Line {row['line']} left out: {row['reason']}" for row in report.left_out),
            *(f"Line {gap['line']}: {gap['reason']}" for gap in report.gaps),
            *(f"Line {row['line']} rejected: {row['reason']}" for row in report.errors),
        )
        if report.rejected:
            raise Refused(f"{report.rejected} rows were rejected; the others are in.")


def _how_to_say(error):
    """How a question about the sides is answered; rows that are in the account exchanged are not mended by an answer."""
    return "" if "in the account already" in str(error) else " Repeat with --sides as-written or --sides exchanged."


def _mapping(text):
    """{"date": "Txn Date", …} from "date=Txn Date,debit=Out"; None for none."""
    if text is None:
        return None
    mapping = {}
    for pair in text.split(","):
        role, equals, header = pair.partition("=")
        if not (equals and role.strip() and header.strip()):
            raise WrongUse(f"--map takes role=Header pairs with commas between; '{pair}' is none.")
        mapping[role.strip()] = header.strip()
    return mapping
