"""The trackers' part of a demo book: nine loans of six customers, of every kind and in every state a loan can be in.

Given before the book begins or in its midst, paid daily but for Sundays, by hand and by UPI; one customer has one of
each kind, of which one is in arrears, one ahead and one paid; others are far behind, ahead, done, or were renewed; two
are on the agent's route. In a second book they are other people, whose logins carry its number.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from ledger import services as ledger
from ledger.models import Account
from shop.models import Role
from trackers import posting, services
from trackers.importing.openings import Opening, open_many
from trackers.models import Customer, Tracker
from trackers.workbook.contents import edited, new_contents

SUNDAY = 6
CUSTOMERS = (  # login, name, phone, language, route, whether the agent collects there
    ("murugan", "Murugan K", "9840012345", "en-in", "North", True),
    ("selvi", "Selvi R", "9840023456", "ta", "North", True),
    ("anbu", "Anbu Stores", "9840034567", "en-in", "Bazaar", False),
    ("karthik", "Karthik Tailors", "9840045678", "hi", "Bazaar", False),
    ("lakshmi", "Lakshmi P", "9840056789", "ta", "Bazaar", False),
    ("joseph", "Joseph A", "9840067890", "en-in", "South", False),
)


@dataclass(frozen=True)
class Loan:
    """A demo loan: given `days_ago` before today; of 100 due payments `pays` come, and none in the last `silent` days.

    `at_once` instalments are paid on each visit.
    """

    login: str
    name: str
    kind: str
    investment: int
    period: int
    per_day: int
    days_ago: int
    pays: int = 97
    silent: int = 0
    at_once: int = 1


LOANS = (
    Loan("murugan", "Q4 investment", "50K", 50_000, 100, 500, 62, pays=90, silent=4),
    Loan("murugan", "Shop extension", "1L", 300_000, 200, 1_000, 48, pays=60, at_once=2),
    Loan("murugan", "Delivery van", "NO_REINVEST", 25_000, 25, 1_000, 45, pays=100),
    Loan("selvi", "Idli shop", "50K", 50_000, 100, 500, 75, pays=55, silent=9),
    Loan("anbu", "Festival stock", "NO_REINVEST", 60_000, 100, 600, 40, pays=100, at_once=2),
    Loan("karthik", "Sewing machine", "NO_REINVEST", 10_000, 20, 500, 58, pays=100),
    Loan("joseph", "Auto repair", "50K", 50_000, 110, 500, 85, pays=30, silent=41),
)
RENEWED = Loan("lakshmi", "Flower stall", "NO_REINVEST", 20_000, 60, 400, 50, pays=95, silent=15)


def fill(scene):
    """Open the trackers of a scene; a book that has customers, or was closed already, stays as it is."""
    if Customer.objects.filter(book=scene.book).exists() or scene.book.closed_through:
        return
    settings = posting.settings_of(scene.book)
    settings.skipped_weekdays = [SUNDAY]
    staff = scene.people[Role.STAFF]
    ledger.save(settings, staff)
    customers = {row[0]: _customer(scene, place, *row) for place, row in enumerate(CUSTOMERS, 1)}
    old_contents, on = _settled(scene, _contents(scene, RENEWED))
    openings = [Opening(customers[loan.login], _contents(scene, loan)) for loan in LOANS]
    *trackers, old = open_many(scene.book, [*openings, Opening(customers[RENEWED.login], old_contents)], user=staff)
    for tracker in trackers:
        if not tracker.standing(scene.last).outstanding:
            services.close_tracker(tracker, closing=Tracker.Closing.PAID, on=tracker.last_paid_on, user=staff)
    _renew(scene, old, on, staff)


def _customer(scene, place, login, name, phone, language, route, is_agents):
    login = f"{login}{scene.number + 1}" if scene.number else login
    user = get_user_model().objects.filter(username=login).first()
    if user is None:
        user = get_user_model()(username=login, first_name=name.split()[0])
        user.set_password(scene.password)
        user.save()
    elif user.book_members.exists() or user.customers.filter(book__is_demo=False).exists():
        raise ValidationError(f"The login '{login}' is somebody's here; demo customers need that name.")
    customer = Customer(
        book=scene.book, user=user, name=name, phone=phone, language=language, route=route, position=place,
        agent=scene.people[Role.AGENT] if is_agents else None,
    )  # fmt: skip
    customer.full_clean()
    return ledger.save(customer, scene.people[Role.STAFF])


def _contents(scene, loan):
    """A loan's terms and what was paid through yesterday; today waits for the collection sheet."""
    start = scene.last - timedelta(days=loan.days_ago)
    contents = new_contents(
        loan.kind, tracker_name=loan.name, start_date=start, investment=Decimal(loan.investment),
        scheme_period=loan.period, per_day_payment=Decimal(loan.per_day), skipped_weekdays=frozenset({SUNDAY}),
    )  # fmt: skip
    days, left = {}, loan.period
    for day in range(1, loan.days_ago - max(loan.silent, 1) + 1):
        if contents.terms.is_skipped(day) or not left or scene.dice.randrange(100) >= loan.pays:
            continue
        count = min(loan.at_once, left)
        left -= count
        mode = "UPI" if scene.dice.random() < 0.3 else "Cash"
        days[day] = {"paid": Decimal(loan.per_day * count), "mode": mode}
    if loan.kind == "1L" and days:
        day = max(days)
        days[day] |= {"reinvest": Decimal(1_000), "reinvest_from": "Daily payments", "pocket_money": Decimal(500)}
    if days:
        days[min(days)]["notes"] = "First payment"
    return edited(contents, days=days)


def _settled(scene, contents):
    """(the contents with all that is owed settled by a renewal, the day of it)."""
    on = max(scene.first, scene.last - timedelta(days=12))
    owed = contents.terms.total - contents.summary()["total_paid"]
    settled = {"paid": owed, "mode": "Other", "notes": f"Settled by renewal on {on:%d-%m-%Y}"}
    return edited(contents, days={contents.terms.day_of(on): settled}), on


def _renew(scene, old, on, staff):
    """The new loan out of which the old one was settled, handed over from the bank on the same day."""
    loan = replace(
        RENEWED, name="Flower stall, renewed", investment=40_000, period=100, days_ago=(scene.last - on).days, silent=0
    )
    (new,) = open_many(scene.book, [Opening(old.customer, _contents(scene, loan), renewed_from=old)], user=staff)
    bank = Account.objects.filter(book=scene.book, kind=Account.Kind.BANK).first()
    posting.post_disbursement(new, account=bank, user=staff)
    services.close_tracker(old, closing=Tracker.Closing.RENEWED, on=on, user=staff)
