"""System checks: a setting that can lose data or open a door fails `manage.py check`."""

from pathlib import Path

from django.conf import settings
from django.core.checks import Error, Tags, Warning, register
from django.db import connection


@register()
def queue_gives_up_before_it_tries_again(app_configs, **kwargs):
    """A task that is retried while it still runs would run twice at once."""
    cluster = settings.Q_CLUSTER
    faults = []
    if cluster["timeout"] >= cluster["retry"]:
        faults.append(Error("Q_CLUSTER: timeout must be below retry.", hint="Raise retry.", id="lendbook.E001"))
    if not cluster.get("max_attempts"):
        faults.append(Error("Q_CLUSTER: without max_attempts a bad task is tried for ever.", id="lendbook.E002"))
    return faults


@register()
def secrets_are_the_owners_alone(app_configs, **kwargs):
    """The key signs logins and tasks; whoever reads it is everybody."""
    key = Path(settings.DATA_DIR, "secret_key")
    faults = []
    for path, mode in ((Path(settings.DATA_DIR), 0o077), (key, 0o077)):
        if path.exists() and path.stat().st_mode & mode:
            hint = f"chmod go-rwx {path}"
            faults.append(Error(f"{path} can be read by others on this machine.", hint=hint, id="lendbook.E003"))
    return faults


@register(Tags.database)
def sqlite_keeps_what_it_acknowledged(app_configs, databases=None, **kwargs):
    """WAL with synchronous=FULL: a commit is on the disk before it is acknowledged."""
    if not databases or connection.vendor != "sqlite":
        return []
    faults = []
    with connection.cursor() as cursor:
        for pragma, wanted in (("journal_mode", "wal"), ("synchronous", 2)):
            cursor.execute(f"PRAGMA {pragma}")
            if (found := cursor.fetchone()[0]) != wanted:
                faults.append(Error(f"SQLite's {pragma} is {found}, not {wanted}.", id="lendbook.E004"))
    if settings.DATABASES["default"]["OPTIONS"].get("transaction_mode") != "IMMEDIATE":
        faults.append(Error("SQLite must begin transactions IMMEDIATE.", id="lendbook.E005"))
    return faults


@register(Tags.security, deploy=True)
def prod_is_prod(app_configs, **kwargs):
    """`check --deploy` means the instance that people's money is in."""
    if settings.PROD:
        return []
    return [Warning("This is not the prod instance.", hint="Set LENDBOOK_INSTANCE=prod.", id="lendbook.W001")]
