"""Kotak Mahindra Bank: times behind dates, newest first or oldest first, one signed column or an amount with Dr/Cr.

Some exports put an empty field into rows that have a reference; expenses.statements.ragged mends those.
"""

from expenses.statements.layout import Layout

LAYOUT = Layout(
    name="kotak",
    title="Kotak Mahindra Bank",
    roles={
        "date": ("Date", "Transaction Date"),
        "value_date": ("Value Date",),
        "narration": ("Description", "Narration", "Transaction Details"),
        "reference": ("Chq/Ref No", "Chq / Ref No.", "Chq/Ref Number"),
        "debit": ("Debit", "Withdrawal (Dr)", "Withdrawal Amount", "Debit Amount"),
        "credit": ("Credit", "Deposit (Cr)", "Deposit Amount", "Credit Amount"),
        "amount": ("Amount", "DEBIT/CREDIT(INR)", "Withdrawal (Dr)/Deposit (Cr)", "Withdrawal(Dr)/ Deposit(Cr)"),
        "type": ("Dr / Cr",),
        "balance": ("Balance", "Balance (INR)"),
    },
)
