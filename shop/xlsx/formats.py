"""What a cell shows of its number: a number format applied to it, as far as money needs to know.

People believe what they see. A payment of 46178 in a cell that shows 2026-06-05 is no payment, and 500 that shows as
"0.5" or as nothing was not meant as 500. `shown` tells which of these it is; `why_not` says it in a sentence.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

NUMBER, ROUNDED, OTHER, NOTHING = "number", "rounded", "other", "nothing"
DATE, TIME, PERCENTAGE, FRACTION, POWER = "date", "time", "percentage", "fraction", "power"
DAYS_FROM_1900_TO_1904 = 1462
"""What a serial number of a workbook that counts from 1904 is short of."""

GENERAL = "General"
_BUILT_IN: dict[int, str] = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??",
    48: "##0.0E+0", 49: "@", 67: "0%", 68: "0.00%", 69: "# ?/?", 70: "# ??/??",
    **dict.fromkeys((5, 6, 37, 38, 41, 42), "#,##0"), **dict.fromkeys((7, 8, 39, 40, 43, 44), "#,##0.00"),
    **dict.fromkeys((59, 61), "#,##0"), **dict.fromkeys((60, 62), "#,##0.00"),
    # 27 to 36 and 50 to 58 are dates of East Asian, 71 to 81 of Thai programs.
    **dict.fromkeys((*range(14, 18), *range(27, 37), *range(50, 59), *range(71, 82)), "yyyy-mm-dd"),
    **dict.fromkeys((18, 19, 20, 21, 45, 46, 47), "h:mm:ss"), 22: "yyyy-mm-dd h:mm",
}  # fmt: skip

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<fill>.)|\[(?P<bracket>[^\]]*)\]|(?P<general>General)'
    r"|(?P<rupees>(?:Rs|INR)(?![a-z])\.?)|(?P<power>E[+-])|(?P<noon>AM/PM|A/P)|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"\s*(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d+)?)\s*")
_IS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "<": lambda number, bound: number < bound,
    ">": lambda number, bound: number > bound,
    "<=": lambda number, bound: number <= bound,
    ">=": lambda number, bound: number >= bound,
    "=": lambda number, bound: number == bound,
    "<>": lambda number, bound: number != bound,
}
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
# Words beside a number that make another amount of it. "Cr" stays out: it says credit as often as crore.
_SCALE = re.compile(r"(?<![a-z])(?:lakhs?|lacs?|crores?|thousands?|hundreds?|millions?|mn|billions?|bn|k|l)(?![a-z])")
_GROUPING = frozenset(", '\u00a0\u202f\u2009")
_FAKE_POINT = re.compile(r"(?:^|[^A-Za-z])[.,]\s*$")
_NAMES = {
    DATE: "a date", TIME: "a time", PERCENTAGE: "a percentage", FRACTION: "a fraction",
    POWER: "a number in powers of ten",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person sees: `kind` NUMBER where it is the number itself, `text` the sight of it, dates as ISO."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class _Section:
    """One of a format's parts between semicolons: `tokens` of (sort, text), and when it is chosen."""

    tokens: tuple[tuple[str, str], ...]
    condition: tuple[str, Decimal] | None

    def has(self, sort: str) -> bool:
        return any(found == sort for found, _ in self.tokens)

    @property
    def literal(self) -> str:
        return "".join(text for sort, text in self.tokens if sort == "literal")


def code_of(number_format: int, own: dict[int, str]) -> str:
    """The format code of a numFmtId: the workbook's `own`, else the one every program knows."""
    return own.get(number_format) or _BUILT_IN.get(number_format, GENERAL)


@lru_cache(maxsize=4096)
def shown(number: Decimal, code: str, since_1904: bool = False) -> Shown:
    """What a cell of this format code shows of a number."""
    section = _section_for(number, _sections(code))
    if section is None or section.has("general") or (section.has("text") and not section.has("digit")):
        return _judged_literals(f"{number.normalize():f}", section)
    if section.has("date"):
        return _shown_date(number + (DAYS_FROM_1900_TO_1904 if since_1904 else 0), section)
    return _shown_number(abs(number), section)


