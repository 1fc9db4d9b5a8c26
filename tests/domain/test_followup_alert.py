"""A patient's alert on a timeline: seen, not taken, taken, opened again, worse; and closed by a person alone."""

from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from config.pathways import load
from domain.alerts.lifecycle import Alert, Status
from domain.alerts.routing import ChainStep, Window
from domain.events import AlertSeen, FollowUpMoved, PatientAlertActed, PatientErased
from domain.followup.alert import PATIENT_NEXT, Happening, drawing
from domain.followup.crossing import Stepped
from domain.followup.pathway import Colour, Limits, NoAnswer, Outside, Pathway, Reminders, Slots
from domain.followup.patient import Member, MemberRole, PatientAlert
from domain.followup.plan import plan_of, told
from tests.follow_up_days import (
    CIRCLE,
    DOCTOR,
    HOME,
    HOUR_MS,
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
)

SHIPPED = Path(__file__).resolve().parents[2] / "config" / "regions" / "occitanie"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "patient-alert-lifecycle.md"


def acts(day: FollowUp, act: str, *, by: str = DOCTOR, **more: Any) -> Any:
    """Return what became of an act on the alert that is open, or was last."""
    held = day.patient.alert
    id_ = more.pop("alert", held.id if held else day.patient.closed[-1].id if day.patient.closed else "none")
    return day.event(PatientAlertActed, by=by, alert=id_, act=act, **more)


def last(day: FollowUp) -> Alert:
    """Return the alert of the last step that crossed."""
    return [each.step.alert for each in day.crossed() if isinstance(each, Stepped)][-1]


def open_alert(day: FollowUp) -> PatientAlert:
    """Return the alert that is open."""
    assert day.patient.alert is not None
    return day.patient.alert


# -- the table


def test_only_a_person_or_erasure_ends_an_alert() -> None:
    ends = {happening for (_, happening), then in PATIENT_NEXT.items() if then.status == "resolved"}
    assert ends == {"close", "erased"}


def test_the_table_speaks_of_every_happening_while_an_alert_is_open() -> None:
    statuses: tuple[Status, ...] = ("firing", "acknowledged")
    absent = {pair for pair in product(statuses, get_args(Happening)) if pair not in PATIENT_NEXT}
    assert absent == {
        ("firing", "raised"),
        ("firing", "expires"),
        ("firing", "hand_over"),
        ("firing", "left"),
        ("acknowledged", "raised"),
        ("acknowledged", "take"),
    }


def test_the_page_shows_the_table() -> None:
    assert PAGE.read_text() == drawing()


# -- timelines


def test_a_red_seen_not_taken_then_taken_opened_again_and_closed() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(RED)
    alert = last(day)
    assert (alert.status, alert.severity, alert.subject, alert.since) == (
        "firing",
        "critical",
        f"patient/{PATIENT}",
        instant("1 9:05"),
    )
    assert alert.labels == {
        "rule": "patient",
        "concern": "patients",
        "severity": "critical",
        "region": "ici",
        "level": "patient",
    }
    day.at("1 10:00")
    assert open_alert(day).status == "firing"
    assert day.told() == ["fired"], "nobody took it: telling goes on elsewhere, by its plan"
    assert acts(day, "take", check_at=instant("1 11:00")).outcome == "applied"
    assert (open_alert(day).status, open_alert(day).taken_by) == ("acknowledged", DOCTOR)
    assert last(day).expires_at == instant("1 11:00")
    day.at("1 10:59:59")
    assert open_alert(day).status == "acknowledged"
    day.at("1 11:30")
    assert (open_alert(day).status, open_alert(day).reopened, open_alert(day).taken_by) == ("firing", 1, None)
    assert last(day).changed_at == instant("1 11:00"), "at its instant"
    assert acts(day, "take", by=NURSE, check_at=instant("1 12:00")).outcome == "applied"
    assert acts(day, "close", by=NURSE, outcome="acted", text=sealed("vue")).outcome == "applied"
    assert day.told() == ["fired", "taken", "reopened", "taken", "resolved"]
    assert (last(day).why, last(day).outcome, last(day).resolved_at) == ("closed", "acted", instant("1 11:30"))
    assert day.patient.alert is None
    closed = day.patient.closed[-1]
    assert (closed.closed_by, closed.outcome, closed.colour) == (NURSE, "acted", "red")
    day.at("1 13:00")
    assert day.told()[-1] == "resolved", "its check is over with it"


