"""The sums behind the dashboard: what was spent by month, tag, mode, weekday and payee, whole paise, kept per account.

A part is what is summed: a debit, or each tag's share of one that was split; its tag is None while it is to be told.
Triggers note in an outbox (SpentChange) which months and payees a write touched, whoever wrote; `finish_pending`, which
every reader calls first, adds those up anew. So a million transactions are read from a few thousand rows.
"""

import json
import logging
from contextlib import contextmanager
from datetime import date, timedelta

from django.db import connection, connections, transaction

from expenses.models import SpentChange, SpentMonth, SpentPayee, SpentPayeeMonth, SpentWeekday
from shop.money import from_paise
from shop.sql_views import Views

logger = logging.getLogger(__name__)

_LOCK = 5_771_204  # names the lock below among a database's advisory locks


def parts(where):
    """The SELECT of the parts of the debits t (and splits s) that fit `where`."""
    return f"""
        SELECT t.account_id, t.transaction_date, t.product, t.mode, COALESCE(s.amount, t.debit_amount) AS amount,
          CASE WHEN s.id IS NOT NULL THEN s.tag_id WHEN t.decided_by = 'tbd' THEN NULL ELSE t.tag_id END AS tag_id
        FROM expenses_transaction t LEFT JOIN expenses_split s ON s.transaction_id = t.id
        WHERE t.debit_amount IS NOT NULL AND {where}"""


def month_of(column):
    """The SQL of the first day of a date's month."""
    if connection.vendor == "postgresql":
        return f"CAST(date_trunc('month', CAST({column} AS timestamp)) AS date)"  # as a moment it would ask the zone
    return f"date({column}, 'start of month')"


def weekday_of(column):
    """The SQL of a date's weekday, 1 (Monday) to 7."""
    if connection.vendor == "postgresql":
        return f"CAST(EXTRACT(isodow FROM {column}) AS smallint)"
    return f"((CAST(strftime('%%w', {column}) AS integer) + 6) %% 7 + 1)"


def as_date(value):
    """A date of a raw query: SQLite hands out text."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def finish_pending(book_id):
    """Do what is in the book's outbox; returns how many months were added up. A second run finds nothing."""
    if not SpentChange.objects.filter(book_id=book_id).exists():
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # SQLite's transactions come one after another anyway
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, book_id])
        cursor.execute(
            "DELETE FROM expenses_spentchange WHERE book_id = %s RETURNING account_id, month, product", [book_id]
        )
        taken = set(cursor.fetchall())
        months = {(account, as_date(month)) for account, month, _ in taken}
        products = sorted({product for *_, product in taken})
        for account, first, last in runs(months):
            _add_up_months(cursor, book_id, account, first, last)
            _add_up_payees_of_months(cursor, book_id, account, first, last, products)
        _add_up_payees(cursor, book_id, products)
    return len(months)


def finish_all_pending():
    """finish_pending for every book that has something pending; one book's trouble does not keep the others waiting."""
    for book_id in SpentChange.objects.values_list("book_id", flat=True).distinct().order_by():
        try:
            finish_pending(book_id)
        except Exception:
            logger.exception("The expenses of book %s could not be added up; the next run tries again.", book_id)


def runs(months):
    """[(account, first month, last month)]: months that follow each other, so that a long import is one statement."""
    found = []
    for account, month in sorted(months):
        if found and found[-1][0] == account and next_month(found[-1][2]) == month:
            found[-1][2] = month
        else:
            found.append([account, month, month])
    return found


def next_month(first):
    """The first day of the month after."""
    return (first + timedelta(days=31)).replace(day=1)


def _add_up_months(cursor, book_id, account, first, last):
    end = next_month(last)
    inner = parts("t.book_id = %s AND t.account_id = %s AND t.transaction_date >= %s AND t.transaction_date < %s")
    for name, its in (("mode", "mode"), ("weekday", weekday_of("transaction_date"))):
        table = "expenses_spentmonth" if name == "mode" else "expenses_spentweekday"
        cursor.execute(
            f"DELETE FROM {table} WHERE book_id = %s AND account_id = %s AND month >= %s AND month < %s",
            [book_id, account, first, end],
        )
        cursor.execute(
            f"""INSERT INTO {table} (book_id, account_id, month, tag_id, {name}, count, total)
                SELECT %s, account_id, {month_of("transaction_date")}, tag_id, {its}, COUNT(*), SUM(amount)
                FROM ({inner}) AS p GROUP BY 2, 3, 4, 5""",
            [book_id, book_id, account, first, end],
        )


def among(texts):
    """(SQL, parameter) of "is one of these texts", however many."""
    if connection.vendor == "postgresql":
        return "= ANY(%s)", list(texts)
    return "IN (SELECT value FROM json_each(%s))", json.dumps(list(texts))


