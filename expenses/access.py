"""Who may see which statement and transaction: ledger.access's one rule, told about these rows. Agents see none."""

from expenses.models import (
    CreditMatch,
    ExpenseSettings,
    PayeeId,
    ProductTag,
    RejectedRow,
    Rule,
    Split,
    Statement,
    StatementMapping,
    Tag,
    Transaction,
)
from ledger.access import register

for model in (ExpenseSettings, Tag, ProductTag, PayeeId, Rule, Statement, Transaction):
    register(model)
register(StatementMapping, book="account__book")
register(RejectedRow, book="statement__book")
register(Split, book="transaction__book")
register(CreditMatch, book="transaction__book")
