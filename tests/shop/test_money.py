"""Money: whole paise inside, Decimal rupees outside, and no float anywhere near."""

from decimal import Decimal

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models import Avg, Case, F, Max, Min, Q, Sum, Value, When
from django.db.models.functions import Coalesce
from hypothesis import given
from hypothesis import strategies as st

from ledger.models import Account
from shop.money import MAX_RUPEES, from_paise, parse_money, plain, rupees, to_paise
from shop.money_fields import MoneyField, MoneyFormField
from tests import world

paise = st.integers(-(10**13) + 1, 10**13 - 1)

# ------------------------------------------------------------------------------------------------ what people type


@given(paise)
def test_what_is_shown_can_be_typed_again(paise):
    amount = from_paise(paise)
    assert parse_money(plain(amount)) == amount
    assert parse_money(rupees(amount).replace("−", "-")) == amount
    assert parse_money(f"{amount:,.2f}") == amount  # 1,234,567.00 as the west groups it
    assert to_paise(amount) == paise


@given(st.one_of(st.text(), st.text("0123456789.,-+ eE₹")))
def test_any_text_is_an_amount_of_two_places_or_refused_with_its_words(text):
    amount = complaint = None
    try:
        amount = parse_money(text)
    except ValidationError as refused:
        complaint = refused.messages[0]
    if complaint is None:
        assert abs(amount) < MAX_RUPEES
        assert amount.as_tuple().exponent == -2
    else:
        assert text.strip()[:40] in complaint


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1,23,456.50", "123456.50"),
        ("123,456.5", "123456.50"),
        (" ₹ 500 ", "500.00"),
        ("Rs.500", "500.00"),
        (".5", "0.50"),
        ("7.", "7.00"),
        ("-20", "-20.00"),
        ("0", "0.00"),
        ("007", "7.00"),
        ("99999999999.99", "99999999999.99"),
    ],
)
def test_amounts_as_people_write_them(text, amount):
    assert str(parse_money(text)) == amount


@pytest.mark.parametrize(
    "text",
    [
        "500", "500.00", "500/-", "500 /-", "500.00/-", "500/=", "Rs 500", "Rs.500", "Rs. 500", "rs 500", "RS.500.00", "Rs500",
        "INR 500", "inr500", "INR 500.00", "₹500", "₹ 500/-", "₹500.00/-", "Rs 500/-", "Rs. 500/-", "Rs.500/- only",
        "500 Rs", "500 Rs.", "500 rs/-", "500 INR", "500 rupees", "Rupees 500", "500/- only", "500 only", "₨ 500",
        "Rs\u00a0500", "₹\u202f500", "0500", "500/–",
    ],
)  # fmt: skip
def test_amounts_as_shops_write_them(text):
    assert parse_money(text) == Decimal(500)
    assert parse_money(f"-{text}") == Decimal(-500)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        *(
            ("Rs 1,23,456/-", 123456),
            ("INR 1,23,456.50", "123456.5"),
            ("₹1,00,00,000/-", 10000000),
            ("1,234,567.5 Rs", "1234567.5"),
        ),
        *(("−500.00", -500), ("−₹500.00", -500), ("₹ -500", -500), ("Rs -1,234.50/-", "-1234.5")),
    ],
)
def test_grouping_and_minus_go_with_the_words_around_an_amount(text, amount):
    assert parse_money(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    [
        *("500/", "500-/", "Rs", "Rs /-", "INR", "500 Dr", "500 Cr", "500 paise", "Rs Rs 500", "--500", "- Rs - 500"),
        *("500 lakh", "5k", "1.5L", "500/-500", "Rs 1,2,3", "500 only only", "USD 500", "$500", "Rs.1.234/-", "(500)"),
        *("", " ", "-", ".", "₹", "5₹", "5-", "--5", "+5", "1 000"),
        *("1,2,3", "12,34", "1,,000", "1.2.3", "1.234", "1e5", "0x10", "=1+1"),
        *("NaN", "Infinity", "५००", "1٫5", "\0", "100000000000", "9" * 40),
    ],
)
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValidationError):
        parse_money(text)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "0.00"),
        ("999.9", "999.90"),
        ("1000", "1,000.00"),
        ("100000", "1,00,000.00"),
        ("12345678.9", "1,23,45,678.90"),
        ("-1234.5", "−1,234.50"),
    ],
)
def test_indian_grouping(amount, shown):
    assert rupees(Decimal(amount)) == shown


