"""What the notices shard judges itself, and what it counts: position lag, dead channels, worth of alarms, load."""

from typing import Any

from domain.alerts.lifecycle import Alert
from domain.alerts.routing import ChainStep
from domain.alerts.rule import Level, Rule, Ruleset
from domain.events import AlertActed, ChannelChanged, SystemMeasured
from domain.places import Words
from tests.small_notices import DAY_S, START, Timeline, chain, people, published, routing

WORDS = Words(fr="{place} : {value}", en="{place}: {value}")
LAG = Rule(
    id="behind",
    concern="system",
    on="position_lag",
    at="shard",
    levels=(Level("warning", above=10, clear_below=5),),
    title=WORDS,
    text=WORDS,
    todo=WORDS,
    hold_s=30,
)
DEAD = Rule(
    id="channel-down",
    concern="system",
    on="channel_down",
    at="channel",
    levels=(Level("warning", above=60), Level("critical", above=300)),
    title=WORDS,
    text=WORDS,
    todo=WORDS,
)
OTHERS = Rule(
    id="full",
    concern="beds",
    on="occupancy",
    at="ward",
    levels=(Level("warning", above=0.9),),
    title=WORDS,
    text=WORDS,
    todo=WORDS,
)
RULES = Ruleset(rules=(LAG, DEAD, OTHERS))


def ruled(**more: Any) -> Timeline:
    """Return a timeline with rules."""
    day = Timeline(people(), published("routing", routing(**more)))
    assert day.fold(published("alert_rules", RULES)).outcome == "applied"
    return day


def lag(day: Timeline, seconds: float) -> None:
    day.event(SystemMeasured, measure="position_lag", subject="capacity:ici", value=seconds)


def the(day: Timeline) -> Alert:
    (held,) = day.state.alerts.values()
    return held.alert


def test_a_lag_that_lasts_fires_and_is_told_like_any_alert() -> None:
    day = ruled()
    lag(day.at(0), 12.0)
    assert day.at(29).state.alerts == {}
    day.at(30)
    assert (the(day).subject, the(day).status, day.state.alerts[the(day).id].shard) == (
        "shard/capacity:ici",
        "firing",
        "notices:ici",
    )
    assert the(day).labels["region"] == "ici"
    assert day.at(35).told() == [("anne", "sms", "first")]
    lag(day.at(60), 1.0)
    assert the(day).status == "resolved"


def test_a_lag_that_passes_is_no_alert() -> None:
    day = ruled()
    lag(day.at(0), 12.0)
    lag(day.at(20), 1.0)
    assert day.at(DAY_S).state.alerts == {}


def test_a_channel_that_is_down_for_longer_than_a_threshold_fires_without_another_word() -> None:
    day = ruled()
    day.at(0).event(ChannelChanged, channel="sms", up=False, reason="refused")
    assert day.at(60).state.alerts == {}
    assert the(day.at(60.002)).severity == "warning"
    assert the(day.at(301)).severity == "critical"
    day.at(400).event(ChannelChanged, channel="sms", up=True)
    assert the(day).status == "resolved"


def test_of_two_people_who_take_it_the_second_sees_who_has_it() -> None:
    day = ruled()
    lag(day.at(0), 12.0)
    day.at(40)
    first = day.event(AlertActed, by="anne", alert=the(day).id, act="take")
    second = day.event(AlertActed, by="paul", alert=the(day).id, act="take")
    assert (first.outcome, second.outcome) == ("applied", "refused")
    assert "anne" in (second.reason or "")
    assert day.group.taken_by == "anne"
    assert day.at(7_239).told() == []
    assert day.at(7_245).told() == [("anne", "sms", "reopened")], "two hours later, and it still lags"


def test_rules_that_are_published_end_the_alerts_of_those_that_are_gone() -> None:
    day = ruled()
    lag(day.at(0), 12.0)
    assert the(day.at(30)).status == "firing"
    day.fold(published("alert_rules", Ruleset(rules=(DEAD,)), at=day.now))
    assert (the(day).status, the(day).why) == ("resolved", "gone")


