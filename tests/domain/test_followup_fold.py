"""The follow-up fold told one thing after another: enrolled, asked, reminded, answered, scored, missed, ended."""

from pathlib import Path

import msgspec
import pytest

from config.pathways import load
from domain.events import (
    ChannelChanged,
    CodeAsked,
    FollowUpMoved,
    NoticeAttempted,
    NoticeDelivered,
    NoticeFailed,
    Source,
    TeleconsultationStarted,
    Tick,
)
from domain.followup.fold import needs
from domain.followup.pathway import Cluster, End, Limits, NoAnswer, Slots
from domain.followup.patient import Member
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
    file,
    instant,
    pathway,
    published,
    sealed,
)

OCCITANIE = Path(__file__).resolve().parents[2] / "config" / "regions" / "occitanie"
EHPAD = "310000001"


def asked(day: FollowUp) -> list[str]:
    """Return the messages that wait in the outbox."""
    return sorted(id_.removeprefix(f"{PATIENT}/") for id_ in day.state.outbox)


# -- answers


def test_answers_are_scored_at_once_and_the_row_has_their_colour() -> None:
    day = FollowUp().at("1 9:05")
    assert day.answer(WELL).outcome == "applied"
    assert (day.patient.colour, day.patient.slots["1-0900"].state) == ("green", "answered")
    day.at("2 9:05")
    assert day.answer(RED).outcome == "applied"
    assert day.patient.colour == "red"
    assert day.patient.alert is not None
    assert day.told() == ["fired"]
    assert [finding.rule for finding in day.chart.why] == ["flag/breath"]
    assert day.lines() == ["enrolled", "answered", "answered", "fired"]


def test_a_repetition_changes_nothing_and_a_correction_keeps_what_was_said_first() -> None:
    day = FollowUp().at("1 9:05")
    assert day.answer(RED, id_="a").outcome == "applied"
    row = day.patient
    assert day.answer(WELL, id_="a").outcome == "applied", "what became of it the first time"
    assert day.patient == row
    assert day.answer(WELL, id_="b").outcome == "applied"
    assert (day.patient.colour, day.patient.slots["1-0900"].corrections) == ("green", 1)
    content = day.slots[PATIENT, "1-0900"]
    assert (content.answers["breathless"], content.first) == (False, {"breathless": True})
    assert day.patient.alert is not None, "a greener answer closes nothing"
    assert day.patient.alert.colour == "red"


def test_what_is_sent_again_after_ids_are_forgotten_is_no_correction() -> None:
    slow = pathway(slots=Slots((1, 9), (540,)), limits=Limits(3600.0, 7 * 86_400.0, 2))
    day = FollowUp(slow).at("1 9:05")
    day.answer(RED, id_="a")
    day.at("4 10:00")
    assert day.answer(RED, id_="a", slot="1-0900").outcome == "history"
    assert len(day.slots[PATIENT, "1-0900"].sent) == 1


def test_a_correction_beyond_the_limit_is_taken_only_where_it_is_graver() -> None:
    day = FollowUp().at("1 9:05")
    for temperature in (37.0, 37.1, 37.2):
        assert day.answer(answers(temperature=temperature)).outcome == "applied"
    assert day.answer(answers(temperature=37.3)).reason == "too many corrections"
    assert day.slots[PATIENT, "1-0900"].answers["temperature"] == 37.2
    assert day.answer(RED).outcome == "applied"
    assert day.patient.colour == "red"


def test_what_only_adds_to_what_was_sent_uses_no_correction_up() -> None:
    day = FollowUp().at("1 9:05")
    assert day.answer(answers(temperature=None, pain=None, breathless=True)).outcome == "applied"
    assert day.patient.slots["1-0900"].lacks == 2
    assert day.answer(answers(temperature=None, breathless=True)).outcome == "applied"
    assert day.answer(answers(breathless=True)).outcome == "applied"
    assert day.patient.slots["1-0900"].lacks == 0
    for temperature in (37.1, 37.2):
        assert day.answer(answers(breathless=True, temperature=temperature)).outcome == "applied"
    assert day.answer(answers(breathless=True, temperature=37.3)).reason == "too many corrections"


def test_what_is_said_again_and_adds_nothing_is_a_correction() -> None:
    day = FollowUp().at("1 9:05")
    for _ in range(3):
        assert day.answer(WELL).outcome == "applied"
    assert day.answer(WELL).reason == "too many corrections"


