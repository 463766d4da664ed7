"""The import of payments: a collection sheet that was filled in offline, or any list of tracker, day and amount.

All rows or none, under the book's lock, which is taken before the transaction. A row that a day holds already is a
duplicate, so the same file again adds nothing; another amount on a filled day is refused unless it may replace.
"""

from contextlib import contextmanager
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse

from ledger import services as ledger
from ledger.daybook import ClosedDay
from ledger.resources import DateWidget, ModeWidget, MoneyWidget
from shop import access, faults
from shop.imports.cells import text_of
from shop.imports.importing import AS_SHOWN, DUPLICATE, NEW, REJECTED, Checked, Column, Importer, match_columns
from shop.models import Job
from shop.money import ZERO, rupees
from trackers import posted, posting, services, slips, store
from trackers.collect.collection import REFUSALS, put_back_values, shown_values, words
from trackers.models import Tracker
from trackers.schedule import MAX_DAY
from trackers.workbook.read import open_workbook

_date, _money, _mode = DateWidget().clean, MoneyWidget().clean, ModeWidget().clean


@dataclass
class Payment:
    """One row: `edits` are fields of the day's inputs."""

    tracker: Tracker
    day: int
    edits: dict


class PaymentImporter(Importer):
    """Payments of many trackers and days from a CSV or XLSX."""

    kind = "payments"
    title = "Payments"
    noun = ("payment", "payments")
    columns = (
        Column(
            "tracker", "Tracker", True, ("file", "filename", "file name", "tracker id", "id"), "file name or number"
        ),
        Column("customer", "Customer", False, ("customer name",), "not read"),
        Column("tracker_name", "Tracker's name", False, ("loan",), "not read"),
        Column("day", "Day", False, ("day number", "day no"), "or the date"),
        Column("date", "Date", False, ("paid on", "payment date"), "17-10-2024", "date"),
        Column("due", "Due", False, (), "not read", "other"),
        Column("behind", "Behind", False, (), "not read", "other"),
        Column("amount", "Amount", True, ("paid", "payment", "daily payments"), "empty: not visited", "amount"),
        Column("mode", "Mode", False, ("payment mode",), "Cash, UPI, Cheque"),
        Column("notes", "Notes", False, ("note", "remarks"), ""),
    )
    heads = ("tracker", "customer")
    options = {
        "replace": "Replace what a day holds already",
        "adjust": "Post days that are closed on the first open day, as adjustments",
        "yes": slips.OPTION,
        **AS_SHOWN,
    }
    example = (
        ("tracker_john_20241016_090000.xlsx", "John", "Shop", "1", "", "500.00", "0.00", "500", "UPI", ""),
        ("tracker_john_20241016_090000.xlsx", "", "", "", "18-10-2024", "", "", "0", "", "came, paid nothing"),
    )

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.is_locked = False

    def open(self, path):
        """The table without the rows that name no amount: nobody was visited there."""
        table = super().open(path)
        match = match_columns(self.columns, table.header)
        if "amount" in match.roles:
            at, rows = match.roles.index("amount"), table.rows
            table.rows = lambda: (row for row in rows() if row.fault or (row.cells[at : at + 1] or [""])[0] != "")
        return table

    @contextmanager
    def around(self):
        with store.locked(self.book.pk):
            self.is_locked = True
            try:
                yield
            finally:
                self.is_locked = False

    def begin(self):
        self.book.refresh_from_db()
        self.today = self.book.today()
        self.frozen = faults.frozen(self.book.pk, faults.TRACKER)
        self.frozen_days = list(faults.freezing(self.book.pk, faults.DAYS))
        self.found, self.trackers, self.contents, self.seen = {}, {}, {}, {}
        self.written, self.went, self.paid = {}, [], {}

    # -------------------------------------------------------------------------------------------- check

    def check(self, batch):
        for line, named, cells in batch:
            try:
                payment, held = self._payment(line, named)
            except REFUSALS as error:
                yield Checked(line, REJECTED, cells, words(error))
                continue
            if held.get("paid") == payment.edits["paid"] and held.get("mode") == payment.edits["mode"]:
                yield Checked(line, DUPLICATE, cells)
            elif held.get("paid") is not None and not self.replace:
                reason = f"day {payment.day} holds {rupees(held['paid'])} already; tick “Replace” to put this instead."
                yield Checked(line, REJECTED, cells, reason)
            elif sentence := self._doubt(payment, held):
                yield Checked(line, REJECTED, cells, f"{sentence} {slips.HOW_TO_SAY_YES}")
            else:
                self.paid[payment.tracker.pk] += payment.edits["paid"] - (held.get("paid") or ZERO)
                yield Checked(line, NEW, cells, value=payment)

    def _doubt(self, payment, held):
        """The sentence that asks about a row's amount, the rows before it counted; "" where nothing is asked."""
        tracker = payment.tracker
        paid = self.paid.setdefault(tracker.pk, self._contents(tracker).summary()["total_paid"])
        limits = slips.limits(tracker.terms, paid - (held.get("paid") or ZERO), payment.day)
        return "" if self.yes else slips.doubt(limits, payment.edits["paid"])

    def _payment(self, line, named):
        """(the Payment of a row, what its day holds now). Raises one of REFUSALS."""
        tracker = self._tracker(text_of(named.get("tracker", "")))
        amount = _money(named.get("amount", ""))
        if amount < 0:
            raise ValidationError("an amount is never below 0.")
        day = self._day(tracker, named)
        on = tracker.terms.date_of(day)
        if on > self.today:
            raise ValidationError(f"{on:%d-%m-%Y} has not come yet; record it on the tracker's page.")
        if self.book.is_closed_on(on) and not self.adjust:
            raise ClosedDay(on, self.book.closed_through)
        faults.refuse_days(self.book.pk, [on], among=self.frozen_days)
        if (tracker.pk, day) in self.seen:
            raise ValidationError(
                f"line {self.seen[tracker.pk, day]} is the same day of the same tracker; make them one."
            )
        self.seen[tracker.pk, day] = line
        edits = {"paid": amount, "mode": _mode(named.get("mode", ""))}
        if notes := ledger.clean_text(text_of(named.get("notes", ""))):
            edits["notes"] = notes
        return Payment(tracker, day, edits), self._contents(tracker).days.get(day, {})

    def _tracker(self, name):
        """The running tracker of a file name or number, among those that the person may see."""
        if name not in self.found:
            rows = (
                access.visible(Tracker, self.user, self.book) if self.user else Tracker.objects.filter(book=self.book)
            )
            by = {"pk": int(name)} if name.isdecimal() and len(name) < 15 else {"filename": name}
            row = rows.select_related("book", "customer__user").filter(**by).first()
            self.found[name] = row and self.trackers.setdefault(row.pk, row)  # one row by its number and its file name
        tracker = self.found[name]
        if tracker is None:
            raise ValidationError(f"there is no tracker '{name[:60]}' in this book.")
        if not tracker.is_active:
            raise ValidationError(f"{tracker} is closed; reopen it first.")
        services.refuse_frozen(tracker, self.frozen)
        return tracker

    def _day(self, tracker, named):
        text, cell = text_of(named.get("day", "")), named.get("date", "")
        by_date = tracker.terms.day_of(_date(cell)) if cell != "" else None
        if text and not (text.isascii() and text.isdecimal() and len(text) < 6):
            raise ValidationError(f"'{text[:20]}' is not a day of the table.")
        day = int(text) if text else by_date
        if day is None:
            raise ValidationError("neither a day nor a date is given.")
        if by_date is not None and day != by_date:
            raise ValidationError(f"day {day} and the date do not agree: on that date it is day {by_date}.")
        if not 0 <= day <= MAX_DAY:
            raise ValidationError(f"day {day} is outside the table: give a day from 0 to {MAX_DAY}.")
        return day

    def _contents(self, tracker):
        if tracker.pk not in self.contents:
            read = services.current(tracker).contents if self.is_locked else services.contents_of(tracker)
            self.contents[tracker.pk] = read
        return self.contents[tracker.pk]

    # -------------------------------------------------------------------------------------------- post, undo

    def post(self, batch, job):
        days = {}
        for checked in batch:
            payment = checked.value
            days.setdefault(payment.tracker, {})[payment.day] = payment.edits
        changes = self._write(days, "Imported")
        self.went += posted.sums(posted.of_changes(self.book, [day for change in changes for day in change.days]))
        if job is not None:
            lines = [
                {"tracker": day.tracker.pk, "day": day.day, "before": shown_values(day.before),
                 "after": shown_values(day.after)} for change in changes for day in change.days
            ]  # fmt: skip
            job.parameters["payments"] = [*job.parameters.get("payments", ()), *lines]
            Job.objects.filter(pk=job.pk).update(parameters=job.parameters)
        return len(batch)

    def _write(self, days, reason, adjust=False):
        """Write {tracker: {day: edits}} and post it, in the caller's transaction; the files move after its commit."""
        changes = []
        for tracker, edits in days.items():
            earlier = self.written.get(tracker.pk)
            opened = open_workbook(earlier) if earlier else services.current(tracker)
            change = services.changed(tracker, opened, days=edits)
            change.days = [
                posting.DayChange(
                    tracker, day, dict(opened.contents.days.get(day, {})), dict(change.new.days.get(day, {}))
                )
                for day in sorted(edits)
            ]
            changes.append(change)
        with services.written(changes) as files:
            services.apply(changes, files, user=self.user, reason=reason, adjust=self.adjust or adjust)
        for one in files:
            self.written[one.tracker.pk] = store.waiting_path(one.tracker, one.sha256).read_bytes()
        transaction.on_commit(lambda: store.settle(*(change.tracker for change in changes)), robust=True)
        return changes

    def said(self):
        where = posted.in_words(self.went)
        return f"Posted: {where}." if where else ""

    def undo(self, job):
        """Put the days back as they were before; a day that was changed since stays."""
        self.begin()
        left, days = 0, {}
        trackers = Tracker.objects.filter(book=job.book).select_related("book", "customer__user")
        lines = job.parameters.get("payments", [])
        by_pk = trackers.in_bulk({line["tracker"] for line in lines})
        for line in lines:
            tracker = by_pk[line["tracker"]]
            try:
                now = dict(self._contents(tracker).days.get(line["day"], {}))
            except REFUSALS:
                now = None
            if now is None or not tracker.is_active or shown_values(now) != line["after"]:
                left += 1
                continue
            before = dict.fromkeys(now) | put_back_values(line["before"])
            days.setdefault(tracker, {})[line["day"]] = before
        self._write(days, "Import undone", adjust=True)
        count = len(lines) - left
        said = f"{count:,} {'payment' if count == 1 else 'payments'} put back as before"
        return f"{said}, {left:,} left: they were changed since." if left else f"{said}."

    def result_url(self, job):
        return reverse("trackers:list", args=[job.book.slug])
