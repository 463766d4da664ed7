"""The expenses app: bank statements in, every rupee placed."""

from django.apps import AppConfig


class ExpensesConfig(AppConfig):
    name = "expenses"

    def ready(self):
        from expenses import access, posting  # noqa: F401  (say who sees what, and where entries come from)
