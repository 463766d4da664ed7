"""What leaves as a file: tables as CSV and XLSX, and text that no spreadsheet takes for a formula.

Written row by row, so that memory stays flat. CSV has plain amounts and ISO dates, for scripts; XLSX has real numbers
and dates in the Indian way, for people.
"""

import csv
import re
import tempfile
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import tablib
from django.conf import settings
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from import_export import widgets

from shop.imports.cells import text_of
from shop.money import plain

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


# What spreadsheets begin a formula, a command or a new cell with; they skip blanks before it, and take full-width signs.
_LIVE = re.compile(r"[\t\r\n]|[\s\ufeff\u200b\x00-\x1f]*[=+\-@|%\uff1d\uff0b\uff0d\uff20]")


def disarmed(text):
    """Text that no spreadsheet takes for a formula: = + - @ and their like at its head get an apostrophe before them."""
    return f"'{text}" if _LIVE.match(text) else text


def armed(text):
    """Disarmed text as it was."""
    return text[1:] if text.startswith("'") and _LIVE.match(text[1:]) else text


class TextWidget(widgets.Widget):
    """One line of text; leaves disarmed, and comes back as it was."""

    def clean(self, value, row=None, **kwargs):
        return armed(text_of(value))

    def render(self, value, obj=None, **kwargs):
        return disarmed("" if value is None else str(value))


def template(columns, example, kind):
    """An empty file to fill in, as bytes: the columns' names and example rows; kind "csv" or "xlsx"."""
    dataset = tablib.Dataset(*example, headers=[column.role for column in columns])
    return written(dataset, kind)


def written(dataset, kind):
    """A tablib Dataset as bytes of a CSV (with a mark, so that Excel reads UTF-8) or XLSX."""
    content = dataset.export(kind)
    return content if isinstance(content, bytes) else b"\xef\xbb\xbf" + content.encode()


XLSX_ROWS = 100_000  # a workbook of more takes minutes to write and to open


# 1,23,45,678.90: groups of two above the thousands; a spreadsheet needs one pattern per size.
_RUPEES = r"[>=10000000]##\,##\,##\,##0.00;[>=100000]##\,##\,##0.00;##,##0.00"


def table_response(name, headers, rows, kind):
    """A download of rows (text, Decimal, date, datetime, int, None): "csv" streams, "xlsx" is written to a file first.

    `name` without its ending.
    """
    name = f"{name}.{kind}"
    if kind == "xlsx":
        file = xlsx_file(headers, rows)
        return FileResponse(file, as_attachment=True, filename=name, content_type=CONTENT_TYPES[kind])
    return attachment(_in_chunks(csv_lines(headers, rows)), CONTENT_TYPES[kind], name, of=StreamingHttpResponse)


def attachment(content, content_type, name, *, of=HttpResponse):
    """A download under this name, which is ours and never a request's."""
    return of(content, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def csv_lines(headers, rows):
    """The lines of a CSV file (str, with line ends), a mark before the first so that Excel reads UTF-8."""
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow([_csv_cell(name) for name in headers])  # an upload's own names may come back here
    for row in rows:
        yield writer.writerow([_csv_cell(value) for value in row])


class _Echo:
    """csv.writer hands back what its file's write returns."""

    def write(self, line):
        return line


def _csv_cell(value):
    if isinstance(value, str):
        return disarmed(value)
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return _on_the_clock(value).isoformat(sep=" ")
    return "" if value is None else value


def _in_chunks(lines, size=500):
    """Some hundred lines at a time: one write to the network per line is slow."""
    held = []
    for line in lines:
        held.append(line)
        if len(held) == size:
            yield "".join(held)
            held.clear()
    yield "".join(held)


def xlsx_file(headers, rows, title="Lendbook"):
    """An open temporary file with the rows as a workbook of one sheet, its header row frozen."""
    from openpyxl import Workbook  # 60 ms that only an export pays

    book = Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])
    sheet.freeze_panes = "A2"
    sheet.append([_xlsx_cell(sheet, name) for name in headers])
    for row in rows:
        sheet.append([_xlsx_cell(sheet, value) for value in row])
    file = tempfile.TemporaryFile()  # noqa: SIM115  (whoever sends it closes it)
    book.save(file)
    file.seek(0)
    return file


def _xlsx_cell(sheet, value):
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if value is None or value == "":
        return None
    cell = WriteOnlyCell(sheet)
    if isinstance(value, str):
        cell.value = ILLEGAL_CHARACTERS_RE.sub("", disarmed(value))  # a vertical tab of some bank would stop the export
        cell.data_type = "s"  # openpyxl takes any text with = at its head for a formula
    elif isinstance(value, datetime):
        cell.value, cell.number_format = _on_the_clock(value), "dd-mm-yyyy hh:mm"
    else:
        cell.value = value
        cell.number_format = {Decimal: _RUPEES, date: "dd-mm-yyyy"}.get(type(value), "General")
    return cell


def _on_the_clock(moment):
    """A moment as the shop's clock showed it, without a zone: spreadsheets know none."""
    return moment.astimezone(ZoneInfo(settings.TIME_ZONE)).replace(tzinfo=None, microsecond=0)
