"""The dashboard's page from its figures: bars with their widths, the months as columns, and the rows that each opens."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlencode

from expenses.overview import figures
from expenses.overview.figures import TBD, WEEKDAYS, Asked
from expenses.overview.spent import next_month
from shop.money import ZERO

BAR = 300  # the longest bar, in the drawing's units
MONTHS, APART = 24, 7  # months drawn; tags drawn apart, the others are one
OTHERS = "#b9c0c8"
WIDTH, HEIGHT = 800, 200


@dataclass(frozen=True)
class Bar:
    """A line of a table of bars: the bar's width, and the address of its rows."""

    label: str
    count: int
    total: Decimal
    width: int
    link: str


def asked_of(form, book):
    """The Asked of a SelectionForm; what it could not read asks for all (its field says why)."""
    form.is_valid()
    data = form.cleaned_data
    tag, account = data.get("tag"), data.get("account")
    return Asked(
        book_id=book.pk,
        first=data.get("date_from"),
        last=data.get("date_to"),
        account=account.pk if account else None,
        tag=TBD if tag == "tbd" else int(tag) if tag else None,
    )


class Overview:
    """Everything the page shows of what was asked; `grid` is the address of the list of transactions."""

    def __init__(self, asked, grid):
        self.asked, self.grid = asked, grid
        self.figures = figures.figures(asked)
        self.tbd, self.spent, self.percent_tbd = self.figures.share_tbd()
        self.tbd_link = self.rows_of(tag="tbd")
        sums = self.figures.by_tag()
        self.tags = self.bars((name, *rest, {"tag": _key(tag)}) for tag, name, *rest in sums)
        self.apart = [tag for tag, *_ in sums[:APART]]
        self.months = self._months()

    def rows_of(self, **narrower):
        """The address of the rows behind a figure: what was asked, and narrower."""
        asked = {
            "date_from": self.asked.first,
            "date_to": self.asked.last,
            "account": self.asked.account,
            "tag": "tbd" if self.asked.tag == TBD else self.asked.tag,
        }
        return f"{self.grid}?{urlencode({k: v for k, v in {**asked, **narrower}.items() if v is not None})}"

    def bars(self, rows):
        """[Bar] of rows (label, count, sum, what narrows the list to them)."""
        rows = list(rows)
        largest = max((total for _, _, total, _ in rows), default=ZERO)
        return [
            Bar(label, count, total, round(BAR * total / largest) if largest else 0, self.rows_of(**narrower))
            for label, count, total, narrower in rows
        ]

    @property
    def payees(self):
        return self.bars((*row, {"product": row[0]}) for row in figures.top_payees(self.asked))

    @property
    def modes(self):
        sums = sorted(self.figures.by_mode.items(), key=lambda row: -row[1][1])
        return self.bars((mode, *row, {"mode": mode}) for mode, row in sums)

    @property
    def weekdays(self):
        sums = sorted(self.figures.by_weekday.items())
        return self.bars((WEEKDAYS[day - 1], *row, {"weekday": day}) for day, row in sums)

    @property
    def recurring(self):
        return [(one, self.rows_of(product=one.payee)) for one in figures.recurring(self.asked)[:20]]

    # -------------------------------------------------------------------------------------------- months

    def _days_of(self, month):
        """What narrows the list to a month, never wider than what was asked."""
        first, last = month, next_month(month) - timedelta(days=1)
        return {
            "date_from": max(first, self.asked.first or first),
            "date_to": min(last, self.asked.last or last),
        }

    def _months(self):
        """[month as a dict], newest first: its cells by tag, its total, and the change from the month before it."""
        found, before = [], None
        for month, tags, total in self.figures.by_month():
            others = sum((amount for tag, amount in tags.items() if tag not in self.apart), ZERO)
            days = self._days_of(month)
            cells = [
                {
                    "total": tags.get(tag),
                    "link": self.rows_of(**days, tag=_key(tag)),
                    "colour": self.figures.colour(tag),
                }
                for tag in self.apart
            ]
            if len(self.tags) > APART:
                cells.append({"total": others or None, "link": self.rows_of(**days), "colour": OTHERS})
            change = None if before is None else total - before
            link = self.rows_of(**days)
            found.append({"month": month, "cells": cells, "tags": tags, "total": total, "change": change, "link": link})
            before = total
        return found[::-1]

    @property
    def heads(self):
        """[(colour, name)] of the columns of the months' table."""
        names = [(self.figures.colour(tag), self.figures.name(tag)) for tag in self.apart]
        return names + ([(OTHERS, "Others")] if len(self.tags) > APART else [])

    @property
    def shown(self):
        return self.months[:MONTHS]

    @property
    def earlier(self):
        """(how many months are not drawn, their sum, the address of their rows), or None."""
        hidden = self.months[MONTHS:]
        if not hidden:
            return None
        last = self._days_of(hidden[0]["month"])["date_to"]
        return len(hidden), sum((month["total"] for month in hidden), ZERO), self.rows_of(date_to=last)

    @property
    def columns(self):
        """The drawn months, oldest first, each a column of its tags' parts; None for fewer than two months."""
        months = self.shown[::-1]
        if len(months) < 2:
            return None
        tallest = max(month["total"] for month in months)
        step = Decimal(WIDTH) / len(months)
        bar = min(step * 3 / 4, Decimal(BAR) / 4)
        drawn = []
        for number, month in enumerate(months):
            foot, parts = Decimal(HEIGHT), []
            for cell in month["cells"]:
                height = (cell["total"] or ZERO) / tallest * HEIGHT
                foot -= height
                if height:
                    parts.append({**cell, "y": f"{foot:.1f}", "height": f"{height:.1f}"})
            drawn.append({**month, "x": f"{number * step + (step - bar) / 2:.1f}", "parts": parts})
        return {"months": drawn, "width": WIDTH, "height": HEIGHT, "bar": f"{bar:.1f}", "tallest": tallest}

    @property
    def against(self):
        """The newest month beside the one before it, tag by tag, what changed most first; None for fewer than two."""
        if len(self.months) < 2:
            return None
        newer, older = self.months[:2]
        rows = []
        for tag in newer["tags"].keys() | older["tags"].keys():
            now, then = newer["tags"].get(tag, ZERO), older["tags"].get(tag, ZERO)
            links = [self.rows_of(**self._days_of(one["month"]), tag=_key(tag)) for one in (older, newer)]
            rows.append((self.figures.name(tag), then, now, now - then, *links))
        rows.sort(key=lambda row: (-abs(row[3]), row[0]))
        return {"newer": newer, "older": older, "rows": rows}


def _key(tag):
    """A tag's id as the list of transactions asks for it."""
    return "tbd" if tag is None else tag