def test_what_gets_worse_while_somebody_has_it_is_opened_again() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(ORANGE)
    acts(day, "take", check_at=instant("1 20:00"))
    day.at("1 9:30").answer(answers(pain=True, breathless=True))
    assert day.told() == ["fired", "taken", "reopened"]
    assert (open_alert(day).status, open_alert(day).colour, open_alert(day).check_at) == ("firing", "red", None)
    assert last(day).severity == "critical"
    assert {finding.rule for finding in day.chart.why} == {"flag/breath", "flag/pain"}


def test_what_gets_worse_while_nobody_has_it_worsens_and_severity_never_falls() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(ORANGE)
    id_ = open_alert(day).id
    day.at("2 9:05").answer(RED)
    day.at("3 9:05").answer(ORANGE)
    assert day.told() == ["fired", "worsened"]
    assert (open_alert(day).id, open_alert(day).colour) == (id_, "red")
    assert day.patient.colour == "orange"


def test_a_greener_answer_a_silence_a_stop_and_the_end_close_nothing() -> None:
    for move in ("pause", "stop", "end"):
        day = FollowUp().at("1 9:05")
        day.answer(RED)
        day.at("2 9:05").answer(WELL)
        day.at("2 9:10").event(FollowUpMoved, move=move, reason=sealed())
        assert open_alert(day).status == "firing"
        assert day.told() == ["fired"]
    day = FollowUp().at("1 9:05")
    day.answer(RED)
    day.at("3 22:00")
    assert day.patient.status == "ended"
    assert open_alert(day).colour == "red"
    assert day.told() == ["fired"]


def test_an_alert_that_is_taken_is_opened_again_also_when_the_follow_up_is_over() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(ORANGE)
    acts(day, "take", check_at=instant("1 12:00"))
    day.event(FollowUpMoved, by=f"patient:{PATIENT}", move="stop")
    day.at("1 12:00")
    assert day.told() == ["fired", "taken", "reopened"]


def test_after_it_was_closed_only_what_is_graver_raises_another_for_the_same_slot() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(ORANGE)
    acts(day, "close", outcome="no_action_needed")
    day.answer(answers(pain=True, temperature=37.2))
    assert day.patient.alert is None
    first = day.patient.closed[-1].id
    day.answer(RED)
    assert open_alert(day).id != first
    acts(day, "close", outcome="acted")
    day.at("2 9:05").answer(ORANGE)
    assert day.told() == ["fired", "resolved", "fired", "resolved", "fired"], "another day is another slot"


def test_handing_over_gives_it_to_another_with_the_same_check_or_another() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(RED)
    acts(day, "take", check_at=instant("1 10:00"))
    assert acts(day, "hand_over", to=NURSE).outcome == "applied"
    assert (open_alert(day).taken_by, open_alert(day).check_at) == (NURSE, instant("1 10:00"))
    assert acts(day, "hand_over", by=NURSE, to=DOCTOR, check_at=instant("1 11:00")).outcome == "applied"
    assert (open_alert(day).taken_by, open_alert(day).check_at) == (DOCTOR, instant("1 11:00"))
    assert acts(day, "comment", text=sealed("appelée")).outcome == "applied"
    assert day.told() == ["fired", "taken", "handed_over", "handed_over", "commented"]
    assert day.lines()[-4:] == ["taken", "handed_over", "handed_over", "commented"]


def test_erasure_ends_it_for_nobody_could_read_it_any_more() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(RED)
    day.event(PatientErased, by=None)
    assert (last(day).status, last(day).why) == ("resolved", "gone")
    assert [step.person for step in last(day).plan if step.person] == [DOCTOR, NURSE], "and who sees it is still said"
    assert PATIENT not in day.state.patients


def test_what_is_told_of_an_alert_names_nobody_and_nothing() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(RED)
    told = last(day)
    said = " ".join(word for each in (told.title, told.text, told.todo) for word in (each.fr, each.en))
    for content in ("DUPONT", "Jeanne", "rouge", "red", "breath", "essouffl", "COVID", "37"):
        assert content.lower() not in said.lower()
    assert told.value is None


def test_the_notices_own_events_are_none_of_this_fold() -> None:
    """Seeing an alert is the notices shard's: here it would be a mistake of whoever wrote it."""
    day = FollowUp()
    item = day.items[0]._replace(offset=99, event=AlertSeen(id="s", received_at=day.now, alerts=("a",)))
    assert day.try_to_fold([item]).dead == {99: "TypeError while folding"}


# -- whom it tells


