"""The import of running loans: one row a loan, a tracker each, with what was paid so far brought forward.

What was paid before the book begins stands in the workbook on the day before and is not posted; where the loan, or
the book itself, is younger than that it stands on the day of the import, and is posted as collected then. What was
handed over is not posted: it left the cash box long ago; it is kept with the terms, because profit counts it. A loan
that the customer has already is there already.
"""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.urls import reverse

from ledger import services as ledger
from ledger.daybook import ClosedDay
from ledger.resources import DateWidget, MoneyWidget
from shop.imports.cells import refuse_seen, shown, text_of
from shop.imports.importing import AS_SHOWN, DUPLICATE, NEW, REJECTED, Checked, Column, Importer
from shop.imports.tables import Unreadable
from shop.models import BookMember, Job, Role
from shop.money import rupees
from trackers import services, slips
from trackers.handed_over import RUNNING_LOAN
from trackers.importing.loan_terms import Contradiction, Cut, face_and_given, percent_of, what_sheet_this_is
from trackers.importing.openings import Opening, open_many
from trackers.models import Customer, Tracker
from trackers.schedule import MAX_DAY, TermsError
from trackers.workbook.contents import edited, new_contents
from trackers.workbook.errors import WorkbookError

BROUGHT_FORWARD = "Brought forward"
_TYPES = {
    "50k": "50K", "50k reinvest": "50K", "1l": "1L", "1l enhanced": "1L", "100k": "1L",
    "no reinvest": "NO_REINVEST", "no reinvestment": "NO_REINVEST", "daily": "NO_REINVEST", "": "NO_REINVEST",
}  # fmt: skip
_date, _money = DateWidget().clean, MoneyWidget().clean
_POSITIONS = ("position on the route", "position on route", "place", "order", "serial", "serial no", "sl no", "s no")
_FACES = ("amount", "loan amount", "principal", "face", "face amount", "face value", "sanctioned")
_GIVENS = (
    "given", "amount given", "given amount", "disbursed", "disbursed amount", "handed over", "in hand", "net", "net given",
    "cash given",
)  # fmt: skip
_CUTS = (
    "cut amount", "cutting", "deduction", "deducted", "kept back", "interest cut", "interest deducted", "advance interest",
    "upfront interest", "cut percent", "cut percentage",
)  # fmt: skip
_ROUND = ("route", "position", "agent")
_PERCENT = re.compile(r"%|\bpercent|\bpct\b", re.IGNORECASE)


