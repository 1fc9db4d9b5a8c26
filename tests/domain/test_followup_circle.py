"""What the people of a circle do, how a follow-up ends, and how everything of it is erased."""

from typing import Any

import pytest

from domain.alerts.routing import Zone
from domain.capacity.fold import Said
from domain.events import (
    CallMade,
    CircleChanged,
    CodeAsked,
    FileChanged,
    FollowUpMoved,
    GlassBroken,
    MemoDone,
    MemoWritten,
    MessagesRead,
    MessageWritten,
    NoticeDelivered,
    OnCallJoined,
    PatientAlertActed,
    PatientErased,
    SummaryGiven,
    TeleconsultationStarted,
)
from domain.followup.crossing import Stepped, Word
from domain.followup.holding import GONE
from domain.followup.pathway import End, FirstCall, Pathway
from domain.followup.patient import Member
from tests.follow_up_days import (
    AGENT,
    DAY_MS,
    DOCTOR,
    HOUR_MS,
    NURSE,
    ORANGE,
    PATIENT,
    RED,
    WELL,
    FollowUp,
    file,
    instant,
    pathway,
    sealed,
    words,
)

HIMSELF = f"patient:{PATIENT}"
ERASED_AT_ITS_END = pathway(end=End("erase"))


def calling(**more: Any) -> Pathway:
    """Return a pathway that begins by telephone."""
    return pathway(first_call=FirstCall(words("Bonjour"), 86_400.0), **({"end": End("erase")} | more))


def told(day: FollowUp) -> list[tuple[str, tuple[str, ...]]]:
    """Return the words that crossed: what of, and to whom."""
    return [(word.id.split("/")[1], word.to) for word in day.words()]


def last_word(day: FollowUp) -> Word:
    """Return the last word that crossed."""
    return day.words()[-1]


# -- the circle


def test_professionals_join_and_leave_and_somebody_stays() -> None:
    day = FollowUp()
    day.event(CircleChanged, add=(Member(AGENT, "coordinator"),), remove=(NURSE,))
    assert [member.subject for member in day.patient.circle] == [DOCTOR, AGENT]
    assert day.lines() == ["enrolled", "joined", "left"]
    assert day.event(MessageWritten, by=NURSE, text=sealed()).reason == "not in the circle"
    said = day.event(CircleChanged, remove=(DOCTOR, AGENT))
    assert said.reason == "circle: somebody has to stay"
    day.event(CircleChanged, add=(Member(DOCTOR, "nurse"),))
    assert day.patient.circle[0].role == "nurse", "another role for the same one"


def test_the_glass_is_broken_for_an_hour_and_circle_and_others_are_told() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(RED)
    until = instant("1 10:05")
    said = day.event(GlassBroken, by="regulator", reason=sealed("au téléphone"), until=until, tell=("dpo",))
    assert said.outcome == "applied"
    assert last_word(day).to == (DOCTOR, NURSE, "dpo")
    assert day.event(MessageWritten, by="regulator", text=sealed()).outcome == "applied"
    assert _acts(day, "regulator", "comment", text=sealed()).outcome == "applied"
    for act in ("take", "close"):
        said = _acts(day, "regulator", act, check_at=instant("1 9:30"), outcome="acted")
        assert said.reason == "not in the circle"
    day.at("1 10:05")
    assert [member.subject for member in day.patient.circle] == [DOCTOR, NURSE]
    assert day.patient.read == {}
    assert day.event(MessageWritten, by="regulator", text=sealed()).reason == "not in the circle"


def test_whom_the_open_alert_reached_on_call_acts_like_the_circle_for_a_night() -> None:
    day = FollowUp().at("1 9:05")
    until = instant("1 21:05")
    assert day.event(OnCallJoined, by="on-call", until=until).reason == "no alert is open"
    day.answer(RED)
    assert day.event(OnCallJoined, by="on-call", until=instant("2 9:05")).reason.startswith("until:")
    assert day.event(OnCallJoined, by="on-call", until=until).outcome == "applied"
    assert last_word(day).to == (DOCTOR, NURSE)
    assert day.patient.circle[-1] == Member("on-call", "on_call", until)
    assert day.event(OnCallJoined, by="on-call", until=until).reason == "in the circle already"
    assert _acts(day, "on-call", "take", check_at=instant("1 9:30")).outcome == "applied"
    assert _acts(day, "on-call", "close", outcome="acted").outcome == "applied"
    day.at("1 21:05")
    assert [member.subject for member in day.patient.circle] == [DOCTOR, NURSE]
    assert day.event(MessageWritten, by="on-call", text=sealed()).reason == "not in the circle"


