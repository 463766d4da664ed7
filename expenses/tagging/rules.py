"""Staff's own rules: if a narration contains, has the word, or matches a pattern, give it a tag or a product's name.

Rules stand in an order and the first that fits decides: the tag comes from the first fitting rule that names a tag, the
product from the first that names a product. All patterns are sought at once (Aho-Corasick, and RE2's set for regular
expressions) in each distinct narration, so the cost grows with the text and not with the number of rules; the answers
are those of trying one rule after another (`row_fits` and `text_fits`).

RE2 has no backtracking: every pattern runs in time proportional to the narration, so no rule can hang an import.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import NamedTuple

import ahocorasick
import numpy as np
import re2

CONTAINS, WORD, REGEX, ANY = "contains", "word", "regex", "any"
KINDS = (CONTAINS, WORD, REGEX, ANY)
MAX_PATTERN = 200
#: A narration is matched up to here.
MATCHED_CHARACTERS = 2_000


class RuleError(ValueError):
    """The rule cannot be saved; the message says what to change."""


@dataclass(frozen=True)
class Rule:
    """key: the caller's id of the rule. kind: contains, word, regex or any (no pattern). Empty mode or account: all;
    min_amount, max_amount in rupees, both included; tag or product (or both) is what the rule gives."""

    key: object
    kind: str
    pattern: str = ""
    tag: str = ""
    product: str = ""
    min_amount: Decimal | None = None
    max_amount: Decimal | None = None
    mode: str = ""
    account: object = ""

    def __str__(self) -> str:
        said = [f"{self.kind} '{self.pattern}'"] if self.kind != ANY else []
        said += [f"amount from {self.min_amount}"] if self.min_amount is not None else []
        said += [f"amount to {self.max_amount}"] if self.max_amount is not None else []
        said += [f"mode {self.mode}"] if self.mode else []
        said += [f"account {self.account}"] if self.account else []
        return ", ".join(said)


class Ruled(NamedTuple):
    """What the rules say of a row; "" and None where no rule says anything."""

    tag: str = ""
    tag_rule: Rule | None = None
    product: str = ""
    product_rule: Rule | None = None


NOTHING = Ruled()


def check_rule(rule: Rule) -> None:
    """Raises RuleError where the rule is incomplete, its pattern is not understood, or it would fit every row."""
    if rule.kind not in KINDS:
        raise RuleError(f"'{rule.kind}' is no kind of rule. Kinds: {', '.join(KINDS)}.")
    if not rule.tag and not rule.product:
        raise RuleError("The rule gives nothing: choose a tag, a product's name, or both.")
    if rule.min_amount is not None and rule.max_amount is not None and rule.min_amount > rule.max_amount:
        raise RuleError(f"No amount is from {rule.min_amount} to {rule.max_amount}: exchange the two.")
    if rule.kind == ANY:
        if rule.min_amount is None and rule.max_amount is None and not rule.mode and not rule.account:
            raise RuleError("The rule fits every row: give it a pattern, an amount, a mode or an account.")
        return
    if len(rule.pattern) > MAX_PATTERN:
        raise RuleError(f"The pattern has {len(rule.pattern)} characters; {MAX_PATTERN} are allowed.")
    if not folded(rule.pattern):
        raise RuleError("The pattern is empty: write what the narration holds.")
    if rule.kind == REGEX and _compiled(rule.pattern).search("") is not None:
        raise RuleError(
            f"The pattern '{rule.pattern}' fits every narration: write at least one character that must stand."
        )


def folded(text: str) -> str:
    """Text as rules compare it: case folded, single spaces."""
    return " ".join(text[:MATCHED_CHARACTERS].casefold().split())


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    options.max_mem = 1 << 23
    return options


@lru_cache(maxsize=2_000)
def _compiled(pattern: str):
    try:
        return re2.compile(pattern, options=_options())
    except re2.error as error:
        said = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise RuleError(
            f"The pattern '{pattern}' is not understood: {said}. Lookaheads and backreferences are not available, "
            "because every rule must run in time proportional to the narration."
        ) from None


def _is_letter(character: str) -> bool:
    """Part of a word: letters, digits, and the vowel signs of Indian scripts (which are marks, not letters)."""
    return character.isalnum() or unicodedata.category(character)[0] == "M"


def _is_whole_word(text: str, start: int, end: int) -> bool:
    """Whether text[start:end] is not a part of longer words."""
    before = start > 0 and _is_letter(text[start - 1]) and _is_letter(text[start])
    after = end < len(text) and _is_letter(text[end]) and _is_letter(text[end - 1])
    return not before and not after


def text_fits(rule: Rule, narration: str) -> bool:
    """Whether the rule's pattern stands in the narration."""
    if rule.kind == ANY:
        return True
    text = folded(narration)
    if rule.kind == REGEX:
        return _compiled(rule.pattern).search(text) is not None
    pattern = folded(rule.pattern)
    at = text.find(pattern) if pattern else -1
    while at >= 0:
        if rule.kind == CONTAINS or _is_whole_word(text, at, at + len(pattern)):
            return True
        at = text.find(pattern, at + 1)
    return False


