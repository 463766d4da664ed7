"""The ledger's rows: what a book holds, and the day book derived from it.

Book: one set of books with its own day book. Account: a cash box, bank account, UPI wallet or card, with an opening
balance. LedgerEntry: one receipt or payment; its category's direction says which. AccountTransfer: money that moved
between two accounts of one book, neither received nor spent. DayBook and DayBookDetail: a day's totals, derived from
the entries and stored. DayChange: the outbox; a row says "this day must be computed again". DayClose: a counted and
signed day; a book is closed *through* a date.

Two clocks: `date` is the business date, when the money moved, in the book's time zone; `…_at` is the moment somebody
typed it. Amounts are always above 0; direction is a field of Category, and a reversal counts against its category.
"""

from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from simple_history.models import HistoricalRecords

from lendbook.money import ZERO, MoneyField, rupees


class Direction(models.TextChoices):
    RECEIVED = "received", "Received"
    SPENT = "spent", "Spent"


class PaymentMode(models.TextChoices):
    CASH = "Cash", "Cash"
    UPI = "UPI", "UPI"
    BANK_TRANSFER = "Bank Transfer", "Bank Transfer"
    CHEQUE = "Cheque", "Cheque"
    CARD = "Card", "Card"
    ONLINE = "Online", "Online"
    OTHER = "Other", "Other"


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    STAFF = "staff", "Staff"
    AGENT = "agent", "Agent"
    AUDITOR = "auditor", "Auditor"


class TransactionType(models.TextChoices):
    COLLECTION = "COLLECTION", "Collection"
    EXPENSE = "EXPENSE", "Expense"


def check_time_zone(name):
    if name not in available_timezones():
        raise ValidationError(f"'{name}' is no time zone; write one like Asia/Kolkata.")


class Book(models.Model):
    """One set of books. Dates in it are business dates in its time zone."""

    slug = models.SlugField(unique=True, error_messages={"unique": "A book with this short name is there already."})
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64, default="Asia/Kolkata", validators=[check_time_zone])
    begins_on = models.DateField(
        null=True, blank=True, help_text="Openings are as of the morning of this day; earlier entries are refused."
    )
    closed_through = models.DateField(null=True, blank=True, editable=False)
    is_demo = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name

    def save(self, *args, **kwargs):
        """Only a close or reopening writes `closed_through`: a form read earlier must not put the old one back."""
        if not self._state.adding and kwargs.get("update_fields") is None:
            self.refresh_from_db(fields=["closed_through"])
            kwargs["update_fields"] = [
                field.name
                for field in self._meta.concrete_fields
                if not field.primary_key and field.name != "closed_through"
            ]
        super().save(*args, **kwargs)

    def today(self):
        """The business date now, wherever the server's clock stands."""
        return timezone.now().astimezone(ZoneInfo(self.time_zone)).date()

    def is_closed_on(self, date):
        return self.closed_through is not None and date <= self.closed_through


class BookMember(models.Model):
    """Who works in a book, and as what."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="members", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="book_members")
    role = models.CharField(max_length=10, choices=Role)
    made_login = models.BooleanField(
        default=False, editable=False, help_text="The login was made for this book; its owner may reset the password."
    )
    history = HistoricalRecords()

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"
        ordering = ["user__username"]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "user"],
                name="book_member_once",
                violation_error_message="This person works in the book already; change the role instead.",
            )
        ]

    def __str__(self):
        return f"{self.user} ({self.get_role_display().lower()})"


class MovesDays(models.Model):
    """A row whose change moves days. It and its outbox rows (signals.py) are written together, or neither is."""

    class Meta:
        abstract = True

    def save(self, *args, **kwargs):
        with transaction.atomic():
            super().save(*args, **kwargs)


class Account(MovesDays):
    """Where money lies. `opening_balance` stands on the morning of the book's first day."""

    class Kind(models.TextChoices):
        CASH = "cash", "Cash box"
        BANK = "bank", "Bank account"
        UPI = "upi", "UPI wallet"
        CARD = "card", "Card"

    book = models.ForeignKey(Book, models.CASCADE, related_name="accounts", db_index=False)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.CASH)
    opening_balance = MoneyField(default=ZERO)
    is_active = models.BooleanField(default=True)
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="cash_accounts",
        help_text="The agent who carries this cash; empty for the shop's own accounts.",
    )
    history = HistoricalRecords()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                "book",
                Lower("name"),
                name="account_name_once",
                violation_error_message="The book has an account of this name already.",
            )
        ]

    def __str__(self):
        return self.name


