"""Paytm: one signed amount or amount and type; its reference repeats on every row, so it is no key."""

from expenses.statements.layout import Layout

LAYOUT = Layout(
    name="paytm",
    title="Paytm Payments Bank and UPI statements",
    roles={
        "date": ("Date", "Transaction Date"),
        "narration": ("Transaction Details", "Activity"),
        "reference": ("UPI Ref No.", "Order ID", "Transaction ID", "Wallet Txn ID"),
        "debit": ("Debit",),
        "credit": ("Credit",),
        "amount": ("Amount",),
        "type": ("Type", "Transaction Type"),
        "balance": ("Balance", "Wallet Balance"),
    },
)
