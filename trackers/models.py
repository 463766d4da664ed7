"""Customers and their trackers: the metadata of each workbook, and what waits to be written into it.

Tracker: one scheme of one customer, a row here plus one workbook in the instance's daily-trackers/; the day rows live
in the workbook, and `version`, `sha256` and the cached totals say which file is the true one and what it adds up to.
Draft: a figure typed on the collection sheet, kept until it is saved. Approval: an agent's collection that waits for
staff. CollectionSave: one press of "Save", so that pressing it twice saves once. CustomerLogin: what the customer's
side keeps of his login. Receipt: one link of a book's chain of receipts; ReceiptBook: how far that chain has come.
Dispute: what a customer says is not as it should be.
"""

import uuid
from datetime import date

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from ledger.models import Account, Category, PaymentMode
from shop.models import Book, Job
from shop.money import ZERO
from shop.money_fields import MoneyField
from trackers import schedule

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def check_weekdays(days):
    if not isinstance(days, list) or not set(days) <= set(range(7)) or len(set(days)) == 7:
        raise ValidationError("Skipped weekdays are numbers from 0 (Monday) to 6, and never all seven.")


class TrackerSettings(models.Model):
    """How a book runs its trackers."""

    book = models.OneToOneField(Book, models.CASCADE, related_name="tracker_settings")
    skipped_weekdays = models.JSONField(default=list, blank=True, validators=[check_weekdays])
    agents_need_approval = models.BooleanField(
        default=False, help_text="Agents' collections wait for staff before they are written and posted."
    )
    history = HistoricalRecords()

    def __str__(self):
        return f"Trackers of {self.book}"


class Holiday(models.Model):
    """A day of the book on which no instalment falls due."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="holidays", db_index=False)
    date = models.DateField()
    name = models.CharField(max_length=80, blank=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["date"]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "date"],
                name="holiday_once",
                violation_error_message="This day is in the list already.",
            )
        ]

    def __str__(self):
        return f"{self.date:%d-%m-%Y} {self.name}"


class PostingColumn(models.Model):
    """Which column of the workbooks posts to the ledger, and under what; a column without a row does not post."""

    class Column(models.TextChoices):
        PAID = "paid", "Daily Payments"
        WITHDRAWN = "withdrawn", "Withdrawn"
        REINVEST = "reinvest", "Reinvest"
        POCKET_MONEY = "pocket_money", "Pocket Money"

    book = models.ForeignKey(Book, models.CASCADE, related_name="posting_columns", db_index=False)
    column = models.CharField(max_length=20, choices=Column)
    category = models.ForeignKey(Category, models.PROTECT, related_name="+")
    subcategory = models.CharField(max_length=80, blank=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "column"],
                name="posting_column_once",
                violation_error_message="This column posts already; change its row.",
            )
        ]

    def __str__(self):
        return f"{self.get_column_display()} → {self.category}"


class Customer(models.Model):
    """Somebody the book lends to; his login sees his own trackers in the portal."""

    class Language(models.TextChoices):
        ENGLISH = "en-in", "English"
        TAMIL = "ta", "தமிழ்"
        HINDI = "hi", "हिन्दी"

    book = models.ForeignKey(Book, models.PROTECT, related_name="customers", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="customers")
    name = models.CharField(max_length=120)
    phone = models.CharField(max_length=20, blank=True)
    language = models.CharField(max_length=8, choices=Language, default=Language.ENGLISH)
    address = models.CharField(max_length=300, blank=True)
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="agent_customers"
    )
    route = models.CharField(max_length=60, blank=True)
    position = models.PositiveIntegerField(default=0, help_text="His place on the route.")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["route", "position", "name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "user"],
                name="customer_login_once",
                violation_error_message="This login is a customer of the book already.",
            )
        ]
        indexes = [models.Index(fields=["book", "route", "position"], name="customer_book_route")]

    def __str__(self):
        return self.name


class CustomerLogin(models.Model):
    """What the customer's side keeps of a login: a row is made when there is something to keep."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+")
    epoch = models.PositiveIntegerField(default=0, help_text="Sessions of an earlier epoch are worth nothing.")
    password_asked_at = models.DateTimeField(null=True, help_text="He has forgotten it and waits for a link.")

    class Meta:
        default_permissions = ()


