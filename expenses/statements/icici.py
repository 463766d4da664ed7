"""ICICI Bank: often an HTML table saved as .xls; the value date stands before the transaction date."""

from expenses.statements.layout import Layout

LAYOUT = Layout(
    name="icici",
    title="ICICI Bank",
    roles={
        "date": ("Transaction Date", "Txn Date", "Tran Date"),
        "value_date": ("Value Date",),
        "reference": ("Cheque Number", "Cheque No", "Chq/Ref Number"),
        "narration": ("Transaction Remarks", "Remarks", "Description"),
        "debit": ("Debit Amount", "Withdrawal Amount (INR)", "Withdrawal Amt", "Debit"),
        "credit": ("Credit Amount", "Deposit Amount (INR)", "Deposit Amt", "Credit"),
        "balance": ("Balance (INR)", "Balance Amount"),
    },
)
