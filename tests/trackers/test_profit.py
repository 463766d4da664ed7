"""Profit counts what was handed over, in the workbook and everywhere else; a borrower sees neither it nor the yield."""

import io
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from importlib import import_module
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.urls import reverse
from openpyxl import load_workbook

from shop import faults, history
from tests import world
from tests.ledger.test_report_views import exact, rows
from tests.trackers.portal.cast import customer_of
from tests.trackers.workbooks import (
    SHEET,
    as_excel_saves,
    formula_and_value,
    needs_libreoffice,
    new_workbook,
    parts,
    recalculated,
    values_of,
    with_parts,
)
from trackers import adopt, portfolio, services, soundness, store
from trackers.models import Tracker
from trackers.workbook.build import build_workbook
from trackers.workbook.contents import edited, new_contents
from trackers.workbook.errors import UnsafeFile
from trackers.workbook.patch import patch, write
from trackers.workbook.read import open_workbook, read
from trackers.workbook.soundness import wrong_cells

START = date(2024, 8, 1)
PROFIT_OF = {"50K": "F9", "1L": "F10", "NO_REINVEST": "F10"}
ROI_OF = {"50K": "F10", "1L": "F11", "NO_REINVEST": "F11"}


def scheme(disbursed=None, kind="NO_REINVEST", days=100):
    """10,000 over 100 days of 100, the first `days` of them paid."""
    contents = new_contents(
        kind,
        tracker_name="Shop loan",
        start_date=START,
        investment=Decimal(10000),
        scheme_period=100,
        per_day_payment=Decimal(100),
    )
    paid = {day: {"paid": Decimal(100), "mode": "Cash"} for day in range(1, days + 1)}
    return replace(edited(contents, days=paid), disbursed=disbursed)


def opened(book, disbursed=Decimal(8800), **more):
    contents = scheme(disbursed, **more)
    return services.open_tracker(
        customer=services.customer_for(book, "kala", "Kala"),
        tracker_name="Shop loan",
        tracker_type=contents.layout.kind,
        start_date=START,
        contents=contents,
    )


def as_written_before(tracker):
    """The tracker's workbook put back to what an earlier release wrote, which kept no handed-over amount in it."""
    contents = replace(read(store.read(tracker)), disbursed=None)
    content = build_workbook(contents).data
    store.path_of(tracker).write_bytes(content)
    tracker.sha256 = store.sha256_of(content)
    Tracker.objects.filter(pk=tracker.pk).update(sha256=tracker.sha256)
    store.keep_version(tracker)
    return content


def shown(tracker):
    out = StringIO()
    call_command("show_tracker", tracker.filename, "--json", stdout=out)
    return json.loads(out.getvalue())["summary"]


# ------------------------------------------------------------------------------------------------ the workbook


@pytest.mark.parametrize("kind", PROFIT_OF)
def test_profit_is_what_was_collected_less_what_was_handed_over(kind):
    contents = scheme(Decimal(8800), kind)
    data = build_workbook(contents).data
    formula, value = formula_and_value(data, PROFIT_OF[kind])
    assert "_lendbook!$B$7" in formula
    assert value == "1200"
    assert formula_and_value(data, "F6") == ("B6", "10000")
    assert Decimal(formula_and_value(data, ROI_OF[kind])[1]).quantize(Decimal("0.0001")) == Decimal("0.1364")
    again = read(data, thorough=True)
    assert (again.disbursed, again.altered, again.unreadable) == (Decimal(8800), (), ())
    assert (again.summary()["profit"], again.summary()["roi"]) == (Decimal(1200), Decimal("0.1364"))
    assert wrong_cells(open_workbook(data)) == []