class Tracker(models.Model):
    """One scheme: its terms, and which file holds its days. Amounts are Decimal rupees, the period is in days."""

    class Type(models.TextChoices):
        REINVEST_50K = "50K", "₹50K reinvestment"
        ENHANCED_1L = "1L", "₹1L enhanced"
        NO_REINVEST = "NO_REINVEST", "No reinvestment"

    class Closing(models.TextChoices):
        PAID = "paid", "Paid"
        SETTLED = "settled", "Settled"
        WRITTEN_OFF = "written_off", "Written off"
        RENEWED = "renewed", "Renewed"

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="Stands in the workbook too.")
    book = models.ForeignKey(Book, models.PROTECT, related_name="trackers", db_index=False)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="trackers")
    tracker_name = models.CharField(max_length=120)
    tracker_type = models.CharField(max_length=12, choices=Type)
    investment = MoneyField()
    disbursed_amount = MoneyField(help_text="What was really handed over; by default the investment.")
    disbursed_account = models.ForeignKey(Account, models.PROTECT, null=True, blank=True, related_name="+")
    scheme_period = models.PositiveIntegerField(help_text="Days that carry an instalment.")
    per_day_payment = MoneyField()
    strategy = models.CharField(max_length=120, blank=True)
    enhanced_count = models.PositiveIntegerField(null=True, blank=True)
    start_date = models.DateField()
    skipped_weekdays = models.JSONField(default=list, blank=True, validators=[check_weekdays])
    holidays = models.JSONField(default=list, blank=True, help_text="The book's holidays within the term, ISO dates.")

    filename = models.CharField(max_length=200, unique=True, editable=False)
    version = models.PositiveIntegerField(default=0, editable=False)
    sha256 = models.CharField(max_length=64, editable=False)
    changed_outside_at = models.DateTimeField(null=True, blank=True, editable=False)
    unreadable_at = models.DateTimeField(null=True, blank=True, editable=False)

    is_active = models.BooleanField(default=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)
    closed_on = models.DateField(null=True, blank=True, editable=False)
    closing = models.CharField(max_length=12, choices=Closing, blank=True, editable=False)
    waived_amount = MoneyField(default=ZERO, editable=False)
    renewed_from = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="renewed_into", editable=False
    )

    # What the workbook of `version` adds up to, so that lists and totals never open a file.
    days_paid = models.PositiveIntegerField(default=0, editable=False)
    total_paid = MoneyField(default=ZERO, editable=False)
    balance = MoneyField(default=ZERO, editable=False)
    expected = MoneyField(default=ZERO, editable=False)
    pending = MoneyField(default=ZERO, editable=False)
    pocket_money = MoneyField(default=ZERO, editable=False, help_text="Fresh money put in since; ₹1L only.")
    last_paid_on = models.DateField(null=True, blank=True, editable=False)
    last_day = models.PositiveIntegerField(default=0, editable=False)
    history = HistoricalRecords()

    class Meta:
        ordering = ["customer__route", "customer__position", "customer__name", "id"]
        indexes = [models.Index(fields=["book", "is_active"], name="tracker_book_active")]
        constraints = [
            models.CheckConstraint(
                condition=Q(investment__gt=0),
                name="tracker_investment_above_zero",
                violation_error_message="The investment must be above 0.",
            ),
            models.CheckConstraint(
                condition=Q(per_day_payment__gt=0),
                name="tracker_per_day_above_zero",
                violation_error_message="The payment per day must be above 0.",
            ),
            models.CheckConstraint(
                condition=Q(scheme_period__gte=1, scheme_period__lte=schedule.MAX_PERIOD),
                name="tracker_period_in_range",
                violation_error_message=f"The scheme period is 1 to {schedule.MAX_PERIOD} days.",
            ),
            models.CheckConstraint(
                condition=Q(pending=F("expected") - F("total_paid")), name="tracker_pending_adds_up"
            ),
            models.CheckConstraint(
                condition=Q(is_active=True, closed_at=None) | Q(is_active=False, closed_at__isnull=False),
                name="tracker_closed_has_a_moment",
            ),
        ]

    def __str__(self):
        return f"{self.tracker_name} ({self.customer})"

    @property
    def terms(self):
        """The terms as trackers.schedule counts with them."""
        return schedule.Terms(
            investment=self.investment,
            scheme_period=self.scheme_period,
            per_day_payment=self.per_day_payment,
            start_date=self.start_date,
            skipped_weekdays=frozenset(self.skipped_weekdays),
            holidays=frozenset(date.fromisoformat(day) for day in self.holidays),
        )

    @property
    def profit(self):
        """What came in less what was handed over and put in since: below zero until the money is back."""
        return self.total_paid - self.disbursed_amount - self.pocket_money

    def standing(self, on=None):
        """How the customer stands today (or on a date), from the cached totals: no file is opened."""
        return schedule.standing(self.terms, self.total_paid, on or self.book.today())


