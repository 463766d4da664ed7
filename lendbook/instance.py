"""An instance: one database, one set of folders, one secret key. Made on first start, readable by its owner only."""

import contextlib
import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

NAMES = ("dev", "prod", "testing")
FOLDERS = ("daily-trackers", "versions", "statements", "backups", "models", "imports", "locks", "templates")


def make_folders(data_dir, name):
    """Make instance `name`'s folders (mode 700) under `data_dir` and return its path. Raises ImproperlyConfigured.

    Sets the process's umask as well.
    """
    if name not in NAMES:
        raise ImproperlyConfigured(f"LENDBOOK_INSTANCE is '{name}'; it must be one of {', '.join(NAMES)}.")
    os.umask(0o077)  # whatever Lendbook writes is its owner's alone
    folder = Path(data_dir).resolve() / name
    try:
        for path in (folder, *(folder / part for part in FOLDERS)):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"Lendbook cannot make its folder {error.filename}: {error.strerror}. "
            "Free it, or set LENDBOOK_DATA_DIR to a folder that can be written."
        ) from error
    return folder


def secret_key(folder):
    """The instance's own key, made once (mode 600). Two processes that start at once agree on one key."""
    path = folder / "secret_key"
    if not path.exists():
        fresh = path.with_name(f"secret_key.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)  # fails if another process was first, and never shows half a key
        fresh.unlink()
    return path.read_text().strip()
