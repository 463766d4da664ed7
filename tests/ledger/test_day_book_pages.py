"""The day book's pages and files: two columns that add up, for those who may see them."""

import csv
import html
import io
import json
import re
import sys
from datetime import date
from decimal import Decimal

import openpyxl
import pytest
import time_machine
from django.core.management import call_command
from django.urls import reverse

from ledger import closing, daybook, reports, services
from ledger.models import Account, DayBook, DaySeen
from shop.models import Role
from tests import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    cast = world.cast()
    cast.main.begins_on = date(2024, 1, 1)
    cast.main.save()
    world.post(cast.main, "2024-01-15", "Collection", "5000", subcategory="Loan Payments")
    world.post(cast.main, "2024-01-15", "Income", "1500", subcategory="Interest")
    world.post(cast.main, "2024-01-15", "Expense", "2000", subcategory="Office Supplies")
    return cast


def address(name, *args, book="main-street"):
    return reverse(f"ledger:{name}", args=[book, *args])


def words(response):
    """The page as a person reads it: text without markup, one space between words."""
    text = re.sub(r"<(script|style|svg).*?</\1>", " ", response.content.decode(), flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_the_worked_example_stands_on_the_page_as_text(client, cast):
    client.force_login(cast.asha)
    page = words(client.get(address("day_book", "2024-01-15")))
    for part in (
        "Mon 15-01-2024",
        "Opening balance 50,000.00",
        "Collection Loan Payments 1 5,000.00",
        "Income Interest 1 1,500.00",
        "Expense Office Supplies 1 2,000.00",
        "Received +6,500.00",
        "Spent −2,000.00",
        "Closing balance 54,500.00",
    ):
        assert part in page
    assert page.count("Total ₹56,500.00") == 2


def test_both_columns_add_up_whatever_happened(cast):
    entry = world.post(cast.main, "2024-01-16", amount="300")
    services.reverse(entry, date=date(2024, 1, 17))
    world.post(cast.main, "2024-01-17", "Drawings", "99999.99")
    for on in (15, 16, 17, 18):
        day = daybook.day_book_on(cast.main, date(2024, 1, on))
        columns = reports.cash_book(day)
        left = day.opening_balance + sum(group.amount for group in columns["received"])
        right = day.closing_balance + sum(group.amount for group in columns["spent"])
        assert left == right == columns["total"]


def test_a_category_with_several_subcategories_shows_its_parts(client, cast):
    world.post(cast.main, "2024-01-15", "Collection", "250")
    client.force_login(cast.asha)
    page = words(client.get(address("day_book", "2024-01-15")))
    assert "Collection 2 5,250.00 no subcategory 1 250.00 Loan Payments 1 5,000.00" in page


def test_json_is_the_commands_answer(client, cast):
    client.force_login(cast.meena)
    out = io.StringIO()
    call_command(
        "day_book", "--book", "main-street", "--from", "2024-01-14", "--to", "2024-01-16", "--json", stdout=out
    )
    days = client.get(address("days"), {"from": "14-01-2024", "to": "2024-01-16", "format": "json"}).json()
    assert days == json.loads(out.getvalue())
    assert client.get(address("day_book", "2024-01-15"), {"format": "json"}).json() == days[1:2]


def test_a_range_adds_up_its_days(cast):
    world.post(cast.main, "2024-01-20", "Expense", "10.10", account=Account.objects.get(name="Bank", book=cast.main))
    whole = reports.period(cast.main, date(2024, 1, 10), date(2024, 1, 31))
    days = daybook.day_books(cast.main, date(2024, 1, 10), date(2024, 1, 31))
    assert whole.opening_balance == days[0].opening_balance
    assert whole.closing_balance == days[-1].closing_balance == Decimal("54489.90")
    assert [(a.account, a.closing_balance) for a in whole.accounts] == [
        (a.account, a.closing_balance) for a in days[-1].accounts
    ]
    assert sum(detail.transaction_count for detail in whole.details) == 4


@pytest.mark.parametrize(
    ("name", "argument", "status"),
    [
        ("day_book", "2024-02-30", 404),
        ("day_book", "30-02-2024", 404),
        ("day_book", "yesterday", 404),
        ("day_book", "9999-12-31", 404),
        ("month", "2024-13", 404),
        ("month", "x", 404),
        ("year", "0", 404),
        ("year", "9999", 404),
        ("year", "99999999999999999999", 404),
        ("close_day", "2024-02-30", 404),
    ],
)
def test_an_address_without_a_day_says_so(client, cast, name, argument, status):
    client.force_login(cast.asha)
    response = client.get(address(name, argument))
    assert response.status_code == status
    assert "That does not work" in words(response)


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2024-02-30", "to": "2024-03-01"},
        {"from": "2024-03-02", "to": "2024-03-01"},
        {"from": "1900-01-01", "to": "2199-12-31"},
        {"from": "2024-01-01", "to": "9999-12-31"},
        {"from": "2024-01-01", "to": "2024-01-02", "format": "docx"},
    ],
)
def test_a_range_that_cannot_be_is_refused(client, cast, query):
    client.force_login(cast.asha)
    response = client.get(address("days"), query)
    assert response.status_code == 400
    assert "That does not work" in words(response)


