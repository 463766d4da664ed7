"""Federal Bank: dd/mm/yyyy, withdrawals and deposits, the reference last."""

from expenses.statements.layout import Layout

LAYOUT = Layout(
    name="federal",
    title="Federal Bank",
    roles={
        "date": ("Tran Date", "Date"),
        "narration": ("Particulars",),
        "value_date": ("Value Date",),
        "debit": ("Withdrawals", "Withdrawal"),
        "credit": ("Deposits", "Deposit"),
        "balance": ("Balance",),
        "reference": ("Ref No", "Tran ID", "Cheque Details"),
    },
)
