"""What a followup shard refuses, each with its reason; and that nothing is changed by what it refuses."""

import hashlib
from typing import Any

import pytest

from domain.capacity.fold import Item
from domain.errors import Unreadable
from domain.events import (
    AnswersGiven,
    CallMade,
    CircleChanged,
    CodeAsked,
    Event,
    FollowUpMoved,
    GlassBroken,
    MemoDone,
    MemoWritten,
    MessagesRead,
    MessageWritten,
    PatientAlertActed,
    PatientErased,
    SettingsPublished,
    Source,
    SummaryGiven,
    TeleconsultationStarted,
)
from domain.followup.chart import Consent
from domain.followup.fold import fold
from domain.followup.pathway import FirstCall
from domain.followup.patient import Member
from tests.follow_up_days import (
    DAY_MS,
    DOCTOR,
    HOUR_MS,
    NURSE,
    PATIENT,
    RED,
    START,
    WELL,
    FollowUp,
    enrolled,
    file,
    instant,
    pathway,
    published,
    sealed,
    words,
)

MINUTE_MS = 60_000
HIMSELF = f"patient:{PATIENT}"


def refuses(day: FollowUp, kind: type[Event], why: str, **more: Any) -> None:
    """Assert that an event is refused for this reason, and that nothing is changed by it."""
    rows, charts, crossed = dict(day.state.patients), dict(day.kept), len(day.steps)
    said = day.event(kind, **more)
    assert (said.outcome, said.reason) == ("refused", why)
    assert (day.state.patients, day.kept, len(day.steps)) == (rows, charts, crossed)


def with_alert() -> FollowUp:
    """Return a shard whose patient has a red alert open, at five past nine."""
    day = FollowUp().at("1 9:05")
    day.answer(RED)
    return day


def of(day: FollowUp) -> str:
    """Return the id of the alert that is open."""
    assert day.patient.alert is not None
    return day.patient.alert.id


# -- enrolment


@pytest.mark.parametrize(
    ("why", "more"),
    [
        ("exists already", {}),
        ("unknown pathway", {"patient": "p9", "pathway": "small/9"}),
        ("nobody did it", {"patient": "p9", "source": None}),
        ("circle: from 1 to 500 are needed", {"patient": "p9", "circle": ()}),
        ("circle: from 1 to 500 are needed", {"patient": "p9", "circle": (Member("guest", "samu", until=START * 2),)}),
        (
            "circle: from 1 to 500 are needed",
            {"patient": "p9", "circle": tuple(Member(f"n{n}", "nurse") for n in range(501))},
        ),
        ("too late", {"patient": "p9", "not_after": START - 1}),
        ("another region's", {"patient": "p9", "region": "ailleurs"}),
    ],
)
def test_an_enrolment_is_refused(why: str, more: dict[str, Any]) -> None:
    day = FollowUp()
    rows = dict(day.state.patients)
    said = day.fold(enrolled(more.pop("patient", PATIENT), id_="x", **more), file())
    assert (said.outcome, said.reason) == ("refused", why)
    assert day.state.patients == rows


def test_whose_first_day_is_long_past_is_over_at_once() -> None:
    day = FollowUp(enrol=False)
    day.enrol(first_day=0)
    assert (day.patient.status, day.patient.over_at) == ("ended", START)


# -- answers


@pytest.mark.parametrize(
    ("clock", "slot", "why"),
    [
        ("1 9:05", "9-0900", "unknown slot"),
        ("1 9:05", "", "unknown slot"),
        ("1 9:05", "2-0900", "slot not open yet"),
        ("1 21:00", "1-0900", "slot closed"),
        ("2 7:59", "2-0900", "slot not open yet"),
    ],
)
def test_answers_to_another_slot_than_the_open_one_are_refused(clock: str, slot: str, why: str) -> None:
    day = FollowUp().at(clock)
    row = day.patient
    assert day.answer(WELL, slot=slot or "none").reason == why
    assert day.patient == row


def test_answers_of_nobody_of_somebody_unknown_or_too_late_are_refused() -> None:
    day = FollowUp().at("1 9:05")
    assert day.answer(WELL, source="").reason == "nobody did it"
    assert day.answer(WELL, patient="p9", slot="1-0900").reason == "unknown patient"
    assert day.answer(WELL, not_after=day.now - 1).reason == "too late"


