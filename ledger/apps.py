"""The ledger app: book-keeping, on the ground floor of the shop."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ledger"

    def ready(self):
        from ledger import report_views, signals  # noqa: F401  (signals connects its receivers)

        report_views.VIEWS.connect()
        from ledger import access, daybook, recorded  # noqa: F401  (they register what they bring)
        from ledger.entry_import import importer
        from shop.imports import importing

        importing.before_checking(daybook.finish_pending)
        importing.register(importer.EntryImporter)