def test_whoever_is_there_for_a_while_changes_no_circle_and_is_not_made_to_stay() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(RED)
    until = instant("1 21:05")
    day.event(OnCallJoined, by="on-call", until=until, tell=("dpo",))
    assert last_word(day).to == (DOCTOR, NURSE, "dpo")
    circle = day.patient.circle
    for change in ({"add": (Member("on-call", "physician"),)}, {"remove": (DOCTOR,)}, {"add": (Member("x", "nurse"),)}):
        assert day.event(CircleChanged, by="on-call", **change).reason == "for a while"
    kept = day.event(CircleChanged, add=(Member("on-call", "physician"),))
    assert kept.reason.startswith("circle:")
    assert day.patient.circle == circle


def test_who_was_taken_out_on_a_night_on_call_does_not_come_back_by_it() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(RED)
    until = instant("1 21:05")
    assert day.event(OnCallJoined, by="on-call", until=until).outcome == "applied"
    assert day.event(CircleChanged, remove=("on-call",)).outcome == "applied"
    assert day.patient.sent_away == {"on-call": until}
    assert day.event(OnCallJoined, by="on-call", until=until).reason == "not in the circle"
    day.at("1 21:05")
    again = day.event(OnCallJoined, by="on-call", until=instant("2 9:05"))
    assert again.outcome == "applied", "another night is another night"
    day.at("2 10:00").event(CircleChanged, add=(Member("on-call", "physician"),))
    assert day.patient.sent_away == {}, "nor does the circle hold it against them whom it takes back"


def test_who_was_taken_out_of_a_circle_may_be_on_call_for_its_patient() -> None:
    """They are paged for whatever patient there is, and nobody else may be there."""
    day = FollowUp().at("1 9:05")
    day.answer(RED)
    day.event(CircleChanged, remove=(NURSE,))
    assert day.event(OnCallJoined, by=NURSE, until=instant("1 21:05")).outcome == "applied"
    [guest] = [member for member in day.patient.circle if member.subject == NURSE]
    assert guest.until == instant("1 21:05")


def _acts(day: FollowUp, by: str, act: str, **more: Any) -> Said:
    assert day.patient.alert is not None
    return day.event(PatientAlertActed, by=by, alert=day.patient.alert.id, act=act, **more)


def last_plan(day: FollowUp) -> tuple[str, list[str]]:
    """Return the last step of an alert that crossed, and the persons whom its plan names."""
    step = [each.step for each in day.crossed() if isinstance(each, Stepped)][-1]
    return step.what, [each.person for each in step.alert.plan if each.person]


def test_an_open_alert_is_told_to_whoever_belongs_to_the_circle_now() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(RED)
    day.event(CircleChanged, add=(Member(AGENT, "coordinator"),), remove=(NURSE,))
    assert last_plan(day) == ("replanned", [DOCTOR, AGENT])
    assert day.patient.alert is not None
    assert day.patient.alert.status == "firing"
    told = day.told()
    day.event(CircleChanged, add=(Member(AGENT, "coordinator"),))
    assert day.told() == told, "nobody else is told by this one"


def test_whoever_has_an_alert_and_leaves_has_it_no_longer() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(RED)
    assert _acts(day, NURSE, "take", check_at=instant("1 10:00")).outcome == "applied"
    day.event(CircleChanged, remove=(NURSE,))
    assert last_plan(day) == ("reopened", [DOCTOR])
    assert day.patient.alert is not None
    assert (day.patient.alert.status, day.patient.alert.taken_by) == ("firing", None)
    day = FollowUp().at("1 9:05")
    day.answer(ORANGE)
    day.event(OnCallJoined, by="on-call", until=instant("1 10:00"))
    _acts(day, "on-call", "take", check_at=instant("1 12:00"))
    day.at("1 10:00")
    assert (day.told(), day.patient.alert and day.patient.alert.taken_by) == (["fired", "taken", "reopened"], None)


