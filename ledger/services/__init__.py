"""Posting, correcting, binning and reversing entries and transfers; opening a book.

Every function is atomic, keeps the history row (who, when, before and after) in the same transaction, and lets the
signals append the days to the outbox. Callers have checked with access who may do it. Errors are ValidationError
whose message names the thing and the way out; ClosedDay where an adjustment on the first open day would do instead.
"""

from ledger.services.adjusting import first_open
from ledger.services.books import account_for_mode, open_book, set_member
from ledger.services.bulk import NewEntry, post_entries, rename_entries, undo_entries
from ledger.services.movements import (
    EditedMeanwhile,
    delete,
    edit,
    post_entry,
    restore,
    reverse,
    says,
    today_or_its_own,
    transfer,
)
from ledger.services.names import refuse_twin, spelled_subcategory, subcategories_of
from ledger.services.validation import check
from shop.rows import clean_text, save

__all__ = [
    "EditedMeanwhile",
    "NewEntry",
    "account_for_mode",
    "check",
    "clean_text",
    "delete",
    "edit",
    "first_open",
    "open_book",
    "post_entries",
    "post_entry",
    "refuse_twin",
    "rename_entries",
    "restore",
    "reverse",
    "save",
    "says",
    "set_member",
    "spelled_subcategory",
    "subcategories_of",
    "today_or_its_own",
    "transfer",
    "undo_entries",
]
