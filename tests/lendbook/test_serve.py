"""`make run`: web server and worker start together, answer, and stop leaving nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def free_port():
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def served(tmp_path):
    """A running Lendbook of an empty prod-like instance: (process, port, its first words)."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LENDBOOK_ENV_FILE") if name in os.environ}
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--port", str(port)],
        cwd=ROOT,
        env={**kept, "LENDBOOK_DATA_DIR": str(tmp_path), "LENDBOOK_INSTANCE": "testing", "LENDBOOK_WORKERS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    words = []
    for line in process.stdout:
        words.append(line)
        if "Ctrl-C" in line:
            break
    yield process, port, "".join(words)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.stdout.close()
    process.wait()


def answer(port, path):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    for _ in range(200):
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, response.read().decode()
        except ConnectionError:
            signal.sigtimedwait([], 0.1)
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionError):
                raise
            signal.sigtimedwait([], 0.1)
    raise AssertionError("The server never answered.")


def processes_below(folder):
    """Command lines of living processes whose instance lies in `folder`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes()
            if f"LENDBOOK_DATA_DIR={folder}".encode() in environment:
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks at processes through /proc")
def test_starts_answers_and_stops_leaving_nothing_behind(served, tmp_path):
    process, port, words = served
    assert f"http://127.0.0.1:{port}/set-up/?token=" in words
    assert answer(port, "/healthz") == (200, '{"ok": true}')
    assert "Set up" in answer(port, words.split(f":{port}")[-1].split()[0])[1]
    taken = subprocess.run(
        [sys.executable, "manage.py", "serve", "--port", str(port)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (taken.returncode, f"PORT={port + 1}" in taken.stderr) == (1, True)
    second = subprocess.run(
        [sys.executable, "manage.py", "serve", "--port", str(free_port())],
        cwd=ROOT,
        env={**os.environ, "LENDBOOK_DATA_DIR": str(tmp_path), "LENDBOOK_INSTANCE": "testing"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (second.returncode, f"process {process.pid} on" in second.stderr) == (1, True)
    assert f"http://127.0.0.1:{port}/" in second.stderr
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) == 0
    until = time.monotonic() + 120
    while processes_below(tmp_path) and time.monotonic() < until:
        time.sleep(0.1)
    assert processes_below(tmp_path) == []
