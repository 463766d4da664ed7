"""Read-only SQL views in rupees: taken down before a migration touches a table under them, and put up after it, with
the right of the reporting role (settings.REPORTS_ROLE) to read them. Each app names its own."""

from collections.abc import Callable
from dataclasses import dataclass

from django.apps import apps
from django.conf import settings
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate


@dataclass(frozen=True)
class Views:
    """The views of one app: their `names`, `queries(vendor)` -> {name: SELECT}, and the apps whose tables lie under."""

    app: str
    names: tuple
    queries: Callable
    under: tuple

    def connect(self):
        """Let `migrate` keep the views."""
        sender = apps.get_app_config(self.app)
        pre_migrate.connect(self._before_migrate, sender=sender, weak=False)
        post_migrate.connect(self._after_migrate, sender=sender, weak=False)

    def _before_migrate(self, sender, using, plan=(), **kwargs):
        """Only where a table under them changes: a dropped view loses the rights that others granted on it."""
        if any(migration.app_label in self.under for migration, _ in plan):
            self.drop(using)

    def _after_migrate(self, sender, using, **kwargs):
        """Put the views up where they are missing; an app migrated back to an older state has none."""
        connection = connections[using]
        if not self.found(connection).issuperset(self.names) and self._is_at_newest(connection):
            self.drop(using)
            self.create(using)

    def found(self, connection):
        """The names that stand in the database."""
        with connection.cursor() as cursor:
            return {table.name for table in connection.introspection.get_table_list(cursor)}

    def _is_at_newest(self, connection):
        from django.db.migrations.loader import MigrationLoader

        loader = MigrationLoader(connection)
        newest = {node for app in self.under for node in loader.graph.leaf_nodes(app)}
        return newest <= set(loader.applied_migrations)

    def drop(self, using="default"):
        with connections[using].cursor() as cursor:
            for name in self.names:
                cursor.execute(f"DROP VIEW IF EXISTS {name}")

    def create(self, using="default"):
        connection = connections[using]
        with connection.cursor() as cursor:
            readers = self._readers(cursor) if connection.vendor == "postgresql" else []
            for name, query in self.queries(connection.vendor).items():
                cursor.execute(f"CREATE VIEW {name} AS {query}")
                for reader in readers:
                    cursor.execute(f"GRANT SELECT ON {name} TO {connection.ops.quote_name(reader)}")

    def _readers(self, cursor):
        """The role that deploy/grafana/role.sql makes, where somebody made it: it reads every view, and only these."""
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname = %s", [settings.REPORTS_ROLE])
        return [row[0] for row in cursor.fetchall()]


def rupees(vendor, paise, name):
    """The column `name` that shows the SQL expression `paise` as exact rupees."""
    if vendor == "postgresql":
        return f"CAST(({paise}) / 100::numeric AS numeric(20, 2)) AS {name}"
    sign = f"CASE WHEN ({paise}) < 0 THEN '-' ELSE '' END"
    text = f"printf('%s%d.%02d', {sign}, abs({paise}) / 100, abs({paise}) % 100)"
    return f"CASE WHEN ({paise}) IS NOT NULL THEN {text} END AS {name}"
