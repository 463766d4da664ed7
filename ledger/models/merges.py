"""What was merged, so that it can be undone: a category into another, or a subcategory into another one beside it."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from ledger.models.books import Category
from ledger.models.movements import LedgerEntry
from shop.models import Book


class Merge(models.Model):
    """A whole category that went `into` another one, or a `subcategory` that went `into_subcategory` of the same.

    `followed` are the settings that posted to what was merged away, and post to where it went since:
    [[model, id, {field: value before}]].
    """

    book = models.ForeignKey(Book, models.CASCADE, related_name="merges")
    category = models.ForeignKey(Category, models.PROTECT, related_name="+")
    into = models.ForeignKey(Category, models.PROTECT, related_name="+")
    subcategory = models.CharField(max_length=80, blank=True)
    into_subcategory = models.CharField(max_length=80, blank=True)
    followed = models.JSONField(default=list)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    undone_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=(~Q(category=F("into")) & Q(subcategory="", into_subcategory=""))
                | (Q(category=F("into")) & ~Q(subcategory="") & ~Q(subcategory=F("into_subcategory"))),
                name="merge_of_a_category_or_a_subcategory",
            )
        ]

    def __str__(self):
        if self.is_whole:
            return f"{self.category} into {self.into}"
        return f"{self.category}: {self.subcategory} into {self.into_subcategory or 'no subcategory'}"

    @property
    def is_whole(self):
        """Whether a category was merged, not one of its subcategories."""
        return self.category_id != self.into_id


class MergedEntry(models.Model):
    """An entry that a merge moved; unchanged since while it still has this `version`."""

    merge = models.ForeignKey(Merge, models.CASCADE, related_name="entries", db_index=False)
    entry = models.ForeignKey(LedgerEntry, models.CASCADE, related_name="+", db_index=False)
    version = models.PositiveIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["merge", "entry"], name="merged_entry_once")]
