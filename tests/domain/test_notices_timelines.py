"""The notices fold as it happens: who is told what, when, and who is not, and why."""

from tests.small_notices import Timeline


def test_one_notice_after_the_group_wait_and_the_next_person_when_nobody_takes_it() -> None:
    """At 900 s firing, at 905 s one notice to A, at 1,445 s not taken → B."""
    day = Timeline()
    day.at(900).fires("w1")
    assert (day.group.status, day.at(904.999).waiting()) == ("waiting", [])
    assert day.at(905).told() == [("anne", "sms", "first")]
    assert day.group.status == "telling"
    assert day.at(1_444.999).waiting() == []
    assert day.at(1_445).told() == [("paul", "smtp", "escalated")]
