"""How much room the instance's disk has left, told while there is some; and what is told when there is none."""

import os

from django.conf import settings

from lendbook import audit


def room() -> tuple[int, int] | None:
    """(bytes left for Lendbook, bytes in all) of the disk where the instance lies; None where it cannot be asked."""
    try:
        found = os.statvfs(settings.DATA_DIR)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def shortage() -> str:
    """A sentence where less is left than DISK_WARN_PERCENT of the disk or DISK_WARN_MB; else ""."""
    found = room()
    if found is None:
        return ""
    left, whole = found
    if left >= settings.DISK_WARN_MB * 10**6 and left * 100 >= settings.DISK_WARN_PERCENT * whole:
        return ""
    return (
        f"The disk has {left / 10**6:,.0f} MB left, {left * 100 / max(whole, 1):.1f} % of it. Make room before it is "
        "full: then nothing more can be saved."
    )


def alarms() -> list[str]:
    """What every page of the office, and /readyz, says above all else."""
    waiting = audit.lines_waiting()
    record = f"The record cannot be written: {waiting:,} lines wait. See that the disk has room and may be written to."
    return [sentence for sentence in (shortage(), record if waiting else "") if sentence]
