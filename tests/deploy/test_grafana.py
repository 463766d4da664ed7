"""Grafana's dashboard on PostgreSQL: every panel's and variable's SQL runs, as the role that reads views alone."""

import json
import os
import re
import shutil
import subprocess
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

from expenses import services
from expenses.books import posting
from expenses.models import Tag, Transaction
from expenses.overview import figures
from ledger import daybook
from ledger.models import Account
from shop.models import Book
from shop.money import ZERO
from tests import world
from tests.ledger.test_report_views import exact, rows
from trackers import schedule
from trackers.models import Tracker

GRAFANA = Path(__file__).resolve().parents[2] / "deploy/grafana"
DASHBOARD = json.loads((GRAFANA / "dashboards/lendbook.json").read_text())
ROLE, PASSWORD = "lendbook_reports_in_tests", "a password of tests"
VIEWS = {
    "dc_ledger_entries", "dc_day_book", "dc_day_book_details", "daily_tracker", "tracker_instalments",
    "transactions", "transaction_tags", "product_tags",
}  # fmt: skip
pytestmark = pytest.mark.django_db
on_postgresql = pytest.mark.skipif(
    not os.environ.get("TEST_DATABASE_URL", "").startswith("postgres"), reason="Grafana reads PostgreSQL"
)
with_psql = pytest.mark.skipif(not shutil.which("psql"), reason="psql is not installed")
TARGETS = [
    pytest.param(target["rawSql"], id=f"{panel['title']} {target['refId']}")
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}


def expanded(query, first=date(2000, 1, 1), last=date(2100, 1, 1), **chosen):
    """A query with Grafana's macro and variables put in, as its PostgreSQL data source does."""
    between = rf"\1 BETWEEN '{first}T00:00:00Z' AND '{last}T23:59:59Z'"
    query = re.sub(r"\$__timeFilter\((\w+)\)", between, query)
    query = re.sub(r"\$\{(\w+):sqlstring\}", lambda found: quoted(chosen[found[1]]), query)
    assert "$" not in query, query
    return query


def quoted(values):
    return ",".join("'" + value.replace("'", "''") + "'" for value in values)


@pytest.fixture
def demo():
    call_command("load_demo", "--books", "2", "--days", "70", verbosity=0)
    split = Transaction.objects.filter(debit_amount__gt=100, entry=None, transfer=None).first()
    tags = list(Tag.objects.filter(book=split.book)[:2])
    posting.split(split, [(tags[0], Decimal(60), ""), (tags[1], split.debit_amount - 60, "")])
    return Book.objects.order_by("id").first()


def everything(**narrower):
    """Every value of each variable, as "All" chooses them; the variables' own queries say which."""
    chosen = {}
    for name in ("book", "account", "tag"):
        found = rows(expanded(VARIABLES[name]["query"], **chosen))
        chosen[name] = narrower.get(name) or [row[name] for row in found]
        assert chosen[name]
    return chosen


def panel(title, **values):
    """The rows of the first query of a panel."""
    (found,) = [panel for panel in DASHBOARD["panels"] if panel["title"] == title]
    return rows(expanded(found["targets"][0]["rawSql"], **values))


# ------------------------------------------------------------------------------------------------ the dashboard


def test_the_dashboard_is_whole():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    assert set(VARIABLES) == {"book", "account", "tag"}
    titles = {panel["title"] for panel in DASHBOARD["panels"]}
    assert {
        "Monthly spending by tag", "Trend", "Top payees", "Share to be told", "Day book balance",
        "Collections against due",
    } <= titles  # fmt: skip
    for panel in DASHBOARD["panels"]:
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == {"type": "postgres", "uid": "lendbook"}


