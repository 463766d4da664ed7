"""The home page of a book: what today brought in and cost, and what to do next."""

from ledger import daybook
from ledger.pages import book_page, page


@book_page()
def home(request, book):
    return page(request, "lendbook/home.html", {"day": daybook.day_book_on(book, book.today())})
