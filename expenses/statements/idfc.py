"""IDFC FIRST Bank: d Mon yyyy, particulars, debit, credit, balance."""

from expenses.statements.layout import Layout

LAYOUT = Layout(
    name="idfc",
    title="IDFC FIRST Bank",
    roles={
        "date": ("Transaction Date",),
        "value_date": ("Value Date",),
        "narration": ("Particulars",),
        "reference": ("Cheque No.", "Cheque No"),
        "debit": ("Debit",),
        "credit": ("Credit",),
        "balance": ("Balance",),
    },
)