class PaymentModeAccount(models.Model):
    """Into which account a payment mode pays, where nobody names one."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="mode_accounts", db_index=False)
    payment_mode = models.CharField(max_length=20, choices=PaymentMode)
    account = models.ForeignKey(Account, models.CASCADE, related_name="modes")
    history = HistoricalRecords()

    class Meta:
        ordering = ["payment_mode"]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "payment_mode"],
                name="payment_mode_account_once",
                violation_error_message="This payment mode has an account already.",
            )
        ]

    def __str__(self):
        return f"{self.payment_mode} → {self.account}"


class Category(MovesDays):
    """What an entry is for. Its direction, and nothing else, says whether money came or went."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="categories", db_index=False)
    name = models.CharField(max_length=80)
    direction = models.CharField(max_length=10, choices=Direction)
    is_active = models.BooleanField(default=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "categories"
        constraints = [
            models.UniqueConstraint(
                "book",
                Lower("name"),
                name="category_name_once",
                violation_error_message="The book has a category of this name already.",
            ),
            models.CheckConstraint(condition=Q(direction__in=Direction.values), name="category_direction_known"),
        ]

    def __str__(self):
        return self.name

    @property
    def transaction_type(self):
        return TransactionType.COLLECTION if self.direction == Direction.RECEIVED else TransactionType.EXPENSE


class TallyName(models.Model):
    """How the accountant's Tally company calls an account, a category, or one subcategory of it."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="tally_names", db_index=False)
    account = models.ForeignKey(Account, models.CASCADE, null=True, blank=True, related_name="+")
    category = models.ForeignKey(Category, models.CASCADE, null=True, blank=True, related_name="+")
    subcategory = models.CharField(max_length=80, blank=True)
    name = models.CharField(max_length=120)
    history = HistoricalRecords()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["book", "account"], name="tally_name_of_account_once"),
            models.UniqueConstraint(fields=["book", "category", "subcategory"], name="tally_name_of_category_once"),
            models.CheckConstraint(
                condition=Q(account=None, category__isnull=False) | Q(account__isnull=False, category=None),
                name="tally_name_of_account_or_category",
            ),
        ]

    def __str__(self):
        return self.name


class Movement(MovesDays):
    """What entries and transfers share: a dated amount in a book, typed by somebody, that can be binned or reversed."""

    book = models.ForeignKey(Book, models.PROTECT, related_name="%(class)s_set", db_index=False)
    date = models.DateField(help_text="The business date: when the money moved.")
    amount = MoneyField()
    narration = models.CharField(max_length=500, blank=True)
    reference = models.CharField(max_length=120, blank=True)
    source = models.CharField(max_length=20, blank=True, editable=False)
    source_ref = models.CharField(max_length=120, blank=True, editable=False)
    adjusts_date = models.DateField(
        null=True, blank=True, editable=False, help_text="The closed day this one mends, being posted on an open day."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    reversed_at = models.DateTimeField(null=True, blank=True, editable=False)
    reversal_of = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="reversals", editable=False
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        abstract = True


def movement_constraints(name):
    """The invariants every Movement keeps; `name` makes them unique per table."""
    return [
        models.CheckConstraint(
            condition=Q(amount__gt=0),
            name=f"{name}_amount_above_zero",
            violation_error_message="The amount must be above 0.",
        ),
        models.UniqueConstraint(
            fields=["book", "source", "source_ref"],
            condition=~Q(source_ref="") & Q(deleted_at=None) & Q(reversed_at=None),
            name=f"{name}_source_once",
            violation_error_message="This was posted already.",
        ),
        models.UniqueConstraint(
            fields=["reversal_of"],
            condition=Q(deleted_at=None),
            name=f"{name}_reversed_once",
            violation_error_message="This was reversed already.",
        ),
    ]


class LedgerEntry(Movement):
    """One receipt or payment. Soft-deleted when `deleted_at` is set; a reversal counts against its category."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="entries", db_index=False)
    category = models.ForeignKey(Category, models.PROTECT, related_name="entries", db_index=False)
    subcategory = models.CharField(max_length=80, blank=True)
    payment_mode = models.CharField(max_length=20, choices=PaymentMode, default=PaymentMode.CASH)
    job = models.ForeignKey(
        "Job",
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="entries",
        db_index=False,
        help_text="The import that posted it, so that an import can be undone as a whole.",
    )
    history = HistoricalRecords()

    class Meta:
        verbose_name = "entry"
        verbose_name_plural = "entries"
        ordering = ["-date", "-id"]
        constraints = movement_constraints("entry")
        indexes = [
            models.Index(fields=["book", "date", "id"], name="entry_book_date"),
            models.Index(  # all that the day book engine reads, in its order: it never touches the rows themselves
                fields=["book", "date", "category", "subcategory", "account", "amount", "reversal_of"],
                condition=Q(deleted_at=None),
                name="entry_counted",
            ),
            models.Index(fields=["account", "date"], name="entry_account_date"),
            models.Index(fields=["category", "date"], name="entry_category_date"),
            # Few rows among a million; without these the bin takes a look at every entry.
            models.Index(fields=["book", "date"], name="entry_in_bin", condition=Q(deleted_at__isnull=False)),
            models.Index(fields=["book", "date"], name="entry_adjusting", condition=Q(adjusts_date__isnull=False)),
            models.Index(
                fields=["book", "date"],
                name="entry_taken_back",
                condition=Q(reversed_at__isnull=False) | Q(reversal_of__isnull=False),
            ),
            models.Index(fields=["job"], name="entry_job", condition=Q(job__isnull=False)),
        ]

    def __str__(self):
        return f"{self.date:%d-%m-%Y} {self.category} {rupees(self.amount)}"


class AccountTransfer(Movement):
    """Money moved between two accounts of one book: cash to bank, an agent handing over. Neither received nor spent."""

    from_account = models.ForeignKey(Account, models.PROTECT, related_name="transfers_out")
    to_account = models.ForeignKey(Account, models.PROTECT, related_name="transfers_in")
    history = HistoricalRecords()

    class Meta:
        verbose_name = "transfer"
        ordering = ["-date", "-id"]
        constraints = [
            *movement_constraints("transfer"),
            models.CheckConstraint(
                condition=~Q(from_account=F("to_account")),
                name="transfer_between_two_accounts",
                violation_error_message="A transfer needs two different accounts.",
            ),
        ]
        indexes = [models.Index(fields=["book", "date", "id"], name="transfer_book_date")]

    def __str__(self):
        return f"{self.date:%d-%m-%Y} {self.from_account} → {self.to_account} {rupees(self.amount)}"


class DayChange(models.Model):
    """The outbox: this day of this book must be computed again. `date` empty: an opening balance changed.

    Append-only and without a unique key, so that writers never wait for each other; daybook.refresh deletes exactly
    the rows it has read.
    """

    book = models.ForeignKey(Book, models.CASCADE, related_name="day_changes")
    date = models.DateField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()


class DayBook(models.Model):
    """A day's totals, derived: closing = opening + received − spent; opening = the closing of the day before."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="days", db_index=False)
    date = models.DateField()
    opening_balance = MoneyField(default=ZERO)
    total_received = MoneyField(default=ZERO)
    total_spent = MoneyField(default=ZERO)
    closing_balance = MoneyField(default=ZERO)
    calculated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        ordering = ["date"]
        constraints = [
            models.UniqueConstraint(fields=["book", "date"], name="day_book_once"),
            models.CheckConstraint(
                condition=Q(closing_balance=F("opening_balance") + F("total_received") - F("total_spent")),
                name="day_book_closing_adds_up",
            ),
        ]

    def __str__(self):
        return f"{self.date:%d-%m-%Y}"


class DayBookDetail(models.Model):
    """A day's sum of one category and subcategory; `transaction_count` counts entries, reversals too."""

    day_book = models.ForeignKey(DayBook, models.CASCADE, related_name="details", db_index=False)
    transaction_type = models.CharField(max_length=10, choices=TransactionType)
    category = models.ForeignKey(Category, models.PROTECT, related_name="+", db_index=False)
    subcategory = models.CharField(max_length=80, blank=True)
    amount = MoneyField()
    transaction_count = models.PositiveIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["day_book", "transaction_type", "category", "subcategory"], name="day_book_detail_once"
            )
        ]


