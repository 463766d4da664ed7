"""Questions that are asked once: what was said yes to passes, anything else is asked."""

import pytest

from shop.questions import YES_TO_ALL, Question, Unanswered, accepted_in, ask, shown

SLIP = Question("slip:5000.00", "5,000.00 is more than ten times what is due.")
SHORT = Question("short:2026-10-05:-200.00", "Cash would stand at −200.00 on 05-10-2026.")


def test_what_is_not_answered_is_asked_with_all_its_sentences():
    with pytest.raises(Unanswered) as raised:
        ask([SLIP, SHORT])
    assert raised.value.questions == (SLIP, SHORT)
    assert raised.value.messages == [SLIP.text, SHORT.text]


def test_a_yes_counts_for_its_own_question_alone():
    with pytest.raises(Unanswered) as raised:
        ask([SLIP, SHORT], {SLIP.key})
    assert raised.value.questions == (SHORT,)


@pytest.mark.parametrize("accepted", [{SLIP.key, SHORT.key}, YES_TO_ALL])
def test_what_was_accepted_passes(accepted):
    ask([SLIP, SHORT], accepted)


def test_a_form_s_button_sends_what_was_asked_now_and_what_was_said_yes_to_before():
    unanswered = Unanswered([Question("b", "Much?"), Question("a", "Early?")])
    page = shown(unanswered, {"accepted": "c"})
    assert [question.text for question in page["questions"]] == ["Much?", "Early?"]
    assert accepted_in({"accepted": page["accepts"]}) == {"a", "b", "c"}
    assert accepted_in({}) == set()
