"""The follow-up fold told one thing after another: enrolled, asked, answered, scored, and what is refused."""

from tests.follow_up_days import RED, WELL, FollowUp


def test_answers_are_scored_at_once_and_the_row_has_their_colour() -> None:
    day = FollowUp().at("1 9:05")
    assert day.answer(WELL).outcome == "applied"
    assert (day.patient.colour, day.patient.slots["1-0900"].state) == ("green", "answered")
    day.at("2 9:05")
    assert day.answer(RED).outcome == "applied"
    assert day.patient.colour == "red"
    assert day.patient.alert is not None
    assert day.told() == ["fired"]