def test_the_circle_comes_first_while_the_pathway_is_staffed_and_who_is_on_call_at_night() -> None:
    day = FollowUp(circle=(*CIRCLE, Member("guest", "samu", until=instant("2 0:00"))))
    wait, loop = ChainStep(wait_s=540.0), ChainStep(loop=5)
    people = (ChainStep(person=DOCTOR), ChainStep(person=NURSE))
    night = ChainStep(on_call="nights")
    assert plan_of(pathway(), day.patient, "red", instant("1 9:00")) == (*people, wait, night, wait, loop)
    assert plan_of(pathway(), day.patient, "red", instant("1 20:00")) == (night, wait, *people, wait, loop)
    slow = ChainStep(wait_s=3600.0)
    nurse = ChainStep(person=NURSE)
    assert plan_of(pathway(), day.patient, "orange", instant("1 9:00")) == (nurse, slow, night, slow, loop)


def test_where_the_patient_is_told_to_call_15_whoever_is_on_call_and_the_circle_are_told_together_at_night() -> None:
    """The circle may be asleep: a red must reach whoever is on call as soon as an orange does."""
    told = pathway(outside={"orange": Outside(on_call="nights"), "red": Outside(call_15=True)})
    day = FollowUp()
    people = (ChainStep(person=DOCTOR), ChainStep(person=NURSE))
    wait, night, loop = ChainStep(wait_s=540.0), ChainStep(on_call="nights"), ChainStep(loop=5)
    assert plan_of(told, day.patient, "red", instant("1 23:00")) == (night, *people, wait, loop)
    assert plan_of(told, day.patient, "red", instant("1 9:00")) == (*people, wait, night, wait, loop)
    alone = pathway(told={"red": ("circle",)}, outside={"red": Outside(call_15=True)})
    assert plan_of(alone, day.patient, "red", instant("1 23:00")) == (*people, wait, loop), "nobody is on call"


@pytest.mark.parametrize("told", load(SHIPPED), ids=lambda told: str(told.id))
def test_of_no_shipped_pathway_a_red_reaches_whoever_is_on_call_later_than_an_orange(told: Pathway) -> None:
    patient = FollowUp().patient

    def before_on_call(colour: Colour, at: int) -> float:
        plan = plan_of(told, patient, colour, at)
        place = next((place for place, step in enumerate(plan) if step.on_call), None)
        return float("inf") if place is None else sum(step.wait_s or 0.0 for step in plan[:place])

    for hour in range(7 * 24):
        at = instant("1 0:30") + hour * HOUR_MS
        if "on_call" in told.told["red"]:
            assert before_on_call("red", at) <= before_on_call("orange", at), hour


@pytest.mark.parametrize("shipped", load(SHIPPED), ids=lambda shipped: str(shipped.id))
def test_of_each_shipped_pathway_somebody_who_can_take_it_is_told_of_what_is_grave(shipped: Pathway) -> None:
    roles: tuple[MemberRole, ...] = ("ehpad", "physician", "nurse", "tracing_agent")
    patient = replace(FollowUp().patient, circle=tuple(Member(role, role) for role in roles))
    graves: tuple[Colour, ...] = ("orange", "red")
    for colour in graves:
        assert {"physician", "nurse", "tracing_agent"} & set(told(shipped, patient, colour)), colour


def test_where_nobody_has_the_role_everybody_is_told() -> None:
    told = pathway(told={"orange": ("tracing_team",), "red": ("geriatrics", "samu")}, staffed=(Window(0, 1440),))
    day = FollowUp()
    people = (ChainStep(person=DOCTOR), ChainStep(person=NURSE))
    assert plan_of(told, day.patient, "red", instant("1 9:00"))[:2] == people


def test_nobody_waits_for_staff_alone_who_are_told_but_can_t_take_it() -> None:
    day = FollowUp()
    theirs = pathway(told={"red": ("ehpad", "on_call")})
    patient = replace(day.patient, circle=(Member(HOME, "ehpad"), *day.patient.circle))
    home, night, loop = ChainStep(person=HOME), ChainStep(on_call="nights"), ChainStep(loop=5)
    wait = ChainStep(wait_s=540.0)
    assert plan_of(theirs, patient, "red", instant("1 9:00")) == (home, night, wait, loop)
    assert plan_of(theirs, patient, "red", instant("1 23:00")) == (night, wait, home, loop)
    with_nurse = pathway(told={"red": ("ehpad", "nurse", "on_call")})
    nurse = ChainStep(person=NURSE)
    assert plan_of(with_nurse, patient, "red", instant("1 9:00")) == (home, nurse, wait, night, wait, loop)


def test_a_plan_is_made_when_it_is_opened_and_again_when_it_is_opened_again() -> None:
    day = FollowUp().at("1 19:55")
    day.answer(RED)
    staffed = last(day).plan
    assert staffed[0].person == DOCTOR
    acts(day, "take", check_at=instant("1 20:30"))
    assert last(day).plan == staffed
    day.at("1 20:30")
    assert last(day).plan[0].on_call == "nights"


