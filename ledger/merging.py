"""Two categories that mean the same become one, or two subcategories of a category; and back again with one press.

All entries go along, binned ones too, each with its history; what posted to the name that goes (a tracker's column, a
tag of the expenses) posts to the one that stays. An emptied category is retired, never deleted.

Closed days take part. A merge gives entries another name: both categories have one direction and one nature, so that no
total of a day, no balance and no account moves, and what was counted and signed stays true. Only the lines of those
days bear the new name. Refused are days that a fault has made read-only.

Undone, a merge gives back exactly the entries that it moved, but for those that somebody has changed since; these stay
where they are and are counted.
"""

from dataclasses import dataclass
from datetime import date as Date
from decimal import Decimal
from typing import NamedTuple

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Count, F, Max, Min, Q, QuerySet, Sum
from django.utils import timezone

from ledger import daybook, services
from ledger.book_setup import KEPT_CATEGORIES
from ledger.models import Category, LedgerEntry, Merge, MergedEntry
from ledger.services.books import DEFAULT_CATEGORIES
from shop import access
from shop.models import Book
from shop.money import ZERO

# Lendbook itself posts to these by name: others go into them.
_STAYING = {name for name, _, _ in DEFAULT_CATEGORIES} | set(KEPT_CATEGORIES)


@dataclass(frozen=True)
class Preview:
    """What a merge would move: `entries` that stand on `days` days, `closed_days` of them closed, which come to
    `amount` (Decimal rupees, reversals against it), from `first` through `last` (None without any); `binned` ones
    beside them; and the names of the settings that would follow."""

    entries: int
    binned: int
    amount: Decimal
    days: int
    closed_days: int
    first: Date | None
    last: Date | None
    followed: list[str]


class Undone(NamedTuple):
    """How many entries went back, and how many stay because they were changed since."""

    restored: int
    left: int


@dataclass(frozen=True)
class Place:
    """What is to be merged: all of `category`, or its `subcategory`, and where it goes."""

    category: Category
    into: Category
    subcategory: str = ""
    into_subcategory: str = ""

    @property
    def is_whole(self) -> bool:
        return self.category != self.into

    def entries(self) -> QuerySet:
        """All that would move, the bin included."""
        rows = LedgerEntry.objects.filter(book=self.category.book_id, category=self.category)
        return rows if self.is_whole else rows.filter(subcategory=self.subcategory)


def place_of(
    category: Category, *, into: Category | None = None, subcategory: str = "", into_subcategory: str = ""
) -> Place:
    """The Place of a merge. Raises ValidationError, by field, for what cannot be merged."""
    if into is not None:
        _check_categories(category, into)
        return Place(category, into)
    subcategory, name = (services.clean_text(text) for text in (subcategory, into_subcategory))
    if not subcategory:
        raise ValidationError({"subcategory": "Choose the subcategory that goes."})
    if subcategory == name:
        raise ValidationError({"into_subcategory": "Both are the same subcategory; name another one."})
    if len(name) > 80:
        raise ValidationError({"into_subcategory": f"The name has {len(name)} letters; 80 is the limit."})
    return Place(category, category, subcategory, name)


def _check_categories(category, into):
    if category == into or category.book_id != into.book_id:
        raise ValidationError({"into": "Choose another category of this book."})
    if not into.is_active:
        raise ValidationError({"into": f"'{into}' is retired; take it into use first, or choose another."})
    if category.direction != into.direction:
        raise ValidationError(
            {"into": f"'{category}' is {category.direction}, '{into}' is {into.direction}: days would change."}
        )
    if category.nature != into.nature:
        raise ValidationError(
            {
                "into": f"'{category}' is {category.nature}, '{into}' is {into.nature} in the accounts. Give both the "
                "same nature first."
            }
        )
    if category.name in _STAYING:
        raise ValidationError(
            {"into": f"'{category}' comes with every book and is posted to by name. Merge '{into}' into it instead."}
        )


def preview(place: Place) -> Preview:
    """What merge(place) would move, as the book stands."""
    closed = place.category.book.closed_through
    standing = place.entries().filter(deleted_at=None)
    sums = standing.aggregate(
        entries=Count("pk"), days=Count("date", distinct=True), first=Min("date"), last=Max("date")
    )
    posted, reversed_ = (
        standing.filter(reversal_of__isnull=is_posted).aggregate(amount=Sum("amount"))["amount"] or ZERO
        for is_posted in (True, False)
    )
    closed_days = standing.filter(date__lte=closed).values("date").distinct().count() if closed else 0
    return Preview(
        **sums,
        amount=posted - reversed_,
        binned=place.entries().exclude(deleted_at=None).count(),
        closed_days=closed_days,
        followed=[f"{row._meta.verbose_name} {row}" for row, _ in _settings(place)],
    )


