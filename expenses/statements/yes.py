"""Yes Bank: a running balance."""

from expenses.statements.layout import Layout

LAYOUT = Layout(
    name="yes",
    title="Yes Bank",
    roles={
        "date": ("Transaction Date", "Tran Date"),
        "value_date": ("Value Date",),
        "narration": ("Description", "Transaction Description"),
        "reference": ("Cheque No/Reference No", "Reference No.", "Cheque No/Ref No"),
        "debit": ("Withdrawals", "Debit Amount"),
        "credit": ("Deposits", "Credit Amount"),
        "balance": ("Running Balance",),
    },
)
