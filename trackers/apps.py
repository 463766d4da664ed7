"""The trackers app: a living workbook for every customer."""

from django.apps import AppConfig


class TrackersConfig(AppConfig):
    name = "trackers"

    def ready(self):
        from ledger.imports import importing
        from trackers import access, bring_over, loans, payments, posting, report_views, tasks  # noqa: F401  (registers)

        report_views.VIEWS.connect()
        importing.register(loans.LoanImporter)
        importing.register(payments.PaymentImporter)
        importing.register_page("Bring workbooks over", "trackers:bring_over")