class Draft(models.Model):
    """A figure typed on the collection sheet or kept while the workbook could not be written; one per person and day.

    `amount` None with a `note` is a note alone. Drafts outlive a power cut and are offered until saved or dropped.
    """

    tracker = models.ForeignKey(Tracker, models.CASCADE, related_name="drafts", db_index=False)
    date = models.DateField()
    amount = MoneyField(null=True)
    mode = models.CharField(max_length=20, choices=PaymentMode, default=PaymentMode.CASH)
    note = models.CharField(max_length=500, blank=True)
    is_added = models.BooleanField(default=False, help_text="On top of what the day has, not instead of it.")
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["tracker", "date", "saved_by"], name="draft_once")]


class Approval(models.Model):
    """An agent's collection that waits for staff: until approved it is in his cash, outside books and receipts."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"

    tracker = models.ForeignKey(Tracker, models.PROTECT, related_name="approvals")
    date = models.DateField()
    amount = MoneyField()
    mode = models.CharField(max_length=20, choices=PaymentMode, default=PaymentMode.CASH)
    note = models.CharField(max_length=500, blank=True)
    is_added = models.BooleanField(default=False)
    token = models.CharField(max_length=64, unique=True, help_text="One press of Save asks once.")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300, blank=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["-id"]


class CollectionSave(models.Model):
    """One press of "Save" on the collection sheet; its token makes the second press find the first one's result."""

    token = models.CharField(max_length=64, unique=True)
    book = models.ForeignKey(Book, models.CASCADE, related_name="+")
    date = models.DateField()
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    saved_at = models.DateTimeField(default=timezone.now)
    result = models.JSONField(default=dict)

    class Meta:
        default_permissions = ()


