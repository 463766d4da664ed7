"""What keeps the books running: long work as rows, signs of life, what was tried how often, what was found wrong."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from shop.models.books import Book


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
        db_table = "ledger_job"
        ordering = ["-id"]
        default_permissions = ()

    def __str__(self):
        return self.title

    @property
    def is_over(self):
        return self.state not in (self.State.WAITING, self.State.RUNNING, self.State.ASKS)


class Fault(models.Model):
    """Something that `verify` found wrong. While it stands, what it concerns is read-only, until it is found sound again
    or an owner lifts that with a reason; nothing is mended in silence.

    `key` says what is wrong with what, so that the same fault found twice is one row. `ref` is what it concerns: a
    tracker's or statement's number; frozen days go from `first_date` through `last_date`. `remedy` is the command.
    """

    class Freezes(models.TextChoices):
        NOTHING = "", "Nothing"
        DAYS = "days", "Days"
        TRACKER = "tracker", "Tracker"
        STATEMENT = "statement", "Statement"

    book = models.ForeignKey(
        Book, models.CASCADE, null=True, related_name="+", help_text="Empty for a file that belongs to no book."
    )
    key = models.CharField(max_length=250)
    kind = models.CharField(max_length=40)
    text = models.TextField()
    remedy = models.CharField(max_length=400)
    freezes = models.CharField(max_length=10, choices=Freezes, blank=True)
    ref = models.CharField(max_length=40, blank=True)
    first_date = models.DateField(null=True)
    last_date = models.DateField(null=True)
    found_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now, help_text="When it was found last.")
    mended_at = models.DateTimeField(null=True)
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    lift_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "ledger_fault"
        default_permissions = ()
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=Q(mended_at=None), name="fault_once"),
            models.CheckConstraint(
                condition=~Q(freezes="days") | Q(first_date__isnull=False, last_date__gte=F("first_date")),
                name="fault_freezes_named_days",
            ),
        ]
        indexes = [
            models.Index(fields=["book", "freezes"], name="fault_freezing", condition=Q(mended_at=None, lifted_at=None))
        ]

    def __str__(self):
        return f"{self.kind}: {self.text}"

    @property
    def is_freezing(self):
        return bool(self.freezes) and self.mended_at is None and self.lifted_at is None


class Heartbeat(models.Model):
    """When a background process last showed life; django-q2's own statistics are empty across processes."""

    name = models.CharField(max_length=40, primary_key=True)
    beat_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "ledger_heartbeat"
        default_permissions = ()


class Tries(models.Model):
    """How often something that may be done only so often was done (shop.rate_limits); counted anew after `until`."""

    key = models.CharField(max_length=80, primary_key=True)
    count = models.PositiveIntegerField(default=0)
    until = models.DateTimeField()

    class Meta:
        db_table = "ledger_tries"
        default_permissions = ()
