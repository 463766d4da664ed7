"""What days of trackers have posted, and into which accounts: said wherever money was recorded, so that nobody has to
look up whether a payment went into the cash box or into the bank."""

from collections.abc import Collection, Iterable
from decimal import Decimal

from ledger.models import Direction, LedgerEntry
from shop.models import Book
from shop.money import ZERO, plain, rupees
from trackers import posting
from trackers.models import Tracker


def by_day(book: Book, changes: Collection[posting.DayChange]) -> dict[tuple[int, int], list[LedgerEntry]]:
    """{(tracker's id, day): its live entries, column by column and part by part} of the days that changed."""
    found: dict[tuple[int, int], list[LedgerEntry]] = {}
    for (tracker, day, _), parts in sorted(posting.live_entries(book, changes).items()):
        found.setdefault((tracker, day), []).extend(entry for _, entry in sorted(parts.items()))
    return found


def of_changes(book: Book, changes: Collection[posting.DayChange]) -> list[LedgerEntry]:
    """The live entries of all the days that changed."""
    return [entry for entries in by_day(book, changes).values() for entry in entries] if changes else []


def of_tracker(tracker: Tracker) -> list[LedgerEntry]:
    """The live entries of all days of a tracker; what was handed over is not of a day."""
    entries = posting.entries_of(tracker).filter(reversed_at=None, reversal_of=None)
    return [entry for entry in entries if entry.source_ref.count(":") == 3]


def sums(entries: Iterable[LedgerEntry]) -> list[dict[str, object]]:
    """[{account, received, spent}] for scripts, amounts Decimal rupees; accounts in the order they come up."""
    found: dict[str, dict[str, object]] = {}
    for entry in entries:
        line = found.setdefault(entry.account.name, {"account": entry.account.name, "received": ZERO, "spent": ZERO})
        line["received" if entry.category.direction == Direction.RECEIVED else "spent"] += entry.amount
    return list(found.values())


def kept(entries: Iterable[LedgerEntry]) -> list[dict[str, str]]:
    """What `sums` gives as JSON keeps it, amounts as text."""
    return [
        {"account": line["account"], "received": plain(line["received"]), "spent": plain(line["spent"])}
        for line in sums(entries)
    ]


def words(entries: Iterable[LedgerEntry]) -> str:
    """Where money went, as a person reads it: "1,500.00 into Bank, 200.00 out of Cash"; "" where nothing is posted."""
    return in_words(sums(entries))


def in_words(lines: Iterable[dict[str, object]]) -> str:
    """The same of what `sums` or `kept` gave, perhaps of many days: each account is named once."""
    received, spent = {}, {}
    for line in lines:
        for found, amount in ((received, line["received"]), (spent, line["spent"])):
            found[line["account"]] = found.get(line["account"], ZERO) + Decimal(amount)
    into = [f"{rupees(amount)} into {account}" for account, amount in received.items() if amount]
    out = [f"{rupees(amount)} out of {account}" for account, amount in spent.items() if amount]
    return ", ".join(into + out)
