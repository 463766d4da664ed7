"""Bank statements as they were read, their transactions, and what the book has learned about its payees.

Statement: one file of one account (bank, UPI or card), with what was read of it: rows in = imported + duplicate +
rejected. Transaction: one row of it, a debit or a credit, with the payee its narration names (`product`), its tag and
who decided it, how sure and why. Tag: what a debit was for. ProductTag: the memory, product -> tag. Rule: what staff
wrote. Split: a transaction divided over several tags. CreditMatch: the collection that a credit proves. LostLink: what
a transaction was linked to or proved, while that is gone from the books. Correction: what staff changed in one go and
how it was before, so that it can be taken back. SpentMonth, SpentWeekday, SpentPayee, SpentPayeeMonth:
sums for the dashboard.
"""

from expenses.models.payees import (
    DEFAULT_TAGS,
    PLAIN,
    TBD,
    AskedPayee,
    DecidedBy,
    ExpenseSettings,
    Mode,
    PayeeId,
    ProductTag,
    Rule,
    Tag,
)
from expenses.models.sums import SpentChange, SpentMonth, SpentPayee, SpentPayeeMonth, SpentWeekday
from expenses.models.transactions import (
    IS_POSTED,
    Correction,
    CreditMatch,
    LostLink,
    RejectedRow,
    Split,
    Statement,
    StatementMapping,
    Transaction,
)

__all__ = [
    "DEFAULT_TAGS",
    "IS_POSTED",
    "PLAIN",
    "TBD",
    "AskedPayee",
    "Correction",
    "CreditMatch",
    "DecidedBy",
    "ExpenseSettings",
    "LostLink",
    "Mode",
    "PayeeId",
    "ProductTag",
    "RejectedRow",
    "Rule",
    "SpentChange",
    "SpentMonth",
    "SpentPayee",
    "SpentPayeeMonth",
    "SpentWeekday",
    "Split",
    "Statement",
    "StatementMapping",
    "Tag",
    "Transaction",
]