def test_whoever_has_an_alert_keeps_it_while_others_come_and_go() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(RED)
    _acts(day, NURSE, "take", check_at=instant("1 10:00"))
    day.event(CircleChanged, add=(Member(AGENT, "coordinator"),), remove=(DOCTOR,))
    assert last_plan(day) == ("replanned", [NURSE, AGENT])
    assert day.patient.alert is not None
    assert day.patient.alert.taken_by == NURSE


# -- the thread, memos, teleconsultations, codes


def test_who_has_read_what_of_the_thread_and_when() -> None:
    day = FollowUp().at("1 9:00")
    day.event(MessageWritten, text=sealed("à revoir"))
    assert (day.patient.written_at, day.patient.read) == (instant("1 9:00"), {DOCTOR: instant("1 9:00")})
    assert (last_word(day).to, last_word(day).severity) == ((NURSE,), "info")
    day.at("1 9:10").event(MessagesRead, by=NURSE, upto=instant("2 0:00"))
    assert day.patient.read[NURSE] == instant("1 9:10"), "nobody has read what is still to come"
    assert day.event(MessagesRead, by=NURSE, upto=5).outcome == "history"


def test_a_memo_of_somebody_who_left_is_told_to_who_is_there() -> None:
    day = FollowUp().at("1 8:00")
    day.event(MemoWritten, by=NURSE, id_="m1", text=sealed(), due_at=instant("1 9:30"))
    day.event(CircleChanged, remove=(NURSE,))
    day.at("1 10:00")
    assert [word.to for word in day.words() if "memo" in word.id] == [(DOCTOR,)]


def test_who_read_up_to_where_is_in_the_story_with_when() -> None:
    day = FollowUp().at("1 9:00")
    day.event(MessageWritten, by=DOCTOR, text=sealed())
    day.at("1 10:00").event(MessagesRead, by=NURSE, upto=instant("1 9:00"))
    (line,) = (line for _, line in day.story if line.what == "read")
    assert (line.by, line.at, line.until) == (NURSE, instant("1 10:00"), instant("1 9:00"))


def test_a_memo_is_told_to_its_author_once_when_it_is_due() -> None:
    day = FollowUp().at("1 9:00")
    day.event(MemoWritten, by=NURSE, id_="m1", text=sealed(), due_at=instant("1 9:30"))
    day.event(MemoWritten, by=NURSE, id_="m2", text=sealed(), due_at=instant("1 9:40"))
    assert day.event(MemoDone, memo="m2").outcome == "applied"
    day.at("1 9:29")
    assert told(day) == []
    day.at("1 9:35").at("1 10:00").at("2 10:00")
    assert [(word.id, word.to, word.at) for word in day.words() if "memo" in word.id] == [
        (f"{PATIENT}/memo/m1", (NURSE,), instant("1 9:30"))
    ]
    assert day.patient.memos == {"m1": instant("1 9:30")}, "it is there until it is done"
    day.event(MemoDone, memo="m1")
    assert (day.patient.memos, day.patient.memos_by) == ({}, {})


def test_teleconsultations_are_counted() -> None:
    day = FollowUp()
    day.event(TeleconsultationStarted, provider="teleo")
    assert day.patient.teleconsultations == 1
    assert day.story[-1][1].detail == "teleo"


def test_a_code_is_sent_on_the_first_channel_and_not_for_ever() -> None:
    day = FollowUp()
    for number in range(5):
        give_up_at = day.now + 600_000
        assert day.event(CodeAsked, by=None, id_=f"c{number}", give_up_at=give_up_at).outcome == "applied"
    assert day.event(CodeAsked, by=None, give_up_at=day.now + 600_000).reason == "too many codes"
    notice = day.state.outbox[f"{PATIENT}/code/c0/sms"]
    assert (notice.reason, notice.give_up_at) == ("code", day.now + 600_000)
    day.at("1 8:10")
    assert len(day.state.outbox) == 0, "given up"
    day.at("1 9:00:01")
    assert day.event(CodeAsked, by=None, give_up_at=day.now + 600_000).outcome == "applied"


# -- by telephone