def test_a_minus_stands_before_the_rupee_sign():
    assert rupees(Decimal("-1234.5"), "₹") == "−₹1,234.50"


# ------------------------------------------------------------------------------------------------ the edge


@pytest.mark.parametrize("value", [0.1, 1.0, True, float("nan")])
def test_a_float_is_never_money(value):
    with pytest.raises(TypeError):
        to_paise(value)


@pytest.mark.parametrize("text", ["0.001", "NaN", "Infinity", "-Infinity", "sNaN", "1e30", "92233720368547758.08"])
def test_what_a_column_cannot_hold_to_the_paisa_is_refused(text):
    with pytest.raises(ValueError, match="pais"):
        to_paise(Decimal(text))


def test_the_limits_of_64_bits():
    assert to_paise(Decimal("92233720368547758.07")) == 2**63 - 1
    assert from_paise(-(2**63)) == Decimal("-92233720368547758.08")


@pytest.mark.parametrize(("half", "amount"), [("0.5", "0.00"), ("1.5", "0.02"), ("2.5", "0.02"), (100.25, "1.00")])
def test_an_average_between_two_paise_is_rounded_half_to_even(half, amount):
    assert from_paise(Decimal(half)) == Decimal(amount)


# ------------------------------------------------------------------------------------------------ the field


@pytest.fixture
def book():
    return world.book(accounts=[("Only", "cash", Decimal(0))])


def balances(*amounts):
    """Accounts with these opening balances, of a book of their own."""
    book = world.book(f"book-{len(amounts)}", accounts=[(f"A{n}", "cash", Decimal(a)) for n, a in enumerate(amounts)])
    return Account.objects.filter(book=book)


@pytest.mark.django_db
def test_sums_averages_and_expressions_are_exact_rupees():
    rows = balances("499514692.95", "0.10", "0.20", "-0.05")
    found = rows.aggregate(
        sum=Sum("opening_balance"), top=Max("opening_balance"), low=Min("opening_balance"), mean=Avg("opening_balance")
    )
    assert found == {
        "sum": Decimal("499514693.20"),
        "top": Decimal("499514692.95"),
        "low": Decimal("-0.05"),
        "mean": Decimal("124878673.30"),
    }
    assert all(isinstance(amount, Decimal) for amount in found.values())
    twice = rows.annotate(
        twice=F("opening_balance") + F("opening_balance"), none=F("opening_balance") - F("opening_balance")
    )
    assert {row.twice for row in twice} == {Decimal(a) for a in ("999029385.90", "0.20", "0.40", "-0.10")}
    assert {row.none for row in twice} == {Decimal(0)}


@pytest.mark.django_db
def test_drift_of_a_million_tenths_does_not_happen():
    rows = balances(*["0.10"] * 50)
    assert rows.aggregate(sum=Sum("opening_balance"))["sum"] == Decimal("5.00")