def test_what_is_missing_makes_it_incomplete_and_never_green() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(answers(breathless=None))
    assert (day.patient.colour, day.patient.incomplete) == ("yellow", True)


def test_own_thresholds_and_the_day_of_the_pathway_are_what_it_is_scored_by() -> None:
    own = {"flag/fever": {"value": 37.5, "set_by": DOCTOR, "set_at": 0, "reason": "…"}}
    day = FollowUp(enrol=False)
    day.enrol(content=msgspec.convert(msgspec.to_builtins(file()) | {"thresholds": own}, type(file())))
    day.at("1 9:05").answer(answers(temperature=37.6))
    assert day.patient.colour == "yellow"
    result = day.slots[PATIENT, "1-0900"].result
    assert result is not None
    assert result.findings[0].whose == "own"


def test_the_answers_of_the_days_before_are_kept_as_long_as_a_trend_looks_at_them() -> None:
    day = FollowUp()
    for number in (1, 2, 3):
        day.at(f"{number} 9:05").answer(answers(temperature=37.0 + number / 10))
    assert day.chart.current is not None
    assert day.chart.current.day == 3
    assert day.chart.before == (), "no trend looks back here"


def test_a_yellow_answer_is_told_to_whom_the_pathway_names_once() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(YELLOW)
    day.answer(YELLOW)
    assert [(word.to, word.severity) for word in day.words()] == [((NURSE,), "info")]
    assert day.told() == []


def test_a_trend_looks_at_the_days_before_and_no_further() -> None:
    covid = next(each for each in load(OCCITANIE) if each.id == "medical-covid")
    day = FollowUp(covid)
    for number in range(1, 7):
        day.at(f"{number} 9:05").answer({"spo2": 99, "spo2-effort": 99, "temperature": 37.0})
    assert [each.day for each in day.chart.before] == [3, 4, 5]
    day.at("7 9:05").answer({"spo2": 96, "spo2-effort": 96, "temperature": 37.0})
    result = day.slots[PATIENT, "7-0900"].result
    assert result is not None
    assert "trend/spo2-falls" in [finding.rule for finding in result.findings]


def test_every_pathway_that_is_shipped_runs_to_its_end_with_every_slot_missed_once() -> None:
    for told in load(OCCITANIE):
        begins = msgspec.structs.replace(told, first_call=None)
        day = FollowUp(begins, facility="310000001")
        slots = len(told.slots.days) * len(told.slots.times)
        for number in range(told.slots.days[-1] + 1):
            day.at(f"{number + 1} 23:59")
        assert day.patient.status == "ended", told.id
        assert day.lines().count("missed") == slots
        assert day.lines().count("fired") == 1
        assert (day.patient.summary == "due") == (told.end.how == "summary")


# -- asked, and reminded


def test_each_step_of_a_slot_is_at_its_instant_and_an_answer_takes_back_what_is_not_sent() -> None:
    day = FollowUp().at("1 8:59:59")
    assert asked(day) == []
    assert asked(day.at("1 9:00")) == ["1-0900/due/sms"]
    assert day.patient.slots["1-0900"].state == "open"
    day.at("1 10:00")
    assert asked(day) == ["1-0900/remind/sms", "1-0900/remind/smtp"], "the reminder says all that the question would"
    day.answer(WELL)
    assert asked(day) == []
    day.at("2 8:00")
    assert len(day.notices) == 3
    told = day.notices[f"{PATIENT}/1-0900/remind/smtp"]
    assert (told.reason, told.severity, told.person) == ("reminder", "info", f"patient:{PATIENT}")
    assert (told.made_at, told.give_up_at) == (instant("1 10:00"), instant("1 21:00"))
    assert (told.title.fr, told.text.en, told.link) == ("", "", ""), "what it says is written when it is sent"


def test_an_answer_before_it_is_due_is_never_asked_for() -> None:
    day = FollowUp().at("1 8:10")
    assert day.answer(WELL).outcome == "applied"
    day.at("1 20:00")
    assert day.notices == {}
    assert day.patient.slot is not None
    assert day.patient.slot.slot == "1-0900"
    assert day.at("1 21:00").patient.slot is not None
    assert day.patient.slot.slot == "2-0900"


def arrives(day: FollowUp) -> FollowUp:
    """Return the same, once all that is on its way to patients has been delivered."""
    for id_ in sorted(day.state.outbox):
        day.event(NoticeDelivered, by=None, notice=id_)
    return day


