"""IDBI Bank: one amount with a CR/DR column."""

from expenses.statements.layout import Layout

LAYOUT = Layout(
    name="idbi",
    title="IDBI Bank",
    roles={
        "date": ("Txn Date", "Transaction Date"),
        "value_date": ("Value Date",),
        "narration": ("Description",),
        "reference": ("Cheque No", "Chq No"),
        "type": ("CR/DR", "Dr/Cr"),
        "amount": ("Amount (INR)", "Amount"),
        "balance": ("Balance (INR)", "Balance"),
    },
)
