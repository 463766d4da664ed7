"""Where the bank meets the books: posting, links, credits that prove collections, bank beside book."""
