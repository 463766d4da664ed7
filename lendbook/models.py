"""The rows of what spans the apps: second factors of log-ins, and the record of who saw and did what."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class SecondFactor(models.Model):
    """A person's authenticator app. The secret is encrypted, recovery codes are hashed, both with the instance's key."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="second_factor")
    secret = models.CharField(max_length=200)
    used_period = models.BigIntegerField(default=0, help_text="The 30 seconds whose code was taken last.")
    recovery_codes = models.JSONField(default=list, help_text="Hashes of those not used yet.")
    wrong_codes = models.PositiveIntegerField(default=0)
    wrong_at = models.DateTimeField(null=True)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()


class AuditSeal(models.Model):
    """A batch of the record, provably whole: `digest` is over its rows and `previous`, the digest of the seal before."""

    at = models.DateTimeField()
    previous = models.CharField(max_length=64, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    rows = models.PositiveIntegerField()

    class Meta:
        default_permissions = ()


class AuditRow(models.Model):
    """One thing somebody did. People and books stand as numbers that outlive them; nothing here is ever changed."""

    class Kind(models.TextChoices):
        SAW = "saw", "Saw"
        DOWNLOADED = "downloaded", "Downloaded"
        EXPORTED = "exported", "Exported"
        CHANGED = "changed", "Changed"
        ENTERED = "entered", "Logged in"
        REFUSED = "refused", "Was refused"
        TORN = "torn", "Unreadable line"
        GAP = "gap", "Missing lines"

    token = models.CharField(max_length=24, unique=True, help_text="Taken in twice, a line counts once.")
    at = models.DateTimeField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, db_constraint=False, related_name="+"
    )
    book = models.ForeignKey("shop.Book", models.DO_NOTHING, null=True, db_constraint=False, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind)
    view = models.CharField(max_length=80)
    object = models.CharField(max_length=80, blank=True)
    method = models.CharField(max_length=8, blank=True)
    status = models.PositiveSmallIntegerField()
    address = models.CharField(max_length=16, blank=True, help_text="A mark of the address, not the address.")
    seal = models.ForeignKey(AuditSeal, models.DO_NOTHING, null=True, related_name="rows_sealed")

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["book", "-at"]), models.Index(fields=["user", "-at"])]
