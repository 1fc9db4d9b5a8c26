"""What comes and goes must not keep a chain at its first step, and what is grave does not wait behind what is not."""

from collections import Counter
from collections.abc import Callable

from domain.alerts.routing import Chain, ChainStep, Route
from tests.small_notices import START, Timeline, alert, chain, people, published, routing

HOUR = 3_600
ANNE, PAUL, NINE_MINUTES = ChainStep(person="anne"), ChainStep(person="paul"), ChainStep(wait_s=540)


def flapping(day: Timeline, on_s: int, off_s: int, until_s: int, fire: Callable[[str], None]) -> Counter[str]:
    """Return how often people were told of what while an alert came and went; every message arrives."""
    told: Counter[str] = Counter()
    for turn, start in enumerate(range(0, until_s, on_s + off_s)):
        day.at(start)
        fire(f"f{turn}")
        for second in range(5, on_s + off_s, 15):
            if second > on_s and f"f{turn}" in day.state.alerts and day.alerts[f"f{turn}"].status != "resolved":
                day.at(start + on_s).ends(f"f{turn}")
            for who, _, why in day.at(start + second).told():
                told[f"{who} {why}"] += 1
    return told


def test_an_alert_that_comes_and_goes_goes_down_the_chain_and_is_told_as_one() -> None:
    day = Timeline()
    told = flapping(day, 480, 20, HOUR, lambda id_: day.fires(id_, subject="ward/one"))
    assert told == {"anne first": 1, "paul escalated": 4, "anne repeat": 3}
    day.fires("last", subject="ward/one")
    assert day.group.unanswered_at is not None
    assert day.group.began_at == START
    assert "anne" in day.state.alerts["f6"].told, "who knows of the condition may act on its present alert"


def test_its_end_is_told_once_it_has_stayed_away_for_the_group_interval() -> None:
    day = Timeline()
    day.at(0).fires("w1", subject="ward/one")
    day.at(5).told()
    for start in (100, 200, 300):
        day.at(start).ends(f"w{start // 100}")
        day.at(start + 20).fires(f"w{start // 100 + 1}", subject="ward/one")
        assert day.told() == []
    day.at(400).ends("w4")
    assert day.at(699).told() == []
    assert day.at(700).told() == [("anne", "smtp", "resolved")]
    assert day.at(86_400).told() == []


def test_what_a_person_closed_is_told_at_once_and_begins_anew() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(5).told()
    day.at(60).ends("w1", why="closed")
    assert day.told() == [("anne", "smtp", "resolved")]
    day.at(100).fires("w2")
    assert day.at(360).told() == [("anne", "sms", "first")]


def test_another_alert_in_its_place_is_news_to_those_told_and_the_chain_keeps_its_time() -> None:
    day = Timeline()
    day.at(0).fires("w1", subject="ward/one")
    day.at(5).told()
    day.at(60).ends("w1")
    day.at(80).fires("w2", subject="ward/two")
    assert day.at(305).told() == [("anne", "sms", "grew")]
    assert day.at(545).told() == [("paul", "smtp", "escalated")]


def test_whom_no_message_reached_before_it_went_away_is_told_when_it_is_back() -> None:
    day = Timeline(people(), published("routing", routing(chain(ANNE))))
    day.at(0).fires("w1", subject="ward/one")
    assert len(day.at(5).waiting()) == 1
    day.at(6).ends("w1")
    assert day.waiting() == []
    day.at(20).fires("w2", subject="ward/one")
    assert [who for who, _, _ in day.at(25).told()] == ["anne"], "and not in four hours"


def test_a_graver_one_that_comes_and_goes_does_not_hold_the_chain_of_what_stays() -> None:
    day = Timeline()
    day.at(0).fires("base")
    told = flapping(day, 300, 200, 3 * HOUR, lambda id_: day.fires(id_, severity="critical", subject="ward/one"))
    assert told["paul escalated"] > 5
    assert day.group.unanswered_at is not None


def test_a_graver_one_beside_what_somebody_has_goes_down_the_chain_too() -> None:
    day = Timeline()
    day.at(0).fires("base")
    day.takes("anne", "base")
    told = flapping(day, 300, 200, HOUR, lambda id_: day.fires(id_, severity="critical", subject="ward/one"))
    assert told["paul escalated"] >= 2


