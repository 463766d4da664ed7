"""A tracker's chart as SVG drawn on the server: what was paid in all against what was expected, day by day.

Pure: takes a workbook's rows, gives coordinates; templates/trackers/chart.html draws them, the day table stands below.
"""

from decimal import Decimal

WIDTH, HEIGHT, TOP, FOOT = 800, 200, 14, 176
MOST_POINTS = 200


def paid_against_expected(rows, through, most=MOST_POINTS):
    """The coordinates of two lines over the days 0 to `through` (the last day worth showing), None for fewer than two.

    `rows` are Contents.rows(): {day, date, paid, cumulative …}; `expected` is reckoned by the caller and stands in
    each row as `fallen`, Decimal rupees in all.
    """
    shown = rows[: through + 1]
    if len(shown) < 2:
        return None
    step = max(1, len(shown) // most)
    paid, points = Decimal(0), []
    for number, row in enumerate(shown):
        paid += row["paid"] or 0
        if number % step == 0 or number == len(shown) - 1:
            points.append((row["day"], paid, row["fallen"], row["date"]))
    tallest = max(max(point[1], point[2]) for point in points) or Decimal(1)

    def x(day):
        return f"{Decimal(day) * WIDTH / points[-1][0]:.1f}"

    def y(amount):
        return f"{FOOT - amount / tallest * (FOOT - TOP):.1f}"

    return {
        "width": WIDTH,
        "height": HEIGHT,
        "foot": FOOT,
        "paid": " ".join(f"{x(day)},{y(paid)}" for day, paid, _, _ in points),
        "expected": " ".join(f"{x(day)},{y(fallen)}" for day, _, fallen, _ in points),
        "tallest": tallest,
        "first": points[0][3],
        "last": points[-1][3],
        "paid_now": points[-1][1],
        "expected_now": points[-1][2],
    }