def _add_up_payees_of_months(cursor, book_id, account, first, last, products):
    """Of each payee that changed, each month that changed: not each pair did, but each that did is among them."""
    (named, names), end = among(products), next_month(last)
    cursor.execute(
        f"""DELETE FROM expenses_spentpayeemonth
            WHERE book_id = %s AND account_id = %s AND month >= %s AND month < %s AND product {named}""",
        [book_id, account, first, end, names],
    )
    days = "t.book_id = %s AND t.account_id = %s AND t.transaction_date >= %s AND t.transaction_date < %s"
    cursor.execute(
        f"""INSERT INTO expenses_spentpayeemonth (book_id, account_id, month, tag_id, product, count, total)
            SELECT %s, account_id, {month_of("transaction_date")}, tag_id, product, COUNT(*), SUM(amount)
            FROM ({parts(f"{days} AND t.product {named}")}) AS p GROUP BY 2, 3, 4, 5""",
        [book_id, book_id, account, first, end, names],
    )


def _add_up_payees(cursor, book_id, products):
    """From their months, which are added up already."""
    named, names = among(products)
    cursor.execute(f"DELETE FROM expenses_spentpayee WHERE book_id = %s AND product {named}", [book_id, names])
    cursor.execute(
        f"""INSERT INTO expenses_spentpayee (book_id, account_id, tag_id, product, count, total)
            SELECT book_id, account_id, tag_id, product, SUM(count), SUM(total)
            FROM expenses_spentpayeemonth WHERE book_id = %s AND product {named} GROUP BY 1, 2, 3, 4""",
        [book_id, names],
    )


KEPT = (
    (SpentMonth, ("account_id", "month", "tag_id", "mode")),
    (SpentWeekday, ("account_id", "month", "tag_id", "weekday")),
    (SpentPayeeMonth, ("account_id", "month", "tag_id", "product")),
    (SpentPayee, ("account_id", "tag_id", "product")),
)


def differences(book_id):
    """[(table, key, stored, computed)] where a stored sum is not what the debits add up to; `stored` and `computed` are
    (count, Decimal rupees) or None.

    Reads only, and leaves out what is pending. The caller sees the database at one moment.
    """
    pending = list(SpentChange.objects.filter(book_id=book_id).values_list("account_id", "month", "product"))
    months, products = {(account, month) for account, month, _ in pending}, {product for *_, product in pending}
    found = []
    for model, key in KEPT:
        stored = {row[:-2]: row[-2:] for row in _rows(model, book_id, key)}
        computed = _computed(book_id, key)
        for name in sorted(stored.keys() | computed.keys(), key=str):
            is_pending = name[:2] in months if "month" in key else name[-1] in products
            if stored.get(name) != computed.get(name) and not is_pending:
                found.append((model._meta.db_table, name, stored.get(name), computed.get(name)))
    return found


def _rows(model, book_id, key):
    return list(model.objects.filter(book_id=book_id).values_list(*key, "count", "total"))


def _computed(book_id, key):
    """{key: (count, Decimal rupees)} as the debits of a book add up now."""
    made = {"month": month_of("transaction_date"), "weekday": weekday_of("transaction_date")}
    columns = ", ".join(made.get(name, name) for name in key)
    places = ", ".join(str(number) for number in range(1, len(key) + 1))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns}, COUNT(*), SUM(amount) FROM ({parts('t.book_id = %s')}) AS p GROUP BY {places}",
            [book_id],
        )
        dated = [as_date if name == "month" else None for name in key]
        return {
            tuple(read(value) if read else value for read, value in zip(dated, row, strict=False)): (
                row[-2],
                from_paise(int(row[-1])),
            )
            for row in cursor.fetchall()
        }


def rebuild(book_id):
    """Add everything of a book up from its debits."""
    with transaction.atomic():
        for model, _ in KEPT:
            model.objects.filter(book_id=book_id).delete()
        with connection.cursor() as cursor:
            cursor.execute(_note("expenses_transaction t", "t.debit_amount IS NOT NULL AND t.book_id = %s"), [book_id])
        finish_pending(book_id)


# ------------------------------------------------------------------------------------------------ what notes changes

# Whatever of a transaction the sums are made of.
_SUMMED = ("book_id", "account_id", "transaction_date", "product", "mode", "tag_id", "decided_by", "debit_amount")


def _note(rows, where):
    """The INSERT into the outbox for transactions `t` of `rows`: each month and each payee of an account, not each pair."""
    columns = "book_id, account_id, month, product"
    return f"""INSERT INTO expenses_spentchange ({columns})
        WITH touched AS (SELECT t.book_id, t.account_id, {month_of("t.transaction_date")} AS month, t.product
                         FROM {rows} WHERE {where})
        SELECT book_id, account_id, month, MIN(product) FROM touched GROUP BY book_id, account_id, month
        UNION SELECT book_id, account_id, MIN(month), product FROM touched GROUP BY book_id, account_id, product"""


