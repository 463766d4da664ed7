"""Bank of Baroda: balances that end in Cr or Dr."""

from expenses.statements.layout import Layout

LAYOUT = Layout(
    name="bob",
    title="Bank of Baroda",
    roles={
        "date": ("Tran Date", "Transaction Date", "Date", "Trans Date"),
        "value_date": ("Value Date",),
        "narration": ("Narration", "Description", "Particulars"),
        "reference": ("Chq.No.", "Cheque/Reference No", "Instrument ID"),
        "debit": ("Withdrawal(DR)", "Withdrawal (Rs.)", "Debit"),
        "credit": ("Deposit(CR)", "Deposit (Rs.)", "Credit"),
        "balance": ("Balance(INR)", "Balance (Rs.)", "Running Balance"),
    },
)