def test_impossible_values_count_as_none_and_what_is_alarming_beside_them_counts() -> None:
    """The doors refuse them, field by field; what came past them hides nothing."""
    day = FollowUp().at("1 9:05")
    day.answer({"breathless": True, "temperature": "<b>39</b>", "pain": 7, "unknown": 1})
    assert day.patient.colour == "red"


def test_an_offline_answers_own_time_counts_for_its_order_and_never_for_what_is_open() -> None:
    day = FollowUp().at("2 9:05")
    assert day.answer(WELL, slot="1-0900", happened_at=instant("1 9:05")).reason == "slot closed"
    day.answer(WELL, happened_at=day.now + DAY_MS)
    assert day.patient.slots["2-0900"].at == day.now, "nothing was answered in the future"


# -- alerts


@pytest.mark.parametrize(
    ("why", "more"),
    [
        ("unknown alert", {"alert": "none", "act": "take", "check_at": START + 2 * HOUR_MS}),
        ("check_at: an instant is needed at which you look again", {"act": "take"}),
        ("check_at: must be to come, and within 2 hours", {"act": "take", "check_at": instant("1 9:05")}),
        ("check_at: must be to come, and within 2 hours", {"act": "take", "check_at": instant("1 11:07")}),
        ("not taken", {"act": "hand_over", "to": NURSE}),
        ("outcome: what came of it is needed", {"act": "close"}),
        ("text: nothing is said", {"act": "comment"}),
        ("not in the circle", {"act": "close", "outcome": "acted", "by": "stranger"}),
        ("not in the circle", {"act": "take", "check_at": instant("1 10:00"), "by": HIMSELF}),
        ("nobody did it", {"act": "close", "outcome": "acted", "by": None}),
    ],
)
def test_an_act_on_an_alert_is_refused(why: str, more: dict[str, Any]) -> None:
    day = with_alert()
    refuses(day, PatientAlertActed, why, **({"alert": of(day)} | more))


def test_what_somebody_has_is_taken_by_nobody_else() -> None:
    day = with_alert()
    day.event(PatientAlertActed, alert=of(day), act="take", check_at=instant("1 10:00"))
    why = f"taken by {DOCTOR} at {instant('1 9:05')}"
    refuses(day, PatientAlertActed, why, by=NURSE, alert=of(day), act="take", check_at=instant("1 10:00"))
    refuses(day, PatientAlertActed, "to: must be somebody of the circle", alert=of(day), act="hand_over", to="stranger")
    refuses(day, PatientAlertActed, "to: must be somebody of the circle", alert=of(day), act="hand_over")


def test_an_orange_may_wait_longer_than_a_red_and_not_for_ever() -> None:
    day = FollowUp().at("1 12:00")
    assert of(day)
    assert day.patient.colour == "orange"
    late = day.now + 12 * HOUR_MS + 2 * MINUTE_MS
    why = "check_at: must be to come, and within 12 hours"
    refuses(day, PatientAlertActed, why, alert=of(day), act="take", check_at=late)
    said = day.event(PatientAlertActed, alert=of(day), act="take", check_at=day.now + 12 * HOUR_MS)
    assert said.outcome == "applied"


# -- mutes


@pytest.mark.parametrize(
    ("why", "more"),
    [
        ("until: must be to come, and within 4 hours", {"hours": 0}),
        ("until: must be to come, and within 4 hours", {"hours": 4.1}),
        ("reason: a rule and a reason are needed", {"reason": "  "}),
        ("reason: a rule and a reason are needed", {"rule": ""}),
        ("not in the circle", {"by": "stranger"}),
        ("not in the circle", {"by": HIMSELF}),
    ],
)
def test_a_mute_is_refused(why: str, more: dict[str, Any]) -> None:
    day = FollowUp()
    row, chart = day.patient, day.chart
    said = day.mute(more.pop("rule", "flag/breath"), more.pop("hours", 2), **more)
    assert (said.outcome, said.reason) == ("refused", why)
    assert (day.patient, day.chart) == (row, chart)


def test_there_are_so_many_mutes_at_once_and_the_same_rule_is_muted_anew() -> None:
    day = FollowUp()
    for number in range(20):
        assert day.mute(f"flag/{number}").outcome == "applied"
    assert day.mute("flag/20").reason == "there are 20 mutes already"
    assert day.mute("flag/19", 1).outcome == "applied"
    assert len(day.chart.mutes) == 20


# -- people


