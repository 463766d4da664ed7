"""The ledger's rows in the admin, one module per subject."""

from ledger.admin import masters, members, movements  # noqa: F401  (they register themselves)
