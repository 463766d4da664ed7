"""A binary .xls as text cells, read by a process of its own.

Such a file can lie about its sizes: reading a damaged one may panic, or ask for more memory than there is, which ends
the process. So `sheets` has this very file run as a script (it imports nothing of Lendbook), with limits; what ends is
that process, and the caller is told.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, datetime

MAX_MEMORY = 1024**3
MAX_SECONDS = 30
TOO_LARGE = "it holds too much text"


class Unreadable(Exception):
    """Why a workbook cannot be opened, in a few words."""


def sheets(content: bytes, *, most: int, max_rows: int, max_text: int) -> list[tuple[str, int, int, list[list[str]]]]:
    """[(name, height, width, rows)] of the first `most` sheets; rows are empty where there are more than `max_rows`.

    Raises Unreadable; TOO_LARGE where the rows are more than `max_text` bytes: a text that stands in the file once may
    be in thousands of cells.
    """
    limits = [str(limit) for limit in (most, max_rows, max_text, MAX_MEMORY, MAX_SECONDS)]
    try:
        done = subprocess.run(
            [sys.executable, "-I", __file__, *limits], input=content, capture_output=True, timeout=2 * MAX_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise Unreadable("it takes too long to read") from None
    if done.returncode:
        raise Unreadable("it is damaged")
    found = json.loads(done.stdout)
    if isinstance(found, str):
        raise Unreadable(found)
    return found


def cell_text(cell: object) -> str:
    """A cell as the text a delimited export would hold. A number becomes its shortest decimal form, never rounded
    here: amounts.read_amount judges what stands behind the second decimal."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):
        return (
            cell.isoformat(" ")
            if cell.time().replace(microsecond=0).isoformat() != "00:00:00"
            else cell.date().isoformat()
        )
    if isinstance(cell, date):
        return cell.isoformat()
    return "" if cell is None else str(cell)


def _read(content: bytes, most: int, max_rows: int, max_text: int) -> bytes:
    """What `sheets` returns as JSON, or why not, written row by row so that no more of it than `max_text` is held."""
    import io

    from python_calamine import CalamineError, CalamineWorkbook

    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        found, left = [], max_text
        for name in workbook.sheet_names[:most]:
            sheet = workbook.get_sheet_by_name(name)
            rows = []
            for row in sheet.iter_rows() if sheet.height <= max_rows else ():  # from row 1, empty ones included
                rows.append(_as_json([cell_text(cell) for cell in row]))
                left -= len(rows[-1])
                if left < 0:
                    return _as_json(TOO_LARGE)
            found.append(_as_json([name, sheet.height, sheet.width])[:-1] + b",[" + b",".join(rows) + b"]]")
        return b"[" + b",".join(found) + b"]"
    except CalamineError as error:
        return _as_json(str(error)[:100])


def _as_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _main() -> None:
    import resource

    most, max_rows, max_text, memory, seconds = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.buffer.write(_read(sys.stdin.buffer.read(), most, max_rows, max_text))


if __name__ == "__main__":
    _main()
