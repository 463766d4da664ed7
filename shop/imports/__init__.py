"""Imports: a file becomes rows, a row becomes a value or a reason, and a person says yes before anything is posted.

tables reads CSV and XLSX; importing holds what every importer shares; wizard is its job (check, post, undo); entries
is the importer of ledger entries. The other apps plug in importers of their own with importing.register.
"""