def test_the_ends_of_the_calendar_have_no_neighbours_beyond(client, cast):
    client.force_login(cast.asha)
    for on, missing in (("1900-01-01", "prev"), ("2199-12-31", "next")):
        page = client.get(address("day_book", on)).content.decode()
        assert f'rel="{missing}"' not in page
    assert client.get(address("month", "1900-01")).status_code == 200
    assert client.get(address("year", "2199")).status_code == 200


def test_today_is_today_in_the_books_zone(client, cast):
    client.force_login(cast.asha)
    with time_machine.travel("2024-01-15T18:40:00Z"):  # 00:10 on the 16th in Kolkata
        response = client.get(address("day_book"))
    assert response.url == address("day_book", "2024-01-16")


def test_every_line_opens_its_entries(client, cast):
    world.post(cast.main, "2024-01-15", "Collection", "250", narration="without a subcategory")
    world.post(cast.main, "2024-01-16", "Collection", "251", subcategory="Loan Payments", narration="of another day")
    client.force_login(cast.asha)
    page = html.unescape(client.get(address("day_book", "2024-01-15")).content.decode())
    links = re.findall(r'<a href="([^"]*date_from=[^"]*category=[^"]*)">', page)
    shown = [words(client.get(link)) for link in links]
    assert len(shown) == 5  # Collection, its two parts, Income, Expense
    assert ["without a subcategory" in entries for entries in shown] == [True, True, False, False, False]
    assert ["5,000.00" in entries for entries in shown] == [True, False, True, False, False]
    assert not any("of another day" in entries for entries in shown)


def test_month_and_year_show_their_days_and_months(client, cast):
    client.force_login(cast.asha)
    month = client.get(address("month", "2024-01"))
    assert "15-01-2024 +6,500.00 −2,000.00 54,500.00" in words(month)
    assert b"<svg viewBox" in month.content
    year = words(client.get(address("year", "2024")))
    assert "January 2024 +6,500.00 −2,000.00 54,500.00" in year


# ------------------------------------------------------------------------------------------------ who sees it


@pytest.mark.parametrize("name", ["day_book", "month", "year", "days", "close_day", "closes", "reports", "tally_names"])
def test_a_foreign_book_answers_404_and_a_stranger_logs_in(client, cast, name):
    arguments = {"day_book": ["2024-01-15"], "month": ["2024-01"], "year": ["2024"], "close_day": ["2024-01-15"]}
    where = address(name, *arguments.get(name, []))
    assert client.get(where).status_code == 302
    client.force_login(cast.charlie)
    assert client.get(where).status_code == 404


@pytest.mark.parametrize("name", ["month", "year", "days", "close_day", "closes", "reports", "tally_names"])
def test_an_agent_does_not_see_the_whole_book(client, cast, name):
    arguments = {"month": ["2024-01"], "year": ["2024"], "close_day": ["2024-01-15"]}
    client.force_login(cast.kumar)
    assert client.get(address(name, *arguments.get(name, []))).status_code == 403


def test_an_agent_sees_his_own_cash(client, cast):
    bag = Account.objects.get(book=cast.main, agent=cast.kumar)
    world.post(cast.main, "2024-01-15", amount="777", account=bag, user=cast.kumar, narration="Selvi")
    client.force_login(cast.kumar)
    page = words(client.get(address("day_book", "2024-01-15")))
    assert "I carry ₹777.00" in page
    assert "Selvi" in page
    assert "5,000.00" not in page
    assert "54,500.00" not in page
    assert client.get(address("day_book", "2024-01-15"), {"format": "json"}).status_code == 403


