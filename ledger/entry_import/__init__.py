"""The import of ledger entries: its columns, what the book has already, its own export, and the importer."""
