"""Who may see which statement and transaction: shop.access's one rule, told about these rows. Agents see none."""

from expenses.models import (
    AskedPayee,
    Correction,
    CreditMatch,
    ExpenseSettings,
    LostLink,
    PayeeId,
    ProductTag,
    RejectedRow,
    Rule,
    SpentChange,
    SpentMonth,
    SpentPayee,
    SpentPayeeMonth,
    SpentWeekday,
    Split,
    Statement,
    StatementMapping,
    Tag,
    Transaction,
)
from shop.access import register

for model in (
    ExpenseSettings,
    Tag,
    ProductTag,
    PayeeId,
    Rule,
    Statement,
    Transaction,
    SpentMonth,
    SpentPayee,
    SpentPayeeMonth,
    SpentWeekday,
    SpentChange,
    Correction,
    AskedPayee,
):
    register(model)
register(StatementMapping, book="account__book")
register(RejectedRow, book="statement__book")
register(Split, book="transaction__book")
register(CreditMatch, book="transaction__book")
register(LostLink, book="transaction__book")
