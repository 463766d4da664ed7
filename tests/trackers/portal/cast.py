"""The customers of the tests: two of Main Street, one of Other Road, each with his login and trackers."""

from datetime import date
from types import SimpleNamespace

from tests import world
from trackers import services
from trackers.models import Customer

START = date(2024, 10, 16)


def customers():
    """world.cast() with `murugan` and `selvi` of Main Street and `devi` of Other Road, each with one 50K tracker."""
    cast = world.cast()
    for name, book in (("murugan", cast.main), ("selvi", cast.main), ("devi", cast.other)):
        customer = customer_of(book, name)
        setattr(cast, name, SimpleNamespace(customer=customer, user=customer.user, tracker=tracker_of(customer)))
    return cast


def customer_of(book, login, **fields):
    """A customer of `book` whose login has world.PASSWORD."""
    user = world.person(login)
    return Customer.objects.create(book=book, user=user, name=login.title(), **fields)


def tracker_of(customer, name="Scheme", kind="50K", start_date=START, **fields):
    return services.open_tracker(
        customer=customer, tracker_name=name, tracker_type=kind, start_date=start_date, **fields
    )