class AccountDay(models.Model):
    """What one account received, spent and moved on one day, derived; its balance is the opening plus all before."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="+", db_index=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="days", db_index=False)
    date = models.DateField()
    received = MoneyField(default=ZERO)
    spent = MoneyField(default=ZERO)
    transferred = MoneyField(default=ZERO)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["book", "date", "account"], name="account_day_once")]


class AccountMonth(models.Model):
    """What one account gained in one month, derived, so that no balance has to be added up over years of days."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="+", db_index=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    month = models.DateField(help_text="Its first day.")
    moved = MoneyField(default=ZERO)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["book", "month", "account"], name="account_month_once")]


class DayClose(models.Model):
    """A close of the book through `date`: who counted, who signed, and whether it was opened again."""

    book = models.ForeignKey(Book, models.PROTECT, related_name="closes", db_index=False)
    date = models.DateField()
    note = models.CharField(max_length=500, blank=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    closed_at = models.DateTimeField(default=timezone.now)
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    signed_at = models.DateTimeField(null=True, blank=True)
    reopened_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    reopened_at = models.DateTimeField(null=True, blank=True)
    reopen_reason = models.CharField(max_length=500, blank=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["-date", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "date"],
                condition=Q(reopened_at=None),
                name="day_close_once",
                violation_error_message="This day is closed already.",
            )
        ]

    def __str__(self):
        return f"{self.book} closed through {self.date:%d-%m-%Y}"