class LoanImporter(Importer):
    """Running loans from a CSV or XLSX into one book; all rows or none."""

    kind = "loans"
    title = "Running loans"
    noun = ("loan", "loans")
    columns = (
        Column("customer", "Customer", True, ("customer name", "name", "party", "borrower"), "Murugan K"),
        Column("phone", "Phone", False, ("mobile", "phone number", "mobile number", "contact"), "98400 12345"),
        Column("route", "Route", False, ("area", "line", "street"), "North"),
        Column("position", "Position", False, _POSITIONS, "4: his place on the route"),
        Column("agent", "Agent", False, ("collector", "collection agent", "collected by"), "kumar"),
        Column("type", "Type", False, ("tracker type", "scheme", "kind"), "50K, 1L, or empty: no reinvestment"),
        Column(
            "given_on", "Given on", True, ("date", "start date", "loan date", "start", "from"), "01-08-2024", "date"
        ),
        Column("investment", "Investment", False, _FACES, "50,000", "amount"),
        Column("given", "Given in hand", False, _GIVENS, "44,000, or empty: all of it", "amount"),
        Column("cut", "Cut", False, _CUTS, "6,000 or 12%"),
        Column("per_day", "Per day", True, ("per day payment", "daily", "instalment", "daily amount"), "500", "amount"),
        Column("period", "Period", True, ("days", "scheme period", "term", "no of days"), "100"),
        Column(
            "paid_so_far",
            "Paid so far",
            False,
            ("paid", "collected", "received so far", "total paid"),
            "12,500",
            "amount",
        ),
        Column("tracker_name", "Loan's name", False, ("tracker", "loan", "loan name"), "empty: from the date"),
        Column("login", "Login", False, ("user", "username", "user name"), "empty: made from the name"),
    )
    heads = ("customer",)
    cut_is_percent = False  # whether the heading says so; known once the file is open
    options = {
        "adjust": "Post on the first open day what would fall on a closed one",
        "yes": slips.OPTION,
        **AS_SHOWN,
    }
    # fmt: off
    example = (
        ("Murugan K", "98400 12345", "North", "4", "", "50K", "01-08-2024", "50,000", "44,000", "", "500", "100", "12,500",
         "", ""),
        ("Selvi R", "", "South", "", "", "", "15-09-2024", "30,000", "", "", "300", "120", "", "Shop loan", "selvi"),
    )
    # fmt: on

    def open(self, path):
        """The Table in a file. Raises Unreadable, also for a sheet that is known and is no list of loans."""
        table = super().open(path)
        first = next(iter(table.rows()), None)
        below = [shown(cell) for cell in first.cells] if first else []
        if said := what_sheet_this_is(table.header, below, table.titles):
            raise Unreadable(said, table.header_line)
        self.cut_is_percent = any(_PERCENT.search(name) for name in table.header)
        return table

    def begin(self):
        self.book.refresh_from_db()
        self.agents = _agents_of(self.book)
        self.today = self.book.today()
        self.skipped, self.holidays = services.skipping(self.book)
        self.customers = list(Customer.objects.filter(book=self.book).select_related("user").order_by("id"))
        self.by_login = {customer.user.username: customer for customer in self.customers}
        self.logins = set(get_user_model().objects.values_list("username", flat=True))
        self.there = {
            _key_of(
                tracker.customer, tracker.terms, tracker.tracker_type, tracker.tracker_name
            ): tracker.disbursed_amount
            for tracker in Tracker.objects.filter(book=self.book)
            .exclude(closing=Tracker.Closing.WRITTEN_OFF)
            .select_related("customer__user")
        }
        self.seen = {}

    # -------------------------------------------------------------------------------------------- check

    def check(self, batch):
        for line, named, cells in batch:
            try:
                opening, warning = self._opening(named)
                key = _key_of(
                    opening.customer,
                    opening.contents.terms,
                    opening.contents.layout.kind,
                    opening.contents.parameters["tracker_name"],
                )
            except ValidationError as error:
                yield Checked(line, REJECTED, cells, " ".join(error.messages))
            except (WorkbookError, TermsError) as error:
                yield Checked(line, REJECTED, cells, str(error))
            else:
                if key in self.there:
                    yield Checked(line, DUPLICATE, cells, warning=_other_given(self.there[key], opening))
                elif key in self.seen:
                    reason = f"line {self.seen[key]} is the same loan; give one of them another name."
                    yield Checked(line, REJECTED, cells, reason)
                elif sentence := self._doubt(opening):
                    yield Checked(line, REJECTED, cells, f"{sentence} {slips.HOW_TO_SAY_YES}")
                else:
                    self.seen[key] = line
                    yield Checked(line, NEW, cells, warning=warning, value=opening)

    def _opening(self, named):
        """(the Opening of a row, a warning). Raises ValidationError with every reason, WorkbookError, TermsError."""
        values, reasons = {}, []
        readers = {
            "given_on": _date, "investment": _money, "given": _money, "per_day": _money, "paid_so_far": _money,
            "period": _days, "cut": self._cut, "position": _position, "agent": self._agent,
        }  # fmt: skip
        for column in self.columns:
            cell, name = named.get(column.role, ""), column.label.lower()
            try:
                text = text_of(cell)
                if column.required and not text:
                    reasons.append(f"the {name} is missing.")
                values[column.role] = readers.get(column.role, text_of)(cell) if text else ""
            except ValidationError as error:
                reasons += [f"{name}: {message}" for message in error.messages]
        if not reasons:
            reasons = self._faults(values)
        if reasons:
            raise ValidationError(reasons)
        customer, warning = self._customer(values)
        contents = new_contents(
            _TYPES[_plain(values["type"])],
            tracker_name=ledger.clean_text(values["tracker_name"]) or f"Loan of {values['given_on']:%d-%m-%Y}",
            start_date=values["given_on"],
            investment=values["investment"],
            scheme_period=values["period"],
            per_day_payment=values["per_day"],
            skipped_weekdays=self.skipped,
            holidays=self.holidays,
        )
        if values["given"] != values["investment"]:
            contents = replace(contents, disbursed=values["given"])
        opening, said = self._brought_forward(Opening(customer, contents), values["paid_so_far"] or Decimal(0))
        return opening, f"{warning} {said}".strip()

    def _faults(self, values):
        faults = []
        if _plain(values["type"]) not in _TYPES:
            faults.append(f"type '{values['type'][:40]}' is unknown; write 50K, 1L or NO_REINVEST.")
        if values["given_on"] > self.today:
            faults.append(f"given on {values['given_on']:%d-%m-%Y} is in the future.")
        if values["per_day"] <= 0:
            faults.append("per day must be above 0.")
        try:
            amounts = (values[role] if values[role] != "" else None for role in ("investment", "given", "cut"))
            values["investment"], values["given"] = face_and_given(*amounts)
        except Contradiction as error:
            faults.append(str(error))
        if values["paid_so_far"] and values["paid_so_far"] < 0:
            faults.append("paid so far must not be negative.")
        return faults

    def _brought_forward(self, opening, paid):
        """The opening with what was paid so far on its day, and a warning where that is going to be posted."""
        if not paid:
            return opening, ""
        terms, begins_on = opening.contents.terms, self.book.begins_on
        is_early = bool(begins_on and terms.start_date < begins_on)
        on = begins_on - timedelta(days=1) if is_early else self.today
        day = min(terms.day_of(on), MAX_DAY)
        date, filled = terms.date_of(day), {"paid": paid, "mode": "Other", "notes": BROUGHT_FORWARD}
        opening.contents = edited(opening.contents, days={day: filled})
        warning = ""
        if paid > terms.total:
            warning = f"{paid} was paid of {terms.total} in all."
        if is_early:
            return opening, warning
        if self.book.is_closed_on(date) and not self.adjust:
            raise ClosedDay(date, self.book.closed_through)
        account = ledger.account_for_mode(self.book, "Other")
        said = f"What was paid so far is posted as collected on {date:%d-%m-%Y}, into {account}."
        return opening, f"{warning} {said}".strip()

    def _doubt(self, opening):
        """The sentence that asks about what was paid so far, "" where nothing is asked or yes was said to all."""
        if self.yes:
            return ""
        terms = opening.contents.terms
        paid = ((day, inputs["paid"]) for day, inputs in opening.contents.days.items())
        return next((slips.doubt(slips.limits(terms, Decimal(0), day), amount) for day, amount in paid), "")

    def _cut(self, cell):
        """The Cut of a cell: rupees, or a percentage where the cell or the column's heading says so."""
        text = text_of(cell)
        percent = percent_of(text)
        if percent is None and self.cut_is_percent:
            percent = percent_of(f"{text}%")
        amount = _money(cell) if percent is None else percent
        if 0 < amount < 1:
            raise ValidationError(f"'{text[:40]}' is less than 1: write a percentage like 12% or an amount in rupees.")
        return Cut(amount, percent is not None) if amount else Cut(Decimal(0))

    def _agent(self, cell):
        """The agent of the book of that login or name."""
        text = text_of(cell)
        found = self.agents.get(_plain(text), [])
        if len(found) > 1:
            raise ValidationError(f"several agents are called '{text[:40]}'; write the login of the one.")
        if not found:
            known = ", ".join(sorted({user.username for users in self.agents.values() for user in users})) or "none yet"
            raise ValidationError(f"'{text[:40]}' is no agent of this book. Its agents: {known}.")
        return found[0]

    def _customer(self, values):
        """(the book's customer of that login, or that name and phone, else a new one, saved with his first loan; a

        warning where the row says another route, place or agent than he has: he keeps his own).
        """
        name, phone = ledger.clean_text(values["customer"]), ledger.clean_text(values["phone"])
        login = values["login"].strip()
        for known in [self.by_login.get(login)] if login else self.customers:
            if known is None:
                continue
            is_same = known.name.casefold() == name.casefold() and not (
                phone and known.phone and _digits(phone) != _digits(known.phone)
            )
            if login or is_same:
                if not known.is_active:
                    raise ValidationError(f"the customer {known} is deactivated; activate him first.")
                return known, _other_round(known, values)
        login = login or self._free_login(name, phone)
        made = Customer(
            book=self.book,
            user=services.login_for(login),
            name=name,
            phone=phone,
            route=values["route"],
            position=values["position"] or 0,
            agent=values["agent"] or None,
        )
        made.full_clean(exclude=["user", "book"], validate_unique=False, validate_constraints=False)
        self.customers.append(made)
        self.by_login[login] = made
        self.logins.add(login)
        return made, ""

    def _free_login(self, name, phone):
        """A login made of the name, else of the phone's digits, that nobody has."""
        stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or _digits(phone) or "customer"
        login, number = stem, 1
        while login in self.logins:
            number += 1
            login = f"{stem}-{number}"
        return login

    # -------------------------------------------------------------------------------------------- post, undo

    def post(self, batch, job):
        openings = [checked.value for checked in batch]
        for opening in openings:
            customer = opening.customer
            if customer.user.pk is None:
                customer.user.save()
            if customer.pk is None:
                ledger.save(customer, self.user, "Came with a running loan")
        trackers = open_many(self.book, openings, user=self.user, adjust=self.adjust, reason=RUNNING_LOAN)
        if job is not None:
            job.parameters["opened"] = [*job.parameters.get("opened", ()), *(tracker.pk for tracker in trackers)]
            Job.objects.filter(pk=job.pk).update(parameters=job.parameters)
        return len(trackers)

    def undo(self, job):
        """Empty and close the loans that nobody touched since; nothing is deleted."""
        left = closed = 0
        for tracker in Tracker.objects.filter(pk__in=job.parameters.get("opened", ()), book=job.book, is_active=True):
            if tracker.version > 1:
                left += 1
                continue
            self._take_back(tracker)
            closed += 1
        words = f"{closed:,} {'loan' if closed == 1 else 'loans'} emptied and closed"
        return f"{words}, {left:,} left: they were changed since." if left else f"{words}."

    def _take_back(self, tracker):
        services.empty(tracker, user=self.user)
        services.close_tracker(tracker, closing=Tracker.Closing.WRITTEN_OFF, user=self.user)

    def result_url(self, job):
        return reverse("trackers:list", args=[job.book.slug])


