"""Which way money went where a list says it by its columns: Receipt and Payment, or Debit and Credit. Pure."""

from django.core.exceptions import ValidationError

from ledger.models import Direction
from shop.imports.asides import is_nothing
from shop.imports.importing import Column

COLUMNS = (
    Column(
        "received", "Received (amount)", False,
        ("receipt", "receipts", "received amount", "amount received", "receipt amount", "money in", "cash in", "in", "inflow",
         "income", "deposit", "deposits", "receipt received"),
        "500", "amount",
    ),
    Column(
        "spent", "Spent (amount)", False,
        ("payment", "payments", "paid", "paid amount", "amount paid", "spent amount", "amount spent", "payment amount",
         "money out", "cash out", "out", "outflow", "expense", "expenses", "expenditure", "withdrawal", "withdrawals"),
        "20", "amount",
    ),
    Column(
        "debit", "Debit", False, ("dr", "debit amount", "amount debit", "debits", "debited"), "money in or out: asked",
        "amount",
    ),
    Column("credit", "Credit", False, ("cr", "credit amount", "amount credit", "credits", "credited"), "", "amount"),
)  # fmt: skip
ROLES = tuple(column.role for column in COLUMNS)
DEBIT_IS = (
    ("out", "Debit is money out, credit money in, as in a bank's statement"),
    ("in", "Debit is money in, credit money out, as on the debit side of a cash book"),
)


def faults(roles: list[str], debit_is: str) -> list[str]:
    """Why the amounts' columns of a list cannot be read, as sentences."""
    found = []
    sides = [role for role in ROLES if role in roles]
    if "amount" in roles and sides:
        found.append(f"The columns amount and {', '.join(sides)} all hold amounts. Leave out the one or the other.")
    if ("debit" in sides or "credit" in sides) and debit_is not in ("in", "out"):
        found.append(
            "Say which way money goes: whether a debit is money spent, as in a bank's statement (a command: "
            "--debit-is out), or money received, as in a cash book (--debit-is in)."
        )
    return found


def direction_of(role: str, debit_is: str) -> str:
    """The Direction of what stands in the column of that role."""
    if role in ("received", "spent"):
        return Direction(role)
    return Direction.SPENT if (role == "debit") == (debit_is == "out") else Direction.RECEIVED


def amount_in(named: dict, debit_is: str) -> tuple[object, str]:
    """(the amount's cell, the Direction) of a row with columns of both sides; a dash, nil and zero are nothing.

    Raises ValidationError where not exactly one of them is filled.
    """
    filled = [role for role in ROLES if role in named and not is_nothing(named[role])]
    if not filled:
        raise ValidationError("the amount is missing.")
    if len(filled) > 1:
        raise ValidationError(f"{' and '.join(filled)} are both filled; an entry is one of them. Write two lines.")
    return named[filled[0]], direction_of(filled[0], debit_is)
