"""What holds alerts back: silences and inhibition; nobody is told, and it can be seen why."""

from typing import Any

import pytest

from domain.alerts.notice import NotTold
from domain.alerts.routing import ChainStep, Inhibition
from domain.events import SilenceEnded, SilenceMade
from tests.small_notices import DAY_S, START, Timeline, chain, people, published, routing

HAUTE_GARONNE = {"departement": ("31",)}


def silence(day: Timeline, since: float, until: float, **more: Any) -> str:
    """Make a silence on Haute-Garonne and return its id."""
    made: dict[str, Any] = {"matchers": HAUTE_GARONNE, "reason": "travaux", "id_": f"s{len(day.events)}"} | more
    span = {"since": START + round(since * 1000), "until": START + round(until * 1000)}
    assert day.event(SilenceMade, by="boss", **(span | made)).outcome == "applied"
    return str(made["id_"])


def test_what_is_silenced_tells_nobody_and_says_by_what_until_when() -> None:
    day = Timeline()
    id_ = silence(day, 0, 600)
    day.at(1).fires("w1")
    assert day.at(500).told() == []
    assert (day.group.status, day.state.alerts["w1"].silenced_by) == ("quiet", id_)
    assert day.group.not_told == (NotTold("silenced", START + 1_000, until=START + 600_000, by=id_),)


def test_a_silence_that_ends_with_the_alert_still_firing_is_told_then() -> None:
    day = Timeline()
    silence(day, 0, 600)
    day.at(1).fires("w1", "w2")
    assert day.at(599).told() == []
    (sms,) = day.at(600).arrives()
    assert (sms.person, sms.reason, set(sms.alerts)) == ("anne", "first", {"w1", "w2"})
    assert day.state.silences == {}


def test_a_silence_may_be_ended_before_its_time() -> None:
    day = Timeline()
    id_ = silence(day, 0, 600)
    day.at(1).fires("w1")
    assert day.at(60).event(SilenceEnded, by="boss", silence=id_).outcome == "applied"
    assert day.told() == [("anne", "sms", "first")]
    assert day.event(SilenceEnded, by="boss", silence=id_).outcome == "refused"


def test_a_silence_that_is_made_while_a_chain_runs_stops_it() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(5).told()
    silence(day.at(60), 60, 3_600)
    assert day.at(3_599).told() == []
    assert day.at(3_600).told() == [("anne", "sms", "first")]


def test_a_silence_begins_when_it_says() -> None:
    day = Timeline()
    silence(day, 100, 3_600)
    day.at(0).fires("w1")
    assert day.at(5).told() == [("anne", "sms", "first")]
    assert day.at(99).group.status == "telling"
    assert day.at(100).group.status == "quiet"
    assert day.at(3_000).told() == []


def test_of_a_group_only_what_is_not_silenced_is_told() -> None:
    day = Timeline(people(), published("routing", routing(route={"group_by": ()})))
    silence(day, 0, 600)
    day.at(1).fires("w1")
    day.fires("w2", labels={"departement": "81"})
    (sms,) = day.at(6).arrives()
    assert sms.alerts == ("w2",)
    assert [each.why for each in day.group.not_told] == ["silenced", "silenced"]


def test_where_two_silences_match_the_end_of_one_changes_nothing() -> None:
    day = Timeline()
    silence(day, 0, 600)
    longer = silence(day, 0, 1_200)
    day.at(1).fires("w1")
    assert day.state.alerts["w1"].silenced_by == longer
    assert day.at(700).told() == []
    assert day.at(1_200).told() == [("anne", "sms", "first")]


