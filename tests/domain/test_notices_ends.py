"""Who hears that it is over, who has seen it and who is waited for: what went wrong once, as timelines."""

import pytest

import domain.alerts.grouping
from domain.alerts.routing import ChainStep, Route
from tests.small_notices import Timeline, chain, people, published, routing

ANNE, PAUL, NINE_MINUTES = ChainStep(person="anne"), ChainStep(person="paul"), ChainStep(wait_s=540)


def test_a_machine_that_was_told_when_nobody_could_be_hears_the_end() -> None:
    nobody = chain(ChainStep(on_call="medical"))
    day = Timeline(people(), published("routing", routing(nobody, route={"webhooks": ("sims",)})))
    day.at(0).fires("w1")
    assert day.at(5).told() == [("webhook:sims", "webhook", "first")]
    day.at(60).ends("w1")
    assert ("webhook:sims", "webhook", "resolved") in [*day.told(), *day.at(600).told()]


def test_whoever_was_told_on_one_route_hears_the_end_though_its_severity_moved_it_to_another() -> None:
    grave = Route(id="grave", match={"severity": ("critical",)}, chain="b")
    chains = (chain(ANNE, NINE_MINUTES), chain(PAUL, NINE_MINUTES, id_="b"))
    day = Timeline(people(), published("routing", routing(*chains, route={"routes": (grave,)})))
    day.at(0).fires("w1")
    assert day.at(5).told() == [("anne", "sms", "first")]
    day.at(60).changes("worsened", "w1", severity="critical")
    assert [who for who, _, _ in day.at(65).told()] == ["paul"]
    day.at(70).ends("w1")
    over = [*day.told(), *day.at(800).told()]
    assert over == [("anne", "smtp", "resolved")], "and Paul by the app"


@pytest.mark.parametrize("fails", [True, False])
def test_having_seen_it_holds_though_the_message_fails_or_is_given_up(fails: bool) -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(5)
    day.at(30).sees("anne", "w1")  # on the desk
    if fails:
        day.at(40).fails()
    assert day.at(1_084).told() == []
    assert day.at(1_085).told() == [("paul", "smtp", "escalated")]


def test_the_same_person_seeing_it_again_writes_no_further_line() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(5).told()
    for turn in range(5):
        assert day.at(10 + turn).sees("anne", "w1").outcome == "applied"
    assert [line.what for line in day.lines["w1"]].count("seen") == 1


def test_a_group_that_had_no_room_for_an_alert_tells_of_it_once_others_are_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(domain.alerts.grouping, "MOST_IN_GROUP", 3)
    day = Timeline()
    day.at(0).fires(*(f"w{n}" for n in range(5)))
    day.at(5).told()
    day.at(60).ends("w0", "w1", "w2")
    assert set(day.group.alerts) == {"w3", "w4"}
    (mail,) = day.at(545).arrives()
    assert (mail.person, set(mail.alerts)) == ("paul", {"w3", "w4"})