@pytest.mark.parametrize("kind", PROFIT_OF)
def test_the_whole_investment_handed_over_leaves_the_sheet_as_it_ever_was(kind):
    data = build_workbook(scheme(kind=kind)).data
    formula, value = formula_and_value(data, PROFIT_OF[kind])
    assert ("_lendbook" in formula, value) == (False, "0")
    hidden = load_workbook(io.BytesIO(data))["_lendbook"]
    assert "disbursed" not in [row[0].value for row in hidden.iter_rows()]


def test_pocket_money_comes_on_top_of_what_was_handed_over():
    day = {"paid": Decimal(1000), "reinvest": Decimal(800), "pocket_money": Decimal(300)}
    summary = edited(scheme(Decimal(8800), "1L", days=0), days={1: day}).summary()
    assert (summary["total_invested"], summary["pocket_money"]) == (Decimal(10300), Decimal(300))
    assert summary["profit"] == 1000 - 8800 - 300
    assert summary["roi"] == (Decimal(-8100) / 9100).quantize(Decimal("0.0001"))


@pytest.mark.parametrize("kind", PROFIT_OF)
@pytest.mark.parametrize(("was", "now"), [(None, "8800"), ("8800", None), ("8800", "9000.50"), ("0", "12000")])
def test_another_amount_handed_over_is_patched_in(kind, was, now):
    was, now = (text and Decimal(text) for text in (was, now))
    file = open_workbook(build_workbook(scheme(was, kind)).data)
    written = write(file, replace(file.contents, disbursed=now, version=2)).data
    assert read(written, thorough=True).altered == ()
    profit = Decimal(formula_and_value(written, PROFIT_OF[kind])[1])
    assert profit == 10000 - (10000 if now is None else now)
    assert wrong_cells(open_workbook(written)) == []


@pytest.mark.parametrize("kind", PROFIT_OF)
def test_a_copy_that_excel_saved_is_read_and_patched_all_the_same(kind):
    saved = as_excel_saves(build_workbook(scheme(Decimal(8800), kind)).data)
    assert read(saved, thorough=True).is_as_written
    again = patch(saved, days={101: {"paid": Decimal(50)}}).data
    assert formula_and_value(again, PROFIT_OF[kind])[1] == "1250"


def test_quotes_around_the_sheets_name_are_no_other_formula():
    data = build_workbook(scheme(Decimal(8800))).data
    quoted = data_with(data, b"_lendbook!$B$7", b"'_lendbook'!$B$7")
    assert read(quoted, thorough=True).altered == ()


def data_with(data, old, new):
    return with_parts(data, {SHEET: parts(data)[SHEET].replace(old, new)})


@pytest.mark.parametrize("said", ["-1", "1e12", "abc", "0.001", "NaN", ""])
def test_a_hidden_amount_that_is_none_is_refused(said):
    data, name = build_workbook(scheme(Decimal(8800))).data, "xl/worksheets/sheet2.xml"
    changed = with_parts(data, {name: parts(data)[name].replace(b"<v>8800</v>", b"<v>%b</v>" % said.encode())})
    with pytest.raises(UnsafeFile):
        read(changed, thorough=True)


@needs_libreoffice
def test_libreoffice_computes_the_same_profit(tmp_path):
    amounts = (None, Decimal(8800), Decimal("8799.99"), Decimal(0), Decimal(12000))
    ours = {
        f"{kind}-{place}": build_workbook(scheme(disbursed, kind)).data
        for kind in PROFIT_OF
        for place, disbursed in enumerate(amounts)
    }
    theirs = recalculated(ours, tmp_path)
    for name, data in ours.items():
        for row in range(5, 11):
            assert values_of(theirs[name])[row][5] == pytest.approx(values_of(data)[row][5]), (name, row)
        assert read(theirs[name], thorough=True).is_as_written, name


# ------------------------------------------------------------------------------------------------ everywhere else


