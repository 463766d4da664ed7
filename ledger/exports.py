"""Entries and transfers as downloads: the columns an import reads first, then what else an accountant asks.

Written row by row, so that memory stays flat; text that a spreadsheet would run leaves disarmed (shop.downloads).
CSV has plain amounts and ISO dates, for scripts; XLSX has real numbers and dates in the Indian way, for people.
"""

from import_export import fields, resources, widgets

from ledger import origins
from ledger.models import AccountTransfer, LedgerEntry
from ledger.resources import EntryResource
from shop.downloads import TextWidget, table_response


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
