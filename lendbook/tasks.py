"""What the worker runs for the whole instance; each docstring says what a second run does."""

import logging

from lendbook import verifying

logger = logging.getLogger(__name__)


def verify_books():
    """Nightly: check all books; what is found is shown on Home and frozen. A second run finds the same rows."""
    report = verifying.verify()
    for reason in report.unchecked:
        logger.error("verify: %s", reason)
    if report.faults:
        logger.error("verify: %s See the page Faults, or run `manage.py verify`.", report.sentence)
