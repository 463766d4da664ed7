"""Categories and subcategories that mean the same become one, and are parted again as they were."""

from datetime import date
from decimal import Decimal
from random import Random

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from expenses.models import Tag
from ledger import closing, daybook, journals, merging, services
from ledger.models import Category, LedgerEntry, Merge
from shop import faults, history
from tests import world
from trackers import posting
from trackers.models import PostingColumn

pytestmark = pytest.mark.django_db
PAGE = "/admin/ledger/category/"


@pytest.fixture
def book():
    """Colection is a slip of Collection, used on three days, one of them closed; one of its entries is in the bin."""
    book = world.book()
    Category.objects.create(book=book, name="Colection", direction="received", nature="loans")
    world.post(book, "2024-01-15", "Collection", "500", subcategory="Loan Payments")
    world.post(book, "2024-01-15", "Colection", "200", subcategory="Loan Payments")
    world.post(book, "2024-01-16", "Colection", "70.50")
    services.delete(world.post(book, "2024-01-16", "Colection", "9"))
    closing.close_day(book, date(2024, 1, 15))
    book.refresh_from_db()
    services.reverse(world.post(book, "2024-01-17", "Colection", "30"), date=date(2024, 1, 18))
    return book


def whole(book, name="Colection", into="Collection"):
    return merging.place_of(world.category(book, name), into=world.category(book, into))


def part(book, name, subcategory, into):
    return merging.place_of(world.category(book, name), subcategory=subcategory, into_subcategory=into)


def lines(book):
    """{(date, category, subcategory): amount} of every stored day, and {date: closing}."""
    days = daybook.day_books(book, date(2024, 1, 14), date(2024, 1, 19))
    of = {(day.date.day, one.category, one.subcategory): one.amount for day in days for one in day.details}
    return of, {day.date.day: (day.total_received, day.total_spent, day.closing_balance) for day in days}


def assert_sound(book):
    assert daybook.differences(book) == []
    assert list(history.disagreements(LedgerEntry, [book])) == []
    assert list(history.disagreements(Category, [book])) == []


def test_a_preview_says_what_would_move(book):
    seen = merging.preview(whole(book))
    assert (seen.entries, seen.binned, seen.amount) == (4, 1, Decimal("270.50"))
    assert (seen.days, seen.closed_days, seen.first, seen.last) == (4, 1, date(2024, 1, 15), date(2024, 1, 18))
    assert LedgerEntry.objects.filter(category__name="Colection").count() == 5


def test_a_merge_moves_every_entry_and_no_balance_and_is_undone_as_it_was(book):
    asha = world.person("asha")
    before, balances = lines(book)
    merge = merging.merge(whole(book), user=asha)
    after, still = lines(book)
    assert still == balances
    assert after == {
        (15, "Collection", "Loan Payments"): Decimal(700),
        (16, "Collection", ""): Decimal("70.50"),
        (17, "Collection", ""): Decimal(30),
        (18, "Collection", ""): Decimal(-30),
    }
    assert not LedgerEntry.objects.filter(category__name="Colection").exists()
    assert not world.category(book, "Colection").is_active
    newest = LedgerEntry.objects.filter(subcategory="Loan Payments").latest("pk").history.first()
    assert (newest.history_user, newest.history_change_reason) == (asha, "Merged: Colection into Collection")
    assert_sound(book)

    assert merging.undo(merge, user=asha) == (5, 0)
    assert lines(book) == (before, balances)
    assert world.category(book, "Colection").is_active
    assert merging.undo(merge, user=asha) == (0, 0)
    assert_sound(book)


def test_an_undo_leaves_what_was_changed_since(book):
    merge = merging.merge(whole(book))
    changed = LedgerEntry.objects.get(amount=Decimal("70.50"))
    services.edit(changed, narration="looked at")
    world.post(book, "2024-01-17", "Collection", "1")
    assert merging.undo(merge) == (4, 1)
    changed.refresh_from_db()
    assert changed.category.name == "Collection"
    assert LedgerEntry.objects.filter(category__name="Colection").count() == 4
    assert_sound(book)


def test_a_subcategory_goes_into_another_one_of_its_category_alone(book):
    for name, category in (("tea", "Expense"), ("Tea ", "Expense"), ("tea", "Drawings")):
        world.post(book, "2024-01-17", category, "10", subcategory=name)
    assert merging.subcategories_of(world.category(book, "Expense")) == [("Tea", 1), ("tea", 1)]
    merge = merging.merge(part(book, "Expense", "tea", "Tea"))
    after, _ = lines(book)
    assert after[17, "Expense", "Tea"] == 20
    assert after[17, "Drawings", "tea"] == 10
    assert world.category(book, "Expense").is_active
    assert merging.undo(merge) == (1, 0)
    assert lines(book)[0][17, "Expense", "tea"] == 10
    assert_sound(book)


