"""Every test runs in an instance of its own, in a folder that is thrown away, never in the checkout's.

Loaded with `-p` before Django's settings are read (pyproject.toml).
"""

import atexit
import os
import shutil
import tempfile


def _of_this_worker(url):
    """The second worker takes the Redis database below: a test that empties its own would lose the other's queue."""
    server, _, number = url.rpartition("/")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return f"{server}/{max(int(number) - int(worker), 0)}" if number.isdigit() else url


os.environ["LENDBOOK_INSTANCE"] = "testing"
os.environ["LENDBOOK_ENV_FILE"] = os.devnull  # whatever the checkout's .env says
os.environ["LENDBOOK_DATA_DIR"] = tempfile.mkdtemp(prefix="lendbook-tests-")
atexit.register(shutil.rmtree, os.environ["LENDBOOK_DATA_DIR"], ignore_errors=True)
os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "")
os.environ["REDIS_URL"] = _of_this_worker(os.environ.get("TEST_REDIS_URL", ""))
os.environ["LENDBOOK_DISK_WARN_PERCENT"] = os.environ["LENDBOOK_DISK_WARN_MB"] = "0"  # whatever this disk has left
for name in ("SECRET_KEY", "DEBUG", "ALLOWED_HOSTS", "OPENAI_API_KEY"):
    os.environ.pop(name, None)