@pytest.mark.parametrize(
    ("kind", "why", "more"),
    [
        (CircleChanged, "not in the circle", {"by": "stranger", "add": (Member("stranger", "nurse"),)}),
        (CircleChanged, "nobody did it", {"by": None, "add": (Member("stranger", "nurse"),)}),
        (
            CircleChanged,
            "until: whoever comes into a circle stays until they leave",
            {"add": (Member("guest", "nurse", until=START + HOUR_MS),)},
        ),
        (CircleChanged, "circle: at most 500", {"add": tuple(Member(f"n{n}", "nurse") for n in range(600))}),
        (GlassBroken, "nobody did it", {"by": None, "until": START + HOUR_MS}),
        (GlassBroken, "until: must be to come, and within 60 minutes", {"by": "regulator", "until": START}),
        (
            GlassBroken,
            "until: must be to come, and within 60 minutes",
            {"by": "regulator", "until": START + HOUR_MS + 2 * MINUTE_MS},
        ),
        (GlassBroken, "in the circle already", {"until": START + HOUR_MS}),
        (MessageWritten, "not in the circle", {"by": HIMSELF, "text": sealed()}),
        (MessagesRead, "not in the circle", {"by": "stranger", "upto": START}),
        (MemoWritten, "due_at: must be to come, and within a year", {"text": sealed(), "due_at": START}),
        (MemoWritten, "due_at: must be to come, and within a year", {"text": sealed(), "due_at": START + 367 * DAY_MS}),
        (MemoDone, "unknown memo", {"memo": "none"}),
        (TeleconsultationStarted, "not in the circle", {"by": "stranger", "provider": "teleo"}),
        (FollowUpMoved, "reason: is needed", {"move": "pause"}),
        (FollowUpMoved, "not paused", {"move": "resume"}),
        (FollowUpMoved, "not in the circle", {"by": "patient:other", "move": "stop"}),
        (CallMade, "nobody is to be called", {"outcome": "agreed"}),
        (CodeAsked, "too late", {"by": None, "give_up_at": START}),
        (CodeAsked, "give_up_at: within an hour", {"by": None, "give_up_at": START + DAY_MS}),
        (SummaryGiven, "not over", {"by": None, "what": "sent"}),
        (SummaryGiven, "not in the circle", {"by": "stranger", "what": "received"}),
        (PatientErased, "unknown patient", {"by": None, "patient": "p9"}),
        (MessageWritten, "unknown patient", {"patient": "p9", "text": sealed()}),
    ],
)
def test_what_people_do_is_refused(kind: type[Event], why: str, more: dict[str, Any]) -> None:
    day = FollowUp()
    if kind in (GlassBroken,):
        more["reason"] = sealed()
    refuses(day, kind, why, **more)


def test_somebody_without_a_channel_gets_no_code() -> None:
    day = FollowUp(channels=())
    refuses(day, CodeAsked, "no channel", by=None, give_up_at=START + HOUR_MS)


def test_a_call_is_not_to_be_made_in_the_past() -> None:
    day = FollowUp(pathway(first_call=FirstCall(words("…"), 86_400.0)))
    refuses(day, CallMade, "next_at: must be to come", outcome="call_again", next_at=START)
    refuses(day, FollowUpMoved, "not followed yet", move="pause", reason=sealed())


def test_there_are_so_many_memos() -> None:
    day = FollowUp()
    for _ in range(50):
        day.event(MemoWritten, text=sealed(), due_at=START + HOUR_MS)
    refuses(day, MemoWritten, "there are 50 memos already", text=sealed(), due_at=START + HOUR_MS)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (FollowUpMoved, {"move": "resume"}),
        (FollowUpMoved, {"move": "stop", "by": HIMSELF}),
        (TeleconsultationStarted, {"provider": "teleo"}),
        (CallMade, {"outcome": "agreed"}),
    ],
)
def test_what_is_over_stays_over(kind: type[Event], more: dict[str, Any]) -> None:
    day = FollowUp()
    day.event(FollowUpMoved, move="stop", reason=sealed())
    refuses(day, kind, "over", **more)
    assert day.mute("flag/breath").reason == "over"
    assert day.answer(WELL, slot="1-0900").reason == "over"


def test_a_refused_summary_is_never_given() -> None:
    day = FollowUp(pathway(first_call=FirstCall(words("…"), 86_400.0)))
    day.event(CallMade, outcome="refused")
    refuses(day, SummaryGiven, "no summary is given", by=None, what="sent")


