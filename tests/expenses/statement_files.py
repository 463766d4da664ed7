"""Statements as files, and what is read of them, told shortly."""

import io
from pathlib import Path

import openpyxl

from expenses.statements import read_statement

DATA = Path(__file__).parent / "data"
HEADER = "Date,Narration,Value Date,Debit Amount,Credit Amount,Chq/Ref Number,Closing Balance\n"


def read(name, **options):
    return read_statement((DATA / name).read_bytes(), **options)


def read_lines(*lines, **options):
    return read_statement((HEADER + "\n".join(lines)).encode(), **options)


def reasons(statement):
    return [(row.line, row.reason) for row in statement.rejected]


def narrations(statement):
    return [row.narration for row in statement.rows()]


def workbook(*rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()