@pytest.mark.django_db
def test_summary_portfolio_row_and_view_say_the_same_profit():
    book = world.book()
    tracker = opened(book)
    summary = shown(tracker)
    assert (summary["profit"], summary["roi"]) == ("1200.00", "0.1364")
    assert tracker.profit == 1200
    assert portfolio.totals(portfolio.lines(Tracker.objects.filter(book=book), START)).profit == 1200
    assert rows("SELECT profit, pocket_money FROM daily_tracker")[0] == {
        "profit": exact("1200.00"),
        "pocket_money": exact("0.00"),
    }
    assert soundness.findings(book) == []


@pytest.mark.django_db
def test_staff_and_auditor_see_profit_and_an_agent_does_not():
    cast = world.cast()
    tracker = opened(cast.main)
    tracker.customer.agent = cast.kumar
    tracker.customer.save()
    for name, args in (("list", []), ("tracker", [tracker.pk])):
        address = reverse(f"trackers:{name}", args=[cast.main.slug, *args])
        for user, sees in ((cast.ravi, True), (cast.meena, True), (cast.kumar, False)):
            page = world.browser(user).get(address, {"state": "all"}).content.decode()
            assert ("<dt>Profit</dt><dd>1,200.00" in page) is sees, (name, user)
            assert ("Profit" in page) is sees


@pytest.mark.django_db
def test_pocket_money_counts_in_every_list_too():
    book = world.book()
    tracker = opened(book, kind="1L", days=10)
    tracker = services.record_payment(tracker, 11, reinvest=Decimal(800), pocket_money=Decimal(300)).tracker
    tracker.refresh_from_db()
    assert (tracker.pocket_money, tracker.profit) == (300, 1000 - 8800 - 300)
    assert portfolio.lines(Tracker.objects.all(), START)[0].profit == tracker.profit * 100
    assert shown(tracker)["profit"] == "-8100.00"


@pytest.mark.django_db
def test_an_upgrade_reads_pocket_money_from_the_workbooks_and_history_agrees():
    tracker = opened(world.book(), kind="1L", days=10)
    services.record_payment(tracker, 11, reinvest=Decimal(800), pocket_money=Decimal(300))
    Tracker.objects.update(pocket_money=0)
    Tracker.history.update(pocket_money=0)
    import_module("trackers.migrations.0006_pocket_money").read_workbooks(apps, None)
    assert Tracker.objects.get(pk=tracker.pk).pocket_money == 300
    assert list(history.disagreements(Tracker)) == []


@pytest.mark.django_db
def test_changed_terms_move_profit_in_the_row_and_in_the_workbook():
    tracker = services.edit_terms(opened(world.book()), disbursed_amount=Decimal(9000))
    assert (tracker.profit, read(store.read(tracker)).summary()["profit"]) == (1000, 1000)
    tracker = services.edit_terms(tracker, disbursed_amount=Decimal(10000))
    contents = read(store.read(tracker))
    assert (tracker.profit, contents.disbursed, contents.summary()["profit"]) == (0, None, 0)


# ------------------------------------------------------------------------------------------------ workbooks of before


@pytest.mark.django_db
def test_a_workbook_of_before_reads_right_is_sound_and_is_brought_on_with_its_next_change():
    book = world.book()
    tracker = opened(book, days=99)
    before = as_written_before(tracker)
    assert formula_and_value(before, "F10")[1] == "-100"
    assert soundness.findings(book) == []
    assert (shown(tracker)["profit"], services.contents_of(tracker).summary()["profit"]) == ("1100.00", 1100)
    assert store.read(tracker) == before
    tracker = services.record_payment(tracker, 100, paid=Decimal(100)).tracker
    assert formula_and_value(store.read(tracker), "F10")[1] == "1200"
    assert soundness.findings(book) == []


@pytest.mark.django_db
def test_a_workbook_of_before_is_brought_on_as_it_is_taken_away():
    tracker = opened(world.book())
    before = as_written_before(tracker)
    taken = services.bytes_of(tracker)
    assert formula_and_value(taken, "F10")[1] == "1200"
    assert store.read(tracker) == before
    assert adopt.compare_copy(tracker, taken).changes_nothing
    store.path_of(tracker).write_bytes(taken)
    assert services.contents_of(tracker).summary()["profit"] == 1200


