"""The trackers app: a living workbook for every customer."""

from django.apps import AppConfig


class TrackersConfig(AppConfig):
    name = "trackers"

    def ready(self):
        from ledger.imports import importing
        from trackers import (  # noqa: F401  (each registers what it brings)
            access,
            bring_over,
            checks,
            loans,
            payments,
            posting,
            report_views,
            tasks,
        )
        from trackers.portal import logins  # noqa: F401  (hears of log-ins)

        report_views.VIEWS.connect()
        importing.register(loans.LoanImporter)
        importing.register(payments.PaymentImporter)
        importing.register_page("Bring workbooks over", "trackers:bring_over")
