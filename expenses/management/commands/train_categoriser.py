"""Learn from what staff confirmed."""

from expenses.tagging import training
from shop.management.base import LendbookCommand, add_book, find_book


class Command(LendbookCommand):
    help = "Train the book's categoriser on the rows that staff confirmed, and place the untouched ones anew."

    def add_options(self, parser):
        add_book(parser)

    def act(self, **options):
        document = training.train(find_book(options["book"]))
        self.answer(document, f"Learned from {document['examples']} rows; {document['changed']} rows placed anew.")
