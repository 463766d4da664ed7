"""The layout of Lendbook's first design: dd/mm/yy, both sides filled, 0.00 in the empty one."""

from expenses.statements.layout import Layout

LAYOUT = Layout(
    name="original",
    title="Date, Narration, … Closing Balance",
    roles={
        "date": ("Date",),
        "narration": ("Narration",),
        "value_date": ("Value Date",),
        "debit": ("Debit Amount",),
        "credit": ("Credit Amount",),
        "reference": ("Chq/Ref Number", "Chq Ref No", "Chq/Ref No"),
        "balance": ("Closing Balance",),
    },
)
