"""The two parts beside the sheets that follow an edit: the chart's cached points, and the list of formula cells."""

import html
import re

from trackers.workbook.amounts import number_text
from trackers.workbook.contents import Contents
from trackers.workbook.package import Package
from trackers.workbook.sheetxml import decoded

_REFERENCE = re.compile(
    rb"<((?:\w+:)?)f>([^<]*)</\1f>(?:\s*<\1(num|str)Cache>(.*?)</\1\3Cache>)?(?=\s*(?:<\1extLst|</\1(?:num|str)Ref>))",
    re.DOTALL,
)
_FORMAT = re.compile(rb"<(?:\w+:)?formatCode>.*?</(?:\w+:)?formatCode>", re.DOTALL)


def charts(package: Package, sheet_path: str, sheet_name: str, old: Contents, new: Contents) -> dict[str, bytes]:
    """The chart of paid against expected with its points as they are now: part name -> bytes, empty if it is gone.

    It is the first chart on the tracker's sheet that draws both columns; any other chart is somebody's own and stays.
    """
    for drawing in package.related(sheet_path, "drawing"):
        for path in package.related(drawing, "chart"):
            part = package.read(path)
            redrawn = _redrawn(part, sheet_name, old, new)
            if redrawn is not None:
                return {path: redrawn}
    return {}


def _redrawn(part: bytes, sheet_name: str, old: Contents, new: Contents) -> bytes | None:
    layout, quoted = new.layout, sheet_name.replace("'", "''")
    drawn = {}
    for field in ("day", "cumulative", "expected"):
        letter = layout.letter[field]
        drawn[f"'{quoted}'!{letter}{layout.first_row}:{letter}{layout.row(old.last_day)}"] = field
    met = set()
    is_same_term = old.last_day == new.last_day and old.terms == new.terms

    def redraw(match: re.Match) -> bytes:
        reference = html.unescape(decoded(match[2]))
        field = drawn.get(reference.replace("$", ""))
        if field is None:
            return match[0]
        met.add(field)
        if field != "cumulative" and is_same_term:
            return match[0]
        numbers = range(new.last_day + 1) if field == "day" else new.figures.columns[field]
        grown = re.sub(rb"\d+$", str(layout.row(new.last_day)).encode(), match[2])
        return _reference(match, grown, [str(number) if field == "day" else number_text(number) for number in numbers])

    redrawn = _REFERENCE.sub(redraw, part)
    return redrawn if {"cumulative", "expected"} <= met else None


def _reference(match: re.Match, reference: bytes, values: list[str]) -> bytes:
    """A series' reference and its cache of points, under the prefix that the part uses."""
    prefix, kind = match[1], match[3] or b"num"
    form = _FORMAT.search(match[4] or b"")
    form = form[0] if form else (b"<%bformatCode>General</%bformatCode>" % (prefix, prefix) if kind == b"num" else b"")
    text = prefix.decode()
    points = "".join(
        f'<{text}pt idx="{place}"><{text}v>{value}</{text}v></{text}pt>' for place, value in enumerate(values)
    )
    return b'<%bf>%b</%bf><%b%bCache>%b<%bptCount val="%d"/>%b</%b%bCache>' % (
        *(prefix, reference, prefix),
        *(prefix, kind, form, prefix, len(values), points.encode(), prefix, kind),
    )


def calculation_chain(package: Package, sheet_name: str, old: Contents, new: Contents) -> dict[str, bytes]:
    """Excel's list of formula cells with those of new rows added: part name -> bytes, empty where there is none."""
    paths = package.related(package.workbook_path, "calcChain")
    if not paths:
        return {}
    number, layout = package.sheet_number(sheet_name), new.layout
    listed = "".join(
        f'<c r="{column.letter}{layout.row(day)}" i="{number}"/>'
        for day in range(old.last_day + 1, new.last_day + 1)
        for column in layout.computed
    )
    chain = package.read(paths[0])
    end = chain.rfind(b"</")
    return {paths[0]: chain[:end] + listed.encode() + chain[end:]}