def test_a_first_call_that_is_agreed_to_begins_the_questionnaires() -> None:
    day = FollowUp(calling(), circle=(Member(AGENT, "tracing_agent"),))
    assert (day.patient.status, day.patient.call_at) == ("calling", day.now)
    day.at("1 9:30")
    assert day.notices == {}
    assert day.answer(WELL).reason == "slot not open yet"
    day.event(CallMade, by=AGENT, outcome="unreachable", note=sealed())
    assert (day.patient.calls, day.patient.call_at) == (1, instant("1 13:30"))
    day.event(CallMade, by=AGENT, outcome="call_again", next_at=instant("1 18:00"))
    assert day.patient.call_at == instant("1 18:00")
    day.at("2 8:30").event(CallMade, by=AGENT, outcome="agreed")
    followed = day.patient
    assert (followed.status, followed.call_at, followed.calls) == ("followed", None, 3)
    assert day.patient.slots == {}, "nobody was asked before"
    assert day.at("2 9:05").answer(WELL).outcome == "applied"


def test_a_first_call_that_is_refused_ends_in_erasure_at_once() -> None:
    day = FollowUp(calling(end=End("summary", 30, 7)), circle=(Member(AGENT, "tracing_agent"),))
    day.event(CallMade, by=AGENT, outcome="refused")
    assert (day.patient.status, day.patient.summary, day.patient.erase_at) == ("refused", "", day.now)


def test_whom_nobody_ever_reaches_is_not_called_for_ever_and_not_erased_in_silence() -> None:
    day = FollowUp(calling(), circle=(Member(AGENT, "tracing_agent"),)).at("3 21:00")
    assert (day.patient.status, day.patient.erase_at) == ("ended", instant("6 21:00"))
    assert day.patient.alert is not None
    day.event(PatientAlertActed, by=AGENT, alert=day.patient.alert.id, act="close", outcome="no_action_needed")
    assert day.patient.erase_at == day.now


def test_a_first_call_that_nobody_makes_in_time_is_found_once_and_again_after_the_next() -> None:
    day = FollowUp(calling(), circle=(Member(AGENT, "tracing_agent"),)).at("2 7:59")
    assert day.told() == []
    day.at("2 8:01")
    assert day.patient.alert is not None
    assert (day.told(), day.patient.alert.colour) == (["fired"], "orange")
    assert [finding.rule for finding in day.chart.why] == ["not-called"]
    day.event(PatientAlertActed, by=AGENT, alert=day.patient.alert.id, act="close", outcome="acted")
    day.event(CallMade, by=AGENT, outcome="call_again", next_at=instant("2 10:00"))
    day.at("3 9:59")
    assert day.patient.alert is None, "the closed one is not found again"
    day.at("3 10:01")
    assert day.patient.alert is not None, "the next call was due a day ago"


def test_who_agrees_without_a_way_to_be_asked_is_refused_until_there_is_one() -> None:
    day = FollowUp(calling(), circle=(Member(AGENT, "tracing_agent"),), channels=())
    assert day.event(CallMade, by=AGENT, outcome="agreed").reason == "no channel"
    assert day.patient.calls == 0
    assert day.event(FileChanged, by=AGENT, file=sealed(), reason=sealed(), channels=("smtp",), content=file())
    assert day.event(CallMade, by=AGENT, outcome="agreed").outcome == "applied"
    assert day.patient.status == "followed"


def test_whom_no_message_can_reach_was_not_asked_until_there_is_a_channel() -> None:
    day = FollowUp(channels=()).at("1 9:10")
    assert not day.patient.slots["1-0900"].reached
    day.event(FileChanged, file=sealed(), reason=sealed(), channels=("smtp",), content=file())
    assert [notice.channel for notice in day.state.outbox.values()] == ["smtp"], "the open question goes at once"
    day = FollowUp(channels=()).at("1 12:30")
    assert [finding.value for finding in day.chart.why] == ["not-reached"]


def test_another_zone_is_that_of_the_slots_to_come() -> None:
    day = FollowUp().at("1 9:10")
    far = Zone(name="Indian/Reunion", offsets=((0, 4 * 3600),))
    day.event(FileChanged, file=sealed(), reason=sealed(), zone=far, content=file())
    assert day.patient.slot is not None
    assert day.patient.slot.due_at == instant("1 9:00"), "that was told"
    assert day.answer(WELL).outcome == "applied"
    day.at("1 21:10")
    assert day.patient.slot.slot == "2-0900"
    assert day.patient.slot.due_at == instant("2 7:00")


# -- stopped, ended, erased


