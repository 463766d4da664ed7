"""After any sequence of edits the cached values, our summary and LibreOffice's recalculation agree in every cell."""

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.trackers.workbooks import (
    SHEET,
    START,
    cell_of,
    needs_libreoffice,
    new_workbook,
    parts,
    recalculated,
    values_of,
    with_parts,
)
from trackers.schedule import MAX_DAY, Terms
from trackers.workbook.amounts import from_serial
from trackers.workbook.layouts import AMOUNT, LAYOUTS, MODES
from trackers.workbook.patch import patch
from trackers.workbook.read import read

PERIODS = (1, 7, 100, 365, 1000)
KINDS = tuple(LAYOUTS)
amounts = st.one_of(
    st.just(Decimal(500)), st.just(Decimal(0)), st.integers(0, 10**8).map(lambda paise: Decimal(paise) / 100), st.none()
)
texts = st.one_of(
    st.none(),
    st.sampled_from(
        ['=HYPERLINK("http://x","y")', "+91 98", "<b>&amp;", "_x0041_", " two  spaces ", "दो\nபணம்", "a\x0bb"]
    ),
)


@st.composite
def days_of(draw, kind: str, last_day: int):
    """A few days' inputs: blanks, zeros, withdrawals, reinvestment with pocket money."""
    chosen = draw(st.lists(st.integers(0, last_day), min_size=1, max_size=8, unique=True))
    edits = {}
    for day in chosen:
        edit = {"paid": draw(amounts), "mode": draw(st.sampled_from((None, *MODES)))}
        if draw(st.booleans()):
            edit["withdrawn"] = draw(amounts)
        if draw(st.booleans()):
            edit["notes"] = draw(texts)
        if kind == "1L" and draw(st.booleans()):
            edit["reinvest"] = draw(amounts)
            edit["pocket_money"] = min(draw(amounts) or Decimal(0), edit["reinvest"] or Decimal(0))
            edit["reinvest_from"] = draw(texts)
        if kind == "NO_REINVEST" and draw(st.booleans()):
            edit["details"] = draw(texts)
        edits[day] = edit
    return edits


@st.composite
def edited_workbooks(draw, kind: str, period: int):
    """A workbook after a few edits, some past the table's last day, its book skipping days where the term allows it."""
    terms = {"scheme_period": period}
    if draw(st.booleans()):
        terms["skipped_weekdays"] = frozenset({draw(st.integers(0, 6))}) if period < 900 else frozenset()
        holidays = draw(st.lists(st.integers(0, period + 5), max_size=5))
        terms["holidays"] = frozenset(START + timedelta(days=day) for day in holidays)
    terms["per_day_payment"] = draw(st.sampled_from([Decimal("500"), Decimal("33.33"), Decimal("0.01")]))
    terms["investment"] = draw(st.sampled_from([Decimal(0), Decimal(50000), Decimal("99999.99")]))
    terms["disbursed"] = draw(st.sampled_from([None, Decimal(0), Decimal("43999.99"), Decimal(60000)]))
    data = new_workbook(kind, **terms)
    for _ in range(draw(st.integers(1, 3))):
        last_day = read(data).last_day
        data = patch(data, days=draw(days_of(kind, min(last_day + draw(st.sampled_from([0, 0, 9])), MAX_DAY)))).data
    if draw(st.booleans()):
        data = patch(data, parameters={"per_day_payment": Decimal("250.50"), "start_date": START}).data
    return data


def assert_cached_values_are_our_figures(data: bytes) -> None:
    contents = read(data, thorough=True)
    assert contents.altered == contents.unreadable == ()
    cells, layout = values_of(data), contents.layout
    place = {column.field: ord(column.letter) - 65 for column in layout.columns}
    for row in contents.rows():
        stored = cells[layout.row(row["day"]) - 1]
        for column in layout.columns:
            held, meant = stored[place[column.field]], row[column.field]
            if column.holds == AMOUNT:
                assert held == ("" if meant is None else float(meant)), (row["day"], column)
            elif column.field in ("date", "day"):
                assert held == meant
            else:
                assert held == (meant or ""), (row["day"], column)
    summary = contents.summary() | {"investment": contents.terms.investment}
    for place_in_summary, (field, _) in enumerate(layout.summary):
        held = cells[5 + place_in_summary][5]
        if field == "roi":  # ours is rounded to four places, the cell holds the quotient as the spreadsheet divides it
            assert abs(Decimal(str(held)) - summary[field]) <= Decimal("0.0000500001"), field
        else:
            assert held == float(summary[field]), field
    assert cells[4][4] == f"SUMMARY (Day {contents.terms.scheme_period})"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("period", PERIODS[:3])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_cached_values_are_the_figures_of_our_summary(kind, period, data):
    assert_cached_values_are_our_figures(data.draw(edited_workbooks(kind, period)))


