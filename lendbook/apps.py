"""The project package as an app: what spans the apps (system checks, commands that touch several rooms)."""

from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig
from django.core.management import call_command
from django.db import connections
from django.db.models.signals import post_migrate


def make_cache_table(sender, using, verbosity=0, **kwargs):
    """The shared cache lives in the database where there is no Redis; making its table again changes nothing."""
    call_command("createcachetable", database=using, verbosity=0)


class LendbookConfig(AppConfig):
    name = "lendbook"

    def ready(self):
        from lendbook import checks, login, queue, schedules, verifying  # noqa: F401  (they register what they bring)
        from lendbook.backups import tasks  # noqa: F401  (registers its kind of job)

        queue.guard()
        login.connect()
        # Django inserts many rows by UNNEST, twice as fast, only where it finds every field's type in this table.
        for database in connections.all():
            if database.vendor == "postgresql":
                database.data_types["MoneyField"] = "bigint"
        # Django sends post_migrate only for apps with models; these two are always there.
        post_migrate.connect(make_cache_table, sender=apps.get_app_config("ledger"))
        post_migrate.connect(schedules.write, sender=apps.get_app_config("django_q"))


class LendbookAdminConfig(AdminConfig):
    """Django's admin with our own front."""

    default_site = "lendbook.site.LendbookAdminSite"
