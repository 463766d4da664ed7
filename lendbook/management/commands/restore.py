"""Restore an archive into a new, empty place."""

import shlex

from environ import Env

from lendbook.backups.archive import ArchiveError
from lendbook.backups.restore import restore
from shop.management.base import Fault, LendbookCommand, Refused

DATABASE = {"sqlite": "", "postgresql": " DATABASE_URL=…"}  # the address may hold a password, which is not printed


class Command(LendbookCommand):
    help = "Restore an archive of `backup` into a new folder, migrate it forward if it is older, and check all of it."
    requires_system_checks = []  # what is checked is the restored instance

    def add_options(self, parser):
        parser.add_argument("archive", metavar="ARCHIVE", help="what `backup` wrote")
        parser.add_argument(
            "--into",
            metavar="DIR",
            required=True,
            help="a new or empty folder: the LENDBOOK_DATA_DIR of what is restored",
        )
        parser.add_argument(
            "--database-url",
            metavar="URL",
            help="an empty PostgreSQL database, for an archive of one (else DATABASE_URL); with one of SQLite it is refused",
        )

        parser.add_argument(
            "--yes", action="store_true", help="take an archive that another instance's key sealed, which is not here"
        )

    def act(self, **options):
        try:
            report = restore(
                options["archive"],
                options["into"],
                database_url=options["database_url"] or "",
                usual_url=Env().str("DATABASE_URL", ""),
                accept_seal=options["yes"],
                progress=self.say,
            )
        except ArchiveError as error:
            raise Refused(str(error)) from error
        place = f"LENDBOOK_DATA_DIR={shlex.quote(str(report.folder.parent))} LENDBOOK_INSTANCE={report.instance}"
        self.answer(
            {
                "folder": str(report.folder),
                "instance": report.instance,
                "database": report.database,
                "began_at": report.began_at,
                "taken_at": report.taken_at,
                "rows": report.rows,
                "seal": report.seal,
                "migrated": report.migrated,
                "faults": report.faults,
            },
            f"{report.folder}: the books as they were at {report.taken_at} ({report.database}).",
            report.seal,
            *([f"Brought forward by {len(report.migrated)} migrations."] if report.migrated else []),
            *report.faults,
            *([] if report.faults else ["Every day, account, workbook, statement and history is sound."]),
            f"Start it with: {place}{DATABASE[report.database]} make run",
        )
        if report.faults:
            raise Fault(
                f"It is restored; the books hold {len(report.faults)} faults, each named above with the way to mend it."
            )
