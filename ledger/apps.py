"""The ledger app: the bottom of the house."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ledger"

    def ready(self):
        from ledger import signals  # noqa: F401  (connects the receivers)
        from ledger.imports import entries, importing, wizard  # noqa: F401  (makes the kind of job known)

        importing.register(entries.EntryImporter)