class Receipt(models.Model):
    """One link of a book's chain of receipts: a payment's receipt, or what became of the payment since.

    `number` counts the receipts of a book, `position` the links, `step` the links of one payment; all from 1 and
    without gaps. `payment` is the source_ref of its ledger entry. A link is never changed: the database refuses it
    (shop.append_only), and `seal` covers the row and the seal before it (seals.py). `token` of the ISSUED link is what
    the public address names the receipt by. A cancelled link repeats the date and amount that it cancels.
    """

    class Kind(models.TextChoices):
        ISSUED = "issued", "Issued"
        CORRECTED = "corrected", "Corrected"
        CANCELLED = "cancelled", "Cancelled"

    token = models.CharField(max_length=32, primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="receipts", db_index=False)
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    number = models.PositiveIntegerField()
    tracker = models.ForeignKey(Tracker, models.PROTECT, related_name="receipts")
    payment = models.CharField(max_length=120)
    step = models.PositiveIntegerField()
    date = models.DateField()
    amount = MoneyField()
    made_at = models.DateTimeField()
    previous = models.CharField(max_length=64, blank=True)
    seal = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()
        ordering = ["book", "position"]
        indexes = [models.Index(fields=["book", "date"], name="receipt_book_date")]
        constraints = [
            models.UniqueConstraint(fields=["book", "position"], name="receipt_position_once"),
            models.UniqueConstraint(
                fields=["book", "number"],
                condition=Q(kind="issued"),
                name="receipt_number_once",
                violation_error_message="This number has a receipt already.",
            ),
            models.UniqueConstraint(
                fields=["book", "payment", "step"],
                name="receipt_of_payment_once",
                violation_error_message="This payment has its receipt already.",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="receipt_amount_above_zero"),
            models.CheckConstraint(
                condition=Q(kind__in=["issued", "corrected", "cancelled"]), name="receipt_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(step__gte=1, position__gte=F("number"), number__gte=1), name="receipt_counts_from_one"
            ),
        ]

    def __str__(self):
        return f"Receipt {self.number}"


class ReceiptBook(models.Model):
    """How far a book's chain of receipts has come; locked while a link is added, so that no number is left out."""

    book = models.OneToOneField(Book, models.PROTECT, primary_key=True, related_name="receipt_book")
    position = models.PositiveIntegerField(default=0)
    number = models.PositiveIntegerField(default=0)
    seal = models.CharField(max_length=64, blank=True)

    class Meta:
        default_permissions = ()


class Dispute(models.Model):
    """What a customer says of his payments, what the office answers, and how it was settled; all of it he reads.

    `date` and `amount` are what he says it should be; `receipt` the one that he calls wrong. `key` comes with his
    form, so that the same form sent twice says it once.
    """

    class Kind(models.TextChoices):
        PAID = "paid", _("I paid this")
        WRONG = "wrong", _("This is wrong")
        MISSING = "missing", _("A payment is missing")

    class Outcome(models.TextChoices):
        RECORDED = "recorded", _("The payment was recorded")
        CORRECTED = "corrected", _("It was corrected")
        STANDS = "stands", _("It stays as it is")

    tracker = models.ForeignKey(Tracker, models.PROTECT, related_name="disputes")
    receipt = models.ForeignKey(Receipt, models.PROTECT, null=True, related_name="disputes")
    kind = models.CharField(max_length=10, choices=Kind)
    date = models.DateField()
    amount = MoneyField(null=True)
    paid_to = models.CharField(max_length=120, blank=True)
    note = models.CharField(max_length=500, blank=True)
    key = models.UUIDField()
    said_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    said_at = models.DateTimeField(default=timezone.now)
    answer = models.CharField(max_length=500, blank=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    answered_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    settled_at = models.DateTimeField(null=True)
    history = HistoricalRecords()

    class Meta:
        default_permissions = ()
        ordering = ["-said_at", "-id"]
        indexes = [models.Index(fields=["tracker"], name="dispute_open", condition=Q(settled_at=None))]
        constraints = [
            models.UniqueConstraint(fields=["tracker", "key"], name="dispute_said_once"),
            models.CheckConstraint(condition=Q(kind__in=["paid", "wrong", "missing"]), name="dispute_kind_known"),
            models.CheckConstraint(condition=Q(amount=None) | Q(amount__gte=0), name="dispute_amount_not_below_zero"),
            models.CheckConstraint(
                condition=Q(settled_at=None, outcome="")
                | (Q(settled_at__isnull=False) & ~Q(outcome="") & ~Q(answer="")),
                name="dispute_settled_with_answer_and_outcome",
                violation_error_message="Say how it was settled, and answer him in a sentence.",
            ),
        ]

    def __str__(self):
        return f"{self.get_kind_display()}, {self.date:%d-%m-%Y}"
