"""The ledger app: the bottom of the house."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ledger"

    def ready(self):
        from ledger import report_views, signals  # noqa: F401  (signals connects its receivers)

        report_views.VIEWS.connect()
        from ledger.imports import entries, importing, wizard  # noqa: F401  (makes the kind of job known)

        importing.register(entries.EntryImporter)
