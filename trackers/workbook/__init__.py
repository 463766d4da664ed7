"""The workbook engine: builds, reads, changes and compares trackers' .xlsx files. Pure: no Django, no database."""