def why_not(cell: str, number: Decimal, sight: Shown, wanted: str) -> str:
    """Why a cell's number may not be taken for `wanted` ("an amount"); "" where it shows its number."""
    if sight.kind == NUMBER:
        return ""
    if sight.kind in _NAMES:
        return (
            f"{cell} shows {sight.text}, {_NAMES[sight.kind]}, not {wanted}: give the cell a number format (General) "
            "and type what it should hold."
        )
    seen = f"'{sight.text}'" if sight.text else "nothing"
    way_out = "show its decimals, or type what it should hold" if sight.kind == ROUNDED else (
        "give the cell a plain number format (General) and see what it should hold"
    )  # fmt: skip
    return f"{cell} shows {seen}, but holds {number.normalize():f}: {way_out}."


# ------------------------------------------------------------------------------------------------ the code read


@lru_cache(maxsize=512)
def _sections(code: str) -> tuple[_Section, ...]:
    """A format code cut at its semicolons."""
    sections, tokens, condition = [], [], None
    for match in _TOKEN.finditer(code[:1000]):
        if match["other"] == ";":
            sections.append(_Section(tuple(tokens), condition))
            tokens, condition = [], None
            continue
        if match["bracket"] is not None and (found := _CONDITION.fullmatch(match["bracket"])):
            condition = found[1], Decimal(found[2])
            continue
        tokens += _tokens_of(match)
    return *sections, _Section(tuple(tokens), condition)


def _tokens_of(match: re.Match[str]) -> list[tuple[str, str]]:
    """The token, as a list of one or none, that stands in a format code."""
    sort, text = match.lastgroup, match[match.lastgroup]
    if sort in ("quoted", "escaped", "rupees"):
        return [("literal", text)]
    if sort == "space":
        return [("literal", " ")]
    if sort == "fill":
        return []
    if sort == "bracket":
        if text.startswith("$"):
            return [("literal", text[1:].partition("-")[0])]
        return [("date", text.lower())] if _ELAPSED.fullmatch(text) else []
    if sort == "noon":
        return [("date", "h")]
    if sort != "other":
        return [(sort, text)]
    if text in "0#?":
        return [("digit", text)]
    if text in "ymdhsYMDHS":
        return [("date", text.lower())]
    known = {".": "point", ",": "comma", "%": "percent", "/": "slash", "@": "text"}
    return [(known.get(text, "literal"), text)]


def _section_for(number: Decimal, sections: tuple[_Section, ...]) -> _Section | None:
    """The section that shows a number; None for one that is shown as it is."""
    if len(sections) == 1 and not sections[0].tokens:
        return None
    sections = sections[:3]
    if any(section.condition for section in sections):
        for section in sections:
            if section.condition is None or _IS[section.condition[0]](number, section.condition[1]):
                return section
        return None
    if number < 0 and len(sections) > 1:
        return sections[1]
    if number == 0 and len(sections) > 2:
        return sections[2]
    return sections[0]


# ------------------------------------------------------------------------------------------------ a date


def _shown_date(serial: Decimal, section: _Section) -> Shown:
    letters = {text[0] for sort, text in section.tokens if sort == "date"}
    clock = bool(letters & {"h", "s"})
    if clock and not letters & {"y", "d"}:
        return Shown(TIME, _time_text(serial))
    at = moment(serial)
    if at is None:
        return Shown(DATE, "#######" if serial else "1900-01-00")
    text = at.date().isoformat()
    return Shown(DATE, f"{text} {at:%H:%M}" if clock and (at.hour or at.minute) else text)


def moment(serial: Decimal) -> datetime | None:
    """The moment of a serial number that counts from 1900, to the second; None outside 1900 to 9999."""
    if not 1 <= serial < 2_958_466 or 60 <= serial < 61:  # Excel's 29th of February 1900
        return None
    day = date(1899, 12, 30) + timedelta(days=int(serial) + (1 if serial < 60 else 0))
    seconds = min(int((serial % 1 * 86_400).to_integral_value(ROUND_HALF_UP)), 86_399)
    return datetime(day.year, day.month, day.day) + timedelta(seconds=seconds)  # noqa: DTZ001 (a cell has no time zone)


def _time_text(serial: Decimal) -> str:
    seconds = int((abs(serial) * 86_400).to_integral_value(ROUND_HALF_UP))
    clock = f"{seconds // 3600}:{seconds // 60 % 60:02d}"
    return f"{clock}:{seconds % 60:02d}" if seconds % 60 else clock


# ------------------------------------------------------------------------------------------------ a number


