"""Which tag a row gets: manual > rule > product memory > learned > LLM > TBD, and who decided, how sure, and why.

A pure function over plain values: callers bring the rules, the memory of corrections, the model and the answers that an
LLM gave earlier, and store what comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from expenses.tagging.learning import Guess, Model, starting_model
from expenses.tagging.narration import Narration, read_narration
from expenses.tagging.rules import RuleSet

#: Who can have decided, strongest first.
MANUAL, RULE, PRODUCT, LEARNED, LLM, UNDECIDED = "manual", "rule", "product", "learned", "llm", "tbd"
TBD = "TBD"
#: What an LLM said and nobody confirmed is worth.
LLM_CONFIDENCE = 0.6


class Row(NamedTuple):
    """A debit to place. product: the payee as stored (narration.name_products); manual: the tag a person gave this very
    row, "" for none; account: what rules compare accounts by."""

    narration: str
    product: str
    amount: Decimal
    mode: str
    account: object = ""
    manual: str = ""


class Placement(NamedTuple):
    """tag ("TBD" if it cannot be told), product (renamed by a rule, else the row's), who decided, how sure, and why."""

    tag: str
    product: str
    decided_by: str
    confidence: float
    why: str


def place(
    rows: Sequence[Row],
    *,
    tags: Mapping[str, str],
    rules: RuleSet | None = None,
    memory: Mapping[str, str] | None = None,
    model: Model | None = None,
    answers: Mapping[str, str] | None = None,
) -> list[Placement]:
    """Place each row; the same payee is guessed once.

    tags     shipped tag name -> the book's tag (renamed or merged), and each of the book's own tags -> itself; what the
             model or the LLM says outside of it is not used, so a retired tag is never given again
    rules    staff's rules in order
    memory   product -> tag as staff settled it; a payee whom a rule renames keeps what holds for his own name
    model    what was learned of the book; None: the shipped words
    answers  product -> tag as an LLM said and nobody has confirmed
    """
    ruled = (rules or RuleSet(())).place(
        [row.narration for row in rows],
        [row.amount for row in rows],
        [row.mode for row in rows],
        [row.account for row in rows],
    )
    memory, answers, model = memory or {}, answers or {}, model or starting_model()
    guesses: dict[Narration, Guess | None] = {}
    placed = []
    for row, rule in zip(rows, ruled, strict=True):
        product = rule.product or row.product
        known = product if product in memory else row.product  # what a rule calls him, else his own name
        if row.manual:
            placed.append(Placement(row.manual, product, MANUAL, 1.0, "set by hand"))
        elif rule.tag_rule is not None:
            placed.append(Placement(rule.tag, product, RULE, 1.0, f"rule: {rule.tag_rule}"))
        elif known in memory:
            placed.append(Placement(memory[known], product, PRODUCT, 1.0, f"{known} was tagged so before"))
        else:
            mode, _, upi_id, _, remark = read_narration(row.narration)
            payee = Narration(mode, product, upi_id, "", remark)
            if payee not in guesses:
                guesses[payee] = model.guess(payee)
            placed.append(_guessed(product, guesses[payee], answers.get(product) or answers.get(row.product), tags))
    return placed


def _guessed(product: str, guess: Guess | None, answer: str | None, tags: Mapping[str, str]) -> Placement:
    if guess is not None and (tag := tags.get(guess.tag)):
        return Placement(tag, product, LEARNED, guess.confidence, guess.why)
    if answer is not None and (tag := tags.get(answer)):
        return Placement(tag, product, LLM, LLM_CONFIDENCE, "said by the LLM, not confirmed")
    return Placement(TBD, product, UNDECIDED, 0.0, "nothing in the narration tells")
