"""What is learned of payees: shipped words, and a classifier of character n-grams trained on what staff confirmed.

A model is plain arrays: scikit-learn trains it and is imported in `train` alone; placing and loading need only numpy,
so no web process ever imports scikit-learn. A model is written whole or not at all, carries its format and the shipped
words' digest, and whoever finds none, an old or a damaged one goes on with the shipped words (`starting_model`).
Below its own threshold a model says nothing: TBD is a right answer.
"""

from __future__ import annotations

import json
import os
import re
import sys
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from expenses.tagging.narration import ATM, CHARGES, CREDIT_CARD, Narration

#: Raised whenever the arrays or their meaning change: an older file is then no model.
FORMAT = 1
WORDS_PATH = Path(__file__).with_name("starting_words.txt")
TBD, CONTACT = "TBD", "Contact"

#: The classifier must be this sure at least, whatever its own trial says.
LEAST_THRESHOLD = 0.55
#: In its own trial on payees that it had not seen, this share of answers must be right.
WANTED_PRECISION = 0.97
MIN_EXAMPLES, MIN_TAGS = 20, 2
MAX_FEATURES, MAX_EXAMPLES = 40_000, 20_000
NGRAMS = (2, 5)
#: Sure by kind of evidence.
SURE = {"mode": 0.99, "brand": 0.97, "word": 0.92, "weak": 0.75, "name": 0.85, "remark": 0.8}


class Guess(NamedTuple):
    """A tag, how sure (0 to 1), and why in words for a person."""

    tag: str
    confidence: float
    why: str


class Example(NamedTuple):
    """What staff confirmed: a payee (with its UPI id and remark) and its tag."""

    narration: Narration
    tag: str


@dataclass(frozen=True)
class Words:
    """The shipped set: phrase (tuple of words) -> (kind, tag), the names of people, and the set's digest."""

    phrases: dict[tuple[str, ...], tuple[str, str]]
    names: frozenset[str]
    digest: str


@lru_cache(maxsize=1)
def starting_words() -> Words:
    """The shipped words of starting_words.txt; brands outrank words, words outrank weak ones."""
    text = WORDS_PATH.read_text(encoding="utf-8")
    phrases: dict[tuple[str, ...], tuple[str, str]] = {}
    names: set[str] = set()
    tag = ""
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        if line.startswith("["):
            tag = line.strip("[]")
        elif line:
            kind, _, listed = line.partition(":")
            for phrase in listed.split(","):
                words = tuple(words_of(phrase))
                if kind == "name":
                    names.update(words)
                elif words and _RANK[kind] > _RANK.get(phrases.get(words, ("", ""))[0], 0):
                    phrases[words] = (kind, tag)
    return Words(phrases, frozenset(names), sha256(text.encode()).hexdigest()[:16])


_RANK = {"brand": 3, "word": 2, "weak": 1}
_MAX_PHRASE = 4
#: Banks cut a payee's name off after so many characters.
CUT_AT = (18, 20)


def _completed(product: str) -> tuple[str, str, tuple[str, ...]] | None:
    """Where the bank cut the payee's name off: the shipped words of one tag alone that its end begins.

    SRI BALAJI FILLING STAT begins "filling station"; a single word needs five letters. Brands are left out.
    """
    words = words_of(product)
    whole = not CUT_AT[0] <= len(product) <= CUT_AT[1] or len(words) < 2
    if whole or words[-1] in starting_words().names or words[-1] in _whole_words():
        return None
    for length in (3, 2, 1):
        begun = _beginnings().get(tuple(words[-length:]), {})
        if len(begun) == 1:
            ((tag, phrase),) = begun.items()
            return "word", tag, phrase
    return None


@lru_cache(maxsize=1)
def _whole_words() -> frozenset[str]:
    """Every word in a shipped phrase: a payee that ends with one was not cut in it."""
    return frozenset(word for phrase in starting_words().phrases for word in phrase)


