"""Bank of India: a serial number, withdrawals in brackets of the header."""

from expenses.statements.layout import Layout

LAYOUT = Layout(
    name="boi",
    title="Bank of India",
    roles={
        "date": ("Date", "Txn Date"),
        "narration": ("Description", "Particulars", "Remarks"),
        "reference": ("Cheque No", "Chq No"),
        "debit": ("Withdrawal (in Rs.)", "Withdrawal", "Debit"),
        "credit": ("Deposits (in Rs.)", "Deposits", "Deposit", "Credit"),
        "balance": ("Balance (in Rs.)", "Balance"),
    },
)
