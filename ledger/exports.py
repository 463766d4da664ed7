"""Entries and transfers as downloads: the columns an import reads first, then what else an accountant asks.

Written row by row, so that memory stays flat; text that a spreadsheet would run leaves disarmed (ledger.resources).
CSV has plain amounts and ISO dates, for scripts; XLSX has real numbers and dates in the Indian way, for people.
"""

import csv
import tempfile
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from import_export import fields, resources, widgets

from ledger import origins
from ledger.models import AccountTransfer, LedgerEntry
from ledger.resources import CONTENT_TYPES, EntryResource, TextWidget, disarmed
from lendbook.money import plain

XLSX_ROWS = 100_000  # a workbook of more takes minutes to write and to open
# 1,23,45,678.90: groups of two above the thousands; a spreadsheet needs one pattern per size.
_RUPEES = r"[>=10000000]##\,##\,##\,##0.00;[>=100000]##\,##\,##0.00;##,##0.00"


class _AsIs(widgets.Widget):
    """The value itself: the file's writer knows how a date or an amount is written."""

    def render(self, value, obj=None, **kwargs):
        return value


def _column(name, attribute=None, widget=_AsIs):
    return fields.Field(column_name=name, attribute=attribute or name, widget=widget())


class _Beyond:
    """The columns beside an import's nine."""

    NAMES = ("number", "state", "source", "typed_by", "typed_at")

    def dehydrate_amount(self, row):
        """Below 0 for a reversal, so that a column adds up to what the day book says."""
        return -row.amount if row.reversal_of_id else row.amount

    def dehydrate_state(self, row):
        said = {
            "in the bin": row.deleted_at,
            "reversed": row.reversed_at,
            f"reversal of {row.reversal_of_id}": row.reversal_of_id,
            f"adjusts {row.adjusts_date}": row.adjusts_date,
        }
        return ", ".join(words for words, holds in said.items() if holds)

    def dehydrate_source(self, row):
        return origins.origin_of(row).name

    def table(self, rows):
        """(headers, iterator of rows) of a queryset, read in chunks."""
        return self.get_export_headers(), (self.export_resource(row) for row in self.iter_queryset(rows))


class EntryExport(_Beyond, EntryResource):
    number = _column("number", "pk")
    state = _column("state")
    source = _column("source")
    typed_by = _column("typed_by", "created_by__username", TextWidget)
    typed_at = _column("typed_at", "created_at")

    class Meta(EntryResource.Meta):
        fields = export_order = (*EntryResource.Meta.fields, *_Beyond.NAMES)


class TransferExport(_Beyond, resources.ModelResource):
    date = _column("date")
    from_account = _column("from_account", "from_account__name", TextWidget)
    to_account = _column("to_account", "to_account__name", TextWidget)
    amount = _column("amount")
    narration = _column("narration", widget=TextWidget)
    reference = _column("reference", widget=TextWidget)
    number = _column("number", "pk")
    state = _column("state")
    source = _column("source")
    typed_by = _column("typed_by", "created_by__username", TextWidget)
    typed_at = _column("typed_at", "created_at")

    class Meta:
        model = AccountTransfer
        fields = export_order = (
            *("date", "from_account", "to_account", "amount", "narration", "reference"),
            *_Beyond.NAMES,
        )


def export_response(selection, kind):
    """A download of the rows of a Selection, newest first, as "csv" or "xlsx" (up to XLSX_ROWS rows)."""
    is_entries = selection.model is LedgerEntry
    joined = ("account", "category") if is_entries else ("from_account", "to_account")
    rows = selection.rows().select_related(*joined, "created_by").order_by("-date", "-pk")
    headers, table = (EntryExport() if is_entries else TransferExport()).table(rows)
    name = f"{selection.book.slug}-{'entries' if is_entries else 'transfers'}-{selection.book.today()}"
    return table_response(name, headers, table, kind)


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


# ------------------------------------------------------------------------------------------------ CSV


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


# ------------------------------------------------------------------------------------------------ XLSX


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
