"""What the tests of the trackers' pages share: a book with customers, trackers and everybody's roles."""

from datetime import date

from tests import world
from trackers import services

START = date(2024, 10, 16)
DAY = date(2024, 10, 17)


def shop(trackers=4, **fields):
    """The cast with `trackers` running 50K schemes from START: `cast.trackers`; the first customer is Kumar's."""
    cast = world.cast()
    cast.trackers = [running(cast.main, number, **fields) for number in range(trackers)]
    if trackers:
        customer = cast.trackers[0].customer
        customer.agent = cast.kumar
        customer.save()
    return cast


def running(book, number=0, name="", **fields):
    """A tracker of a customer of his own."""
    customer = services.customer_for(book, f"{book.slug}-customer{number}", name or f"Customer {number}")
    values = {"tracker_name": f"Scheme {number}", "tracker_type": "50K", "start_date": START, **fields}
    return services.open_tracker(customer=customer, **values)