def test_a_patient_stops_at_once_and_the_circle_is_told() -> None:
    day = FollowUp().at("1 9:30")
    assert day.event(FollowUpMoved, by=HIMSELF, move="stop").outcome == "applied"
    assert (day.patient.status, day.patient.stopped_by_patient) == ("stopped", True)
    assert day.patient.slots["1-0900"].state == "skipped"
    assert (last_word(day).to, last_word(day).severity) == ((DOCTOR, NURSE), "warning")
    assert sorted(day.state.outbox) == [f"{PATIENT}/end/end/sms"]
    assert day.answer(WELL, slot="1-0900").reason == "over"
    day.at("3 22:00")
    assert day.told() == []


@pytest.mark.parametrize("move", ["pause", "resume", "end"])
def test_a_patient_stops_and_does_nothing_else(move: str) -> None:
    assert FollowUp().event(FollowUpMoved, by=HIMSELF, move=move, reason=sealed()).reason == "not in the circle"


def test_what_is_erased_at_its_end_is_erased_then() -> None:
    day = FollowUp(ERASED_AT_ITS_END).at("1 9:05")
    day.answer(WELL)
    day.event(FollowUpMoved, move="end", reason=sealed())
    assert (day.patient.summary, day.patient.erase_at) == ("", day.now)


def test_an_open_alert_holds_erasure_back_until_it_is_closed_and_72_hours_at_most() -> None:
    day = FollowUp(ERASED_AT_ITS_END).at("1 9:05")
    day.answer(RED)
    day.event(FollowUpMoved, by=HIMSELF, move="stop")
    assert day.patient.erase_at == day.now + 72 * HOUR_MS
    day.at("1 15:00")
    _acts(day, DOCTOR, "close", outcome="acted")
    assert day.patient.erase_at == instant("2 9:05"), "a day after the stop, at the soonest"


def test_a_stop_is_no_erasure_and_the_circle_has_a_day_to_hear_of_it() -> None:
    day = FollowUp(ERASED_AT_ITS_END).at("1 9:05")
    day.answer(WELL)
    day.event(FollowUpMoved, by=HIMSELF, move="stop")
    assert day.patient.erase_at == day.now + DAY_MS


def test_nobody_is_written_to_at_night_that_it_is_over() -> None:
    for stopped, due in (("1 3:00", "1 8:00"), ("1 8:00", "1 8:00"), ("1 19:59", "1 19:59"), ("1 20:00", "2 8:00")):
        day = FollowUp(since=instant("1 0:00")).at(stopped)
        day.event(FollowUpMoved, by=HIMSELF, move="stop")
        notice = day.state.outbox[f"{PATIENT}/end/end/sms"]
        assert (notice.due_at, notice.give_up_at) == (instant(due), instant(due) + DAY_MS)


def test_a_summary_keeps_it_until_its_receipt_or_the_end_of_the_delay() -> None:
    day = FollowUp().at("1 9:05")
    day.event(FollowUpMoved, move="end", reason=sealed())
    over_at = day.now
    assert (day.patient.summary, day.patient.erase_at) == ("due", over_at + 30 * DAY_MS)
    day.event(SummaryGiven, by=None, what="sent")
    assert day.patient.summary == "sent"
    day.at("24 9:04")
    assert told(day) == [("ended", (DOCTOR, NURSE))]
    day.at("24 9:05")
    assert told(day)[1:] == [("erasure", (DOCTOR, NURSE))]
    assert day.patient.erase_told
    day.event(SummaryGiven, what="received")
    assert (day.patient.summary, day.patient.erase_at) == ("received", day.now)
    assert len(day.words()) == 2, "told once"
    assert day.event(SummaryGiven, by=None, what="sent").outcome == "history"


def test_a_mute_holds_erasure_back_until_what_it_hid_is_judged() -> None:
    day = FollowUp(ERASED_AT_ITS_END).at("1 9:05")
    day.mute("flag/breath", 2)
    day.answer(RED)
    day.event(FollowUpMoved, move="end", reason=sealed())
    assert day.patient.erase_at == instant("1 11:05") + 1
    day.at("1 12:00")
    assert day.told() == ["fired"]
    assert day.patient.erase_at == instant("1 9:05") + 72 * HOUR_MS
    day = FollowUp(ERASED_AT_ITS_END).at("1 9:05")
    day.mute("flag/breath", 2)
    day.event(FollowUpMoved, move="end", reason=sealed())
    day.at("1 12:00")
    assert (day.told(), day.patient.erase_at) == ([], instant("1 11:05") + 1)


