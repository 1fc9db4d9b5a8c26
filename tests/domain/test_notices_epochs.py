"""What becomes of alerts whose shard begins its log anew: the mark that a new life begins ends those of the old one."""

from domain.alerts.lifecycle import Step
from domain.events import AlertStepped, EpochBegan
from tests.small_notices import OWNER, Timeline, alert


def test_a_life_that_has_told_of_no_alert_yet_ends_those_of_the_one_before() -> None:
    day = Timeline()
    day.at(0).fires("w1", "w2")
    day.at(5).told()
    assert day.event(EpochBegan, shard=OWNER, epoch="e2").outcome == "applied"
    over = [day.state.alerts[id_].alert for id_ in ("w1", "w2")]
    assert [(each.status, each.why) for each in over] == [("resolved", "gone")] * 2
    assert day.at(3600).told() == [], "and nobody is told that they go on"


def test_said_again_it_changes_nothing_and_what_follows_counts() -> None:
    day = Timeline()
    assert day.event(EpochBegan, shard=OWNER, epoch="e1").outcome == "applied"
    day.at(0).fires("w1")
    before = day.state.alerts["w1"], day.state.upto[OWNER]
    assert day.event(EpochBegan, shard=OWNER, epoch="e1").outcome == "history"
    assert (day.state.alerts["w1"], day.state.upto[OWNER]) == before


def test_the_mark_of_a_life_that_is_over_does_not_bring_it_back() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.event(EpochBegan, shard=OWNER, epoch="e2")
    new = Step(what="fired", at=day.now, alert=alert("w2"))
    day.event(AlertStepped, shard=OWNER, epoch="e2", offset=0, n=0, step=new)
    assert day.event(EpochBegan, shard=OWNER, epoch="e1").outcome == "refused"
    assert day.state.alerts["w2"].alert.status == "firing"