class DayCloseCount(models.Model):
    """One account counted at a close: what the books expected, what was there, note by note."""

    day_close = models.ForeignKey(DayClose, models.CASCADE, related_name="counts")
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    expected = MoneyField()
    counted = MoneyField()
    denominations = models.JSONField(default=dict, blank=True, help_text='Pieces per note or coin: {"500": 12}.')

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["day_close", "account"], name="day_close_count_once")]

    @property
    def difference(self):
        return self.counted - self.expected

    @property
    def pieces(self):
        """[(note or coin, pieces)], the largest first; a database keeps JSON in an order of its own."""
        return sorted(((int(note), number) for note, number in self.denominations.items()), reverse=True)


class DaySeen(models.Model):
    """What a person last saw of a day, so that the page can tell what changed meanwhile."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    book = models.ForeignKey(Book, models.CASCADE, related_name="+")
    date = models.DateField()
    closing_balance = MoneyField()
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "book", "date"], name="day_seen_once")]


class Job(models.Model):
    """Long work as a row: what, for whom, how far, how it ended. Attempts are counted before the work begins.

    Work goes in steps (an import: check, post, undo); between two of them the job may ask a person, who says go on.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        ASKS = "asks", "Asks you"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        UNDONE = "undone", "Undone"

    book = models.ForeignKey(Book, models.CASCADE, related_name="jobs")
    kind = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    step = models.CharField(
        max_length=20, default="", blank=True, help_text="The step that waits, runs, or was done last."
    )
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    cancel_requested = models.BooleanField(default=False)
    parameters = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    file_name = models.CharField(max_length=200, blank=True, help_text="As the person named it; never a path.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    seen_alive_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        default_permissions = ()

    def __str__(self):
        return self.title

    @property
    def is_over(self):
        return self.state not in (self.State.WAITING, self.State.RUNNING, self.State.ASKS)


class Heartbeat(models.Model):
    """When a background process last showed life; django-q2's own statistics are empty across processes."""

    name = models.CharField(max_length=40, primary_key=True)
    beat_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