def test_of_each_rule_the_gravest_finding_is_the_reason() -> None:
    day = FollowUp(pathway(no_answer=NoAnswer("orange", (1, 1), "red", "start"))).at("1 12:00")
    assert [(finding.rule, finding.colour) for finding in day.chart.why] == [("no-answer", "red")]
    day.at("2 12:00")
    assert day.patient.colour == "orange"
    assert [(finding.rule, finding.colour) for finding in day.chart.why] == [("no-answer", "red")]


# -- mutes


def test_a_muted_rule_raises_nothing_while_it_lasts_and_is_judged_again_at_its_end() -> None:
    day = FollowUp().at("1 9:05")
    assert day.mute("flag/breath", 2).outcome == "applied"
    assert (day.patient.muted_until, day.patient.mute_ends) == (instant("1 11:05"), (instant("1 11:05"),))
    assert [(mute.rule, mute.by) for mute in day.chart.mutes] == [("flag/breath", DOCTOR)]
    day.answer(RED)
    assert (day.patient.colour, day.patient.alert) == ("red", None), "what is muted is seen still"
    day.at("1 11:04:59")
    assert day.told() == []
    day.at("1 12:00")
    assert day.told() == ["fired"]
    assert open_alert(day).opened_at == instant("1 11:05")
    assert (day.patient.muted_until, day.chart.mutes) == (None, ())


def test_only_the_muted_rule_is_quiet() -> None:
    day = FollowUp().at("1 9:05")
    day.mute("flag/breath", 2)
    day.answer(answers(breathless=True, pain=True))
    assert open_alert(day).colour == "orange"
    day.at("1 11:05")
    assert open_alert(day).colour == "red"
    assert day.told() == ["fired", "worsened"]


def test_what_was_corrected_meanwhile_raises_nothing_at_the_end_of_its_mute() -> None:
    day = FollowUp().at("1 9:05")
    day.mute("flag/breath", 2)
    day.answer(RED)
    day.answer(WELL)
    day.at("1 12:00")
    assert day.told() == []


def test_a_mute_ends_also_after_its_slot_was_closed() -> None:
    day = FollowUp(pathway(limits=Limits(3600.0, 10_800.0, 2))).at("1 11:00")
    day.mute("flag/breath", 4)
    day.answer(RED)
    day.at("1 14:59")
    assert day.told() == []
    day.at("1 15:00")
    assert day.told() == ["fired"]
    assert open_alert(day).slot == "1-0900"


def test_a_slot_that_nobody_answers_hides_nothing_that_was_muted_before() -> None:
    quick: dict[str, Any] = {"reminders": Reminders(600.0, 1200.0, 1800.0), "limits": Limits(1800.0, 1800.0, 2)}
    day = FollowUp(pathway(slots=Slots((1, 2), (540, 660)), **quick)).at("1 9:10")
    day.mute("flag/breath", 4)
    day.answer(RED)
    day.at("1 11:30")
    assert [finding.rule for finding in day.chart.why] == ["no-answer"]
    day.at("1 13:10")
    assert [finding.rule for finding in day.chart.why] == ["no-answer", "flag/breath"]


def test_no_answer_can_be_muted_too_and_is_found_at_the_end() -> None:
    day = FollowUp().at("1 11:00")
    day.mute("no-answer", 4)
    day.at("1 14:59")
    assert (day.patient.slots["1-0900"].state, day.told()) == ("missed", [])
    day.at("1 15:00")
    assert day.told() == ["fired"]


def test_mutes_end_each_at_its_own_time() -> None:
    day = FollowUp().at("1 9:05")
    day.mute("flag/breath", 3)
    day.mute("flag/pain", 1)
    assert day.patient.mute_ends == (instant("1 10:05"), instant("1 12:05"))
    day.answer(answers(breathless=True, pain=True))
    assert open_alert(day.at("1 10:05")).colour == "orange"
    assert open_alert(day.at("1 12:05")).colour == "red"


def test_yellow_raises_nobody() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(YELLOW)
    assert day.told() == []


@pytest.mark.parametrize("reload", [False, True])
def test_a_memory_that_is_lost_after_each_record_changes_nothing(reload: bool) -> None:
    day = FollowUp()
    day.reload = reload
    day.at("1 9:05").mute("flag/pain", 2)
    day.answer(answers(pain=True, breathless=True))
    acts(day, "take", check_at=instant("1 10:30"))
    day.at("1 11:05").at("2 12:00").at("3 21:00")
    assert day.told() == ["fired", "taken", "reopened"]
    assert [state.colour for state in day.patient.slots.values()] == ["red", "red", "red"]