def row_fits(rule: Rule, amount: Decimal, mode: str, account: object) -> bool:
    """Whether amount, mode and account are the rule's."""
    return (
        (rule.min_amount is None or amount >= rule.min_amount)
        and (rule.max_amount is None or amount <= rule.max_amount)
        and (not rule.mode or rule.mode == mode)
        and (not rule.account or rule.account == account)
    )


#: A text that can overlap 12 digits between - / or space: digits alone, or digits that a separator sets apart.
_IN_REFERENCE = re.compile(r"^\d+$|^\d{1,12}[-/ ]|[-/ ]\d{1,12}$|[-/ ]\d{12}[-/ ]")


class RuleSet:
    """A book's rules in their order, made ready once for any number of rows. Raises RuleError for a bad pattern."""

    def __init__(self, rules: Sequence[Rule]):
        self.rules = tuple(rules)
        self._any = [at for at, rule in enumerate(self.rules) if rule.kind == ANY]
        self._automaton = self._build_automaton()
        self._regexes = [at for at, rule in enumerate(self.rules) if rule.kind == REGEX]
        self._set = self._build_set()

    @cached_property
    def reads_references(self) -> bool:
        """Whether a rule may find something in a narration's reference (12 digits between - / or space)."""
        texts = (folded(rule.pattern) for rule in self.rules if rule.kind in (CONTAINS, WORD))
        return bool(self._regexes) or any(map(_IN_REFERENCE.search, texts))

    def amount_bands(self, paise: np.ndarray) -> np.ndarray:
        """A number for each amount such that no rule tells two of one number apart by their amounts."""
        bounds = {bound for rule in self.rules for bound in (rule.min_amount, rule.max_amount) if bound is not None}
        ordered = np.array(sorted(int(bound * 100) for bound in bounds), dtype=np.int64)
        return np.searchsorted(ordered, paise, "left") + np.searchsorted(ordered, paise, "right")

    def _build_automaton(self) -> ahocorasick.Automaton | None:
        places: dict[str, list[int]] = {}
        for at, rule in enumerate(self.rules):
            if rule.kind in (CONTAINS, WORD) and (pattern := folded(rule.pattern)):
                places.setdefault(pattern, []).append(at)
        if not places:
            return None
        automaton = ahocorasick.Automaton()
        for pattern, rules in places.items():
            always = [at for at in rules if self.rules[at].kind == CONTAINS]
            words = [at for at in rules if self.rules[at].kind == WORD]
            automaton.add_word(pattern, (len(pattern), always, words))
        automaton.make_automaton()
        return automaton

    def _build_set(self):
        if not self._regexes:
            return None
        for at in self._regexes:
            _compiled(self.rules[at].pattern)
        patterns = re2.Set.SearchSet(_options())
        for at in self._regexes:
            patterns.Add(self.rules[at].pattern)
        patterns.Compile()
        return patterns

    def candidates(self, narration: str) -> tuple[int, ...]:
        """Positions of the rules whose pattern stands in the narration, in order."""
        text = folded(narration)
        found = set(self._any)
        if self._automaton is not None:
            for end, (length, always, words) in self._automaton.iter(text):
                found.update(always)
                if words and not found.issuperset(words) and _is_whole_word(text, end + 1 - length, end + 1):
                    found.update(words)
        if self._set is not None:
            found.update(self._regexes[at] for at in self._set.Match(text) or ())
        return tuple(sorted(found))

    def place(
        self, narrations: Sequence[str], amounts: Sequence[Decimal], modes: Sequence[str], accounts: Sequence[object]
    ) -> list[Ruled]:
        """What the rules say of each row; parallel columns. A distinct narration is searched once."""
        if not self.rules:
            return [NOTHING] * len(narrations)
        known = {narration: self.candidates(narration) for narration in set(narrations)}
        plain: dict[tuple[int, ...], Ruled] = {}
        placed = []
        for narration, amount, mode, account in zip(narrations, amounts, modes, accounts, strict=True):
            at = known[narration]
            ruled = plain.get(at)
            if ruled is None:
                rules = [self.rules[i] for i in at]
                if all(
                    rule.min_amount is rule.max_amount is None and not rule.mode and not rule.account for rule in rules
                ):
                    ruled = plain[at] = _first(rules)
                else:
                    ruled = _first([rule for rule in rules if row_fits(rule, amount, mode, account)])
            placed.append(ruled)
        return placed


def _first(rules: list[Rule]) -> Ruled:
    tag = next((rule for rule in rules if rule.tag), None)
    product = next((rule for rule in rules if rule.product), None)
    if tag is None and product is None:
        return NOTHING
    return Ruled(tag.tag if tag else "", tag, product.product if product else "", product)
