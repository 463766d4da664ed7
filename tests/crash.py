"""Killing a piece of work at its n-th durable step, for real, and cutting the power on what was not made durable.

The work runs in a forked process that sends itself SIGKILL before or after the n-th call of a function that touches
the disk or commits. `power_cut` then takes away what a disk may lose: the content of files that were never fsynced,
and renames whose folder was never fsynced.
"""

import json
import os
import signal
from dataclasses import dataclass, field

from django.db import connection, connections

WATCHED = ("open", "fsync", "rename", "unlink")


@dataclass
class Outcome:
    """What became of the work: whether it was acknowledged, died or refused, and the disk events before that."""

    acknowledged: bool
    killed: bool
    steps: int
    refusal: str = ""
    events: list = field(default_factory=list)


def run_killed_at(step, work, *, fsync=True, fault=None):
    """Run `work()` in a forked process that is killed at durable step `step` (even: before it, odd: after it).

    With `fsync=False` the work only pretends to make its files durable: the protection taken out. With a `fault` (an
    errno) the disk refuses that step instead, and what the work then raises is the Outcome's `refusal`.
    """
    connections.close_all()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 1
        try:
            _arm(step, writing, fsync, fault)
            work()
            _tell(writing, ["acknowledged"])
            code = 0
        except Exception as error:
            _tell(writing, ["refused", f"{type(error).__name__}: {error}"])
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        events = [json.loads(line) for line in pipe]
    _, status = os.waitpid(child, 0)
    return Outcome(
        acknowledged=["acknowledged"] in events,
        killed=os.WIFSIGNALED(status),
        steps=sum(event[0] == "step" for event in events),
        refusal=next((event[1] for event in events if event[0] == "refused"), ""),
        events=events,
    )


def power_cut(outcome, folder):
    """Take away below `folder` what the disk never promised: unsynced contents become empty, unsynced renames undone."""
    synced_files, renames, opened, touched = set(), [], {}, set()
    for event in outcome.events:
        match event:
            case ["open", path, descriptor]:
                opened[descriptor] = path
                touched.add(path)
            case ["fsync", descriptor]:
                path = opened.get(descriptor)
                synced_files.add(path)
                if path and os.path.isdir(path):
                    renames = [pair for pair in renames if os.path.dirname(pair[1]) != path]
            case ["rename", old, new]:
                renames.append((old, new))
                if old in synced_files:
                    synced_files.add(new)
    for old, new in reversed(renames):
        if os.path.exists(new) and str(folder) in new:
            os.rename(new, old)
            if os.path.exists(new + ".before"):
                os.rename(new + ".before", new)
    for path in folder.glob("*.before"):
        path.unlink()
    for path in touched - synced_files:
        if path.endswith(".waiting") and os.path.isfile(path):
            os.truncate(path, 0)


def _keep_what_is_replaced(path):
    """A rename that never reached the disk leaves the old file at its name: remember it."""
    if os.path.exists(path + ".before"):
        os.remove(path + ".before")
    if os.path.exists(path):
        os.link(path, path + ".before")


def _tell(writing, event):
    os.write(writing, (json.dumps(event) + "\n").encode())


def _arm(step, writing, fsync, fault):
    """Count every watched call in this process and die at `step`, or let the disk refuse it."""
    count = 0

    def at_step():
        nonlocal count
        _tell(writing, ["step"])
        count += 1
        if count - 1 == step:
            if fault:
                raise OSError(fault, os.strerror(fault))
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(name, original):
        def watched(*args, **kwargs):
            at_step()
            if name == "rename":
                _keep_what_is_replaced(os.fspath(args[1]))
            result = original(*args, **kwargs) if name != "fsync" or fsync else None
            if name == "open":
                _tell(writing, ["open", os.fspath(args[0]), result])
            elif name == "fsync" and fsync:
                _tell(writing, ["fsync", args[0]])
            elif name == "rename":
                _tell(writing, ["rename", os.fspath(args[0]), os.fspath(args[1])])
            at_step()
            return result

        return watched

    for name in WATCHED:
        setattr(os, name, watch(name, getattr(os, name)))
    if fault:
        return  # a database tells its own faults
    connection.ensure_connection()
    connection._commit = watch("commit", connection._commit)
