"""What the worker runs for expenses; each docstring says what a second run does."""

from expenses.overview import spent


def add_up():
    """Add up the months and payees that changed, so that nobody who looks has to wait. A second run finds nothing."""
    spent.finish_all_pending()