def test_an_agent_without_cash_is_told_so(client, cast):
    lakshmi = world.person("lakshmi")
    services.set_member(cast.main, lakshmi, Role.AGENT)
    client.force_login(lakshmi)
    page = words(client.get(address("day_book", "2024-01-15")))
    assert "You carry no cash of this book" in page
    assert "50,000.00" not in page


def test_an_auditor_reads_and_does_not_rebuild(client, cast):
    client.force_login(cast.meena)
    assert b"Calculate again" not in client.get(address("day_book", "2024-01-15")).content
    assert client.post(address("rebuild", "2024-01-15")).status_code == 403


def test_rebuild_mends_a_tampered_day_and_may_be_sent_twice(client, cast):
    daybook.day_book_on(cast.main, date(2024, 1, 15))
    DayBook.objects.filter(book=cast.main, date="2024-01-15").update(
        opening_balance=Decimal(1), closing_balance=Decimal(4501)
    )
    client.force_login(cast.ravi)
    for _ in range(2):
        assert client.post(address("rebuild", "2024-01-15")).status_code == 302
    assert daybook.differences(cast.main) == []
    assert client.get(address("rebuild", "2024-01-15")).status_code == 405


# ------------------------------------------------------------------------------------------------ what changed


def test_a_late_entry_is_told_at_the_next_look_and_only_then(client, cast):
    client.force_login(cast.meena)
    where = address("day_book", "2024-01-15")
    assert "when you last looked" not in words(client.get(where))
    late = world.post(cast.main, "2024-01-10", amount="500", user=cast.asha)
    page = words(client.get(where))
    assert "Closing was 54,500.00 when you last looked" in page
    assert "now 55,000.00; 500.00 typed late for 10-01-2024 by asha." in page
    assert "when you last looked" not in words(client.get(where))
    services.delete(late, user=cast.ravi)
    assert "500.00 of 10-01-2024 put into the bin by ravi" in words(client.get(where))
    services.restore(late, user=cast.ravi)
    assert "500.00 taken out of the bin for 10-01-2024 by ravi" in words(client.get(where))
    services.edit(late, user=cast.asha, amount=Decimal("700"))
    assert "500.00 of 10-01-2024 corrected to 700.00 by asha" in words(client.get(where))
    services.edit(late, user=cast.asha, date=date(2024, 1, 20))
    assert "700.00 moved from 10-01-2024 to 20-01-2024 by asha" in words(client.get(where))


def test_many_changes_are_summed_and_an_opening_is_named(client, cast):
    client.force_login(cast.meena)
    where = address("day_book", "2024-01-15")
    client.get(where)
    for n in range(1, 7):
        world.post(cast.main, "2024-01-10", amount=str(100 * n), user=cast.asha)
    cash = Account.objects.get(book=cast.main, name="Cash")
    cash.opening_balance = Decimal("60000")
    cash.save()
    page = words(client.get(where))
    assert "600.00 typed late for 10-01-2024 by asha" in page
    assert "2 more, together 300.00; 10,000.00 by an opening balance" in page


def test_looking_again_writes_nothing(client, cast, django_assert_max_num_queries):
    client.force_login(cast.asha)
    where = address("day_book", "2024-01-15")
    client.get(where)
    seen_at = DaySeen.objects.get(user=cast.asha).seen_at
    with django_assert_max_num_queries(16) as queries:
        client.get(where)
    assert not [query for query in queries.captured_queries if not query["sql"].startswith("SELECT")]
    assert DaySeen.objects.get(user=cast.asha).seen_at == seen_at


# ------------------------------------------------------------------------------------------------ files


def test_csv_and_xlsx_hold_every_line_and_no_formula(client, cast):
    world.post(cast.main, "2024-01-15", "Expense", "5", subcategory="=HYPERLINK(1)")
    world.post(cast.main, "2024-01-15", "Expense", "6", subcategory="@x")
    client.force_login(cast.asha)
    where = address("day_book", "2024-01-15")
    text = b"".join(client.get(where, {"format": "csv"})).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == list(reports.LINE_HEADERS)
    assert ["2024-01-15", "Received", "Collection", "Loan Payments", "1", "5000.00", "", "", ""] in rows
    assert ["2024-01-15", "Closing", "", "", "5", "6500.00", "2011.00", "", "54489.00"] in rows
    assert {row[3] for row in rows} >= {"'=HYPERLINK(1)", "'@x"}
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(client.get(where, {"format": "xlsx"})))).active
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f"]
    assert Decimal("54489") in {cell.value for cell in cells}