def test_what_posts_there_by_itself_follows_and_comes_back(book):
    posting.settings_of(book)
    column = PostingColumn.objects.get(book=book, column="paid")
    slip = Category.objects.create(book=book, name="Vasool", direction="received", nature="loans")
    column.category = slip
    services.save(column, None)
    tag = Tag.objects.create(book=book, name="Chai", category=world.category(book, "Expense"), subcategory="tea")
    one, other = whole(book, "Vasool"), part(book, "Expense", "tea", "Tea")
    assert len(merging.preview(one).followed) == 1
    merges = merging.merge(one), merging.merge(other)
    column.refresh_from_db()
    tag.refresh_from_db()
    assert (column.category.name, column.subcategory, tag.subcategory) == ("Collection", "Loan Payments", "Tea")
    for merge in merges:
        merging.undo(merge)
    column.refresh_from_db()
    tag.refresh_from_db()
    assert (column.category, tag.subcategory) == (slip, "tea")
    for model in (PostingColumn, Tag):
        assert [one for one in history.disagreements(model, [book]) if one.kind != history.NONE] == []


def test_what_cannot_be_merged_says_the_way_out(book):
    other = world.category(world.book("other"), "Collection")
    slip, collection = world.category(book, "Colection"), world.category(book, "Collection")
    for category, into, word in (
        (slip, slip, "another category of this book"),
        (slip, other, "another category of this book"),
        (slip, world.category(book, "Expense"), "'Colection' is received, 'Expense' is spent"),
        (slip, world.category(book, "Income"), "Give both the same nature first"),
        (collection, slip, "Merge 'Colection' into it instead"),
    ):
        with pytest.raises(ValidationError, match=word):
            merging.place_of(category, into=into)
    for subcategory, into, word in (
        ("", "x", "that goes"),
        ("a", " a ", "the same"),
        ("a", "x" * 81, "80 is the limit"),
    ):
        with pytest.raises(ValidationError, match=word):
            merging.place_of(slip, subcategory=subcategory, into_subcategory=into)
    slip.is_active = False
    services.save(slip, None)
    with pytest.raises(ValidationError, match="retired"):
        merging.place_of(Category.objects.create(book=book, name="C", direction="received", nature="loans"), into=slip)


def test_the_later_of_two_merges_is_undone_first(book):
    Category.objects.create(book=book, name="Vasool", direction="received", nature="loans")
    first = merging.merge(whole(book, into="Vasool"))
    second = merging.merge(whole(book, "Vasool"))
    with pytest.raises(ValidationError, match="undo that one first: Vasool into Collection"):
        merging.undo(first)
    assert merging.undo(second) == (5, 0)
    assert merging.undo(first) == (5, 0)
    assert_sound(book)


def test_a_day_that_a_fault_made_read_only_refuses_the_whole_merge(book):
    found = faults.Found(
        book=book, kind="day differs", of="x", text="wrong", remedy="rebuild", freezes=faults.DAYS,
        first_date=date(2024, 1, 15), last_date=date(2024, 1, 15),
    )  # fmt: skip
    faults.keep([found], books=[book])
    with pytest.raises(ValidationError, match="read-only"):
        merging.merge(whole(book))
    assert not Merge.objects.exists()
    assert world.category(book, "Colection").is_active


def test_vouchers_keep_their_numbers_and_journals_their_proof(book):
    def numbers():
        return sorted("".join(journals.write(book, "tally")).count(f"<VOUCHERNUMBER>{n}<") for n in range(1, 9))

    before = numbers()
    merging.merge(whole(book))
    assert numbers() == before
    assert "Colection" not in "".join(journals.write(book, "hledger"))


