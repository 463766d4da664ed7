"""LibreOffice as a second opinion: it computes every formula of many workbooks anew, and we look whether it agrees.

Run without a window and with a profile of its own, so that a LibreOffice somebody works with is not disturbed; many
files at once, in batches that may take so long and no longer.
"""

import shutil
import subprocess
import tempfile
from itertools import islice
from pathlib import Path

_BATCH = 100
_SECONDS, _SECONDS_PER_FILE = 60, 3
_ALWAYS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse">
<value>0</value></prop></item></oor:items>"""


class NotRecalculated(Exception):
    """LibreOffice is missing or did not answer; the message says what to do."""


def recalculated(files):
    """Yield (key, bytes as LibreOffice computed and saved them) for each (key, bytes) of `files`, batch by batch.

    Raises NotRecalculated.
    """
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        raise NotRecalculated("LibreOffice is not installed (Debian: apt-get install libreoffice-calc).")
    with tempfile.TemporaryDirectory(prefix="lendbook-") as folder:
        folder = Path(folder)
        profile = folder / "profile"
        (profile / "user").mkdir(parents=True)
        (profile / "user" / "registrymodifications.xcu").write_text(_ALWAYS)
        files, given, taken = iter(files), folder / "given", folder / "taken"
        while batch := list(islice(files, _BATCH)):
            given.mkdir()
            taken.mkdir()
            for place, (_, content) in enumerate(batch):
                (given / f"{place}.xlsx").write_bytes(content)
            _run(program, profile, sorted(given.iterdir()), taken)
            for place, (key, _) in enumerate(batch):
                yield key, _taken(taken / f"{place}.xlsx")
            shutil.rmtree(given)
            shutil.rmtree(taken)


def _run(program, profile, files, taken):
    command = [program, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--convert-to", "xlsx", "--outdir"]
    try:
        subprocess.run(
            [*command, taken, *files],
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS + _SECONDS_PER_FILE * len(files),
        )
    except subprocess.TimeoutExpired:
        raise NotRecalculated(f"LibreOffice did not finish {len(files)} workbooks in time.") from None
    except (subprocess.CalledProcessError, OSError) as error:
        raise NotRecalculated(f"LibreOffice could not be run: {error}.") from None


def _taken(path):
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotRecalculated("LibreOffice left out a workbook that it was given.") from None
