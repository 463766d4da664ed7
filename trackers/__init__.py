"""Customers' trackers: loans repaid day by day, each in a workbook of its own."""
