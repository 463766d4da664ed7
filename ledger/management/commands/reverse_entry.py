"""Reverse an entry: post the same amount against its category."""

from ledger import origins, services, shortfall
from ledger.models import LedgerEntry
from shop import access
from shop.dates import parse_date
from shop.management.base import LendbookCommand, Refused, add_book, add_user, find_book, find_user
from shop.money import rupees


class Command(LendbookCommand):
    help = "Post the reversal of an entry, today or on --date, never on a closed day. A second run posts nothing more."

    def add_options(self, parser):
        parser.add_argument("entry", type=int, metavar="ENTRY", help="the entry's number")
        add_book(parser, required=False)
        parser.add_argument(
            "--date", metavar="D", help="from when it counts; without it today, or the entry's own later day"
        )
        parser.add_argument("--reason", default="")
        add_user(parser)

    def act(self, **options):
        entries = LedgerEntry.objects.select_related("book")
        if options["book"]:
            entries = entries.filter(book=find_book(options["book"]))
        number = options["entry"]
        entry = entries.filter(pk=number).first() if abs(number) < 2**63 else None
        if entry is None:
            raise Refused(f"There is no entry {number}{' in ' + options['book'] if options['book'] else ''}.")
        made = origins.origin_of(entry)
        if not made.corrected_here:
            raise Refused(f"Entry {entry.pk} comes from a {made.name.lower()}; correct it there, so that both agree.")
        with shortfall.watched(entry.book) as shorts:
            back = services.reverse(
                entry,
                date=parse_date(options["date"]) if options["date"] else services.today_or_its_own(entry),
                reason=options["reason"],
                user=find_user(options["user"], entry.book, access.POST),
            )
        warnings = [short.told for short in shorts]
        self.answer(
            {
                "id": back.pk,
                "reverses": entry.pk,
                "book": entry.book.slug,
                "date": back.date,
                "category": back.category.name,
                "account": back.account.name,
                "amount": back.amount,
                "narration": back.narration,
                "warnings": warnings,
            },
            f"{back.date:%d-%m-%Y}: {back.category} {rupees(back.amount)} taken back; "
            f"entry {back.pk} reverses {entry.pk}.",
            *warnings,
        )
