"""A workbook's other sheets: the first one is read, and those beside it that hold rows are named. Pure: no database."""

from shop.imports import workbooks
from shop.imports.tables import MAX_COLUMNS, MAX_ROWS
from shop.xlsx import rows as xlsx

_SHOWN_SHEETS = 10


def unread(content: bytes) -> list[tuple[None, str]]:
    """Warnings that name the sheets of a workbook which hold rows and are not read; its first sheet was opened before."""
    limits = xlsx.Limits(
        workbooks.MAX_UNPACKED_BYTES, workbooks.MAX_PARTS, workbooks.MAX_TEXT, 2 * MAX_ROWS, MAX_COLUMNS
    )
    book = xlsx.Workbook(content, limits)
    names = list(book.sheets)[1:]
    found = []
    for name in names[:_SHOWN_SHEETS]:
        words = _rows_in(book, name)
        if words:
            found.append(
                (None, f'Sheet "{name}" ({words}) was not read. Save it as a file of its own and import that.')
            )
    if names[_SHOWN_SHEETS:]:
        found.append((None, f"{len(names) - _SHOWN_SHEETS} more sheets were not read."))
    return found


def _rows_in(book, name):
    """How many rows a sheet holds below its header, in words; "" for none."""
    try:
        filled = sum(1 for _ in book.rows(name))
    except (xlsx.Unopened, xlsx.TooFar):
        return "which cannot be read"
    count = max(filled - 1, min(filled, 1))
    return f"{count:,} row{'' if count == 1 else 's'}" if count else ""
