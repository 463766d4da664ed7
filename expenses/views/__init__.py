"""The expenses' pages, one module per subject."""