def test_a_merge_of_nothing_is_refused_by_the_database(book):
    slip = world.category(book, "Colection")
    for wrong in (
        {"into": slip},
        {"into": slip, "subcategory": "a", "into_subcategory": "a"},
        {"into": world.category(book, "Collection"), "subcategory": "a"},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Merge.objects.create(book=book, category=slip, **wrong)


@pytest.mark.parametrize("seed", range(30))
def test_merges_undone_in_turn_leave_the_book_as_it_was(seed):
    """Any merges of any book, undone from the newest on, give back every entry, whatever closes lie between."""
    dice, book = Random(seed), world.book()
    names = [Category.objects.create(book=book, name=f"C{n}", direction="spent").name for n in range(4)]
    for _ in range(25):
        on = f"2024-01-{dice.randint(14, 19)}"
        entry = world.post(
            book, on, dice.choice(names), str(dice.randint(1, 99)), subcategory=dice.choice(["", "a", "A"])
        )
        if dice.random() < 0.2:
            services.delete(entry)
    if dice.random() < 0.6:
        closing.close_day(book, date(2024, 1, dice.randint(14, 19)))
    book.refresh_from_db()
    places = dict(LedgerEntry.objects.filter(book=book).values_list("pk", "category__name"))
    subs = dict(LedgerEntry.objects.filter(book=book).values_list("pk", "subcategory"))
    before, merges = lines(book), []
    for _ in range(dice.randint(1, 4)):
        active = list(Category.objects.filter(book=book, name__in=names, is_active=True))
        one, other = dice.sample(active, 2) if len(active) > 1 else (active[0], None)
        place = (
            merging.place_of(one, into=other)
            if other and dice.random() < 0.5
            else merging.place_of(one, subcategory="a", into_subcategory="A")
        )
        count = place.entries().count()
        merges.append(merging.merge(place))
        assert merges[-1].entries.count() == count
        assert lines(book)[1] == before[1]
        assert_sound(book)
    for merge in reversed(merges):
        assert merging.undo(merge).left == 0
    assert dict(LedgerEntry.objects.filter(book=book).values_list("pk", "category__name")) == places
    assert dict(LedgerEntry.objects.filter(book=book).values_list("pk", "subcategory")) == subs
    assert lines(book) == before
    assert_sound(book)


# ------------------------------------------------------------------------------------------------ pages


def test_an_owner_looks_merges_and_undoes_on_pages(client):
    cast = world.cast()
    slip = Category.objects.create(book=cast.main, name="Colection", direction="received", nature="loans")
    collection = world.category(cast.main, "Collection")
    world.post(cast.main, "2024-01-15", "Colection", "200", subcategory="Loan")
    closing.close_day(cast.main, date(2024, 1, 15))
    client.force_login(cast.asha)
    here = f"{PAGE}{slip.pk}/merge/"
    assert here in client.get(PAGE).content.decode()
    page = client.get(here, {"into": collection.pk}).content.decode()
    assert "Colection into Collection" in page
    assert "200.00" in page
    assert "1 of these days is closed" in page
    assert not Merge.objects.exists()
    page = client.post(here, {"into": collection.pk}, follow=True).content.decode()
    assert "Merged Colection into Collection: 1 entries moved." in page
    assert "Undo</button>" in page
    merge = Merge.objects.get()
    assert merge.made_by == cast.asha
    page = client.post(f"{PAGE}merges/{merge.pk}/undo/", follow=True).content.decode()
    assert "Undone: 1 entries are back." in page
    assert LedgerEntry.objects.get().category == slip
    page = client.get(here, {"subcategory": "Loan", "into_subcategory": "Loan Payments"}).content.decode()
    assert "Loan into Loan Payments" in page
    client.post(here, {"subcategory": "Loan", "into_subcategory": "Loan Payments"})
    assert LedgerEntry.objects.get().subcategory == "Loan Payments"
    assert "Choose another category" not in client.get(here).content.decode()
    assert (
        "Select a valid choice" in client.get(here, {"into": world.category(cast.main, "Expense").pk}).content.decode()
    )


@pytest.mark.parametrize("name", ["ravi", "kumar", "meena", "charlie"])
def test_nobody_but_the_owner_merges(client, name):
    cast = world.cast()
    slip = Category.objects.create(book=cast.main, name="Colection", direction="received", nature="loans")
    place = merging.place_of(slip, into=world.category(cast.main, "Collection"))
    client.force_login(getattr(cast, name))
    for ask in (client.get, client.post):
        assert ask(f"{PAGE}{slip.pk}/merge/", {"into": place.into.pk}).status_code in (403, 404)
    merge = merging.merge(place)
    assert client.post(f"{PAGE}merges/{merge.pk}/undo/").status_code in (403, 404)
    merge.refresh_from_db()
    assert merge.undone_at is None
    page = client.get(PAGE).content.decode()
    assert "Undo</button>" not in page
    assert f"{slip.pk}/merge/" not in page


def test_an_undo_wants_a_press(client):
    cast = world.cast()
    slip = Category.objects.create(book=cast.main, name="Colection", direction="received", nature="loans")
    merge = merging.merge(merging.place_of(slip, into=world.category(cast.main, "Collection")))
    client.force_login(cast.asha)
    assert client.get(f"{PAGE}merges/{merge.pk}/undo/").status_code == 403
    assert client.post(f"{PAGE}merges/{merge.pk}/undo/").status_code == 302