def test_its_queries_name_views_alone():
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    for query in [*(param.values[0] for param in TARGETS), *(one["query"] for one in VARIABLES.values())]:
        named = set(re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", query))
        assert named <= VIEWS
        assert not named & tables


@on_postgresql
def test_every_query_gives_rows_on_demo_books(demo):
    chosen = everything()
    assert set(chosen["book"]) == {book.slug for book in Book.objects.all()}
    for param in TARGETS:
        assert rows(expanded(param.values[0], **chosen)), param.id


@on_postgresql
def test_figures_are_those_of_lendbooks_own_pages(demo):
    chosen = everything(book=[demo.slug])
    ours = figures.figures(figures.Asked(demo.pk))
    by_tag = {}
    for row in panel("Monthly spending by tag", **chosen):
        by_tag[row["metric"]] = by_tag.get(row["metric"], ZERO) + row["spent"]
    assert by_tag == {name: total for _, name, _, total in ours.by_tag()}
    open_, total, _ = ours.share_tbd()
    assert panel("Spent", **chosen)[0]["spent"] == total
    assert panel("Still to be told", **chosen)[0]["tbd"] == open_
    assert panel("Share to be told", **chosen)[0]["share"] == round(100 * open_ / total, 1)
    assert [(row["payee"], row["rows"], row["spent"]) for row in panel("Top payees", **chosen)] == figures.top_payees(
        figures.Asked(demo.pk)
    )
    assert [row["spent"] for row in panel("Trend", **chosen)] == [total for *_, total in ours.by_month()]
    today = demo.today()
    (day,) = daybook.day_books(demo, today, today)
    assert panel("Closing balance", **chosen)[0]["closing"] == day.closing_balance


@on_postgresql
def test_filters_narrow(demo):
    chosen = everything(book=[demo.slug])
    bank = Account.objects.filter(book=demo, kind="bank").first()
    other = Account.objects.filter(book=demo, kind="cash").first()
    whole = panel("Spent", **chosen)[0]["spent"]
    assert panel("Spent", **{**chosen, "account": [bank.name]})[0]["spent"] == whole
    assert panel("Spent", **{**chosen, "account": [other.name]})[0]["spent"] == 0
    parts = [panel("Spent", **{**chosen, "tag": [tag]})[0]["spent"] for tag in chosen["tag"]]
    assert sum(parts) == whole
    last = demo.today() - timedelta(days=30)
    asked = figures.Asked(demo.pk, last=last)
    assert panel("Spent", last=last, **chosen)[0]["spent"] == figures.figures(asked).share_tbd()[1]
    other_book = Book.objects.exclude(pk=demo.pk).get()
    assert panel("Spent", **{**chosen, "book": [other_book.slug]})[0]["spent"] != whole


# ------------------------------------------------------------------------------------------------ the views


def test_transactions_are_in_rupees_with_their_names():
    book = world.book(accounts=[("Bank", "bank", ZERO)])
    services.import_statement(
        book.accounts.get(),
        b"Date,Narration,Value Date,Debit Amount,Credit Amount,Chq/Ref Number,Closing Balance\n"
        b"01/09/26,UPI-SWIGGY-SWIGGY@ICICI-ICIC0000001-100000000001-FOOD,01/09/26,250.05,0.00,1,9749.95\n"
        b"02/09/26,UPI-QWXZ TRADERS-QWXZ@OKAXIS-UTIB0000001-100000000002-PAY,02/09/26,500.00,0.00,2,9249.95\n"
        b"03/09/26,NEFT CR-HDFC0000001-SELVI R-LOAN,03/09/26,0.00,1000.00,3,10249.95\n",
        file_name="s.csv",
    )
    first, second, third = rows("SELECT * FROM transactions ORDER BY transaction_date")
    assert (first["book"], first["account"], str(first["transaction_date"])) == ("main-street", "Bank", "2026-09-01")
    assert (first["debit_amount"], first["credit_amount"], first["tag"]) == (exact("250.05"), None, "Food")
    assert (third["debit_amount"], third["credit_amount"]) == (None, exact("1000.00"))
    assert (second["tag"], second["decided_by"], bool(second["posted"])) == ("TBD", "tbd", False)
    debit = Transaction.objects.get(pk=second["id"])
    tags = [world.tag(book, name) for name in ("Food", "Fuel")]
    posting.split(debit, [(tags[0], Decimal("499.99"), ""), (tags[1], Decimal("0.01"), "")])
    shares = rows("SELECT tag, amount FROM transaction_tags WHERE transaction_id = %s ORDER BY tag", debit.pk)
    assert shares == [{"tag": "Food", "amount": exact("499.99")}, {"tag": "Fuel", "amount": exact("0.01")}]
    services.settle(Transaction.objects.get(pk=first["id"]), tags[1], whole_payee=True)
    (known,) = rows("SELECT book, product, tag, source FROM product_tags")
    assert known == {"book": "main-street", "product": "SWIGGY", "tag": "Fuel", "source": "staff"}


def test_instalments_fall_as_the_schedule_reckons(demo):
    first = Tracker.objects.order_by("id").first()
    first.skipped_weekdays, first.holidays = [6], [(first.start_date + timedelta(days=4)).isoformat()]
    first.save()
    found = {}
    for row in rows("SELECT tracker_id, instalment, date, amount FROM tracker_instalments ORDER BY tracker_id, date"):
        on = date.fromisoformat(str(row["date"]))
        found.setdefault(row["tracker_id"], []).append((row["instalment"], on, row["amount"]))
    for tracker in Tracker.objects.all():
        terms = tracker.terms
        wanted = [
            (number, terms.date_of(day), exact(str(terms.per_day_payment)))
            for number, day in enumerate(schedule.instalment_days(terms), 1)
            if tracker.closed_on is None or terms.date_of(day) <= tracker.closed_on
        ]
        assert found.get(tracker.pk, []) == wanted


# ------------------------------------------------------------------------------------------------ the role


@pytest.fixture
def role(settings, transactional_db):
    """The role of role.sql in the test's own database, made as docs/grafana.md says."""
    settings.REPORTS_ROLE = ROLE
    make_role()
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"DROP OWNED BY {ROLE}")


