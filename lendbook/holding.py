"""One web server and one worker on a data folder: who serves it holds a lock, and who comes second is told by whom.

The lock is the kernel's (flock), so that it goes with the last process that holds it, however that ended; what is
written in its file only tells who it is.
"""

import contextlib
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils import timezone

WEB, WORKER = "web server", "worker"
_GOES_WITHIN = 15  # seconds in which the children of one that was killed are gone


class Held(Exception):
    """Another process serves the folder; the message says which, and the way out."""


def hold(programs: Iterable[str], address: str) -> list[int]:
    """Hold the folder for these programs (WEB, WORKER) as long as this process and its children live.

    Returns the locks' descriptors, which stay open. `address` is where it listens, "" for a worker alone. Raises Held.
    """
    held = []
    try:
        for program in programs:
            held.append(_hold(program, address))
    except BaseException:
        for descriptor in held:
            os.close(descriptor)
        raise
    return held


def _hold(program, address):
    path = Path(settings.DATA_DIR, "locks", f"serve-{program.replace(' ', '-')}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + _GOES_WITHIN
    while not _locked(descriptor):
        told = _told(descriptor)
        if not _is_gone(told) or time.monotonic() > until:
            os.close(descriptor)
            raise Held(_sentence(program, told))
        time.sleep(0.2)
    _tell(descriptor, address)
    return descriptor


def _locked(descriptor):
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _tell(descriptor, address):
    """Write who holds it; a disk that takes nothing more does not stop a start."""
    about = {"pid": os.getpid(), "since": timezone.now().isoformat(), "host": socket.gethostname(), "address": address}
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(about).encode(), 0)


def _told(descriptor):
    try:
        told = json.loads(os.pread(descriptor, 2000, 0))
        return {
            **{name: told[name] for name in ("pid", "host", "address")},
            "since": datetime.fromisoformat(told["since"]),
        }
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_gone(told):
    """Whether who wrote his name here lives no more, so that his children are on their way out."""
    if told is None or told["host"] != socket.gethostname():
        return False
    try:
        os.kill(int(told["pid"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return False


def _sentence(program, told):
    folder = settings.DATA_DIR
    if told is None:
        return f"Another Lendbook serves {folder} already, as its {program}. Stop it, or give this one a folder of its own."
    since = f"{timezone.localtime(told['since']):%d-%m-%Y %H:%M}"
    where = f", {told['address']}" if told["address"] else ""
    return (
        f"Another Lendbook serves {folder} already, as its {program}: process {told['pid']} on {told['host']}, since "
        f"{since}{where}. Stop it first (kill {told['pid']} on that machine), or set LENDBOOK_DATA_DIR to another folder."
    )
