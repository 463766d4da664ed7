"""Whether the books are sound, in one command."""

import sys

from lendbook import verifying
from shop.management.base import CommandError, Fault, LendbookCommand, add_book, find_book
from shop.models import Book


class Command(LendbookCommand):
    help = (
        "Check every day, account, workbook, statement, history and file. Exit 0: sound; 1: faults, each named with the "
        "command that mends it, and what it concerns read-only until then; 2: something could not be checked."
    )

    def add_options(self, parser):
        add_book(parser, required=False)
        parser.add_argument("--deep", action="store_true", help="LibreOffice computes every workbook anew as well")

    def act(self, **options):
        books = [find_book(options["book"])] if options["book"] else None
        say = (lambda text: self.stderr.write(f"{text} …")) if sys.stderr.isatty() or options["verbosity"] > 1 else None
        report = verifying.verify(books, deep=options["deep"], **({"say": say} if say else {}))
        slugs = [book.slug for book in books or Book.objects.order_by("slug")]
        self.answer(
            {
                "sound": report.is_sound,
                "books": slugs,
                "deep": options["deep"],
                "faults": [_document(fault) for fault in report.faults],
                "mended": [_document(fault) for fault in report.mended],
                "could_not_check": report.unchecked,
                "notes": report.notes,
            },
            *(line for fault in report.faults for line in _lines(fault)),
            *(f"Mended: {fault.text}" for fault in report.mended),
            *report.unchecked,
            *report.notes,
            f"{', '.join(slugs) or 'No book'}: {report.sentence} ({report.seconds:.1f} s)",
        )
        if report.faults:
            raise Fault(report.sentence)
        if report.unchecked:
            raise CommandError("Not everything could be checked.", returncode=2)


def _document(fault):
    return {
        "book": fault.book and fault.book.slug,
        "kind": fault.kind,
        "text": fault.text,
        "remedy": fault.remedy,
        "freezes": fault.freezes or None,
        "ref": fault.ref or None,
        "first_date": fault.first_date,
        "last_date": fault.last_date,
        "found_at": fault.found_at,
        "lifted": fault.lifted_at is not None,
    }


def _lines(fault):
    yield f"{fault.book.slug if fault.book else '-'}: {fault.kind}. {fault.text}"
    yield f"  Mend: {fault.remedy}"
