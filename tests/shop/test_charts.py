"""Charts are figures turned into coordinates; no database."""

from decimal import Decimal

from shop.charts import BARS_FOOT, BARS_TOP, LINE_FOOT, LINE_TOP, Point, chart


def point(closing, received="0", spent="0"):
    return Point("a day", Decimal(received), Decimal(spent), Decimal(closing))


def test_the_highest_closing_is_on_top_and_the_lowest_at_the_foot():
    drawn = chart([point("100"), point("300"), point("200")])
    assert [float(day["y"]) for day in drawn["days"]] == [LINE_FOOT, LINE_TOP, (LINE_TOP + LINE_FOOT) / 2]
    assert (drawn["low"], drawn["high"]) == (Decimal(100), Decimal(300))


def test_the_tallest_bar_fills_its_height_and_nothing_has_no_bar():
    days = chart([point("1", received="50"), point("1", spent="100")])["days"]
    assert float(days[1]["spent"]["height"]) == BARS_FOOT - BARS_TOP
    assert float(days[0]["received"]["height"]) == (BARS_FOOT - BARS_TOP) / 2
    assert days[0]["spent"] is None


def test_quiet_days_are_a_flat_line_without_bars():
    drawn = chart([point("7"), point("7")])
    assert len({day["y"] for day in drawn["days"]}) == 1
    assert all(day["received"] is None and day["spent"] is None for day in drawn["days"])


def test_one_day_is_no_chart():
    assert chart([point("1")]) is None
    assert chart([]) is None
