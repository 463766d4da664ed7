"""Two programs that run as one: a parent that starts its children, puts back one that falls, and leaves none behind.

Each child is forked from the parent, which has loaded Django already (a second import of everything would cost a
second at every start), and leads a session of its own: a Ctrl-C then reaches the parent alone. Signalled together
with its own workers, django-q2's cluster hangs.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

STOP_SECONDS = 10
_LIVED_WELL_SECONDS = 60
_LONGEST_WAIT_SECONDS = 30
_ENDINGS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_WATCHED = {*_ENDINGS, signal.SIGCHLD}
_PR_SET_PDEATHSIG = 1


@dataclass
class Child:
    """One program: `work` runs in the child until it is asked to end by SIGTERM.

    Without a `needed` child the others are of no use: where it falls `chances` times in a row, everything stops.
    Others are started again for ever, with growing waits of at most half a minute.
    """

    name: str
    work: Callable
    needed: bool = False
    chances: int = 3
    pid: int = 0
    falls: int = 0
    started_at: float = 0.0
    due_at: float = 0.0

    def start(self):
        self.started_at = time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid:
            return
        code = 1
        try:
            os.setsid()
            end_with_parent(parent)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
            self.work()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except KeyboardInterrupt:
            pass
        except BaseException as error:
            print(f"The {self.name} fell: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)

    def has_ended(self):
        if self.pid and os.waitpid(self.pid, os.WNOHANG) != (0, 0):
            self.sweep_up()
            self.pid = 0
        return not self.pid

    def sweep_up(self):
        """End whatever is left of the child's session."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def fell(self):
        """Count a fall and set when to start again."""
        lived_well = time.monotonic() - self.started_at > _LIVED_WELL_SECONDS
        self.falls = 1 if lived_well else self.falls + 1
        self.due_at = time.monotonic() + min(2 ** (self.falls - 1), _LONGEST_WAIT_SECONDS)


def end_with_parent(parent):
    """Let Linux end this process by SIGTERM when `parent` (a pid) is gone, however it went."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)  # it went before the line above


def run_together(children, say):
    """Run the children until SIGINT, SIGTERM or SIGHUP comes; returns the one that could not be kept up, or None.

    `say(text)` tells the person at the terminal. Nothing is left running, whichever way it ends.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    try:
        for child in children:
            child.start()
        while True:
            came = signal.sigtimedwait(_WATCHED, 1)
            if came and came.si_signo in _ENDINGS:
                return None
            for child in children:
                if child.pid and child.has_ended():
                    child.fell()
                    if child.needed and child.falls >= child.chances:
                        return child
                    say(f"The {child.name} fell; it is started again.")
                if not child.pid and time.monotonic() >= child.due_at:
                    child.start()
    finally:
        _stop(children)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)


def _stop(children):
    """Ask each child's first process to end; what is left after STOP_SECONDS, or at a second Ctrl-C, is ended."""
    living = [child for child in children if not child.has_ended()]
    for child in living:
        os.kill(child.pid, signal.SIGTERM)
    until = time.monotonic() + STOP_SECONDS
    while living and time.monotonic() < until:
        came = signal.sigtimedwait(_WATCHED, 0.2)
        if came and came.si_signo in _ENDINGS:
            break
        living = [child for child in living if not child.has_ended()]
    for child in living:
        child.sweep_up()
        os.waitpid(child.pid, 0)
