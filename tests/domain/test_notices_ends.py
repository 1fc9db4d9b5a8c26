"""Who hears that it is over, who has seen it and who is waited for: what went wrong once, as timelines."""

from typing import Any

import pytest

import domain.alerts.grouping
from domain.alerts.routing import ChainStep, Person, Route
from tests.small_notices import START, Timeline, chain, people, published, routing

ANNE, PAUL, NINE_MINUTES = ChainStep(person="anne"), ChainStep(person="paul"), ChainStep(wait_s=540)
DEFAULT = published("routing", routing())


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


# -- other chains, many people


@pytest.mark.parametrize("reload", [False, True])
def test_a_chain_that_is_published_anew_while_it_runs_goes_on_with_whom_it_had_not_told(reload: bool) -> None:
    day = Timeline()
    day.reload = reload
    day.at(0).fires("w1")
    day.at(5).told()
    rose = chain(ChainStep(person="rose"), ChainStep(wait_s=60), ANNE, NINE_MINUTES, PAUL)
    day.at(60).fold(published("routing", routing(rose), at=day.now))
    assert day.at(544).told() == []
    assert [who for who, _, _ in day.at(545).told()] == ["rose"]
    assert [who for who, _, _ in day.at(605).told()] == ["anne"]


def test_a_chain_that_lost_all_but_those_told_is_at_its_end() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(5).told()
    day.at(60).fold(published("routing", routing(chain(ChainStep(wait_s=60), ANNE, ANNE)), at=day.now))
    assert day.at(545).told() == [("anne", "sms", "repeat")]
    assert day.group.unanswered_at == START + 545_000


def test_a_receiver_is_not_told_at_every_pass_though_a_large_cell_is() -> None:
    many = {f"p{n}": Person(channels={"warning": ("app",)}, team="many") for n in range(60)}
    large = chain(ChainStep(cell="many"), NINE_MINUTES)
    day = Timeline(people(**many), published("routing", routing(large, route={"webhooks": ("sims",)})))
    day.at(0).fires("w1")
    assert [who for who, _, _ in day.at(5).told()] == ["webhook:sims"]
    assert [told for turn in range(1, 20) for told in day.at(5 + turn * 540).told()] == []


def test_a_receiver_hears_in_its_next_telling_what_ended_meanwhile() -> None:
    day = Timeline(people(), published("routing", routing(route={"webhooks": ("sims",)})))
    day.at(0).fires("w1", "w2")
    day.at(5).told()
    day.at(60).ends("w1")
    day.at(70).fires("w3")
    told = {each.person: set(each.alerts) for each in day.at(305).arrives()}
    assert told == {"anne": {"w2", "w3"}, "webhook:sims": {"w1", "w2", "w3"}}


# -- what is handed over


def handed(day: Timeline, to: str, **more: Any) -> Timeline:
    """Return the timeline once Anne took an alert in and gave it to somebody, 60 s after it fired."""
    day.at(0).fires("w1", **more)
    day.at(5).told()
    day.at(60).takes("anne", "w1")
    day.changes("handed_over", "w1", by="anne", to=to, taken_by=to)
    return day


@pytest.mark.parametrize("reload", [False, True])
def test_what_was_handed_over_by_a_message_that_fails_goes_down_the_chain_again(reload: bool) -> None:
    day = handed(Timeline(), "paul")
    day.reload = reload
    assert [each.person for each in day.at(65).fails()] == ["paul"]
    assert day.told() == [("anne", "sms", "reopened")]
    assert (day.group.status, day.lines["w1"][-2].what) == ("telling", "told")
    assert "adrift" in [line.what for line in day.lines["w1"]]
    assert day.at(605).told() == [("paul", "smtp", "escalated")]
    day.changes("handed_over", "w1", by="rose", to="rose", taken_by="rose")
    assert (day.group.status, day.at(86_400).told()) == ("taken", [])


def test_one_of_two_channels_is_enough_for_what_is_handed_over() -> None:
    day = handed(Timeline(people(otto=Person(channels={"warning": ("sms", "smtp")})), DEFAULT), "otto")
    day.at(65).fails(channel="sms")
    assert day.told() == [("otto", "smtp", "handed_over")]
    assert day.group.status == "taken"


def test_two_of_two_channels_that_fail_are_too_much_for_what_is_handed_over() -> None:
    day = handed(Timeline(people(otto=Person(channels={"warning": ("sms", "smtp")})), DEFAULT), "otto")
    day.at(65).fails()
    assert day.group.status == "telling"


def test_the_app_beside_a_channel_that_was_never_set_up_is_enough_for_what_is_handed_over() -> None:
    day = handed(Timeline(people(otto=Person(channels={"warning": ("app", "push")})), DEFAULT), "otto")
    day.at(65).fails(why="no address")
    assert (day.group.status, day.at(600).told()) == ("taken", [])


def test_what_was_handed_over_to_nobody_who_is_known_goes_down_the_chain_again() -> None:
    day = handed(Timeline(), "nobody")
    assert day.at(65).told() == [("anne", "sms", "reopened")]
    assert ("unknown person", "nobody") in [(each.why, each.person) for each in day.group.not_told]


def test_what_was_handed_over_and_is_not_attempted_for_half_an_hour_goes_down_the_chain_again() -> None:
    day = handed(Timeline(), "paul")
    day.at(65)
    assert [each.person for each in day.at(65 + 1_800).waiting()] == ["anne"]


def test_what_is_handed_over_to_whoever_sleeps_waits_for_the_morning_and_says_so() -> None:
    day = handed(Timeline(), "leon")
    assert day.at(65).told() == []
    assert [(each.why, each.person) for each in day.group.not_told] == [("quiet hours", "leon")]
    assert day.at(7 * 3_600 + 2_800).told() == [("leon", "sms", "handed_over")]


def test_whoever_takes_it_over_themselves_needs_no_message() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(5).told()
    day.at(60).takes("anne", "w1")
    day.changes("handed_over", "w1", by="paul", to="paul", taken_by="paul")
    assert (day.at(600).told(), day.group.taken_by) == ([], "paul")
