"""A disk that is full or may not be written to: how it shows, and what may be left undone because of it.

What is nobody's work (that a day was looked at, when a session was last seen) is left out while the disk refuses; pages
go on without it.
"""

import errno
import logging
import sqlite3
from collections.abc import Callable

from django.db import DatabaseError, InternalError, OperationalError, transaction

logger = logging.getLogger(__name__)

# What a database answers that cannot write now: full, read-only (PostgreSQL: InternalError), locked, or gone.
CANNOT_WRITE = (OperationalError, InternalError)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO}
_SQLITE_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
_POSTGRESQL_FULL = {"53100", "25006", "58030"}  # disk_full, read_only_sql_transaction, io_error


def write_if_possible(what: str, write: Callable[[], object]) -> bool:
    """Do `write` in a transaction of its own, or leave it out where the database cannot write now; whether it was done.

    A function and no context manager: the transaction itself may be what cannot begin. `what` is for the log.
    """
    try:
        with transaction.atomic():
            write()
    except CANNOT_WRITE as error:
        logger.warning("%s was left out, since the database cannot write now (%s).", what, error)
        return False
    return True


def is_at_fault(error: BaseException | None) -> bool:
    """Whether an exception, or what caused it, says that the disk is full or may not be written to."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if isinstance(error, DatabaseError) and "disk is full" in str(error):
            return True
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in _SQLITE_FULL:
            return True
        if getattr(error, "sqlstate", None) in _POSTGRESQL_FULL:
            return True
        error = error.__cause__ or error.__context__
    return False