def test_what_is_opened_again_begins_its_chain_though_another_ended_moments_ago() -> None:
    day = Timeline()
    day.at(0).fires("base")
    day.at(5).told()
    day.at(60).takes("anne", "base")
    day.at(70).fires("w2", severity="critical")
    day.at(75).told()
    day.at(620).told()
    day.at(640).ends("w2")
    assert day.group.status == "taken"
    day.at(660).reopens("base")
    assert day.at(665).told() == [("anne", "sms", "reopened")]


def test_the_failing_word_that_it_is_worse_brings_the_next_person_at_once() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(5).told()
    day.at(60).changes("worsened", "w1", severity="critical")
    day.at(65).fails()
    assert [who for who, _, _ in day.told()] == ["paul"]


def test_that_it_is_worse_reaches_whom_the_chain_could_not_reach_before() -> None:
    """It is 23:13 in Paris: Léon sleeps until 7, but for what is critical."""
    asleep = chain(ChainStep(person="leon"), ANNE, NINE_MINUTES, PAUL)
    day = Timeline(people(), published("routing", routing(asleep)))
    day.at(0).fires("w1")
    assert [who for who, _, _ in day.at(5).told()] == ["anne"]
    day.at(60).changes("worsened", "w1", severity="critical")
    day.at(65)
    assert {told.person for told in day.group.told if told.reason == "worse"} == {"anne", "leon"}


# -- what is grave


def test_a_critical_alert_after_a_warning_that_is_over_waits_for_no_interval() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(5).told()
    day.at(20).ends("w1", why="closed")
    day.told()
    day.at(30).fires("w2", severity="critical")
    assert {why for _, _, why in day.at(35).told()} == {"first"}


def test_a_critical_alert_hastens_a_group_that_waits_for_its_interval() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(5).told()
    day.at(20).ends("w1", why="closed")
    day.told()
    day.at(30).fires("w2")
    day.at(40).fires("w3", severity="critical")
    assert {why for _, _, why in day.at(45).told()} == {"first"}


def test_a_second_critical_alert_beside_what_somebody_has_waits_for_no_interval() -> None:
    day = Timeline(people(), published("routing", routing(route={"group_interval_s": 6 * HOUR})))
    day.at(0).fires("w1", severity="critical")
    day.at(5).told()
    day.at(60).takes("anne", "w1")
    day.at(70).fires("w2", severity="critical")
    assert {who for who, _, _ in day.at(75).told()} == {"anne"}


# -- what eases


def test_what_eases_is_shown_as_it_is_and_tells_nobody() -> None:
    day = Timeline()
    day.at(0).fires("w1", severity="critical")
    day.at(5).told()
    due = day.group.next_at
    day.at(60).changes("eased", "w1", severity="warning")
    assert (day.group.severity, day.group.next_at) == ("warning", due)
    assert day.state.alerts["w1"].alert.labels["severity"] == "warning"
    assert day.at(544).told() == []
    assert day.at(545).told() == [("paul", "smtp", "escalated")], "by his channel for warnings"


def test_what_eases_onto_another_route_is_told_there_after_the_interval_and_its_end_to_all() -> None:
    grave = Route(id="grave", match={"severity": ("critical",)}, chain="b")
    chains: tuple[Chain, ...] = (chain(PAUL, NINE_MINUTES), chain(ANNE, NINE_MINUTES, id_="b"))
    day = Timeline(people(), published("routing", routing(*chains, route={"routes": (grave,)})))
    day.at(0).fires("w1", severity="critical")
    assert {who for who, _, _ in day.at(5).told()} == {"anne"}
    day.at(60).changes("eased", "w1", severity="warning")
    assert day.at(359).told() == []
    assert day.at(360).told() == [("paul", "smtp", "first")]
    day.at(400).ends("w1")
    assert ("anne", "smtp", "resolved") in day.at(700).told()


def test_a_group_that_ends_while_it_is_silenced_or_taken_still_tells_those_who_know() -> None:
    day = Timeline()
    day.at(0).fires("w1", subject="ward/one")
    day.at(5).told()
    day.at(60).ends("w1")
    day.step("fired", alert("w2", status="acknowledged", taken_by="anne", subject="ward/one", since=day.now))
    assert day.group.status == "taken"
    day.at(70).ends("w2")
    assert day.told() == [("anne", "smtp", "resolved")]
