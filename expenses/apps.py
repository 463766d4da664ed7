"""The expenses app: bank statements in, every rupee placed."""

from django.apps import AppConfig


class ExpensesConfig(AppConfig):
    name = "expenses"

    def ready(self):
        from expenses import access, report_views, soundness, work  # noqa: F401  (each its own)
        from expenses.books import links, posting  # noqa: F401  (each its own)
        from expenses.incoming import uploads  # noqa: F401  (each its own)
        from expenses.overview import spent

        spent.TRIGGERS.connect()
        report_views.VIEWS.connect()
