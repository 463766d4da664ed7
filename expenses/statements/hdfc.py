"""HDFC Bank: delimited text (blank first line, padded names) and Excel (preamble, rows of asterisks, summary below).

The Excel export damages references to 9.78E+11; they are kept as they stand.
"""

from expenses.statements.layout import Layout

LAYOUT = Layout(
    name="hdfc",
    title="HDFC Bank",
    roles={
        "date": ("Date",),
        "narration": ("Narration",),
        "value_date": ("Value Dat", "Value Dt", "Value Date"),
        "debit": ("Debit Amount", "Withdrawal Amt.", "Withdrawal Amount"),
        "credit": ("Credit Amount", "Deposit Amt.", "Deposit Amount"),
        "reference": ("Chq/Ref Number", "Chq./Ref.No.", "Chq Ref No"),
        "balance": ("Closing Balance",),
    },
)
