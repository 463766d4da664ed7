"""Learn from what staff confirmed."""

from expenses import training
from ledger.management.base import LedgerCommand, add_book, find_book


class Command(LedgerCommand):
    help = "Train the book's categoriser on the rows that staff confirmed, and place the untouched ones anew."

    def add_options(self, parser):
        add_book(parser)

    def act(self, **options):
        document = training.train(find_book(options["book"]))
        self.answer(document, f"Learned from {document['examples']} rows; {document['changed']} rows placed anew.")
