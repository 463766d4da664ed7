"""The dashboard's figures: kept sums agree with plain Python whatever staff did; every bar opens the rows behind it."""

import re
from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from expenses import services
from expenses.books import posting
from expenses.models import (
    Mode,
    Statement,
    Transaction,
)
from expenses.overview import figures, spent
from expenses.overview.figures import TBD, Asked
from shop.money import ZERO
from tests import world
from tests.expenses.spending import PAYEES, agree, new_book, paid

pytestmark = pytest.mark.django_db
FIRST = date(2026, 1, 28)
MODES = (Mode.UPI, Mode.POS, Mode.ATM)


@pytest.fixture
def book():
    return new_book()


# ------------------------------------------------------------------------------------------------ beside plain Python


which = st.integers(0, 1000)
days = st.integers(0, 75).map(lambda offset: FIRST + timedelta(days=offset))
moves = st.one_of(
    st.tuples(st.just("paid"), st.tuples(days, st.integers(1, 10**6), which, which)),
    st.tuples(
        st.sampled_from(["settle", "split", "rename", "merge", "delete", "unsplit", "look"]), st.tuples(which, which)
    ),
)
asks = st.fixed_dictionaries(
    {
        "first": st.none() | days,
        "last": st.none() | days,
        "account": st.none() | st.integers(0, 1),
        "tag": st.none() | st.just(TBD) | st.integers(0, 2),
    }
)


def play(book, move, values):
    """One thing that staff or an import does."""
    rows, tags = list(Transaction.objects.order_by("id")), list(book.tags.order_by("id"))
    if move == "paid":
        on, paise, a, b = values
        tag = [None, "Food", "Rent", "Fuel"][b % 4]
        account = ("Bank", "Card")[a % 2]
        paid(book, on, Decimal(paise) / 100, PAYEES[a % 5], tag, MODES[b % 3], account, upi_id=f"{a % 3}@x")
        return
    if move == "look":
        spent.finish_pending(book.pk)
        return
    if not rows:
        return
    one, tag = rows[values[0] % len(rows)], tags[values[1] % len(tags)]
    try:
        if move == "settle":
            services.settle(one, tag, whole_payee=values[0] % 2 == 0)
        elif move == "split":
            half = (one.debit_amount / 2).quantize(ZERO)
            posting.split(one, [(tag, half, ""), (tags[0], one.debit_amount - half, "")])
        elif move == "unsplit":
            posting.split(one, [])
        elif move == "rename":
            services.rename_payee(one, PAYEES[1 + values[1] % 4])
        elif move == "merge":
            services.merge_tags(tag, tags[values[0] % len(tags)])
        else:
            one.delete()
    except ValidationError:
        pass


@pytest.mark.parametrize(("top", "sought_among"), [(15, (100, 1000)), (2, (1, 3))])
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(moves, max_size=14), st.lists(asks, min_size=1, max_size=4))
def test_the_sums_agree_with_plain_python_whatever_was_done_and_asked(
    book, monkeypatch, top, sought_among, done, asked
):
    monkeypatch.setattr(figures, "TOP", top)
    monkeypatch.setattr(figures, "SOUGHT_AMONG", sought_among)
    tags, accounts = list(book.tags.order_by("id")), list(book.accounts.order_by("id"))
    with transaction.atomic():
        for move, values in done:
            play(book, move, values)
        agree(Asked(book.pk))
        for ask in asked:
            account = None if ask["account"] is None else accounts[ask["account"]].pk
            tag = tags[ask["tag"]].pk if isinstance(ask["tag"], int) else ask["tag"]
            agree(Asked(book.pk, ask["first"], ask["last"], account, tag))
        assert spent.differences(book.pk) == []
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("first", "last", "whole", "broken"),
    [
        (None, None, (None, None), []),
        ("2026-02-01", "2026-02-28", ("2026-02-01", "2026-02-28"), []),
        ("2026-02-03", "2026-02-20", None, [("2026-02-03", "2026-02-20")]),
        ("2026-01-15", "2026-03-31", ("2026-02-01", "2026-03-31"), [("2026-01-15", "2026-01-31")]),
        ("2026-01-01", "2026-03-09", ("2026-01-01", "2026-02-28"), [("2026-03-01", "2026-03-09")]),
        ("2026-03-09", "2026-01-01", None, []),
        ("2025-12-31", None, ("2026-01-01", None), [("2025-12-31", "2025-12-31")]),
    ],
)
def test_a_range_is_whole_months_and_the_days_of_broken_ones(first, last, whole, broken):
    def day(text):
        return date.fromisoformat(text) if text else None

    found = Asked(1, day(first), day(last)).whole_months
    assert found == (whole and tuple(map(day, whole)), [tuple(map(day, pair)) for pair in broken])


# ------------------------------------------------------------------------------------------------ what comes again


def monthly(book, product, amounts, first=date(2026, 1, 5)):
    for number, amount in enumerate(amounts):
        paid(book, first + timedelta(days=30 * number), amount, product)


def test_what_comes_about_once_a_month_is_found_with_what_changed(book):
    monthly(book, "RENT", (9000, 9000, 9000, 9500))
    monthly(book, "LIC", (1850, 1850, 1850, 1850))
    for offset in range(0, 90, 7):
        paid(book, date(2026, 1, 5) + timedelta(days=offset), 200, "SWIGGY")
    rent, lic = figures.recurring(Asked(book.pk))
    assert (rent.payee, rent.times, rent.usual, rent.change) == ("RENT", 4, Decimal(9000), Decimal(500))
    assert (lic.payee, lic.change, lic.has_stopped) == ("LIC", ZERO, False)


