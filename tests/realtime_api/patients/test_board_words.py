"""In which words a board says why somebody has their colour."""

from domain.followup.alerting import NO_ANSWER
from domain.followup.asking import NOT_REACHED
from domain.followup.score import VERSION, Finding
from realtime_api.patients.board import reasons


def test_a_board_tells_whether_a_question_went_out_that_nobody_answered() -> None:
    said = {
        value: reasons([Finding(NO_ANSWER, VERSION, "orange", value=value)], None)[0].words.en
        for value in (None, NOT_REACHED)
    }
    assert said == {None: "No answer", NOT_REACHED: "No answer: no question was sent"}
