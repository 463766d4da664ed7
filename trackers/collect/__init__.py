"""Collect: a day's payments of many customers on one sheet, saved together."""