def _agents_of(book):
    """{login or full name in plain letters: the agents of the book of that login or name}."""
    found = {}
    for member in BookMember.objects.filter(book=book, role=Role.AGENT).select_related("user"):
        for name in {_plain(member.user.username), _plain(member.user.get_full_name())} - {""}:
            found.setdefault(name, []).append(member.user)
    return found


def _other_given(known, opening):
    given = opening.contents.handed_over
    if given == known:
        return ""
    return f"this loan is here with {rupees(known)} handed over; the file says {rupees(given)}. Change it in its terms."


def _other_round(customer, values):
    says = {name: values[name] for name in _ROUND if values[name] not in ("", getattr(customer, name))}
    if not says:
        return ""
    words = ", ".join(f"{name} {value}" for name, value in says.items())
    return f"{customer.name} keeps what he has; the row says {words}."


def _position(cell):
    text = text_of(cell)
    if not (text.isascii() and text.isdecimal() and int(text[:9]) < 100_000):
        raise ValidationError(f"'{text[:40]}' is no place on a route: write a number such as 4.")
    return int(text)


def _plain(text):
    return re.sub(r"[\W_]+", " ", text).strip().casefold()


def _digits(phone):
    """The last ten digits of a phone number, which +91 and blanks do not change."""
    return re.sub(r"\D", "", phone)[-10:]


def _days(cell):
    refuse_seen(cell, "a number of days")
    text = re.sub(r"\s*\(?days?\)?$", "", text_of(cell), flags=re.IGNORECASE)
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= MAX_DAY):
        raise ValidationError(f"'{text[:40]}' is not a number of days.")
    return int(text)


def _key_of(customer, terms, kind, name):
    """What makes two rows the same loan."""
    return (
        customer.user.username,
        kind,
        name.casefold(),
        terms.start_date,
        terms.investment,
        terms.per_day_payment,
        terms.scheme_period,
    )
