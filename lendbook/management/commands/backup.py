"""Back the instance up while people work."""

from lendbook.backups import make
from lendbook.backups.archive import ArchiveError
from shop.management.base import LendbookCommand, Refused


class Command(LendbookCommand):
    help = "Write one archive of the instance: database, workbooks and files, each with its checksum, read again after."

    def add_options(self, parser):
        parser.add_argument(
            "dest",
            nargs="?",
            metavar="DEST",
            help="a folder, or a name ending in .zip; default: the instance's backups/",
        )
        parser.add_argument(
            "--with-keys",
            action="store_true",
            help="put the secret key in as well: whoever has it can log in as anybody",
        )

    def act(self, **options):
        try:
            report = make.back_up(options["dest"], with_keys=options["with_keys"])
        except ArchiveError as error:
            raise Refused(str(error)) from error
        self.answer(
            {
                "archive": str(report.path),
                "size": report.size,
                "database": report.database,
                "taken_at": report.taken_at,
                "trackers": report.trackers,
                "files": report.files,
                "verified": True,
                "second": report.second and str(report.second),
                "warnings": report.warnings,
                "removed": report.removed,
            },
            *report.warnings,
            f"{report.path}: {report.files} files, {report.trackers} workbooks, {report.size / 1e6:,.1f} MB; read again, "
            "every checksum agrees and the database is sound.",
            *([f"Second copy: {report.second}"] if report.second else []),
            *([f"Let go of {len(report.removed)} older archives."] if report.removed else []),
        )
