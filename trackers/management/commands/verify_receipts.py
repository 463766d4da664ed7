"""Prove a book's receipts: chain, numbering, and that they say what the ledger says."""

from shop.management.base import Fault, LendbookCommand, Refused, WrongUse, add_book, find_book
from trackers import receipts
from trackers.models import ReceiptBook


class Command(LendbookCommand):
    help = (
        "Prove the receipts of a book: each link carries the seal of the one before, no number is missing or double, "
        "and every payment's receipt says what its ledger entry says. Exit 0 sound, 1 a fault, 2 could not check."
    )

    def add_options(self, parser):
        add_book(parser)

    def act(self, **options):
        try:
            book = find_book(options["book"])
        except Refused as error:
            raise WrongUse(str(error)) from error  # nothing was checked: never the 1 of a fault
        found = list(receipts.faults(book))
        head = ReceiptBook.objects.filter(book=book).first() or ReceiptBook(book=book)
        document = {
            "book": book.slug,
            "receipts": head.number,
            "links": head.position,
            "seal": head.seal or None,
            "faults": [{"text": text, "remedy": remedy} for text, remedy in found],
        }
        sound = (
            f"{head.number:,} receipts in {head.position:,} links are sound; the newest seal is {head.seal or 'none'}."
        )
        self.answer(document, *([f"{text} {remedy}" for text, remedy in found] or [sound]))
        if found:
            raise Fault(f"{len(found)} {'fault' if len(found) == 1 else 'faults'} in the receipts of {book}.")
