"""The trackers app: a living workbook for every customer."""

from django.apps import AppConfig


class TrackersConfig(AppConfig):
    name = "trackers"

    def ready(self):
        from ledger.imports import importing
        from trackers import access, loans, report_views, tasks  # noqa: F401  (who may see what; which long work)

        report_views.VIEWS.connect()
        importing.register(loans.LoanImporter)