def test_no_answer_is_a_finding_orange_by_default() -> None:
    day = arrives(FollowUp(content=file(symptoms_day=file().symptoms_day + 1)).at("1 9:00"))  # type: ignore[operator]
    day.at("1 12:00")
    assert day.patient.slots["1-0900"].state == "missed"
    assert (day.patient.colour, day.patient.colour_at) == ("orange", instant("1 12:00"))
    assert asked(day) == [], "nobody is reminded of it any more"
    assert day.told() == ["fired"]
    assert [(finding.rule, finding.value) for finding in day.chart.why] == [("no-answer", None)]
    assert day.slots[PATIENT, "1-0900"].result is None


def test_after_an_outage_a_patient_gets_one_message_a_channel_and_not_all_at_once() -> None:
    day = FollowUp().at("1 11:00")
    assert asked(day) == ["1-0900/remind_again/sms", "1-0900/remind_again/smtp"]


def test_whom_no_question_reached_was_never_asked_and_still_is_when_it_goes_again() -> None:
    day = FollowUp().at("1 12:00")
    assert day.told() == ["fired"], "that nobody hears of a patient alarms all the same"
    assert [(finding.rule, finding.value) for finding in day.chart.why] == [("no-answer", "not-reached")]
    assert not day.patient.slots["1-0900"].reached
    assert asked(day) == ["1-0900/remind_again/sms", "1-0900/remind_again/smtp"]
    assert day.answer(WELL).outcome == "applied"
    assert asked(day) == []
    day = FollowUp().at("1 20:59:59")
    assert "not_reached" not in day.lines()
    day.at("1 21:00")
    assert (asked(day), day.lines()[-2:]) == ([], ["not_reached", "not_reached"])


def test_whom_one_channel_reached_was_asked() -> None:
    day = FollowUp().at("1 10:30")
    day.event(NoticeDelivered, by=None, notice=f"{PATIENT}/1-0900/remind/smtp")
    day.at("1 12:00")
    assert [finding.value for finding in day.chart.why] == [None]
    assert asked(day) == []


def test_a_code_that_nobody_sends_in_time_is_said() -> None:
    day = FollowUp()
    day.event(CodeAsked, by=None, id_="c", give_up_at=day.now + 600_000)
    assert day.state.outbox[f"{PATIENT}/code/c/sms"].severity == "warning", "it goes before questionnaires"
    day.at("1 8:10")
    assert day.lines()[-1] == "not_reached"


@pytest.mark.parametrize("first", [ORANGE, RED])
def test_no_answer_is_red_after_an_orange_or_red_answer(first: dict[str, object]) -> None:
    day = FollowUp().at("1 9:05")
    day.answer(first)  # type: ignore[arg-type]
    day.at("2 12:00")
    assert day.patient.slots["2-0900"].colour == "red"


def test_two_slots_that_nobody_answered_are_no_red_one_by_themselves() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(WELL)
    day.at("2 12:00").at("3 12:00")
    assert [state.colour for state in day.patient.slots.values()] == ["green", "orange", "orange"]


def test_no_answer_is_red_on_the_days_of_risk() -> None:
    day = FollowUp(pathway(no_answer=NoAnswer("orange", (1, 2), "red"))).at("1 12:00")
    assert day.patient.colour == "red"


def test_a_late_answer_is_taken_until_the_slot_closes_and_the_finding_stays() -> None:
    day = FollowUp().at("1 12:00").at("1 20:59")
    assert day.answer(WELL).outcome == "applied"
    assert (day.patient.slots["1-0900"].state, day.patient.colour) == ("answered", "green")
    assert day.patient.alert is not None
    assert [finding.rule for finding in day.chart.why] == ["no-answer"]
    day.at("1 21:00")
    assert day.answer(WELL, slot="1-0900").reason == "slot closed"


def test_after_a_long_gap_everything_has_happened_at_its_own_instant() -> None:
    day = FollowUp().at("3 21:00")
    assert [state.state for state in day.patient.slots.values()] == ["missed"] * 3
    assert (day.patient.status, day.patient.over_at) == ("ended", instant("3 21:00"))
    missed = [line for _, line in day.story if line.what == "missed"]
    assert [line.at for line in missed] == [instant("1 12:00"), instant("2 12:00"), instant("3 12:00")]
    assert asked(day) == ["end/end/sms"]


def test_whoever_is_enrolled_late_is_asked_at_once_and_not_found_silent() -> None:
    day = FollowUp(enrol=False).at("1 13:00")
    day.enrol()
    assert asked(day) == ["1-0900/due/sms"]
    day.at("1 21:00")
    assert day.patient.slots["1-0900"].state == "skipped"
    assert day.told() == []
    assert day.patient.slot is not None
    assert day.patient.slot.slot == "2-0900"


