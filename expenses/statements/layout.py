"""What a bank layout is: which header names mean which column, and how the bank writes dates.

A header is compared without case, spaces and punctuation. Each bank's module beside this file holds one ``LAYOUT``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from expenses.statements.errors import StatementError

#: The roles a column can have. ``type`` says Dr or Cr for ``amount``; ``balance_type`` says it for the balance; ``status``
#: whether a payment went through; ``currency`` what the amounts are in.
ROLES = (
    "date", "value_date", "narration", "reference", "debit", "credit", "amount", "type", "balance", "balance_type",
    "status", "currency",
)  # fmt: skip

#: The stored names of the same columns, accepted in a mapping.
ROLE_NAMES = {
    "transaction_date": "date",
    "description": "narration",
    "debit_amount": "debit",
    "credit_amount": "credit",
    "closing_balance": "balance",
}


#: Names that mean the same at every bank.
COMMON = {
    "status": ("Status", "Transaction Status", "Txn Status", "Payment Status", "Tran Status"),
    "currency": ("Currency", "Transaction Currency", "Txn Currency", "Currency Code", "Curr", "Ccy"),
}
_RUPEES = re.compile(r"inr|₹|\brs\b|rupee|\bbill(?:ing|ed) am", re.IGNORECASE)  # a card bills in rupees
_AMOUNT = re.compile(r"(?:billed|billing|transaction|txn)?(?:amount|amt)(?:in|of)?")


@lru_cache(maxsize=4096)
def bare(header: str) -> str:
    """``Withdrawal Amount (INR )`` -> ``withdrawalamount``: what headers are compared by."""
    name = re.sub(r"[\W_]+", "", header.casefold())
    return re.sub(r"(?<=.)(inr|inrs|rs|rupees)$", "", name) or name


@dataclass(frozen=True)
class Layout:
    """One bank's statement: ``roles`` maps a role to the header names the bank uses for it."""

    name: str
    title: str
    roles: dict[str, tuple[str, ...]]
    dates: str = "dmy"

    def columns(self, headers: list[str]) -> dict[str, int]:
        """role -> column of the header line, as far as the bank's names are found in it.

        Raises StatementError where two columns claim one role.
        """
        names = {bare(name): role for role, synonyms in (COMMON | self.roles).items() for name in synonyms}
        found: dict[str, int] = {}
        for at, header in enumerate(headers):
            role = names.get(bare(header)) if header else None
            if role in ("type", "balance_type"):
                role = "balance_type" if found.get("balance") == at - 1 else "type"
            elif role == "amount" and role in found and bare(header) == "debitcredit":
                role = "type"
            if role is None:
                continue
            if role == "amount" and role in found and names_rupees(headers[found[role]]) != names_rupees(header):
                found[role] = at if names_rupees(header) else found[role]
                continue
            if role == "type" and role in found and _names_sides(headers[found[role]]) != _names_sides(header):
                found[role] = at if _names_sides(header) else found[role]
                continue
            if role in found:
                raise StatementError(
                    f"Columns '{headers[found[role]]}' (column {found[role] + 1}) and '{header}' (column {at + 1}) "
                    f"both stand for {role.replace('_', ' ')}. Delete or rename the one that is not needed."
                )
            found[role] = at
        if "amount" in found and not names_rupees(headers[found["amount"]]):
            found["amount"] = _in_rupees(headers, found["amount"])
        if "debit" in found or "credit" in found:
            found.pop("amount", None)
            found.pop("type", None)
        return found


def common_columns(headers: list[str]) -> dict[str, int]:
    """The columns of a header line whose names mean the same at every bank."""
    names = {bare(name): role for role, synonyms in COMMON.items() for name in synonyms}
    found: dict[str, int] = {}
    for at, header in enumerate(headers):
        if header and (role := names.get(bare(header))):
            found.setdefault(role, at)
    return found


def names_rupees(header: str) -> bool:
    """Whether a column's name says that its amounts are in rupees."""
    return bool(_RUPEES.search(header.replace("_", " ")))


def _names_sides(header: str) -> bool:
    """Whether a column's name says that it holds Dr or Cr, as "Debit / Credit" does and "Transaction type" does not."""
    return bool(re.search(r"d(?:r|ebit).*c(?:r|redit)|c(?:r|redit).*d(?:r|ebit)|sign", header, re.IGNORECASE))


def _in_rupees(headers: list[str], amount: int) -> int:
    """The column of the amounts in rupees, where one beside that of the amounts says so."""
    found = [
        at for at, header in enumerate(headers) if names_rupees(header) and _AMOUNT.fullmatch(_without_rupees(header))
    ]
    return found[0] if len(found) == 1 else amount


def _without_rupees(header: str) -> str:
    return re.sub(r"inr|₹|\brs\b|rupees?|[\W_]+", "", header.replace("_", " ").casefold())


def missing(columns: dict[str, int]) -> list[str]:
    """The columns that a statement needs and that are not there, in words."""
    lacking = [role for role in ("date", "narration") if role not in columns]
    if not columns.keys() & {"debit", "credit", "amount"}:
        lacking.append("debit, credit or amount")
    return lacking
