"""The list of entries or transfers: narrowed by the form above it, with its total, and never counted without end."""

from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator

from ledger.models import LedgerEntry
from ledger.selection import COUNTED_UNASKED


class SelectionPaginator(Paginator):
    """Pages of a Selection, whose rows are never counted one by one beyond a bound."""

    def __init__(self, queryset, per_page, *, count, **kwargs):
        super().__init__(queryset, per_page, **kwargs)
        self.count = count

    def page(self, number):
        """The numbers of the page's rows first, from whichever end is nearer: what lies before them is never joined."""
        page = super().page(number)
        first, end = page.start_index() - 1, page.end_index()
        if first * 2 <= self.count:
            chosen = self.object_list[first:end]
        else:
            chosen = self.object_list.reverse()[self.count - end : self.count - first]
        page.object_list = self.object_list.filter(pk__in=list(chosen.values_list("pk", flat=True)))
        return page


class MovementList(ChangeList):
    """A list narrowed by the form above it, with the total of what it shows."""

    counted_unasked = COUNTED_UNASKED

    @property
    def is_entries(self):
        return self.model is LedgerEntry

    def get_queryset(self, request, exclude_parameters=None):
        self.form = self.model_admin.selection_form(request)
        self.selection = self.form and self.form.selection()
        self.filter_specs, self.has_filters, self.clear_all_filters_qs = [], False, "?"
        self.has_active_filters = bool(self.form and self.form.is_narrowed)
        rows = self.selection.rows() if self.selection else self.model._default_manager.none()
        rows = rows.select_related(*self.list_select_related)
        return rows.order_by(*self.get_ordering(request, rows))

    def get_results(self, request):
        asked = "totals" in request.GET
        self.totals = self.selection.totals(asked=asked) if self.selection else None
        if self.selection:
            request._row_count = self.totals.count if self.totals else self.selection.count()
        super().get_results(request)
        self.totals_address = self.get_query_string({"totals": "1"})
        self.export_query = self.get_query_string(remove=["p", "totals"])
