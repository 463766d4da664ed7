"""What a scheme asks for and how a customer stands."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackers.schedule import MAX_DAY, Terms, TermsError, expected, instalment, instalment_days, standing

START = date(2024, 10, 16)  # a Wednesday
SUNDAY = 6


def terms(**changed) -> Terms:
    usual = {"investment": Decimal(50000), "scheme_period": 100, "per_day_payment": Decimal(500), "start_date": START}
    return Terms(**usual | changed)


def on(day: int) -> date:
    return START + timedelta(days=day)


def test_a_scheme_without_skipped_days_ends_on_the_day_of_its_period():
    assert terms().last_day == 100
    assert terms().ends_on == date(2025, 1, 24)
    assert terms().total == 50000


def test_skipped_sundays_make_the_scheme_end_as_much_later():
    skipping = terms(scheme_period=7, skipped_weekdays=frozenset({SUNDAY}))
    assert list(instalment_days(skipping)) == [1, 2, 3, 5, 6, 7, 8]
    assert instalment(skipping, on(4)) == 0
    assert instalment(skipping, on(5)) == 500
    assert expected(skipping, 4) == expected(skipping, 3) == 1500


def test_a_holiday_carries_no_instalment():
    skipping = terms(scheme_period=3, holidays=frozenset({on(2)}))
    assert list(instalment_days(skipping)) == [1, 3, 4]


def test_the_day_of_the_loan_carries_no_instalment():
    assert instalment(terms(), START) == 0
    assert expected(terms(), 0) == expected(terms(), -5) == 0


def test_a_term_that_would_end_after_day_1100_is_refused():
    with pytest.raises(TermsError, match="instalment 1000 of 1000 would fall after day 1100"):
        terms(scheme_period=1000, skipped_weekdays=frozenset({SUNDAY}))
    assert terms(scheme_period=940, skipped_weekdays=frozenset({SUNDAY})).last_day <= MAX_DAY


def test_a_week_of_skipped_days_is_refused():
    with pytest.raises(TermsError, match="skip fewer days"):
        terms(skipped_weekdays=frozenset(range(7)))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scheme_period": 0}, "from 1 to 1000"),
        ({"scheme_period": 1001}, "from 1 to 1000"),
        ({"per_day_payment": Decimal(0)}, "must be more than 0"),
        ({"per_day_payment": Decimal("0.001")}, "at most two decimal places"),
        ({"investment": Decimal(-1)}, "from 0 to"),
        ({"investment": Decimal("NaN")}, "from 0 to"),
        ({"start_date": date(1899, 1, 1)}, "give a date from"),
        ({"skipped_weekdays": frozenset({7})}, "Monday 0 to Sunday 6"),
    ],
)
def test_terms_that_make_no_scheme_are_refused_by_name(changed, message):
    with pytest.raises(TermsError, match=message):
        terms(**changed)


def test_a_customer_behind_owes_arrears_and_days_past_due():
    stands = standing(terms(), Decimal(1000), on(5))
    assert (stands.due, stands.arrears, stands.advance, stands.outstanding) == (2500, 1500, 0, 49000)
    assert stands.days_past_due == 2  # instalment 3 fell due on day 3
    assert stands.next_due_on == on(5)


def test_what_falls_due_today_is_not_yet_past_due():
    stands = standing(terms(), Decimal(2000), on(5))
    assert (stands.arrears, stands.days_past_due) == (500, 0)


def test_half_an_instalment_leaves_it_unpaid():
    assert standing(terms(), Decimal(750), on(5)).days_past_due == 3


def test_a_customer_ahead_has_an_advance_and_his_next_instalment_later():
    stands = standing(terms(), Decimal(5000), on(5))
    assert (stands.arrears, stands.advance, stands.days_past_due) == (0, 2500, 0)
    assert stands.next_due_on == on(11)


def test_a_customer_who_paid_all_owes_nothing_more():
    stands = standing(terms(), Decimal(50500), on(120))
    assert (stands.outstanding, stands.arrears, stands.advance, stands.next_due_on) == (0, 0, 500, None)


def test_after_the_term_nothing_more_falls_due_but_arrears_age():
    stands = standing(terms(), Decimal(49500), on(130))
    assert (stands.arrears, stands.days_past_due, stands.next_due_on) == (500, 30, None)


def test_before_the_scheme_starts_nothing_is_due():
    stands = standing(terms(), Decimal(0), on(-3))
    assert (stands.due, stands.arrears, stands.next_due_on) == (0, 0, on(1))


@given(
    st.integers(1, 200),
    st.sets(st.integers(0, 6), max_size=3),
    st.sets(st.integers(0, 250), max_size=9),
    st.integers(0, 25000),
    st.integers(-3, 400),
)
def test_standing_follows_from_adding_up_day_by_day(period, weekdays, holidays, paid, day):
    scheme = terms(
        scheme_period=period,
        skipped_weekdays=frozenset(weekdays),
        holidays=frozenset(on(holiday) for holiday in holidays),
        per_day_payment=Decimal(100),
    )
    fell_due = []
    for each in range(1, MAX_DAY + 1):
        if len(fell_due) < period and on(each).weekday() not in weekdays and each not in holidays:
            fell_due.append(each)
    due = 100 * sum(1 for each in fell_due if each <= day)
    stands = standing(scheme, Decimal(paid), on(day))
    assert scheme.last_day == fell_due[-1]
    assert stands.due == due == sum(instalment(scheme, on(each)) for each in range(day + 1))
    assert stands.arrears - stands.advance == due - paid
    assert stands.outstanding == max(0, 100 * period - paid)
    late = [each for place, each in enumerate(fell_due) if each <= day and 100 * (place + 1) > paid]
    assert stands.days_past_due == (day - late[0] if late else 0)
    coming = [each for place, each in enumerate(fell_due) if each >= day and 100 * (place + 1) > paid]
    assert stands.next_due_on == (on(coming[0]) if coming else None)