def test_a_receipt_erases_nothing_while_an_alert_is_open_within_72_hours() -> None:
    day = FollowUp().at("1 9:05")
    day.answer(RED)
    day.event(FollowUpMoved, move="end", reason=sealed())
    day.event(SummaryGiven, by=None, what="sent")
    day.event(SummaryGiven, what="received")
    assert day.patient.erase_at == day.now + 72 * HOUR_MS
    day.at("1 9:30")
    _acts(day, DOCTOR, "close", outcome="acted")
    assert day.patient.erase_at == day.now


def test_a_receipt_is_the_physician_s_to_confirm_and_of_what_was_sent() -> None:
    day = FollowUp().at("1 9:05")
    day.event(FollowUpMoved, move="end", reason=sealed())
    kept_until = day.patient.erase_at
    for before, by, reason in (
        (None, DOCTOR, "not sent yet"),
        ("failed", DOCTOR, "not sent yet"),
        ("sent", NURSE, "not theirs to confirm"),
        ("sent", None, "not theirs to confirm"),
    ):
        if before is not None:
            day.event(SummaryGiven, by=None, what=before)
        assert day.event(SummaryGiven, by=by, what="received").reason == reason
        assert day.patient.erase_at == kept_until
    assert day.event(SummaryGiven, what="received").outcome == "applied"


def test_that_a_summary_could_not_be_sent_is_told() -> None:
    day = FollowUp()
    day.event(FollowUpMoved, move="end", reason=sealed())
    day.event(SummaryGiven, by=None, what="failed")
    assert day.patient.summary == "due"
    assert last_word(day).severity == "warning"


def test_whatever_there_was_of_a_patient_is_gone_after_erasure() -> None:
    day = FollowUp(ERASED_AT_ITS_END).at("1 9:00")
    day.enrol("p2", pathway="small/1")
    day.event(CodeAsked, by=None, id_="c", give_up_at=day.now + 60_000)
    day.answer(RED)
    day.event(FollowUpMoved, move="end", reason=sealed())
    day.state.sealed = {PATIENT: sealed(), "p2": sealed()}
    item = day.items[0]._replace(
        offset=len(day.items), event=PatientErased(id="erased", received_at=day.now, patient=PATIENT)
    )
    draft = day.try_to_fold([item])
    assert draft.gone == {PATIENT}
    day.take(draft)
    for held in (day.state.patients, day.state.sealed, day.state.charts, day.state.due, day.kept):
        assert PATIENT not in held
        assert set(held) <= {"p2", "", *day.state.outbox}
    assert all(not id_.startswith(f"{PATIENT}/") for id_ in day.state.outbox)
    assert day.event(MessageWritten, text=sealed()).reason == "unknown patient"
    assert day.event(NoticeDelivered, by=None, notice=f"{PATIENT}/code/c/sms").outcome == "history"


def test_a_patient_is_erased_without_having_been_to_be() -> None:
    day = FollowUp()
    assert day.event(PatientErased, by=None).outcome == "applied"
    assert day.state.patients == {}


def test_whose_key_is_destroyed_is_refused_and_what_time_brings_goes_on() -> None:
    day = FollowUp().at("1 9:05")
    day.state.charts[PATIENT] = GONE
    assert day.answer(RED).reason == "erased"
    assert day.change_file().reason == "erased"
    assert day.mute("flag/breath").reason == "erased"
    day.at("1 12:00")
    assert day.told() == ["fired"], "also where nothing can be read any more, a silence is one"
    assert day.slots == {}
    assert _acts(day, DOCTOR, "close", outcome="wrong").outcome == "applied"
    assert day.event(PatientErased, by=None).outcome == "applied"


def test_an_enrolment_whose_key_is_destroyed_is_refused() -> None:
    day = FollowUp(enrol=False)
    assert day.enrol(content=GONE).reason == "erased"
    assert day.event(MessageWritten, text=sealed()).reason == "unknown patient"


def test_another_file_counts_from_then_on_and_no_channels_leave_them_as_they_were() -> None:
    day = FollowUp()
    assert day.change_file(birth_name="DURAND").outcome == "applied"
    assert (day.chart.file.birth_name, day.patient.channels) == ("DURAND", ("sms",))
    assert day.lines()[-1] == "file_changed"
    assert file().birth_name == "DUPONT"
