"""The staff pages of a book, by subject."""
