"""Narrowing the list of entries: every question, the totals, files of what is shown, and no way into other books."""

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from ledger import closing, selection, services
from ledger.models import Account, LedgerEntry
from ledger.selection import Selection, Totals
from shop.models import Job
from tests import world
from tests.ledger.pages import LIST

pytestmark = pytest.mark.django_db


@pytest.fixture
def entries(people):
    """Four entries of January and one of February, told apart by their narration."""
    bank = Account.objects.get(book=people.main, name="Bank")
    post = {
        "murugan": ("2024-01-05", "Collection", "500", {"subcategory": "North", "user": people.asha}),
        "selvi": ("2024-01-10", "Collection", "700", {"subcategory": "South", "payment_mode": "UPI", "account": bank}),
        "interest": ("2024-01-15", "Income", "90", {"source": "import", "source_ref": "1"}),
        "tea": ("2024-01-15", "Expense", "40", {"reference": "BILL-7"}),
        "rent": ("2024-02-01", "Expense", "2000", {}),
    }
    return {
        name: world.post(people.main, on, category, amount, narration=name, **more)
        for name, (on, category, amount, more) in post.items()
    }


def shown(client, **questions):
    return {row.narration for row in client.get(LIST, questions).context["cl"].result_list}


def test_every_question_narrows_the_list(ravi, people, entries):
    bank, expense = Account.objects.get(book=people.main, name="Bank"), world.category(people.main, "Expense")
    assert shown(ravi) == set(entries)
    assert shown(ravi, date_from="10-01-2024", date_to="2024-01-31") == {"selvi", "interest", "tea"}
    assert shown(ravi, account=bank.pk) == {"selvi"}
    assert shown(ravi, category=expense.pk) == {"tea", "rent"}
    assert shown(ravi, subcategory="south") == {"selvi"}
    assert shown(ravi, subcategory="-", direction="received") == {"interest"}
    assert shown(ravi, mode="UPI") == {"selvi"}
    assert shown(ravi, source="import") == {"interest"}
    assert shown(ravi, amount_from="90", amount_to="1,000") == {"murugan", "selvi", "interest"}
    assert shown(ravi, by=people.asha.pk) == {"murugan"}
    assert shown(ravi, q="bill-7") == {"tea"}
    assert shown(ravi, q="MURU gan") == {"murugan"}


def test_the_entries_of_one_import_are_shown_to_those_who_see_it(ravi, people, entries):
    job = Job.objects.create(book=people.main, kind="entries", title="august.csv")
    LedgerEntry.objects.filter(pk=entries["rent"].pk).update(job=job)
    foreign = Job.objects.create(book=people.other, kind="entries", title="secret.csv")
    assert shown(ravi, job=job.pk) == {"rent"}
    for unknown in (foreign.pk, "x", 2**70):
        page = ravi.get(LIST, {"job": unknown})
        assert "There is no such import" in page.content.decode()
        assert list(page.context["cl"].result_list) == []


def test_standing_binned_reversed_and_adjusting_entries_are_told_apart(ravi, people, entries):
    services.delete(entries["tea"])
    services.reverse(entries["rent"], date=date(2024, 1, 20))
    closing.close_day(people.main, date(2024, 1, 20))
    world.post(people.main, "2024-01-03", narration="late", adjust=True)
    assert shown(ravi, state="bin") == {"tea"}
    assert shown(ravi, state="reversed") == {"rent", "Reversal of 01-02-2024. rent"}
    assert shown(ravi, state="adjusted") == {"Adjustment for 03-01-2024. late"}
    assert "tea" not in shown(ravi)


def test_an_answer_that_is_wrong_shows_nothing_and_says_why(ravi, entries):
    page = ravi.get(LIST, {"date_from": "31-02-2024"})
    assert list(page.context["cl"].result_list) == []
    assert "There is no 31-02-2024" in page.content.decode()


