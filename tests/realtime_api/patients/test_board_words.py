"""In which words a board says why somebody has their colour."""

from pathlib import Path

import pytest

from domain.followup.alerting import NO_ANSWER, NOT_READ, NOT_TAKEN
from domain.followup.asking import NOT_REACHED
from domain.followup.score import VERSION, Finding
from realtime_api.patients.board import BESIDE, reasons, words_of


def test_a_board_tells_whether_a_question_went_out_that_nobody_answered() -> None:
    said = {
        value: reasons([Finding(NO_ANSWER, VERSION, "orange", value=value)], None)[0].words.en
        for value in (None, NOT_REACHED)
    }
    assert said == {None: "No answer", NOT_REACHED: "No answer: no question was sent"}


def test_a_board_says_in_words_that_an_answer_was_not_heard() -> None:
    said = {rule: reasons([Finding(rule, VERSION, "red")], None)[0].words.en for rule in (NOT_TAKEN, NOT_READ)}
    assert said == {NOT_TAKEN: "An answer was not taken", NOT_READ: "An answer cannot be read"}


@pytest.mark.parametrize("language", ["fr", "en"])
def test_each_rule_that_speaks_of_no_answer_s_content_has_words_on_board_and_page(language: str) -> None:
    ours = (NO_ANSWER, *BESIDE)
    assert [rule for rule in ours if getattr(words_of(rule, None), language) == rule] == []
    page = (Path(__file__).parents[3] / f"dashboards/src/patients/words/{language}.ts").read_text()
    assert [rule for rule in ours if f'      "{rule}": "' not in page] == []