def test_staff_are_told_of_a_sitting_and_no_resident_is_written_to() -> None:
    circle = (*CIRCLE, Member(HOME, "ehpad"))
    day = FollowUp(pathway(answered_by="staff"), circle=circle).at("1 11:00")
    assert day.notices == {}
    assert [(word.to, word.at) for word in day.words()] == [((NURSE, HOME), instant("1 10:00"))]
    assert day.answer(WELL, source="aide", answered_by="staff").outcome == "applied"


def test_what_a_sitting_waits_for_has_one_name_for_all_residents_of_a_facility() -> None:
    """Residents are on four shards, and a nurse has fifty of them: she is told once, by the notices shard."""
    day = FollowUp(pathway(answered_by="staff"), enrol=False)
    others = (Member("night-nurse", "nurse"), *CIRCLE)
    for number, facility in enumerate((EHPAD, EHPAD, "310000002", "")):
        circle = others if number == 1 else CIRCLE
        assert day.enrol(f"resident-{number}", circle=circle, facility=facility, pathway="small/1").outcome == "applied"
    day.at("1 11:00")
    ten = instant("1 10:00")
    assert [(word.id, word.to, word.link) for word in day.words()] == [
        (f"sitting/{EHPAD}/{ten}", (NURSE,), f"/sitting/{EHPAD}"),
        (f"sitting/{EHPAD}/{ten}", ("night-nurse", NURSE), f"/sitting/{EHPAD}"),
        (f"sitting/310000002/{ten}", (NURSE,), "/sitting/310000002"),
        ("resident-3/1-0900/remind", (NURSE,), "/patients/resident-3"),
    ]


# -- paused, resumed


def test_nothing_is_asked_or_missed_while_it_is_paused_and_then_it_goes_on() -> None:
    day = FollowUp().at("1 9:30")
    day.event(FollowUpMoved, move="pause", reason=sealed("hospitalisée"))
    assert asked(day) == []
    assert day.answer(WELL).reason == "paused"
    day.at("2 22:00")
    assert [state.state for state in day.patient.slots.values()] == ["skipped", "skipped"]
    assert day.told() == []
    day.at("3 10:30").event(FollowUpMoved, move="resume")
    assert asked(day) == ["3-0900/due/sms"]
    assert day.at("3 11:00").answer(WELL).outcome == "applied"


def test_a_pause_does_not_hide_that_nobody_answered() -> None:
    """Whoever was asked has as much time after it as after the last reminder, and is then found silent."""
    for hours in ("12:01", "19:00", "20:59"):
        day = arrives(FollowUp().at("1 9:00")).at("1 11:59")
        day.event(FollowUpMoved, move="pause", reason=sealed())
        day.at(f"1 {hours}").event(FollowUpMoved, move="resume")
        assert (day.told(), asked(day)) == ([], [])
        day.at("1 21:00")
        assert day.told() == ["fired"]
        assert day.patient.slots["1-0900"].state == "missed"
        missed = next(line.at for _, line in day.story if line.what == "missed")
        assert missed == min(instant(f"1 {hours}") + HOUR_MS, instant("1 21:00") - 1)


def test_what_a_pause_kept_from_a_patient_is_asked_after_it() -> None:
    day = FollowUp().at("1 9:30")
    day.event(FollowUpMoved, move="pause", reason=sealed())
    day.at("1 9:40").event(FollowUpMoved, move="resume")
    assert asked(day) == ["1-0900/due/sms"]


def test_whoever_goes_on_the_same_day_is_not_asked_twice() -> None:
    day = arrives(FollowUp().at("1 9:30"))
    day.event(FollowUpMoved, move="pause", reason=sealed())
    day.at("1 9:40").event(FollowUpMoved, move="resume")
    assert asked(day) == []
    assert asked(day.at("1 10:00")) == ["1-0900/remind/sms", "1-0900/remind/smtp"]
    assert list(day.notices) == [
        f"{PATIENT}/1-0900/due/sms",
        f"{PATIENT}/1-0900/remind/sms",
        f"{PATIENT}/1-0900/remind/smtp",
    ]


# -- what follows from it