@pytest.mark.parametrize(
    "questions",
    [
        {},
        {"direction": "received"},
        {"state": "bin"},
        {"state": "reversed"},
        {"amount_from": Decimal(80)},
        {"search": "e"},
        {"subcategory": ""},
    ],
)
def test_the_total_is_what_the_rows_add_up_to(people, entries, questions):
    services.delete(entries["tea"])
    services.reverse(entries["selvi"], date=date(2024, 1, 20))
    asked = {name: value for name, value in questions.items() if name not in ("state", "search")}
    beside = {name: value for name, value in questions.items() if name in ("state", "search")}
    chosen = Selection(people.main, people.ravi, questions=asked, **beside)
    sums = {"received": Decimal(0), "spent": Decimal(0)}
    for row in chosen.rows():
        sums[row.category.direction] += -row.amount if row.reversal_of_id else row.amount
    assert chosen.totals() == Totals(chosen.rows().count(), **sums)
    assert chosen.count() == chosen.rows().count()


def test_a_total_that_would_take_long_is_added_up_when_asked(ravi, entries, monkeypatch):
    monkeypatch.setattr(selection, "COUNTED_UNASKED", 1)
    page = ravi.get(LIST, {"mode": "Cash"})
    assert page.context["cl"].totals is None
    assert "Add them all up" in page.content.decode()
    page = ravi.get(LIST, {"mode": "Cash", "totals": "1"})
    assert page.context["cl"].totals == Totals(4, Decimal(590), Decimal(2040))


def test_the_list_takes_the_same_few_queries_however_many_rows_it_shows(ravi, people):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            ravi.get(LIST)
        return len(captured)

    world.post(people.main, "2024-01-01")
    ravi.get(LIST)
    few = queries()
    for day in range(2, 28):
        world.post(people.main, f"2024-01-{day:02}", user=people.ravi)
    ravi.get(LIST)
    assert queries() == few


def test_pages_follow_each_other_without_a_gap(ravi, people, entries):
    page = ravi.get(LIST).context["cl"]
    page.list_per_page = 2
    pages = [page.model_admin.get_paginator(page_request(page), page.queryset, 2).page(n) for n in (1, 2, 3)]
    assert [[row.narration for row in one.object_list] for one in pages] == [
        ["rent", "tea"],
        ["interest", "selvi"],
        ["murugan"],
    ]


def page_request(changelist):
    """A request that carries the count of a list's rows, as get_results leaves it."""

    class Request:
        _row_count = changelist.result_count

    return Request


# ------------------------------------------------------------------------------------------------ side doors


@pytest.mark.parametrize(
    "question",
    [
        "book__slug=other-road",
        "account__book__name=Other",
        "created_by__password__startswith=a",
        "category__entries__narration=x",
        "amount__gt=1",
        "narration__regex=.*",
        "o=%27",
        "p=99999999999999999999",
        "p=x",
    ],
)
def test_the_address_asks_nothing_beyond_the_form(ravi, people, entries, question):
    world.post(people.other, "2024-01-15", narration="secret")
    response = ravi.get(f"{LIST}?{question}")
    assert response.status_code in (200, 302, 400)
    assert "secret" not in response.content.decode()


def test_choices_and_questions_know_only_this_books_rows(ravi, people, entries):
    Account.objects.create(book=people.other, name="Hidden till", kind="cash")
    foreign = world.category(people.other, "Collection")
    page = ravi.get(LIST, {"category": foreign.pk})
    assert "Hidden till" not in page.content.decode()
    assert "charlie" not in page.content.decode()
    assert "There is no such category" in page.content.decode()
    assert list(page.context["cl"].result_list) == []
    assert "There is no such person" in ravi.get(LIST, {"by": people.charlie.pk}).content.decode()


def test_nothing_of_the_books_answers_an_autocomplete(ravi, people):
    for field in ("account", "category"):
        asked = {"app_label": "ledger", "model_name": "ledgerentry", "field_name": field, "term": ""}
        assert ravi.get("/admin/autocomplete/", asked).status_code == 404


def test_an_agents_list_and_total_hold_only_his_own(people, client, entries):
    bag = Account.objects.get(agent=people.kumar)
    world.post(people.main, "2024-01-15", amount="30", narration="mine", account=bag, user=people.kumar)
    client.force_login(people.kumar)
    page = client.get(LIST)
    assert [row.narration for row in page.context["cl"].result_list] == ["mine"]
    assert page.context["cl"].totals == Totals(1, Decimal(30))
    assert ">Bank<" not in page.content.decode()
    lines = b"".join(client.get(f"{LIST}export/csv/")).decode().splitlines()
    assert len(lines) == 2