def make_role():
    own = connection.settings_dict
    url = f"postgresql://{own['USER']}@{own['HOST']}:{own['PORT'] or 5432}/{own['NAME']}"
    told = ("-v", f"password={PASSWORD}", "-v", f"role={ROLE}", "-f", str(GRAFANA / "role.sql"))
    subprocess.run(
        ["psql", url, "--no-psqlrc", "--quiet", *told],
        check=True,
        capture_output=True,
        env={**os.environ, "PGPASSWORD": own["PASSWORD"]},
    )


def as_role(*queries):
    """What each query gives the role in a connection of its own: its rows, or the refusal's SQLSTATE."""
    import psycopg

    own, answers = connection.settings_dict, []
    to = {"host": own["HOST"], "port": own["PORT"] or 5432, "dbname": own["NAME"], "user": ROLE, "password": PASSWORD}
    for query in queries:
        with psycopg.connect(**to) as reader:
            try:
                for one in query.split(";"):
                    answer = reader.execute(one)
                answers.append(answer.fetchall() if answer.description else None)
            except psycopg.Error as error:
                answers.append(error.sqlstate)
                reader.rollback()
    return answers


@on_postgresql
@with_psql
def test_the_role_reads_every_view_and_nothing_else(role):
    make_role()  # a second time changes nothing
    assert as_role(*(f"SELECT count(*) FROM {view}" for view in sorted(VIEWS))) == [[(0,)]] * len(VIEWS)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE nspname = 'public' AND relkind IN ('r', 'v', 'm', 'p', 'f')"
        )
        names = {row[0] for row in cursor.fetchall()}
    assert names >= VIEWS
    others = sorted(names - VIEWS)
    assert set(as_role(*(f'SELECT 1 FROM "{name}"' for name in others))) == {"42501"}  # no right


@on_postgresql
@with_psql
@pytest.mark.parametrize(
    "attempt",
    [
        "UPDATE transactions SET narration = ''",
        "DELETE FROM dc_day_book",
        "INSERT INTO product_tags (id) VALUES (1)",
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY transactions TO PROGRAM 'true'",
        "SET ROLE postgres",
    ],
)
def test_the_role_changes_nothing_even_when_it_leaves_read_only(role, attempt):
    (refused,) = as_role(f"SET default_transaction_read_only = off; COMMIT; {attempt}")
    assert refused in {"42501", "55000"}  # no right; a view that nobody writes through


@on_postgresql
@with_psql
def test_the_role_keeps_its_views_when_they_are_made_anew(role):
    from expenses.report_views import VIEWS as of_expenses

    of_expenses.drop()
    of_expenses.create()
    assert as_role("SELECT count(*) FROM transactions") == [[(0,)]]


@on_postgresql
@with_psql
def test_the_role_runs_every_query_of_the_dashboard(role, demo):
    chosen = everything()
    queries = [expanded(param.values[0], **chosen) for param in TARGETS]
    for query, answer in zip(queries, as_role(*queries), strict=True):
        assert isinstance(answer, list), (answer, query)
