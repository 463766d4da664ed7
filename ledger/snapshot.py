"""Reading a book as it stood at one moment, while others go on writing."""

from contextlib import contextmanager

from django.db import connection, transaction

from ledger import daybook
from ledger.models import DayChange


@contextmanager
def one_moment(book):
    """Everything read inside belongs together, and no day of `book` is pending; writers are not kept waiting.

    PostgreSQL: REPEATABLE READ. SQLite: a deferred transaction, which reads the last commit and takes no write lock.
    Inside a transaction that is open already that one decides. Nothing may be written inside.
    """
    if connection.in_atomic_block:
        daybook.finish_pending(book.pk)
        yield
        return
    while True:
        daybook.finish_pending(book.pk)
        with _frozen():
            if not DayChange.objects.filter(book=book).exists():  # else somebody wrote since
                yield
                return


@contextmanager
def _frozen():
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        usual, connection.transaction_mode = connection.transaction_mode, "DEFERRED"
        try:
            with transaction.atomic():
                yield
        finally:
            connection.transaction_mode = usual
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield
