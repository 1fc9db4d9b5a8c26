"""Whatever is grave is heard: after a close, in a late answer, behind a mute, out of order, and where it is refused."""

from typing import Any

import pytest
from msgspec.structs import replace

from domain.capacity.fold import Item
from domain.events import FollowUpMoved, PatientAlertActed, Tick
from domain.followup.alerting import worse
from domain.followup.crossing import Stepped
from domain.followup.pathway import Flag, Limits, NoAnswer, Reminders, Scoring, Slots
from domain.followup.patient import PatientAlert
from domain.followup.score import Finding
from tests.follow_up_days import (
    NURSE,
    ORANGE,
    PATIENT,
    RED,
    WELL,
    YELLOW,
    FollowUp,
    answers,
    instant,
    pathway,
    sealed,
    words,
)

BOTH = answers(pain=True, breathless=True)


def close(day: FollowUp, **more: Any) -> Any:
    """Return what became of closing the alert that is open, as somebody sees it now."""
    held = open_alert(day)
    told: dict[str, Any] = {"alert": held.id, "act": "close", "outcome": "wrong", "seen": held.news}
    return day.event(PatientAlertActed, **(told | more))


def take(day: FollowUp, until: str, **more: Any) -> Any:
    """Return what became of taking the alert that is open."""
    held = open_alert(day)
    told: dict[str, Any] = {"alert": held.id, "act": "take", "check_at": instant(until), "seen": held.news}
    return day.event(PatientAlertActed, **(told | more))


def open_alert(day: FollowUp) -> PatientAlert:
    """Return the alert that is open."""
    assert day.patient.alert is not None
    return day.patient.alert


def why(day: FollowUp) -> set[str]:
    """Return the rules that the open alert is there for."""
    return {finding.rule for finding in day.chart.why}


# -- after a close


def test_what_was_corrected_after_a_close_and_is_red_again_raises_again() -> None:
    day = FollowUp().at("1 9:00")
    day.answer(RED)
    close(day)
    day.at("1 10:00").answer(WELL)
    assert day.told() == ["fired", "resolved"]
    day.at("1 11:00").answer(answers(breathless=True, pain=True, temperature=40.5))
    assert open_alert(day).colour == "red"
    assert why(day) == {"flag/breath", "flag/pain", "flag/high-fever"}


def test_another_red_or_orange_of_the_same_slot_raises_another_alert_after_a_close() -> None:
    day = FollowUp().at("1 9:00")
    day.answer(ORANGE)
    close(day)
    day.at("1 10:00").answer(answers(pain=True, temperature=40.5))
    assert open_alert(day).colour == "orange"
    assert why(day) == {"flag/high-fever"}, "what was closed is no reason any more"


@pytest.mark.parametrize(
    ("missed", "told", "colour"),
    [("red", RED, "red"), ("orange", ORANGE, "orange"), ("red", ORANGE, "orange"), ("orange", RED, "red")],
)
def test_a_late_answer_is_heard_after_the_alert_that_there_was_none_was_closed(
    missed: Any, told: dict[str, Any], colour: str
) -> None:
    day = FollowUp(pathway(no_answer=NoAnswer(missed))).at("1 13:00")
    assert open_alert(day).colour == missed
    close(day, outcome="acted")
    day.at("1 18:00").answer(told)
    assert open_alert(day).colour == colour
    assert day.told() == ["fired", "resolved", "fired"]


def test_what_says_no_more_than_what_was_closed_raises_nothing() -> None:
    day = FollowUp().at("1 9:00")
    day.answer(RED)
    close(day)
    day.at("1 10:00").answer(answers(breathless=True, temperature=37.4))
    assert day.patient.alert is None


WORSE: dict[str, tuple[Any, Any, Any]] = {
    "a value further below": ({"temperature": 34.2}, {"temperature": 31.0}, {"temperature": 34.4}),
    "a value further above": ({"temperature": 40.1}, {"temperature": 41.0}, {"temperature": 40.0}),
}


@pytest.mark.parametrize(("first", "then", "better"), WORSE.values(), ids=WORSE)
def test_what_is_worse_than_what_was_closed_raises_again_though_it_is_of_the_same_colour(
    first: Any, then: Any, better: Any
) -> None:
    low = Flag("cold", "temperature", "at_most", 35.0, "orange", words=words("…"), source="invented")
    flags = (*pathway().scoring.flags, low)
    day = FollowUp(pathway(scoring=Scoring(flags=flags), limits=Limits(3600.0, 43_200.0, 9))).at("1 9:00")
    day.answer(answers(**first))
    colour = open_alert(day).colour
    close(day)
    day.answer(answers(**better))
    assert day.patient.alert is None, "it is no worse"
    day.answer(answers(**then))
    assert open_alert(day).colour == colour
    close(day)
    day.answer(answers(**then, pain=None))
    assert day.patient.alert is None, "that is known"


def test_more_points_of_the_same_colour_raise_again_after_a_close() -> None:
    before, more = (Finding("news2", "1", "red", points=points) for points in (7, 12))
    assert worse(more, before)
    assert not worse(before, more)
    assert not worse(before, before)


def test_another_choice_of_a_list_is_worse_for_nobody_knows_better() -> None:
    told = [Finding("flag/consciousness", "1", "red", item="consciousness", value=value) for value in ("v", "p")]
    assert worse(told[0], told[1])
    assert worse(told[1], told[0])
    assert not worse(told[0], told[0])


def test_a_correction_beyond_the_limit_is_taken_where_it_says_something_grave_that_is_new() -> None:
    day = FollowUp().at("1 9:00")
    for temperature in (37.0, 37.1, 37.2):
        day.answer(answers(breathless=True, temperature=temperature))
    close(day)
    assert day.answer(answers(breathless=True, temperature=37.3)).reason == "too many corrections"
    assert day.answer(BOTH).outcome == "applied", "no graver, and another reason"
    assert open_alert(day).colour == "orange"
    assert day.answer(BOTH).reason == "too many corrections"


# -- a close that was decided on something less grave


def test_nobody_closes_or_takes_a_red_of_which_they_saw_the_orange() -> None:
    day = FollowUp().at("1 9:00")
    day.answer(ORANGE)
    day.at("1 9:10").answer(BOTH)
    said = close(day, by=NURSE, seen=1)
    assert (said.outcome, said.reason) == ("refused", "news meanwhile")
    assert take(day, "1 10:00", seen=1).reason == "news meanwhile"
    assert open_alert(day).colour == "red"
    assert take(day, "1 10:00").outcome == "applied"
    assert close(day).outcome == "applied"


def test_nobody_closes_another_red_than_they_saw_though_it_is_no_graver() -> None:
    day = FollowUp(pathway(no_answer=NoAnswer("red"))).at("1 13:00")
    seen = open_alert(day).news
    day.at("1 13:30").answer(RED)
    assert open_alert(day).news == seen + 1
    assert close(day, seen=seen).reason == "news meanwhile"
    assert close(day, seen=seen + 1).outcome == "applied"


def test_an_act_on_what_was_graver_when_it_was_seen_is_no_mistake() -> None:
    day = FollowUp().at("1 9:00")
    day.answer(ORANGE)
    assert take(day, "1 10:00", seen=2).outcome == "applied"


# -- behind a mute


OFTEN: dict[str, Any] = {
    "slots": Slots((1, 2), (540, 660, 780, 900)),
    "reminders": Reminders(600.0, 1200.0, 1500.0),
    "limits": Limits(1200.0, 1800.0, 2),
}


def test_a_red_behind_a_mute_is_found_at_its_end_also_when_another_slot_was_answered_since() -> None:
    day = FollowUp(pathway(**OFTEN)).at("1 8:45")
    day.mute("flag/breath", 3)
    day.answer(RED)
    day.at("1 10:45").answer(WELL)
    assert day.told() == []
    day.at("1 11:45")
    assert (open_alert(day).colour, open_alert(day).slot, why(day)) == ("red", "1-0900", {"flag/breath"})


def test_what_was_told_before_it_was_muted_is_told_no_second_time_at_the_end_of_the_mute() -> None:
    day = FollowUp().at("1 9:00")
    day.answer(RED)
    day.mute("flag/breath", 1)
    close(day)
    day.answer(answers(breathless=True, temperature=37.2))
    day.at("1 11:00")
    assert day.told() == ["fired", "resolved"]


def test_a_mute_that_is_renewed_hides_for_four_hours_in_all() -> None:
    day = FollowUp().at("1 8:30")
    day.mute("flag/breath", 4)
    day.at("1 9:00").answer(RED)
    day.at("1 12:20")
    assert day.mute("flag/breath", 4).reason.startswith("until: within 4 hours")
    assert day.mute("flag/breath", 0.1).outcome == "applied", "shorter"
    day.at("1 12:30")
    assert open_alert(day).colour == "red"
    assert day.mute("flag/breath", 4).outcome == "applied", "what it hid was heard"


# -- out of order


def test_a_red_that_another_clock_stamped_earlier_is_heard_all_the_same() -> None:
    day = FollowUp().at("1 10:00")
    day.answer(WELL)
    day.at("1 10:01")
    assert day.answer(RED, received_at=day.now - 120_000).outcome == "applied"
    assert open_alert(day).colour == "red"
    assert why(day) == {"flag/breath"}


def test_a_red_that_was_kept_offline_is_heard_though_another_answered_since() -> None:
    day = FollowUp().at("1 10:00")
    for _ in range(3):
        day.answer(WELL)
    assert day.answer(RED, happened_at=instant("1 9:00")).outcome == "applied"
    assert open_alert(day).colour == "red"


# -- while somebody has it


def test_a_new_red_while_somebody_has_one_is_told_to_them() -> None:
    day = FollowUp(pathway(no_answer=NoAnswer("red"), limits=Limits(3600.0, 43_200.0, 9))).at("1 13:00")
    take(day, "1 14:00", by=NURSE)
    day.at("1 13:30").answer(RED)
    day.answer(answers(breathless=True, temperature=40.2))
    assert open_alert(day).status == "acknowledged"
    assert [(word.to, word.severity) for word in day.words()] == [((NURSE,), "critical"), ((NURSE,), "warning")]
    assert why(day) == {"no-answer", "flag/breath", "flag/high-fever"}
    assert len({word.id for word in day.words()}) == 2
    day.answer(answers(breathless=True, temperature=40.1))
    assert len(day.words()) == 2
    day.answer(answers(breathless=True, temperature=41.0))
    assert len(day.words()) == 3, "it is worse"


def test_each_yellow_that_is_told_has_a_name_of_its_own() -> None:
    day = FollowUp().at("1 9:00")
    for told in (YELLOW, WELL, YELLOW):
        day.answer(told)
    assert len({word.id for word in day.words()}) == len(day.words()) == 2


# -- what is refused


def test_a_grave_answer_to_a_follow_up_that_is_paused_raises_an_alert_that_only_a_person_closes() -> None:
    day = FollowUp().at("1 9:00")
    day.event(FollowUpMoved, move="pause", reason=sealed())
    slot = "1-0900"
    assert day.answer(WELL, slot=slot).reason == "paused"
    assert day.patient.alert is None
    assert day.answer(ORANGE, slot=slot).reason == "paused"
    assert (open_alert(day).colour, why(day)) == ("orange", {"not-taken"})
    assert day.answer(RED, slot=slot).reason == "paused"
    assert day.told() == ["fired", "worsened"]
    assert day.patient.colour is None, "it counts for nothing else"
    assert day.lines()[-4:] == ["not_taken", "fired", "not_taken", "worsened"]
    close(day, outcome="acted")
    day.answer(RED, slot=slot)
    assert open_alert(day).colour == "red", "they are as ill as before, and nobody was asked to know"


def test_whoever_has_the_alert_is_told_of_what_is_not_taken_once_an_hour() -> None:
    day = FollowUp().at("1 9:00")
    day.answer(RED)
    take(day, "1 11:00", by=NURSE)
    day.event(FollowUpMoved, move="pause", reason=sealed())
    words = len(day.words())
    for minute in ("9:10", "9:20", "10:15"):
        day.at(f"1 {minute}").answer(RED, slot="1-0900")
    assert [(word.to, word.severity) for word in day.words()[words:]] == [((NURSE,), "critical")] * 2
    assert open_alert(day).news == 3


def test_a_grave_answer_after_its_slot_or_after_the_end_raises_an_alert() -> None:
    day = FollowUp().at("1 21:00:05")
    close(day)
    assert day.answer(RED, slot="1-0900").reason == "slot closed"
    assert (open_alert(day).colour, why(day)) == ("red", {"not-taken"})
    close(day)
    day.at("3 21:00:05")
    assert day.patient.status == "ended"
    close(day)
    assert day.answer(RED, slot="3-0900").reason == "over"
    assert (open_alert(day).colour, why(day)) == ("red", {"not-taken"})


def test_what_is_not_taken_raises_nothing_while_its_rule_is_muted() -> None:
    day = FollowUp().at("1 9:00")
    day.mute("not-taken", 1)
    day.answer(RED, slot="1-2100")
    assert day.patient.alert is None


# -- where something breaks


def test_telling_anew_of_one_patient_who_breaks_it_tells_of_all_others_and_buries_no_other_record() -> None:
    day = FollowUp().at("1 9:00")
    day.enrol("p2")
    for patient in (PATIENT, "p2"):
        day.answer(RED, patient=patient)
    day.state.patients[PATIENT] = replace(day.state.patients[PATIENT], pathway="none/1")
    day.state.retells_from = 0
    draft = day.try_to_fold([Item(len(day.items), Tick(id="tick", received_at=day.now + 1), None)])
    told = [each.step for _, _, each in draft.steps if isinstance(each, Stepped)]
    assert [(step.what, step.alert.subject) for step in told] == [("replanned", "patient/p2")]
    assert list(draft.dead.values()) == ["KeyError when it was due"]
    assert draft.retells_from == -1, "nor does the next record try it again"
