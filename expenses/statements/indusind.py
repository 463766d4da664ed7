"""IndusInd Bank: withdrawals and deposits with a payment type beside them."""

from expenses.statements.layout import Layout

LAYOUT = Layout(
    name="indusind",
    title="IndusInd Bank",
    roles={
        "date": ("Date", "Bank Reference Date", "Transaction Date"),
        "value_date": ("Value Date",),
        "narration": ("Particulars", "Description", "Transaction Description"),
        "reference": ("Chq/Ref No", "Chq No/Ref No", "Bank Reference"),
        "debit": ("Withdrawal", "WithDrawal", "Debit"),
        "credit": ("Deposit", "Credit"),
        "balance": ("Balance",),
    },
)
