"""What follows where an entry or transfer differs from its history: its day is frozen; put back, it is computed anew."""

from collections.abc import Iterable
from typing import Any

from ledger.models import AccountTransfer, DayChange, LedgerEntry, Movement
from shop import history
from shop.faults import DAYS


def freeze_its_day(row: Movement) -> dict[str, Any]:
    """What a fault of the row makes read-only, as fields of Found."""
    return {"freezes": DAYS, "first_date": row.date, "last_date": row.date}


def compute_its_days(rows: Iterable[Movement]) -> None:
    """Note the days of the rows in the outbox; a day that is noted twice is computed once."""
    touched = {(row.book_id, row.date) for row in rows}
    DayChange.objects.bulk_create([DayChange(book_id=book_id, date=date) for book_id, date in touched])


for _model in (LedgerEntry, AccountTransfer):
    history.freezes(_model, freeze_its_day)
    history.after_putting_back(_model, compute_its_days)
