"""Voucher numbers: given as a voucher leaves for Tally, per book, year and type, without gaps, and never moved."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from xml.etree import ElementTree

import pytest
from django.db import IntegrityError, transaction

from ledger import book_setup, journals, services, vouchers
from ledger.models import Account, LedgerEntry, VoucherNumber
from tests import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def book():
    return world.book()


def leave(book, first=None, last=None):
    """The vouchers of an export: [(type, date, number, id, whether cancelled)]."""
    days = [day and date.fromisoformat(day) for day in (first, last)]
    tree = ElementTree.fromstring("".join(journals.write(book, "tally", *days)))
    return [
        (
            row.get("VCHTYPE"),
            date(*(int(row.findtext("DATE")[part]) for part in (slice(4), slice(4, 6), slice(6, 8)))).isoformat(),
            int(row.findtext("VOUCHERNUMBER")),
            row.get("REMOTEID"),
            row.findtext("ISCANCELLED") == "Yes",
        )
        for row in tree.iter("VOUCHER")
    ]


def told(rows):
    """Without the ids."""
    return [(kind, on, number, *(["cancelled"] if is_cancelled else [])) for kind, on, number, _, is_cancelled in rows]


def test_numbers_run_per_type_and_year_by_date_and_typing(book):
    cash, bank = Account.objects.filter(book=book)
    world.post(book, "2024-04-01")
    world.post(book, "2024-03-31")
    world.post(book, "2024-03-30", "Expense")
    world.post(book, "2024-03-30")
    services.transfer(book=book, date=date(2024, 3, 30), from_account=cash, to_account=bank, amount=Decimal(1))
    services.reverse(world.post(book, "2024-03-31"), date=date(2024, 4, 2))
    assert told(leave(book)) == [
        ("Payment", "2024-03-30", 1),
        ("Receipt", "2024-03-30", 1),
        ("Contra", "2024-03-30", 1),
        ("Receipt", "2024-03-31", 2),
        ("Receipt", "2024-03-31", 3),
        ("Receipt", "2024-04-01", 1),
        ("Payment", "2024-04-02", 1),
    ]
    assert vouchers.gaps(book) == []
    assert sorted(str(row) for row in VoucherNumber.objects.filter(year=2024)) == [
        "Payment 1 of 2024-25",
        "Receipt 1 of 2024-25",
    ]


def test_what_is_typed_late_gets_the_next_number_and_moves_none(book):
    world.post(book, "2024-05-02")
    first = leave(book)
    world.post(book, "2024-05-01")
    again = leave(book)
    assert told(again) == [("Receipt", "2024-05-01", 2), ("Receipt", "2024-05-02", 1)]
    assert again[1] == first[0]
    assert leave(book) == again


def test_earlier_days_that_left_not_yet_have_their_numbers_first(book):
    world.post(book, "2024-04-10")
    world.post(book, "2024-05-10")
    assert told(leave(book, "2024-05-01", "2024-05-31")) == [("Receipt", "2024-05-10", 2)]
    world.post(book, "2024-06-10")
    assert told(leave(book, "2024-04-01", "2024-04-30")) == [("Receipt", "2024-04-10", 1)]
    assert VoucherNumber.objects.count() == 2  # June has not left


def test_what_was_binned_before_it_left_takes_no_number(book):
    services.delete(world.post(book, "2024-05-01"))
    world.post(book, "2024-05-02")
    assert told(leave(book)) == [("Receipt", "2024-05-02", 1)]


def test_what_left_and_was_binned_leaves_as_cancelled_by_the_same_id_and_comes_back(book):
    entry = world.post(book, "2024-05-01", narration="typed twice")
    cash, bank = Account.objects.filter(book=book)
    moved = services.transfer(book=book, date=date(2024, 5, 1), from_account=cash, to_account=bank, amount=Decimal(1))
    world.post(book, "2024-05-02")
    first = leave(book)
    services.delete(entry)
    services.delete(moved)
    after = leave(book)
    assert told(after) == [
        ("Receipt", "2024-05-02", 2),
        ("Contra", "2024-05-01", 1, "cancelled"),
        ("Receipt", "2024-05-01", 1, "cancelled"),
    ]
    assert {row[:4] for row in after} == {row[:4] for row in first}
    assert "typed twice" in "".join(journals.write(book, "tally"))
    assert told(leave(book, "2024-05-02")) == [("Receipt", "2024-05-02", 2)]
    services.restore(entry)
    services.restore(moved)
    assert sorted(leave(book)) == sorted(first)
    assert leave(world.book("other")) == []


def test_a_cancelled_voucher_stands_under_the_date_by_which_it_left(book):
    entry = world.post(book, "2024-05-01")
    first = leave(book)
    services.edit(entry, date=date(2024, 6, 1))
    moved = leave(book, "2024-06-01", "2024-06-30")
    assert (moved[0][2:4], moved[0][1]) == (first[0][2:4], "2024-06-01")
    entry.refresh_from_db()
    services.delete(services.edit(entry, date=date(2024, 7, 1)))
    assert told(leave(book, "2024-06-01", "2024-06-30")) == [("Receipt", "2024-06-01", 1, "cancelled")]
    assert leave(book, "2024-07-01", "2024-07-31") == []


@pytest.mark.parametrize("change", ["year", "type"])
def test_a_voucher_of_another_year_or_type_gives_its_number_up_for_good(book, change):
    entry = world.post(book, "2024-03-31")
    first = leave(book)
    changes = {"date": date(2024, 4, 1)} if change == "year" else {"category": world.category(book, "Expense")}
    back = {"date": entry.date} if change == "year" else {"category": entry.category}
    services.edit(entry, **changes)
    after = leave(book)
    now = ("Receipt", "2024-04-01", 1) if change == "year" else ("Payment", "2024-03-31", 1)
    assert told(after) == [now, ("Receipt", "2024-03-31", 1, "cancelled")]
    assert after[0][3] == first[0][3]  # Tally moves the voucher it knows …
    assert after[1][3] != first[0][3]  # … and its number is cancelled beside it
    entry.refresh_from_db()
    services.edit(entry, **back)
    assert told(leave(book))[0] == ("Receipt", "2024-03-31", 2)
    assert vouchers.gaps(book) == []


def test_a_category_that_turns_round_gives_up_all_its_numbers(book):
    for _ in range(3):
        world.post(book, "2024-05-01", "Income")
    leave(book)
    income = world.category(book, "Income")
    income.direction = "spent"
    book_setup.save_category(income)
    kinds = [row[0] + row[3] if len(row) > 3 else row[0] for row in told(leave(book))]
    assert kinds == ["Payment"] * 3 + ["Receiptcancelled"] * 3


def test_other_formats_give_no_numbers(book):
    world.post(book, "2024-05-01")
    for kind in journals.FORMATS.keys() - journals.NUMBERED:
        "".join(journals.write(book, kind))
    assert not VoucherNumber.objects.exists()
    assert "(e" in "".join(journals.write(book, "hledger"))


def test_whoever_posts_beside_an_export_gets_a_number_too(book, monkeypatch):
    world.post(book, "2024-05-01")
    give, late = vouchers.give, ["2024-05-02", "2024-05-03"]

    def beside(*args, **kwargs):
        given = give(*args, **kwargs)
        if late:
            world.post(book, late.pop())
        return given

    monkeypatch.setattr(vouchers, "give", beside)
    assert sorted(row[2] for row in leave(book)) == [1, 2, 3]


@pytest.mark.parametrize("seed", range(30))
def test_no_number_is_missing_doubled_or_moved_whatever_happens_between_exports(book, seed):
    """Any mixture of posting, moving, turning, binning, restoring and exporting, against what left before."""
    dice, left, names = Random(seed), {}, ("Collection", "Expense")
    for _ in range(12):
        on = date(2024, 3, 25) + timedelta(days=dice.randrange(14))
        rows = list(LedgerEntry.objects.filter(book=book).select_related("book", "category"))
        row = dice.choice(rows) if rows else None
        match dice.choice(("post", "post", "move", "turn", "bin", "restore")):
            case "move" if row and not row.deleted_at:
                services.edit(row, date=on)
            case "turn" if row and not row.deleted_at:
                services.edit(row, category=world.category(book, dice.choice(names)))
            case "bin" if row:
                services.delete(row)
            case "restore" if row:
                services.restore(row)
            case _:
                world.post(book, on.isoformat(), dice.choice(names), str(dice.randint(1, 900)))
        if dice.random() < 0.4:
            left = assert_series_are_whole(book, left)
    assert_series_are_whole(book, left)


def assert_series_are_whole(book, before):
    """Numbers run from 1 on; each that left before leaves again, by its id while it stands, else as cancelled."""
    rows, series = leave(book), defaultdict(list)
    for kind, on, number, _, _ in rows:
        series[kind, int(on[:4]) - (on[5:7] < "04")].append(number)
    assert all(sorted(numbers) == list(range(1, len(numbers) + 1)) for numbers in series.values())
    assert vouchers.gaps(book) == []
    now = {(kind, int(on[:4]) - (on[5:7] < "04"), number): (guid, gone) for kind, on, number, guid, gone in rows}
    for place, (guid, _) in before.items():
        assert place in now
        assert now[place][0] == guid or now[place][1], place
    assert len({guid for guid, _ in now.values()}) == len(now)
    return now


def test_the_database_refuses_a_number_twice_and_two_numbers_of_one_voucher(book):
    entry = world.post(book, "2024-05-01")
    other = world.post(book, "2024-05-02")
    leave(book)
    row = {"book": book, "year": 2024, "kind": "Receipt", "date": entry.date}
    for wrong in (
        {"number": 1, "entry": other, "is_given_up": True},
        {"number": 3, "entry": entry},
        {"number": 0, "entry": entry, "is_given_up": True},
        {"number": 3, "is_given_up": True},
        {"number": 3, "entry": entry, "is_given_up": True, "kind": "Contra"},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            VoucherNumber.objects.create(**row | wrong)


# ------------------------------------------------------------------------------------------------ pages


@pytest.mark.parametrize(
    ("name", "status"), [("asha", 200), ("ravi", 200), ("meena", 200), ("kumar", 403), ("charlie", 404)]
)
def test_whoever_exports_gives_numbers_with_a_press_never_with_a_look(name, status):
    cast = world.cast()
    entry = world.post(cast.main, "2024-05-01")
    client = world.browser(getattr(cast, name))
    address = "/books/main-street/reports/journal/tally/?from=2024-05-01&to=2024-05-31"
    looked = client.get(address)
    assert looked.status_code == (405 if status == 200 else status)
    assert not VoucherNumber.objects.exists()
    pressed = client.post(address)
    assert pressed.status_code == status
    if status == 200:
        assert "button on the month" in looked.content.decode()
        assert "<VOUCHERNUMBER>1</VOUCHERNUMBER>" in pressed.content.decode()
        assert entry.voucher.given_by == getattr(cast, name)
        assert client.post("/books/main-street/reports/journal/hledger/").status_code == 405
    else:
        assert not VoucherNumber.objects.exists()


def test_the_months_page_asks_for_tallys_vouchers_with_a_press():
    cast = world.cast()
    page = world.browser(cast.asha).get("/books/main-street/reports/?month=2024-05").content.decode()
    assert 'formaction="/books/main-street/reports/journal/tally/?from=2024-05-01&amp;to=2024-05-31"' in page
    assert 'href="/books/main-street/reports/journal/hledger/?from=2024-05-01&amp;to=2024-05-31"' in page