def test_pdf_where_weasyprint_is_there(client, cast):
    pytest.importorskip("weasyprint", reason="weasyprint or Pango is missing", exc_type=(ImportError, OSError))
    client.force_login(cast.asha)
    for where in (address("day_book", "2024-01-15"), address("month", "2024-01")):
        response = client.get(where, {"format": "pdf"})
        assert response["Content-Type"] == "application/pdf"
        assert response.content.startswith(b"%PDF")


def test_a_page_to_print_where_no_pdf_can_be_made(client, cast, monkeypatch):
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    client.force_login(cast.asha)
    page = words(client.get(address("day_book", "2024-01-15"), {"format": "pdf"}))
    assert "no PDF maker" in page
    assert "Closing balance 54,500.00" in page


# ------------------------------------------------------------------------------------------------ month end


def test_month_end_shows_accounts_adjustments_and_journals(client, cast):
    closing.close_day(cast.main, date(2024, 1, 15))
    cast.main.refresh_from_db()
    world.post(cast.main, "2024-01-03", amount="42", adjust=True)
    client.force_login(cast.meena)
    page = words(client.get(address("reports"), {"month": "2024-01"}))
    assert "16-01-2024 03-01-2024 Adjusted Collection" in page
    assert "1 day not closed" in page
    assert "54,542.00" in page
    for kind in ("tally", "tally-ledgers", "hledger", "beancount"):
        ask = client.post if kind == "tally" else client.get  # vouchers for Tally are given their numbers
        response = ask(f"{address('journal', kind)}?from=2024-01-01&to=2024-01-31")
        assert response.status_code == 200
        assert "attachment" in response["Content-Disposition"]
    assert client.get(address("journal", "ods")).status_code == 404
    assert client.post(f"{address('journal', 'tally')}?from=x").status_code == 400
    assert client.get(address("reports"), {"month": "2024-13"}).status_code == 400


def test_an_accounts_cash_book_runs_to_the_days_closing(client, cast):
    cash, bank = Account.objects.filter(book=cast.main, agent=None)
    services.transfer(
        book=cast.main, date=date(2024, 1, 16), from_account=cash, to_account=bank, amount=Decimal(4000), narration="=1"
    )
    opening, found = reports.account_book(cash, date(2024, 1, 15), date(2024, 1, 31))
    assert (opening, [str(line.balance) for line in found]) == (
        Decimal(50000),
        ["55000.00", "56500.00", "54500.00", "50500.00"],
    )
    client.force_login(cast.asha)
    where = address("account_book", cash.pk)
    query = {"from": "2024-01-15", "to": "2024-01-31"}
    assert "To Bank =1 4,000.00 50,500.00" in words(client.get(where, query))
    assert b"".join(client.get(where, {**query, "format": "csv"})).decode().count("'=1") == 1
    foreign = Account.objects.filter(book=cast.other).first()
    assert client.get(address("account_book", foreign.pk)).status_code == 404


def test_names_in_tally_are_kept_changed_and_dropped(client, cast):
    cash = Account.objects.get(book=cast.main, name="Cash")
    client.force_login(cast.ravi)
    where = address("tally_names")
    category = world.category(cast.main, "Collection").pk
    names = {f"account-{cash.pk}": "Cash & Co", f"category-{category}-Loan Payments": "Instalments"}
    for _ in range(2):
        assert client.post(where, names).status_code == 302
    assert "Cash &amp; Co" in client.get(where).content.decode()
    vouchers = client.post(address("journal", "tally")).content.decode()
    assert "<LEDGERNAME>Cash &amp; Co</LEDGERNAME>" in vouchers
    assert "<LEDGERNAME>Instalments</LEDGERNAME>" in vouchers
    client.post(where, {})
    assert cast.main.tally_names.count() == 0
    client.force_login(cast.meena)
    assert client.post(where, names).status_code == 403
