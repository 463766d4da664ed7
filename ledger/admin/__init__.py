"""The ledger's rows in the admin, one module per subject."""
