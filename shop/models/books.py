"""A book and the people who work in it."""

from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from simple_history.models import HistoricalRecords


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    STAFF = "staff", "Staff"
    AGENT = "agent", "Agent"
    AUDITOR = "auditor", "Auditor"


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
    history = HistoricalRecords(table_name="ledger_historicalbook")

    class Meta:
        db_table = "ledger_book"
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
    history = HistoricalRecords(table_name="ledger_historicalbookmember")

    class Meta:
        db_table = "ledger_bookmember"
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
