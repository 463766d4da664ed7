"""Names in a book: none reads like another one, and a subcategory is spelled as it was before."""

from collections import defaultdict

from django.core.exceptions import ValidationError

from ledger.models import Account, Category, DayBookDetail, DayChange, LedgerEntry
from shop.models import Book
from shop.names import Names, clean_name, name_key


def refuse_twin(row: Account | Category) -> None:
    """Tidy the name of an account or category; raise ValidationError where the book has one that reads the same.

    A twin from earlier days may be saved as long as its name is not touched: it has to be retired or merged.
    """
    model = type(row)
    names = dict(model.objects.filter(book=row.book_id).order_by("pk").values_list("pk", "name"))
    before = names.pop(row.pk, None)
    if row.name == before:
        return
    row.name = clean_name(row.name)
    key, word = name_key(row.name), model._meta.verbose_name
    if not key:
        raise ValidationError({"name": f"Write the name of the {word}."})
    if before is not None and name_key(before) == key and row.name not in names.values():
        return
    for name in names.values():
        if name_key(name) == key:
            raise ValidationError(
                {"name": f"There is the {word} '{name}' already, which reads the same. Take that one."}
            )


def subcategories_of(book: Book, category: Category | None = None) -> dict[int, Names]:
    """{category's number: Names of the subcategories its entries use}; of one category where it is given."""
    days = DayBookDetail.objects.filter(day_book__book=book)
    changed = DayChange.objects.filter(book=book).values("date")
    pending = LedgerEntry.objects.filter(book=book, deleted_at=None, date__in=changed)
    used = defaultdict(Names)
    for rows in (days, pending):
        if category is not None:
            rows = rows.filter(category=category)
        named = rows.exclude(subcategory="").order_by("category", "subcategory")
        for number, name in named.values_list("category", "subcategory").distinct():
            used[number].add(name, name)
    return used


def spelled_subcategory(category: Category, text: str) -> str:
    """`text` as the category's entries spell it already, else tidied."""
    name = clean_name(text)
    if not name:
        return ""
    used = subcategories_of(category.book, category).get(category.pk)
    return (used and used.find(text)) or name
