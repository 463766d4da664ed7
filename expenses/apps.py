"""The expenses app: bank statements in, every rupee placed."""

from django.apps import AppConfig


class ExpensesConfig(AppConfig):
    name = "expenses"

    def ready(self):
        from expenses import access  # noqa: F401  (says who may see which statement and transaction)