@transaction.atomic
def merge(place: Place, *, user=None) -> Merge:
    """Move all entries of a place; returns the Merge, which undo takes back. Raises ValidationError."""
    list(_locked(place.entries()))  # entries first, as everybody who edits them does; then nobody posts another one
    daybook.lock_book(place.category.book_id, whole=True)
    if place.is_whole:
        for one in (place.category, place.into):
            one.refresh_from_db()
        _check_categories(place.category, place.into)
    made = Merge.objects.create(
        book_id=place.category.book_id,
        category=place.category,
        into=place.into,
        subcategory=place.subcategory,
        into_subcategory=place.into_subcategory,
        followed=[[row._meta.label, row.pk, before] for row, before in _settings(place)],
        made_by=user,
    )
    entries = list(_locked(place.entries()))
    services.rename_entries(entries, _there(made), user=user, reason=f"Merged: {made}")
    MergedEntry.objects.bulk_create(
        [MergedEntry(merge=made, entry=entry, version=entry.version) for entry in entries], batch_size=1000
    )
    for row, _ in _settings(place):
        _set(row, _there(made), user, f"Merged: {made}")
    if place.is_whole:
        place.category.is_active = False
        services.save(place.category, user, f"Merged into {place.into}")
    return made


@transaction.atomic
def undo(made: Merge, *, user=None) -> Undone:
    """Give a merge's entries back, but for those changed since. A second call gives none back. Raises ValidationError."""
    made = Merge.objects.select_for_update(of=["self"]).select_related("category", "into").get(pk=made.pk)
    if made.undone_at:
        return Undone(0, 0)
    moved = LedgerEntry.objects.filter(
        pk__in=MergedEntry.objects.filter(merge=made, version=F("entry__version")).values("entry")
    )
    entries = list(_locked(moved))
    daybook.lock_book(made.book_id, whole=True)
    _check_undo(made)
    services.rename_entries(entries, _here(made), user=user, reason=f"Merge undone: {made}")
    _unchanged_for_earlier_merges(made, entries)
    for label, pk, before in made.followed:
        row = apps.get_model(label).objects.filter(pk=pk, **_there(made)).first()
        if row is not None:
            _set(row, before, user, f"Merge undone: {made}")
    if made.is_whole and not made.category.is_active:
        made.category.is_active = True
        services.save(made.category, user, "Merge undone")
    made.undone_at, made.undone_by = timezone.now(), user
    made.save(update_fields=["undone_at", "undone_by"])
    return Undone(len(entries), made.entries.count() - len(entries))


def _check_undo(made):
    these = [made.category_id, made.into_id]
    later = Merge.objects.filter(Q(category__in=these) | Q(into__in=these), undone_at=None, pk__gt=made.pk).first()
    if later is not None:
        raise ValidationError(f"A later merge builds on this one; undo that one first: {later}.")
    if made.category.direction != made.into.direction:
        raise ValidationError(
            f"'{made.category}' is {made.category.direction} now and '{made.into}' {made.into.direction}: days would "
            "change. Give both one direction first."
        )


def _unchanged_for_earlier_merges(made, entries):
    """What this merge moved and gave back is as earlier ones had left it: its two versions count as no change there."""
    for start in range(0, len(entries), 900):
        pks = [entry.pk for entry in entries[start : start + 900]]
        MergedEntry.objects.filter(merge__lt=made.pk, entry__in=pks).update(version=F("version") + 2)


def _locked(entries):
    return entries.select_for_update(no_key=True, of=["self"]).order_by("pk")


def _there(made):
    """{field: value} of what was merged, wherever it stands."""
    return {"category": made.into} if made.is_whole else {"category": made.into, "subcategory": made.into_subcategory}


def _here(made):
    """The same before the merge."""
    return (
        {"category": made.category} if made.is_whole else {"category": made.category, "subcategory": made.subcategory}
    )


# ------------------------------------------------------------------------------------------------ what posts by itself


def _settings(place):
    """[(row, {field: value before})] of what posts to a place by itself: rows of any app that name it and keep a history."""
    found = []
    for model in apps.get_models():
        fields = {field.name: field for field in model._meta.concrete_fields}
        names_category = isinstance(fields.get("category"), models.ForeignKey) and (
            fields["category"].related_model is Category
        )
        is_setting = names_category and "subcategory" in fields and access.path_of(model) and model is not LedgerEntry
        if not is_setting or not hasattr(model, "history") or model._meta.label == "ledger.TallyName":
            continue
        rows = model.objects.filter(category=place.category)
        before = {"category": place.category.pk}
        if not place.is_whole:
            rows, before = rows.filter(subcategory=place.subcategory), before | {"subcategory": place.subcategory}
        found += [(row, before) for row in rows.order_by("pk")]
    return found


def _set(row, values, user, reason):
    for name, value in values.items():
        field = row._meta.get_field(name)
        setattr(row, field.attname, getattr(value, "pk", value))
    services.save(row, user, reason)


def subcategories_of(category: Category) -> list[tuple[str, int]]:
    """[(subcategory, entries that stand)] of a category, by name; entries without one are left out."""
    rows = LedgerEntry.objects.filter(category=category, deleted_at=None).exclude(subcategory="")
    return list(rows.values_list("subcategory").annotate(count=Count("pk")).order_by("subcategory"))


def merges_of(book: Book, limit: int = 20) -> QuerySet:
    """The newest merges of a book, undone ones included."""
    return Merge.objects.filter(book=book).select_related("category", "into", "made_by", "undone_by")[:limit]
