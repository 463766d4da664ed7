"""The nine columns of an entry with the names that people give them, and the columns of their lists that are left out."""

from shop.imports.importing import Column

COLUMNS = (
    Column(
        "date", "Date", True,
        ("business date", "transaction date", "txn date", "day", "date time", "entry date", "voucher date"),
        "15-01-2024", "date",
    ),
    Column("account", "Account", False, ("account name", "cash box"), "empty: by payment mode"),
    Column(
        "category", "Category", True, ("head", "ledger head", "account head"), "Collection",
        instead=", or name one for the whole file (a command: --category NAME)",
    ),
    Column("subcategory", "Subcategory", False, ("sub category", "sub head"), "Loan Payments"),
    Column(
        "direction", "Direction", False,
        ("received spent", "type", "transaction type", "in out", "dr cr", "cr dr", "receipt payment"),
        "received or spent",
    ),
    Column("amount", "Amount", True, ("amount rs", "amount inr", "rupees", "rs", "value"), "1,23,456.50", "amount"),
    Column("payment_mode", "Payment mode", False, ("mode", "paid by", "payment method"), "Cash, UPI, Cheque"),
    Column("narration", "Narration", False, ("note", "notes", "details", "description", "remarks", "particulars")),
    Column("reference", "Reference", False, ("ref", "reference no", "ref no", "voucher", "voucher no", "utr")),
)  # fmt: skip
LEFT_OUT = Column(
    "left_out", "Left out", False,
    ("balance", "running balance", "closing balance", "bal", "line", "reason", "sl no", "s no", "sr no", "sno", "slno",
     "serial no", "serial number"),
    "not read", "ignored",
)  # fmt: skip