def _shown_number(number: Decimal, section: _Section) -> Shown:
    """A number without its sign through a section of digits."""
    percents = sum(sort == "percent" for sort, _ in section.tokens)
    if not section.has("digit"):
        text = section.literal.strip() + "%" * percents
        return Shown(NUMBER if number == 0 else OTHER if text else NOTHING, text)
    decimals, thousands = _places(section)
    scaled = (number * 100**percents).scaleb(-3 * thousands)
    if section.has("power"):
        return Shown(POWER, f"{number.normalize():E}")
    if section.has("slash") and _is_fraction(section):
        return Shown(NUMBER if scaled == scaled.to_integral_value() else FRACTION, f"{scaled.normalize():f}")
    rounded = scaled.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    head, inside, tail, text = _laid_out(rounded, section)
    if percents or "%" in head + tail or "‰" in head + tail:
        return Shown(PERCENTAGE, text)
    if _says_more(head, tail) or set(inside) - _GROUPING or rounded == 0 != number:
        return Shown(OTHER, text)
    if rounded == number:
        return Shown(NUMBER, text)
    return Shown(OTHER if thousands else ROUNDED, text)


def _places(section: _Section) -> tuple[int, int]:
    """(decimal places, by how many thousands the number is divided): a comma behind the last digit divides."""
    sorts = [sort for sort, _ in section.tokens]
    point = sorts.index("point") if "point" in sorts else len(sorts)
    decimals = sorts[point:].count("digit")
    thousands = 0
    for place, sort in enumerate(sorts):
        if sort != "comma" or "digit" not in sorts[:place]:
            continue
        end = point if place < point else len(sorts)
        thousands += "digit" not in sorts[place:end]
    return decimals, thousands


def _is_fraction(section: _Section) -> bool:
    """Whether a slash stands between digits, as in "# ?/?"; "0/-" is how rupees are written."""
    marks = [(sort, text) for sort, text in section.tokens if text.strip()]
    for before, slash, behind in zip(marks, marks[1:], marks[2:], strict=False):
        if before[0] == "digit" and slash[0] == "slash" and (behind[0] == "digit" or behind[1].isdigit()):
            return True
    return False


def _laid_out(rounded: Decimal, section: _Section) -> tuple[str, str, str, str]:
    """(text before the digits, text between them, text behind them, the whole as seen)."""
    whole, _, part = f"{rounded:f}".partition(".")
    first = next(place for place, (sort, _) in enumerate(section.tokens) if sort == "digit")
    last = max(place for place, (sort, _) in enumerate(section.tokens) if sort == "digit")
    integer_slots = sum(sort == "digit" for sort, _ in section.tokens) - len(part)
    whole = whole.lstrip("0").rjust(integer_slots, "0") if integer_slots else whole
    grouped = _grouped(whole, section)
    head = "".join(text for sort, text in section.tokens[:first] if sort == "literal")
    tail = "".join(text for sort, text in section.tokens[last + 1 :] if sort in ("literal", "percent", "slash"))
    inside, digits, seen, slots = [], list(whole + part), [], len(whole + part)
    left = integer_slots + len(part)
    for sort, text in section.tokens[first : last + 1]:
        if sort == "digit":
            take = slots - left + 1 if not seen and slots > left else 1
            seen += digits[:take]
            del digits[:take]
        elif sort == "point":
            seen.append(".")
        elif sort in ("literal", "slash"):
            inside.append(text)
            seen.append(text)
    text = "".join(seen) if inside else (f"{grouped}.{part}" if part else grouped)
    return head, "".join(inside), tail, f"{head}{text}{tail}".strip()


def _grouped(whole: str, section: _Section) -> str:
    bare = whole.lstrip("0") or "0"
    zeros = sum(text == "0" for sort, text in section.tokens if sort == "digit")
    return f"{int(bare):,}" if section.has("comma") else (whole if zeros > len(bare) else bare)


def _says_more(head: str, tail: str) -> bool:
    """Whether the text around a number makes another number of it."""
    around = f"{head} {tail}"
    return (
        any(sign.isdigit() for sign in around)
        or _FAKE_POINT.search(head) is not None
        or _SCALE.search(around.casefold()) is not None
    )


def _judged_literals(text: str, section: _Section | None) -> Shown:
    """A number shown as it is, with the literals of its format around it."""
    literal = section.literal if section else ""
    if not literal.strip():
        return Shown(NUMBER, text)
    place = next(at for at, (sort, _) in enumerate(section.tokens) if sort in ("general", "text"))
    head = "".join(words for sort, words in section.tokens[:place] if sort == "literal")
    tail = "".join(words for sort, words in section.tokens[place:] if sort == "literal")
    kind = PERCENTAGE if "%" in literal else OTHER if _says_more(head, tail) else NUMBER
    return Shown(kind, f"{head}{text}{tail}".strip())