def test_a_facilitys_case_is_told_once_within_the_days_that_count() -> None:
    circle = (*CIRCLE, Member(HOME, "ehpad"), Member("coordinator", "coordinator"))
    rule = Cluster(3, 2, ("ehpad", "coordinator", "tracing_team"), "tracage")
    told = pathway(cluster=rule, slots=Slots((1, 2, 3, 4), (540,)))
    day = FollowUp(told, facility="310000001", circle=circle)
    for number in (1, 2, 3, 4):
        day.at(f"{number} 9:05").answer(ORANGE)
    assert [case.at for case in day.cases()] == [instant("1 9:05"), instant("3 9:05")]
    assert (day.cases()[0].facility, day.cases()[0].tell) == ("310000001", (HOME, "coordinator"))
    assert day.cases()[0].rule == rule


def test_an_unanswered_slot_is_no_case() -> None:
    day = FollowUp(pathway(cluster=Cluster(3, 2, ("ehpad",))), facility="310000001").at("1 20:00")
    assert day.told() == ["fired"]
    assert day.cases() == []


def test_each_full_hour_is_counted_once_by_departement_and_colour() -> None:
    day = FollowUp().at("1 8:30")
    day.enrol("p2", departement="")
    day.at("1 9:30").answer(RED)
    day.at("1 9:59")
    day.at("1 13:00")
    assert [(count.at, count.numbers) for count in day.counts()] == [
        (instant("1 9:00"), {"31/unanswered": 1, "?/unanswered": 1}),
        (instant("1 10:00"), {"31/red": 1, "?/unanswered": 1}),
        (instant("1 11:00"), {"31/red": 1, "?/unanswered": 1}),
        (instant("1 12:00"), {"31/red": 1, "?/unanswered": 1}),
        (instant("1 13:00"), {"31/red": 1, "?/orange": 1}),
    ]
    assert {(count.index, count.of) for count in day.counts()} == {(0, 4)}


def test_after_a_gap_of_days_the_last_48_hours_are_counted() -> None:
    day = FollowUp().at("9 8:30")
    assert len(day.counts()) == 48
    assert day.counts()[-1].at == instant("9 8:00")


# -- the outbox, and settings


def test_what_becomes_of_a_message_is_taken_in() -> None:
    day = FollowUp().at("1 9:00")
    notice = f"{PATIENT}/1-0900/due/sms"
    day.event(NoticeAttempted, by=None, notice=notice, attempt=2)
    assert day.state.outbox[notice].attempts == 2
    day.event(NoticeFailed, by=None, notice=notice, reason="no address")
    assert asked(day) == []
    assert day.lines()[-1] == "not_reached"
    assert day.event(NoticeDelivered, by=None, notice=notice).outcome == "history"
    day.event(ChannelChanged, by=None, channel="sms", up=False, reason="no answer")
    assert day.state.channels["sms"].up is False


def test_a_published_version_never_changes() -> None:
    day = FollowUp()
    assert day.fold(published(pathway(), id_="again")).outcome == "applied"
    changed = pathway(end=End("erase"))
    said = day.fold(published(changed, id_="changed"))
    assert (said.outcome, said.reason) == (
        "refused",
        "pathway/small/1 is published already: what is changed needs another version",
    )
    assert day.state.pathways["small/1"].end.how == "summary"
    assert day.fold(published(pathway(version="2", end=End("erase")))).outcome == "applied"
    assert sorted(day.state.pathways) == ["small/1", "small/2"]
    day.reload = True
    day.at("1 8:10")
    assert sorted(day.state.pathways) == ["small/1", "small/2"]


def test_an_event_is_known_again_for_48_hours() -> None:
    day = FollowUp(pathway(slots=Slots(tuple(range(1, 8)), (540,))))
    source = Source(id=DOCTOR, door="api")
    event = TeleconsultationStarted(id="t", received_at=day.now, source=source, patient=PATIENT, provider="teleo")
    for clock, times in (("1 9:00", 1), ("3 8:00", 1), ("3 10:00", 2)):
        day.at(clock).fold(event)
        assert day.patient.teleconsultations == times


# -- what is opened


def test_needs_names_whose_charts_records_will_want_and_nobody_elses() -> None:
    day = FollowUp()
    day.enrol("p2")
    day.at("1 8:30")
    tick = Tick(id="t", received_at=instant("1 9:00"))
    assert needs(day.state, [(day.items[0])._replace(event=tick)]) == set(), "to ask somebody needs no content"
    late = Tick(id="t", received_at=instant("1 12:00"))
    assert needs(day.state, [(day.items[0])._replace(event=late)]) == {PATIENT, "p2"}