@lru_cache(maxsize=1)
def _beginnings() -> dict[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Shipped words cut off in their last word -> tag -> the shortest of them."""
    beginnings: defaultdict[tuple[str, ...], dict[str, tuple[str, ...]]] = defaultdict(dict)
    for phrase, (kind, tag) in sorted(starting_words().phrases.items(), key=lambda item: (len(item[0]), item[0])):
        if kind == "word":
            for end in range(5 if len(phrase) == 1 else 2, len(phrase[-1]) + 1):
                beginnings[(*phrase[:-1], phrase[-1][:end])].setdefault(tag, phrase)
    return dict(beginnings)


def words_of(text: str) -> list[str]:
    """Words in small letters, digits among them."""
    return re.findall(r"[^\W_]+", text.casefold())


@dataclass(frozen=True)
class Model:
    """The shipped words less those that staff's corrections contradict, and the trained arrays (None before training).

    vocabulary: n-gram -> row of weights (float32, n-grams x tags); idf per n-gram; threshold: least probability.
    """

    dropped: frozenset[tuple[str, ...]] = frozenset()
    tags: tuple[str, ...] = ()
    vocabulary: dict[str, int] = field(default_factory=dict)
    idf: np.ndarray | None = None
    weights: np.ndarray | None = None
    intercept: np.ndarray | None = None
    threshold: float = 1.0
    examples: int = 0

    @property
    def version(self) -> str:
        """What decided, for the row that keeps it: format, shipped words, number of confirmed examples."""
        return f"{FORMAT}-{starting_words().digest}-{self.examples}"

    def guess(self, narration: Narration) -> Guess | None:
        """The tag of one payee, or None where it cannot be told."""
        return (
            self._by_mode(narration)
            or self._by_words(narration)
            or self._by_ngrams(narration)
            or self._by_remark(narration)
            or self._by_words(narration, weak=True)
            or self._by_name(narration)
        )

    def _by_mode(self, narration: Narration) -> Guess | None:
        tag = {ATM: "Cash", CHARGES: "Bank Charges", CREDIT_CARD: "Bills"}.get(narration.mode)
        return Guess(tag, SURE["mode"], f"mode {narration.mode}") if tag else None

    def _by_words(self, narration: Narration, *, weak: bool = False) -> Guess | None:
        found = self._best_phrase(words_of(narration.product))
        if found is None or found[0] == "weak":
            named = self._best_phrase(words_of(narration.upi_id.partition("@")[0]))
            if named is not None and named[0] == "brand":
                found = named
            elif (completed := _completed(narration.product)) and completed[2] not in self.dropped:
                found = completed
        if found is None or (found[0] == "weak") != weak:
            return None
        kind, tag, phrase = found
        return Guess(tag, SURE[kind], f"{kind} '{' '.join(phrase).upper()}' in the payee's name")

    def _by_remark(self, narration: Narration) -> Guess | None:
        found = self._best_phrase(words_of(narration.remark)[:12])
        if found is None or found[0] == "weak":
            return None
        return Guess(found[1], SURE["remark"], f"'{' '.join(found[2]).upper()}' in the remark")

    def _by_name(self, narration: Narration) -> Guess | None:
        words, names = words_of(narration.product), starting_words().names
        known = [word for word in words if word in names]
        if known and all(word in names or len(word) <= 2 or word in _TITLES for word in words):
            return Guess(CONTACT, SURE["name"], "the payee is a person's name")
        if words and words[0] in _TITLES and len(words) > 1:
            return Guess(CONTACT, SURE["name"], f"{words[0].upper()} stands before the payee's name")
        return None

    def _best_phrase(self, words: list[str]) -> tuple[str, str, tuple[str, ...]] | None:
        """(kind, tag, phrase) of the strongest shipped phrase: brand before word before weak, then phrases of several
        words, then the last, for a shop's name ends with what it sells."""
        phrases = starting_words().phrases
        best = None
        for start in range(min(len(words), 40)):
            for length in range(1, _MAX_PHRASE + 1):
                phrase = tuple(words[start : start + length])
                if len(phrase) < length:
                    break
                kind, tag = phrases.get(phrase, ("", ""))
                if not kind or phrase in self.dropped:
                    continue
                rank = (_RANK[kind], length > 1 and kind == "word", start + length, length)
                if best is None or rank > best[0]:
                    best = (rank, (kind, tag, phrase))
        return best[1] if best else None

    def _by_ngrams(self, narration: Narration) -> Guess | None:
        if self.weights is None or not (text := features_text(narration)):
            return None
        scores = self._probabilities(text)
        if scores is None:
            return None
        at = int(np.argmax(scores))
        if scores[at] < self.threshold or self.tags[at] == TBD:
            return None
        return Guess(self.tags[at], round(float(scores[at]), 2), f"spelt like payees tagged {self.tags[at]}")

    def _probabilities(self, text: str) -> np.ndarray | None:
        """P(tag) of each tag against all others: the arithmetic of TF-IDF and logistic regression.

        They need not sum to 1: for a payee unlike any other all of them are low.
        """
        counts = Counter(at for gram in ngrams(text) if (at := self.vocabulary.get(gram)) is not None)
        if not counts:
            return None
        at = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
        tf = 1.0 + np.log(np.fromiter(counts.values(), dtype=np.float64, count=len(counts)))
        values = tf * self.idf[at]
        scores = (values / np.sqrt((values**2).sum())) @ self.weights[at] + self.intercept
        return 1.0 / (1.0 + np.exp(-scores))


_TITLES = frozenset(("mr", "mrs", "ms", "smt", "shri", "thiru", "tmt", "kum"))


@lru_cache(maxsize=1)
def starting_model() -> Model:
    """The shipped words alone: what a book has on its first day."""
    return Model()


def features_text(narration: Narration) -> str:
    """What n-grams are taken of: the payee's words without digits, and the letters of its UPI id."""
    words = [word for word in words_of(narration.product) if not word.isdigit()]
    local = re.sub(r"[\d._\-]+", " ", narration.upi_id.partition("@")[0])
    return " ".join([*words, *(f"@{word}" for word in local.split() if len(word) > 3 and word not in words)])


def ngrams(text: str) -> Iterable[str]:
    """Character n-grams inside words, each word between spaces (scikit-learn's char_wb)."""
    for word in text.split():
        word = f" {word} "
        for size in range(NGRAMS[0], NGRAMS[1] + 1):
            if len(word) <= size:
                yield word
                break
            for at in range(len(word) - size + 1):
                yield word[at : at + size]


def train(examples: Sequence[Example]) -> Model:
    """A model of what staff confirmed (never of the machine's own guesses), on top of the shipped words.

    Shipped words that corrections contradict are dropped. The threshold is found in a trial: the payees are split in
    five parts, each placed by a model that has not seen it, and the lowest probability is taken above which
    WANTED_PRECISION of the answers are right. The same examples give the same model. Imports scikit-learn.
    """
    examples = list(dict.fromkeys(examples))[-MAX_EXAMPLES:]
    dropped = _contradicted(examples)
    counted = Counter(example.tag for example in examples)
    if len(examples) < MIN_EXAMPLES or len(counted) < MIN_TAGS:
        return Model(dropped=dropped, examples=len(examples))
    texts = [features_text(example.narration) for example in examples]
    tags = [example.tag for example in examples]
    groups = [example.narration.product for example in examples]
    shipped = [
        (" ".join(p), tag) for p, (kind, tag) in starting_words().phrases.items() if kind == "word" and p not in dropped
    ]
    threshold = _trial(texts, tags, groups, shipped)
    return _fit(texts, tags, shipped, dropped=dropped, threshold=threshold, examples=len(examples))


def _contradicted(examples: list[Example]) -> frozenset[tuple[str, ...]]:
    """Shipped phrases that decided payees otherwise than staff did, two payees and every third at least."""
    right: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    wrong: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for narration, tag in examples:
        if found := starting_model()._best_phrase(words_of(narration.product)):
            (right if found[1] == tag else wrong)[found[2]].add(narration.product)
    return frozenset(p for p, products in wrong.items() if len(products) >= 2 and 2 * len(products) >= len(right[p]))


def _fit(texts, tags, shipped, *, dropped=frozenset(), threshold=1.0, examples=0) -> Model:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = TfidfVectorizer(
        analyzer="char_wb", ngram_range=NGRAMS, lowercase=False, sublinear_tf=True, max_features=MAX_FEATURES
    )
    all_texts, all_tags = [*texts, *(text for text, _ in shipped)], [*tags, *(tag for _, tag in shipped)]
    matrix = vectorizer.fit_transform(all_texts)
    weight = [2.0] * len(texts) + [1.0] * len(shipped)  # what staff confirmed counts twice what is shipped
    known = sorted(set(all_tags))
    one = [
        LogisticRegression(solver="liblinear", dual=True, tol=0.01, C=20.0, random_state=0).fit(
            matrix, np.array([other == tag for other in all_tags]), sample_weight=weight
        )
        for tag in known
    ]
    weights = np.vstack([classifier.coef_[0] for classifier in one])
    intercept = np.array([classifier.intercept_[0] for classifier in one])
    return Model(
        dropped=dropped,
        tags=tuple(known),
        vocabulary={gram: int(at) for gram, at in vectorizer.vocabulary_.items()},
        idf=vectorizer.idf_.astype(np.float64),
        weights=np.ascontiguousarray(weights.T, dtype=np.float32),
        intercept=intercept.astype(np.float64),
        threshold=threshold,
        examples=examples,
    )


def _trial(texts: list[str], tags: list[str], groups: list[str], shipped: list[tuple[str, str]]) -> float:
    """The least probability above which the answers for unseen payees are right often enough."""
    part = [int(sha256(group.encode()).hexdigest()[:8], 16) % 5 for group in groups]
    answers: list[tuple[float, bool]] = []
    for fold in range(5):
        kept = [i for i in range(len(texts)) if part[i] != fold]
        asked = [i for i in range(len(texts)) if part[i] == fold]
        if not asked or len({tags[i] for i in kept}) < MIN_TAGS:
            continue
        model = _fit([texts[i] for i in kept], [tags[i] for i in kept], shipped)
        for i in asked:
            scores = model._probabilities(texts[i])
            if scores is not None and model.tags[int(np.argmax(scores))] != TBD:
                answers.append((float(scores.max()), model.tags[int(np.argmax(scores))] == tags[i]))
    answers.sort(reverse=True)
    best, right = 1.0, 0
    for count, (probability, correct) in enumerate(answers, start=1):
        right += correct
        if count >= 5 and right / count >= WANTED_PRECISION:
            best = probability if count < len(answers) else LEAST_THRESHOLD
    return max(best, LEAST_THRESHOLD)


# --- on disk


def save(model: Model, path: Path) -> None:
    """Write the model whole: beside its place, to the disk, then renamed over it. A second run writes the same."""
    head = {
        "format": FORMAT,
        "words": starting_words().digest,
        "tags": model.tags,
        "dropped": sorted(model.dropped),
        "threshold": model.threshold,
        "examples": model.examples,
        "trained": model.weights is not None,
    }
    arrays = {"head": np.array(json.dumps(head))}
    if model.weights is not None:
        grams = sorted(model.vocabulary, key=model.vocabulary.__getitem__)
        arrays |= {"idf": model.idf, "weights": model.weights, "intercept": model.intercept}
        arrays["grams"] = np.frombuffer("\n".join(grams).encode(), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load(path: Path) -> Model | None:
    """The model at ``path``; None if there is none, it is damaged, or of another format or other shipped words."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            head = json.loads(str(arrays["head"]))
            if (head["format"], head["words"]) != (FORMAT, starting_words().digest):
                return None
            model = {
                "dropped": frozenset(map(tuple, head["dropped"])),
                "tags": tuple(head["tags"]),
                "threshold": float(head["threshold"]),
                "examples": int(head["examples"]),
            }
            if head["trained"]:
                grams = arrays["grams"].tobytes().decode().split("\n")
                model |= {"idf": arrays["idf"], "weights": arrays["weights"], "intercept": arrays["intercept"]}
                model["vocabulary"] = {gram: at for at, gram in enumerate(grams)}
                if model["weights"].shape != (len(grams), len(model["tags"])) or model["idf"].shape != (len(grams),):
                    return None
            return Model(**model)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def main() -> None:
    """Train on examples read from standard input and save to the path given; a process of its own pays for scikit-learn.

    Each line is JSON: [mode, product, upi_id, reference, remark, tag].
    """
    lines = (json.loads(line) for line in sys.stdin)
    save(train([Example(Narration(*narration), tag) for *narration, tag in lines]), Path(sys.argv[1]))


if __name__ == "__main__":
    main()
