"""Programs that run as one: what falls is put back, and whichever way the parent goes, nothing is left behind.

Every process of a test holds the same pipe, so that reading it to its end waits for the last of them.
"""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import os, signal, sys
from pathlib import Path
from lendbook import processes

def say(text):
    os.write(1, f"{{text}}\\n".encode())  # in one go: print writes the line's end by itself, and another's word between

def steady():
    say("steady")
    signal.pause()

def deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say("deaf")
    while True:
        signal.pause()

def falls_once():
    first = Path(sys.argv[1])
    if first.exists():
        os.kill(os.getppid(), signal.SIGINT)
        signal.pause()
    first.touch()

def never_stays():
    raise RuntimeError("no good")

processes.STOP_SECONDS = 1
fallen = processes.run_together([processes.Child(work.__name__, work, **options) for work, options in {children}], say)
say(f"ended, fallen: {{fallen and fallen.name}}")
"""


def run(tmp_path, children):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(children=children), tmp_path / "first"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_what_falls_is_started_again(tmp_path):
    words, _ = run(tmp_path, "[(falls_once, {}), (steady, {})]").communicate(timeout=300)
    assert "falls_once fell; it is started again" in words
    assert "ended, fallen: None" in words


def test_a_needed_program_that_does_not_stay_up_ends_the_rest(tmp_path):
    words, _ = run(tmp_path, "[(steady, {}), (never_stays, {'needed': True, 'chances': 2})]").communicate(timeout=300)
    assert words.count("no good") == 2
    assert "ended, fallen: never_stays" in words


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_program_that_does_not_listen_is_ended_all_the_same(tmp_path, how):
    process = run(tmp_path, "[(deaf, {})]")
    assert process.stdout.readline() == "deaf\n"
    process.send_signal(how)
    assert "ended, fallen: None" in process.communicate(timeout=300)[0]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_killed_parent_leaves_nothing_behind(tmp_path):
    process = run(tmp_path, "[(steady, {}), (steady, {})]")
    assert [process.stdout.readline() for _ in range(2)] == ["steady\n", "steady\n"]
    process.kill()
    assert process.communicate(timeout=300)[0] == ""
