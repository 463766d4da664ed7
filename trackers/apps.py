"""The trackers app: a living workbook for every customer."""

from django.apps import AppConfig


class TrackersConfig(AppConfig):
    name = "trackers"

    def ready(self):
        from shop.imports import importing
        from trackers import access, posting, report_views, soundness, tasks  # noqa: F401  (each registers what it brings)
        from trackers.importing import loans, payments, workbooks  # noqa: F401  (each registers what it brings)
        from trackers.portal import logins  # noqa: F401  (hears of log-ins)

        report_views.VIEWS.connect()
        importing.register(loans.LoanImporter)
        importing.register(payments.PaymentImporter)
        importing.register_page("Bring workbooks over", "trackers:bring_over")
