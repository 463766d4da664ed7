"""A shop with something of everything in it, and the ways to spoil it behind Lendbook's back."""

import io
from datetime import date
from decimal import Decimal
from types import SimpleNamespace

from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from expenses import services as expenses
from expenses.books import posting as statements
from expenses.models import Transaction
from ledger import daybook, services
from ledger.models import Account, LedgerEntry
from tests import world
from tests.trackers.workbooks import with_sheet
from trackers import services as trackers
from trackers import store

STATEMENT = (
    "Date,Narration,Value Date,Debit Amount,Credit Amount,Chq/Ref Number,Closing Balance\n"
    "05/01/24,UPI-SWIGGY-SWIGGY@ICICI-ICIC0000001-100000000001-FOOD,05/01/24,250.00,0.00,1,9750.00\n"
    "06/01/24,ATW-1234-MAIN ROAD,06/01/24,2000.00,0.00,2,7750.00\n"
    "06/01/24,UPI-QZ-QZ@YBL-YESB0000001-100000000009-PAY,06/01/24,100.00,0.00,7,7650.00\n"
    "07/01/24,SHOP,07/01/24,12.3x,0.00,3,7650.00\n"
)


def shop():
    """Main Street with entries, a transfer, a bin, a reversal, two trackers and a statement; everything finished."""
    cast = world.cast()
    book = cast.main
    cash, bank = Account.objects.filter(book=book, agent=None).order_by("pk")
    first = world.post(book, "2024-01-03", amount="1000", subcategory="Loan Payments")
    services.edit(first, amount=Decimal(1200))
    services.delete(world.post(book, "2024-01-03", amount="77"))
    services.reverse(world.post(book, "2024-01-04", "Expense", "300"), date=date(2024, 1, 5))
    moved = services.transfer(
        book=book, date=date(2024, 1, 4), from_account=cash, to_account=bank, amount=Decimal(10000)
    )
    opened = [_tracker(book, login) for login in ("john", "mary")]
    expenses.import_statement(bank, STATEMENT.encode(), file_name="january.csv")
    food, withdrawal, _ = Transaction.objects.order_by("line")
    expenses.settle(food, world.tag(book, "Food"))
    expenses.settle(withdrawal, world.tag(book, "Cash"))
    done = statements.post(Transaction.objects.order_by("line")[:2])
    assert (done.posted, done.refused) == (2, [])
    world.post(cast.other, "2024-01-03")
    for one in (book, cast.other):
        daybook.day_books(one, date(2024, 1, 3), date(2024, 1, 8))
    return SimpleNamespace(
        **vars(cast), cash=cash, bank=bank, entry=LedgerEntry.objects.get(pk=first.pk), transfer=moved,
        john=opened[0], mary=opened[1], statement=food.statement, food=food.pk, withdrawal=withdrawal.pk,
    )  # fmt: skip


def _tracker(book, login):
    tracker = trackers.open_tracker(
        customer=trackers.customer_for(book, login, login.title()),
        tracker_name=f"{login.title()}'s shop",
        tracker_type="50K",
        start_date=date(2024, 1, 3),
    )
    trackers.record_payment(tracker, 1, paid=Decimal(300))
    trackers.record_payment(tracker, 1, paid=Decimal(200), mode="UPI", add=True)
    return trackers.record_payment(tracker, 2, paid=Decimal(500), withdrawn=Decimal(50)).tracker


def sql(statement, *values):
    """Change the database as somebody with a console would: past every service, signal and history."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


def both(table, values, pk):
    """Change a row and its newest history alike, so that history cannot tell."""
    names, history = ", ".join(f"{name} = %s" for name in values), table.replace("_", "_historical", 1)
    assert sql(f"UPDATE {table} SET {names} WHERE id = %s", *values.values(), pk) == 1
    newest = f"SELECT MAX(history_id) FROM {history} WHERE id = %s"
    assert sql(f"UPDATE {history} SET {names} WHERE history_id = ({newest})", *values.values(), pk) == 1


def rewrite(tracker, old, new):
    """Change the sheet of a stored workbook so that its sha256 says nothing: as a bug of ours would."""
    content = with_sheet(store.path_of(tracker).read_bytes(), old, new)
    store.path_of(tracker).write_bytes(content)
    both("trackers_tracker", {"sha256": store.sha256_of(content)}, tracker.pk)


def run(*words):
    """A command as in a terminal: (exit code, what it printed)."""
    out = io.StringIO()
    try:
        call_command(*words, stdout=out, stderr=io.StringIO())
    except CommandError as error:
        return error.returncode, f"{out.getvalue()}{error}"
    return 0, out.getvalue()


def everything():
    """All that a check could change by mistake, as text: every table but its own, every file."""
    tables = {
        model._meta.label: list(model._base_manager.order_by("pk").values_list())
        for model in apps.get_models()
        if model._meta.label not in ("shop.Heartbeat", "shop.Fault")
    }
    files = {
        str(path): path.read_bytes()
        for folder in ("daily-trackers", "versions", "statements")
        for path in settings.DATA_DIR.joinpath(folder).rglob("*")
        if path.is_file()
    }
    return tables, files