def test_rules_judge_what_was_measured_before_them() -> None:
    day = Timeline()
    lag(day.at(0), 12.0)
    day.at(10).fold(published("alert_rules", RULES, at=day.now))
    assert the(day.at(40)).rule == "behind"


def test_what_nobody_measures_here_is_refused() -> None:
    day = ruled()
    said = day.event(SystemMeasured, measure="occupancy", subject="ward/w1", value=1.0)
    assert (said.outcome, day.state.measured) == ("refused", {})


# -- worth


def worth(day: Timeline) -> dict[str, int]:
    ((key, value),) = day.state.worth.items()
    assert key == "full/2023-11-14"
    names = ("raised", "notified", "taken", "escalated", "acted", "no_action_needed", "wrong")
    return {name: getattr(value, name) for name in names if getattr(value, name)}


def test_what_an_alarm_was_worth_is_counted_for_its_rule_and_day() -> None:
    day = Timeline()
    day.at(0).fires("w1", "w2", "w3")
    day.at(3).ends("w3")
    day.at(5).told()
    assert worth(day) == {"raised": 3, "notified": 2}
    day.at(545).told()
    assert worth(day) == {"raised": 3, "notified": 2, "escalated": 2}
    day.at(600).takes("paul", "w1", "w2")
    (counts,) = day.state.worth.values()
    assert counts.took_s == (600.0, 600.0)
    day.at(700).ends("w1", outcome="acted", why="closed")
    day.ends("w2", outcome="no_action_needed", why="closed")
    assert worth(day) == {"raised": 3, "notified": 2, "escalated": 2, "taken": 2, "acted": 1, "no_action_needed": 1}
    day.at(3_600).changes("judged", "w2", outcome="wrong")
    assert worth(day) == {"raised": 3, "notified": 2, "escalated": 2, "taken": 2, "acted": 1, "wrong": 1}
    assert day.state.past["w2"].outcome == "wrong"


def test_taking_again_what_was_reopened_is_not_counted_again() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(10).takes("anne", "w1")
    day.at(7_210).reopens("w1")
    day.at(7_220).takes("paul", "w1")
    assert worth(day)["taken"] == 1


def test_a_persons_load_is_of_the_last_120_minutes() -> None:
    day = Timeline(people(), published("routing", routing(chain(ChainStep(person="anne"), ChainStep(wait_s=3_600)))))
    day.at(0).fires("w1", severity="critical")
    for hour in range(4):
        day.at(5 + hour * 3_600).told()
    assert day.state.loads == {"anne": (START + 7_205_000, START + 10_805_000)}
    day.takes("anne", "w1")
    assert day.at(DAY_S).state.loads == {}


# -- what is kept, and for how long


def test_who_did_what_when_is_on_the_timeline() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(5).told()
    day.at(20).sees("anne", "w1")
    day.at(30).takes("anne", "w1")
    day.at(40).ends("w1", outcome="acted")
    told = [(line.at - START, line.what, line.by, line.to, line.channel) for line in day.lines["w1"]]
    assert told == [
        (0, "fired", None, None, None),
        (5_000, "told", None, "anne", "sms"),
        (5_000, "delivered", None, "anne", "sms"),
        (20_000, "seen", "anne", None, None),
        (30_000, "taken", "anne", None, None),
        (40_000, "resolved", None, None, None),
        (40_000, "told", None, "anne", "smtp"),
    ]


def test_an_alert_stays_on_the_desk_for_a_day_and_in_the_past_for_30() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(10).ends("w1")
    day.at(DAY_S - 60)
    assert (set(day.state.alerts), set(day.state.past)) == ({"w1"}, {"w1"})
    day.at(DAY_S + 7_200)
    assert (day.state.alerts, day.state.groups, set(day.state.past)) == ({}, {}, {"w1"})
    day.at(31 * DAY_S)
    assert day.state.past == {}
    assert day.state.worth
    day.at(100 * DAY_S)
    assert day.state.worth == {}
