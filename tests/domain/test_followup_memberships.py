"""Whose grants ended: they are passed by until one is in force again, and a circle without anybody is found."""

from typing import Any

import pytest

from domain.alerts.routing import ChainStep
from domain.events import (
    CircleChanged,
    FollowUpMoved,
    GlassBroken,
    MembershipsJudged,
    MessageWritten,
    OnCallJoined,
    PatientAlertActed,
)
from domain.followup.crossing import Stepped
from domain.followup.pathway import Outside
from domain.followup.patient import Member
from tests.follow_up_days import AGENT, DOCTOR, HOUR_MS, NURSE, ORANGE, RED, FollowUp, pathway, sealed

DOCTOR_IS, NURSE_IS = Member(DOCTOR, "physician"), Member(NURSE, "nurse")


def lapse(day: FollowUp, *members: Member, **more: Any) -> str:
    """Return what became of grants that ended."""
    said = day.event(MembershipsJudged, by=None, lapsed=members, **more)
    return said.reason or said.outcome


def plan(day: FollowUp) -> tuple[ChainStep, ...]:
    """Return the plan that an alert is told by now."""
    return [each.step.alert.plan for each in day.crossed() if isinstance(each, Stepped)][-1]


def people(day: FollowUp) -> list[str]:
    """Return whom the plan of an alert names."""
    return [step.person or step.on_call or "" for step in plan(day) if step.person or step.on_call]


def take(day: FollowUp, who: str) -> str:
    """Return what became of a take."""
    alert = day.patient.alert
    assert alert is not None
    return day.event(
        PatientAlertActed, by=who, alert=alert.id, act="take", check_at=day.now + HOUR_MS, seen=alert.news
    ).outcome


def test_whose_grant_ended_is_told_of_no_alert() -> None:
    day = FollowUp().at("1 9:00")
    assert lapse(day, DOCTOR_IS) == "applied"
    day.answer(RED)
    assert people(day) == [NURSE, "nights"]
    assert day.patient.circle == (Member(DOCTOR, "physician", lapsed=True), NURSE_IS)


def test_an_open_alert_is_told_by_another_plan_then_and_by_the_first_once_a_grant_is_in_force_again() -> None:
    day = FollowUp().at("1 9:00")
    day.answer(RED)
    assert people(day) == [DOCTOR, NURSE, "nights"]
    lapse(day, DOCTOR_IS)
    assert people(day) == [NURSE, "nights"]
    assert day.event(MembershipsJudged, by=None, valid=(DOCTOR_IS,)).outcome == "applied"
    assert people(day) == [DOCTOR, NURSE, "nights"]
    assert day.told() == ["fired", "replanned", "replanned"]
    assert day.patient.circle == (DOCTOR_IS, NURSE_IS)
    assert [what for what in day.lines() if what in ("lapsed", "back")] == ["lapsed", "back"]


def test_what_they_had_taken_is_open_again() -> None:
    day = FollowUp().at("1 9:00")
    day.answer(RED)
    assert take(day, DOCTOR) == "applied"
    lapse(day, DOCTOR_IS)
    assert day.told()[-1] == "reopened"
    assert people(day) == [NURSE, "nights"]


def test_nothing_is_handed_over_to_them_and_no_word_reaches_them() -> None:
    day = FollowUp().at("1 9:00")
    day.answer(RED)
    take(day, NURSE)
    lapse(day, DOCTOR_IS)
    assert day.patient.alert is not None
    given = day.event(PatientAlertActed, by=NURSE, alert=day.patient.alert.id, act="hand_over", to=DOCTOR)
    assert given.reason == "to: must be somebody of the circle"
    day.event(FollowUpMoved, by=NURSE, move="pause", reason=sealed())
    day.event(GlassBroken, by="regulator", reason=sealed(), until=day.now + HOUR_MS)
    assert {to for word in day.words() for to in word.to} == {NURSE}


def test_who_is_there_as_another_by_now_stays() -> None:
    """Found while they were the nurse, folded once they are the physician: that is what their grants let them be."""
    day = FollowUp()
    day.event(CircleChanged, add=(Member(NURSE, "physician"),))
    assert lapse(day, NURSE_IS) == "known already"
    assert day.patient.circle == (DOCTOR_IS, Member(NURSE, "physician"))


def test_who_lapsed_may_still_act_by_a_grant_that_was_given_just_now() -> None:
    """Who lets it in knows their grants of this minute; we hear of it within the next."""
    day = FollowUp()
    lapse(day, NURSE_IS)
    assert day.event(MessageWritten, by=NURSE, text=sealed()).outcome == "applied"


def test_what_is_told_twice_changes_nothing() -> None:
    day = FollowUp()
    assert lapse(day, NURSE_IS) == "applied"
    assert lapse(day, NURSE_IS) == "known already"
    assert lapse(day, Member("stranger", "nurse")) == "known already"


# -- nobody is left


def test_where_nobody_is_left_whoever_is_on_call_answers_and_who_looks_after_grants_is_told() -> None:
    day = FollowUp().at("1 9:00")
    lapse(day, DOCTOR_IS)
    assert day.patient.alert is None
    lapse(day, NURSE_IS, tell=("dpo",))
    assert day.patient.alert is not None
    assert day.patient.alert.colour == "orange"
    assert [found.rule for found in day.chart.why] == ["nobody-left"]
    assert people(day) == ["nights"]
    assert [(word.to, word.severity) for word in day.words()] == [(("dpo",), "warning")]


def test_where_a_colour_has_nobody_on_call_whoever_is_for_another_answers() -> None:
    outside = {"orange": Outside(call_15=True), "red": Outside(on_call="nights")}
    day = FollowUp(pathway(outside=outside)).at("1 9:00")
    lapse(day, DOCTOR_IS, NURSE_IS)
    assert people(day) == ["nights"]


def test_an_open_alert_goes_to_whoever_is_on_call_too() -> None:
    day = FollowUp().at("1 9:00")
    day.answer(ORANGE)
    assert people(day) == [NURSE, "nights"]
    lapse(day, DOCTOR_IS, NURSE_IS)
    assert people(day) == ["nights"]
    assert day.patient.alert is not None
    assert day.patient.alert.news == 2
    assert [found.rule for found in day.chart.why] == ["flag/pain", "nobody-left"]


def test_whoever_is_on_call_brings_somebody_in_and_closes_only_then() -> None:
    day = FollowUp().at("1 9:00")
    lapse(day, DOCTOR_IS, NURSE_IS)
    assert day.event(OnCallJoined, by="oncall", until=day.now + HOUR_MS).outcome == "applied"
    assert take(day, "oncall") == "applied"
    alert = day.patient.alert
    assert alert is not None
    close: dict[str, Any] = {"by": "oncall", "alert": alert.id, "act": "close", "outcome": "acted", "seen": alert.news}
    said = day.event(PatientAlertActed, **close)
    assert said.reason == "circle: bring somebody in first: nobody is left to answer for the patient"
    assert day.event(CircleChanged, by="oncall", add=(Member(AGENT, "physician"),)).outcome == "applied"
    assert people(day) == [AGENT, "nights"], "told() of nobody with the colour's roles is told to everybody"
    assert day.event(CircleChanged, by="oncall", add=(Member("more", "nurse"),)).reason == "for a while"
    assert day.event(PatientAlertActed, **close).outcome == "applied"


def test_a_grant_that_is_renewed_mends_it() -> None:
    day = FollowUp().at("1 9:00")
    lapse(day, DOCTOR_IS, NURSE_IS)
    day.event(MembershipsJudged, by=None, valid=(NURSE_IS,))
    assert people(day) == [NURSE, "nights"]
    assert take(day, NURSE) == "applied"
    assert day.patient.alert is not None
    assert day.event(
        PatientAlertActed, by=NURSE, alert=day.patient.alert.id, act="close", outcome="acted", seen=1
    ).outcome == ("applied")


def test_the_last_who_may_stays() -> None:
    day = FollowUp()
    lapse(day, DOCTOR_IS)
    assert day.event(CircleChanged, by=NURSE, remove=(NURSE,)).reason == "circle: somebody has to stay"


@pytest.mark.parametrize("how", ["stop", "end"])
def test_nobody_answers_for_what_is_over(how: Any) -> None:
    day = FollowUp()
    day.event(FollowUpMoved, move=how, reason=sealed())
    lapse(day, DOCTOR_IS, NURSE_IS, tell=("dpo",))
    assert day.patient.alert is None
    assert ("dpo",) not in [word.to for word in day.words()]


def test_who_lapsed_may_break_the_glass_or_come_for_a_night_by_another_grant() -> None:
    day = FollowUp().at("1 9:00")
    day.answer(RED)
    lapse(day, NURSE_IS, DOCTOR_IS)
    assert day.event(OnCallJoined, by=NURSE, until=day.now + HOUR_MS).outcome == "applied"
    assert day.event(GlassBroken, by=DOCTOR, reason=sealed(), until=day.now + HOUR_MS).outcome == "applied"
