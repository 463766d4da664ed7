"""The ledger's rows in the admin."""
