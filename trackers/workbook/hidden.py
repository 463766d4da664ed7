"""The hidden sheet `_lendbook`: whose workbook this is, which version, and the inputs as Lendbook last wrote them.

What was handed over stands in B7 as a number, where it is not the whole investment: the summary's Profit counts it.
Its trail names the files that this one grew from, each by the mark of its bytes: a workbook found beside another one's
row (a database put back, a folder put back) so tells whether it came after it or went another way.

The baseline is JSON text, cell by cell, cut into pieces that fit a cell; a spreadsheet carries it along unseen, and the
three-way comparison finds in it what a person's copy started from.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from trackers.schedule import MAX_DAY, check_amount
from trackers.workbook.amounts import number_text, to_paise
from trackers.workbook.errors import UnsafeFile
from trackers.workbook.layouts import AMOUNT, COUNT, DAY, LAYOUTS, ON, Layout
from trackers.workbook.package import MAIN, Package
from trackers.workbook.sheetxml import SheetXml, text_cell, value_of

_FIRST_INPUTS = b">inputs<"
_TRAIL_LENGTH = 120  # versions: a database that was put back is rarely older by more
_MARK = re.compile(r"[0-9a-f]{8}")
_PIECE_LENGTH = 12_000
"""Characters of JSON begun in one cell; with one longest text on top a piece stays below a cell's 32,767."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """What the hidden sheet says. `baseline` maps input cells to values as the layout holds them; `disbursed` is what
    was handed over in rupees, None: the whole investment."""

    layout: Layout
    tracker_id: str
    version: int
    last_day: int
    skipped_weekdays: frozenset[int]
    holidays: frozenset[date]
    baseline: dict[str, Decimal | int | str | date]
    disbursed: Decimal | None = None
    trail: tuple[str, ...] = ()


def mark_of(sha256: str) -> str:
    """How a trail names the file of a sha256."""
    return sha256[:8]


def mark_of_bytes(data: bytes) -> str:
    """How a trail names a file."""
    return mark_of(hashlib.sha256(data).hexdigest())


def read_hidden(package: Package, path: str, *, is_trusted: bool) -> Hidden:
    """Read the hidden sheet; of a trusted, stored file without the baseline, which only a person's copy is compared to.

    Raises UnsafeFile when somebody changed it beyond reading.
    """
    sheet = SheetXml.of(package, path, is_trusted=is_trusted)
    if is_trusted:
        sheet.body = sheet.body.partition(_FIRST_INPUTS)[0]
    cells = sheet.cells()
    said: dict[str, list[str]] = {}
    row = 1
    while f"A{row}" in cells:
        name, value = (value_of(*cells.get(f"{letter}{row}", (b"", b"")), package) for letter in "AB")
        said.setdefault(str(name), []).append("" if value is None else str(value))
        row += 1
    try:
        layout = LAYOUTS[said["kind"][0]]
        if not 0 <= int(said["last_day"][0]) <= MAX_DAY:
            raise ValueError
        return Hidden(
            layout=layout,
            tracker_id=said["tracker"][0],
            version=int(said["version"][0]),
            last_day=int(said["last_day"][0]),
            skipped_weekdays=frozenset(int(day) for day in said["skipped_weekdays"][0].split(",") if day),
            holidays=frozenset(date.fromisoformat(day) for day in said["holidays"][0].split(",") if day),
            baseline=dict(_baseline(layout, said.get("inputs", []))) if not is_trusted else {},
            disbursed=_amount(said["disbursed"][0]) if "disbursed" in said else None,
            trail=tuple(_MARK.findall(said.get("trail", [""])[0])),
        )
    except (KeyError, ValueError, ArithmeticError, AttributeError, TypeError):
        raise UnsafeFile(
            "The hidden sheet _lendbook was changed, so nobody can tell what this copy started from: download the "
            "workbook again and repeat your changes in the fresh copy."
        ) from None


def _amount(text: str) -> Decimal:
    """Raises ArithmeticError or ValueError for what is no amount."""
    amount = Decimal(text)
    check_amount("disbursed", amount)
    return amount.quantize(Decimal("0.01"))


def _baseline(layout: Layout, pieces: list[str]) -> Iterator[tuple[str, Decimal | int | str | date]]:
    holds = {column.letter: column.holds for column in layout.inputs}
    parameters = {parameter.cell: parameter.holds for parameter in layout.parameters}
    for piece in pieces:
        for cell, text in json.loads(piece).items():
            kind = parameters.get(cell) or holds[cell[0]]
            if kind == AMOUNT:
                yield cell, Decimal(text)
            elif kind in (DAY, COUNT):
                yield cell, int(text)
            elif kind == ON:
                yield cell, date.fromisoformat(text)
            else:
                yield cell, text


def hidden_xml(hidden: Hidden) -> bytes:
    """The whole part of the hidden sheet."""
    lines = [
        ("tracker", hidden.tracker_id),
        ("version", str(hidden.version)),
        ("kind", hidden.layout.kind),
        ("last_day", str(hidden.last_day)),
        ("skipped_weekdays", ",".join(str(day) for day in sorted(hidden.skipped_weekdays))),
        ("holidays", ",".join(day.isoformat() for day in sorted(hidden.holidays))),
    ]
    if hidden.disbursed is not None:
        lines.append(("disbursed", hidden.disbursed))  # the seventh line: see layouts.HANDED_OVER
    lines.append(("trail", ",".join(hidden.trail[-_TRAIL_LENGTH:])))
    lines += [("inputs", piece) for piece in _pieces(hidden.baseline)]
    rows = [
        b'<row r="%d">%b%b</row>' % (number, text_cell(b"A%d" % number, b"", name), _value_cell(b"B%d" % number, value))
        for number, (name, value) in enumerate(lines, 1)
    ]
    return (
        b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<worksheet xmlns="%b"><sheetData>%b</sheetData>'
        b"</worksheet>" % (MAIN.encode(), b"".join(rows))
    )


def _value_cell(reference: bytes, value: str | Decimal) -> bytes:
    """Text, but for an amount that a formula counts with."""
    if isinstance(value, str):
        return text_cell(reference, b"", value)
    return b'<c r="%b"><v>%b</v></c>' % (reference, number_text(to_paise(value)).encode())


def _pieces(baseline: Mapping[str, object]) -> Iterator[str]:
    """The baseline as JSON objects, each short enough for a cell."""
    texts = {cell: value if isinstance(value, str) else str(value) for cell, value in baseline.items()}
    whole = json.dumps(texts, ensure_ascii=False, separators=(",", ":"))
    if len(whole) <= _PIECE_LENGTH:
        yield whole
        return
    piece: dict[str, str] = {}
    length = 0
    for cell, text in texts.items():
        piece[cell] = text
        length += len(cell) + 6 + len(text)
        if length >= _PIECE_LENGTH:
            yield json.dumps(piece, ensure_ascii=False, separators=(",", ":"))
            piece, length = {}, 0
    if piece:
        yield json.dumps(piece, ensure_ascii=False, separators=(",", ":"))