@pytest.mark.django_db
def test_a_literal_in_an_expression_is_rupees():
    money = MoneyField()
    rows = balances("1.00", "2.00").annotate(
        more=F("opening_balance") + Value(Decimal("0.50"), output_field=money),
        kept=Case(When(opening_balance__gt=Decimal("1.50"), then=F("opening_balance")), default=Value(None, money)),
    )
    assert sorted(row.more for row in rows) == [Decimal("1.50"), Decimal("2.50")]
    assert rows.aggregate(sum=Coalesce(Sum("kept"), Value(Decimal(0), money)))["sum"] == Decimal("2.00")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("lookup", "found"),
    [
        (Q(opening_balance=Decimal("500.50")), 1),
        (Q(opening_balance="500.50"), 1),
        (Q(opening_balance=500), 0),
        (Q(opening_balance__gt=Decimal("500.49")), 2),
        (Q(opening_balance__lt=Decimal("500.51")), 2),
        (Q(opening_balance__range=(Decimal("500"), Decimal("501"))), 1),
        (Q(opening_balance__in=[Decimal("500.50"), Decimal("7")]), 1),
        (Q(opening_balance__gte=F("opening_balance")), 3),
    ],
)
def test_lookups_take_rupees(lookup, found):
    assert balances("500.50", "-1", "90000000000").filter(lookup).count() == found


@pytest.mark.django_db
def test_amounts_sort_as_numbers():
    rows = balances("9", "-10", "100").order_by("opening_balance")
    assert [row.opening_balance for row in rows] == [Decimal(-10), Decimal(9), Decimal(100)]


@pytest.mark.django_db
@pytest.mark.parametrize("value", [0.1, Decimal("0.001"), Decimal("NaN")])
def test_the_field_refuses_what_is_no_exact_amount(book, value):
    account = Account(book=book, name="New", opening_balance=value)
    with pytest.raises(ValidationError):
        account.full_clean()
    with pytest.raises((TypeError, ValueError)):
        account.save()
    with pytest.raises((TypeError, ValueError)):
        Account.objects.filter(opening_balance=value).exists()


@pytest.mark.django_db
def test_the_column_holds_whole_paise(book):
    Account.objects.create(book=book, name="Bank", opening_balance=Decimal("12.34"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT opening_balance FROM ledger_account WHERE name = 'Bank'")
        assert cursor.fetchone() == (1234,)


@pytest.mark.django_db
def test_the_largest_row_and_one_more(book):
    row = Account.objects.create(book=book, name="Bank", opening_balance=Decimal("92233720368547758.07"))
    row.refresh_from_db()
    assert row.opening_balance == Decimal("92233720368547758.07")
    with pytest.raises(ValidationError, match="too large"):
        row.full_clean()
    row.opening_balance += Decimal("0.01")
    with pytest.raises(ValueError, match="64 bits"):
        row.save()


def test_the_field_is_no_integer_field_for_anybody_who_asks():
    """import-export picks its widget by class, and would turn "500.50" into 500 in silence."""
    from import_export import resources, widgets

    assert not isinstance(MoneyField(), models.IntegerField | models.DecimalField | models.FloatField)
    chosen = resources.ModelResource.widget_from_django_field(Account._meta.get_field("opening_balance"))
    assert not issubclass(chosen, widgets.NumberWidget)


# ------------------------------------------------------------------------------------------------ forms


class Form(forms.Form):
    amount = MoneyFormField(required=False)


@pytest.mark.parametrize(
    ("typed", "amount"), [("1,23,456.50", Decimal("123456.50")), ("", None), ("  ", None), ("₹5", Decimal(5))]
)
def test_a_form_gives_rupees(typed, amount):
    form = Form({"amount": typed})
    assert form.is_valid()
    assert form.cleaned_data["amount"] == amount


@pytest.mark.parametrize("typed", ["1,2,3", "5.005", "NaN", "1e3", "100000000000"])
def test_a_form_says_what_is_wrong(typed):
    form = Form({"amount": typed})
    assert not form.is_valid()
    assert typed in form.errors["amount"][0]


def test_a_form_shows_indian_grouping_and_knows_when_nothing_changed():
    form = Form({"amount": "123456.5"}, initial={"amount": Decimal("123456.50")})
    assert not form.has_changed()
    assert 'value="1,23,456.50"' in str(Form(initial={"amount": Decimal("123456.50")})["amount"])
    assert 'value="-1,00,000.00"' in str(Form(initial={"amount": Decimal(-100000)})["amount"])
    assert 'inputmode="decimal"' in str(Form()["amount"])
