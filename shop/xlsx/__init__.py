"""Excel workbooks as every reader of the house takes them. Pure: neither database nor Django.

parts finds a workbook's parts however their names are written; formats says what a cell shows of its number; rows reads
a sheet's cells as a list's or a statement's rows. A tracker's sheet, which is also written, has its own room in
trackers/workbook, built on the first two.
"""