@contextmanager
def noted_together(statement_id):
    """Within, a statement's transactions are written in bulk; they are noted at the end, all at once.

    On SQLite, whose triggers work row by row, the one of new rows is away meanwhile. That is part of the transaction:
    nobody else writes during it, and one that fails or dies leaves the trigger where it was.
    """
    if connection.vendor == "postgresql":
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER IF EXISTS {_OF_NEW_ROWS}")
        yield
        for statement in _on_sqlite()[_OF_NEW_ROWS]:
            cursor.execute(statement)
        cursor.execute(
            _note("expenses_transaction t", "t.debit_amount IS NOT NULL AND t.statement_id = %s"), [statement_id]
        )


_OF_NEW_ROWS = "spent_transaction_insert"


def _on_postgresql():
    """{trigger: statements}: one note for each month and payee of a statement, however many rows it writes."""
    made = {}
    columns = ", ".join(("id", *_SUMMED))
    old, new = f"SELECT {columns} FROM old_rows", f"SELECT {columns} FROM new_rows"
    of_debits = {
        "insert": _note("new_rows t", "t.debit_amount IS NOT NULL"),
        "delete": _note("old_rows t", "t.debit_amount IS NOT NULL"),
        "update": _note(f"(({old} EXCEPT {new}) UNION ALL ({new} EXCEPT {old})) t", "t.debit_amount IS NOT NULL"),
    }
    both = "(SELECT transaction_id FROM old_rows UNION SELECT transaction_id FROM new_rows)"
    split = "expenses_transaction t JOIN {} s ON s.transaction_id = t.id"
    of_splits = {
        "insert": _note(split.format("new_rows"), "true"),
        "delete": _note(split.format("old_rows"), "true"),
        "update": _note(split.format(both), "true"),
    }
    tables = {"insert": "NEW TABLE AS new_rows", "delete": "OLD TABLE AS old_rows"}
    tables["update"] = f"{tables['delete']} {tables['insert']}"
    for table, notes in (("transaction", of_debits), ("split", of_splits)):
        for event, note in notes.items():
            name = f"spent_{table}_{event}"
            made[name] = (
                f"""CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN {note}; RETURN NULL; END $$""",
                f"""CREATE TRIGGER {name} AFTER {event.upper()} ON expenses_{table}
                    REFERENCING {tables[event]} FOR EACH STATEMENT EXECUTE FUNCTION {name}()""",
            )
    return made


def _on_sqlite():
    """{trigger: statements}, row by row."""
    into = "INSERT INTO expenses_spentchange (book_id, account_id, month, product) "
    row = "SELECT {0}.book_id, {0}.account_id, date({0}.transaction_date, 'start of month'), {0}.product"
    moved = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in _SUMMED)
    of_split = f"{into}{row.format('t')} FROM expenses_transaction t WHERE t.id = {{}}.transaction_id"
    old, new = into + row.format("OLD"), into + row.format("NEW")
    bodies = {
        "transaction_insert": ("NEW.debit_amount IS NOT NULL", f"{new};"),
        "transaction_delete": ("OLD.debit_amount IS NOT NULL", f"{old};"),
        "transaction_update": (moved, f"{old}; {new};"),
        "split_insert": ("true", f"{of_split.format('NEW')};"),
        "split_delete": ("true", f"{of_split.format('OLD')};"),
        "split_update": ("true", f"{of_split.format('OLD')}; {of_split.format('NEW')};"),
    }
    made = {}
    for name, (when, body) in bodies.items():
        table, _, event = name.partition("_")
        made[f"spent_{name}"] = (
            f"CREATE TRIGGER spent_{name} AFTER {event} ON expenses_{table} WHEN {when} BEGIN {body} END",
        )
    return made


class _Triggers(Views):
    """Put up after every migration that touched the tables, as the views are; all is added up anew then."""

    def found(self, connection):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
                if connection.vendor == "postgresql"
                else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            )
            return {row[0] for row in cursor.fetchall()}

    def drop(self, using="default"):
        standing = self.found(connections[using])
        with connections[using].cursor() as cursor:
            for name in standing.intersection(self.names):
                on = f" ON expenses_{name.split('_')[1]}" if connections[using].vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER {name}{on}")

    def create(self, using="default"):
        with connections[using].cursor() as cursor:
            for statements in self.queries(connections[using].vendor).values():
                for statement in statements:
                    cursor.execute(statement)
            for model, _ in KEPT:
                cursor.execute(f"DELETE FROM {model._meta.db_table}")
            cursor.execute(_note("expenses_transaction t", "t.debit_amount IS NOT NULL"))


TRIGGERS = _Triggers(
    "expenses",
    tuple(f"spent_{table}_{event}" for table in ("transaction", "split") for event in ("insert", "delete", "update")),
    lambda vendor: _on_postgresql() if vendor == "postgresql" else _on_sqlite(),
    ("expenses",),
)
