"""Axis Bank: dd-mm-yyyy, padded amounts, a blank in the empty side, a constant branch column."""

from expenses.statements.layout import Layout

LAYOUT = Layout(
    name="axis",
    title="Axis Bank",
    roles={
        "date": ("Tran Date",),
        "reference": ("Chq No", "CHQNO"),
        "narration": ("Particulars",),
        "debit": ("Debit (DR)", "DR", "Debit"),
        "credit": ("Credit (CR)", "CR", "Credit"),
        "balance": ("Balance (BAL)", "BAL", "Balance"),
    },
)