@pytest.mark.django_db
@pytest.mark.parametrize("lost", [False, True])
def test_a_workbook_of_before_is_built_anew_with_what_was_handed_over(lost):
    tracker = opened(world.book())
    as_written_before(tracker)
    if lost:
        store.path_of(tracker).unlink()
    tracker, _ = services.rebuild_workbook(tracker)
    assert formula_and_value(store.read(tracker), "F10")[1] == "1200"


@pytest.mark.django_db
@needs_libreoffice
def test_libreoffice_finds_a_workbook_of_before_sound():
    book = world.book()
    as_written_before(opened(book))
    search = faults.Search(deep=True)
    assert [one.text for one in soundness.faults([book], search)] == []
    assert search.unchecked == []


@pytest.mark.django_db
def test_an_amount_that_the_workbook_keeps_beside_another_in_the_row_is_told_and_mended():
    book = world.book()
    tracker = opened(book)
    Tracker.objects.filter(pk=tracker.pk).update(disbursed_amount=Decimal(9000))
    found = soundness.findings(book)
    assert [one.message for one in found] == ["disbursed amount is 9000.00, the workbook says 8800.00."]
    soundness.findings(book, repair=True)
    assert soundness.findings(book) == []
    assert services.contents_of(tracker).disbursed == 9000


@pytest.mark.django_db
@pytest.mark.parametrize(("posted", "handed_over"), [(False, 12000), (True, 10000)])
def test_a_corrected_investment_moves_what_was_handed_over_unless_the_day_book_has_it(posted, handed_over):
    book = world.book()
    tracker = services.open_tracker(
        customer=services.customer_for(book, "kala", "Kala"),
        tracker_name="Shop loan",
        tracker_type="NO_REINVEST",
        start_date=START,
        investment=Decimal(10000),
        post_disbursement=posted,
    )
    copy = patch(store.read(tracker), parameters={"investment": Decimal(12000)}, version=1).data
    hidden = "xl/worksheets/sheet2.xml"
    copy = with_parts(copy, {hidden: parts(store.read(tracker))[hidden]})
    tracker, _ = adopt.adopt_copy(tracker, read(copy, thorough=True))
    assert (tracker.investment, tracker.disbursed_amount) == (12000, handed_over)
    assert services.contents_of(tracker).handed_over == handed_over
    assert soundness.findings(book) == []


# ------------------------------------------------------------------------------------------------ the borrower's side


@pytest.mark.django_db
def test_a_borrower_sees_what_he_owes_and_nothing_of_the_lenders_profit():
    book = world.book()
    customer = customer_of(book, "murugan")
    tracker = services.open_tracker(
        customer=customer, tracker_name="Scheme", tracker_type="NO_REINVEST", start_date=START,
        contents=scheme(Decimal(8800)),
    )  # fmt: skip
    browser = world.browser(customer.user)
    page = browser.get(f"/passbook/{tracker.pk}/").content.decode()
    for text in ("Given in hand</dt>", "₹8,800.00", "To pay back in all", "₹10,000.00"):
        assert text in page
    for text in ("Profit", "Yield", "ROI", "Invest"):
        assert text not in page
    taken = browser.get(f"/passbook/{tracker.pk}/workbook/").content
    sheet = load_workbook(io.BytesIO(taken)).active
    assert sheet["E9"].value == "Pending Payment:"
    assert formula_and_value(taken, "F9")[1] == "0"
    assert [sheet[cell].value for cell in ("E10", "F10", "E11", "F11")] == [None] * 4
    statement = browser.get(f"/passbook/{tracker.pk}/statement/?from=2024-08-01&to=2024-12-31")
    assert statement.status_code == 200


def test_new_workbooks_say_the_defaults():
    assert read(new_workbook()).handed_over == 50000
