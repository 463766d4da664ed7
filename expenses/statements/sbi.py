"""State Bank of India: d Mon yyyy or spreadsheet day numbers, preamble, amounts grouped like 1,00.00."""

from expenses.statements.layout import Layout

LAYOUT = Layout(
    name="sbi",
    title="State Bank of India",
    roles={
        "date": ("Txn Date",),
        "value_date": ("Value Date",),
        "narration": ("Description",),
        "reference": ("Ref No./Cheque No.", "Ref No/Cheque No", "Ref No", "Cheque No"),
        "debit": ("Debit",),
        "credit": ("Credit",),
        "balance": ("Balance",),
    },
)
