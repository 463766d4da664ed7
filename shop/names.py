"""Names as people type them: how one is kept, when two read the same, and which known one is meant. Pure: no database.

Two names that look alike on paper are one name here: letter case, blanks of every kind, signs without a width, letters
of another script drawn like Latin ones. The key is for comparing only. What is kept is what was typed, so a Tamil or
Hindi name stays as it is, with the joiners (U+200C, U+200D) that its letters need.
"""

import difflib
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

# Letters that are drawn like a Latin one, after what Unicode (NFKC) makes one by itself.
_LOOK_ALIKES = str.maketrans(
    "АВЕЅІЈКМНОРСТУХҮԌԚԜ" "асеѕіјорухһԁԛԝӏүк" "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" "αοιρυνκχγϲ" "ıɑɡʏ" "‐‑‒–—―−’‘ʼ`“”",
    "ABESIJKMHOPCTYXYGQW" "acesijopyxhdqwlyk" "ABEZHIKMNOPTYX" "aoipuvkxyc" "iagy" "-------''''\"\"",
)  # fmt: skip
# Signs without a width that are not of the category "format": joiners of lines, variants, fillers.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u3164\uffa0\u17b4\u17b5\u180b\u180c\u180d\u2800")
_JOINERS = frozenset("\u200c\u200d")
_FIRST_WITH_JOINERS = "\u0590"  # Latin, Greek, Cyrillic and Armenian lie before it and need no joiners
_NEAR = 0.8  # of difflib: one letter of five, two of ten


def clean_name(text: str) -> str:
    """A name as it is kept: NFC, single blanks, nothing invisible but the joiners that a script needs."""
    kept = []
    for sign in unicodedata.normalize("NFC", str(text)):
        if sign in _JOINERS:
            if kept and kept[-1] >= _FIRST_WITH_JOINERS:
                kept.append(sign)
        elif sign.isspace() or unicodedata.category(sign) == "Cc":
            kept.append(" ")
        elif not _is_invisible(sign):
            kept.append(sign)
    return " ".join("".join(kept).split())


@lru_cache(maxsize=8192)
def name_key(text: str) -> str:
    """What two names that read the same have in common."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(sign for sign in text if sign not in _JOINERS and not _is_invisible(sign))
        text = text.translate(_LOOK_ALIKES)
    words = "".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in text).split()
    return unicodedata.normalize("NFKC", " ".join(words).casefold())


def _is_invisible(sign: str) -> bool:
    if sign in _INVISIBLE or "\ufe00" <= sign <= "\ufe0f":
        return True
    return unicodedata.category(sign) == "Cf" and sign not in _JOINERS


class Names:
    """Things by their names. The exact spelling goes before what merely reads the same: a book may hold such twins."""

    def __init__(self, named: Iterable[tuple[str, object]] = ()):
        self._exact, self._alike, self._shown = {}, {}, {}
        for name, thing in named:
            self.add(name, thing)

    def add(self, name: str, thing: object) -> None:
        """Know `thing` by `name`; of two that read the same the first is found."""
        key = name_key(name)
        self._exact.setdefault(name, thing)
        self._alike.setdefault(key, thing)
        self._shown.setdefault(key, name)

    def find(self, text: str) -> object | None:
        """What is called `text`, or None."""
        found = self._exact.get(unicodedata.normalize("NFC", text.strip()))
        return self._alike.get(name_key(text)) if found is None else found

    def things(self) -> list:
        """All that is known, in the order in which it came."""
        return list(self._exact.values())

    def near(self, text: str) -> str:
        """The known name that differs from `text` by a slip of the keyboard, or ""."""
        key = name_key(text)
        others = [other for other in self._shown if other != key]
        found = difflib.get_close_matches(key, others, n=1, cutoff=_NEAR)
        return self._shown[found[0]] if found else ""
