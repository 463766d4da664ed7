"""The list's figures agree with the schedule's for every tracker, and open no file."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trackers import pages
from trackers import portfolio, schedule, services, store
from trackers.models import Tracker

START = date(2024, 10, 16)


def line_of(terms, paid, on):
    """The portfolio's Line of one tracker, made from columns as the database gives them."""
    weekdays = str(sorted(terms.skipped_weekdays))
    free = "[" + ", ".join(f'"{day}"' for day in sorted(terms.holidays)) + "]"
    per_day, paid, others = int(terms.per_day_payment * 100), int(paid * 100), (0, 0, 0)
    row = (1, str(terms.start_date), terms.scheme_period, None, 0, per_day, paid, *others, weekdays, free)
    return portfolio._line(row, on)


@settings(max_examples=300, deadline=None)
@given(
    period=st.integers(1, 120),
    per_day=st.integers(1, 100_000),
    paid=st.integers(0, 5_000_000),
    ahead=st.integers(-5, 300),
    weekdays=st.frozensets(st.integers(0, 6), max_size=3),
    holidays=st.frozensets(st.integers(0, 150), max_size=5),
)
def test_every_figure_is_the_schedule_s(period, per_day, paid, ahead, weekdays, holidays):
    terms = schedule.Terms(
        investment=Decimal(1000),
        scheme_period=period,
        per_day_payment=Decimal(per_day).scaleb(-2),
        start_date=START,
        skipped_weekdays=weekdays,
        holidays=frozenset(START + timedelta(days=day) for day in holidays),
    )
    on, amount = START + timedelta(days=ahead), Decimal(paid).scaleb(-2)
    line, standing = line_of(terms, amount, on), schedule.standing(terms, amount, on)
    figures = [portfolio.to_rupees(value) for value in (line.due, line.arrears, line.outstanding, line.today_due)]
    assert figures == [standing.due, standing.arrears, standing.outstanding, schedule.instalment(terms, on)]
    assert line.days_past_due == standing.days_past_due


@pytest.mark.django_db
def test_totals_buckets_and_what_is_at_risk(django_assert_num_queries):
    cast = pages.shop(3)
    services.record_payment(cast.trackers[0], 1, paid=Decimal(500))
    services.record_payment(cast.trackers[1], 40, paid=Decimal(20000))
    for tracker in cast.trackers:
        store.path_of(tracker).unlink()  # whoever opens a workbook now fails
    with django_assert_num_queries(1):
        found = portfolio.lines(Tracker.objects.filter(book=cast.main).order_by("pk"), START + timedelta(days=40))
    assert [line.days_past_due for line in found] == [38, 0, 39]
    assert [line.bucket for line in found] == ["31-90", "0", "31-90"]
    sums = portfolio.totals(found)
    assert (sums.paid, sums.arrears) == (Decimal("20500.00"), Decimal("39500.00"))
    assert sums.at_risk == Decimal("99500.00")
    assert sums.buckets["31-90"] == (2, Decimal("39500.00"))


@pytest.mark.django_db
def test_home_says_what_came_in_who_is_behind_and_what_is_at_risk():
    cast = pages.shop(0)
    today = cast.main.today()
    cast.trackers = [pages.running(cast.main, n, start_date=today - timedelta(days=50)) for n in range(2)]
    day = cast.trackers[0].terms.day_of(today)
    services.record_payment(cast.trackers[0], day, paid=Decimal(25000))
    texts = [text for text, _, _ in portfolio.home_lines(cast.main, cast.ravi)]
    assert texts[0] == "Collected 1 of 2 due today"
    assert texts[1].startswith("1 behind 31–90 days")
    assert "50,000.00 at risk" in texts[2]
    assert portfolio.home_lines(cast.other, cast.charlie) == []
