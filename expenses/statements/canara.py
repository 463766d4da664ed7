"""Canara Bank: times behind the transaction date, the branch code as a column."""

from expenses.statements.layout import Layout

LAYOUT = Layout(
    name="canara",
    title="Canara Bank",
    roles={
        "date": ("Txn Date", "Transaction Date", "Trans Date"),
        "value_date": ("Value Date",),
        "reference": ("Cheque No.", "Cheque No", "Ref No"),
        "narration": ("Description", "Particulars"),
        "debit": ("Debit",),
        "credit": ("Credit",),
        "balance": ("Balance",),
    },
)
