"""Every test runs in an instance of its own, in a folder that is thrown away, never in the checkout's.

Loaded with `-p` before Django's settings are read (pyproject.toml).
"""

import atexit
import os
import shutil
import tempfile

os.environ["LENDBOOK_INSTANCE"] = "testing"
os.environ["LENDBOOK_ENV_FILE"] = os.devnull  # whatever the checkout's .env says
os.environ["LENDBOOK_DATA_DIR"] = tempfile.mkdtemp(prefix="lendbook-tests-")
atexit.register(shutil.rmtree, os.environ["LENDBOOK_DATA_DIR"], ignore_errors=True)
os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "")
os.environ["REDIS_URL"] = os.environ.get("TEST_REDIS_URL", "")
for name in ("SECRET_KEY", "DEBUG", "ALLOWED_HOSTS", "OPENAI_API_KEY"):
    os.environ.pop(name, None)