@needs_libreoffice
@settings(
    max_examples=2, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), print_blob=False
)
@given(st.tuples(*(edited_workbooks(kind, period) for kind in KINDS for period in PERIODS)))
def test_libreoffice_computes_what_every_cell_already_says(tmp_path_factory, workbooks):
    ours = {f"w{place}": data for place, data in enumerate(workbooks)}
    theirs = recalculated(ours, tmp_path_factory.mktemp("office"))
    for name, data in ours.items():
        assert_cached_values_are_our_figures(data)
        assert _differences(values_of(data), values_of(theirs[name])) == []
        reread = read(theirs[name], thorough=True)
        assert reread.altered == reread.unreadable == ()
        assert reread.cells == read(data).cells


def _differences(ours: list[list], theirs: list[list]) -> list[tuple]:
    """(row, column, ours, theirs) of cells that differ; amounts to a thousandth of a paisa, blank margins aside."""
    width = max(len(row) for row in (*ours, *theirs))
    height = max(len(ours), len(theirs))

    def squared(rows: list[list]) -> list[list]:
        rows = [[*row, *[""] * (width - len(row))] for row in rows]
        return rows + [[""] * width] * (height - len(rows))

    return [
        (row + 1, column + 1, mine, other)
        for row, (left, right) in enumerate(zip(squared(ours), squared(theirs), strict=True))
        for column, (mine, other) in enumerate(zip(left, right, strict=True))
        if mine != other
        and not (
            isinstance(mine, float) and isinstance(other, float) and mine == pytest.approx(other, rel=1e-12, abs=1e-5)
        )
    ]


@needs_libreoffice
def test_the_judge_really_recalculates(tmp_path):
    wrong = new_workbook()
    sheet = parts(wrong)[SHEET].replace(cell_of(wrong, "F9"), cell_of(wrong, "F9").replace(b"-50000", b"-1"))
    judged = recalculated({"wrong": with_parts(wrong, {SHEET: sheet})}, tmp_path)["wrong"]
    assert values_of(judged)[8][5] == -50000


def test_the_last_recorded_day_decides_what_is_pending():
    data = patch(new_workbook(), days={2: {"paid": Decimal(500)}, 5: {"paid": Decimal(0)}}).data
    summary = read(data).summary()
    assert (summary["expected"], summary["total_paid"], summary["pending"]) == (2500, 500, 2000)
    ahead = read(patch(data, days={5: {"paid": Decimal(5000)}}).data).summary()
    assert ahead["pending"] == -3000


def test_expected_never_passes_the_schemes_total():
    data = patch(new_workbook(scheme_period=7), days={20: {"paid": Decimal(500)}}).data
    rows = read(data).rows()
    assert [row["expected"] for row in rows[6:9]] == [3000, 3500, 3500]
    assert rows[20]["expected"] == 3500
    assert len(rows) == 21


def test_withdrawn_money_was_still_earned():
    data = patch(new_workbook(), days={1: {"paid": Decimal(60000), "withdrawn": Decimal(20000)}}).data
    summary = read(data).summary()
    assert (summary["balance"], summary["profit"], summary["roi"]) == (40000, 10000, Decimal("0.2000"))


def test_pocket_money_is_invested_and_the_rest_of_reinvest_leaves_the_balance():
    day = {"paid": Decimal(1000), "reinvest": Decimal(800), "pocket_money": Decimal(300), "reinvest_from": "50K"}
    summary = read(patch(new_workbook("1L"), days={1: day}).data).summary()
    assert (summary["balance"], summary["total_invested"], summary["profit"]) == (500, 300300, -299300)


def test_serial_numbers_and_dates_agree():
    assert from_serial(45581) == date(2024, 10, 16)
    terms = Terms(Decimal(1), 1, Decimal(1), START)
    assert terms.date_of(3) == date(2024, 10, 19)
    stored = re.search(rb"<v>(\d+)</v>", cell_of(new_workbook(), "B16"))
    assert from_serial(float(stored[1])) == date(2024, 10, 19)