def test_what_ends_while_it_is_silenced_is_never_told() -> None:
    day = Timeline()
    silence(day, 0, 600)
    day.at(1).fires("w1")
    day.at(60).ends("w1")
    assert day.at(DAY_S).told() == []


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"matchers": {}}, "matchers"),
        ({"matchers": {"departement": ()}}, "matchers"),
        ({"reason": "  "}, "reason"),
        ({"until": START - 1}, "until"),
        ({"until": START + 31 * DAY_S * 1_000}, "until"),
        ({"since": START + 10_000, "until": START + 5_000}, "until"),
        ({"by": None}, "nobody"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(wrong: dict[str, Any], why: str) -> None:
    day = Timeline()
    sound: dict[str, Any] = {
        "matchers": HAUTE_GARONNE,
        "since": START,
        "until": START + 60_000,
        "reason": "travaux",
        "by": "boss",
    }
    said = day.event(SilenceMade, **(sound | wrong))
    assert said.outcome == "refused"
    assert why in (said.reason or "")
    assert day.state.silences == {}


# -- inhibition

COVERS = Inhibition(source={"level": ("region",)}, target={"level": ("departement",)}, equal=("bed_kind",))


def covered() -> Timeline:
    """Return a timeline on which the region's alert covers those of its départements, for the same kind of bed."""
    return Timeline(people(), published("routing", routing(inhibitions=(COVERS,))))


def test_the_regions_alert_covers_its_departements_for_the_same_kind() -> None:
    day = covered()
    day.at(0).fires("d31", "d81", labels={"level": "departement"})
    day.fires("other", labels={"level": "departement", "bed_kind": "medecine"})
    day.at(2).fires("all", labels={"level": "region", "departement": ""})
    told = {id_ for notice in day.at(7).arrives() for id_ in notice.alerts}
    assert told == {"all", "other"}
    assert day.state.alerts["d31"].inhibited_by == "all"
    assert "inhibited" in [each.why for group in day.state.groups.values() for each in group.not_told]


def test_what_was_covered_is_told_when_the_other_alert_is_over() -> None:
    day = covered()
    day.at(0).fires("all", labels={"level": "region", "departement": ""})
    day.fires("d31", labels={"level": "departement"})
    assert {id_ for notice in day.at(5).arrives() for id_ in notice.alerts} == {"all"}
    day.at(60).ends("all")
    day.told()
    assert day.state.alerts["d31"].inhibited_by is None
    (sms,) = day.at(65).arrives()
    assert (sms.alerts, sms.reason) == (("d31",), "first")


def test_what_somebody_has_covers_still() -> None:
    day = covered()
    day.at(0).fires("all", labels={"level": "region", "departement": ""})
    day.fires("d31", labels={"level": "departement"})
    day.at(5).told()
    day.at(60).takes("anne", "all")
    assert day.state.alerts["d31"].inhibited_by == "all"


def test_one_of_two_that_cover_is_enough() -> None:
    day = covered()
    day.at(0).fires("all", "all2", labels={"level": "region", "departement": ""})
    day.fires("d31", labels={"level": "departement"})
    day.at(5).told()
    day.at(60).ends("all")
    assert day.state.alerts["d31"].inhibited_by == "all2"
    day.at(70).ends("all2")
    assert day.state.alerts["d31"].inhibited_by is None


def test_two_alerts_that_are_both_on_both_sides_do_not_cover_one_another() -> None:
    both = Inhibition(source={"concern": ("beds",)}, target={"concern": ("beds",)})
    day = Timeline(people(), published("routing", routing(inhibitions=(both,))))
    day.at(0).fires("w1", "w2")
    assert [held.inhibited_by for held in day.state.alerts.values()] == [None, None]


def test_an_inhibition_that_is_published_later_holds_back_what_fires() -> None:
    day = Timeline(people(), published("routing", routing(chain(ChainStep(person="anne"), ChainStep(wait_s=60)))))
    day.at(0).fires("all", labels={"level": "region", "departement": ""})
    day.fires("d31", labels={"level": "departement"})
    day.at(5).told()
    later = routing(chain(ChainStep(person="anne"), ChainStep(wait_s=60)), inhibitions=(COVERS,))
    day.fold(published("routing", later, at=day.now))
    assert day.state.alerts["d31"].inhibited_by == "all"
    day.fold(published("routing", routing(), at=day.now + 1))
    assert day.state.alerts["d31"].inhibited_by is None


def test_an_alert_never_covers_a_graver_one() -> None:
    day = covered()
    day.at(0).fires("all", labels={"level": "region", "departement": ""})
    day.fires("d31", severity="critical", labels={"level": "departement"})
    day.fires("d81", labels={"level": "departement", "departement": "81"})
    assert {id_ for notice in day.at(5).arrives() for id_ in notice.alerts} == {"all", "d31"}
    assert [day.state.alerts[id_].inhibited_by for id_ in ("d31", "d81")] == [None, "all"]


def test_what_covers_follows_the_severity_of_both() -> None:
    day = covered()
    day.at(0).fires("all", labels={"level": "region", "departement": ""})
    day.fires("d31", severity="critical", labels={"level": "departement"})
    day.at(5).told()
    day.at(60).changes("worsened", "all", severity="critical")
    assert day.state.alerts["d31"].inhibited_by == "all", "as grave by now"
    day.at(70).changes("eased", "all", severity="warning")
    assert day.state.alerts["d31"].inhibited_by is None
    day.at(80).changes("eased", "d31", severity="warning")
    assert day.state.alerts["d31"].inhibited_by == "all"
    day.at(90).changes("worsened", "d31", severity="critical")
    assert day.state.alerts["d31"].inhibited_by is None
