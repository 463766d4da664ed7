"""Union Bank of India: the remarks, an amount and its type."""

from expenses.statements.layout import Layout

LAYOUT = Layout(
    name="union",
    title="Union Bank of India",
    roles={
        "date": ("Date", "Tran Date", "Transaction Date"),
        "narration": ("Remarks", "Particulars"),
        "reference": ("Tran Id", "Utr Number", "Transaction Id"),
        "debit": ("Withdrawals",),
        "credit": ("Deposits",),
        "amount": ("Amount(Rs.)", "Amount"),
        "type": ("Type", "Transaction Type"),
        "balance": ("Balance(Rs.)", "Balance"),
    },
)
