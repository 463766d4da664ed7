"""Statements on their way in: files, their rows in bulk, and the way out again."""
