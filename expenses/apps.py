"""The expenses app: bank statements in, every rupee placed."""

from django.apps import AppConfig


class ExpensesConfig(AppConfig):
    name = "expenses"

    def ready(self):
        from expenses import access, checks, links, posting, report_views, spent, uploads, work  # noqa: F401  (each its own)

        spent.TRIGGERS.connect()
        report_views.VIEWS.connect()
