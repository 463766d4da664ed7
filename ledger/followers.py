"""Rows of other apps that point at entries and transfers, and follow them.

An app registers here what it does when a row was edited, binned, reversed or brought back; it is told in the same
transaction, so that nothing anywhere still counts on a row that no longer stands.
"""

_FOLLOWERS = []


def register(act):
    """Have `act(rows, user)` called with entries, or with transfers, that were changed; a second call must change nothing."""
    _FOLLOWERS.append(act)


def tell(rows, user=None):
    """Tell every follower of rows of one model, as they stand now. The caller holds their transaction."""
    for act in _FOLLOWERS:
        act(rows, user)