# -- settings and records


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("pathway/small/2", b"{", "pathway/small/2 can't be read"),
        ("pathway/small/2", b'{"id": 1}', "pathway/small/2 can't be read"),
        ("pathway/other/1", None, "pathway/other/1: the pathway in it is small/1"),
        ("a:b", b"{}", "a colon in the name"),
    ],
)
def test_a_pathway_that_cannot_be_read_or_is_another_is_refused(name: str, content: bytes | None, why: str) -> None:
    day = FollowUp(enrol=False)
    told = published(pathway())
    parts: dict[str, Any] = {"name": name, "digest": told.digest, "content": told.content}
    if content is not None:
        parts |= {"content": content, "digest": hashlib.sha256(content).hexdigest()}
    said = day.fold(SettingsPublished(id="x", received_at=START, **parts))
    assert said.outcome == "refused"
    assert (said.reason or "").startswith(why)
    assert list(day.state.pathways) == ["small/1"]


def test_a_pathway_that_is_wrong_is_refused_with_what_is_wrong() -> None:
    said = FollowUp(enrol=False).fold(published(pathway(version="2", staffed=(), outside={})))
    assert said.outcome == "refused"
    assert "staffed: says nothing about when somebody is there" in (said.reason or "")


def test_a_record_that_cannot_be_read_is_a_dead_letter_and_the_rest_goes_on() -> None:
    day = FollowUp()
    message = MessageWritten(id="m", received_at=day.now, source=Source(DOCTOR, "api"), patient=PATIENT, text=sealed())
    items = [Item(50, Unreadable("its answers can't be opened and read", "broken")), Item(51, message)]
    draft = fold(day.state, items, day.opened)
    assert draft.dead == {50: "its answers can't be opened and read"}
    assert draft.outcomes["broken"].outcome == "dead"
    assert draft.outcomes["m"].outcome == "applied"


def test_content_of_another_kind_is_a_dead_letter_that_says_nothing_of_it() -> None:
    day = FollowUp().at("1 9:05")
    day.opened["x"] = file(birth_name="SECRET")
    draft = day.try_to_fold([day.items[0]._replace(offset=50, event=_answers("x", day.now))])
    assert draft.dead == {50: "TypeError while folding"}
    assert "SECRET" not in str(draft.outcomes)


def _answers(id_: str, at: int) -> Event:
    source = Source(HIMSELF, "api")
    return AnswersGiven(id=id_, received_at=at, source=source, patient=PATIENT, slot="1-0900", answers=sealed())


def test_a_full_circle_keeps_nobody_out_in_an_emergency() -> None:
    day = FollowUp(circle=tuple(Member(f"n{n}", "nurse") for n in range(500)))
    for n in range(100):
        day.event(GlassBroken, by=f"regulator-{n}", until=START + HOUR_MS, reason=sealed())
    assert len(day.patient.circle) == 600
    refuses(
        day,
        GlassBroken,
        "circle: at most 100 for a while",
        by="regulator-x",
        until=START + HOUR_MS,
        reason=sealed(),
    )
    day.event(CircleChanged, by="n0", remove=("n1",))
    day.event(CircleChanged, by="n0", add=(Member("n1", "nurse"),))
    refuses(day, CircleChanged, "circle: at most 500", by="n0", add=(Member("stranger", "nurse"),))


def test_what_is_agreed_to_on_the_telephone_is_on_file_with_the_version_of_what_was_read() -> None:
    day = FollowUp(pathway(first_call=FirstCall(words("Bonjour"), 86_400.0)))
    day.event(CallMade, by=NURSE, outcome="unreachable")
    assert day.chart.file.consent is None
    at = day.event(CallMade, by=NURSE, outcome="agreed")
    assert at.outcome == "applied"
    assert day.chart.file.consent == Consent(day.patient.pathway, day.now, NURSE)


def test_a_form_that_was_signed_before_a_call_stays_on_file_behind_what_was_agreed_to_then() -> None:
    signed = Consent("form-2", START - DAY_MS, NURSE, by="representative", representative="Lou", capacity="tutor")
    day = FollowUp(pathway(first_call=FirstCall(words("Bonjour"), 86_400.0)))
    day.change_file(consent=signed)
    day.event(CallMade, by=NURSE, outcome="agreed")
    assert day.chart.file.consent == Consent(day.patient.pathway, day.now, NURSE)
    assert day.chart.file.consent_before == signed
