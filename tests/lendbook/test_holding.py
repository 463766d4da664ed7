"""One web server and one worker on a data folder: the second is told who the first is, and a killed one leaves no lock."""

import json
import os
import signal
import socket

import pytest

from lendbook import holding


@pytest.fixture
def served(home):
    """hold(programs) in a process of its own, as another `serve` does; ended by end()."""
    children = []

    def elsewhere(*programs, address="http://127.0.0.1:8000/"):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                holding.hold(programs, address)
                os.write(writing, b"held")
                signal.pause()
            finally:
                os._exit(1)
        os.close(writing)
        children.append(child)
        with os.fdopen(reading, "rb") as pipe:
            assert pipe.read(4) == b"held"
        return child

    def end(child):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        children.remove(child)

    elsewhere.end = end
    yield elsewhere
    for child in list(children):
        end(child)


def held(*programs):
    """Hold and let go; whether it went."""
    for descriptor in holding.hold(programs, ""):
        os.close(descriptor)
    return True


@pytest.mark.parametrize("first", [(holding.WEB,), (holding.WORKER,), (holding.WEB, holding.WORKER)])
@pytest.mark.parametrize("second", [(holding.WEB,), (holding.WORKER,), (holding.WEB, holding.WORKER)])
def test_the_second_is_refused_where_they_do_the_same_work(served, first, second):
    """A web server and a worker in containers of their own share a folder; two of a kind do not."""
    child = served(*first)
    if not set(first) & set(second):
        assert held(*second)
        return
    with pytest.raises(holding.Held) as refused:
        held(*second)
    words = str(refused.value)
    for told in (f"process {child}", socket.gethostname(), "since ", "http://127.0.0.1:8000/", "LENDBOOK_DATA_DIR"):
        assert told in words


@pytest.mark.parametrize("program", [holding.WEB, holding.WORKER])
def test_a_killed_one_leaves_no_lock_behind(served, program):
    served.end(served(program))
    assert held(program)


def test_what_is_not_had_whole_is_not_kept_in_part(served):
    served(holding.WORKER)
    with pytest.raises(holding.Held):
        held(holding.WEB, holding.WORKER)
    assert held(holding.WEB)


def test_children_of_a_killed_parent_that_are_on_their_way_out_are_waited_for(served, home, monkeypatch):
    child = served(holding.WEB)
    path = home / "locks" / "serve-web-server.lock"
    told = json.loads(path.read_text())
    gone = os.fork()
    if gone == 0:
        os._exit(0)
    os.waitpid(gone, 0)
    path.write_text(json.dumps({**told, "pid": gone}))
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        if len(waited) == 3:
            served.end(child)

    monkeypatch.setattr(holding.time, "sleep", sleep)
    assert held(holding.WEB)
    assert len(waited) >= 3


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "since": "y", "host": "z", "address": ""}']
)
def test_a_lock_that_tells_nothing_is_a_lock_all_the_same(served, home, content):
    served(holding.WEB)
    (home / "locks" / "serve-web-server.lock").write_text(content)
    with pytest.raises(holding.Held, match="Another Lendbook serves"):
        held(holding.WEB)
