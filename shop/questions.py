"""What is asked once before it is saved: an amount that looks like a slip, money that cannot be there.

A service that finds something doubtful raises Unanswered with its questions, in the transaction that it then takes
back. The page shows each sentence with a button; the button sends the question's key, the service is called again with
it among `accepted`, and nothing more is asked. A key names what was asked about, figures included, so an answer never
counts for an amount or a date typed later. Commands pass YES_TO_ALL with --yes.
"""

from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

from django.core.exceptions import ValidationError


class Question(NamedTuple):
    """`key` is sent back by whoever says yes; `text` is the sentence a person reads."""

    key: str
    text: str


class Unanswered(ValidationError):
    """Nothing was saved: these questions want a yes first. `questions` is a tuple of Question."""

    def __init__(self, questions: Iterable[Question]):
        self.questions = tuple(questions)
        super().__init__([ValidationError(question.text, code="question") for question in self.questions])


class _YesToAll:
    """Accepts whatever is asked."""

    def __contains__(self, key: object) -> bool:
        return True


YES_TO_ALL = _YesToAll()


_BETWEEN = "|"


def accepted_in(sent: Mapping[str, str]) -> set[str]:
    """The keys that a form's button said yes to (templates/shop/questions.html)."""
    return {key for key in sent.get("accepted", "").split(_BETWEEN) if key}


def shown(error: Unanswered, sent: Mapping[str, str]) -> dict[str, object]:
    """What the template of questions wants: the questions, and what its button accepts, earlier answers included."""
    keys = sorted(accepted_in(sent) | {question.key for question in error.questions})
    return {"questions": error.questions, "accepts": _BETWEEN.join(keys)}


def ask(questions: Iterable[Question], accepted: Container[str] = ()) -> None:
    """Raise Unanswered with those of `questions` whose key is not among `accepted`; none left: nothing happens."""
    left = [question for question in questions if question.key not in accepted]
    if left:
        raise Unanswered(left)
