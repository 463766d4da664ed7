"""The seal of a receipt: what it covers, as text, and the hash that carries the one before. Pure.

A book's receipts are one chain. Each link is sealed over this canonical text, UTF-8, a line each ended by a line feed:

    lendbook receipt 1
    book=<number of the book>
    position=<1, 2, 3 … within the book>
    kind=issued | corrected | cancelled
    number=<the receipt's number>
    tracker=<number of the tracker>
    payment=<tracker>:<day>:paid:<part>
    step=<1, 2, 3 … of this payment's links>
    date=<YYYY-MM-DD>
    amount=<rupees with two places, no grouping>
    made_at=<YYYY-MM-DDTHH:MM:SS.ffffffZ, UTC>
    token=<what the public address names it by>
    previous=<seal of the position before, empty for the first>

seal = SHA-256 of it, in hex. Nothing in it is a person's own text, so no two links can read alike. The first line is
the form's version: another form would be another number, and chains that exist keep theirs for ever.
"""

import hashlib
from datetime import UTC

FORM = "lendbook receipt 1"


def canonical(link, previous):
    """The text that is sealed: `link` has the fields of trackers.models.Receipt, `previous` is the seal before."""
    lines = [
        FORM,
        f"book={link.book_id}",
        f"position={link.position}",
        f"kind={link.kind}",
        f"number={link.number}",
        f"tracker={link.tracker_id}",
        f"payment={link.payment}",
        f"step={link.step}",
        f"date={link.date:%Y-%m-%d}",
        f"amount={link.amount:.2f}",
        f"made_at={link.made_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        f"token={link.token}",
        f"previous={previous}",
    ]
    return "".join(f"{line}\n" for line in lines)


def seal(link, previous):
    """The seal of a link after the one of `previous`: 64 hex digits."""
    return hashlib.sha256(canonical(link, previous).encode()).hexdigest()


def short(value):
    """A seal as people compare it on paper: its first twelve digits, in fours."""
    return " ".join(value[start : start + 4] for start in (0, 4, 8))
