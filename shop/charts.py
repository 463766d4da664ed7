"""A chart of days or months as SVG, drawn on the server: it prints, needs no JavaScript, and its table stands below.

Above, the closing as a line; below, received and spent as paired bars on a scale of their own: a balance dwarfs a
day's money. Pure: takes figures, gives coordinates; templates/shop/chart.html draws them.
"""

from dataclasses import dataclass
from decimal import Decimal

WIDTH, LINE_TOP, LINE_FOOT, BARS_TOP, BARS_FOOT = 800, 16, 96, 116, 196
LEFT, RIGHT = 4, 796


@dataclass(frozen=True)
class Point:
    """One day or month: Decimal rupees, where a click leads, and what the pointer is told."""

    label: str
    received: Decimal
    spent: Decimal
    closing: Decimal
    address: str = ""
    tick: str = ""


def chart(points):
    """The coordinates of a chart of Points, or None for fewer than two: those are a table."""
    points = list(points)
    if len(points) < 2:
        return None
    step = Decimal(RIGHT - LEFT) / len(points)
    closings = [point.closing for point in points]
    low, high = min(closings), max(closings)
    tallest = max(max(abs(point.received), abs(point.spent)) for point in points)
    width = min(step * Decimal("0.38"), Decimal(18))
    drawn = []
    for number, point in enumerate(points):
        middle = LEFT + step * number + step / 2
        drawn.append(
            {
                "point": point,
                "left": _short(LEFT + step * number),
                "middle": _short(middle),
                "y": _short(_between(point.closing, low, high)),
                "received": _bar(point.received, tallest, middle - width - Decimal("0.5"), width),
                "spent": _bar(point.spent, tallest, middle + Decimal("0.5"), width),
            }
        )
    return {
        "days": drawn,
        "step": _short(step),
        "line": " ".join(f"{day['middle']},{day['y']}" for day in drawn),
        "low": low,
        "high": high,
        "tallest": tallest,
        "first": points[0],
        "last": points[-1],
        "width": WIDTH,
        "height": BARS_FOOT + 20,
        "bars_foot": BARS_FOOT,
        "line_foot": LINE_FOOT,
        "bars_top": BARS_TOP,
    }


def _between(amount, low, high):
    """The line's y: the highest closing at its top, the lowest at its foot; a flat line in the middle."""
    if high == low:
        return Decimal(LINE_TOP + LINE_FOOT) / 2
    return LINE_FOOT - (amount - low) / (high - low) * (LINE_FOOT - LINE_TOP)


def _bar(amount, tallest, left, width):
    """A bar's rectangle, None where there is nothing; what was reversed counts by its size."""
    if not amount:
        return None
    height = max(abs(amount) / tallest * (BARS_FOOT - BARS_TOP), Decimal(1))
    return {"x": _short(left), "y": _short(BARS_FOOT - height), "width": _short(width), "height": _short(height)}


def _short(number):
    return f"{number:.1f}"
