"""What the worker runs for trackers; each docstring says what a second run does."""

from trackers import store


def recover_workbooks():
    """Finish moves of workbooks that a crash interrupted. A second run finds none."""
    store.recover()
