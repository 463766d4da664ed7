"""The two parts beside the sheets that follow an edit: the chart's cached points, and the list of formula cells."""

import html
import re

from lxml import etree

from trackers.workbook.amounts import number_text
from trackers.workbook.contents import Contents
from trackers.workbook.errors import CannotPatch
from trackers.workbook.package import Package
from trackers.workbook.sheetxml import decoded

_UNUSUAL = re.compile(rb"<!|\s/?>|\0|encoding=[\"'](?!utf-8)", re.IGNORECASE)
_LIST_END = re.compile(rb"</((?:\w+:)?)calcChain>\s*$")
_REFERENCE = re.compile(rb"f>([^<]+)</((?:\w+:)?)f>")
_CACHE = re.compile(rb"\s*<(?:\w+:)?(num|str)Cache>")
_FORMAT = re.compile(rb"<(?:\w+:)?formatCode>.*?</(?:\w+:)?formatCode>", re.DOTALL)


def charts(package: Package, sheet_path: str, sheet_name: str, old: Contents, new: Contents) -> dict[str, bytes]:
    """The chart of paid against expected with its points as they are now: part name -> bytes, empty if it is gone.

    It is the first chart on the tracker's sheet that draws both columns; any other chart is somebody's own and stays.
    """
    for drawing in package.related(sheet_path, "drawing"):
        for path in package.related(drawing, "chart"):
            redrawn = _redrawn(_plain(package, path), sheet_name, old, new)
            if redrawn is not None:
                return {path: redrawn}
    return {}


def _plain(package: Package, path: str) -> bytes:
    """A part as the patterns here want it: UTF-8, no comments, no spaces at the ends of its tags."""
    part = package.read(path)
    if _UNUSUAL.search(part) is None:
        return part
    root = package.parse(path)
    etree.strip_tags(root, etree.Comment, etree.ProcessingInstruction)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)


def _redrawn(part: bytes, sheet_name: str, old: Contents, new: Contents) -> bytes | None:
    layout, quoted = new.layout, sheet_name.replace("'", "''")
    drawn = {}
    for field in ("day", "cumulative", "expected"):
        letter = layout.letter[field]
        drawn[f"'{quoted}'!{letter}{layout.first_row}:{letter}{layout.row(old.last_day)}"] = field
    is_same_term = old.last_day == new.last_day and old.terms == new.terms
    out, done, met = [], 0, set()
    for match in _REFERENCE.finditer(part):
        field = drawn.get(html.unescape(decoded(match[1])).replace("$", ""))
        if field is None:
            continue
        met.add(field)
        if field != "cumulative" and is_same_term:
            continue
        numbers = range(new.last_day + 1) if field == "day" else new.figures.columns[field]
        values = [str(number) if field == "day" else number_text(number) for number in numbers]
        reference = re.sub(rb"\d+$", str(layout.row(new.last_day)).encode(), match[1])
        end, cache = _cache(part, match, values)
        out += part[done : match.start(1)], reference, part[match.end(1) : match.end()], cache
        done = end
    return b"".join(out) + part[done:] if {"cumulative", "expected"} <= met else None


def _cache(part: bytes, reference: re.Match, values: list[str]) -> tuple[int, bytes]:
    """Where the cache of points after a reference ends, and the new one, under the prefix that the part uses."""
    prefix, start = reference[2], reference.end()
    opening = _CACHE.match(part, start)
    kind = opening[1] if opening else b"num"
    closing = b"</%b%bCache>" % (prefix, kind)
    end = part.find(closing, start) + len(closing) if opening else start
    if end < start:
        raise CannotPatch("The chart's cached points have no end.")
    form = _FORMAT.search(part, start, end)
    form = form[0] if form else (b"<%bformatCode>General</%bformatCode>" % (prefix, prefix) if kind == b"num" else b"")
    text = prefix.decode()
    points = "".join(
        [f'<{text}pt idx="{place}"><{text}v>{value}</{text}v></{text}pt>' for place, value in enumerate(values)]
    )
    cache = b'<%b%bCache>%b<%bptCount val="%d"/>%b%b'
    return end, cache % (prefix, kind, form, prefix, len(values), points.encode(), closing)


def calculation_chain(package: Package, sheet_name: str, old: Contents, new: Contents) -> dict[str, bytes]:
    """Excel's list of formula cells with those of new rows added: part name -> bytes, empty where there is none."""
    paths = package.related(package.workbook_path, "calcChain")
    if not paths:
        return {}
    number, layout = package.sheet_number(sheet_name), new.layout
    chain = _plain(package, paths[0])
    end = _LIST_END.search(chain)
    if end is None:
        raise CannotPatch("The list of formula cells that Excel keeps cannot be read.")
    listed = "".join(
        f'<{end[1].decode()}c r="{column.letter}{layout.row(day)}" i="{number}"/>'
        for day in range(old.last_day + 1, new.last_day + 1)
        for column in layout.computed
    )
    return {paths[0]: chain[: end.start()] + listed.encode() + chain[end.start() :]}
