"""Opening, recording, correcting and closing trackers: workbook, row and ledger change together or not at all.

Every change goes through `commit`: the new workbook lies durable beside the old one, then one transaction stores its
sha256 and posts the entries, then the file takes its name (store.py says why). Callers hold no transaction, and have
checked with access who may do it. Errors are ValidationError, WorkbookError (a value or file that cannot be taken),
StoreError (the file), ClosedDay (with `adjust` it posts on the first open day instead); each names the way out.
"""

from trackers.services.change import (
    ADOPTED_WHOLE,
    CACHED,
    apply,
    as_handed_over,
    bytes_of,
    changed,
    commit,
    contents_of,
    current,
    grown_trail,
    kept_contents,
    refuse_frozen,
    take_figures,
    take_terms,
    terms_of,
    waiting,
    written,
)
from trackers.services.copies import Compared, Holding, Stored, compare_with, holding_more, stored_of
from trackers.services.days import AMOUNTS, ask_about, check_seen, day_change, move_payment, record_payment
from trackers.services.life import close_tracker, edit_terms, empty, renew, reopen_tracker
from trackers.services.opening import customer_for, login_for, open_tracker, skipping
from trackers.services.rebuild import from_ledger, rebuild_workbook, told_of
from trackers.services.starts import right_start

__all__ = [
    "ADOPTED_WHOLE",
    "AMOUNTS",
    "CACHED",
    "Compared",
    "Holding",
    "Stored",
    "apply",
    "as_handed_over",
    "ask_about",
    "bytes_of",
    "changed",
    "check_seen",
    "close_tracker",
    "commit",
    "compare_with",
    "contents_of",
    "current",
    "customer_for",
    "day_change",
    "edit_terms",
    "empty",
    "from_ledger",
    "grown_trail",
    "holding_more",
    "kept_contents",
    "login_for",
    "move_payment",
    "open_tracker",
    "rebuild_workbook",
    "record_payment",
    "refuse_frozen",
    "renew",
    "reopen_tracker",
    "right_start",
    "skipping",
    "stored_of",
    "take_figures",
    "take_terms",
    "terms_of",
    "told_of",
    "waiting",
    "written",
]