# ------------------------------------------------------------------------------------------------ files


def test_what_is_shown_leaves_as_csv_with_the_columns_an_import_reads(ravi, people, entries):
    services.reverse(entries["selvi"], date=date(2024, 1, 20))
    response = ravi.get(f"{LIST}export/csv/", {"direction": "received", "date_to": "31-01-2024"})
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(b"".join(response).decode("utf-8-sig"))))
    assert list(rows[0])[:9] == [
        *("date", "account", "category", "subcategory", "direction"),
        *("amount", "payment_mode", "narration", "reference"),
    ]
    assert [(row["date"], row["amount"]) for row in rows] == [
        ("2024-01-20", "-700.00"),
        ("2024-01-15", "90.00"),
        ("2024-01-10", "700.00"),
        ("2024-01-05", "500.00"),
    ]
    assert sum(Decimal(row["amount"]) for row in rows) == Decimal(590)


def test_a_workbook_holds_numbers_and_dates_and_no_formula(ravi, people):
    world.post(people.main, "2024-01-05", amount="123456.50", narration='=HYPERLINK("x")', reference="+91")
    world.post(people.main, "2024-01-04", narration="@SUM(1)", reference="-1", subcategory="முருகன்")
    response = ravi.get(f"{LIST}export/xlsx/")
    sheet = load_workbook(io.BytesIO(b"".join(response))).active
    header, first, second = ([cell.value for cell in row] for row in sheet.iter_rows())
    row, other = dict(zip(header, first, strict=True)), dict(zip(header, second, strict=True))
    assert (row["date"].date(), row["amount"], other["subcategory"]) == (date(2024, 1, 5), 123456.5, "முருகன்")
    assert (row["narration"], row["reference"]) == ('\'=HYPERLINK("x")', "'+91")
    assert (other["narration"], other["reference"]) == ("'@SUM(1)", "'-1")
    assert all(cell.data_type != "f" for line in sheet.iter_rows() for cell in line)


def test_a_csv_leaves_no_formula(ravi, people):
    for text in ("=1+1", "+1", "-1", "@x"):
        world.post(people.main, "2024-01-05", narration=text)
    rows = csv.DictReader(io.StringIO(b"".join(ravi.get(f"{LIST}export/csv/")).decode("utf-8-sig")))
    assert {row["narration"] for row in rows} == {"'=1+1", "'+1", "'-1", "'@x"}


def test_a_file_of_another_kind_or_of_a_wrong_answer_is_not_there(ravi, people):
    assert ravi.get(f"{LIST}export/pickle/").status_code == 404
    assert ravi.get(f"{LIST}export/csv/", {"date_from": "x"}).status_code == 404


def test_transfers_are_narrowed_added_up_and_leave_as_a_file(ravi, people):
    cash, bank = Account.objects.filter(book=people.main, name__in=("Cash", "Bank")).order_by("-name")
    for amount in ("100", "250"):
        services.transfer(
            book=people.main, date=date(2024, 1, 5), from_account=cash, to_account=bank, amount=Decimal(amount)
        )
    page = ravi.get("/admin/ledger/accounttransfer/", {"account": bank.pk, "amount_from": "200"})
    assert page.context["cl"].totals == Totals(1, moved=Decimal(250))
    lines = b"".join(ravi.get("/admin/ledger/accounttransfer/export/csv/")).decode("utf-8-sig").splitlines()
    assert lines[0].startswith("date,from_account,to_account,amount")
    assert len(lines) == 3


def test_entries_are_counted_from_the_stored_day_book_without_touching_them(ravi, people, entries):
    ravi.get(LIST)
    with CaptureQueriesContext(connection) as captured:
        assert Selection(people.main, people.ravi).totals() == Totals(5, Decimal(1290), Decimal(2040))
    assert not [query for query in captured if LedgerEntry._meta.db_table in query["sql"]]
