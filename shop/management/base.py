"""What every command of Lendbook shares, so that scripts can rely on one contract.

Exit 0: well. 1: a fault was found or the input refused; it is said, with the way out. 2: wrong use. With --json
exactly one JSON document goes to standard output, also at exit 1; sentences for people then go to standard error.
Money is a string with two places ("54500.00"), dates are ISO, what is absent is null.
"""

import json
import re
from datetime import date
from decimal import Decimal

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections

from shop import access
from shop.dates import parse_date
from shop.models import Book
from shop.money import plain
from shop.names import Names
from shop.questions import Unanswered


class Refused(CommandError):
    """The input was refused (exit 1); the message says why and the way out."""


class Fault(CommandError):
    """A check found something wrong (exit 1)."""


class WrongUse(CommandError):
    """The options do not go together (exit 2)."""

    def __init__(self, message):
        super().__init__(message, returncode=2)


class LendbookCommand(BaseCommand):
    """A command that answers once: subclasses write `add_options(parser)` and `act(**options)`.

    `act` calls self.answer(document, *lines) and raises Refused, Fault or ValidationError where it must. Set
    `has_json = False` where the output is a file of its own.
    """

    has_json = True

    def add_arguments(self, parser):
        self.add_options(parser)
        if self.has_json:
            parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")

    def add_options(self, parser):
        """Declare the command's own options."""

    def act(self, **options):
        """Do the work."""
        raise NotImplementedError

    def handle(self, *args, **options):
        self.as_json = options.get("json", False)
        self.answered = False
        try:
            self.act(**options)
        except BrokenPipeError:
            raise  # the reader, e.g. head, has seen enough
        except Unanswered as error:
            self._refuse(Refused(f"{sentences(error)} If it is meant, repeat with --yes."), error)
        except ValidationError as error:
            self._refuse(Refused(sentences(error)), error)
        except CommandError as error:
            self._refuse(error, error)
        except OSError as error:
            name = f" {error.filename}" if error.filename else ""
            self._refuse(Refused(f"The file{name} cannot be used: {error.strerror or error}."), error)
        except DatabaseError as error:
            if "ledger_book" in connections["default"].introspection.table_names():
                raise
            self._refuse(Refused("The database has no tables yet. Run `python manage.py migrate` first."), error)

    def _refuse(self, error, cause):
        if self.as_json and not self.answered and error.returncode == 1:
            self.answer({"error": str(error)})
        raise error from (None if cause is error else cause)

    def run_from_argv(self, argv):
        try:
            super().run_from_argv(argv)
        except BrokenPipeError:
            self.stdout._out = open("/dev/null", "w")  # noqa: SIM115  (so that the flush at exit finds a listener)

    def answer(self, document, *lines):
        """Print the one answer: `document` with --json, else the lines for people."""
        self.answered = True
        if self.as_json:
            self.stdout.write(as_json(document))
        else:
            for line in lines:
                self.stdout.write(line)

    def answer_import(self, report, done="imported"):
        """Answer with an importing.Report. Raises Refused where it names errors: then nothing was posted."""
        self.answer(
            report.shape(),
            *map(_line, report.errors + report.warnings + report.remarks),
            *report.notes,
            f"{report.rows_in} rows: {report.imported} {done}, {report.duplicate} there already, "
            f"{report.rejected} rejected, {report.held} held back.",
        )
        if report.errors:
            raise Refused(
                f"Nothing was imported: {report.rejected or 'the file'} rejected. Mend the file and import it again."
            )

    def say(self, line):
        """A sentence beside the answer, e.g. a warning; with --json it goes to standard error."""
        (self.stderr if self.as_json else self.stdout).write(line, self.style.NOTICE if self.as_json else None)


def _line(found):
    """What was found in a file, with its line where it has one."""
    return found["reason"] if found["line"] is None else f"Line {found['line']}: {found['reason']}"


def as_json(document):
    """`document` as JSON text: Decimal as "54500.00", dates ISO, names in their own script."""
    return json.dumps(document, ensure_ascii=False, indent=2, default=_plain)


def _plain(value):
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, date):  # datetimes too
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in an answer.")


def sentences(error):
    """A ValidationError as one line: "amount: The amount must be above 0."."""
    if hasattr(error, "error_dict"):
        parts = [
            message if name == "__all__" else f"{name.replace('_', ' ')}: {message}"
            for name, messages in error.message_dict.items()
            for message in messages
        ]
    else:
        parts = error.messages
    return " ".join(parts)


# ------------------------------------------------------------------------------------------------ options' values


def add_book(parser, *, required=True):
    parser.add_argument("--book", required=required, metavar="SLUG", help="the book's short name")


def add_user(parser):
    parser.add_argument("--user", metavar="LOGIN", help="who does it, for the history; his role must allow it")


def add_as_shown(parser):
    parser.add_argument(
        "--as-shown", action="store_true", help="take amounts as a workbook shows them, rounded to its decimals"
    )


def add_mapping(parser):
    parser.add_argument(
        "--map",
        action="append",
        metavar="role=Header,…",
        help="which columns hold what, by name or by number from 1; columns that nobody knows are then left out",
    )


def mapping_in(pairs):
    """{"date": "Txn Date", …} from ["date=Txn Date,narration=Text", …]; a comma without = behind belongs to the name."""
    mapping = {}
    for text in pairs or ():
        for pair in re.split(r",(?=[^,=]+=)", text):
            role, equals, header = pair.partition("=")
            if not (equals and role.strip() and header.strip()):
                raise WrongUse(f"--map takes role=Header pairs with commas between; '{pair}' is none.")
            mapping[role.strip()] = header.strip()
    return mapping


def find_book(slug):
    """The Book of that slug. Raises Refused, naming the books there are."""
    book = Book.objects.filter(slug=slug).first()
    if book is None:
        slugs = list(Book.objects.order_by("slug").values_list("slug", flat=True)[:20])
        raise Refused(
            f"There is no book '{slug}'. "
            + (f"Books here: {', '.join(slugs)}." if slugs else "Open one with `open_book SLUG --name NAME`.")
        )
    return book


def find_user(login, book, action):
    """The person of that login, None for None. Raises Refused where his role in `book` does not allow `action`."""
    if login is None:
        return None
    user = get_user_model().objects.filter(username=login).first()
    if user is None:
        raise Refused(f"There is no login '{login}'.")
    if not access.may(user, book, action):
        raise Refused(f"The role of '{login}' in {book} does not allow that; ask its owner.")
    return user


def find_account(name, book):
    """The book's Account of that name, however it is typed. Raises Refused, naming the accounts there are."""
    accounts = list(book.accounts.all())
    account = Names((account.name, account) for account in accounts).find(name)
    if account is not None:
        return account
    raise Refused(f"There is no account '{name}' in {book}. Its accounts: {', '.join(map(str, accounts))}.")


def read_range(options):
    """(first, last) from --from and --to, each None where it is not given. Raises ValidationError."""
    first, last = (options[name] and parse_date(options[name]) for name in ("from", "to"))
    if first and last and last < first:
        raise Refused(f"The range ends ({last:%d-%m-%Y}) before it begins ({first:%d-%m-%Y}).")
    return first, last
