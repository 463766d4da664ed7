"""The rows that every app stands on: books and their people, long work, what keeps the books running.

Book: one set of books with its own day book. BookMember: who works in it, and as what. Job: long work as a row. Fault:
what `verify` found wrong, which freezes what it concerns. Heartbeat: when a background process last showed life. Tries:
how often something was done that may be done only so often.

The tables keep the names (`ledger_…`) that they had before these rows got a room of their own.
"""

from shop.models.books import Book, BookMember, Role, check_time_zone
from shop.models.running import Fault, Heartbeat, Job, Tries

__all__ = ["Book", "BookMember", "Fault", "Heartbeat", "Job", "Role", "Tries", "check_time_zone"]