def test_what_stopped_and_what_began_says_so(book):
    monthly(book, "LIC", (1850,) * 4)
    monthly(book, "NETFLIX", (199,) * 3, first=date(2026, 6, 1))
    found = {one.payee: one for one in figures.recurring(Asked(book.pk))}
    assert found["LIC"].has_stopped
    assert found["NETFLIX"].is_new
    assert not found["NETFLIX"].has_stopped


def test_twice_at_once_and_long_after_is_not_monthly(book):
    for on in (date(2026, 1, 5), date(2026, 1, 5), date(2026, 3, 2)):
        paid(book, on, 100, "LIC")
    assert figures.recurring(Asked(book.pk)) == []
    assert figures.recurring(Asked(book.pk, last=date(2020, 1, 1))) == []


# ------------------------------------------------------------------------------------------------ the page

PAGE = "/books/main-street/expenses/"


@pytest.fixture
def client(book):
    client, asha = Client(), world.person("asha")
    services.ledger.set_member(book, asha, "owner")
    client.force_login(asha)
    return client


def some(book):
    for number in range(70):
        on = FIRST + timedelta(days=number)
        tag = [None, "Food", "Rent", "Fuel"][number % 4]
        paid(book, on, 100 + number, PAYEES[number % 5], tag, MODES[number % 3], ("Bank", "Card")[number % 2])


def bars_of(page):
    """[(address, rows, sum)] of every bar that tells its rows."""
    cells = re.findall(
        r'<th scope="row"><a href="([^"]+)">[^<]*</a></th>\s*<td class="bar">.*?</td>\s*'
        r'<td class="column-amount">(\d+)</td><td class="column-amount">([\d,.]+)</td>',
        page,
        re.DOTALL,
    )
    return [(unescape(link), int(count), Decimal(total.replace(",", ""))) for link, count, total in cells]


@pytest.mark.parametrize(
    "asked",
    [{}, {"date_from": "05-02-2026", "date_to": "20-03-2026"}, {"account": "Bank"}, {"tag": "Food"}, {"tag": "tbd"}],
)
def test_every_bar_opens_exactly_its_rows(book, client, asked):
    some(book)
    if "account" in asked:
        asked = {"account": book.accounts.get(name=asked["account"]).pk}
    if asked.get("tag") == "Food":
        asked = {"tag": book.tags.get(name="Food").pk}
    bars = bars_of(client.get(PAGE, asked).content.decode())
    assert len(bars) > 8
    for link, number, total in bars:
        rows = client.get(link).context["totals"]
        assert (rows.count, rows.debits) == (number, total), link


def test_every_month_and_tag_opens_exactly_its_rows(book, client):
    some(book)
    seen = client.get(PAGE, {"date_from": "05-02-2026"}).context["seen"]
    assert [month["month"] for month in seen.months] == [date(2026, 4, 1), date(2026, 3, 1), date(2026, 2, 1)]
    for month in seen.months:
        assert client.get(month["link"]).context["totals"].debits == month["total"]
        for cell in month["cells"]:
            assert client.get(cell["link"]).context["totals"].debits == (cell["total"] or ZERO)
    for _, then, now, change, older, newer in seen.against["rows"]:
        assert client.get(older).context["totals"].debits == then
        assert client.get(newer).context["totals"].debits == now
        assert change == now - then
    assert client.get(seen.tbd_link).context["totals"].debits == seen.tbd


def test_a_split_row_is_found_under_each_of_its_tags(book, client):
    one = paid(book, FIRST, 100)
    food, rent = book.tags.get(name="Food"), book.tags.get(name="Rent")
    posting.split(one, [(food, Decimal(70), ""), (rent, Decimal(30), "")])
    seen = client.get(PAGE).context["seen"]
    assert [(bar.label, bar.total) for bar in seen.tags] == [("Food", Decimal(70)), ("Rent", Decimal(30))]
    for bar in seen.tags:
        assert client.get(bar.link).context["totals"].count == 1


def test_years_are_drawn_to_the_last_two_and_the_rest_is_one_line(book, client):
    for number in range(30):
        paid(book, date(2024 + number // 12, number % 12 + 1, monthrange(2024, number % 12 + 1)[1] - 1), 100)
    page = client.get(PAGE)
    count, total, link = page.context["seen"].earlier
    assert (count, total) == (6, Decimal(600))
    assert client.get(link).context["totals"].debits == total
    assert "6 months before" in page.content.decode()


def test_nothing_yet_and_nothing_within_say_what_to_do(book, client):
    assert "Upload a statement" in client.get(PAGE).content.decode()
    paid(book, FIRST, 100)
    assert "Nothing was spent within" in client.get(PAGE, {"date_to": "01-01-2020"}).content.decode()
    assert client.get(PAGE, {"date_from": "nonsense", "tag": "99", "account": "x"}).status_code == 200


def test_another_books_rows_are_not_in_the_sums(book, client):
    other = world.book("other-road", accounts=[("Bank", "bank", ZERO)])
    Statement.objects.create(book=other, account=other.accounts.get(), file_name="s", sha256="o", layout="x")
    paid(book, FIRST, 100)
    paid(other, FIRST, 777, "SECRET")
    page = client.get(PAGE).content.decode()
    assert "SECRET" not in page
    assert client.get(PAGE).context["seen"].spent == Decimal(100)
    assert client.get("/books/other-road/expenses/").status_code == 404
