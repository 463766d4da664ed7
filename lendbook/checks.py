"""System checks: a setting that can lose data or open a door fails `manage.py check`, and says the way out.

Those tagged `database` look at the connection as it is, and run with `check --database default` and with `migrate`.
"""

from pathlib import Path

from django.conf import settings
from django.core.checks import Error, Tags, Warning, register
from django.db import connection

_PRIVATE_CACHES = ("LocMemCache", "DummyCache")


@register()
def the_queue_loses_and_doubles_nothing(app_configs, **kwargs):
    """A task that is tried again while it still runs would run twice at once; one that kills its worker, for ever."""
    cluster = settings.Q_CLUSTER
    faults = []
    if cluster["timeout"] >= cluster["retry"]:
        hint = "Set retry above timeout."
        faults.append(Error("Q_CLUSTER tries a task again while it may still run.", hint=hint, id="lendbook.E001"))
    if not cluster.get("max_attempts"):
        hint = "Set max_attempts."
        faults.append(Error("Q_CLUSTER tries a task that fails for ever.", hint=hint, id="lendbook.E002"))
    if cluster.get("catch_up", True):
        hint = "Set catch_up to False."
        faults.append(
            Error("Q_CLUSTER would run every minute that a stopped worker missed.", hint=hint, id="lendbook.E003")
        )
    return faults


@register()
def the_instance_is_its_owners_alone(app_configs, **kwargs):
    """The key signs logins and tasks: whoever reads it can be anybody. Workbooks and statements are people's."""
    folder = Path(settings.DATA_DIR)
    faults = []
    for path in (folder, folder / "secret_key", folder / "db.sqlite3"):
        if path.exists() and path.stat().st_mode & 0o077:
            hint = f"chmod go-rwx '{path}'"
            faults.append(Error(f"{path} can be opened by others on this machine.", hint=hint, id="lendbook.E004"))
    if settings.FILE_UPLOAD_PERMISSIONS != 0o600 or settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS != 0o700:
        hint = "Set FILE_UPLOAD_PERMISSIONS to 0o600 and FILE_UPLOAD_DIRECTORY_PERMISSIONS to 0o700."
        faults.append(Error("Uploaded files can be opened by others.", hint=hint, id="lendbook.E005"))
    return faults


@register()
def the_cache_is_shared_by_all_processes(app_configs, **kwargs):
    """Throttled logins and the worker's wake marks count only where every process sees them."""
    backend = settings.CACHES["default"]["BACKEND"]
    if backend.endswith(_PRIVATE_CACHES):
        hint = "Use the database's cache, or set REDIS_URL."
        return [Error(f"The cache {backend} is not shared by processes.", hint=hint, id="lendbook.E006")]
    return []


@register(Tags.database)
def the_database_keeps_what_it_acknowledged(app_configs, databases=None, **kwargs):
    """A commit that was acknowledged is on the disk, and four writers do not meet a locked database."""
    if not databases:
        return []
    if connection.vendor == "sqlite":
        return _sqlite_faults()
    return _postgresql_faults() if settings.PROD else []


def _sqlite_faults():
    faults = []
    with connection.cursor() as cursor:
        for pragma, wanted, shown in (("journal_mode", "wal", "WAL"), ("synchronous", 2, "FULL")):
            found = cursor.execute(f"PRAGMA {pragma}").fetchone()[0]
            if found != wanted:
                hint = "Network folders cannot hold it; set LENDBOOK_DATA_DIR to a local disk."
                faults.append(Error(f"SQLite's {pragma} is {found}, not {shown}.", hint=hint, id="lendbook.E007"))
    options = connection.settings_dict["OPTIONS"]
    if options.get("transaction_mode") != "IMMEDIATE" or options.get("timeout", 0) < 20:
        hint = "Set transaction_mode to IMMEDIATE and timeout to 20."
        faults.append(Error("Writers would meet a locked database.", hint=hint, id="lendbook.E008"))
    return faults


def _postgresql_faults():
    faults = []
    with connection.cursor() as cursor:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            found = cursor.execute(f"SHOW {name}").fetchone()[0]
            if found == "off":
                hint = f"ALTER SYSTEM SET {name} = on; then reload PostgreSQL."
                faults.append(Error(f"PostgreSQL runs with {name} off.", hint=hint, id="lendbook.E009"))
    return faults


@register(Tags.security, deploy=True)
def prod_is_prod(app_configs, **kwargs):
    """`check --deploy` means the instance that people's money is in."""
    if settings.PROD:
        return []
    return [Warning("This is not the prod instance.", hint="Set LENDBOOK_INSTANCE=prod.", id="lendbook.W001")]
