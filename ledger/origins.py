"""Where entries and transfers come from, as people read it.

A row names its origin as data (`source`, `source_ref`); the app that posts it registers here what the source is
called and whether its rows are corrected in the ledger or where they were made, so ledger never imports upwards.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """`name` is what lists show. Rows `corrected_here` are edited, binned and reversed in the ledger; others at the
    address that `address(row)` returns, so that a figure never differs from the paper it came from."""

    name: str
    corrected_here: bool = True
    address: Callable | None = None


_ORIGINS = {}


def register(source, name, *, corrected_here=True, address=None):
    """Give `source` its name; `address(row)` returns where such a row was made (a path, or None)."""
    _ORIGINS[source] = Origin(name, corrected_here, address)


def origin_of(row):
    """The Origin of an entry or transfer; an unregistered source is called by its own word."""
    return _ORIGINS.get(row.source) or Origin(row.source.capitalize())


def choices():
    """(source, name) of every registered source, for filters."""
    return [(source, origin.name) for source, origin in _ORIGINS.items()]


register("staff", "Typed")
register("import", "Imported")
register("close", "Counted at close")
register("reversal", "Reversal")
register("", "By command")
