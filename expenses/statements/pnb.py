"""Punjab National Bank: newest first, withdrawal and deposit, the balance with Cr. behind it."""

from expenses.statements.layout import Layout

LAYOUT = Layout(
    name="pnb",
    title="Punjab National Bank",
    roles={
        "date": ("Txn Date", "Transaction Date"),
        "narration": ("Narration", "Description", "Remarks"),
        "reference": ("Txn No.", "Cheque No.", "Instrument ID"),
        "debit": ("Withdrawal", "Dr Amount"),
        "credit": ("Deposit", "Cr Amount"),
        "amount": ("Amount",),
        "type": ("Type",),
        "balance": ("Balance",),
    },
)
